"""PostgreSQL 12 to 18: is it there, who is connected, what runs, who waits for whom, and what do its counters say?

Every question is one fixed statement, a file in `queries/postgres/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from incident_kit.live.postgres_connection import PostgresConnection
from incident_kit.live.postgres_statements import IN_ORDER, STATEMENT_COUNTS, sql, title
from incident_kit.live.session import Reply, Session
from incident_kit.model.answer import Answer, Fault, ServerClock
from incident_kit.model.redaction import without_literals
from incident_kit.model.times import iso

STATEMENT_COLUMNS = ("statement", "last_statement")
# What a role without pg_monitor gets only of its own sessions.
NEED_MONITOR = (
    "limits",
    "connections",
    "long_running",
    "idle_in_transaction",
    "blocking",
    "replication",
    STATEMENT_COUNTS,
)


def ask(url: str, session: Session) -> Iterator[Answer]:
    """The answers of the PostgreSQL at this address."""
    with ExitStack() as stack:
        connection = PostgresConnection(url, session, stack)
        yield session.answer("ping", title("ping"), partial(ping, connection))
        for name in IN_ORDER:
            if session.closed:
                return
            yield session.answer(name, title(name), partial(question, connection, name))
        if connection.counts_statements and not session.closed:
            yield session.answer(
                STATEMENT_COUNTS, title(STATEMENT_COUNTS), partial(question, connection, STATEMENT_COUNTS)
            )


def ping(connection: PostgresConnection) -> Reply:
    connection.connect()
    server_time = connection.rows(sql("ping"))[0]["server_time"]
    return Reply(
        {"address": connection.address.shown(connection.place), "database": connection.address.database},
        ServerClock.compared(server_time, connection.asked_at, connection.round_trip_ms),
    )


def question(connection: PostgresConnection, name: str) -> Reply:
    """The rows of one query as data, with what a person must know of them."""
    rows = [{column: plain(column, value) for column, value in row.items()} for row in connection.rows(sql(name))]
    data: dict[str, Any] = {"rows": rows}
    if name == "server":
        connection.sees_all_sessions = rows[0]["sees_all_sessions"]
    if name == "extensions":
        connection.counts_statements = any(row["counts_statements"] for row in rows)
    if name == "limits":
        data["pool"] = connection.address.pool  # of one process of the application, as far as the address says it
    blind = name in NEED_MONITOR and not connection.sees_all_sessions
    missing = "this role sees only its own sessions; grant it pg_monitor to see the others" if blind else ""
    return Reply(data, warnings=tuple(warnings(name, rows)), missing=missing, fault=Fault.CREDENTIALS)


def warnings(name: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """What a person must know of the rows of a query."""
    first = rows[0] if rows else {}
    if name == "server":
        if first["is_superuser"]:
            yield (
                f"the role {first['role']} is a SUPERUSER: not even a read-only transaction keeps a superuser from "
                "everything. Nothing but the statements in the ledger was sent; use a role that has only pg_monitor"
            )
        if first["is_replica"]:
            yield "this server is a replica: what it shows may be old, and writes sent here are refused"
    if name == "limits" and first["used"] >= first["usable"]:
        yield (
            f"no connection is left for the application: {first['used']} are used, "
            f"and {first['usable']} of {first['allowed']} are not reserved"
        )
    if name == "database" and first.get("checksum_failures"):
        yield f"{first['checksum_failures']} pages of this database failed their checksum: its data is damaged on disk"


def plain(column: str, value: Any) -> Any:
    """A value as JSON has it; of statements only what they do."""
    if isinstance(value, str) and column in STATEMENT_COLUMNS:
        return without_literals(value)
    if isinstance(value, datetime):
        return iso(value)
    return float(value) if isinstance(value, Decimal) else value
