"""Checks of Platform Events: whether they arrive, judged by what should have followed from them.

That nothing arrives is no fault where nothing was sent. So a silence is compared with the orders that came in meanwhile
and with the rhythm of the time before. An unmoved replay position counts only beside newer orders, a dead stream or
errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incident_kit.analysis.rhythm import Silence, longest_silence
from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Absence, Citation, Figure, Finding, Line, Symptom, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.case import Case, StatusCount
from incident_kit.runbook.checks.verdicts import (
    combined,
    confirmed,
    figure,
    inconclusive,
    not_checked,
    ruled_out_by_answer,
    ruled_out_by_logs,
    sign_figures,
    why_logs_cannot_tell,
)

MOST_BUSY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Orders that were taken while no event arrived; `until` is when one did, None if none did at all."""

    orders: tuple[StatusCount, ...]
    since: datetime
    until: datetime | None

    @property
    def n(self) -> int:
        return sum(row.n for row in self.orders)


def orders_waiting(
    case: Case, symptom: Symptom, *, feature: str, method: str, signs: Sequence[str], patience: timedelta, least: int
) -> Finding:
    """Whether at least `least` orders waited longer than `patience` for any of the `signs`.

    An order is a successful request with `method` on the feature's routes.
    """
    if reason := why_logs_cannot_tell(case):
        return not_checked(symptom, reason)
    orders, arrived = _orders(case, feature, method), case.signs(signs)
    n = sum(row.n for row in orders)
    if not n:
        return inconclusive(
            symptom,
            "No order was taken in the window.",
            "without new orders none can be seen waiting; ask Salesforce for older ones",
        )
    if not arrived and not case.signs(("events.",)):
        reason = (
            "no line of these logs speaks of Platform Events, so it cannot be told whether orders were answered: "
            "is the sign events.received right for this portal?"
        )
        return inconclusive(symptom, f"{n} orders were taken.", reason)
    worst = _waiting(case, orders, arrived, patience)
    if worst is None or worst.n < least:
        waited = (
            f", at most {worst.n} of them waited longer than {_span(patience)}"
            if worst
            else f", none waited longer than {_span(patience)} for an event"
        )
        return ruled_out_by_logs(case, symptom, f"{n} orders were taken{waited}.", n, "statuses")
    statement = (
        f"{worst.n} orders taken from {worst.orders[0].first:%H:%M:%S} UTC on waited longer than "
        f"{_span(patience)}: no event arrived "
        f"{f'until {worst.until:%H:%M:%S} UTC' if worst.until else 'any more'}."
    )
    return confirmed(symptom, statement, [_cited(case, worst)], worst.orders[0].first, worst.until, orders=worst.n)


def activity_stopped(
    case: Case, symptom: Symptom, *, signs: Sequence[str], expected: float, least: timedelta
) -> Finding:
    """Whether the activity that `signs` show fell silent for `least` or longer.

    It counts when `expected` or more signs were due in that time, by the rhythm before.
    """
    if reason := why_logs_cannot_tell(case):
        return not_checked(symptom, reason)
    counts = case.signs(signs)
    silence = longest_silence(_bursts(counts), case.extent["last"])
    n = sum(count.n for count in counts)
    if silence is None:
        reason = (
            "too little to know a rhythm by: take an earlier --since, or see whether the signs of the runbook are "
            "right for this portal"
        )
        return inconclusive(symptom, f"{n} lines of provisioning activity.", reason, sign_figures(case, counts))
    silence_text = (
        f"{_span(silence.length)} without activity from {silence.since:%H:%M:%S} UTC, "
        f"when {silence.expected:.0f} were due by the rhythm before"
    )
    if silence.length < least or silence.expected < expected:
        return ruled_out_by_logs(case, symptom, f"{n} lines of activity; at most {silence_text}.", n, "signs_by_second")
    if not _busy(case, silence):
        return inconclusive(
            symptom,
            f"{silence_text}.",
            "hardly any request came in that time either, so nothing may have been due",
            sign_figures(case, counts),
        )
    return confirmed(
        symptom,
        f"{silence_text}.",
        sign_figures(case, counts),
        silence.since,
        silence.until if silence.ended else None,
        silence_s=silence.length.total_seconds(),
        expected=silence.expected,
    )


def replay_unmoved(
    case: Case,
    symptom: Symptom,
    *,
    feature: str,
    method: str,
    signs: Sequence[str],
    errors: Sequence[str],
    keepalive: Sequence[str],
    silent: timedelta,
    patience: timedelta,
    least: int,
) -> Finding:
    """Whether the replay positions stand still while they should not.

    Standing still is a fault only with newer orders waiting, with errors since it last moved, or with a dead stream:
    one that has sent neither event nor keepalive for `silent`.
    """
    stored = case.last("redis.replay")
    if stored is None or stored.answer.status is Status.NOT_CHECKED:
        return not_checked(symptom, "Redis was not asked for its replay positions")
    if stored.answer.status is Status.FAILED:
        return inconclusive(symptom, "The positions could not be read.", stored.answer.reason, [stored.at("/reason")])
    positions = stored.answer.data.get("positions", [])
    if not positions and stored.answer.status is Status.PARTIAL:
        return inconclusive(
            symptom,
            "No replay position was found where it could be looked for.",
            stored.answer.reason,
            [stored.at("/reason")],
        )
    if not positions:
        reason = (
            stored.answer.reason
            or "either events were never received with this Redis, or the positions were lost: "
            "a new start begins with new events only"
        )
        return inconclusive(symptom, "Redis keeps no replay position.", reason, [stored.at("/data/positions")])
    earlier = _earlier(case, stored)
    moved = [
        entry["key"]
        for entry in positions
        if earlier and _position(earlier, entry["key"]) not in (None, entry["position"])
    ]
    if earlier and moved:
        absence = Absence(
            (earlier.item, stored.item), Window(earlier.answer.asked_at, stored.moment.until), 2, "redis.replay"
        )
        moved_finding = Finding(
            symptom.id,
            symptom.title,
            Verdict.RULED_OUT,
            f"{', '.join(moved)} moved between {earlier.answer.asked_at:%H:%M:%S} and "
            f"{stored.answer.asked_at:%H:%M:%S} UTC.",
            (absence,),
        )
        return combined(case, symptom, [moved_finding])
    idle_s = [entry["idle_s"] for entry in positions if entry["idle_s"] is not None]
    still = (
        timedelta(seconds=min(idle_s))
        if idle_s
        else (stored.answer.asked_at - earlier.answer.asked_at if earlier else None)
    )
    if still is None:
        return inconclusive(
            symptom,
            "One reading of the positions.",
            "whether they move shows only in a second one: incident-kit recheck",
            [stored.at("/data/positions")],
        )
    since = stored.answer.asked_at - still
    if idle_s and still < patience:
        return combined(
            case,
            symptom,
            [
                ruled_out_by_answer(
                    symptom,
                    stored,
                    f"A replay position had moved {_span(still)} before, so that it did not stand still",
                )
            ],
        )
    statement = f"No replay position has moved for {_span(still)}, since {since:%H:%M:%S} UTC."
    expected = _Expected(feature, method, signs, errors, keepalive, silent, patience, least)
    reasons, cited, first = _why_it_should_move(case, since, stored.answer.asked_at, expected)
    if not reasons:
        reason = "a quiet topic looks the same: no newer order waits, no error and no dead stream is in the evidence"
        return inconclusive(symptom, statement, reason, [stored.at("/data/positions")])
    return confirmed(
        symptom,
        f"{statement} Meanwhile {'; '.join(reasons)}.",
        [stored.at("/data/positions"), *cited],
        first or since,
        still_s=still.total_seconds(),
    )


@dataclass(frozen=True, slots=True)
class _Expected:
    """By what a replay position is expected to move: the parameters of `replay_unmoved`."""

    feature: str
    method: str
    signs: Sequence[str]
    errors: Sequence[str]
    keepalive: Sequence[str]
    silent: timedelta
    patience: timedelta
    least: int


def _why_it_should_move(
    case: Case, since: datetime, asked: datetime, expected: _Expected
) -> tuple[list[str], list[Citation], datetime | None]:
    """What the logs hold, between its last move and the question, that should have moved it.

    Reasons, their citations, and since when it should have moved.
    """
    reasons: list[str] = []
    cited: list[Citation] = []
    firsts: list[datetime] = []
    if why_logs_cannot_tell(case):
        return [], [], None
    end = min(asked, case.extent["last"])
    orders = _orders(case, expected.feature, expected.method)
    waiting = [order for order in orders if since < order.first <= end - expected.patience]
    arrived = [count for count in case.signs(expected.signs) if since < count.last and count.first <= end]
    n_waiting = sum(order.n for order in waiting)
    if not arrived and n_waiting >= expected.least:
        reasons.append(f"{n_waiting} newer orders waited")
        cited.append(_cited(case, Waiting(tuple(waiting), since, None)))
        firsts.append(waiting[0].first)
    failures = [count for count in case.signs(expected.errors) if since < count.last and count.first <= end]
    if failures:
        n = sum(count.n for count in failures)
        reasons.append(f"the subscription failed ({n} {'record' if n == 1 else 'records'})")
        cited += sign_figures(case, failures)
        firsts.append(failures[0].first)
    alive = [count for count in case.signs([*expected.keepalive, *expected.signs]) if count.first <= end]
    kept_alive = any(count.first <= end for count in case.signs(expected.keepalive))
    if kept_alive and end - alive[-1].last > expected.silent:
        reasons.append(f"the stream is dead: neither event nor keepalive since {alive[-1].last:%H:%M:%S} UTC")
        cited += sign_figures(case, alive[-1:])
        firsts.append(alive[-1].last)
    return reasons, cited, min(firsts, default=None)


def _orders(case: Case, feature: str, method: str) -> list[StatusCount]:
    """Requests that were taken: answered with 2xx, with this method, on the feature's routes."""
    return [
        row
        for row in case.statuses
        if row.status is not None
        and 200 <= row.status < 300
        and row.route.startswith(f"{method} ")
        and case.belongs(row.route, feature)
    ]


def _waiting(
    case: Case, orders: Sequence[StatusCount], arrived: Sequence[SignCount], patience: timedelta
) -> Waiting | None:
    """The time without events in which most orders waited longer than `patience`; None if there is none."""
    edges = [case.window.since, *(edge for row in arrived for edge in (row.first, row.last))]
    end = case.extent["last"]
    worst: Waiting | None = None
    for begun, ended in zip(edges, [*edges[1:], None], strict=True):
        over = (ended or end) - patience
        waited = tuple(row for row in orders if row.first > begun and row.first <= over)
        if waited and (worst is None or sum(row.n for row in waited) > worst.n):
            worst = Waiting(waited, begun, ended)
    return worst


def _cited(case: Case, waiting: Waiting) -> Figure:
    routes = sorted({row.route for row in waiting.orders})
    since, until = (
        moment.astimezone(UTC).replace(tzinfo=None)
        for moment in (waiting.orders[0].first, waiting.orders[-1].last + timedelta(milliseconds=1))
    )
    rows = case.records.query(
        "requests_with",
        routes=routes,
        statuses=sorted({row.status for row in waiting.orders if row.status}),
        since=since,
        until=until,
    )
    return figure(case, "requests_with", waiting.n, (Line(row["item"], row["line"]) for row in rows), routes=routes)


def _bursts(counts: Sequence[SignCount]) -> list[tuple[datetime, datetime, int]]:
    """The minutes in which something happened: first, last and how often."""
    minutes: dict[datetime, tuple[datetime, datetime, int]] = {}
    for count in counts:
        first, last, n = minutes.get(count.start, (count.first, count.last, 0))
        minutes[count.start] = (min(first, count.first), max(last, count.last), n + count.n)
    return [minutes[start] for start in sorted(minutes)]


def _busy(case: Case, silence: Silence) -> bool:
    """Whether requests came in during a silence at least half as often as before."""
    inside = [row for row in case.statuses if silence.since <= row.start and row.start + MOST_BUSY <= silence.until]
    earlier = [row for row in case.statuses if row.start + MOST_BUSY <= silence.since]
    minutes = [max(1, len({row.start for row in rows})) for rows in (inside, earlier)]
    rates = [sum(row.n for row in rows) / count for rows, count in zip((inside, earlier), minutes, strict=True)]
    return bool(inside) and rates[0] >= rates[1] / 2


def _earlier(case: Case, last: StoredAnswer) -> StoredAnswer | None:
    """The answer before it that has positions."""
    earlier = [
        stored
        for stored in case.answers_to("redis.replay")
        if stored is not last and stored.answer.data.get("positions")
    ]
    return earlier[-1] if earlier else None


def _position(stored: StoredAnswer, key: str) -> str | None:
    return next((entry["position"] for entry in stored.answer.data["positions"] if entry["key"] == key), None)


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
