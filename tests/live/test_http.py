"""The health check and WHMCS over a wire that behaves and misbehaves."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
import wire
from one_system import Outcome, ask_one

from incident_kit.live import health, whmcs
from incident_kit.model.answer import Answer, Status

IDENTIFIER, SECRET = "id3ntifier-of-nobody", "s3cret-of-nobody"
JSON = "Content-Type: application/json"
SICK = {"status": "error", "checks": {"database": "ok", "cache": "fail"}}
TERMINUS = {
    "status": "error",
    "info": {"database": {"status": "up"}},
    "error": {"cache": {"message": "connect ECONNREFUSED 10.0.0.5:6379", "status": "down"}},
    "details": {
        "database": {"status": "up"},
        "cache": {"message": "connect ECONNREFUSED 10.0.0.5:6379", "status": "down"},
    },
}


def ask_health(port: int, budget_s: float = 8.0, scheme: str = "http") -> Outcome:
    return ask_one(
        "health", lambda session: health.ask(f"{scheme}://127.0.0.1:{port}/health", session), budget_s, "health_url"
    )


def of_health(behave: Callable[[socket.socket], None], budget_s: float = 8.0) -> Answer:
    with wire.serving(behave) as port:
        return ask_health(port, budget_s).answers["health"]


def of_whmcs(behave: Callable[[socket.socket], None], identifier: str = IDENTIFIER, secret: str = SECRET) -> Answer:
    with wire.serving(behave) as port:
        return ask_one(
            "whmcs", lambda session: whmcs.ask(f"http://127.0.0.1:{port}/includes/api.php", identifier, secret, session)
        ).answers["whmcs"]


def answering(data: object, status: str = "200 OK", *headers: str) -> Callable[[socket.socket], None]:
    return wire.http(status, json.dumps(data).encode(), JSON, *headers)


def test_healthy_in_the_shape_of_the_runbook() -> None:
    answer = of_health(answering({"status": "ok", "checks": {"database": "ok", "cache": "ok"}}))
    assert (answer.status, answer.data["shape"], answer.data["overall"]) == (Status.OK, "checks", "up")
    assert answer.data["checks"]["cache"]["state"] == "up"


def test_a_503_with_a_body_is_an_answer() -> None:
    answer = of_health(answering(SICK, "503 Service Unavailable"))
    assert (answer.status, answer.data["http_status"], answer.data["overall"]) == (Status.OK, 503, "down")
    assert answer.warnings == ("the BFF says: cache is down",)


def test_the_shape_of_terminus_with_its_details() -> None:
    answer = of_health(answering(TERMINUS, "503 Service Unavailable"))
    assert answer.data["shape"] == "terminus"
    assert answer.warnings == ("the BFF says: cache is down (connect ECONNREFUSED 10.0.0.5:6379)",)


@pytest.mark.parametrize("body", [{"alive": True}, {"checks": {}}, {"status": "ok"}, [], 7, None])
def test_an_unknown_shape_is_never_healthy(body: object) -> None:
    answer = of_health(answering(body))
    assert answer.status is Status.PARTIAL
    assert "nothing can be concluded" in answer.reason


def test_a_word_nobody_knows_is_not_healthy() -> None:
    answer = of_health(answering({"status": "ok", "checks": {"cache": "meh", "database": "ok"}}))
    assert answer.data["checks"]["cache"]["state"] == "unknown"
    assert "what it says of cache is in no known words" in answer.reason


def test_the_clock_of_the_date_header_has_its_bound() -> None:
    answer = of_health(answering(SICK, "503 Service Unavailable", "Date: Mon, 23 Nov 2026 07:40:02 GMT"))
    assert answer.clock is not None
    assert answer.clock.error_ms >= 500  # it tells whole seconds
    cached = of_health(answering(SICK, "200 OK", "Date: Mon, 23 Nov 2026 07:40:02 GMT", "Age: 60"))
    assert cached.clock is None


def test_a_secret_in_the_body_is_not_kept() -> None:
    outcome = of_health(
        answering(
            {
                "checks": {"database": {"status": "down", "message": f"postgresql://app:{SECRET}@db/portal"}},
                "token": SECRET,
            }
        )
    )
    assert SECRET not in outcome.content().decode()
    assert outcome.data["checks"]["database"]["state"] == "down"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://127.0.0.1:1/health", {"outside": False}),
        ("http://localhost:1/health", {"outside": False}),
        ("http://[::1]:1/health", {"outside": False}),
        ("https://portal.invalid/health", {"outside": True}),
        ("portal.invalid/health", {}),
    ],
)
def test_where_it_was_asked_is_told_even_where_nothing_answers(url: str, where: dict[str, bool]) -> None:
    answer = ask_one("health", lambda session: health.ask(url, session), 8.0, "health_url").answers["health"]
    assert answer.status is Status.FAILED
    assert answer.data == where


def test_a_throttled_probe_says_nothing_of_health() -> None:
    answer = of_health(
        answering({"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}, "429 Too Many Requests")
    )
    assert "rate limit" in answer.reason


def test_slow_drip_of_a_body_is_cut_and_its_status_is_kept() -> None:
    answer = of_health(wire.dripping_body, 2)
    assert (answer.status, answer.data["http_status"]) == (Status.PARTIAL, 200)
    assert "no complete answer within the 2 s allowed" in answer.reason


def test_a_hundred_megabytes_are_not_read() -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        wire.request_of(connection)
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {100 << 20}\r\n\r\n".encode())
        for _ in range(100):
            connection.sendall(b" " * (1 << 20))
            sent += 1

    answer = of_health(flood)
    assert "larger than 1,048,576 bytes" in answer.reason
    assert sent < 50


def test_a_redirect_to_another_host_is_not_followed() -> None:
    assert (
        "redirects to another host (example.com); it was not followed"
        in of_health(wire.http("302 Found", b"", "Location: http://example.com/")).reason
    )


def test_whmcs_counts_are_kept_and_clients_are_not() -> None:
    sent: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        received = wire.request_of(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        while len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            body += connection.recv(4096)
        sent.append(body)
        clients = [{"id": 1, "firstname": "Hanako", "lastname": "Yamada", "email": "hanako@example.jp"}]
        text = json.dumps(
            {
                "result": "success",
                "totalresults": 4711,
                "startnumber": 0,
                "numreturned": 1,
                "clients": {"client": clients},
            }
        ).encode()
        connection.sendall(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)

    answer = of_whmcs(behave)
    form = {name: values[0] for name, values in parse_qs(sent[0].decode()).items()}
    assert form == {
        "action": "GetClients",
        "limitstart": "0",
        "limitnum": "1",
        "responsetype": "json",
        "identifier": IDENTIFIER,
        "secret": SECRET,
    }
    assert (answer.status, answer.data["authenticated"], answer.data["totalresults"]) == (Status.OK, True, 4711)
    assert len(sent) == 1
    stored = (answer.content() + answer.ledger_lines()).decode()
    for text in ("Hanako", "Yamada", "hanako@example.jp", IDENTIFIER, SECRET):
        assert text not in stored


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Authentication Failed", "the secret is wrong or missing"),
        ("Invalid or missing credentials", "the identifier is wrong or missing"),
        ("Invalid IP 203.0.113.9", "this machine's address is not on its list"),
        ("IP Banned", "this machine's address is banned"),
        ('Invalid Permissions: API action "getclients" is not allowed', "these credentials may not read clients"),
    ],
)
def test_whmcs_refusing_with_a_200_is_no_success(message: str, words: str) -> None:
    answer = of_whmcs(answering({"result": "error", "message": message}))
    assert (answer.status, answer.data["authenticated"]) == (Status.PARTIAL, False)
    assert words in answer.reason


def test_whmcs_without_credentials_is_reachable_and_not_more() -> None:
    answer = of_whmcs(answering({"result": "error", "message": "Authentication Failed"}), "", "")
    assert answer.status is Status.PARTIAL
    assert "WHMCS is there and answers in JSON" in answer.reason
    assert answer.data["authenticated"] is None


def test_whmcs_credentials_do_not_follow_a_redirect() -> None:
    assert (
        "it redirects (status 302), which was not followed"
        in of_whmcs(wire.http("302 Found", b"", "Location: /elsewhere")).reason
    )


def test_whmcs_with_a_body_that_lies_about_everything() -> None:
    for text in (
        b"",
        b"null",
        b"[]",
        b'{"result": ',
        b'{"result": NaN}',
        b'{"result": {"a": 1}}',
        b'{"result": "\\ud800"}',
    ):
        answer = of_whmcs(wire.http("200 OK", text, JSON))
        assert answer.status is Status.PARTIAL
        json.loads(answer.content())
