"""`triage --live` and the doctor over systems that cannot be asked, or answer in words of their own.

What is their fault is kept apart from what is only ours.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import servers
import wire
from case_logs import incident, record, request, write

from tests.command import NO_BFF, NO_SYSTEMS, Kit

REDIS_ERRORS, PRISMA_ERRORS = "redis_failures/redis_errors", "database_issues/prisma_errors"


def verdicts(
    kit: Kit, folder: Path, environment: dict[str, str], *arguments: object, logs: str = '["none/*.log"]'
) -> tuple[dict[str, str], str]:
    """The verdict on each symptom of a triage of what is live, and all that was printed."""
    (folder / "incident-kit.toml").write_text(f"{NO_BFF}logs = {logs}\n")
    finished = kit("triage", "--live", "--json", *arguments, cwd=folder, env={**NO_SYSTEMS, **environment})
    assert finished.returncode in (0, 3), finished.stderr
    triage: Any = json.loads(finished.stdout)
    ranked = triage["scenarios"] if isinstance(triage, dict) else triage
    return {
        f"{scenario['scenario']}/{symptom['id']}": symptom["verdict"]
        for scenario in ranked
        for symptom in scenario["symptoms"]
    }, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "prisma://accelerate.example/?api_key=nobodys"},
        {"DATABASE_URL": "mysql://bff:nobodys@127.0.0.1/shop"},
        {"DATABASE_URL": "postgresql://bff:nobodys@no-such-host.invalid/shop"},
        {"DATABASE_URL": "postgresql://bff:nobodys@127.0.0.1:9/shop?sslmode=sometimes"},
        {"REDIS_URL": "redis-sentinel://:nobodys@127.0.0.1:26379/portal"},
        {"REDIS_URL": "rediss://:nobodys@no-such-host.invalid"},
        {"WHMCS_API_URL": "billing.example"},
        {"REDIS_URL": os.fsdecode(b"redis://127.0.0.1:9\xff")},
        {"DATABASE_URL": os.fsdecode(b"postgresql://127.0.0.1\xff/shop")},
        {"REDIS_URL": "unix:///etc/hostname"},
        {"REDIS_URL": "unix:///tmp"},
        {"REDIS_URL": "unix:///%00x"},
    ],
)
def test_what_keeps_us_from_asking_confirms_nothing_and_rules_nothing_out(
    kit: Kit, tmp_path: Path, environment: dict[str, str]
) -> None:
    verdict_of, printed = verdicts(kit, tmp_path, environment)
    assert "confirmed" not in verdict_of.values()
    assert "our own fault" not in printed
    symptom = {
        "DATABASE_URL": PRISMA_ERRORS,
        "REDIS_URL": REDIS_ERRORS,
        "WHMCS_API_URL": "whmcs_unavailable/whmcs_fails",
    }[next(iter(environment))]
    assert verdict_of[symptom] in ("inconclusive", "not_checked")
    assert "nobodys" not in printed


@pytest.mark.parametrize(
    "query",
    ["sslmode=no-verify", "ssl=true&application_name=bff@node1", "schema=public&sslaccept=strict&sslmode=require"],
)
def test_a_refused_connection_is_postgres_own_whatever_only_node_knows_in_the_address(
    kit: Kit, tmp_path: Path, query: str
) -> None:
    verdict_of, printed = verdicts(
        kit, tmp_path, {"DATABASE_URL": f"postgresql://bff:nobodys@127.0.0.1:9/shop?{query}"}
    )
    assert verdict_of[PRISMA_ERRORS] == "confirmed"
    assert "postgresql://127.0.0.1:9/shop: the connection is refused" in printed
    assert "node1" not in printed


def test_a_redis_that_answers_ping_and_lets_nobody_ask_more_is_not_said_to_fail(kit: Kit, tmp_path: Path) -> None:
    refused = ("INFO", "SLOWLOG", "CLIENT", "SCAN", "LATENCY", "TIME")
    with servers.redis(config=[f'rename-command {command} ""' for command in refused]) as server:
        verdict_of, printed = verdicts(kit, tmp_path, {"REDIS_URL": server.url})
    assert "confirmed" not in verdict_of.values()
    for command in ("INFO everything", "SLOWLOG GET", "CLIENT LIST", "SCAN", "LATENCY LATEST"):
        assert f"the command {command} is not allowed here" in printed


def test_a_sentinel_is_said_to_be_one_and_names_its_master(kit: Kit, tmp_path: Path) -> None:
    with (
        servers.redis() as master,
        servers.redis(config=[f"sentinel monitor portal-cache 127.0.0.1 {master.port} 1"], sentinel=True) as server,
    ):
        verdict_of, printed = verdicts(kit, tmp_path, {"REDIS_URL": server.url})
    assert not {"confirmed", "ruled_out"} & {
        verdict for symptom, verdict in verdict_of.items() if symptom.startswith("redis_failures")
    }
    assert (
        "this is a Sentinel, which watches over a Redis and holds nothing itself; "
        f"it knows portal-cache at 127.0.0.1:{master.port}" in printed
    )


def test_keys_of_one_node_of_a_cluster_are_said_to_be_those_of_one_node(kit: Kit, tmp_path: Path) -> None:
    with servers.redis_cluster() as nodes:
        for number in range(12):
            for node in nodes:  # the one that does not hold it says so
                servers.reply_to(node.port, f"SET sf:pe:replay:/event/Number{number}__e {5_000_000 + number}\r\n")
        verdict_of, printed = verdicts(kit, tmp_path, {"REDIS_URL": nodes[0].url})
    for question in ("redis.keys", "redis.replay", "redis.queues"):
        [line] = [line for line in printed.splitlines() if f"  {question}  " in line]
        assert line.lstrip().startswith("partial")
        assert "one node of a cluster of 2 masters was asked" in line
    assert verdict_of[REDIS_ERRORS] == "ruled_out"


def test_triage_of_live_systems_reads_the_configured_logs_too(kit: Kit, tmp_path: Path) -> None:
    write(tmp_path / "portal.log", incident())
    verdict_of, printed = verdicts(kit, tmp_path, {}, logs='["*.log"]')
    assert "no log is in the evidence" not in printed
    assert verdict_of["high_error_rate/error_rate"] == "confirmed"


def test_configured_logs_that_cannot_be_read_do_not_keep_triage_from_asking(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "portal.log").write_bytes(b"\x00\x01\x02" * 100)
    with servers.redis() as server:
        verdict_of, printed = verdicts(kit, tmp_path, {"REDIS_URL": server.url}, logs='["*.log"]')
    assert "the configured logs could not be preserved" in printed
    assert verdict_of[REDIS_ERRORS] == "ruled_out"


@pytest.mark.parametrize("log_pattern", ["logs", "logs/", "log*", "/abs"])
def test_the_doctor_says_of_a_folder_among_the_logs_what_to_write(kit: Kit, tmp_path: Path, log_pattern: str) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "portal.log", incident())
    (tmp_path / "incident-kit.toml").write_text(
        f'{NO_BFF}logs = ["{log_pattern if log_pattern != "/abs" else folder}"]\n'
    )
    finished = kit("doctor", cwd=tmp_path, env=NO_SYSTEMS)
    assert finished.returncode == 3
    assert "ready  logs" not in finished.stdout
    assert f"not ready  {folder}: it is a folder" in finished.stdout
    assert "/*" in finished.stdout
    (tmp_path / "incident-kit.toml").write_text(f'{NO_BFF}logs = ["{folder}/*"]\n')
    finished = kit("doctor", cwd=tmp_path, env=NO_SYSTEMS)
    assert finished.returncode == 0, finished.stdout
    assert "ready  logs: 1 file(s)" in finished.stdout


def test_the_doctor_opens_the_logs_as_triage_does(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "portal.log").write_bytes(b"\x00\x01\x02" * 100)
    (tmp_path / "incident-kit.toml").write_text(f'{NO_BFF}logs = ["*.log"]\n')
    finished = kit("doctor", cwd=tmp_path, env=NO_SYSTEMS)
    assert finished.returncode == 3
    assert "not ready  log files: " in finished.stdout


def failing(seconds: int, share: float, apart: float = 0.5) -> list[str]:
    """Ten good minutes, then so many seconds in which this share of the requests fails, then nothing."""
    good = [request(place, url=f"/api/orders/{place}") for place in range(600)]
    n = round(seconds / apart)
    bad = [
        request(600 + place * apart, url=f"/api/orders/{place}", status=500 if place < share * n else 200)
        for place in range(n)
    ]
    return [record(0, "Nest application successfully started"), *good, *bad]


@pytest.mark.parametrize(
    ("seconds", "share", "certain"),
    [(60, 1.0, True), (60, 0.97, True), (60, 0.6, False), (20, 1.0, False)],  # the last are forty requests
)
def test_when_nearly_all_of_many_requests_fail_one_stretch_of_time_is_enough(
    kit: Kit, tmp_path: Path, seconds: int, share: float, certain: bool
) -> None:
    write(tmp_path / "portal.log", failing(seconds, share))
    (tmp_path / "incident-kit.toml").write_text(NO_BFF)
    finished = kit("triage", "--json", "-l", "portal.log", cwd=tmp_path, env=NO_SYSTEMS)
    triage: Any = json.loads(finished.stdout)
    ranked = triage["scenarios"] if isinstance(triage, dict) else triage
    [error_rate] = [
        symptom
        for scenario in ranked
        for symptom in scenario["symptoms"]
        if (scenario["scenario"], symptom["id"]) == ("high_error_rate", "error_rate")
    ]
    assert (error_rate["verdict"] == "confirmed") is certain, error_rate["statement"]


def test_an_answer_without_rows_is_shown_as_one_of_its_moment(kit: Kit, tmp_path: Path) -> None:
    try:
        with servers.postgres() as server:
            (tmp_path / "incident-kit.toml").write_text(f'{NO_BFF}logs = ["none/*.log"]\n')
            finished = kit(
                "report", "database_issues", "--live", cwd=tmp_path, env={**NO_SYSTEMS, "DATABASE_URL": server.dsn}
            )
    except servers.ServerUnavailable as reason:
        pytest.skip(str(reason))
    [line] = [line for line in finished.stderr.splitlines() if "  postgres.blocking  " in line]
    assert "none at " in line
    assert "which tells of that moment only" in line
    page = (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")
    assert "which tells of that moment only" in page


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
@pytest.mark.parametrize(
    ("name", "address", "symptom"),
    [
        ("REDIS_URL", "redis://127.0.0.1:{}", REDIS_ERRORS),
        ("DATABASE_URL", "postgresql://bff:nobodys@127.0.0.1:{}/shop", PRISMA_ERRORS),
    ],
)
def test_a_port_that_wants_tls_from_the_first_byte_is_our_address_and_not_its_fault(
    kit: Kit, tmp_path: Path, name: str, address: str, symptom: str
) -> None:
    with tls_server(tmp_path) as port:
        verdict_of, printed = verdicts(kit, tmp_path, {name: address.format(port)})
    assert "confirmed" not in verdict_of.values()
    assert verdict_of[symptom] in ("inconclusive", "not_checked")
    assert "TLS" in printed


@pytest.mark.parametrize("reply", [b"*1\r\n" * 20_000, b":abc\r\n", b"$99x\r\n", b"*x\r\n"])
def test_what_is_no_reply_of_redis_is_said_to_be_none(kit: Kit, tmp_path: Path, reply: bytes) -> None:
    with wire.serving(
        lambda connection: (connection.recv(999), connection.sendall(reply), connection.recv(999))
    ) as port:
        verdict_of, printed = verdicts(kit, tmp_path, {"REDIS_URL": f"redis://127.0.0.1:{port}"})
    assert "our own fault" not in printed
    assert verdict_of[REDIS_ERRORS] != "confirmed"


@contextmanager
def tls_server(folder: Path) -> Iterator[int]:
    """The port of a server that ends what does not begin with a handshake of TLS."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    files = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def handshake(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(1)

    with wire.serving(handshake) as port:
        yield port
