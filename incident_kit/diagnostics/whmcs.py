"""WHMCS: is it reachable, does it let us in, does it answer in JSON, how fast? Counts and status only, never a client's data.

https://developers.whmcs.com/api/ : every action is a POST, and a 200 can be a refusal. One request is made and none is
repeated, because WHMCS bans an address after some refused ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from incident_kit.diagnostics import http
from incident_kit.diagnostics.conversation import Conversation, Reply
from incident_kit.model.answer import Answer, Fault

# All that may be asked for: actions that read, each with the smallest page it can give.
ACTIONS = {"GetClients": {"limitstart": "0", "limitnum": "1"}}
# Of an answer only these are kept.
KEPT = ("result", "totalresults", "numreturned")
MOST_TEXT = 200
TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,200})", re.I)


def ask(url: str, identifier: str, secret: str, talk: Conversation) -> Iterator[Answer]:
    """The answer of the WHMCS at this address; without identifier and secret it is asked as nobody, which tells whether it is there."""
    talk.secrets = [identifier, secret]
    yield talk.answer("whmcs", "Is it reachable, does it let us in, does it answer in JSON, and how fast?", lambda: whmcs(url, identifier, secret, talk))


def whmcs(url: str, identifier: str, secret: str, talk: Conversation) -> Reply:
    action = "GetClients"
    form = {"action": action, **ACTIONS[action], "responsetype": "json"}
    shown = " ".join(f"{name}={value}" for name, value in form.items())
    known = bool(identifier and secret)
    credentials = {"identifier": identifier, "secret": secret} if known else {}
    response = http.request(talk, "POST", url, {**form, **credentials}, shown + (" (with identifier and secret)" if known else ""))
    body, why_not = response.data()
    data: dict[str, Any] = {
        "url": http.shown_url(url), "http_status": response.status, "response_ms": round(response.duration_ms, 3), "content_type": response.kind,
        "json": why_not == "", "asked_with_credentials": known, "authenticated": None, "body_bytes": len(response.body),
    }  # fmt: skip
    if not isinstance(body, dict) or "result" not in body:
        return Reply(data | page(response), response.clock(), missing=unreadable(response, why_not), fault=kept_out(response))
    data |= {name: body[name] for name in KEPT if isinstance(body.get(name), str | int)}
    refused = body["result"] != "success"
    message = str(body.get("message", ""))[:MOST_TEXT] if refused else ""
    data |= {"message": message, "authenticated": not refused if known else None}
    if refused and known:
        return Reply(data, response.clock(), missing=f"WHMCS is there and refuses: {meaning(message)}", fault=Fault.CREDENTIALS)
    if not known:
        reason = "WHMCS is there and answers in JSON; whether it lets the BFF in was not asked, because no identifier and secret are named"
        return Reply(data, response.clock(), missing=reason, fault=Fault.CREDENTIALS)
    return Reply(data, response.clock())


def meaning(message: str) -> str:
    """A refusal of WHMCS in plain words, with its own behind."""
    for start, meant in (
        ("Authentication Failed", "the secret is wrong or missing"),
        ("Invalid or missing credentials", "the identifier is wrong or missing"),
        ("Invalid IP", "this machine's address is not on its list; the BFF's may be"),
        ("IP Banned", "this machine's address is banned; the BFF's may not be"),
        ("Invalid Permissions", "these credentials may not read clients"),
        ("Access Denied", "access is denied"),
    ):
        if message.lower().startswith(start.lower()):
            return f"{meant} ({message})"
    return message or "no reason given"


def unreadable(response: http.Response, why_not: str) -> str:
    """Why nothing can be concluded from an answer that is not WHMCS's."""
    if "cf-ray" in response.headers and response.status in (403, 429, 503, *range(520, 531)):
        return f"Cloudflare answered in its place (status {response.status}): it keeps us out, or cannot reach WHMCS itself"
    if 300 <= response.status < 400:
        return f"it redirects (status {response.status}), which was not followed, because credentials would go with it"
    if response.status in (404, 405):
        return f"there is no API at this address (status {response.status}): does it lead to includes/api.php?"
    return f"what answered (status {response.status}) did not answer as WHMCS does: {why_not or 'an unknown shape of JSON'}"


def kept_out(response: http.Response) -> Fault:
    """Whose fault it is that what answered was not WHMCS: statuses that turn us away, or that an address of ours gets, say nothing of it."""
    if response.status in (401, 403, 407, 429):
        return Fault.CREDENTIALS
    return Fault.OURS if 300 <= response.status < 400 or response.status in (404, 405) else Fault.SYSTEM


def page(response: http.Response) -> dict[str, str]:
    """The title of an HTML page that came in place of JSON."""
    found = TITLE.search(response.body[:65_536].decode("utf-8", "replace"))
    return {"page_title": " ".join(found[1].split())} if found else {}
