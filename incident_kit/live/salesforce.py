"""Salesforce: does it let the portal's user in by OAuth JWT bearer, and how much of its limits is left?

The login: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm
The limits: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_limits.htm

`simple-salesforce` signs and addresses. What it sends goes over our own bounded requests, so that time, size and ledger
are as everywhere here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from incident_kit.live import http
from incident_kit.live.addresses import unusable
from incident_kit.live.session import NoAnswer, Reply, Session
from incident_kit.model.answer import Answer, Fault, ServerClock

OWN_HOSTS = (".salesforce.com", ".force.com")
MOST_TEXT = 200
LOW_SHARE = 0.05
# OAuth's descriptions: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flow_errors.htm
MEANINGS = (
    ("user hasn't approved this consumer", "the Connected App is not approved for this user"),
    ("audience", "the assertion is meant for another login host (login, test or a domain of your own)"),
    ("expired authorization code", "the assertion had expired: is this machine's clock right?"),
    (
        "invalid assertion",
        "the assertion is not accepted: is it the right key, and is its certificate in the Connected App?",
    ),
    ("user is locked", "the user is locked"),
    ("inactive user", "the user is inactive"),
    ("inactive organization", "the organization is inactive"),
    ("client identifier invalid", "the Connected App is unknown: is it the right client id?"),
)
# Codes of an error that say that the org itself is not served.
# https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
NOT_SERVED = ("REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "ORG_LOCKED", "temporarily_unavailable", "server_error")


@dataclass(frozen=True, slots=True)
class Access:
    """How to sign in: the login address, the Connected App's client id, the user, the file of the private key."""

    url: str
    client_id: str
    username: str
    key_file: str


def ask(access: Access, session: Session) -> Iterator[Answer]:
    """The answers of Salesforce for this user."""
    session.secrets = [access.client_id, access.username]
    client = Client(access.url, session)  # raises NoAnswer for what is no address
    yield session.answer("login", "Does it let the portal's user in?", lambda: login(access, client))
    if not session.closed:
        yield session.answer("limits", "How much of its limits is left?", lambda: limits(client))


class Client:
    """What simple-salesforce takes for a session of `requests`: it sends by `http.request`, and explains refusals."""

    def __init__(self, url: str, session: Session) -> None:
        self._base, self._session = http.split_http(url), session
        self.proxies: dict[str, str] = {}
        self.token, self.instance = "", ""
        self.clock: ServerClock | None = None
        self.response_ms = 0.0

    def hide(self, secret: str) -> None:
        """Never show this value."""
        self._session.secrets = [*self._session.secrets, secret]

    def post(self, url: str, data: Mapping[str, str], headers: Any = None, proxies: Any = None) -> Any:
        return self._sent("POST", url, form=data, shown_form=f"grant_type={data['grant_type']} (with assertion)")

    def request(self, method: str, url: str, headers: Mapping[str, str]) -> Any:
        if method != "GET":
            raise ValueError(f"{method}: not a method that this package may send")
        return self._sent("GET", url, headers=headers)

    def _sent(self, method: str, url: str, **more: Any) -> Any:
        response = http.request(self._session, method, self._address(url), **more)
        self.clock, self.response_ms = response.clock(), response.duration_ms
        data, why_not = response.data()
        if response.status != 200:
            raise refusal(response.status, data)
        if why_not or not isinstance(data, dict):
            raise NoAnswer(f"it did not answer as Salesforce does: {why_not or 'an unknown shape of JSON'}", final=True)
        return SimpleNamespace(status_code=200, json=lambda **_: data, text="", headers=response.headers, url=url)

    def _address(self, url: str) -> str:
        """The address to send to. A login address that is no host of Salesforce is a gateway for all of them."""
        if (self._base.hostname or "").endswith(OWN_HOSTS):
            return url
        return str(urlunsplit((self._base.scheme, self._base.netloc, *urlsplit(url)[2:])))


def login(access: Access, client: Client) -> Reply:
    try:
        from jwt.exceptions import PyJWTError
        from simple_salesforce.login import SalesforceLogin
    except ImportError:
        raise unusable("simple-salesforce is not installed; install incident-kit[salesforce]") from None
    host = http.split_http(access.url).hostname or ""
    domain = host.removesuffix(".salesforce.com") if host.endswith(".salesforce.com") else "login"
    try:
        key = Path(access.key_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise unusable(f"the file of the private key cannot be read: {reason}") from None
    audience = domain if domain in ("login", "test") else "test" if ".sandbox." in host else "login"
    try:
        client.token, client.instance = SalesforceLogin(
            username=access.username,
            consumer_key=access.client_id,
            privatekey=key,
            session=cast(Any, client),
            domain=audience,
            instance_url=domain,
        )
    # What the key is put through raises these, and so does an answer without a token.
    except (PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise unusable(
            f"no assertion could be made, or no token was given: {type(error).__name__}: is the private key whole?"
        ) from None
    client.hide(client.token)
    return Reply({"instance": client.instance, "response_ms": round(client.response_ms, 3)}, client.clock)


def limits(client: Client) -> Reply:
    from simple_salesforce.api import Salesforce

    limits = Salesforce(session_id=client.token, instance=client.instance, session=cast(Any, client)).limits()
    rows = {
        name: {"max": limit["Max"], "remaining": limit["Remaining"]}
        for name, limit in sorted(limits.items())
        if isinstance(limit, dict) and {"Max", "Remaining"} <= set(limit)
    }
    low = [
        f"{name}: {row['remaining']:,} of {row['max']:,} are left"
        for name, row in rows.items()
        if row["max"] and row["remaining"] < LOW_SHARE * row["max"]
    ]
    return Reply({"limits": rows, "response_ms": round(client.response_ms, 3)}, warnings=tuple(low))


def refusal(status: int, data: Any) -> NoAnswer:
    """A refusal in plain words, with Salesforce's own behind."""
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return NoAnswer(
            f"it answers with status {status} and nothing that Salesforce would say: "
            "a maintenance page, or a gateway before it",
            True,
            http.fault_of_status(status),
        )
    code = str(first.get("error") or first.get("errorCode") or "")
    message = str(first.get("error_description") or first.get("message") or "")[:MOST_TEXT]
    meaning = next((meaning for text, meaning in MEANINGS if text in message.lower()), "Salesforce refuses")
    fault = Fault.SYSTEM if status >= 500 or code in NOT_SERVED else Fault.CREDENTIALS
    return NoAnswer(f"{meaning} (status {status}, {json.dumps(code)}: {message})", True, fault)
