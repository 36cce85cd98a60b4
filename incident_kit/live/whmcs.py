"""WHMCS: is it reachable, does it let us in, does it answer in JSON, and how fast?

Only counts and the status are kept, never a client's data. Every action is a POST, and a 200 can be a refusal
(https://developers.whmcs.com/api/). One request is made and none is repeated: WHMCS bans an address after some
refused ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from incident_kit.live import http
from incident_kit.live.session import Reply, Session
from incident_kit.model.answer import Answer, Fault

# All that may be asked for: actions that read, each with the smallest page it can give.
ACTIONS = {"GetClients": {"limitstart": "0", "limitnum": "1"}}
# Of an answer only these are kept.
KEPT = ("result", "totalresults", "numreturned")
MOST_TEXT = 200
TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,200})", re.I)
# How a refusal begins, and what it means.
MEANINGS = (
    ("Authentication Failed", "the secret is wrong or missing"),
    ("Invalid or missing credentials", "the identifier is wrong or missing"),
    ("Invalid IP", "this machine's address is not on its list; the BFF's may be"),
    ("IP Banned", "this machine's address is banned; the BFF's may not be"),
    ("Invalid Permissions", "these credentials may not read clients"),
    ("Access Denied", "access is denied"),
)
ASKED_AS_NOBODY = (
    "WHMCS is there and answers in JSON; whether it lets the BFF in was not asked, "
    "because no identifier and secret are named"
)


def ask(url: str, identifier: str, secret: str, session: Session) -> Iterator[Answer]:
    """The answer of the WHMCS at this address.

    Without identifier and secret it is asked as nobody, which tells whether it is there.
    """
    session.secrets = [identifier, secret]
    yield session.answer(
        "whmcs",
        "Is it reachable, does it let us in, does it answer in JSON, and how fast?",
        lambda: whmcs(url, identifier, secret, session),
    )


def whmcs(url: str, identifier: str, secret: str, session: Session) -> Reply:
    action = "GetClients"
    form = {"action": action, **ACTIONS[action], "responsetype": "json"}
    shown = " ".join(f"{name}={value}" for name, value in form.items())
    has_credentials = bool(identifier and secret)
    if has_credentials:
        form |= {"identifier": identifier, "secret": secret}
        shown += " (with identifier and secret)"
    response = http.request(session, "POST", url, form, shown)
    body, why_not = response.data()
    data: dict[str, Any] = {
        "url": http.shown_url(url),
        "http_status": response.status,
        "response_ms": round(response.duration_ms, 3),
        "content_type": response.kind,
        "json": why_not == "",
        "asked_with_credentials": has_credentials,
        "authenticated": None,
        "body_bytes": len(response.body),
    }
    if not isinstance(body, dict) or "result" not in body:
        missing, fault = unreadable(response, why_not), http.fault_of_status(response.status)
        return Reply(data | page(response), response.clock(), missing=missing, fault=fault)
    data |= {name: body[name] for name in KEPT if isinstance(body.get(name), str | int)}
    refused = body["result"] != "success"
    message = str(body.get("message", ""))[:MOST_TEXT] if refused else ""
    data |= {"message": message, "authenticated": not refused if has_credentials else None}
    missing = "" if has_credentials else ASKED_AS_NOBODY
    if refused and has_credentials:
        missing = f"WHMCS is there and refuses: {meaning_of(message)}"
    return Reply(data, response.clock(), missing=missing, fault=Fault.CREDENTIALS)


def meaning_of(message: str) -> str:
    """A refusal of WHMCS in plain words, with its own behind."""
    for start, meaning in MEANINGS:
        if message.lower().startswith(start.lower()):
            return f"{meaning} ({message})"
    return message or "no reason given"


def unreadable(response: http.Response, why_not: str) -> str:
    """Why nothing can be concluded from an answer that is not WHMCS's."""
    status = response.status
    if "cf-ray" in response.headers and status in (403, 429, 503, *range(520, 531)):
        return f"Cloudflare answered in its place (status {status}): it keeps us out, or cannot reach WHMCS itself"
    if 300 <= status < 400:
        return f"it redirects (status {status}), which was not followed, because credentials would go with it"
    if status in (404, 405):
        return f"there is no API at this address (status {status}): does it lead to includes/api.php?"
    return f"what answered (status {status}) did not answer as WHMCS does: {why_not or 'an unknown shape of JSON'}"


def page(response: http.Response) -> dict[str, str]:
    """The title of an HTML page that came in place of JSON."""
    title = TITLE.search(response.body[:65_536].decode("utf-8", "replace"))
    return {"page_title": " ".join(title[1].split())} if title else {}
