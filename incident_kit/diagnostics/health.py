"""The BFF's own health check: what it says of its cache and its database. A 503 with a body is an answer.

Two shapes are known: `checks` by name (the runbook's `.checks.cache`), and that of @nestjs/terminus with `info`, `error` and
`details` (https://docs.nestjs.com/recipes/terminus). Of any other, nothing is concluded: unknown is never healthy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from incident_kit.diagnostics import http
from incident_kit.diagnostics.conversation import Conversation, Reply
from incident_kit.model.answer import Answer, Fault

UP = {"ok", "up", "healthy", "pass", "passing", "connected", "true", "ready"}
DOWN = {"fail", "failed", "down", "error", "unhealthy", "disconnected", "critical", "false"}
MOST_TEXT, MOST_BODY_BYTES = 500, 65_536


def ask(url: str, talk: Conversation) -> Iterator[Answer]:
    """The answer of the health check at this address."""
    yield talk.answer("health", "What does the BFF say of itself, its cache and its database?", lambda: health(url, talk))


def health(url: str, talk: Conversation) -> Reply:
    response = http.request(talk, "GET", url, follow=True)
    body, why_not = response.data()
    shape, states = reading(body)
    data = {
        "url": http.shown_url(url), "http_status": response.status, "response_ms": round(response.duration_ms, 3), "redirects": response.redirects,
        "content_type": response.kind, "shape": shape, "overall": overall(body), "checks": states,
        "body": body if why_not == "" and len(response.body) <= MOST_BODY_BYTES else response.body[:MOST_TEXT].decode("utf-8", "replace"),
        "body_bytes": len(response.body),
    }  # fmt: skip
    missing = (
        ""
        if shape != "unknown"
        else f"it answered with status {response.status}, and nothing can be concluded from it: {why_not or 'an unknown shape of answer'}"
    )
    fault = Fault.CREDENTIALS if response.status in (401, 403, 407, 429) else Fault.OURS if response.status in (404, 405) else Fault.SYSTEM
    if response.status == 429:
        missing = "the health check itself was turned away by a rate limit (429); that says nothing of the BFF's health"
    sick = [f"{name} is down" + (f" ({state['detail']})" if state["detail"] else "") for name, state in states.items() if state["state"] == "down"]
    unclear = [name for name, state in states.items() if state["state"] == "unknown"]
    if unclear and not missing:
        missing = f"what it says of {', '.join(unclear)} is in no known words"
    return Reply(data, response.clock(), tuple(f"the BFF says: {one}" for one in sick), missing, fault)


def reading(body: Any) -> tuple[str, dict[str, dict[str, str]]]:
    """The shape of a health answer (`checks`, `terminus`, `unknown`), and by name the state (`up`, `down`, `unknown`) with its detail."""
    if not isinstance(body, Mapping):
        return "unknown", {}
    for shape, field in (("checks", "checks"), ("terminus", "details")):
        if isinstance(found := body.get(field), Mapping) and found:
            return shape, {str(name): state_of(value) for name, value in found.items()}
    return "unknown", {}


def state_of(value: Any) -> dict[str, str]:
    """One check's state, whether it is a word, a truth value, an object that has one, or a list of such (the worst counts)."""
    if isinstance(value, list):
        states = [state_of(one) for one in value]
        return next((one for word in ("down", "unknown", "up") for one in states if one["state"] == word), {"state": "unknown", "detail": ""})
    detail = ""
    if isinstance(value, Mapping):
        detail = str(value.get("message") or value.get("error") or "")[:MOST_TEXT]
        value = next((value[name] for name in ("status", "state", "healthy", "ok") if name in value), None)
    word = str(value).lower()
    return {"state": "up" if word in UP else "down" if word in DOWN else "unknown", "detail": detail}


def overall(body: Any) -> str:
    """What the answer says of the whole: `up`, `down` or `unknown`."""
    return state_of(body)["state"] if isinstance(body, Mapping) else "unknown"
