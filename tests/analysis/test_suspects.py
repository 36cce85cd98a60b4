"""Suspects: who is named first for which fault, what is a cause and what a consequence, and when nobody is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from traffic import FAULTS, START, Fault, Shape, Traffic, traffic

from incident_kit import logs, runbook
from incident_kit.analysis import Moment, Onset, Suspect, onset_of, suspects
from incident_kit.logs.reading import Records
from incident_kit.model.source import Source
from incident_kit.model.times import Window

RECORDED = Path(__file__).parents[1] / "recorded" / "freebit_slow"
TRUTH = json.loads((RECORDED / "truth.json").read_text(encoding="utf-8"))
SLOW = Fault("slow dependency", ("dependency", "freebit"), slower=8.0, dependency="freebit")
AT_S = 3725.5


@contextmanager
def read(path: Path) -> Iterator[Records]:
    with logs.read([Source("log", path, "bff.log")], dependencies=runbook.load().dependencies) as records:
        yield records


def named(folder: Path, fault: Fault, *, seed: int = 1, hosts: int = 4, per_minute: float = 120) -> list[Suspect]:
    """The suspects for a fault a little after an hour of healthy traffic."""
    made = traffic(seed, 2, Shape("test", per_minute=per_minute), replace(fault, at_s=AT_S), hosts=hosts)
    with read(made.write(folder / "made.log")) as records:
        change = onset_of(records)
        assert change is not None
        return suspects(records, change)


def causes(ranked: list[Suspect]) -> list[tuple[str, str]]:
    return [(suspect.kind, suspect.name) for suspect in ranked if suspect.role == "cause"]


# --- the recorded incident -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded() -> list[Suspect]:
    (item,) = (RECORDED / "evidence").iterdir()
    with read(item / "content") as records:
        change = onset_of(records)
        assert change is not None
        return suspects(records, change)


def test_the_recorded_suspect_is_first_and_the_only_cause(recorded: list[Suspect]) -> None:
    assert causes(recorded) == [("dependency", TRUTH["suspect"])]
    assert recorded[0].sure == "high"
    assert recorded[0].share_of_excess > 0.9


def test_the_routes_that_wait_for_it_are_consequences_and_no_other_route_is_named(recorded: list[Suspect]) -> None:
    routes = {suspect.name: suspect.role for suspect in recorded if suspect.kind == "route"}
    assert routes == {"GET /api/sim/:id/usage": "consequence", "POST /api/sim/:id/top-up": "consequence"}


def test_before_and_after_stand_side_by_side(recorded: list[Suspect]) -> None:
    before, after = recorded[0].side_before, recorded[0].side_after
    assert before.median_ms is not None
    assert after.median_ms is not None
    assert before.median_ms < 700 < 5000 < after.median_ms
    assert (before.failed, after.failed) == (0, 316)
    assert "median 506 ms before, 6.6 s after" in recorded[0].why


def test_the_start_of_a_process_that_served_well_is_no_suspect(recorded: list[Suspect]) -> None:
    """The recorded portal started four and a half minutes before its fault."""
    assert [suspect for suspect in recorded if suspect.kind == "deploy"] == []


# --- one fault of each kind ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_fault_is_named_first(tmp_path: Path, fault: Fault) -> None:
    kind, name = fault.suspect
    first = named(tmp_path, fault)[0]
    assert (first.kind, first.name if name else "", first.role) == (kind, name, "cause")
    assert 0.5 <= first.share_of_excess <= 1


def test_a_saturated_process_is_named_by_its_host_and_pid_and_no_system_is(tmp_path: Path) -> None:
    """Its calls look slow, too: it is late in noticing that they have ended."""
    fault = next(known_fault for known_fault in FAULTS if known_fault.name == "saturated process")
    ranked = named(tmp_path, fault, hosts=1)
    assert [kind for kind, _ in causes(ranked)] == ["process"]
    assert ranked[0].name.startswith("bff-1 pid ")
    assert "All routes suffer alike" in ranked[0].why


def test_a_deploy_that_only_new_processes_suffer_from_is_sure(tmp_path: Path) -> None:
    ranked = named(tmp_path, next(known_fault for known_fault in FAULTS if known_fault.name == "rolling deploy"))
    assert (ranked[0].kind, ranked[0].sure) == ("deploy", "high")
    assert datetime.fromisoformat(ranked[0].name) == START + timedelta(seconds=AT_S - 1)
    assert ("route", "GET /api/orders", "consequence") in [
        (suspect.kind, suspect.name, suspect.role) for suspect in ranked
    ]


def test_of_a_flood_the_client_is_the_cause_and_the_traffic_its_consequence(tmp_path: Path) -> None:
    ranked = named(tmp_path, next(known_fault for known_fault in FAULTS if known_fault.name == "flooding client"))
    assert [(suspect.kind, suspect.role) for suspect in ranked[:2]] == [("client", "cause"), ("traffic", "consequence")]


# --- what comes together without being the cause ---------------------------------------------------------------------


@pytest.mark.parametrize("before_s", [20, 180])
def test_a_deploy_before_the_outage_of_another_is_not_named_first(tmp_path: Path, before_s: float) -> None:
    ranked = named(tmp_path, replace(SLOW, restarted_s=before_s))
    assert causes(ranked)[0] == ("dependency", "freebit")
    assert all(suspect.sure == "low" for suspect in ranked if suspect.kind == "deploy")


def test_a_restart_after_the_onset_is_a_consequence(tmp_path: Path) -> None:
    ranked = named(tmp_path, replace(SLOW, restarted_s=-600))
    assert causes(ranked) == [("dependency", "freebit")]
    assert [suspect.role for suspect in ranked if suspect.kind == "deploy"] == ["consequence"]


def test_customers_who_try_again_are_a_consequence(tmp_path: Path) -> None:
    ranked = named(tmp_path, Fault("retries", ("dependency", "whmcs"), failing=0.7, dependency="whmcs", more=2.5))
    assert causes(ranked) == [("dependency", "whmcs")]
    assert [suspect.role for suspect in ranked if suspect.kind == "traffic"] == ["consequence"]


def test_two_systems_that_fail_together_are_both_causes(tmp_path: Path) -> None:
    ranked = named(tmp_path, Fault("two", ("dependency", ""), slower=8.0, dependency="freebit whmcs"))
    assert {("dependency", "freebit"), ("dependency", "whmcs")} <= set(causes(ranked))


# --- when records tell less, or nothing ------------------------------------------------------------------------------


def test_calls_that_name_no_request_are_counted_and_little_trusted(tmp_path: Path) -> None:
    made = traffic(1, 2, Shape("test"), replace(SLOW, at_s=AT_S))
    path = made.write(tmp_path / "made.log")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if "duration" in line:
            del line["req"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with read(path) as records:
        change = onset_of(records)
        assert change is not None
        (system,) = (suspect for suspect in suspects(records, change) if suspect.kind == "dependency")
    assert (system.name, system.sure) == ("freebit", "low")
    assert "name no request" in system.why


def made_up(began_s: float) -> Onset:
    """An onset where nothing happened."""
    at = START + timedelta(seconds=began_s)
    moment = Moment(at, at - timedelta(minutes=1), at + timedelta(minutes=1))
    return Onset(None, "p50", moment, None, 1.0, 2.0, Window(START, at), 20.0, 100)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("measure", ["errors", "p50"])
def test_nobody_is_suspected_where_nothing_happened(tmp_path: Path, seed: int, measure: str) -> None:
    made: Traffic = traffic(seed, 2, Shape("test"), hosts=4)
    with read(made.write(tmp_path / "made.log")) as records:
        assert suspects(records, replace(made_up(4000), measure=measure)) == []  # type: ignore[arg-type]


def test_nobody_is_suspected_without_records_on_both_sides(tmp_path: Path) -> None:
    with read(traffic(1, 0.5, Shape("test")).write(tmp_path / "made.log")) as records:
        assert suspects(records, made_up(7000)) == []


def test_the_same_evidence_gives_the_same_suspects(tmp_path: Path) -> None:
    fault = next(known_fault for known_fault in FAULTS if known_fault.name == "bad client")
    assert repr(named(tmp_path, fault)) == repr(named(tmp_path, fault))
