"""Bursts: records that come so densely that single chance failures do not explain them.

A sign of trouble now and then is ordinary. It counts where enough of them come within a short time, wherever that time
begins, and more of them than one in a hundred of the requests meanwhile would give by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_kit.analysis.chance import ONE_IN_A_MILLION, at_least
from incident_kit.analysis.episodes import MOST_DISPERSION

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Records of one second or so: when the first and the last came, and how many."""

    first: datetime
    last: datetime
    n: int


@dataclass(frozen=True, slots=True)
class Burst:
    """A dense time of records: from the first to the last of them, and how many."""

    since: datetime
    until: datetime
    n: int


def dense(occurrences: Sequence[Occurrence], least: int, within: timedelta) -> list[Burst]:
    """The times in which `least` records or more came `within` some time, wherever it begins. In the order of time."""
    ordered = sorted(occurrences, key=lambda occurrence: (occurrence.first, occurrence.last))
    bursts: list[Burst] = []
    end, n = 0, 0
    for begin, occurrence in enumerate(ordered):
        while end < len(ordered) and ordered[end].last - occurrence.first <= within:
            n += ordered[end].n
            end += 1
        if n >= least:
            since, until = occurrence.first, max(other.last for other in ordered[begin:end])
            if bursts and bursts[-1].until >= since:
                since = bursts.pop().since
            bursts.append(Burst(since, until, 0))
        if end > begin:
            n -= occurrence.n
        else:
            end = begin + 1
    return [
        Burst(burst.since, burst.until, sum(o.n for o in ordered if burst.since <= o.first and o.last <= burst.until))
        for burst in bursts
    ]


def beyond_chance(
    bursts: Sequence[Burst],
    occurrences: Sequence[Occurrence],
    requests: Callable[[datetime, datetime], int],
    ordinary: float,
) -> list[Burst]:
    """Those of the bursts that hold more records than chance gives where an `ordinary` share of requests fails.

    `requests` counts those between two times; where there are none, a burst is one.
    """
    inside = sum(burst.n for burst in bursts)
    outside = [o for o in occurrences if not any(burst.since <= o.first <= burst.until for burst in bursts)]
    spread = _dispersion(outside) if inside and outside else 1.0
    kept = []
    for burst in bursts:
        tries = requests(burst.since, burst.until)
        if not tries or _is_more(burst.n / spread, max(tries, burst.n) / spread, ordinary):
            kept.append(burst)
    return kept


def _is_more(n: float, tries: float, ordinary: float) -> bool:
    return at_least(math.floor(n), math.ceil(tries), ordinary) < ONE_IN_A_MILLION


def _dispersion(occurrences: Sequence[Occurrence]) -> float:
    """How many records come together when one comes: the mean size of clumps, weighted by their records."""
    clumps: list[int] = []
    last: datetime | None = None
    for occurrence in sorted(occurrences, key=lambda occurrence: occurrence.first):
        if last is not None and (occurrence.first - last) <= timedelta(seconds=2):
            clumps[-1] += occurrence.n
        else:
            clumps.append(occurrence.n)
        last = occurrence.last
    return max(1.0, min(MOST_DISPERSION, sum(n * n for n in clumps) / sum(clumps)))
