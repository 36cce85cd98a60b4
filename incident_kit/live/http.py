"""One HTTP request, bounded in every way: time, size of the answer, redirects.

What comes back is an answer whatever its status.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import perf_counter
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from incident_kit.live import network
from incident_kit.live.addresses import shown_place, unusable
from incident_kit.live.network import CONNECT_S
from incident_kit.live.session import NoAnswer, Session
from incident_kit.model.answer import Fault, ServerClock

HEADERS = {"user-agent": "incident_kit", "accept": "application/json", "accept-encoding": "identity"}
SILENCE_S = 5.0
MOST_BYTES = 1 << 20
MOST_REDIRECTS = 3
NOT_HTTP = "the value is not an http:// or https:// address"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: `body` up to MOST_BYTES of it, and why it is `cut`, if there was more or it broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: str
    asked_at: datetime
    duration_ms: float
    redirects: int

    @property
    def kind(self) -> str:
        """The media type, such as application/json; empty if the server names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def data(self) -> tuple[Any, str]:
        """The body as JSON, or None and why it is not JSON."""
        if self.cut:
            return None, f"the answer broke off: {self.cut}"
        text = self.body.decode("utf-8", "replace").strip()
        if not text:
            return None, "the answer is empty"
        try:
            return json.loads(text, parse_constant=no_number), ""
        except (ValueError, RecursionError):
            if text.startswith("<"):
                return None, "the answer is an HTML page"
            return None, "the answer is no JSON, or JSON that breaks off"

    def clock(self) -> ServerClock | None:
        """The server's clock from its Date header, in whole seconds; none if there is none, or a cache kept it."""
        try:
            server_time = parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError):
            return None
        if server_time.tzinfo is None or "age" in self.headers:
            return None
        return ServerClock.compared(server_time.astimezone(UTC), self.asked_at, self.duration_ms, resolution_ms=1000)


def request(
    session: Session,
    method: str,
    url: str,
    form: Mapping[str, str] | None = None,
    shown_form: str = "",
    follow: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Send one request. Raises NoAnswer.

    `shown_form` is what the ledger shows of the form. With `follow`, which only a GET may have, redirects are followed.
    """
    parts = split_http(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    session.secrets = [*session.secrets, *(unquote(secret) for secret in (parts.password, parts.username) if secret)]
    where = shown_place(host, port)
    network.resolve(host, port, session.budget)
    shown = f"{method} {shown_url(url)}" + (f" {shown_form}" if shown_form else "")
    redirects, accepted = 0, False
    with ExitStack() as stack:

        def trace(event: str, info: Mapping[str, Any]) -> None:
            # httpcore reports each connection it makes. Without it, headers a byte at a time would have no end.
            nonlocal accepted
            if event == "connection.connect_tcp.complete":
                accepted = True
                stack.enter_context(session.budget.holding(info["return_value"].get_extra_info("socket").fileno()))

        client = stack.enter_context(
            httpx.Client(
                timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
                trust_env=not local(host),  # a proxy of the environment is for the world outside, not for this machine
                follow_redirects=False,
                headers=HEADERS,
            )
        )
        while True:
            session.budget.left_s()
            asked_at, begun = datetime.now(UTC), perf_counter()
            entry = session.note(shown)
            try:
                with client.stream(method, url, data=form, headers=headers, extensions={"trace": trace}) as response:
                    first_ms = (perf_counter() - begun) * 1000
                    body, cut = limited(response, session)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                entry.done(type(error).__name__)
                raise failure(error, host, port, accepted) from error
            entry.done(f"{response.status_code}, {len(body)} bytes")
            if not (follow and response.is_redirect):
                return Response(response.status_code, response.headers, body, cut, asked_at, first_ms, redirects)
            redirects += 1
            if redirects > MOST_REDIRECTS:
                reason = f"{where} redirects again and again; stopped after {MOST_REDIRECTS} redirects"
                raise NoAnswer(reason, final=True)
            url = str(response.next_request.url) if response.next_request else url
            next_host = split_http(url).hostname
            if next_host != host:
                raise unusable(f"{where} redirects to another host ({next_host}); it was not followed")
            shown = f"{method} {shown_url(url)}"


def failure(error: Exception, host: str, port: int, accepted: bool) -> NoAnswer:
    """A failed request in plain words; `accepted` is whether the other side took the connection."""
    where = shown_place(host, port)
    if isinstance(error, httpx.ConnectTimeout):
        if not accepted:
            return network.never_connected(where, CONNECT_S)
        return NoAnswer(f"{where} did not finish its TLS greeting within {CONNECT_S:g} s", final=True)
    if isinstance(error, httpx.TimeoutException):
        return NoAnswer(f"{where} sent nothing for {SILENCE_S:g} s", final=True)
    if isinstance(error, httpx.RemoteProtocolError):
        reason = f"{where} does not answer in HTTP, or ended the connection within its answer: {error}"
        return NoAnswer(reason, final=True)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return unusable(NOT_HTTP)
    if isinstance(error, httpx.ProxyError):
        reason = f"the proxy of this machine's environment did not lead to {where}"
        return NoAnswer(reason, final=True, fault=Fault.NETWORK)
    return network.failed(error, host, port)


def limited(response: httpx.Response, session: Session) -> tuple[bytes, str]:
    """The body as far as MOST_BYTES, and why it is not all of it."""
    body = bytearray()
    try:
        for block in response.iter_bytes():
            body += block
            if len(body) > MOST_BYTES:
                return bytes(body[:MOST_BYTES]), f"it is larger than {MOST_BYTES:,} bytes"
    except httpx.TimeoutException:
        return bytes(body), f"nothing more came for {SILENCE_S:g} s"
    except httpx.HTTPError as error:
        if session.budget.spent:
            return bytes(body), session.budget.reason()
        return bytes(body), f"the connection ended before it was complete ({type(error).__name__})"
    return bytes(body), ""


def no_number(word: str) -> None:
    """Refuse NaN and Infinity, which JSON does not have and Python would read."""
    raise ValueError(word)


def split_http(url: str) -> SplitResult:
    """The parts of an http:// or https:// address. Raises NoAnswer for any other."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise unusable(NOT_HTTP) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise unusable(NOT_HTTP)
    return parts


def shown_url(url: str) -> str:
    """An address without user, password, query and fragment."""
    parts = split_http(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def fault_of_status(status: int) -> Fault:
    """Whose fault it is that something else answered than the system that was asked.

    A status that turns us away, or that an address of ours gets, says nothing of the system.
    """
    if status in (401, 403, 407, 429):
        return Fault.CREDENTIALS
    return Fault.OURS if 300 <= status < 400 or status in (404, 405) else Fault.SYSTEM
