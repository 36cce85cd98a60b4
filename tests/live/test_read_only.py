"""Nothing is changed by asking: the ledger is what the servers saw, and the data is what it was before."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import psycopg
import pytest
import redis
import servers
from faults import portal, url_at
from one_system import ask_one

from incident_kit.live import postgres, postgres_statements, redis_connection, whmcs
from incident_kit.live import redis as redis_diagnostic

# What a question may be made of. A function that is not here has not been thought about.
HARMLESS = {
    "age", "cardinality", "clock_timestamp", "coalesce", "count", "current_database", "current_setting", "extract",
    "filter", "greatest", "host", "left", "max", "pg_backend_pid", "pg_blocking_pids", "pg_conf_load_time",
    "pg_current_wal_lsn", "pg_has_role", "pg_is_in_recovery", "pg_last_xact_replay_timestamp",
    "pg_postmaster_start_time", "pg_wal_lsn_diff", "round", "to_jsonb", "unnest", "any", "materialized",
    "pg_table_is_visible", "exists",
}  # fmt: skip
NOT_FUNCTIONS = {"and", "as", "from", "in", "or", "select", "where", "waiting", "involved"}
WRITING = re.compile(
    r"\b(insert|update|delete|merge|truncate|create|alter|drop|grant|revoke|copy|call|do|set|reset|lock|notify|vacuum"
    r"|analyze|into|for\s+(?:update|share)|set_config|nextval|setval|dblink|lo_\w+"
    r"|pg_(?:terminate|cancel|reload|rotate|stat_reset|switch|create|drop|advisory|notify|read|ls|write|logical"
    r"|replication)\w*)\b",
    re.I,
)


@pytest.mark.parametrize("path", sorted(postgres_statements.QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_no_sql_file_holds_anything_that_writes(path: Path) -> None:
    statement = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
    bare = re.sub(r"'[^']*'", "''", statement).strip()
    assert bare.upper().startswith(("SELECT", "WITH"))
    assert ";" not in bare
    assert WRITING.findall(bare.replace("pg_replication_slots", "slots")) == []
    called = {name.lower() for name in re.findall(r"\b([A-Za-z_]\w*)\s*\(", bare)}
    assert called - NOT_FUNCTIONS <= HARMLESS
    assert path.stem in ("ping", *postgres_statements.IN_ORDER, postgres_statements.STATEMENT_COUNTS), (
        "a file that nothing asks"
    )


def test_every_redis_command_on_the_list_is_one_that_does_not_write() -> None:
    """By the server's own account of its commands."""
    with servers.redis() as server, redis.Redis(port=server.port) as there:
        server_commands: dict[str, Any] = there.command()
    for command in redis_connection.COMMANDS:
        flags = server_commands[command.split()[0].lower()]["flags"]
        assert not {"write", "blocking"} & set(flags), command


@pytest.mark.parametrize(
    "command",
    [
        ["SET", "a", "1"],
        ["FLUSHDB"],
        ["CONFIG", "GET", "*"],
        ["CLIENT", "KILL", "1"],
        ["KEYS", "*"],
        ["SLOWLOG", "RESET"],
        ["EVAL", "x", 0],
    ],
)
def test_a_command_that_is_not_on_the_list_cannot_be_sent(command: list[object]) -> None:
    with pytest.raises(ValueError, match="not a command that this package may send"):
        redis_connection.permitted(command)


def test_whmcs_is_asked_only_for_what_reads() -> None:
    assert all(action.startswith("Get") and page.get("limitnum") == "1" for action, page in whmcs.ACTIONS.items())


@pytest.mark.parametrize("bin_dir", servers.postgres_bin_dirs(), ids=lambda folder: str(folder).replace("/", "-")[-40:])
def test_the_ledger_is_what_postgresql_logged_and_nothing_was_written(bin_dir: Path) -> None:
    with portal(bin_dir, config=("log_statement = all", "log_line_prefix = '%a|'")) as server:
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            state_before = state_of(admin)
            outcome = ask_one("postgres", lambda session: postgres.ask(url_at(server, "watcher"), session))
            state_after = state_of(admin)
        logged = statements_of(server.log(), "incident_kit")
    assert outcome.complete, outcome.words
    sent = [line.text for line in outcome.ledger if not line.text.startswith("(connect")]
    assert logged == sent
    assert len(sent) == 3 * len(outcome.answers)  # begin, the question, roll back
    assert state_after == state_before


def state_of(admin: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The next transaction number (every write takes one), the rows, the settings, the roles."""
    queries = (
        "SELECT txid_snapshot_xmax(txid_current_snapshot())",
        "SELECT id, customer, xmin::text, ctid::text FROM orders ORDER BY id",
        "SELECT name, setting FROM pg_settings "
        "WHERE name NOT IN ('application_name', 'transaction_isolation') ORDER BY name",
        "SELECT rolname, rolconfig::text FROM pg_roles ORDER BY rolname",
        "SELECT stats_reset::text FROM pg_stat_database WHERE datname = 'portal'",
    )
    return [row for query in queries for row in admin.execute(query).fetchall()]


def statements_of(log: str, application: str) -> list[str]:
    """The statements that an application sent, from a log with the prefix `%a|`; lines that go on begin with a tab."""
    statements = re.findall(rf"^{application}\|LOG:  statement: (.*(?:\n\t.*)*)", log, re.M)
    return [statement.replace("\n\t", "\n") for statement in statements]


@pytest.mark.parametrize("binary", servers.redis_binaries(), ids=lambda path: path.name)
def test_the_ledger_is_what_redis_saw_and_nothing_was_changed(binary: Path) -> None:
    password = "s3cret-of-test"
    with (
        servers.redis(config=["enable-debug-command local", f"requirepass {password}"], binary=binary) as server,
        redis.Redis(port=server.port, db=1, password=password) as there,
        monitor(server.port, password) as monitored,
    ):
        for number in range(700):
            there.set(f"session:{number:x}", "x")
        positions = [f"sf:pe:replay:/event/{name}__e" for name in ("A", "B", "C")]
        for name in positions:
            there.set(name, "4711000")
        for name in (*positions, "session:1"):  # as if nobody had touched it for long
            there.restore(name, 0, there.dump(name), replace=True, idletime=5000)
        data_before = there.execute_command("DEBUG", "DIGEST"), there.dbsize()
        there.config_resetstat()
        there.echo("BEGIN")
        outcome = ask_one(
            "redis", lambda session: redis_diagnostic.ask(f"redis://:{password}@127.0.0.1:{server.port}/1", session)
        )
        there.echo("END")
        calls = {
            name.removeprefix("cmdstat_"): counted["calls"] for name, counted in there.info("commandstats").items()
        }
        commands = between(monitored, "ECHO BEGIN", "ECHO END")
        data_after = there.execute_command("DEBUG", "DIGEST"), there.dbsize()
        idle = {name: there.object("IDLETIME", name) for name in (*positions, "session:1")}
    replay = outcome.answers["redis.replay"].data
    # What the server refused (NO-TOUCH before 7.2) was not carried out, and it counts and shows it nowhere.
    sent = [line.text for line in outcome.ledger if not line.text.startswith("(connect") and line.outcome == "ok"]
    counted = Counter(
        next(name for name in ("|".join(text.lower().split()[:2]), text.lower().split()[0]) if name in calls)
        for text in sent
    )
    assert counted == {name: count for name, count in calls.items() if name not in ("echo", "config|resetstat")}
    # MONITOR shows the order too, but no commands of administration.
    administration = ("SLOWLOG", "CLIENT LIST", "LATENCY")
    assert commands == [
        text.replace("AUTH (not shown)", "AUTH (redacted)") for text in sent if not text.startswith(administration)
    ]
    assert data_after == data_before
    assert [position["idle_s"] >= 5000 for position in replay["positions"]] == [True] * 3
    assert idle["session:1"] >= 5000
    # Before Redis 7.2 a value cannot be read without its key looking used; the answer says so.
    assert all(idle[name] >= 5000 for name in positions) == replay["idle_times_kept"]
    assert replay["idle_times_kept"] == ("CLIENT NO-TOUCH ON" in commands)


@contextmanager
def monitor(port: int, password: str) -> Iterator[TextIO]:
    """What MONITOR shows, line by line."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        connection.makefile("r", encoding="utf-8") as lines,
    ):
        connection.sendall(f"AUTH {password}\r\nMONITOR\r\n".encode())
        assert [lines.readline() for _ in range(2)] == ["+OK\n", "+OK\n"]
        yield lines


def between(lines: TextIO, begin: str, end: str) -> list[str]:
    """The commands seen between two that were sent as marks."""
    commands: list[str] = []
    for line in lines:
        command = " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', line))
        if command == end:
            return commands[commands.index(begin) + 1 :]
        commands.append(command)
    raise AssertionError(f"{end} was never seen")
