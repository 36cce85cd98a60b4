"""Salesforce by OAuth JWT bearer against a stand-in of its login and its limits; the signing is the real library's."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest
import wire
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from one_system import Outcome, ask_one

from incident_kit.config.settings import Configuration
from incident_kit.live import salesforce
from incident_kit.live.systems import systems
from incident_kit.model.answer import Status

CLIENT_ID, USER, TOKEN = "3MVG9invented-client-id", "portal@invented.example.jp", "00Dinvented!AQ.never-to-be-shown"
LIMITS = {
    "DailyApiRequests": {"Max": 15000, "Remaining": 14998},
    "HourlyPublishedPlatformEvents": {"Max": 50000, "Remaining": 12},
    "Odd": 7,
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key.pem"
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return path


class StandIn:
    """Answers the login with `login`, the limits with `limits`, and keeps the assertions it got.

    Each answer is a status and a body.
    """

    def __init__(self) -> None:
        self.login: tuple[str, object] = (
            "200 OK",
            {"access_token": TOKEN, "instance_url": "https://invented.my.salesforce.com"},
        )
        self.limits: tuple[str, object] = ("200 OK", LIMITS)
        self.assertions: list[str] = []
        self.lines: list[str] = []

    def behave(self, connection: socket.socket) -> None:
        received = wire.request_of(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        self.lines.append(head.split(b"\r\n")[0].decode())
        if head.startswith(b"POST"):
            while len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
                body += connection.recv(65_536)
            self.assertions += parse_qs(body.decode())["assertion"]
        status, data = self.login if head.startswith(b"POST") else self.limits
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        connection.sendall(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
            + text
        )


@contextmanager
def standing_in() -> Iterator[tuple[StandIn, Callable[[Path], Outcome]]]:
    stand_in = StandIn()
    with wire.serving(stand_in.behave) as port:

        def ask(key: Path) -> Outcome:
            access = salesforce.Access(f"http://127.0.0.1:{port}", CLIENT_ID, USER, str(key))
            return ask_one("salesforce", lambda session: salesforce.ask(access, session))

        yield stand_in, ask


def test_login_and_limits_with_nothing_secret_kept(key: Path) -> None:
    with standing_in() as (stand_in, ask):
        outcome = ask(key)
    assert [answer.status for answer in outcome.answers.values()] == [Status.OK, Status.OK], outcome.words
    assert outcome.answers["salesforce.limits"].data["limits"]["DailyApiRequests"] == {"max": 15000, "remaining": 14998}
    assert outcome.words == "HourlyPublishedPlatformEvents: 12 of 50,000 are left"
    claims = jwt.decode(stand_in.assertions[0], options={"verify_signature": False, "verify_aud": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == (CLIENT_ID, USER, "https://login.salesforce.com")
    assert [line.split()[0] for line in stand_in.lines] == ["POST", "GET"]
    assert len([sent for sent in outcome.ledger if not sent.text.startswith("(")]) == len(stand_in.lines)
    stored = "".join((answer.content() + answer.ledger_lines()).decode() for answer in outcome.answers.values())
    for secret in (CLIENT_ID, USER, TOKEN, *stand_in.assertions):
        assert secret not in stored


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("user hasn't approved this consumer", "the Connected App is not approved for this user"),
        ("audience is invalid", "the assertion is meant for another login host"),
        ("invalid assertion", "is its certificate in the Connected App?"),
        ("something nobody has seen", "Salesforce refuses (status 400"),
    ],
)
def test_a_refused_login_says_what_it_means(key: Path, description: str, words: str) -> None:
    with standing_in() as (stand_in, ask):
        stand_in.login = "400 Bad Request", {"error": "invalid_grant", "error_description": description}
        outcome = ask(key)
    assert list(outcome.answers) == ["salesforce.login"]
    assert words in outcome.words


def test_a_used_up_limit_refuses_the_limits_themselves(key: Path) -> None:
    with standing_in() as (stand_in, ask):
        stand_in.limits = (
            "403 Forbidden",
            [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
        )
        outcome = ask(key)
    assert outcome.answers["salesforce.login"].status is Status.OK
    assert "REQUEST_LIMIT_EXCEEDED" in outcome.answers["salesforce.limits"].reason


def test_a_maintenance_page(key: Path) -> None:
    with standing_in() as (stand_in, ask):
        stand_in.login = "503 Service Unavailable", b"<html>We are down for maintenance</html>"
        assert "a maintenance page" in ask(key).words


def test_an_answer_without_a_token(key: Path) -> None:
    with standing_in() as (stand_in, ask):
        stand_in.login = "200 OK", {}
        assert "no token was given" in ask(key).words


def test_a_key_that_lost_its_line_ends(key: Path, tmp_path: Path) -> None:
    mangled = tmp_path / "mangled.pem"
    mangled.write_text(key.read_text().replace("\n", "\\n"))
    with standing_in() as (stand_in, ask):
        outcome = ask(mangled)
    assert "is the private key whole?" in outcome.words
    assert stand_in.lines == []


def test_a_key_file_that_is_missing(tmp_path: Path) -> None:
    with standing_in() as (_, ask):
        assert "the file of the private key cannot be read: No such file" in ask(tmp_path / "none.pem").words


def test_where_something_is_not_named_nothing_is_asked() -> None:
    outcome = ask_one(
        "salesforce",
        next(
            system.ask
            for system in systems(Configuration(), {"SF_LOGIN_URL": "https://login.salesforce.com"})
            if system.name == "salesforce"
        ),
    )
    (answer,) = outcome.answers.values()
    assert (answer.status, answer.reason) == (
        Status.NOT_CHECKED,
        "SF_CLIENT_ID, SF_USERNAME, SF_PRIVATE_KEY_PATH are not set",
    )


def test_only_reading_requests_can_be_sent() -> None:
    from incident_kit.live.session import Budget, Session

    session = salesforce.Client("https://login.salesforce.com", Session("salesforce", "T", Budget(1)))
    with pytest.raises(ValueError, match="DELETE: not a method"):
        session.request("DELETE", "https://login.salesforce.com/x", {})
