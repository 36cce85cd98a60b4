"""Whose fault a failure is, by its kind.

Kinds are exceptions of the network, SQLSTATEs and words of PostgreSQL and its poolers, prefixes of Redis, and statuses
of HTTP.
"""

from __future__ import annotations

import errno
import socket
import ssl
from pathlib import Path

import psycopg
import pytest
import wire
from one_system import ask_one

from incident_kit.live import environment, network, process, redis, salesforce
from incident_kit.live.failures import meaning_of_connecting, postgres_failure
from incident_kit.live.session import Budget, NoAnswer, Session
from incident_kit.model.answer import Fault, Status

SYSTEM, NETWORK, CREDENTIALS, OURS = Fault.SYSTEM, Fault.NETWORK, Fault.CREDENTIALS, Fault.OURS


@pytest.mark.parametrize("host", ["cache.internal", "certificate.internal", "interrupted", "does-not-resolve.example"])
@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (ConnectionRefusedError(), SYSTEM),
        (ConnectionResetError(), SYSTEM),
        (BrokenPipeError(), SYSTEM),
        (TimeoutError(), SYSTEM),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NETWORK),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), NETWORK),
        (OSError(errno.EHOSTUNREACH, "No route to host"), NETWORK),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), NETWORK),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), NETWORK),
        (ssl.SSLError(1, "tlsv1 alert protocol version"), NETWORK),
        (FileNotFoundError(), NETWORK),
        (PermissionError(), CREDENTIALS),
    ],
)
def test_a_failure_of_the_network_by_its_kind_whatever_the_host_is_called(
    host: str, error: OSError, whose: Fault
) -> None:
    assert network.failed(error, host, 6379).fault is whose
    wrapped = RuntimeError("in the driver")
    wrapped.__cause__ = error
    assert network.failed(wrapped, host, 6379).fault is whose


PLACE = 'connection failed: connection to server at "{host}", port 5432 failed: '


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-database.internal", "auth-failed.too-many-clients-already"])
@pytest.mark.parametrize(
    ("words", "whose"),
    [
        ("Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?", SYSTEM),
        ("server closed the connection unexpectedly", SYSTEM),
        ('FATAL:  password authentication failed for user "bff"', CREDENTIALS),
        ('FATAL:  Peer authentication failed for user "bff"', CREDENTIALS),
        ("fe_sendauth: no password supplied", CREDENTIALS),
        ('FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "bff", database "shop", no encryption', CREDENTIALS),
        ('FATAL:  role "bff" does not exist', CREDENTIALS),
        ('FATAL:  database "shop" does not exist', OURS),
        ("FATAL:  sorry, too many clients already", SYSTEM),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", SYSTEM),
        ('FATAL:  too many connections for role "bff"', SYSTEM),
        ("FATAL:  the database system is in recovery mode", SYSTEM),
        ("server does not support SSL, but SSL was required", NETWORK),
        ("SSL error: certificate verify failed", NETWORK),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', OURS),
        ("received invalid response to SSL negotiation: H", OURS),
        ("No route to host", NETWORK),
        ("FATAL:  no more connections allowed (max_client_conn)", SYSTEM),
        ("FATAL:  query_wait_timeout", SYSTEM),
        ("FATAL:  server login has been failing, try again later (server_login_retry)", SYSTEM),
        (
            "FATAL:  server login has been failing, cached error: password authentication failed (server_login_retry)",
            SYSTEM,
        ),
        ("FATAL:  no such database: shop", OURS),
        ("FATAL:  unsupported startup parameter: extra_float_digits", OURS),
        ("FATAL:  SASL authentication failed", CREDENTIALS),
        ("FATAL:  bouncer config error", SYSTEM),
        ("FATAL:  Tenant or user not found", CREDENTIALS),
        (
            "FATAL:  MaxClientsInSessionMode: max clients reached - "
            "in Session mode max clients are limited to pool_size",
            SYSTEM,
        ),
        ("FATAL:  パスワード認証に失敗しました", OURS),  # words that are not known here confirm nothing
    ],
)
def test_a_failure_to_connect_to_postgres_by_its_words_and_never_by_its_hosts(
    host: str, words: str, whose: Fault
) -> None:
    assert (
        postgres_failure(
            psycopg.OperationalError(PLACE.format(host=host) + words), "postgresql://somewhere", True
        ).fault
        is whose
    )


@pytest.mark.parametrize(
    ("state", "whose"),
    [
        ("57014", SYSTEM), ("55P03", SYSTEM), ("53300", SYSTEM), ("53200", SYSTEM), ("57P01", SYSTEM),
        ("58030", SYSTEM), ("XX001", SYSTEM),
        ("42501", CREDENTIALS), ("28P01", CREDENTIALS), ("28000", CREDENTIALS),
        ("42P01", OURS), ("42703", OURS), ("0A000", OURS), ("3D000", OURS), ("25006", OURS),
    ],
)  # fmt: skip
def test_an_error_of_postgres_by_its_state(state: str, whose: Fault) -> None:
    assert postgres_failure(psycopg.errors.lookup(state)("words"), "postgresql://somewhere", False).fault is whose


@pytest.mark.parametrize(
    ("reply", "whose"),
    [
        ("NOAUTH Authentication required.", CREDENTIALS),
        ("WRONGPASS invalid username-password pair or user is disabled.", CREDENTIALS),
        ("ERR invalid password", CREDENTIALS),  # before Redis 6
        ("ERR Client sent AUTH, but no password is set", CREDENTIALS),
        ("NOPERM this user has no permissions to run the 'ping' command", CREDENTIALS),
        ("DENIED Redis is running in protected mode", CREDENTIALS),
        ("ERR unknown command 'PING', with args beginning with:", CREDENTIALS),
        ("ERR unknown command `INFO`", CREDENTIALS),
        ("ERR Command is not available: 'INFO'. See https://docs.example", CREDENTIALS),
        ("ERR DB index is out of range", OURS),
        ("ERR SELECT is not allowed in cluster mode", OURS),
        ("MOVED 3999 127.0.0.1:6381", OURS),
        ("ERR max number of clients reached", SYSTEM),
        ("LOADING Redis is loading the dataset in memory", SYSTEM),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", SYSTEM),
        ("BUSY Redis is busy running a script.", SYSTEM),
        ("CLUSTERDOWN Hash slot not served", SYSTEM),
        ("MISCONF Errors writing to the AOF file", SYSTEM),
    ],
)
def test_an_error_of_redis_by_its_prefix(reply: str, whose: Fault) -> None:
    def says(connection: socket.socket) -> None:
        while connection.recv(4096):
            connection.sendall(f"-{reply}\r\n".encode())

    with wire.serving(says) as port:
        outcome = ask_one("redis", lambda session: redis.ask(f"redis://127.0.0.1:{port}", session))
    ping = outcome.answers["redis.ping"]
    assert (ping.status, ping.fault) == (Status.FAILED, whose), ping.reason


@pytest.mark.parametrize(
    ("status", "body", "whose"),
    [
        (400, {"error": "invalid_grant", "error_description": "user hasn't approved this consumer"}, CREDENTIALS),
        (401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}], CREDENTIALS),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], SYSTEM),
        (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "Service Unavailable"}], SYSTEM),
        (503, None, SYSTEM),
        (404, None, OURS),
        (403, None, CREDENTIALS),
    ],
)
def test_a_refusal_of_salesforce_by_its_status_and_code(status: int, body: object, whose: Fault) -> None:
    assert salesforce.refusal(status, body).fault is whose


def test_what_is_missing_on_this_machine_is_no_fault_of_the_portal(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer) as no_file:
        environment.read(tmp_path / "none.env")
    assert no_file.value.fault is OURS
    outcome = ask_one("process", lambda session: process.ask("no-such-process-anywhere-9", session))
    assert outcome.answers["process"].fault is OURS
    key = ask_one(
        "salesforce",
        lambda session: salesforce.ask(
            salesforce.Access("https://login.example", "id", "user", str(tmp_path / "none.pem")), session
        ),
    )
    assert key.answers["salesforce.login"].fault is OURS
    address = ask_one(
        "salesforce",
        lambda session: salesforce.ask(salesforce.Access("login.example", "id", "user", "key.pem"), session),
    )
    assert address.answers["salesforce"].fault is OURS
    budget = Budget(0.0)
    assert Session("one", "TARGET", budget).answer("a", "?", lambda: pytest.fail("was asked")).fault is OURS


@pytest.mark.parametrize(
    ("said", "whose"),
    [
        ('database "too many clients already" does not exist', Fault.OURS),
        ('database "a" too many clients already" does not exist', Fault.OURS),
        ('password authentication failed for user "too many clients already"', Fault.CREDENTIALS),
        ('role "the database system is starting up" does not exist', Fault.CREDENTIALS),
        ("sorry, too many clients already", Fault.SYSTEM),
    ],
)
def test_the_name_of_a_database_or_a_role_is_no_word_of_postgres(said: str, whose: Fault) -> None:
    where = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  '
    meaning = meaning_of_connecting(where + said)
    assert meaning is not None
    assert meaning.fault is whose
