"""What a failure of PostgreSQL or Redis means in plain words, and whose fault it is.

Failures of the network are in `network`, those of HTTP in `http`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from incident_kit.live.network import CONNECT_S
from incident_kit.live.postgres_statements import LOCK_MS
from incident_kit.live.session import NoAnswer
from incident_kit.model.answer import Fault

if TYPE_CHECKING:
    import psycopg
    import redis


class Meaning(NamedTuple):
    """What a failure means, whose fault it is, and whether nothing more can be asked after it."""

    words: str
    fault: Fault
    final: bool = False


# psycopg gives no SQLSTATE for a connection that fails. So the words of PostgreSQL, of libpq and of poolers are looked
# for: once, here, and only behind the address, which is a stranger's too. The first that fits counts.
# PgBouncer's: https://github.com/pgbouncer/pgbouncer/blob/master/src/client.c
# Supavisor's: https://supabase.com/docs/guides/troubleshooting
POSTGRES_CONNECTING: tuple[tuple[str, Meaning], ...] = (
    (
        r"server login has been failing|server login failed|server_login_retry|client_login_timeout"
        r"|pgbouncer cannot connect to server",
        Meaning("the pooler (PgBouncer) is there, and cannot sign in to PostgreSQL behind it", Fault.SYSTEM),
    ),
    (
        r"query_wait_timeout",
        Meaning("the pooler (PgBouncer) had no connection to PostgreSQL free for this question in time", Fault.SYSTEM),
    ),
    (
        r"no more connections allowed|[Mm]ax client connections reached|max clients reached",
        Meaning(
            "the pooler has reached its limit of clients (max_client_conn) and accepts no more, not even this question",
            Fault.SYSTEM,
        ),
    ),
    (
        r"unsupported startup parameter",
        Meaning("the pooler (PgBouncer) does not accept a parameter of our connection", Fault.OURS),
    ),
    (
        r"no such database|No such database",
        Meaning("the pooler (PgBouncer) is there, and has no database of the name in the address", Fault.OURS),
    ),
    (
        r"FATAL: +not allowed",
        Meaning(
            "the address leads to PgBouncer's own console (the database pgbouncer), "
            "and not to a database of PostgreSQL",
            Fault.OURS,
        ),
    ),
    (
        r"database does not allow connections",
        Meaning("the pooler (PgBouncer) is there, and this database is disabled in it", Fault.SYSTEM),
    ),
    (
        r"pgbouncer is shutting down|bouncer config error",
        Meaning("the pooler (PgBouncer) is there, and serves nobody", Fault.SYSTEM),
    ),
    (
        r"(?:password|Ident|Peer|SASL|GSSAPI|LDAP|RADIUS|PAM|certificate|cert|auth) authentication failed"
        r"|no password supplied|auth failed|no such user|Tenant or user not found|is not permitted to log in"
        r"|fe_sendauth|SCRAM authentication",
        Meaning("PostgreSQL does not accept the name and password of the address", Fault.CREDENTIALS),
    ),
    (
        r"too many clients already|remaining connection slots are reserved|too many connections for",
        Meaning("PostgreSQL has no connection left, not even for this question", Fault.SYSTEM),
    ),
    (
        r"the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections"
        r"|not accepting connections)",
        Meaning("PostgreSQL runs, and accepts nothing yet or any more", Fault.SYSTEM),
    ),
    (
        r"database \".*\" does not exist",
        Meaning("PostgreSQL runs, and has no database of the name in the address", Fault.OURS),
    ),
    (
        r"database \".*\" is not currently accepting connections",
        Meaning("PostgreSQL runs, and this database accepts no connections", Fault.SYSTEM),
    ),
    (
        r"permission denied for database",
        Meaning("PostgreSQL does not admit this role to the database", Fault.CREDENTIALS),
    ),
    (
        r"role \".*\" does not exist",
        Meaning("PostgreSQL runs, and has no role of the name in the address", Fault.CREDENTIALS),
    ),
    (
        r"no pg_hba.conf entry|pg_hba.conf rejects|login rejected",
        Meaning("PostgreSQL does not admit this role from this machine (pg_hba.conf)", Fault.CREDENTIALS),
    ),
    (
        r"does not support SSL, but SSL was required",
        Meaning("the address asks for TLS, and this PostgreSQL offers none", Fault.NETWORK),
    ),
    (
        r"SSL required|connection is insecure",
        Meaning("PostgreSQL wants TLS, and the address asks for none", Fault.NETWORK),
    ),
    (
        r"certificate verify failed|does not match host name",
        Meaning("the server's certificate is not accepted", Fault.NETWORK),
    ),
    (
        r"(?:certificate|private key) file|certificate revocation list",
        Meaning("a file that the address names for TLS cannot be used on this machine", Fault.OURS),
    ),
    (
        r"invalid response to SSL negotiation|expected authentication request|SSL error: wrong version"
        r"|unsupported frontend protocol|invalid response to GSS",
        Meaning("what listens there does not speak PostgreSQL's protocol", Fault.OURS),
    ),
    (
        r"Connection refused",
        Meaning("the connection is refused: nothing listens there, or a firewall rejects it", Fault.SYSTEM),
    ),
    (
        r"timeout expired",
        Meaning(
            f"the connection was not ready after {CONNECT_S} s: the server is frozen or swamped, "
            "a lock holds up logins, or a firewall drops what is sent",
            Fault.SYSTEM,
        ),
    ),
    (
        r"server closed the connection unexpectedly|Connection reset|SSL SYSCALL error: EOF",
        Meaning("the server ended the connection before it had answered", Fault.SYSTEM),
    ),
    (
        r"No route to host|(?:Network|Host) is unreachable|Cannot assign requested address",
        Meaning("there is no way to it from here", Fault.NETWORK),
    ),
    (r"No such file or directory", Meaning("there is no such socket on this machine", Fault.NETWORK)),
    (r"Permission denied", Meaning("this user may not open the socket", Fault.CREDENTIALS)),
    (r"SSL error|tls", Meaning("TLS with it fails", Fault.NETWORK)),
)
# By SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html
POSTGRES_STATES: dict[str, Meaning] = {
    "57014": Meaning("the statement was stopped by its time limit", Fault.SYSTEM),
    "55P03": Meaning(
        f"a lock was not free within {LOCK_MS / 1000:g} s: somebody holds it, or waits for it, exclusively",
        Fault.SYSTEM,
    ),
    "42501": Meaning("this role may not ask that", Fault.CREDENTIALS),
    "53200": Meaning("PostgreSQL is out of memory", Fault.SYSTEM),
    "53100": Meaning("PostgreSQL's disk is full", Fault.SYSTEM),
    "57P01": Meaning(
        "PostgreSQL ended the connection: it is being shut down or restarted, or somebody ended our session",
        Fault.SYSTEM,
    ),
    "57P02": Meaning("PostgreSQL ended the connection: one of its processes crashed", Fault.SYSTEM),
    "25P03": Meaning("PostgreSQL ended the connection: the transaction was idle for too long", Fault.OURS),
}
# By the class of a SQLSTATE, where the state itself is not named.
# What is wrong with our question or our place is not wrong with PostgreSQL.
POSTGRES_CLASSES: dict[str, Meaning] = {
    "28": Meaning("PostgreSQL does not accept the name and password of the address", Fault.CREDENTIALS),
    "3D": Meaning("PostgreSQL runs, and has no database of the name in the address", Fault.OURS),
    "42": Meaning("this PostgreSQL does not understand the question", Fault.OURS),
    "0A": Meaning("this PostgreSQL does not understand the question", Fault.OURS),
    "25": Meaning("this PostgreSQL does not let us ask in a read-only transaction", Fault.OURS),
}
UNKNOWN_STATE = Meaning("PostgreSQL answers with an error", Fault.SYSTEM)


def postgres_failure(error: psycopg.Error, where: str, final: bool) -> NoAnswer:
    """A failure in plain words, with PostgreSQL's own beside them."""
    whole = " ".join(str(error).split())
    message, state = error.diag.message_primary or whole, error.sqlstate
    if state == "08P01" or not state:  # also what PgBouncer says has this state, whatever it is
        meaning = meaning_of_connecting(message)
        if meaning:
            fatal = re.search(r"(?:FATAL|ERROR): +(.*)", message)
            theirs = fatal[1] if fatal else message if state else ""
            return NoAnswer(f"{where}: {meaning.words}" + (f" ({theirs})" if theirs else ""), final, meaning.fault)
    if state == "08P01" and "statement pooling" in message:
        return NoAnswer(
            f"{where}: the pooler hands each statement to another session, "
            f"so that no read-only transaction can be asked in ({message})",
            True,
            Fault.OURS,
        )
    if state:
        meaning = POSTGRES_STATES.get(state) or POSTGRES_CLASSES.get(state[:2]) or UNKNOWN_STATE
        return NoAnswer(f"{meaning.words} ({state}: {message})", final, meaning.fault)
    return NoAnswer(f"{where}: {whole}", final, Fault.OURS)


def meaning_of_connecting(message: str) -> Meaning | None:
    """What a failure to connect means; None where nobody knows these words.

    libpq names the place first, once for each host: `connection to server at "h" (1.2.3.4), port 5 failed: `.
    """
    texts = [
        re.sub(r'^.*?(?:server at "[^"]*"|server on socket "[^"]*")', "", of_one_host)
        for of_one_host in message.split("- host: ")
    ]
    # Names of databases and roles are a stranger's words: what stands between quotes is not looked at.
    texts = [re.sub(r'".*"', '""', text) for text in texts]
    for pattern, meaning in POSTGRES_CONNECTING:
        if any(re.search(pattern, text) for text in texts):
            return meaning
    return None


# By the first word of an error reply, which Redis calls its prefix.
# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
REDIS_PREFIXES: dict[str, Meaning] = {
    "NOAUTH": Meaning("Redis asks for a password and the address has none", Fault.CREDENTIALS, True),
    "WRONGPASS": Meaning("Redis does not accept the name and password of the address", Fault.CREDENTIALS, True),
    "DENIED": Meaning(
        "Redis runs in protected mode: without a password it admits only its own machine, and not this one",
        Fault.CREDENTIALS,
        True,
    ),
    "LOADING": Meaning("Redis is loading its data from disk and answers nothing else until that is done", Fault.SYSTEM),
    "MASTERDOWN": Meaning("this replica has lost its master and is told not to answer from old data", Fault.SYSTEM),
    "BUSY": Meaning("Redis is busy running a script and answers nothing else", Fault.SYSTEM),
    "CLUSTERDOWN": Meaning("the cluster is down: not every slot is served", Fault.SYSTEM),
    "MOVED": Meaning("another node of the cluster holds that", Fault.OURS),
    "ASK": Meaning("another node of the cluster is being given that", Fault.OURS),
}
# Replies that all begin with ERR are told apart by how they go on, in the words of Redis, Valkey, KeyDB and Dragonfly.
REDIS_ERRORS: tuple[tuple[str, Meaning], ...] = (
    (
        r"max number of clients",
        Meaning(
            "Redis has reached its limit of clients (maxclients) and accepts no more, not even this question",
            Fault.SYSTEM,
            True,
        ),
    ),
    (
        r"without any password|no password is set",
        Meaning(
            "the address has a password and this Redis asks for none: is it the right server?", Fault.CREDENTIALS, True
        ),
    ),
    (
        r"invalid password|invalid username-password|operation not permitted",
        Meaning("Redis does not accept the name and password of the address", Fault.CREDENTIALS, True),
    ),
    (
        r"DB index is out of range|invalid DB index|SELECT is not allowed",
        Meaning("this Redis has no database of the number in the address", Fault.OURS, True),
    ),
)
UNKNOWN_COMMAND = re.compile(
    r"unknown (?:sub)?command|unsupported command|not support"
    r"|(?:command|subcommand) .*(?:not (?:allowed|supported|available)|disabled)",
    re.I,
)


def redis_failure(error: redis.RedisError, command: str = "") -> NoAnswer:
    """An error reply in plain words."""
    prefix, text = error.status_code or str(error).partition(" ")[0], str(error)
    whole = text if text.startswith(prefix) else f"{prefix} {text}"
    if prefix == "NOPERM":
        asked_with = f" ({command})" if command else ""
        return NoAnswer(f"this user may not ask that{asked_with}: {text}", fault=Fault.CREDENTIALS)
    if prefix in REDIS_PREFIXES:
        words, fault, final = REDIS_PREFIXES[prefix]
        return NoAnswer(f"{words} ({prefix})", final, fault)
    if prefix == "ERR":
        for pattern, (words, fault, final) in REDIS_ERRORS:
            if re.search(pattern, text, re.I):
                return NoAnswer(words, final, fault)
        if UNKNOWN_COMMAND.search(text):
            return NoAnswer(
                f"the command {command or 'for that'} is not allowed here: "
                f"it is renamed, disabled, or not known to this server ({whole})",
                fault=Fault.CREDENTIALS,
            )
    return NoAnswer(f"Redis answers with an error: {whole}")
