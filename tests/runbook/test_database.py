"""PostgreSQL's sessions, by its own answers and by logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synthetic import finding_of, healthy, portal_line, stored_answer

from incident_kit.model.answer import Status
from incident_kit.model.finding import Pointer, Verdict

LIMITS = {"used": 40, "usable": 97, "allowed": 100}
ROOT = {
    "pid": 71,
    "blocked_by": [],
    "blocks": 2,
    "role": "app",
    "application": "bff-0",
    "state": "idle in transaction",
    "in_state_s": 312.0,
    "statement": "UPDATE orders SET status = $1",
}
WAITER = {
    "pid": 72,
    "blocked_by": [71],
    "blocks": 0,
    "role": "app",
    "application": "bff-1",
    "state": "active",
    "in_state_s": 300.0,
    "statement": "UPDATE orders",
}


def rows(question: str, *answered_rows: dict[str, Any], **more: Any) -> Any:
    return stored_answer(f"postgres.{question}", {"rows": list(answered_rows), **more})


@pytest.mark.parametrize(
    ("used", "verdict"),
    [(95, Verdict.CONFIRMED), (88, Verdict.CONFIRMED), (80, Verdict.RULED_OUT), (3, Verdict.RULED_OUT)],
)
def test_connections_near_their_limit(tmp_path: Path, used: int, verdict: Verdict) -> None:
    finding = finding_of(
        tmp_path / "log",
        "database_issues.connections_exhausted",
        answers=[rows("limits", {**LIMITS, "used": used}, pool={"connection_limit": "10"})],
    )
    assert finding.verdict is verdict


def test_refused_connections_in_the_log_confirm_without_any_answer(tmp_path: Path) -> None:
    lines = [
        portal_line(10 + place / 10, "ExceptionsHandler", "timeout exceeded when trying to connect")
        for place in range(10)
    ]
    finding = finding_of(tmp_path / "log", "database_issues.connections_exhausted", [*healthy(20), *lines])
    assert finding.verdict is Verdict.CONFIRMED
    assert "the BFF's pool" in finding.statement


def test_a_postgres_that_lets_nobody_in_is_named_by_its_refusal(tmp_path: Path) -> None:
    full = stored_answer(
        "postgres.ping",
        status=Status.FAILED,
        reason="PostgreSQL has no connection left, not even for this question (sorry, too many clients already)",
    )
    assert finding_of(tmp_path / "log", "database_issues.prisma_errors", answers=[full]).verdict is Verdict.CONFIRMED


def test_the_root_of_a_blocking_chain_is_named(tmp_path: Path) -> None:
    finding = finding_of(
        tmp_path / "log",
        "database_issues.blocking_chain",
        answers=[rows("blocking", ROOT, WAITER, {**WAITER, "pid": 73})],
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert "2 sessions wait" in finding.statement
    assert "pid 71 (bff-0), idle in transaction for 312 s" in finding.statement
    assert any(isinstance(citation, Pointer) and citation.pointer == "/data/rows/0" for citation in finding.citations)


def test_a_chain_that_ends_in_a_prepared_transaction_says_so(tmp_path: Path) -> None:
    prepared = {**ROOT, "pid": 0, "application": "", "state": None, "in_state_s": None, "statement": None}
    assert (
        "a prepared transaction"
        in finding_of(
            tmp_path / "log",
            "database_issues.blocking_chain",
            answers=[rows("blocking", prepared, {**WAITER, "blocked_by": [0]})],
        ).statement
    )


@pytest.mark.parametrize("symptom", ["blocking_chain", "long_running"])
def test_a_silent_log_does_not_rule_out_what_only_postgres_knows(tmp_path: Path, symptom: str) -> None:
    assert finding_of(tmp_path / "log", f"database_issues.{symptom}", healthy(20)).verdict is Verdict.NOT_CHECKED


def test_nobody_waits(tmp_path: Path) -> None:
    assert (
        finding_of(tmp_path / "log", "database_issues.blocking_chain", answers=[rows("blocking")]).verdict
        is Verdict.RULED_OUT
    )
    hidden = stored_answer(
        "postgres.blocking",
        {"rows": []},
        Status.PARTIAL,
        "this role sees only its own sessions; grant it pg_monitor to see the others",
    )
    assert (
        finding_of(tmp_path / "log", "database_issues.blocking_chain", answers=[hidden]).verdict is Verdict.INCONCLUSIVE
    )


def test_lock_waits_in_postgres_own_log_confirm(tmp_path: Path) -> None:
    lines = [
        portal_line(
            10 + place,
            "postgres",
            "process 5099 still waiting for ShareLock on transaction 735 after 1000.2 ms",
            level=30,
        )
        for place in range(4)
    ]
    assert (
        finding_of(tmp_path / "log", "database_issues.blocking_chain", [*healthy(20), *lines]).verdict
        is Verdict.CONFIRMED
    )


def test_long_statements_and_idle_transactions(tmp_path: Path) -> None:
    symptom = "database_issues.long_running"
    running = {
        "pid": 9,
        "role": "app",
        "application": "report",
        "running_s": 400.0,
        "statement": "SELECT count(*) FROM orders",
    }
    idle = {"pid": 8, "role": "app", "application": "bff-0", "idle_s": 90.0, "last_statement": "UPDATE orders"}
    finding = finding_of(
        tmp_path / "log", symptom, answers=[rows("long_running", running), rows("idle_in_transaction", idle)]
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert "for 400 s (pid 9, report)" in finding.statement
    assert "pid 8" in finding.statement
    short = [rows("long_running", {**running, "running_s": 4.0}), rows("idle_in_transaction")]
    assert finding_of(tmp_path / "log", symptom, answers=short).verdict is Verdict.RULED_OUT


def test_one_sign_of_damaged_data_is_enough(tmp_path: Path) -> None:
    line = portal_line(10, "ExceptionsHandler", "invalid page in block 1 of relation base/16386/16461", code="XX001")
    assert finding_of(tmp_path / "log", "database_issues.corruption", [*healthy(20), line]).verdict is Verdict.CONFIRMED
    damaged = rows("database", {"checksum_failures": 2, "checksum_last_failure": "2026-11-23T09:00:00Z"})
    assert finding_of(tmp_path / "log", "database_issues.corruption", answers=[damaged]).verdict is Verdict.CONFIRMED


def test_without_checksums_damage_is_not_ruled_out(tmp_path: Path) -> None:
    off = rows("database", {"checksum_failures": None, "checksum_last_failure": None})
    assert finding_of(tmp_path / "log", "database_issues.corruption", answers=[off]).verdict is Verdict.INCONCLUSIVE
    on = rows("database", {"checksum_failures": 0, "checksum_last_failure": None})
    assert finding_of(tmp_path / "log", "database_issues.corruption", answers=[on]).verdict is Verdict.RULED_OUT
