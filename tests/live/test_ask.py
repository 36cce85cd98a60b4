"""Asking all systems side by side, from the library: what is stored, what is cut, what is left."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import servers
import wire

from incident_kit.config.settings import Configuration
from incident_kit.evidence.item import item_faults
from incident_kit.evidence.store import Evidence
from incident_kit.live.ask import ask, ask_live, store
from incident_kit.live.session import NoAnswer, Reply, Session
from incident_kit.live.systems import System
from incident_kit.model.answer import Answer, Fault, Status
from incident_kit.model.times import iso

QUIET = Configuration(health_url="", process="")


@pytest.fixture(autouse=True)
def _no_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "DATABASE_URL", "WHMCS_API_URL", "SF_LOGIN_URL"):
        monkeypatch.delenv(name, raising=False)


def answering(name: str, reply: Reply | None = None) -> System:
    def questions(session: Session) -> Iterator[Answer]:
        with session.sending("hello"):
            pass
        yield session.answer("first", "is it there?", lambda: reply or Reply({"a": 1}))

    return System(name, "TARGET", 10, questions)


def test_an_answer_is_an_item_with_its_ledger_and_both_are_verified(tmp_path: Path) -> None:
    heard: list[Answer] = []
    ask([answering("one")], 10, heard.append)
    item = store(Evidence(tmp_path / "evidence"), heard[0])
    assert (item.kind, item.origin, item.details["status"], item.details["target"]) == (
        "answer",
        "one.first",
        "ok",
        "TARGET",
    )
    assert Answer.from_json(json.loads(item.content.read_bytes())) == replace(
        heard[0], ledger=(), duration_ms=round(heard[0].duration_ms, 3)
    )
    assert [json.loads(line)["sent"] for line in item.ledger.read_text().splitlines()] == ["hello"]
    assert item_faults(item.folder) == []
    os.chmod(item.ledger, 0o600)
    item.ledger.write_text("{}\n")
    assert item_faults(item.folder) == [("ledger.jsonl", "changed (its SHA-256 is not the one in item.json)")]
    item.ledger.unlink()
    assert item_faults(item.folder) == [("ledger.jsonl", "missing")]


def test_whose_fault_an_answer_is_is_kept_with_it(tmp_path: Path) -> None:
    for whose in Fault:

        def questions(session: Session, whose: Fault = whose) -> Iterator[Answer]:
            yield session.failed("it says no", whose)

        heard: list[Answer] = []
        ask([System("one", "TARGET", 5, questions)], 5, heard.append)
        item = store(Evidence(tmp_path / whose), heard[0])
        assert item.answer().fault is whose
        assert item.details["fault"] == whose.value


def test_a_system_that_hangs_does_not_hold_up_the_others() -> None:
    def hangs(session: Session) -> Iterator[Answer]:
        with session.sending("are you there"):
            released.wait(30)
        yield session.answer("late", "too late?", lambda: Reply({}))

    released = threading.Event()
    heard: list[tuple[float, Answer]] = []
    begun = time.monotonic()
    ask(
        [System("stuck", "TARGET", 1, hangs), answering("well")],
        20,
        lambda answer: heard.append((time.monotonic() - begun, answer)),
    )
    took_s = time.monotonic() - begun
    released.set()
    assert [(answer.system, answer.status) for _, answer in heard] == [("well", Status.OK), ("stuck", Status.FAILED)]
    assert heard[0][0] < 1
    assert took_s < 5
    assert heard[1][1].reason == "no complete answer within the 1 s allowed; it was stopped"
    assert heard[1][1].fault is Fault.OURS
    assert [sent.text for sent in heard[1][1].ledger] == ["are you there"]


def test_a_fault_of_ours_in_one_system_is_its_failed_answer() -> None:
    def broken(session: Session) -> Iterator[Answer]:
        yield session.answer("first", "is it there?", lambda: Reply({}))
        raise ZeroDivisionError("by us")

    heard: list[Answer] = []
    ask([System("broken", "TARGET", 5, broken), answering("well")], 5, heard.append)
    assert {answer.question: answer.status for answer in heard}["well.first"] is Status.OK
    assert ("our own fault: ZeroDivisionError: by us", Fault.OURS) in [
        (answer.reason, answer.fault) for answer in heard
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [(ImportError("no driver"), "not installed"), (NoAnswer("no address", fault=Fault.OURS), "no address")],
)
def test_what_keeps_a_diagnostic_from_its_first_question_is_our_fault(error: Exception, words: str) -> None:
    def broken(session: Session) -> Iterator[Answer]:
        raise error
        yield

    heard: list[Answer] = []
    ask([System("broken", "TARGET", 5, broken)], 5, heard.append)
    assert [(answer.status, answer.fault) for answer in heard] == [(Status.FAILED, Fault.OURS)]
    assert words in heard[0].reason


def test_what_a_system_says_is_kept_to_a_bound_and_shown_on_one_line() -> None:
    def endless(session: Session) -> Iterator[Answer]:
        def refuse() -> Reply:
            raise NoAnswer("\x1b[31mno" + "o" * 1_000_000)

        yield session.answer("first", "is it there?", refuse)

    heard: list[Answer] = []
    ask([System("long", "TARGET", 5, endless)], 5, heard.append)
    assert len(heard[0].reason) < 5000
    assert "\x1b" not in heard[0].sentence()


def test_no_rows_are_said_to_be_none_of_that_moment() -> None:
    heard: list[Answer] = []
    ask([answering("one", Reply({"rows": []})), answering("two", Reply({"rows": [{"a": 1}]}))], 5, heard.append)
    sentences = {answer.system: answer.sentence() for answer in heard}
    assert "that moment only" in sentences["one"]
    assert "that moment only" not in sentences["two"]


def test_a_failure_is_an_answer_with_its_reason_and_stops_the_line() -> None:
    def questions(session: Session) -> Iterator[Answer]:
        def refuse() -> Reply:
            raise NoAnswer("it says no", final=True, fault=Fault.CREDENTIALS)

        yield session.answer("first", "is it there?", refuse)
        assert session.closed

    heard: list[Answer] = []
    ask([System("one", "TARGET", 5, questions)], 5, heard.append)
    assert [(answer.status, answer.reason, answer.fault) for answer in heard] == [
        (Status.FAILED, "it says no", Fault.CREDENTIALS)
    ]


def test_what_is_not_named_is_not_checked_and_says_what_to_name(tmp_path: Path) -> None:
    asked = ask_live(Evidence(tmp_path), QUIET)
    assert {answer.status for answer in asked.answers} == {Status.NOT_CHECKED}
    reasons = {answer.system: answer.reason for answer in asked.answers}
    assert reasons["redis"] == "REDIS_URL is set neither in this environment nor in an env file named with --env-file"
    assert len(Evidence(tmp_path).answers()) == len(asked.answers)


def test_targets_come_from_the_env_file_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.redis() as server:
        path = tmp_path / "bff.env"
        path.write_text(f"REDIS_URL={server.url}/3\n", encoding="utf-8")
        of_file = ask_live(Evidence(tmp_path / "one"), QUIET, path)
        monkeypatch.setenv("REDIS_URL", f"{server.url}/4")
        of_environment = ask_live(Evidence(tmp_path / "two"), QUIET, path)
    assert [
        next(answer for answer in asked.answers if answer.question == "redis.keys").data["database"]
        for asked in (of_file, of_environment)
    ] == [3, 4]


def test_without_room_every_answer_is_told_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.redis() as server:
        monkeypatch.setenv("REDIS_URL", server.url)
        heard: list[Answer] = []
        asked = ask_live(Evidence(tmp_path / "evidence", limit_bytes=1500), QUIET, on_answer=heard.append)
    assert "redis.info" in [answer.question for answer in heard]
    assert any("the answer redis.info (ok) could not be stored" in note for note in asked.notes)
    assert len(asked.items) + len(asked.notes) == len(heard)
    assert [path.name for path in (tmp_path / "evidence").iterdir() if path.name.startswith(".incoming")] == []


def test_an_interruption_leaves_what_came_and_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.redis() as server, wire.serving(wire.silent) as silent:
        monkeypatch.setenv("REDIS_URL", server.url)
        monkeypatch.setenv("DATABASE_URL", f"postgresql://app@127.0.0.1:{silent}/portal")
        monkeypatch.setenv("WHMCS_API_URL", f"http://127.0.0.1:{silent}/")
        evidence = Evidence(tmp_path)

        pressed: list[str] = []

        def heard(answer: Answer) -> None:
            if answer.question == "redis.replay" and not pressed:
                pressed.append("Ctrl-C")
                signal.raise_signal(signal.SIGINT)  # as Ctrl-C does, while the others are still awaited

        begun = time.monotonic()
        asked = ask_live(evidence, QUIET, budget_s=60, on_answer=heard)
        took_s = time.monotonic() - begun
    stored = {item.origin: item.details["status"] for item in evidence.answers()}
    assert asked.interrupted
    assert "interrupted by Ctrl-C" in asked.notes[-1]
    assert {item.origin for item in asked.items} == set(stored)
    assert stored["redis.ping"] == "ok"
    assert stored["redis.replay"] == "ok"
    reasons = {item.origin: item.details["reason"] for item in evidence.answers()}
    assert reasons["whmcs"] == "it had not answered when the asking was interrupted"
    assert took_s < 5
    left = [thread for thread in threading.enumerate() if thread.name.startswith("ask ")]
    for thread in left:
        thread.join(5)  # libpq cannot be called off while it connects, for three seconds at most
    assert [thread.name for thread in left if thread.is_alive()] == []


def test_whatever_a_system_says_can_be_stored(tmp_path: Path) -> None:
    heard: list[Answer] = []
    ask(
        [
            answering(
                "odd", Reply({"half \ud800": "\udfff", "nested": [{"a": (1, 2)}], "none": math.nan, "bytes": b"\xff"})
            )
        ],
        5,
        heard.append,
    )
    data = json.loads(store(Evidence(tmp_path), heard[0]).content.read_bytes())["data"]
    assert (data["nested"], data["none"], data["bytes"]) == ([{"a": [1, 2]}], None, "b'\\xff'")


def test_a_report_on_answers_alone_covers_the_moments_in_which_they_were_given(tmp_path: Path) -> None:
    heard: list[Answer] = []
    ask([answering("one")], 10, heard.append)
    item = store(Evidence(tmp_path), heard[0])
    window = Evidence(tmp_path).window()
    assert iso(window.since) == item.asked_at
    assert timedelta(0) < window.until - window.since < timedelta(seconds=10)


def test_an_answer_that_is_not_whole_needs_its_reason() -> None:
    with pytest.raises(ValueError, match="needs its reason"):
        Answer("a.b", "?", "T", datetime.now(UTC), 0, Status.FAILED)
