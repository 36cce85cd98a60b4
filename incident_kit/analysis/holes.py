"""Holes: times without a record where the stream's own rate makes that too unlikely to be chance.

Records come in bursts, so the rate is divided by their dispersion: the variance of the minutes over their mean. A log
that says little may be silent for long, a busy one may not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_kit.model.times import Window

# A silence is a hole if chance would give it less often than this, and if it lasts so long.
UNLIKELY = 1e-4
LEAST = timedelta(minutes=1)
# The rate is that of the hour before and after.
AROUND = timedelta(hours=1)
MOST_DISPERSION = 20.0


@dataclass(frozen=True, slots=True)
class Hole:
    """A time without records, and how many were due in it."""

    window: Window
    expected: float


def holes(counts: Mapping[int, int], first: datetime, width: timedelta, within: Window) -> list[Hole]:
    """The holes of a stream within a window, in the order of time; its edges count too.

    `counts` are records by step, of `width`, from `first` on. Without any record there is no rate, and no hole.
    """
    busy = sorted(step for step, n in counts.items() if n)
    if not busy:
        return []
    dispersion = _dispersion(counts, busy, width)
    ends = [*(first + (step + 1) * width for step in busy)]
    starts = [*(first + step * width for step in busy)]
    gaps = [
        (max(begin, within.since), min(end, within.until))
        for begin, end in zip([within.since, *ends], [*starts, within.until], strict=True)
        if end - begin >= LEAST
    ]
    marked = []
    for begin, end in gaps:
        rate = _rate(counts, busy, first, width, begin, end)
        expected = rate * ((end - begin) / width)
        if end - begin >= LEAST and expected / dispersion > -math.log(UNLIKELY):
            marked.append(Hole(Window(begin, end), expected))
    return marked


def _rate(
    counts: Mapping[int, int], busy: list[int], first: datetime, width: timedelta, begin: datetime, end: datetime
) -> float:
    """Records a step around a gap."""
    near = [
        step
        for step in busy
        if begin - AROUND <= first + step * width <= end + AROUND and not begin <= first + step * width < end
    ] or busy
    before = [step for step in near if first + step * width < begin]
    after = [step for step in near if first + step * width >= end]
    spans = [(side[-1] - side[0] + 1) for side in (before, after) if side]
    return sum(counts[step] for step in (*before, *after)) / max(1, sum(spans))


def _dispersion(counts: Mapping[int, int], busy: list[int], width: timedelta) -> float:
    per_minute = max(1, round(timedelta(minutes=1) / width))
    minutes: dict[int, int] = {}
    for step in busy:
        minutes[step // per_minute] = minutes.get(step // per_minute, 0) + counts[step]
    seen = sorted(minutes.values())
    # The quiet half and the busy half of the minutes in which something came: a hole must not widen its own measure.
    mean = sum(seen) / len(seen)
    if len(seen) < 5 or mean <= 0:
        return 1.0
    variance = sum((n - mean) ** 2 for n in seen) / (len(seen) - 1)
    return max(1.0, min(MOST_DISPERSION, variance / mean))
