"""Every statement that may be sent to PostgreSQL: the files of `queries/postgres/`, and what stands around them.

Each question is asked in a transaction of its own that is read-only from its start, limited in time, and rolled back.
The first SELECT is what fixes the mode: before it, a transaction may still be made writable
(https://www.postgresql.org/docs/current/sql-set-transaction.html). All limits are set for the transaction alone, so
nothing stays behind in a connection that a pooler such as PgBouncer hands to somebody else.
"""

from __future__ import annotations

from pathlib import Path

QUERIES = Path(__file__).parent / "queries" / "postgres"
STATEMENT_MS, LOCK_MS, IDLE_MS = 5000, 1000, 10_000
ROLLBACK = "ROLLBACK"
IN_ORDER = (
    "server",
    "limits",
    "connections",
    "long_running",
    "idle_in_transaction",
    "blocking",
    "database",
    "replication",
    "replication_slots",
    "replica",
    "prepared_transactions",
    "wraparound",
    "extensions",
)
STATEMENT_COUNTS = "statements"  # asked where pg_stat_statements is installed


def title(name: str) -> str:
    """What a query asks: the first comment of its file."""
    return sql(name).split("\n")[0].removeprefix("--").strip()


def sql(name: str) -> str:
    """The statement of `queries/postgres/NAME.sql`."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8").rstrip("\n")


def beginning() -> str:
    """What opens the transaction of a question: read-only, and limited in every way that PostgreSQL offers."""
    return (
        f"BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = {STATEMENT_MS}; "
        f"SET LOCAL lock_timeout = {LOCK_MS}; SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; SELECT 1"
    )
