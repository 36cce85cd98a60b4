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
from urllib.parse import parse_qsl, quote, unquote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from incident_kit.diagnostics import network
from incident_kit.diagnostics.conversation import Conversation, NoAnswer, Reply
from incident_kit.model.answer import Answer, Fault, ServerClock
from incident_kit.model.redaction import without_literals
from incident_kit.model.times import iso

QUERIES = Path(__file__).parent / "queries" / "postgres"
NAME = "incident_kit"
CONNECT_S = 3
STATEMENT_MS, LOCK_MS, IDLE_MS = 5000, 1000, 10_000
MOST_ADDRESSES = 2

ROLLBACK = "ROLLBACK"
# Of an address what says where and how to connect, as libpq knows it. The rest sets up a session of the portal (options, application_name,
# timeouts) and is left out: what we set ourselves is in `beginning`, and a pooler refuses startup parameters that it does not know.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
CONNECTING_WITH = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "require_auth", "channel_binding", "gssencmode", "krbsrvname", "target_session_attrs",
    "load_balance_hosts", "ssl", "sslmode", "sslnegotiation", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslsni", "ssl_min_protocol_version",
})  # fmt: skip
# Settings of Prisma that say how many connections a process of the portal may open. The others that libpq does not know (schema, socket_timeout,
# statement_cache_size, sslaccept, sslidentity, single_use_connections) are left out. https://www.prisma.io/docs/orm/overview/databases/postgresql
POOL = ("connection_limit", "pool_timeout", "pgbouncer")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What node-postgres takes for sslmode or ssl, in libpq's words. It means by no-verify what libpq means by require: TLS, and no look at the certificate.
# https://github.com/brianc/node-postgres/blob/master/packages/pg-connection-string/README.md
NODE_SSL = {"no-verify": "require", "true": "require", "1": "require", "false": "disable", "0": "disable"}
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
    """A PostgreSQL address taken apart: hosts with their ports (a host that begins with / is the folder of a socket), and what else libpq needs."""

    places: tuple[tuple[str, int], ...]
    database: str
    options: dict[str, str]
    pool: dict[str, str]

    def shown(self, place: tuple[str, int] | None = None) -> str:
        """The address, or one place of it, without user, password and query."""
        named = ",".join(network.shown_place(quote(host, safe=":"), port) for host, port in ([place] if place else self.places))
        return f"postgresql://{named}/{quote(self.database)}"


NOT_AN_ADDRESS = "the value is not an address such as postgresql://user@host:5432/database"


def address(url: str) -> tuple[Address, list[str]]:
    """The parts of an address as libpq reads them, without what only Prisma and node-postgres know; and the values that must never be shown. Raises NoAnswer."""
    scheme = url.strip().strip("\"'").partition("://")[0].lower()
    if scheme.startswith("prisma"):
        raise unusable("the value is the address of a Prisma service, not of a PostgreSQL that could be asked; name the variable of the direct address")
    if scheme not in ("postgresql", "postgres"):
        raise unusable(f"{NOT_AN_ADDRESS}, so there is no PostgreSQL that could be asked")
    parts = network.parts(url)
    if parts is None:
        raise unusable(f"{NOT_AN_ADDRESS}; are its ports numbers, and / ? # @ in its password written as %2F %3F %23 %40?")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    secrets = [parts.password, unquote(parts.password), query.get("password", ""), query.get("sslpassword", "")]
    kept = {name: value for name, value in query.items() if name in CONNECTING_WITH and value}
    if "sslcert" in kept and "sslkey" not in kept:
        del kept["sslcert"]  # Prisma's name for what libpq calls sslrootcert; alone it proves nothing about us
    mode = kept.pop("ssl", "") if "sslmode" not in kept else kept["sslmode"]
    kept.pop("ssl", None)
    if mode:
        kept["sslmode"] = NODE_SSL.get(mode, mode)
        if kept["sslmode"] not in SSL_MODES:
            raise unusable(f"the sslmode of the address is none that PostgreSQL's driver knows: {', '.join(SSL_MODES)}, or no-verify as node-postgres has it")
    # Encoded anew, because node-postgres and Prisma take what libpq would refuse, such as a lone % in a password.
    signed = ":".join(quote(unquote(one), safe="") for one in (parts.user, parts.password)) if parts.password else quote(unquote(parts.user), safe="")
    path = quote(unquote(parts.path.lstrip("/")), safe="")
    try:
        found = conninfo_to_dict(f"postgresql://{f'{signed}@' if signed else ''}{parts.place}/{path}?{urlencode(kept, quote_via=quote)}")
    except psycopg.Error:
        raise unusable(NOT_AN_ADDRESS) from None
    options = {name: str(value) for name, value in found.items() if value}
    named, numeric = options.pop("host", ""), options.pop("hostaddr", "")
    hosts = (numeric or named).split(",")  # of both, libpq asks the numeric one
    ports = (options.pop("port", "") or "5432").split(",")
    try:
        numbers = [int(port or 5432) for port in (ports * len(hosts) if len(ports) == 1 else ports)]
    except ValueError:
        raise unusable(f"{NOT_AN_ADDRESS}: its port is not a number") from None
    if len(numbers) != len(hosts) or not all(0 < port < 65_536 for port in numbers):
        raise unusable(f"{NOT_AN_ADDRESS}: it does not give each host one port")
    places = tuple(zip((host or "localhost" for host in hosts), numbers, strict=True))  # no host is this machine, as node-postgres and Prisma have it
    return Address(places, options.pop("dbname", ""), options, {name: query[name] for name in POOL if name in query}), secrets


def unusable(reason: str) -> NoAnswer:
    """What keeps us from asking, and says nothing of the system."""
    return NoAnswer(reason, final=True, fault=Fault.OURS)


class Line:
    """A connection to one PostgreSQL, and what its answers have told so far."""

    def __init__(self, url: str, talk: Conversation, stack: ExitStack) -> None:
        self._url, self._talk, self._stack = url, talk, stack
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self.address = Address((), "", {}, {})
        self.place: tuple[str, int] | None = None  # the one of several that took the connection
        self.sees_all_sessions, self.counts_statements = True, False
        self.asked_at, self.round_trip_ms = datetime.now(UTC), 0.0  # of the last statement

    def connect(self) -> None:
        """Connect and sign in. Raises NoAnswer."""
        self.address, self._talk.secrets = address(self._url)
        hosts, numeric, ports = self._resolved()
        options: dict[str, Any] = {
            "gssencmode": "disable",
            **self.address.options,
            "host": ",".join(hosts),
            "hostaddr": ",".join(numeric),
            "port": ",".join(ports),
        }
        if self.address.database:
            options["dbname"] = self.address.database
        with self._talk.sending(f"(connect to {self.address.shown()})"):
            try:
                connection: psycopg.Connection[dict[str, Any]] = psycopg.connect(
                    # `options` empty: what PGOPTIONS has for somebody's psql is not for a pooler.
                    **options, options="", connect_timeout=CONNECT_S, application_name=NAME, autocommit=True, prepare_threshold=None, row_factory=dict_row,
                )  # fmt: skip
            except psycopg.errors.ConnectionTimeout as error:
                taken = [network.reachable(address, int(port), self._talk.budget.left_s(1.0)) for address, port in zip(numeric, ports, strict=True) if address]
                if taken and not any(taken):
                    raise network.never_connected(self.address.shown(), CONNECT_S) from error
                raise refusal(error, self.address.shown(), True) from error
            except psycopg.Error as error:
                raise refusal(error, self.address.shown(), True) from error
        self._stack.callback(connection.close)
        self._stack.enter_context(self._talk.budget.holding(connection.fileno()))
        self._connection = connection
        self.place = (connection.info.host, connection.info.port)
        if (connection.info.parameter_status("server_version") or "").endswith("/bouncer"):
            raise unusable("the address leads to PgBouncer's own console (the database pgbouncer), not to a database of PostgreSQL; name the portal's database")

    def _resolved(self) -> tuple[list[str], list[str], list[str]]:
        """The hosts of the address, the numeric addresses of each, and its port: libpq looks names up without letting any other thread run. Raises NoAnswer."""
        hosts, numeric, ports = [], [], []
        failure: NoAnswer | None = None
        for host, port in self.address.places:
            try:
                found = [""] if host.startswith(("/", "@")) else network.addresses(host, port, self._talk.budget)[:MOST_ADDRESSES]
            except NoAnswer as unknown:
                failure = unknown
                continue
            hosts += [host] * len(found)
            numeric += found
            ports += [str(port)] * len(found)
        if failure and not hosts:
            raise failure
        return hosts, numeric, ports

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
            raise refusal(error, self.address.shown(self.place), self._connection is None or self._connection.broken) from error


def ping(line: Line) -> Reply:
    line.connect()
    server = line.rows(sql("ping"))[0]["server_time"]
    return Reply(
        {"address": line.address.shown(line.place), "database": line.address.database}, ServerClock.compared(server, line.asked_at, line.round_trip_ms)
    )


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
    return Reply(data, warnings=tuple(warnings(name, rows)), missing=missing, fault=Fault.CREDENTIALS)


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


# psycopg gives no SQLSTATE for a connection that fails, so the words of PostgreSQL, of libpq and of poolers are looked for: once, here, where they come
# in, and only behind the address, which is a stranger's too. Each row: what is found, what it means, whose fault it is.
# PgBouncer's: https://github.com/pgbouncer/pgbouncer/blob/master/src/client.c; Supavisor's: https://supabase.com/docs/guides/troubleshooting
CONNECTING: tuple[tuple[str, str, Fault], ...] = (
    (
        r"server login has been failing|server login failed|server_login_retry|client_login_timeout|pgbouncer cannot connect to server",
        "the pooler (PgBouncer) is there, and cannot sign in to PostgreSQL behind it",
        Fault.SYSTEM,
    ),
    (r"query_wait_timeout", "the pooler (PgBouncer) had no connection to PostgreSQL free for this question in time", Fault.SYSTEM),
    (
        r"no more connections allowed|[Mm]ax client connections reached|max clients reached",
        "the pooler has reached its limit of clients (max_client_conn) and accepts no more, not even this question",
        Fault.SYSTEM,
    ),
    (r"unsupported startup parameter", "the pooler (PgBouncer) does not accept a parameter of our connection", Fault.OURS),
    (r"no such database|No such database", "the pooler (PgBouncer) is there, and has no database of the name in the address", Fault.OURS),
    (r"FATAL: +not allowed", "the address leads to PgBouncer's own console (the database pgbouncer), and not to a database of PostgreSQL", Fault.OURS),
    (r"database does not allow connections", "the pooler (PgBouncer) is there, and this database is disabled in it", Fault.SYSTEM),
    (r"pgbouncer is shutting down|bouncer config error", "the pooler (PgBouncer) is there, and serves nobody", Fault.SYSTEM),
    (
        r"password authentication failed|no password supplied|(?:Ident|Peer|SASL|GSSAPI|LDAP|RADIUS|PAM|certificate|cert|auth) authentication failed|auth failed|no such user"
        r"|Tenant or user not found|is not permitted to log in|fe_sendauth|SCRAM authentication",
        "PostgreSQL does not accept the name and password of the address",
        Fault.CREDENTIALS,
    ),
    (
        r"too many clients already|remaining connection slots are reserved|too many connections for",
        "PostgreSQL has no connection left, not even for this question",
        Fault.SYSTEM,
    ),
    (
        r"the database system is (starting up|shutting down|in recovery mode|not yet accepting connections|not accepting connections)",
        "PostgreSQL runs, and accepts nothing yet or any more",
        Fault.SYSTEM,
    ),
    (r"database \".*\" does not exist", "PostgreSQL runs, and has no database of the name in the address", Fault.OURS),
    (r"database \".*\" is not currently accepting connections", "PostgreSQL runs, and this database accepts no connections", Fault.SYSTEM),
    (r"permission denied for database", "PostgreSQL does not admit this role to the database", Fault.CREDENTIALS),
    (r"role \".*\" does not exist", "PostgreSQL runs, and has no role of the name in the address", Fault.CREDENTIALS),
    (r"no pg_hba.conf entry|pg_hba.conf rejects|login rejected", "PostgreSQL does not admit this role from this machine (pg_hba.conf)", Fault.CREDENTIALS),
    (r"does not support SSL, but SSL was required", "the address asks for TLS, and this PostgreSQL offers none", Fault.NETWORK),
    (r"SSL required|connection is insecure", "PostgreSQL wants TLS, and the address asks for none", Fault.NETWORK),
    (r"certificate verify failed|does not match host name", "the server's certificate is not accepted", Fault.NETWORK),
    (
        r"(?:certificate|private key) file|certificate revocation list",
        "a file that the address names for TLS cannot be used on this machine",
        Fault.OURS,
    ),
    (
        r"invalid response to SSL negotiation|expected authentication request|SSL error: wrong version|unsupported frontend protocol|invalid response to GSS",
        "what listens there does not speak PostgreSQL's protocol",
        Fault.OURS,
    ),
    (r"Connection refused", "the connection is refused: nothing listens there, or a firewall rejects it", Fault.SYSTEM),
    (
        r"timeout expired",
        f"the connection was not ready after {CONNECT_S} s: the server is frozen or swamped, a lock holds up logins, or a firewall drops what is sent",
        Fault.SYSTEM,
    ),
    (
        r"server closed the connection unexpectedly|Connection reset|SSL SYSCALL error: EOF",
        "the server ended the connection before it had answered",
        Fault.SYSTEM,
    ),
    (r"No route to host|(?:Network|Host) is unreachable|Cannot assign requested address", "there is no way to it from here", Fault.NETWORK),
    (r"No such file or directory", "there is no such socket on this machine", Fault.NETWORK),
    (r"Permission denied", "this user may not open the socket", Fault.CREDENTIALS),
    (r"SSL error|tls", "TLS with it fails", Fault.NETWORK),
)
# https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES: dict[str, tuple[str, Fault]] = {
    "57014": ("the statement was stopped by its time limit", Fault.SYSTEM),
    "55P03": (f"a lock was not free within {LOCK_MS / 1000:g} s: somebody holds it, or waits for it, exclusively", Fault.SYSTEM),
    "42501": ("this role may not ask that", Fault.CREDENTIALS),
    "53200": ("PostgreSQL is out of memory", Fault.SYSTEM),
    "53100": ("PostgreSQL's disk is full", Fault.SYSTEM),
    "57P01": ("PostgreSQL ended the connection: it is being shut down or restarted, or somebody ended our session", Fault.SYSTEM),
    "57P02": ("PostgreSQL ended the connection: one of its processes crashed", Fault.SYSTEM),
    "25P03": ("PostgreSQL ended the connection: the transaction was idle for too long", Fault.OURS),
}
# By the class of a SQLSTATE, where the state itself is not named: what is wrong with our question or our place is not wrong with PostgreSQL.
CLASSES: dict[str, tuple[str, Fault]] = {
    "28": ("PostgreSQL does not accept the name and password of the address", Fault.CREDENTIALS),
    "3D": ("PostgreSQL runs, and has no database of the name in the address", Fault.OURS),
    "42": ("this PostgreSQL does not understand the question", Fault.OURS),
    "0A": ("this PostgreSQL does not understand the question", Fault.OURS),
    "25": ("this PostgreSQL does not let us ask in a read-only transaction", Fault.OURS),
}


def refusal(error: psycopg.Error, where: str, final: bool) -> NoAnswer:
    """A failure in plain words, with PostgreSQL's own beside them."""
    theirs = " ".join(str(error).split())
    said = error.diag.message_primary or theirs
    if error.sqlstate == "08P01" or not error.sqlstate:  # also what PgBouncer says has this state, whatever it is
        # libpq names the place first (`connection to server at "h" (1.2.3.4), port 5 failed: `), once for each host.
        texts = [text for line in said.split("- host: ") for text in [re.sub(r'^.*?(?:server at "[^"]*"|server on socket "[^"]*")', "", line)]]
        for pattern, meant, fault in CONNECTING:
            if any(re.search(pattern, text) for text in texts):
                own = re.search(r"(?:FATAL|ERROR): +(.*)", said)
                beside = own[1] if own else said if error.sqlstate else ""
                return NoAnswer(f"{where}: {meant}" + (f" ({beside})" if beside else ""), final, fault)
    if error.sqlstate == "08P01" and "statement pooling" in said:
        return NoAnswer(
            f"{where}: the pooler hands each statement to another session, so that no read-only transaction can be asked in ({said})", True, Fault.OURS
        )
    if error.sqlstate:
        meant, fault = STATES.get(error.sqlstate) or CLASSES.get(error.sqlstate[:2]) or ("PostgreSQL answers with an error", Fault.SYSTEM)
        return NoAnswer(f"{meant} ({error.sqlstate}: {said})", final, fault)
    return NoAnswer(f"{where}: {theirs}", final, Fault.OURS)
