"""The smallest fault that a check would have seen: what `ruled_out` may be said about, and how surely.

A fault is a share of failing requests, or a mean duration, for some time. It may lie anywhere in the window, so its
power is the mean over all places where it could lie.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from statistics import NormalDist

from incident_kit.analysis.chance import least_convincing
from incident_kit.analysis.episodes import MINUTE, QUANTILE, Series
from incident_kit.model.times import parse_duration

# Nothing is ruled out with less.
LEAST_POWER = 0.95
WRITTEN = re.compile(r"([\d.]+) ?(%|s) for (\w+)")
# How much durations of a slow route vary, as a part of their mean.
VARIATION = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of some size (a share of 0 to 1, or milliseconds) that lasts for some time."""

    size: float
    unit: str
    lasts: timedelta

    def __str__(self) -> str:
        minutes = f"{self.lasts / MINUTE:g} minutes"
        if self.unit == "%":
            return f"a failure of {self.size:.0%} for {minutes}"
        return f"a mean of {self.size / 1000:g} s for {minutes}"


def fault(text: str) -> Fault:
    """A fault as runbooks write it. Raises ValueError.

    >>> str(fault("20% for 5m")), str(fault("4 s for 30m"))
    ('a failure of 20% for 5 minutes', 'a mean of 4 s for 30 minutes')
    """
    matched = WRITTEN.fullmatch(text.strip())
    if not matched:
        raise ValueError(f"{text!r} is no fault such as '20% for 5m' or '4 s for 5m'")
    size, unit, lasts = matched.groups()
    return Fault(float(size) / 100 if unit == "%" else float(size) * 1000, unit, parse_duration(lasts))


def would_be_seen(series: Series, limit: float, faults: Sequence[Fault]) -> Fault | None:
    """The first of these faults that would have been seen, wherever in the series it lay; None if none would.

    `limit` is the share of failures above which something is seen; for durations it is half of the fault.
    """
    for candidate in faults:
        if candidate.unit == "%":
            seen = _mean_power([step.n for step in series.steps], series, candidate, _PowerOfShare(limit, candidate))
        else:
            seen = _mean_power([step.timed for step in series.steps], series, candidate, _power_of_mean)
        if seen >= LEAST_POWER:
            return candidate
    return None


@dataclass(frozen=True, slots=True)
class _PowerOfShare:
    """That a share of failures is told from `limit` among `n` requests, also without the minute that has most."""

    limit: float
    fault: Fault

    def __call__(self, n: int) -> float:
        minutes = self.fault.lasts / MINUTE
        left = math.floor(n * (1 - 1 / minutes))
        if left <= 0:
            return 0.0
        share, a_minute = self.fault.size, n * self.fault.size / minutes
        # What the largest of so many normal values is about.
        largest = min(n / minutes, a_minute + math.sqrt(2 * a_minute * (1 - share) * math.log(minutes)))
        deviation = math.sqrt(left * share * (1 - share)) or 1.0
        return NormalDist().cdf((n * share - largest - least_convincing(left, self.limit) + 0.5) / deviation)


def _power_of_mean(n: int) -> float:
    """That a mean of twice the limit is told from it, by `n` durations; a minute of them may not count."""
    return NormalDist().cdf(math.sqrt(0.8 * n) * 0.5 / VARIATION - QUANTILE) if n else 0.0


def _mean_power(counted: Sequence[int], series: Series, fault: Fault, chance: Callable[[int], float]) -> float:
    sums = list(accumulate(counted, initial=0))
    width = round(fault.lasts / series.width)
    if width > len(counted):
        return 0.0
    places = range(0, len(counted) - width + 1, series.per_minute)
    return sum(chance(sums[place + width] - sums[place]) for place in places) / len(places)
