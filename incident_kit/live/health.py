"""The BFF's own health check: what it says of its cache and its database. A 503 with a body is an answer.

Two shapes are known: `checks` by name (the runbook's `.checks.cache`), and that of @nestjs/terminus with `info`,
`error` and `details` (https://docs.nestjs.com/recipes/terminus). From any other, nothing is concluded: unknown is never
healthy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from incident_kit.live import http
from incident_kit.live.session import NoAnswer, Reply, Session
from incident_kit.model.answer import Answer, Fault

UP = {"ok", "up", "healthy", "pass", "passing", "connected", "true", "ready"}
DOWN = {"fail", "failed", "down", "error", "unhealthy", "disconnected", "critical", "false"}
MOST_TEXT, MOST_BODY_BYTES = 500, 65_536


def ask(url: str, session: Session) -> Iterator[Answer]:
    """The answer of the health check at this address."""
    answer = session.answer(
        "health", "What does the BFF say of itself, its cache and its database?", lambda: health(url, session)
    )
    # Where it was asked matters most where nothing answers: only from outside does that tell what customers meet.
    yield replace(answer, data={**answer.data, **_where(url)})


def _where(url: str) -> dict[str, bool]:
    """Whether the address is outside this machine; nothing for one that cannot be asked."""
    try:
        return {"outside": not http.local(http.split_http(url).hostname or "")}
    except NoAnswer:
        return {}


def health(url: str, session: Session) -> Reply:
    response = http.request(session, "GET", url, follow=True)
    body, why_not = response.data()
    shape, states = reading(body)
    whole = why_not == "" and len(response.body) <= MOST_BODY_BYTES
    data = {
        "url": http.shown_url(url),
        "http_status": response.status,
        "response_ms": round(response.duration_ms, 3),
        "redirects": response.redirects,
        "content_type": response.kind,
        "shape": shape,
        "overall": overall(body),
        "checks": states,
        "body": body if whole else response.body[:MOST_TEXT].decode("utf-8", "replace"),
        "body_bytes": len(response.body),
    }
    warnings = tuple(
        f"the BFF says: {name} is down" + (f" ({state['detail']})" if state["detail"] else "")
        for name, state in states.items()
        if state["state"] == "down"
    )
    missing = why_inconclusive(response.status, shape, states, why_not)
    return Reply(data, response.clock(), warnings, missing, fault_of(response.status))


def why_inconclusive(status: int, shape: str, states: Mapping[str, Mapping[str, str]], why_not: str) -> str:
    """What cannot be concluded from the answer, and why; empty if nothing."""
    if status == 429:
        return "the health check itself was turned away by a rate limit (429); that says nothing of the BFF's health"
    if shape == "unknown":
        reason = why_not or "an unknown shape of answer"
        return f"it answered with status {status}, and nothing can be concluded from it: {reason}"
    unclear = [name for name, state in states.items() if state["state"] == "unknown"]
    return f"what it says of {', '.join(unclear)} is in no known words" if unclear else ""


def fault_of(status: int) -> Fault:
    """Whose fault an answer is from which nothing can be concluded. Redirects were followed."""
    if status in (401, 403, 407, 429):
        return Fault.CREDENTIALS
    return Fault.OURS if status in (404, 405) else Fault.SYSTEM


def reading(body: Any) -> tuple[str, dict[str, dict[str, str]]]:
    """The shape of a health answer (`checks`, `terminus`, `unknown`), and the state of each of its checks."""
    if not isinstance(body, Mapping):
        return "unknown", {}
    for shape, field in (("checks", "checks"), ("terminus", "details")):
        if isinstance(checks := body.get(field), Mapping) and checks:
            return shape, {str(name): state_of(value) for name, value in checks.items()}
    return "unknown", {}


def state_of(value: Any) -> dict[str, str]:
    """One check's state (`up`, `down`, `unknown`) with its detail.

    A check is a word, a truth value, an object that has one, or a list of such, of which the worst counts.
    """
    if isinstance(value, list):
        states = [state_of(element) for element in value]
        worst_first = (state for word in ("down", "unknown", "up") for state in states if state["state"] == word)
        return next(worst_first, {"state": "unknown", "detail": ""})
    detail = ""
    if isinstance(value, Mapping):
        detail = str(value.get("message") or value.get("error") or "")[:MOST_TEXT]
        value = next((value[name] for name in ("status", "state", "healthy", "ok") if name in value), None)
    word = str(value).lower()
    return {"state": "up" if word in UP else "down" if word in DOWN else "unknown", "detail": detail}


def overall(body: Any) -> str:
    """What the answer says of the whole: `up`, `down` or `unknown`."""
    return state_of(body)["state"] if isinstance(body, Mapping) else "unknown"
