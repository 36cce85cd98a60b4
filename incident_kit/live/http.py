"""One HTTP request, bounded in every way: time, size of the answer, redirects. What comes back is an answer whatever its status."""

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
from urllib.parse import unquote, urlsplit

import httpx

from incident_kit.live import network
from incident_kit.live.addresses import shown_place
from incident_kit.live.network import CONNECT_S
from incident_kit.live.session import NoAnswer, Session
from incident_kit.model.answer import Fault, ServerClock

AGENT = "incident_kit"
SILENCE_S = 5.0
MOST_BYTES = 1 << 20
MOST_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: `body` up to MOST_BYTES of it, `cut` if there was more or it broke off, and why."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: str
    asked_at: datetime
    duration_ms: float
    redirects: int

    @property
    def kind(self) -> str:
        """The media type, such as application/json; empty if it was not said."""
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
            return None, "the answer is an HTML page" if text.startswith(
                "<"
            ) else "the answer is no JSON, or JSON that breaks off"

    def clock(self) -> ServerClock | None:
        """The server's clock from its Date header, which tells whole seconds; none if it has no such header, or a cache kept it."""
        try:
            server = parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError):
            return None
        if server.tzinfo is None or "age" in self.headers:
            return None
        return ServerClock.compared(server.astimezone(UTC), self.asked_at, self.duration_ms, resolution_ms=1000)


def request(session: Session, method: str, url: str, form: Mapping[str, str] | None = None, shown_form: str = "", follow: bool = False, headers: Mapping[str, str] | None = None) -> Response:  # fmt: skip
    """Send one request; `shown_form` is what the ledger says of the form. Redirects are followed only for a GET that may. Raises NoAnswer."""
    parts = place(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    session.secrets = [*session.secrets, *(unquote(one) for one in (parts.password, parts.username) if one)]
    where = shown_place(host, port)
    network.resolve(host, port, session.budget)
    shown = f"{method} {shown_url(url)}" + (f" {shown_form}" if shown_form else "")
    redirects, taken = 0, False
    with ExitStack() as stack:

        def held(event: str, info: Mapping[str, Any]) -> None:
            # httpcore tells of each connection it makes; without that, headers that come a byte at a time would have no end.
            nonlocal taken
            if event == "connection.connect_tcp.complete":
                taken = True
                stack.enter_context(session.budget.holding(info["return_value"].get_extra_info("socket").fileno()))

        # A proxy of the environment is for the world outside, not for this machine.
        outside = not local(host)
        client = stack.enter_context(
            httpx.Client(
                timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S), trust_env=outside, follow_redirects=False, headers={"user-agent": AGENT, "accept": "application/json", "accept-encoding": "identity"}
            )
        )  # fmt: skip
        while True:
            session.budget.left_s()
            asked_at, begun = datetime.now(UTC), perf_counter()
            note = session.note(shown)
            try:
                with client.stream(method, url, data=form, headers=headers, extensions={"trace": held}) as response:
                    first_ms = (perf_counter() - begun) * 1000
                    body, cut = limited(response, session)
            except httpx.TimeoutException as error:
                note.done(type(error).__name__)
                if isinstance(error, httpx.ConnectTimeout) and not taken:
                    raise network.never_connected(where, CONNECT_S) from error
                waited = (
                    f"did not finish its TLS greeting within {CONNECT_S:g} s"
                    if isinstance(error, httpx.ConnectTimeout)
                    else f"sent nothing for {SILENCE_S:g} s"
                )
                raise NoAnswer(f"{where} {waited}", final=True) from error
            except httpx.RemoteProtocolError as error:
                note.done(type(error).__name__)
                raise NoAnswer(
                    f"{where} does not answer in HTTP, or ended the connection within its answer: {error}", final=True
                ) from error
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                note.done(type(error).__name__)
                raise NoAnswer(
                    "the value is not an http:// or https:// address", final=True, fault=Fault.OURS
                ) from error
            except httpx.ProxyError as error:
                note.done(type(error).__name__)
                raise NoAnswer(
                    f"the proxy of this machine's environment did not lead to {where}", final=True, fault=Fault.NETWORK
                ) from error
            except httpx.HTTPError as error:
                note.done(type(error).__name__)
                raise network.failed(error, host, port) from error
            note.done(f"{response.status_code}, {len(body)} bytes")
            if not (follow and response.is_redirect):
                return Response(response.status_code, response.headers, body, cut, asked_at, first_ms, redirects)
            redirects += 1
            if redirects > MOST_REDIRECTS:
                raise NoAnswer(
                    f"{where} redirects again and again; stopped after {MOST_REDIRECTS} redirects", final=True
                )
            url = str(response.next_request.url) if response.next_request else url
            if place(url).hostname != host:
                raise NoAnswer(
                    f"{where} redirects to another host ({place(url).hostname}); it was not followed",
                    final=True,
                    fault=Fault.OURS,
                )
            shown = f"{method} {shown_url(url)}"


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
        return (
            bytes(body),
            session.budget.words()
            if session.budget.spent
            else f"the connection ended before it was complete ({type(error).__name__})",
        )
    return bytes(body), ""


def no_number(word: str) -> None:
    """Refuse NaN and Infinity, which JSON does not have and Python would read."""
    raise ValueError(word)


def place(url: str) -> Any:
    """The parts of an address. Raises NoAnswer for one that is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise NoAnswer("the value is not an http:// or https:// address", final=True, fault=Fault.OURS) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoAnswer("the value is not an http:// or https:// address", final=True, fault=Fault.OURS)
    return parts


def shown_url(url: str) -> str:
    """An address without user, password, query and fragment."""
    parts = place(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
