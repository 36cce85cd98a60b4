"""Changes: what differs from the log's own past, whether or not the runbook has a name for it.

Refusals (4xx) that rise, as after a deploy that lost routes or a secret; traffic that stops, falls or jumps; one route
of many, or one customer of many, of whom most requests fail; and durations that creep up over hours, as with a leak.
Each is judged against chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Literal

from incident_kit.analysis.chance import at_least_poisson
from incident_kit.analysis.episodes import MINUTE, Series, failing
from incident_kit.analysis.holes import Hole
from incident_kit.model.times import Window, iso

Kind = Literal["refusals", "failures", "traffic_stopped", "traffic_fell", "traffic_rose", "drift"]

# Refusals: the share rises by so much over the time before, and to so many times it.
REFUSALS_RISE = 0.2
REFUSALS_RATIO = 3.0
# One route or one customer: so many of its requests must fail.
NEARLY_ALL = 0.5
# Traffic: a stretch with less than this part of what was due, or more than so many times it, at least so long.
FALLEN = 0.35
RISEN = 3.0
LEAST_STRETCH = timedelta(minutes=3)
LEAST_DUE = 20.0
# Chance gives such a stretch less often than this.
UNLIKELY = 1e-6
# Drift: over at least so long, by so many times, in parts of so many minutes.
LEAST_DRIFT = timedelta(hours=2)
DRIFT_PARTS = 24
DRIFT_RATIO = 2.0
DRIFT_RISE_MS = 50.0
# The normal score of the Mann-Kendall test above which a trend is no chance.
TREND = 4.0
# Of the parts, so many at the beginning say what was usual.
EARLY = 4


@dataclass(frozen=True, slots=True)
class Change:
    """Something that differs from the time before it.

    `name` is a route, a client, or None for all requests. `before` and `after` are shares, requests a minute (traffic)
    or milliseconds (drift). `until` is None if it lasts to the end of the evidence.
    """

    kind: Kind
    name: str | None
    since: datetime
    until: datetime | None
    before: float
    after: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """As `triage --json` prints it."""
        return {
            "change": iso(self.since),
            "kind": self.kind,
            "name": self.name,
            "until": iso(self.until) if self.until else None,
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "n": self.n,
        }


def refusals(series: Iterable[Series]) -> list[Change]:
    """The times in which far more requests were refused than before: of all requests, or of a route."""
    changes = []
    for one in series:
        usual = usual_share(one)
        limit = min(0.9, max(usual + REFUSALS_RISE, REFUSALS_RATIO * usual))
        changes += _episodes(one, "refusals", limit, usual)
    return _largest_first(changes)


def failures(series: Iterable[Series]) -> list[Change]:
    """The times in which most requests of one route, or of one customer, failed."""
    changes = []
    for one in series:
        changes += _episodes(one, "failures", NEARLY_ALL, usual_share(one))
    return _largest_first(changes)


def _episodes(series: Series, kind: Kind, limit: float, usual: float) -> list[Change]:
    return [
        Change(
            kind, series.name, episode.since, episode.until if episode.over else None, usual, episode.level, episode.n
        )
        for episode in failing(series, limit)
        if not episode.standing
    ]


def usual_share(series: Series) -> float:
    """The share of bad requests in the half of the minutes that have fewest: what it is on most days."""
    minute = series.per_minute
    minutes = [
        (sum(step.bad for step in part), sum(step.n for step in part))
        for place in range(0, len(series.steps), minute)
        if (part := series.steps[place : place + minute])
    ]
    quiet = sorted((bad / n, bad, n) for bad, n in minutes if n)
    half = quiet[: (len(quiet) + 1) // 2]
    return sum(bad for _, bad, _ in half) / sum(n for _, _, n in half) if half else 0.0


def traffic(series: Series, holes: Sequence[Hole], window: Window) -> list[Change]:
    """The times in which requests stopped, fell to a part of what was due, or rose to many times that."""
    minute = series.per_minute
    counts = [
        sum(step.n for step in series.steps[place : place + minute])
        for place in range(0, len(series.steps) - minute + 1, minute)
    ]
    changes = [_stopped(series, hole, window) for hole in holes if hole.window.since > window.since]
    if len(counts) < 8:
        return [change for change in changes if change]
    usual = median(counts)
    spread = max(1.0, _dispersion(counts, usual))
    for kind, outlying in (
        ("traffic_fell", [n < FALLEN * usual for n in counts]),
        ("traffic_rose", [n > RISEN * max(usual, 1.0) for n in counts]),
    ):
        for begin, end in _stretches(outlying):
            n, due = sum(counts[begin:end]), usual * (end - begin)
            if (end - begin) * MINUTE < LEAST_STRETCH or due < LEAST_DUE or end - begin > len(counts) / 2:
                continue
            if _chance(n / spread, due / spread) >= UNLIKELY:
                continue
            since, until = series.first + begin * MINUTE, series.first + end * MINUTE
            if any(
                hole.window.since < until
                and since < hole.window.until
                and (hole.window.until - hole.window.since) > (until - since) / 2
                for hole in holes
            ):
                continue  # said as a stop
            last = None if end == len(counts) else until
            changes.append(Change(kind, None, since, last, usual, n / (end - begin), n))  # type: ignore[arg-type]
    return _largest_first([change for change in changes if change])


def _stopped(series: Series, hole: Hole, window: Window) -> Change | None:
    length = (hole.window.until - hole.window.since) / MINUTE
    if hole.window.until - hole.window.since < LEAST_STRETCH:
        return None
    until = None if hole.window.until >= window.until else hole.window.until
    return Change("traffic_stopped", None, hole.window.since, until, hole.expected / length, 0.0, 0)


def _chance(n: float, due: float) -> float:
    """How often chance gives a count so far from what is due."""
    if n >= due:
        return at_least_poisson(math.floor(n), due)
    return 1.0 - at_least_poisson(math.floor(n) + 1, due)


def _stretches(outlying: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of outlying minutes; one ordinary minute in a run of several does not end it."""
    runs: list[tuple[int, int]] = []
    for place, out in enumerate(outlying):
        if out and runs and place - runs[-1][1] <= 1:
            runs[-1] = (runs[-1][0], place + 1)
        elif out:
            runs.append((place, place + 1))
    return runs


def _dispersion(counts: Sequence[int], usual: float) -> float:
    """By the middle of the deviations, so that what is looked for does not widen it."""
    deviation = 1.4826 * median(abs(n - usual) for n in counts)
    return deviation**2 / usual if usual else 1.0


def drifts(series: Iterable[Series]) -> list[Change]:
    """The series whose durations grew and grew over hours, those that cost most first."""
    return _largest_first([change for one in series if (change := _drift(one))])


def _drift(series: Series) -> Change | None:
    """A trend by Mann and Kendall, and to a multiple of the early level: it began where it last was as at first."""
    length = len(series.steps) * series.width
    if length < LEAST_DRIFT:
        return None
    width = math.ceil(len(series.steps) / DRIFT_PARTS)
    levels: list[tuple[int, float, int]] = []
    for place in range(0, len(series.steps), width):
        part = series.steps[place : place + width]
        timed = sum(step.timed for step in part)
        if timed >= 5:
            # The middle of the steps' means: one request that hung is no trend.
            levels.append((place, median(step.total_us / step.timed for step in part if step.timed) / 1000, timed))
    if len(levels) < DRIFT_PARTS // 2:
        return None
    values = [level for _, level, _ in levels]
    early, late = median(values[:EARLY]), median(values[-EARLY:])
    if late < DRIFT_RATIO * early or late - early < DRIFT_RISE_MS or _mann_kendall(values) < TREND:
        return None
    limit = early * math.sqrt(DRIFT_RATIO)
    began = max((place for place, level, _ in levels if level < limit), default=0)
    since = series.first + min(began + width, len(series.steps) - 1) * series.width
    return Change("drift", series.name, since, None, early, late, sum(timed for _, _, timed in levels))


def _mann_kendall(values: Sequence[float]) -> float:
    """The normal score of the Mann-Kendall test for a rising trend (Mann 1945, Kendall 1975)."""
    n = len(values)
    rises = sum(
        (later > earlier) - (later < earlier) for place, earlier in enumerate(values) for later in values[place + 1 :]
    )
    variance = n * (n - 1) * (2 * n + 5) / 18
    return (rises - 1) / math.sqrt(variance) if rises > 0 else 0.0


def _largest_first(changes: Sequence[Change]) -> list[Change]:
    return sorted(
        changes,
        key=lambda change: (change.name is not None, -change.n * abs(change.after - change.before), change.since),
    )
