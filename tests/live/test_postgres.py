"""PostgreSQL, asked as it is and as it fails.

Each fault is a real server, or a real server behind a wire that goes wrong.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import servers
import wire
from faults import PASSWORD, portal, url_at
from one_system import Outcome, ask_one

from incident_kit.live import postgres as diagnostic
from incident_kit.live import postgres_statements
from incident_kit.live.session import Budget, Session
from incident_kit.model.answer import Status

QUESTIONS = ["ping", *postgres_statements.IN_ORDER]


def ask(url: str, budget_s: float = 8.0) -> Outcome:
    return ask_one("postgres", lambda session: diagnostic.ask(url, session), budget_s)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.PostgresServer]:
    with portal() as running:
        yield running


@pytest.mark.parametrize("bin_dir", servers.postgres_bin_dirs(), ids=lambda folder: str(folder).replace("/", "-")[-40:])
def test_every_question_is_answered_on_every_version_that_is_here(bin_dir: Path) -> None:
    with portal(bin_dir) as server:
        outcome = ask(url_at(server, "watcher"))
    assert list(outcome.answers) == [f"postgres.{name}" for name in QUESTIONS]
    assert outcome.complete, outcome.words
    ping = outcome.answers["postgres.ping"]
    assert ping.clock is not None
    assert abs(ping.clock.offset_ms) <= ping.clock.error_ms + 1
    limits = outcome.answers["postgres.limits"].data
    assert limits["rows"][0]["used"] >= 1
    assert limits["rows"][0]["usable"] == 97
    assert limits["pool"] == {"connection_limit": "7"}
    assert outcome.answers["postgres.server"].data["rows"][0]["role"] == "watcher"
    assert outcome.answers["postgres.database"].data["rows"][0]["deadlocks"] == 0
    assert {row["database"] for row in outcome.answers["postgres.wraparound"].data["rows"]} >= {"portal", "template0"}


@pytest.mark.parametrize("bin_dir", servers.postgres_bin_dirs(), ids=lambda folder: str(folder).replace("/", "-")[-40:])
def test_where_statements_are_counted_the_longest_are_named_without_their_values(bin_dir: Path) -> None:
    with (
        portal(bin_dir, config=("shared_preload_libraries = pg_stat_statements",)) as server,
        psycopg.connect(server.dsn, autocommit=True) as admin,
    ):
        admin.execute("CREATE EXTENSION pg_stat_statements")
        for _ in range(3):
            admin.execute("SELECT count(*) FROM orders, pg_sleep(0.02) WHERE customer = 'yamada@example.jp'")
        outcome = ask(url_at(server, "watcher"))
        blind = ask(url_at(server, "app"))
    assert outcome.complete, outcome.words
    [row] = [row for row in outcome.answers["postgres.statements"].data["rows"] if "pg_sleep" in row["statement"]]
    assert row["calls"] == 3
    assert row["total_ms"] >= 60
    assert "yamada" not in outcome.answers["postgres.statements"].content().decode()
    assert blind.answers["postgres.statements"].status is Status.PARTIAL


def test_a_lock_queue_names_who_waits_for_whom_and_keeps_no_values(server: servers.PostgresServer) -> None:
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(
                psycopg.connect(url_at(server, "app").partition("?")[0], application_name=f"bff-{number}")
            )
            for number in range(3)
        ]
        sessions[0].execute("UPDATE orders SET customer = 'suzuki' WHERE id = 1")

        def wait_in_line(session: psycopg.Connection[tuple[object, ...]]) -> None:
            session.execute("UPDATE orders SET customer = 'tanaka@example.jp' WHERE id = 1")
            session.rollback()

        waiting = [threading.Thread(target=wait_in_line, args=(session,), daemon=True) for session in sessions[1:]]
        for thread in waiting:
            thread.start()
        wait_until(server, "SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        outcome = ask(url_at(server, "watcher"))
        sessions[0].rollback()
        for thread in waiting:
            thread.join(5)
    chain = outcome.answers["postgres.blocking"].data["rows"]
    first = chain[0]
    assert (first["application"], first["blocked_by"], first["state"]) == ("bff-0", [], "idle in transaction")
    assert first["blocks"] >= 1
    assert {row["application"] for row in chain[1:]} == {"bff-1", "bff-2"}
    assert all(row["blocked_by"] for row in chain[1:])
    assert (
        outcome.answers["postgres.idle_in_transaction"].data["rows"][0]["last_statement"]
        == "UPDATE orders SET customer = ? WHERE id = ?"
    )
    stored = "".join(answer.content().decode() for answer in outcome.answers.values())
    assert "suzuki" not in stored
    assert "tanaka" not in stored


def test_a_lock_on_the_catalogue_is_an_answer_and_the_other_questions_are_asked(server: servers.PostgresServer) -> None:
    answers = diagnostic.ask(url_at(server, "watcher"), Session("postgres", "TARGET", Budget(20)))
    assert next(answers).status is Status.OK
    with psycopg.connect(server.dsn) as admin:
        admin.execute("LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE")
        locked = next(answers)
        admin.rollback()
    assert "a lock was not free within 1 s" in locked.reason
    rest = list(answers)
    assert [answer.status for answer in rest] == [Status.OK] * (len(QUESTIONS) - 2)


def test_a_statement_that_takes_too_long_is_stopped_by_the_server(
    server: servers.PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_statements, "STATEMENT_MS", 200)
    monkeypatch.setattr(postgres_statements, "LOCK_MS", 60_000)
    answers = diagnostic.ask(url_at(server, "watcher"), Session("postgres", "TARGET", Budget(20)))
    next(answers)
    with psycopg.connect(server.dsn) as admin:
        admin.execute("LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE")
        stopped = next(answers)
        admin.rollback()
    answers.close()  # type: ignore[attr-defined]
    assert "the statement was stopped by its time limit" in stopped.reason


def test_wrong_password_and_unknown_role(server: servers.PostgresServer) -> None:
    for url in (url_at(server, "app", f"{PASSWORD}-no"), url_at(server, "nobody")):
        outcome = ask(url)
        assert "does not accept the name and password" in outcome.words
        assert PASSWORD not in "".join(
            answer.content().decode() + answer.ledger_lines().decode() for answer in outcome.answers.values()
        )


def test_frozen_in_the_middle_of_a_question_is_cut_at_the_end_of_the_budget(server: servers.PostgresServer) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as admin, wire.proxy(server.port) as line:
        admin.execute("SELECT 1")

        def questions(session: Session) -> Iterator[object]:
            for number, answer in enumerate(diagnostic.ask(url_at(server, "watcher", port=line.port), session)):
                if number == 1:
                    row = admin.execute(
                        "SELECT pid FROM pg_stat_activity WHERE application_name = 'incident_kit'"
                    ).fetchone()
                    assert row is not None
                    os.kill(row[0], signal.SIGSTOP)
                    stopped.append(row[0])
                yield answer

        stopped: list[int] = []
        try:
            outcome = ask_one("postgres", questions, 2)  # type: ignore[arg-type]
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
    assert outcome.answers["postgres.server"].status is Status.OK
    assert "no complete answer within the 2 s allowed" in outcome.answers["postgres.limits"].reason
    assert outcome.answers["postgres.limits"].ledger[-1].text.startswith("BEGIN TRANSACTION READ ONLY")


def test_cut_in_the_middle(server: servers.PostgresServer) -> None:
    with wire.proxy(server.port) as line:
        answers = diagnostic.ask(url_at(server, "watcher", port=line.port), Session("postgres", "TARGET", Budget(8)))
        assert next(answers).status is Status.OK
        line.cut()
        assert "the server ended the connection" in next(answers).reason
        assert list(answers) == []


def test_without_pg_monitor_the_answer_is_partial_and_says_what_to_grant(server: servers.PostgresServer) -> None:
    with psycopg.connect(server.dsn):
        outcome = ask(url_at(server, "app"))
    partial = [name for name in QUESTIONS if outcome.answers[f"postgres.{name}"].status is Status.PARTIAL]
    assert partial == [name for name in diagnostic.NEED_MONITOR if name != postgres_statements.STATEMENT_COUNTS]
    assert "grant it pg_monitor" in outcome.words
    assert (
        outcome.answers["postgres.limits"].data["rows"][0]["used"] >= 2
    )  # sessions are counted even where their state is hidden


@pytest.mark.parametrize(
    "value",
    [
        "localhost/portal",
        "mysql://a@b/c",
        f"postgresql://app:{PASSWORD}@host:port/db",
        f"prisma+postgres://x/?api_key={PASSWORD}",
    ],
)
def test_a_value_that_is_no_address_is_not_repeated(value: str) -> None:
    outcome = ask(value)
    assert "the value is" in outcome.words
    assert PASSWORD not in outcome.answers["postgres.ping"].content().decode()


def test_a_password_with_every_odd_character(server: servers.PostgresServer) -> None:
    with psycopg.connect(server.dsn) as admin:
        admin.execute("CREATE ROLE odd LOGIN PASSWORD 'a/b@c:d%e f'")
    for written in ("a%2Fb%40c%3Ad%25e%20f", "a/b@c:d%25e f"):
        outcome = ask(url_at(server, "odd", written))
        assert outcome.answers["postgres.ping"].status is Status.OK, outcome.words


def wait_until(server: servers.PostgresServer, condition: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        for _ in range(500):
            row = admin.execute(condition).fetchone()
            if row and row[0]:
                return
            time.sleep(0.02)
    raise AssertionError(f"never true: {condition}")


def wait_for_log(server: servers.PostgresServer, text: str) -> None:
    for _ in range(500):
        if text in server.log():
            return
        time.sleep(0.02)
    raise AssertionError(f"never logged: {text}")
