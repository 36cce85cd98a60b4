"""Since when: the change points of buckets in their error share and their latency, and when they were over.

Thresholds of the runbook say what a symptom is; an onset says since when something changed, and is found without them.
Most series have none, and None is the answer then. Too many is the known failure of change-point detection: on public
data, methods as they come score below one that never finds anything (van den Burg and Williams 2020,
https://arxiv.org/abs/2003.06222). So a change must be certain, last, and matter (see `normal`), and be new: compared
with the hour before, for growth is no onset, and with the same time of the day before, where the series reaches back so
far, for what comes every night is none either.

Where a change begins and ends is read from cumulative sums of evidence (Page 1954, "Continuous inspection schemes"; the
place of their maximum is the likeliest change point, Hinkley 1971); the interval holds all places that are likely, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from statistics import median

from incident_kit.analysis.normal import Measure, Normal, judgeable, learn
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.model.times import Window

MEASURES: tuple[Measure, ...] = ("errors", "p50", "p95")
# Normal is the hour before; where traffic is thin, the last twenty buckets that are not too old.
BEFORE = timedelta(hours=1)
BEFORE_BUCKETS = 20
OLDEST = timedelta(hours=6)
LEAST_BEFORE = 4
# The longest stretch that is judged at once; what lasts longer shows in its first half hour.
STRETCH = timedelta(minutes=30)
STRETCH_BUCKETS = 6
# What is over within a minute is an accident, not a change.
BLIP = timedelta(minutes=1)
# What has lasted so long is normal from then on.
NEW_NORMAL = timedelta(hours=6)
DAY = timedelta(days=1)
ABOUT_THEN = timedelta(minutes=15)
# Log likelihood: places within it are as likely as makes no difference; beyond it, the evidence against is enough.
SUPPORT = 2.0
OVER = 6.0
# At the end of the series, where no more evidence can come, a good minute is enough.
OVER_AT_LAST = 3.0
# What belongs to one incident begins within this time.
TOGETHER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that is known to lie in an interval; `likeliest` is the likeliest."""

    likeliest: datetime
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Onset:
    """A lasting change for the worse.

    `name` is that of its series: a route, a dependency, or None for all requests; `routes` are those it shows in, where
    they were looked at. `level_before` and `level_after` are of `measure`: a share of 0 to 1 (errors), or milliseconds
    (p50, p95). `normal` is the window it was compared with. `recovered` is None if no recovery was seen. `strength` is
    a log likelihood ratio, how certain it is; `affected` is about how many requests of its first half hour suffered,
    how bad.
    """

    name: str | None
    measure: Measure
    began: Moment
    recovered: Moment | None
    level_before: float
    level_after: float
    normal: Window
    strength: float
    affected: int
    routes: tuple[str, ...] = ()


def onset(series: Sequence[Bucket]) -> Onset | None:
    """The onset in a series of buckets, or None, as in most.

    `series` is in time order, of one name and one width; buckets without requests may be missing. Of several onsets it
    is the one that hit most requests; it began when the first of its measures changed. At least four buckets must lie
    before it: what was so from the beginning has no onset.
    """
    return _worst(onsets(series))


def onsets(series: Sequence[Bucket]) -> list[Onset]:
    """Every onset in a series, by time and measure.

    One incident may show in errors, in the median (p50) and in the p95.
    """
    width = min((later.start - earlier.start for earlier, later in pairwise(series)), default=None)
    if width is None:
        return []
    swept = [change for measure in MEASURES for change in _sweep(judgeable(measure, series), measure, width)]
    return sorted(swept, key=lambda change: (change.began.likeliest, MEASURES.index(change.measure)))


def onset_of_requests(buckets: Iterable[Bucket]) -> Onset | None:
    """The onset of an incident, from `requests_by_bucket`: over all requests and by route; or None.

    All requests together are compared like with like: a route that is slow by nature and busier than before is no
    incident.
    """
    series = by_name(buckets)
    mixed = series.pop(None, [])
    changes = [change for route in series.values() for change in onsets(route)]
    changes += [change for change in onsets(mixed) if change.measure == "errors"]
    changes += onsets(like_for_like(bucket for route in series.values() for bucket in route))
    return _worst(changes)


def _worst(changes: Sequence[Onset]) -> Onset | None:
    """Of the onsets that came together and hit most requests the surest, from its first change to its last recovery."""
    if not changes:
        return None

    def together(center: Onset) -> list[Onset]:
        return [change for change in changes if abs(change.began.likeliest - center.began.likeliest) <= TOGETHER]

    middle = max(changes, key=lambda change: (sum(other.affected for other in together(change)), change.strength))
    incident = together(middle)
    surest = max(incident, key=lambda change: change.strength)
    same = [change for change in incident if change.name == surest.name]
    ends = [change.recovered for change in same if change.recovered]
    return replace(
        surest,
        began=min((change.began for change in same), key=lambda began: began.likeliest),
        recovered=max(ends, key=lambda end: end.likeliest) if len(ends) == len(same) else None,
        routes=tuple(sorted({change.name for change in incident if change.name is not None})),
    )


def like_for_like(buckets: Iterable[Bucket]) -> list[Bucket]:
    """All requests as one series whose p50 does not change when only the mix of routes does.

    From buckets by route. Each route's median counts as a ratio to that route's usual one, weighted by its requests, on
    the mean level of all. There is no p95.
    """
    series = {
        name: judged
        for name, route in by_name(buckets).items()
        if len(judged := [bucket for bucket in route if bucket.timed and bucket.p50_us is not None]) >= LEAST_BEFORE
    }
    usual = {name: median(math.log(max(bucket.p50_us or 0, 1)) for bucket in route) for name, route in series.items()}
    timed = sum(bucket.timed for route in series.values() for bucket in route)
    if not timed:
        return []
    level_us = (
        math.fsum(math.exp(usual[name]) * bucket.timed for name, route in series.items() for bucket in route) / timed
    )
    by_start: dict[datetime, list[Bucket]] = {}
    for route in series.values():
        for bucket in route:
            by_start.setdefault(bucket.start, []).append(bucket)
    mixed = []
    for start, together in sorted(by_start.items()):
        n, count = sum(bucket.n for bucket in together), sum(bucket.timed for bucket in together)
        rises = (bucket.timed * (math.log(max(bucket.p50_us or 0, 1)) - usual[bucket.name]) for bucket in together)
        p50 = round(level_us * math.exp(math.fsum(rises) / count))
        mixed.append(Bucket(start, None, n, 0, 0, 0, p50 * count, count, p50, None, None))
    return mixed


def _sweep(series: Sequence[Bucket], measure: Measure, width: timedelta) -> list[Onset]:
    """Forward through the series: normal is learnt from what is well, what departs from it is an onset."""
    blip = math.ceil(BLIP / width) + 1
    changes: list[Onset] = []
    well: list[Bucket] = []
    oldest, normal, learnt = 0, None, 0
    place = 0
    while place < len(series):
        oldest = _oldest(well, oldest, series[place].start)
        usual = well[oldest:]
        if len(usual) < LEAST_BEFORE:
            normal = None
        elif (
            normal is None
            or len(well) - learnt > len(usual) // 5
            or (learnt < len(well) and normal.stands_out(series[place]))
        ):
            normal, learnt = learn(measure, usual, blip), len(well)
        judged = _judge(series, place, normal) if normal else None
        if normal is None or judged is None:
            well.append(series[place])
            place += 1
            continue
        last, strength, level = judged
        gains = [normal.gain(bucket, level) for bucket in series[place : last + 1]]
        likely, first, latest = (place + step for step in likeliest(list(accumulate(reversed(gains)))[::-1]))
        end, recovered = _recovery(series, normal, level, first, last, width)
        stretch = series[first : last + 1]
        n, after = sum(bucket.n for bucket in stretch), normal.level_of(stretch)
        changes.append(
            Onset(
                name=series[first].name,
                measure=measure,
                began=Moment(series[first].start, series[likely - 1].start, series[latest].start + width),
                recovered=recovered,
                level_before=round(normal.level, 6),
                level_after=round(after, 6),
                normal=Window(usual[0].start, usual[-1].start + width),
                strength=round(strength, 3),
                affected=round(n * {"errors": after - normal.level, "p50": 0.5, "p95": 0.05}[measure]),
            )
        )
        if recovered is None:
            well, oldest = [], 0  # whatever came to stay is what later changes are compared with
        place = end
    return changes


def _oldest(well: Sequence[Bucket], oldest: int, now: datetime) -> int:
    """Where the buckets begin that normal is learnt from.

    That is an hour ago, or as long ago as it takes for enough of them.
    """
    while oldest < len(well):
        age = now - well[oldest].start
        if age <= BEFORE or (age <= OLDEST and len(well) - oldest <= BEFORE_BUCKETS):
            break
        oldest += 1
    return oldest


def _judge(series: Sequence[Bucket], place: int, normal: Normal) -> tuple[int, float, float] | None:
    """The stretch from `place` that departs from normal most certainly.

    Given are its last place, how certainly, and its level.
    """
    if not normal.stands_out(series[place]):
        return None
    best: tuple[int, float, float] | None = None
    for last in range(place + 1, len(series)):
        if series[last].start - series[place].start > STRETCH and last - place >= STRETCH_BUCKETS:
            break
        judged = normal.judge(series[place : last + 1])
        if judged and (best is None or judged[0] > best[1]):
            best = (last, *judged)
    if best is None or _so_yesterday(series, place, best, normal):
        return None
    # Well buckets behind the last bad one belong to the recovery, though the stretch departs from normal with them too.
    last, strength, level = best
    while last > place + 1 and not normal.stands_out(series[last]):
        last -= 1
    return last, strength, level


def _so_yesterday(series: Sequence[Bucket], place: int, judged: tuple[int, float, float], normal: Normal) -> bool:
    last, _, level = judged
    since, until = series[place].start - DAY - ABOUT_THEN, series[last].start - DAY + ABOUT_THEN
    then = [bucket for bucket in series[:place] if since <= bucket.start <= until]
    return len(then) >= LEAST_BEFORE and not normal.is_worse(level, normal.level_of(then))


def _recovery(
    series: Sequence[Bucket], normal: Normal, level: float, first: int, last: int, width: timedelta
) -> tuple[int, Moment | None]:
    """The place from which all is well again, and when that was.

    The place to go on from, and None, if it was not seen.
    """
    sums: list[float] = []
    highest = -math.inf
    for place in range(first, len(series)):
        if series[place].start - series[first].start > NEW_NORMAL:
            return place, None
        sums.append((sums[-1] if sums else 0.0) + normal.gain(series[place], level))
        highest = max(highest, sums[-1])
        enough = OVER if place < len(series) - 1 else OVER_AT_LAST
        if place > last and highest - sums[-1] >= enough:
            earliest, end, likely = (first + step for step in likeliest(sums))
            return end + 1, Moment(series[end].start + width, series[earliest].start, series[likely + 1].start + width)
    return len(series), None


def likeliest(sums: Sequence[float]) -> tuple[int, int, int]:
    """The place of a change, from sums of evidence.

    Given are the first that is likely, the likeliest, and the last that is likely.
    """
    highest = max(sums)
    likely = [place for place, value in enumerate(sums) if value >= highest - SUPPORT]
    return likely[0], sums.index(highest), likely[-1]
