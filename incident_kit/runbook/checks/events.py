"""Checks of Platform Events: whether they arrive, judged by what should have followed from them.

That nothing arrives is no fault where nothing was sent. So a silence is held against the orders that came in meanwhile, and
against the rhythm of the time before; an unmoved replay position counts only beside newer orders, a dead stream or errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incident_kit.analysis.rhythm import Silence, longest_silence
from incident_kit.logs.signs import Shown
from incident_kit.model.answer import Status, Told
from incident_kit.model.finding import Absence, Citation, Figure, Finding, Line, Symptom, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.checks.parts import (
    cannot_speak,
    confirmed,
    figure,
    inconclusive,
    not_checked,
    not_in_logs,
    of_signs,
    together,
)  # fmt: skip
from incident_kit.runbook.ground import Answered, Ground

MOST_BUSY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Orders that were taken while no event arrived; `until` is when one did, None if none did to the end of the logs."""

    orders: tuple[Answered, ...]
    since: datetime
    until: datetime | None

    @property
    def n(self) -> int:
        return sum(one.n for one in self.orders)


def orders_waiting(ground: Ground, symptom: Symptom, *, feature: str, method: str, signs: Sequence[str], patience: timedelta, least: int) -> Finding:
    """Whether at least `least` orders (successful requests with `method` on the feature's routes) waited longer than `patience` for any of the `signs`."""
    if reason := cannot_speak(ground):
        return not_checked(symptom, reason)
    orders, arrived = _orders(ground, feature, method), ground.signs(signs)
    n = sum(one.n for one in orders)
    if not n:
        return inconclusive(symptom, "No order was taken in the window.", "without new orders none can be seen waiting; ask Salesforce for older ones")
    if not arrived and not ground.signs(("events.",)):
        reason = "no line of these logs speaks of Platform Events, so it cannot be told whether orders were answered: is the sign events.received right for this portal?"
        return inconclusive(symptom, f"{n} orders were taken.", reason)
    worst = _waiting(ground, orders, arrived, patience)
    if worst is None or worst.n < least:
        waited = f", at most {worst.n} of them waited longer than {_span(patience)}" if worst else f", none waited longer than {_span(patience)} for an event"
        return not_in_logs(ground, symptom, f"{n} orders were taken{waited}.", n, "statuses")
    statement = (
        f"{worst.n} orders taken from {worst.orders[0].first:%H:%M:%S} UTC on waited longer than {_span(patience)}: no event arrived "
        f"{f'until {worst.until:%H:%M:%S} UTC' if worst.until else 'any more'}."
    )
    return confirmed(symptom, statement, [_cited(ground, worst)], worst.orders[0].first, worst.until, orders=worst.n)


def activity_stopped(ground: Ground, symptom: Symptom, *, signs: Sequence[str], expected: float, least: timedelta) -> Finding:
    """Whether the activity that `signs` show fell silent for `least` or longer, when `expected` or more of it were due by its rhythm before."""
    if reason := cannot_speak(ground):
        return not_checked(symptom, reason)
    found = ground.signs(signs)
    silence = longest_silence(_bursts(found), ground.spoken["last"])
    n = sum(one.n for one in found)
    if silence is None:
        reason = "too little to know a rhythm by: take an earlier --since, or see whether the signs of the runbook are right for this portal"
        return inconclusive(symptom, f"{n} lines of provisioning activity.", reason, of_signs(ground, found))
    said = f"{_span(silence.length)} without activity from {silence.since:%H:%M:%S} UTC, when {silence.expected:.0f} were due by the rhythm before"
    if silence.length < least or silence.expected < expected:
        return not_in_logs(ground, symptom, f"{n} lines of activity; at most {said}.", n, "signs")
    if not _busy(ground, silence):
        return inconclusive(symptom, f"{said}.", "hardly any request came in that time either, so nothing may have been due", of_signs(ground, found))
    return confirmed(
        symptom, f"{said}.", of_signs(ground, found), silence.since, silence.until if silence.ended else None,
        silence_s=silence.length.total_seconds(), expected=silence.expected,
    )  # fmt: skip


def replay_unmoved(
    ground: Ground, symptom: Symptom, *, feature: str, method: str, signs: Sequence[str], errors: Sequence[str], keepalive: Sequence[str], silent: timedelta,
    patience: timedelta, least: int,
) -> Finding:  # fmt: skip
    """Whether the replay positions stand still while they should not.

    Standing still is a fault only with newer orders waiting, with a stream that has sent neither event nor keepalive for
    `silent`, or with errors of it since it last moved.
    """
    told = ground.last("redis.replay")
    if told is None or told.answer.status is Status.NOT_CHECKED:
        return not_checked(symptom, "Redis was not asked for its replay positions")
    if told.answer.status is Status.FAILED:
        return inconclusive(symptom, "The positions could not be read.", told.answer.reason, [told.at("/reason")])
    positions = told.answer.data.get("positions", [])
    if not positions and told.answer.status is Status.PARTIAL:
        return inconclusive(symptom, "No replay position was found where it could be looked for.", told.answer.reason, [told.at("/reason")])
    if not positions:
        reason = told.answer.reason or "either events were never received with this Redis, or the positions were lost: a new start begins with new events only"
        return inconclusive(symptom, "Redis keeps no replay position.", reason, [told.at("/data/positions")])
    before = _earlier(ground, told)
    moved = [one["key"] for one in positions if before and _position(before, one["key"]) not in (None, one["position"])]
    if before and moved:
        absence = Absence((before.item, told.item), Window(before.answer.asked_at, told.moment.until), 2, "redis.replay")
        seen = Finding(
            symptom.id,
            symptom.title,
            Verdict.RULED_OUT,
            f"{', '.join(moved)} moved between {before.answer.asked_at:%H:%M:%S} and {told.answer.asked_at:%H:%M:%S} UTC.",
            (absence,),
        )
        return together(ground, symptom, [seen])
    idle_s = [one["idle_s"] for one in positions if one["idle_s"] is not None]
    still = timedelta(seconds=min(idle_s)) if idle_s else (told.answer.asked_at - before.answer.asked_at if before else None)
    if still is None:
        return inconclusive(
            symptom, "One reading of the positions.", "whether they move shows only in a second one: incident-kit recheck", [told.at("/data/positions")]
        )
    since = told.answer.asked_at - still
    statement = f"No replay position has moved for {_span(still)}, since {since:%H:%M:%S} UTC."
    reasons, cited, first = _why_it_should_move(ground, since, told.answer.asked_at, feature, method, signs, errors, keepalive, silent, patience, least)
    if not reasons:
        reason = "a quiet topic looks the same: no newer order waits, no error and no dead stream is in the evidence"
        return inconclusive(symptom, statement, reason, [told.at("/data/positions")])
    return confirmed(
        symptom, f"{statement} Meanwhile {'; '.join(reasons)}.", [told.at("/data/positions"), *cited], first or since, still_s=still.total_seconds()
    )


def _why_it_should_move(ground: Ground, since: datetime, asked: datetime, feature: str, method: str, signs: Sequence[str], errors: Sequence[str], keepalive: Sequence[str], silent: timedelta, patience: timedelta, least: int) -> tuple[list[str], list[Citation], datetime | None]:  # fmt: skip
    """What logs know, between its last move and the asking, that should have moved it; with citations, and since when."""
    reasons: list[str] = []
    cited: list[Citation] = []
    firsts: list[datetime] = []
    if cannot_speak(ground):
        return [], [], None
    end = min(asked, ground.spoken["last"])
    waiting = [one for one in _orders(ground, feature, method) if since < one.first <= end - patience]
    arrived = [one for one in ground.signs(signs) if since < one.last and one.first <= end]
    if not arrived and sum(one.n for one in waiting) >= least:
        reasons.append(f"{sum(one.n for one in waiting)} newer orders waited")
        cited.append(_cited(ground, Waiting(tuple(waiting), since, None)))
        firsts.append(waiting[0].first)
    failures = [one for one in ground.signs(errors) if since < one.last and one.first <= end]
    if failures:
        n = sum(one.n for one in failures)
        reasons.append(f"the subscription failed ({n} {'record' if n == 1 else 'records'})")
        cited += of_signs(ground, failures)
        firsts.append(failures[0].first)
    alive = [one for one in ground.signs([*keepalive, *signs]) if one.first <= end]
    if any(one.first <= end for one in ground.signs(keepalive)) and end - alive[-1].last > silent:
        reasons.append(f"the stream is dead: neither event nor keepalive since {alive[-1].last:%H:%M:%S} UTC")
        cited += of_signs(ground, alive[-1:])
        firsts.append(alive[-1].last)
    return reasons, cited, min(firsts, default=None)


def _orders(ground: Ground, feature: str, method: str) -> list[Answered]:
    """Requests that were taken: answered with 2xx, with this method, on the feature's routes."""
    return [
        one for one in ground.statuses
        if one.status is not None and 200 <= one.status < 300 and one.route.startswith(f"{method} ") and ground.belongs(one.route, feature)
    ]  # fmt: skip


def _waiting(ground: Ground, orders: Sequence[Answered], arrived: Sequence[Shown], patience: timedelta) -> Waiting | None:
    """The time without events in which most orders waited longer than `patience`; None if there is none."""
    edges = [ground.window.since, *(edge for one in arrived for edge in (one.first, one.last))]
    end = ground.spoken["last"]
    worst: Waiting | None = None
    for begun, ended in zip(edges, [*edges[1:], None], strict=True):
        over = (ended or end) - patience
        waited = tuple(one for one in orders if one.first > begun and one.first <= over)
        if waited and (worst is None or sum(one.n for one in waited) > worst.n):
            worst = Waiting(waited, begun, ended)
    return worst


def _cited(ground: Ground, waiting: Waiting) -> Figure:
    routes = sorted({one.route for one in waiting.orders})
    since, until = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (waiting.orders[0].first, waiting.orders[-1].last + timedelta(milliseconds=1)))
    rows = ground.records.query("requests_with", routes=routes, statuses=sorted({one.status for one in waiting.orders if one.status}), since=since, until=until)
    return figure(ground, "requests_with", waiting.n, (Line(row["item"], row["line"]) for row in rows), routes=routes)


def _bursts(found: Sequence[Shown]) -> list[tuple[datetime, datetime, int]]:
    """The minutes in which something happened: first, last and how often."""
    minutes: dict[datetime, tuple[datetime, datetime, int]] = {}
    for one in found:
        first, last, n = minutes.get(one.start, (one.first, one.last, 0))
        minutes[one.start] = (min(first, one.first), max(last, one.last), n + one.n)
    return [minutes[start] for start in sorted(minutes)]


def _busy(ground: Ground, silence: Silence) -> bool:
    """Whether requests came in during a silence at least half as often as before."""
    inside = [one for one in ground.statuses if silence.since <= one.start and one.start + MOST_BUSY <= silence.until]
    before = [one for one in ground.statuses if one.start + MOST_BUSY <= silence.since]
    minutes = [max(1, len({one.start for one in part})) for part in (inside, before)]
    rates = [sum(one.n for one in part) / count for part, count in zip((inside, before), minutes, strict=True)]
    return bool(inside) and rates[0] >= rates[1] / 2


def _earlier(ground: Ground, last: Told) -> Told | None:
    """The answer before it that has positions."""
    before = [one for one in ground.told("redis.replay") if one is not last and one.answer.data.get("positions")]
    return before[-1] if before else None


def _position(told: Told, key: str) -> str | None:
    return next((one["position"] for one in told.answer.data["positions"] if one["key"] == key), None)


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
