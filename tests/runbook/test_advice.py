"""What the steps of the runbook know, and what they hold for excluded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthetic import BOOK, case_of, healthy, request_line, stored_answer

from incident_kit import runbook
from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Pointer
from incident_kit.runbook.advice import Advice


def advice(
    path: Path, scenario_id: str, step: int, answers: Sequence[StoredAnswer] = (), lines: Sequence[str] = ()
) -> Advice:
    """The step of this number, from 1."""
    scenario = BOOK.scenario(scenario_id)
    with case_of(path, lines or healthy(20), answers) as case:
        return runbook.advise(scenario, case, runbook.examine(scenario, case))[step - 1]


def environment(unchanged: bool | None = True, **settings: Any) -> StoredAnswer:
    set_settings = {name: {"set": True, "value": value} for name, value in settings.items()}
    named = {
        name: set_settings.get(name, {"set": False})
        for name in ("SF_EVENTS_ENABLED", "SF_EVENTS_REPLAY", "REDIS_URL", "AUTH_BLACKLIST_FAIL_CLOSED")
    }
    data = {
        "file": "/srv/bff/.env",
        "unchanged_since_the_process_started": unchanged,
        "settings": named,
        "limits": {"WHMCS_TIMEOUT_MS": "15000"},
        "other_names": [],
    }
    return stored_answer("environment", data)


def test_a_setting_that_is_off_is_said_with_the_age_of_its_file(tmp_path: Path) -> None:
    step_advice = advice(tmp_path / "log", "platform_events", 1, [environment(SF_EVENTS_ENABLED="false")])
    (fact,) = step_advice.facts
    assert fact.text == "SF_EVENTS_ENABLED is false in /srv/bff/.env, which is older than the process"
    assert isinstance(fact.citations[0], Pointer)
    assert fact.citations[0].pointer == "/data/settings/SF_EVENTS_ENABLED"
    assert not step_advice.settled


def test_a_setting_that_is_as_wanted_settles_the_step_unless_the_file_is_newer_than_the_process(tmp_path: Path) -> None:
    assert advice(tmp_path / "log", "platform_events", 1, [environment(SF_EVENTS_ENABLED="true")]).settled
    newer = advice(tmp_path / "log", "platform_events", 1, [environment(unchanged=False, SF_EVENTS_ENABLED="true")])
    assert not newer.settled
    assert "changed after the process started" in newer.facts[0].text


def test_what_was_not_asked_is_said_and_settles_nothing(tmp_path: Path) -> None:
    step_advice = advice(tmp_path / "log", "platform_events", 1)
    assert "not known" in step_advice.facts[0].text
    assert not step_advice.settled


def test_the_replay_step_says_how_much_of_the_72_hours_is_left(tmp_path: Path) -> None:
    position = {"key": "sf:pe:replay:/event/A__e", "idle_s": 3600 * 10, "position": "1", "expires_in_s": None}
    step_advice = advice(
        tmp_path / "log", "platform_events", 4, [stored_answer("redis.replay", {"positions": [position]})]
    )
    assert "for 62.0 h more" in step_advice.facts[0].text
    for warning in ("again", "Unset it right after", "72 hours"):
        assert warning in step_advice.step.caution
    gone = advice(
        tmp_path / "log",
        "platform_events",
        4,
        [stored_answer("redis.replay", {"positions": [{**position, "idle_s": 3600 * 80}]})],
    )
    assert "is gone" in gone.facts[0].text


def test_flushdb_says_what_else_would_be_lost(tmp_path: Path) -> None:
    step_advice = advice(
        tmp_path / "log",
        "redis_failures",
        4,
        [stored_answer("redis.keys", {"flushdb_would_delete": {"replay_positions": 2, "queue_keys": 31}})],
    )
    assert "2 replay positions" in step_advice.facts[0].text
    assert "31 keys of job queues" in step_advice.facts[0].text


def test_redis_memory_is_settled_where_there_is_room(tmp_path: Path) -> None:
    memory = {"used_memory": 100, "maxmemory": 1000, "maxmemory_policy": "noeviction"}
    answers = [
        stored_answer("redis.info", {"memory": memory, "stats": {"evicted_keys": 0}}),
        stored_answer("redis.ping"),
    ]
    assert advice(tmp_path / "log", "redis_failures", 2, answers).settled
    full = [
        stored_answer(
            "redis.info", {"memory": {**memory, "used_memory": 990}, "stats": {}}, warnings=["it is out of memory"]
        )
    ]
    step_advice = advice(tmp_path / "log", "redis_failures", 2, full)
    assert not step_advice.settled
    assert "990 of 1,000 bytes (99%)" in step_advice.facts[0].text


def test_breakers_and_timeouts_are_shown_as_they_are_set(tmp_path: Path) -> None:
    assert "WHMCS_TIMEOUT_MS=15000" in advice(tmp_path / "log", "high_error_rate", 4, [environment()]).facts[0].text


def test_the_process_is_shown_with_its_machine(tmp_path: Path) -> None:
    row = {"pid": 7, "cpu_percent_of_a_core": 12.0, "resident_bytes": 300_000_000, "started_at": "2026-11-23T08:00:00Z"}
    machine = {"load_1m": 0.4, "cores": 2, "memory_available_bytes": 3e9, "memory_total_bytes": 4e9}
    step_advice = advice(
        tmp_path / "log", "high_error_rate", 3, [stored_answer("process", {"processes": [row], **machine})]
    )
    assert "process 7: 12 % of one core" in step_advice.facts[0].text
    assert step_advice.facts[0].settled


def test_a_ruled_out_symptom_settles_its_step_and_a_failed_answer_does_not(tmp_path: Path) -> None:
    lines = [
        *healthy(20),
        *(request_line(place, "POST /api/auth/login", client=f"198.51.100.{place}") for place in range(20)),
        *(request_line(place, "GET /api", client=f"192.0.2.{place}") for place in range(9)),
    ]
    assert advice(tmp_path / "log", "security_incident", 3, lines=lines).settled
    down = stored_answer("whmcs", status=Status.FAILED, reason="it sent nothing for 5 s")
    step_advice = advice(tmp_path / "log", "whmcs_unavailable", 1, [down])
    assert "it sent nothing for 5 s" in step_advice.facts[0].text
    assert not step_advice.settled


def test_every_scenario_advises_without_any_log(tmp_path: Path) -> None:
    for scenario in BOOK.scenarios:
        with case_of(tmp_path / "log", answers=[stored_answer("redis.ping")]) as case:
            advices = runbook.advise(scenario, case, runbook.examine(scenario, case))
        assert len(advices) == len(scenario.steps)
