"""PostgreSQL 12 to 18: is it there, who is connected, what runs, who waits for whom, and what do its counters say?

Every question is one fixed statement, a file in `queries/postgres/`, in a transaction of its own that is read-only from its
start, limited in time, and rolled back. The first SELECT is what fixes the mode: before it, a transaction may still be made
writable (https://www.postgresql.org/docs/current/sql-set-transaction.html). All limits are set for the transaction alone, so
nothing stays behind in a connection that a pooler such as PgBouncer hands to somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg.rows import dict_row

from incident_kit.diagnostics import network
from incident_kit.diagnostics.conversation import Conversation, NoAnswer, Reply
from incident_kit.model.answer import Answer, ServerClock
from incident_kit.model.redaction import without_literals
from incident_kit.model.times import iso

QUERIES = Path(__file__).parent / "queries" / "postgres"
NAME = "incident_kit"
CONNECT_S = 3
STATEMENT_MS, LOCK_MS, IDLE_MS = 5000, 1000, 10_000
MOST_ADDRESSES = 2

ROLLBACK = "ROLLBACK"
# Settings of Prisma in the address, which libpq does not know. https://www.prisma.io/docs/orm/overview/databases/postgresql
POOL = ("connection_limit", "pool_timeout", "pgbouncer")
LIBPQ = ("sslmode", "sslrootcert", "sslkey", "channel_binding", "host", "gssencmode")
STATEMENT_COUNTS = "statements"  # asked where pg_stat_statements is installed
STATEMENTS = ("statement", "last_statement")
# What a role without pg_monitor gets only of its own sessions.
NEED_MONITOR = ("limits", "connections", "long_running", "idle_in_transaction", "blocking", "replication", STATEMENT_COUNTS)
IN_ORDER = (
    "server", "limits", "connections", "long_running", "idle_in_transaction", "blocking", "database",
    "replication", "replication_slots", "replica", "prepared_transactions", "wraparound", "extensions",
)  # fmt: skip


def ask(url: str, talk: Conversation) -> Iterator[Answer]:
    """The answers of the PostgreSQL at this address."""
    with ExitStack() as stack:
        line = Line(url, talk, stack)
        yield talk.answer("ping", title("ping"), partial(ping, line))
        for name in IN_ORDER:
            if talk.closed:
                return
            yield talk.answer(name, title(name), partial(question, line, name))
        if line.counts_statements and not talk.closed:
            yield talk.answer(STATEMENT_COUNTS, title(STATEMENT_COUNTS), partial(question, line, STATEMENT_COUNTS))


def title(name: str) -> str:
    """What a query asks: the first comment of its file."""
    return sql(name).split("\n")[0].removeprefix("--").strip()


def sql(name: str) -> str:
    """The statement of `queries/postgres/NAME.sql`."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8").rstrip("\n")


def beginning() -> str:
    """What opens the transaction of a question: read-only, and limited in every way that PostgreSQL offers."""
    return (
        f"BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = {STATEMENT_MS}; SET LOCAL lock_timeout = {LOCK_MS}; "
        f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; SELECT 1"
    )


@dataclass(frozen=True, slots=True)
class Address:
    """A PostgreSQL address taken apart. `shown` is the address without user and password."""

    host: str
    port: int
    database: str
    user: str
    password: str
    options: dict[str, str]
    pool: dict[str, str]

    @property
    def shown(self) -> str:
        return f"postgresql://{self.host}:{self.port}/{self.database}"


def address(url: str) -> tuple[Address, list[str]]:
    """The parts of an address as Prisma takes it, and the values in it that must never be shown. Raises NoAnswer."""
    scheme, found, rest = url.strip().strip("\"'").partition("://")
    if scheme.startswith("prisma"):
        raise NoAnswer("the value is the address of a Prisma service, not of a PostgreSQL; name the variable of the direct address", final=True)
    if not found or scheme not in ("postgresql", "postgres"):
        raise NoAnswer("the value is not an address such as postgresql://user@host:5432/database", final=True)
    before, _, place = rest.rpartition("@")
    user, _, password = before.partition(":")
    try:
        parts = urlsplit(f"//{place}")
        given = dict(parse_qsl(parts.query))
        port = parts.port or int(given.get("port", 5432))
    except ValueError:
        raise NoAnswer("the value is not an address such as postgresql://user@host:5432/database: its port is not a number", final=True) from None
    password = password or given.get("password", "")
    made = Address(
        parts.hostname or "localhost", port, unquote(parts.path.lstrip("/")), unquote(user), unquote(password),
        {name: value for name, value in given.items() if name in LIBPQ}, {name: given[name] for name in POOL if name in given},
    )  # fmt: skip
    return made, [password, unquote(password), given.get("sslpassword", "")]


class Line:
    """A connection to one PostgreSQL, and what its answers have told so far."""

    def __init__(self, url: str, talk: Conversation, stack: ExitStack) -> None:
        self._url, self._talk, self._stack = url, talk, stack
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self.address = Address("", 0, "", "", "", {}, {})
        self.sees_all_sessions, self.counts_statements = True, False
        self.asked_at, self.round_trip_ms = datetime.now(UTC), 0.0  # of the last statement

    def connect(self) -> None:
        """Connect and sign in. Raises NoAnswer."""
        self.address, self._talk.secrets = address(self._url)
        place = self.address
        options: dict[str, Any] = {"host": place.host, "gssencmode": "disable", **place.options}
        if not options["host"].startswith("/"):
            # Numeric addresses, because libpq looks names up without letting any other thread run.
            found = network.addresses(options["host"], place.port, self._talk.budget)[:MOST_ADDRESSES]
            options |= {"host": ",".join([options["host"]] * len(found)), "hostaddr": ",".join(found)}
        with self._talk.sending(f"(connect to {place.shown})"):
            connection = self._translated(
                lambda: psycopg.connect(
                    port=place.port, dbname=place.database, user=place.user, password=place.password, connect_timeout=CONNECT_S, application_name=NAME,
                    autocommit=True, prepare_threshold=None, row_factory=dict_row, **options,
                )
            )  # fmt: skip
        self._stack.callback(connection.close)
        self._stack.enter_context(self._talk.budget.holding(connection.fileno()))
        self._connection = connection

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows of one statement, in its own read-only transaction. Raises NoAnswer."""
        self._send(beginning())
        try:
            self.asked_at, begun = datetime.now(UTC), perf_counter()
            found = self._send(statement)
            self.round_trip_ms = (perf_counter() - begun) * 1000
        finally:
            if self._connection and not self._connection.broken:
                self._send(ROLLBACK)
        return found

    def _send(self, statement: str) -> list[dict[str, Any]]:
        connection = self._connection
        if connection is None:
            raise NoAnswer("there is no connection", final=True)
        self._talk.budget.left_s()
        with self._talk.sending(statement):

            def fetch() -> list[dict[str, Any]]:
                cursor = connection.execute(statement)
                while cursor.nextset():  # the last result is the one that counts
                    pass
                return cursor.fetchall() if cursor.description else []

            found: list[dict[str, Any]] = self._translated(fetch)
        return found

    def _translated(self, do: Callable[[], Any]) -> Any:
        """What `do` gives, with what goes wrong put into plain words."""
        try:
            return do()
        except psycopg.Error as error:
            raise refusal(error, self.address, self._connection is None or self._connection.broken) from error


def ping(line: Line) -> Reply:
    line.connect()
    server = line.rows(sql("ping"))[0]["server_time"]
    return Reply({"address": line.address.shown, "database": line.address.database}, ServerClock.compared(server, line.asked_at, line.round_trip_ms))


def question(line: Line, name: str) -> Reply:
    """The rows of one query as data, with what a person must know of them."""
    rows = [{column: plain(column, value) for column, value in row.items()} for row in line.rows(sql(name))]
    data: dict[str, Any] = {"rows": rows}
    if name == "server":
        line.sees_all_sessions = rows[0]["sees_all_sessions"]
    if name == "extensions":
        line.counts_statements = any(row["counts_statements"] for row in rows)
    if name == "limits":
        data["pool"] = line.address.pool  # of one process of the application, as far as the address says it
    blind = name in NEED_MONITOR and not line.sees_all_sessions
    missing = "this role sees only its own sessions; grant it pg_monitor to see the others" if blind else ""
    return Reply(data, warnings=tuple(warnings(name, rows)), missing=missing)


def warnings(name: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """What a person must know of the rows of a query."""
    first = rows[0] if rows else {}
    if name == "server":
        if first["is_superuser"]:
            yield (
                f"the role {first['role']} is a SUPERUSER: not even a read-only transaction keeps a superuser from everything. Nothing but the "
                "statements in the ledger was sent; use a role that has only pg_monitor"
            )
        if first["is_replica"]:
            yield "this server is a replica: what it shows may be old, and writes sent here are refused"
    if name == "limits" and first["used"] >= first["usable"]:
        yield f"no connection is left for the application: {first['used']} are used, and {first['usable']} of {first['allowed']} are not reserved"
    if name == "database" and first.get("checksum_failures"):
        yield f"{first['checksum_failures']} pages of this database failed their checksum: its data is damaged on disk"


def plain(column: str, value: Any) -> Any:
    """A value as JSON has it; of statements only what they do."""
    if isinstance(value, str) and column in STATEMENTS:
        return without_literals(value)
    if isinstance(value, datetime):
        return iso(value)
    return float(value) if isinstance(value, Decimal) else value


# psycopg gives no SQLSTATE for a connection that fails, so its words are looked for. Each row: what is found, what it means.
CONNECTING: tuple[tuple[str, str], ...] = (
    (r"password authentication failed|no password supplied|Ident authentication failed|Peer authentication failed", "PostgreSQL does not accept the name and password of the address"),
    (r"too many clients already|remaining connection slots are reserved|too many connections for", "PostgreSQL has no connection left, not even for this question"),
    (r"the database system is (starting up|shutting down|in recovery mode|not yet accepting connections|not accepting connections)", "PostgreSQL runs, and accepts nothing yet or any more"),
    (r"database \".*\" does not exist", "PostgreSQL runs, and has no database of the name in the address"),
    (r"role \".*\" does not exist", "PostgreSQL runs, and has no role of the name in the address"),
    (r"no pg_hba.conf entry|pg_hba.conf rejects", "PostgreSQL does not admit this role from this machine (pg_hba.conf)"),
    (r"does not support SSL, but SSL was required", "the address asks for TLS, and this PostgreSQL offers none"),
    (r"certificate verify failed|does not match host name", "the server's certificate is not accepted"),
    (r"invalid response to SSL negotiation|expected authentication request|SSL error: wrong version|unsupported frontend protocol", "what listens there does not speak PostgreSQL's protocol"),
    (r"Connection refused", "the connection is refused: nothing listens there, or a firewall rejects it"),
    (r"timeout expired", f"the connection was not ready after {CONNECT_S} s: the server is frozen or swamped, a lock holds up logins, or a firewall drops what is sent"),
    (r"server closed the connection unexpectedly|Connection reset|SSL SYSCALL error: EOF", "the server ended the connection before it had answered"),
    (r"No route to host|Network is unreachable", "there is no way to it from here"),
)  # fmt: skip
# https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {
    "57014": "the statement was stopped by its time limit",
    "55P03": f"a lock was not free within {LOCK_MS / 1000:g} s: somebody holds it, or waits for it, exclusively",
    "42501": "this role may not ask that",
    "53200": "PostgreSQL is out of memory",
    "53100": "PostgreSQL's disk is full",
    "57P01": "PostgreSQL ended the connection: it is being shut down or restarted, or somebody ended our session",
    "57P02": "PostgreSQL ended the connection: one of its processes crashed",
    "25P03": "PostgreSQL ended the connection: the transaction was idle for too long",
}


def refusal(error: psycopg.Error, place: Address, final: bool) -> NoAnswer:
    """A failure in plain words, with PostgreSQL's own beside them."""
    theirs = " ".join(str(error).split())
    if error.sqlstate:
        meant = STATES.get(error.sqlstate, "PostgreSQL answers with an error")
        return NoAnswer(f"{meant} ({error.sqlstate}: {error.diag.message_primary or theirs})", final)
    for pattern, meant in CONNECTING:
        if re.search(pattern, theirs):
            said = re.search(r"(?:FATAL|ERROR): +(.*)", theirs)
            return NoAnswer(f"{place.shown}: {meant}" + (f" ({said[1]})" if said else ""), final)
    return NoAnswer(f"{place.shown}: {theirs}", final)
