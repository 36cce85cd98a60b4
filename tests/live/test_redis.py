"""Redis, asked as it is and as it fails.

Each fault is a real server, or a real server behind a wire that goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import servers
import wire
from one_system import Outcome, ask_one

from incident_kit.live import redis as diagnostic
from incident_kit.model.answer import Status

PASSWORD = "never-t0-be-shown"


def ask(url: str, budget_s: float = 8.0) -> Outcome:
    return ask_one("redis", lambda session: diagnostic.ask(url, session), budget_s)


@contextmanager
def client(server: servers.RedisServer, database: int = 0, password: str | None = None) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port, db=database, password=password) as connection:
        yield connection


def test_everything_the_runbook_asks_is_answered() -> None:
    with servers.redis() as server, client(server, 2) as there:
        there.set("sf:pe:replay:/event/OrderProvisionRequested__e", "4711")
        there.set("sf:pe:replay:/event/Expiring__e", "AAAAAAAAEmk=", ex=1000)
        for number in range(1200):
            there.set(f"session:{number:x}", "x")
        there.rpush("bull:orders:wait", "1")
        there.set("yamada@example.jp", "1")
        outcome = ask(f"{server.url}/2")
    assert list(outcome.answers) == [
        f"redis.{name}" for name in ("ping", "info", "slowlog", "clients", "latency", "keys", "replay", "queues")
    ]
    assert all(answer.status is Status.OK for answer in outcome.answers.values()), outcome.words
    ping, keys = outcome.answers["redis.ping"], outcome.answers["redis.keys"].data
    assert ping.clock is not None
    assert abs(ping.clock.offset_ms) <= ping.clock.error_ms + 1  # one machine, one clock
    assert outcome.answers["redis.info"].data["memory"]["maxmemory_policy"] == "noeviction"
    assert keys["by_prefix"] == {"session:": 1200, "sf:pe:replay:": 2, "bull:orders:": 1, "(no prefix)": 1}
    assert keys["flushdb_would_delete"] == {"replay_positions": 2, "queue_keys": 1}
    positions = {row["key"]: row["position"] for row in outcome.answers["redis.replay"].data["positions"]}
    assert positions == {
        "sf:pe:replay:/event/OrderProvisionRequested__e": "4711",
        "sf:pe:replay:/event/Expiring__e": "AAAAAAAAEmk=",
    }
    assert "sf:pe:replay:/event/Expiring__e expires in" in outcome.words
    ages = {row["key"]: row["idle_s"] for row in outcome.answers["redis.replay"].data["positions"]}
    assert ages["sf:pe:replay:/event/Expiring__e"] is not None
    assert ages["sf:pe:replay:/event/OrderProvisionRequested__e"] is None  # small numbers share one age


def test_the_depths_of_queues_by_the_state_of_their_jobs() -> None:
    with servers.redis() as server, client(server) as there:
        there.rpush("bull:orders:wait", "1", "2", "3")
        there.rpush("bull:orders:active", "4")
        there.zadd("bull:orders:delayed", {"5": 1, "6": 2})
        there.zadd("bull:sim-topup:failed", {"7": 1})
        there.set("bull:odd:wait", "not a list")
        there.hset("bull:orders:7", "data", "of a person")
        outcome = ask(server.url)
    queues = {row["queue"]: row for row in outcome.answers["redis.queues"].data["queues"]}
    assert {state: depth for state, depth in queues["orders"].items() if depth} == {
        "queue": "orders",
        "wait": 3,
        "active": 1,
        "delayed": 2,
    }
    assert queues["sim-topup"]["failed"] == 1
    assert queues["odd"]["wait"] is None
    assert outcome.answers["redis.queues"].status is Status.OK


def test_values_arguments_and_keys_of_people_are_not_kept() -> None:
    with servers.redis(config=["slowlog-log-slower-than 0"]) as server, client(server) as there:
        there.set("session:4f1c0a9e7b", "value-of-a-session")
        there.set("sf:pe:replay:/event/Odd__e", "a value that is no position")
        outcome = ask(server.url)
    stored = "".join(answer.content().decode() + answer.ledger_lines().decode() for answer in outcome.answers.values())
    assert "set session:..." in stored
    for secret in ("4f1c0a9e7b", "value-of-a-session", "a value that is no position"):
        assert secret not in stored


def test_the_password_is_in_no_answer_and_no_ledger() -> None:
    with servers.redis(config=[f"requirepass {PASSWORD}"]) as server:
        right = ask(f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0")
        wrong = ask(f"redis://portal:{PASSWORD}-and-more@127.0.0.1:{server.port}/0")
    assert right.answers["redis.ping"].status is Status.OK, right.words
    assert "does not accept the name and password" in wrong.words
    for outcome in (right, wrong):
        assert "AUTH (not shown)" in [sent.text for sent in outcome.ledger]
        assert PASSWORD not in "".join(
            answer.content().decode() + answer.ledger_lines().decode() for answer in outcome.answers.values()
        )


def test_silent_wire_is_cut_at_the_end_of_the_budget() -> None:
    with servers.redis() as server, wire.proxy(server.port) as line:
        line.silent = True
        outcome = ask(f"redis://127.0.0.1:{line.port}", budget_s=1)
    assert outcome.answers["redis.ping"].reason == "no complete answer within the 1 s allowed; it was stopped"


def test_slow_drip_is_cut_at_the_end_of_the_budget_and_what_came_is_kept() -> None:
    with servers.redis() as server, wire.proxy(server.port) as line:
        line.drip_s, line.freely = 0.05, 100  # INFO alone would take minutes
        outcome = ask(f"redis://127.0.0.1:{line.port}", budget_s=2)
    assert outcome.answers["redis.ping"].status is Status.OK
    assert "no complete answer within the 2 s allowed" in outcome.answers["redis.info"].reason
    assert outcome.answers["redis.info"].ledger[-1].text == "INFO everything"


def test_a_user_who_may_do_little_gets_what_it_may(tmp_path: Path) -> None:
    with servers.redis() as server, client(server) as there:
        there.acl_setuser("little", enabled=True, passwords=[f"+{PASSWORD}"], commands=["+ping", "+time", "+info"])
        outcome = ask(f"redis://little:{PASSWORD}@127.0.0.1:{server.port}")
    assert outcome.answers["redis.info"].status is Status.OK
    assert "this user may not ask that" in outcome.answers["redis.clients"].reason


@pytest.mark.parametrize("value", ["localhost:6379", "http://localhost", f"redis://:{PASSWORD}@host:port/0", ""])
def test_a_value_that_is_no_address_is_not_repeated(value: str) -> None:
    outcome = ask(value)
    assert "not an address such as redis://" in outcome.words
    assert PASSWORD not in outcome.answers["redis.ping"].content().decode()
