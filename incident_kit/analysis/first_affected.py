"""From the minute to the second: when the first request was affected by an incident, and when the last one was over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from incident_kit.analysis.onset import Moment, Onset, likeliest, onset_of_requests
from incident_kit.logs.rates import requests_by_bucket
from incident_kit.logs.reading import Records

# Minutes first; where traffic is too thin for them, longer buckets.
WIDTHS = (timedelta(minutes=1), timedelta(minutes=5))
SECOND = timedelta(seconds=1)
# Requests that begin so long before the minute in which they end are looked at, too, and so long after the last one.
MARGIN = timedelta(minutes=1)
# How long after the onset the affected share is measured: not longer, for some things get worse and worse.
AFTERWARDS = timedelta(minutes=1)
# Slower than nearly all had been: where the median rose, than 95 of 100; where only the slowest twentieth did, than 99.
NEARLY_ALL = {"errors": 0.95, "p50": 0.95, "p95": 0.99}


def onset_of(records: Records) -> Onset | None:
    """The onset of the incident in these records, to the request where that can be told; None if there is none."""
    for width in WIDTHS:
        found = onset_of_requests(requests_by_bucket(records, width))
        if found:
            return refined(records, found)
    return None


def refined(records: Records, found: Onset) -> Onset:
    """The onset from its first affected request on, to the end of its last one; as it was if single requests do not tell.

    Affected is what failed or was aborted, or was slower than nearly all requests of its route were before. The start is
    the likeliest change point of the affected share by the second in which requests were asked, near the one found.
    """
    until = found.recovered.latest + MARGIN if found.recovered else found.began.latest + AFTERWARDS
    rows = records.query(
        "affected_by_second", normal_since=_naive(found.normal.since), normal_until=_naive(found.normal.until), since=_naive(found.normal.since),
        until=_naive(until), quantile=NEARLY_ALL[found.measure], slow=found.measure != "errors", routes=list(found.routes), every_route=not found.routes,
    )  # fmt: skip
    seconds = [_Second(**row) for row in rows]
    before = _share(seconds, found.normal.since, found.normal.until)
    after = _share(
        seconds,
        found.began.latest,
        min(found.began.latest + AFTERWARDS, found.recovered.earliest if found.recovered else until),
    )
    if not before < after:
        return found
    began = _first(_near(seconds, found.began), before, after)
    recovered = _last(_near(seconds, found.recovered), before, after) if found.recovered else None
    return replace(found, began=began or found.began, recovered=recovered or found.recovered)


@dataclass(frozen=True, slots=True)
class _Second:
    """Requests asked in one second; `first_started` and `last_ended` are of the affected ones."""

    start: datetime
    n: int
    affected: int
    first_started: datetime | None
    last_ended: datetime | None

    def gain(self, before: float, after: float) -> float:
        return self.affected * math.log(after / before) + (self.n - self.affected) * math.log(
            (1 - after) / (1 - before)
        )


def _share(seconds: Sequence[_Second], since: datetime, until: datetime) -> float:
    """The affected share, with a half of a request added to both sides: none seen is not never."""
    within = [second for second in seconds if since <= second.start < until]
    return (sum(second.affected for second in within) + 0.5) / (sum(second.n for second in within) + 1)


def _near(seconds: Sequence[_Second], moment: Moment) -> list[_Second]:
    return [second for second in seconds if moment.earliest - MARGIN <= second.start < moment.latest + MARGIN]


def _first(seconds: Sequence[_Second], before: float, after: float) -> Moment | None:
    """When the first affected request was asked."""
    reach = _reach(seconds[::-1], before, after)
    if reach is None:
        return None
    latest, at, earliest = (len(seconds) - 1 - place for place in reach)
    started = next((second.first_started for second in seconds[at:] if second.first_started), None)
    return (
        Moment(started, min(started, seconds[max(earliest - 1, 0)].start), max(started, seconds[latest].start + SECOND))
        if started
        else None
    )


def _last(seconds: Sequence[_Second], before: float, after: float) -> Moment | None:
    """When the last affected request was over."""
    reach = _reach(seconds, before, after)
    if reach is None:
        return None
    ends = [[second.last_ended for second in seconds[: place + 1] if second.last_ended] for place in reach]
    ended, latest = max(ends[1], default=None), max(ends[2], default=None)
    return (
        Moment(ended, min(ended, seconds[reach[0]].start), max(latest, seconds[reach[2]].start + SECOND))
        if ended and latest
        else None
    )


def _reach(seconds: Sequence[_Second], before: float, after: float) -> tuple[int, int, int] | None:
    """How far the affected share reaches: the first place that is likely, the likeliest, and the last that is likely.

    Nobody knows how suddenly it rose, so the places are likely that are so for a rise to `after`, to half or to a quarter of it.
    """
    places = []
    for part in (1, 2, 4):
        sums = list(accumulate(second.gain(before, before + (after - before) / part) for second in seconds))
        if sums and max(sums) > 0:
            places.append(likeliest(sums))
    return (min(first for first, _, _ in places), places[0][1], max(last for _, _, last in places)) if places else None


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
