"""Episodes: times in which more requests failed than a limit allows, or took longer, and more than chance would give.

Requests are counted in steps of some seconds, the first of which begins with the first request. So nothing depends on
where the minutes of a clock begin. Windows of two minutes to an hour slide over the steps. What counts must also count
without its worst minute: a blip that is over at once is no episode. Failures come in clumps (one lost connection fails
three requests): counts are divided by the dispersion of the minutes outside of all episodes, as is usual for binomials
that vary more than they should (McCullagh and Nelder 1989, "Generalized linear models", 4.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from incident_kit.analysis.chance import LEAST, ONE_IN_A_MILLION, at_least

MINUTE = timedelta(minutes=1)
# The lengths of the windows that slide over the steps.
LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (2, 3, 5, 8, 12, 20, 30, 45, 60))
# The shortest steps, and how many of them there are at most.
STEPS_S = (5, 10, 15, 20, 30, 60)
MOST_STEPS = 6000
# Clumps of more than this would hide an outage rather than explain it.
MOST_DISPERSION = 4.0
# So many requests in a minute, of which so nearly all failed, are no blip.
CERTAIN_REQUESTS, CERTAIN_SHARE = 100, 0.95
# A mean says nothing of fewer requests, nor of fewer minutes.
LEAST_TIMED = 10
LEAST_MINUTES = 3
# One-sided, 99 in 100.
QUANTILE = 2.326
# It is over if so many well requests in a row would be as unlikely as this while it lasts.
OVER = 1e-3
# The share before an episode is never taken for less than this: none seen is not never.
LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True)
class Step:
    """Requests of one step: how many, how many of them are bad, how many were timed and how long they took together."""

    n: int
    bad: int
    total_us: int
    timed: int


NOTHING = Step(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Series:
    """The steps of one name (a route, a client, or None for all requests), from the first request of all on."""

    name: str | None
    first: datetime
    width: timedelta
    steps: tuple[Step, ...]

    def time(self, place: int) -> datetime:
        """When a step begins."""
        return self.first + place * self.width

    @property
    def n(self) -> int:
        return sum(step.n for step in self.steps)

    @property
    def timed(self) -> int:
        return sum(step.timed for step in self.steps)

    @property
    def bad(self) -> int:
        return sum(step.bad for step in self.steps)

    @property
    def per_minute(self) -> int:
        """How many steps a minute has."""
        return max(1, round(MINUTE / self.width))


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which a share of requests, or their mean duration, stood above a limit.

    `since` and `until` bound the steps. `n` and `bad` are its requests and the bad ones; `level` is their share, or the
    mean in milliseconds. `standing`: it was so from the first request on. `over`: enough well requests came after it.
    `after` counts the requests after it.
    """

    name: str | None
    since: datetime
    until: datetime
    n: int
    bad: int
    level: float
    standing: bool
    over: bool
    after: int


def step_width(length: timedelta) -> timedelta:
    """How wide steps are for evidence of this length.

    >>> step_width(timedelta(hours=2)).total_seconds()
    5.0
    """
    wide_enough = (seconds for seconds in STEPS_S if length / timedelta(seconds=seconds) <= MOST_STEPS)
    return timedelta(seconds=next(wide_enough, STEPS_S[-1]))


def added(several: Iterable[Series]) -> Series | None:
    """Several series as one without a name; None if there is none."""
    together = list(several)
    if not together:
        return None
    columns = zip(*(series.steps for series in together), strict=True)
    steps = tuple(
        Step(
            sum(step.n for step in column),
            sum(step.bad for step in column),
            sum(step.total_us for step in column),
            sum(step.timed for step in column),
        )
        for column in columns
    )
    return replace(together[0], name=None, steps=steps)


def failing(series: Series, limit: float, *, without_worst: bool = True) -> list[Episode]:
    """The times in which more than `limit` of the requests were bad, and more than chance would give at that limit.

    So they must also be `without_worst` minute.
    """
    scanned, lengths = _Scan(series, limit, without_worst), LENGTHS
    first_look = scanned.marked(lengths, 1.0)
    if not any(first_look):
        return []
    dispersion = scanned.dispersion(first_look)
    marked = first_look if dispersion == 1.0 else scanned.marked(lengths, dispersion)
    return [scanned.episode(begin, end) for begin, end in _runs(marked)]


class _Scan:
    """Sums over the steps of a series, asked for by many windows."""

    def __init__(self, series: Series, limit: float, without_worst: bool) -> None:
        self.series, self.limit, self.without_worst = series, limit, without_worst
        self.n = list(accumulate((step.n for step in series.steps), initial=0))
        self.bad = list(accumulate((step.bad for step in series.steps), initial=0))
        minute, count = series.per_minute, len(series.steps)
        self.in_minute = [self.bad[min(place + minute, count)] - self.bad[place] for place in range(count)]

    def marked(self, lengths: Sequence[timedelta], dispersion: float) -> list[bool]:
        """Which steps lie in a window that counts."""
        count = len(self.series.steps)
        marked = [False] * count
        starts = [place for place, step in enumerate(self.series.steps) if step.bad]
        for length in sorted(lengths):
            width = max(1, round(length / self.series.width))
            for begin in starts:
                end = min(begin + width, count)
                if self.bad[end] - self.bad[begin] < LEAST or (marked[begin] and all(marked[begin:end])):
                    continue
                if self._counts(begin, end, dispersion):
                    marked[begin:end] = [True] * (end - begin)
        return marked

    def _counts(self, begin: int, end: int, dispersion: float) -> bool:
        n, bad = self.n[end] - self.n[begin], self.bad[end] - self.bad[begin]
        if not self._is_more(n, bad, dispersion):
            return False
        if not self.without_worst or self._is_certain(begin, end):
            return True
        minute = self.series.per_minute
        last = max(begin, end - minute)
        worst = max(range(begin, last + 1), key=lambda place: self.in_minute[place])
        stop = min(worst + minute, end)
        n -= self.n[stop] - self.n[worst]
        bad -= self.bad[stop] - self.bad[worst]
        return bad >= LEAST and self._is_more(n, bad, dispersion)

    def _is_certain(self, begin: int, end: int) -> bool:
        """Whether nearly all of many requests failed for a whole minute: no other minute has to show it, too."""
        minute = self.series.per_minute
        return any(
            self.n[place + minute] - self.n[place] >= CERTAIN_REQUESTS
            and self.in_minute[place] >= CERTAIN_SHARE * (self.n[place + minute] - self.n[place])
            for place in range(begin, min(end, len(self.in_minute)) - minute + 1)
        )

    def _is_more(self, n: int, bad: int, dispersion: float) -> bool:
        if bad < LEAST or not n or bad / n <= self.limit:
            return False
        tries, failures = math.ceil(n / dispersion), math.floor(bad / dispersion)
        return at_least(failures, tries, self.limit) < ONE_IN_A_MILLION

    def dispersion(self, inside: Sequence[bool]) -> float:
        """How many times more than independent failures would those of the minutes outside vary."""
        minute = self.series.per_minute
        outside = [
            (self.n[place + minute] - self.n[place], self.bad[place + minute] - self.bad[place])
            for place in range(0, len(inside) - minute + 1, minute)
            if not any(inside[place : place + minute])
        ]
        n, bad = sum(pair[0] for pair in outside), sum(pair[1] for pair in outside)
        if bad < 2 or len(outside) < 5:
            return 1.0
        share = bad / n
        pearson = sum((pair[1] - pair[0] * share) ** 2 / (pair[0] * share) for pair in outside if pair[0])
        return max(1.0, min(MOST_DISPERSION, pearson / (len(outside) - 1) / max(1 - share, 1e-9)))

    def episode(self, begin: int, end: int) -> Episode:
        """The likeliest stretch of the marked steps: where bad requests came as often as in the worst of it."""
        steps = self.series.steps
        outside_n, outside_bad = (
            self.n[-1] - (self.n[end] - self.n[begin]),
            self.bad[-1] - (self.bad[end] - self.bad[begin]),
        )
        before = min(self.limit, max(LEAST_SHARE, outside_bad / outside_n if outside_n else 0.0))
        n, bad = self.n[end] - self.n[begin], self.bad[end] - self.bad[begin]
        for _ in range(3):  # the share within depends on the bounds, and they on it
            within = min(0.99, max(bad / n, 2 * before))
            up, down = math.log(within / before), math.log((1 - within) / (1 - before))
            first, stop = best_stretch(
                [step.bad * up + (step.n - step.bad) * down for step in steps[begin:end]],
            )
            first, stop = begin + first, begin + stop
            n, bad = self.n[stop] - self.n[first], self.bad[stop] - self.bad[first]
        after = self.n[-1] - self.n[stop]
        return Episode(
            self.series.name,
            self.series.time(first),
            self.series.time(stop),
            n,
            bad,
            bad / n,
            standing=self._is_standing(first, within),
            over=after > 0 and (1 - min(0.999, within)) ** after < OVER,
            after=after,
        )

    def _is_standing(self, first: int, within: float) -> bool:
        """Whether too few requests came before it to say that they were well."""
        return (1 - within) ** self.n[first] > OVER


def slow_windows(
    series: Series, limit_ms: float, most: int, lengths: Sequence[timedelta] = LENGTHS
) -> list[tuple[datetime, datetime]]:
    """The windows in which the mean duration lies highest above the limit, also without their worst minute.

    The worst first, at most `most`, none within another. They are candidates: `is_slow` decides on their minutes.
    """
    total = list(accumulate((step.total_us for step in series.steps), initial=0))
    timed = list(accumulate((step.timed for step in series.steps), initial=0))
    minute, count = series.per_minute, len(series.steps)
    in_minute = [total[min(place + minute, count)] - total[place] for place in range(count)]
    limit_us = limit_ms * 1000
    candidates: list[tuple[float, int, int]] = []
    for length in sorted(lengths):
        width = max(1, round(length / series.width))
        if width > count and candidates:
            break
        for begin in range(0, max(1, count - width + 1), max(1, minute // 4)):
            end = min(begin + width, count)
            n = timed[end] - timed[begin]
            excess = total[end] - total[begin] - limit_us * n
            if n < LEAST_TIMED or excess <= 0:
                continue
            worst = max(range(begin, max(begin, end - minute) + 1), key=lambda place: in_minute[place])
            stop = min(worst + minute, end)
            left = n - (timed[stop] - timed[worst])
            if left <= 0 or total[end] - total[begin] - (total[stop] - total[worst]) <= limit_us * left:
                continue
            candidates.append((excess, begin, end))
    chosen: list[tuple[int, int]] = []
    for _, begin, end in sorted(candidates, key=lambda candidate: (-candidate[0], candidate[1], candidate[2])):
        if len(chosen) < most and all(end <= other_begin or begin >= other_end for other_begin, other_end in chosen):
            chosen.append((begin, end))
    return [(series.time(begin), series.time(end)) for begin, end in chosen]


def is_slow(minutes: Sequence[Mapping[str, int]], limit_ms: float) -> bool:
    """Whether the mean of these minutes is above a limit by more than chance.

    So it must be without the worst minute, without the slowest hundredth, and at the lower bound of a jackknife that
    leaves out a minute at a time. Minutes are rows of `durations_by_minute`.
    """
    n, total = sum(row["n"] for row in minutes), sum(row["total_us"] for row in minutes)
    limit_us = limit_ms * 1000
    if n < LEAST_TIMED or len(minutes) < LEAST_MINUTES or total / n <= limit_us:
        return False
    worst = max(minutes, key=lambda row: row["total_us"] - limit_us * row["n"])
    rest = n - worst["n"]
    if rest <= 0 or (total - worst["total_us"]) / rest <= limit_us:
        return False
    n_of_most, total_of_most = (sum(row[name] for row in minutes) for name in ("n_of_most", "total_us_of_most"))
    if not n_of_most or total_of_most / n_of_most <= limit_us:
        return False
    means = [(total - row["total_us"]) / (n - row["n"]) for row in minutes if n > row["n"]]
    center = math.fsum(means) / len(means)
    variance = (len(means) - 1) / len(means) * math.fsum((mean - center) ** 2 for mean in means)
    return total / n - QUANTILE * math.sqrt(variance) > limit_us


def slow_stretch(series: Series, limit_ms: float, since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Where within a window requests were slow: the stretch in which they exceed the limit most, and longest."""
    begin, end = (max(0, round((bound - series.first) / series.width)) for bound in (since, until))
    margin = 60 * series.per_minute  # it may have begun before the window that showed it best
    begin, end = max(0, begin - margin), min(len(series.steps), end + margin)
    scores = [
        step.timed * max(-1.0, min(2.0, step.total_us / step.timed / (limit_ms * 1000) - 1.0)) if step.timed else 0.0
        for step in series.steps[begin:end]
    ]
    first, stop = best_stretch(scores)
    return series.time(begin + first), series.time(begin + stop)


def best_stretch(scores: Sequence[float]) -> tuple[int, int]:
    """The stretch with the greatest sum, as its first place and the place after its last.

    >>> best_stretch([-1.0, 2.0, -0.5, 2.0, -3.0])
    (1, 4)
    """
    best, best_sum = (0, len(scores)), -math.inf
    start, so_far = 0, 0.0
    for place, score in enumerate(scores):
        if so_far <= 0:
            start, so_far = place, 0.0
        so_far += score
        if so_far > best_sum:
            best, best_sum = (start, place + 1), so_far
    return best


def _runs(marked: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for place, is_marked in enumerate(marked):
        if is_marked and runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        elif is_marked:
            runs.append((place, place + 1))
    return runs
