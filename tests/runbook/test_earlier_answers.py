"""A system that was asked again: what an earlier answer confirmed stays, with its time; what is now is told apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from synthetic import finding_of, stored_answer

from incident_kit.model.answer import StoredAnswer
from incident_kit.model.finding import Pointer, Verdict

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
WAITER = {**ROOT, "pid": 72, "blocked_by": [71], "blocks": 0, "state": "active"}
BLOCKING = "database_issues.blocking_chain"


def asked(minute: int, *rows: dict[str, Any]) -> StoredAnswer:
    """What PostgreSQL said of sessions that wait for each other, so many minutes on."""
    stored = stored_answer("postgres.blocking", {"rows": list(rows)})
    answer = replace(stored.answer, asked_at=stored.answer.asked_at + timedelta(minutes=minute))
    return replace(stored, item=f"{minute:010}", answer=answer)


def test_what_an_earlier_answer_confirmed_stays_with_its_time(tmp_path: Path) -> None:
    answers = [asked(0, ROOT, WAITER), asked(2, ROOT, WAITER), asked(10)]
    finding = finding_of(tmp_path / "log", BLOCKING, answers=answers)
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected == answers[0].answer.asked_at
    assert finding.recovered == answers[2].answer.asked_at
    assert f"Asked again at {answers[2].answer.asked_at:%H:%M:%S} UTC" in finding.statement
    cited = {citation.item for citation in finding.citations if isinstance(citation, Pointer)}
    assert {answers[0].item, answers[1].item} <= cited


def test_while_it_goes_on_nothing_is_said_to_be_over(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", BLOCKING, answers=[asked(0, ROOT, WAITER), asked(10, ROOT, WAITER)])
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.recovered is None


def test_an_answer_that_came_to_nothing_does_not_say_that_it_is_over(tmp_path: Path) -> None:
    failed = asked(10)
    failed = replace(failed, answer=replace(failed.answer, status="failed", reason="it did not answer", data={}))
    finding = finding_of(tmp_path / "log", BLOCKING, answers=[asked(0, ROOT, WAITER), failed])
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.recovered is None
    assert "Whether it goes on is not known" in finding.statement


def test_what_was_never_there_is_not_confirmed_by_asking_often(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", BLOCKING, answers=[asked(minute) for minute in (0, 5, 10)])
    assert finding.verdict is not Verdict.CONFIRMED


def test_answers_of_one_round_are_one(tmp_path: Path) -> None:
    first, second = asked(0, ROOT, WAITER), asked(0)
    second = replace(second, answer=replace(second.answer, asked_at=first.answer.asked_at + timedelta(seconds=30)))
    finding = finding_of(tmp_path / "log", BLOCKING, answers=[first, second])
    assert finding.verdict is not Verdict.CONFIRMED
