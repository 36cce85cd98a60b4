"""The verdicts of the threshold checks on logs made for the purpose."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pino_lines import BUCKET, START, bucket, examined, request

from incident_kit.model.finding import Absence, Figure, Verdict

SLOW = {"ms": 9000}
FAILED = {"status": 503}
KINDS = [pytest.param("slow_responses", SLOW, id="slow"), pytest.param("error_rate", FAILED, id="failed")]


def log(*bad_buckets: int, buckets: int = 4, bad: int = 30, **how: Any) -> list[str]:
    return [
        line for number in range(buckets) for line in bucket(number, bad=bad if number in bad_buckets else 0, **how)
    ]


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_healthy_log_rules_the_symptom_out_with_an_absence(tmp_path: Path, symptom: str) -> None:
    finding = examined(tmp_path / "log", log(), 4)[symptom]
    assert finding.verdict is Verdict.RULED_OUT
    (absence,) = finding.citations
    assert isinstance(absence, Absence)
    assert absence.examined == 240
    assert absence.items == ("0123456789",)
    assert (absence.window.since, absence.window.until) == (START, START + 4 * BUCKET)


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_one_bad_bucket_is_inconclusive(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    finding = examined(tmp_path / "log", log(1, **how), 4)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "2 in a row" in finding.reason


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_two_bad_buckets_apart_are_inconclusive(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    assert examined(tmp_path / "log", log(0, 2, **how), 4)[symptom].verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_two_bad_buckets_in_a_row_confirm_with_a_figure_and_say_since_when(
    tmp_path: Path, symptom: str, how: dict[str, Any]
) -> None:
    finding = examined(tmp_path / "log", log(1, 2, **how), 4)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    figures = [citation for citation in finding.citations if isinstance(citation, Figure)]
    assert figures
    assert all(figure.n == 120 and len(figure.exemplars) == 5 for figure in figures)
    assert finding.first_affected == START + BUCKET - timedelta(
        milliseconds=how.get("ms", 20)
    )  # a line is written when the request ends
    assert finding.recovered is not None
    assert START + 2 * BUCKET < finding.recovered < START + 3 * BUCKET


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_bad_to_the_end_of_the_evidence_has_not_recovered(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    finding = examined(tmp_path / "log", log(2, 3, bad=60, **how), 4)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.recovered is None


def test_refused_requests_do_not_count(tmp_path: Path) -> None:
    assert examined(tmp_path / "log", log(0, 1, 2, 3, bad=60, status=404), 4)["error_rate"].verdict is Verdict.RULED_OUT


def test_event_streams_count_neither_as_slow_nor_as_aborted(tmp_path: Path) -> None:
    streams = [
        request(
            START + timedelta(seconds=second), ms=600_000, url="/api/events", kind="text/event-stream", aborted=aborted
        )
        for second in range(0, 1200, 2)
        for aborted in (True, False)
    ]
    findings = examined(tmp_path / "log", [*log(), *streams], 4)
    assert findings["slow_responses"].verdict is Verdict.RULED_OUT
    assert findings["error_rate"].verdict is Verdict.RULED_OUT


def test_aborted_requests_count_as_errors(tmp_path: Path) -> None:
    assert examined(tmp_path / "log", log(1, 2, aborted=True), 4)["error_rate"].verdict is Verdict.CONFIRMED


def test_exactly_the_limit_is_not_above_it(tmp_path: Path) -> None:
    lines = [line for number in range(4) for line in bucket(number, count=100, bad=1, **FAILED)]
    assert examined(tmp_path / "log", lines, 4)["error_rate"].verdict is Verdict.RULED_OUT


def test_one_slow_route_among_fast_ones_is_confirmed_by_name(tmp_path: Path) -> None:
    slow = [line for number in (1, 2) for line in bucket(number, count=60, bad=60, ms=4000, url="/api/sim/17/usage")]
    fast = [line for number in range(4) for line in bucket(number, count=600)]
    finding = examined(
        tmp_path / "log", sorted([*slow, *fast], key=lambda line: line.partition('"time": ')[2][:13]), 4
    )["slow_responses"]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.statement.startswith("GET /api/sim/:id/usage: 4.0 s")
    assert "/api/orders" not in finding.statement


@pytest.mark.parametrize(("symptom", "how"), [*KINDS, pytest.param("slow_responses", {}, id="well")])
def test_too_few_requests_are_inconclusive(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    lines = [line for number in range(4) for line in bucket(number, count=10, bad=10, **how)]
    finding = examined(tmp_path / "log", lines, 4)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "too few" in finding.reason


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_log_that_begins_after_the_window_rules_nothing_out(tmp_path: Path, symptom: str) -> None:
    finding = examined(tmp_path / "log", log(), 4, since=START - BUCKET)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "begins at 09:00:00" in finding.reason


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_log_that_ends_before_the_window_rules_nothing_out(tmp_path: Path, symptom: str) -> None:
    finding = examined(tmp_path / "log", log(), 5)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "before the window does" in finding.reason


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_log_without_requests_rules_nothing_out(tmp_path: Path, symptom: str) -> None:
    line = '{"level":30,"time":1795424400000,"pid":1,"hostname":"vm","msg":"Nest application successfully started"}'
    finding = examined(tmp_path / "log", [line], 4)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.reason


def test_complaints_are_not_checked_where_none_is_noted(tmp_path: Path) -> None:
    assert examined(tmp_path / "log", log(), 4)["customer_complaints"].verdict is Verdict.NOT_CHECKED
