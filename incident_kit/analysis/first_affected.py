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
    first = records.query("matching_requests")[0]["first"]
    if first is None:
        return None
    for width in WIDTHS:
        # From the first request on: where minutes of a clock begin is no matter of the requests.
        onset = onset_of_requests(requests_by_bucket(records, width, first))
        if onset:
            return refined(records, onset)
    return None


def refined(records: Records, onset: Onset) -> Onset:
    """The onset from its first affected request on, to the end of its last one.

    It stays as it was if single requests do not tell. Affected is what failed or was aborted, or was slower than nearly
    all requests of its route were before. The start is the likeliest change point of the affected share by the second
    in which requests were asked, near the one found.
    """
    until = onset.recovered.latest + MARGIN if onset.recovered else onset.began.latest + AFTERWARDS
    rows = records.query(
        "affected_by_second",
        normal_since=_naive(onset.normal.since),
        normal_until=_naive(onset.normal.until),
        since=_naive(onset.normal.since),
        until=_naive(until),
        quantile=NEARLY_ALL[onset.measure],
        slow=onset.measure != "errors",
        routes=list(onset.routes),
        every_route=not onset.routes,
    )
    seconds = [_Second(**row) for row in rows]
    share_before = _share(seconds, onset.normal.since, onset.normal.until)
    last = min(onset.began.latest + AFTERWARDS, onset.recovered.earliest if onset.recovered else until)
    share_after = _share(seconds, onset.began.latest, last)
    if not share_before < share_after:
        return onset
    began = _first(_near(seconds, onset.began), share_before, share_after)
    recovered = _last(_near(seconds, onset.recovered), share_before, share_after) if onset.recovered else None
    return replace(onset, began=began or onset.began, recovered=recovered or onset.recovered)


@dataclass(frozen=True, slots=True)
class _Second:
    """Requests asked in one second; `first_started` and `last_ended` are of the affected ones."""

    start: datetime
    n: int
    affected: int
    first_started: datetime | None
    last_ended: datetime | None

    def gain(self, share_before: float, share_after: float) -> float:
        well = self.n - self.affected
        of_affected = self.affected * math.log(share_after / share_before)
        return of_affected + well * math.log((1 - share_after) / (1 - share_before))


def _share(seconds: Sequence[_Second], since: datetime, until: datetime) -> float:
    """The affected share, with a half of a request added to both sides: none seen is not never."""
    within = [second for second in seconds if since <= second.start < until]
    return (sum(second.affected for second in within) + 0.5) / (sum(second.n for second in within) + 1)


def _near(seconds: Sequence[_Second], moment: Moment) -> list[_Second]:
    return [second for second in seconds if moment.earliest - MARGIN <= second.start < moment.latest + MARGIN]


def _first(seconds: Sequence[_Second], share_before: float, share_after: float) -> Moment | None:
    """When the first affected request was asked."""
    reach = _reach(seconds[::-1], share_before, share_after)
    if reach is None:
        return None
    latest, likeliest_place, earliest = (len(seconds) - 1 - place for place in reach)
    started = next((second.first_started for second in seconds[likeliest_place:] if second.first_started), None)
    if not started:
        return None
    not_before = seconds[max(earliest - 1, 0)].start
    return Moment(started, min(started, not_before), max(started, seconds[latest].start + SECOND))


def _last(seconds: Sequence[_Second], share_before: float, share_after: float) -> Moment | None:
    """When the last affected request was over."""
    reach = _reach(seconds, share_before, share_after)
    if reach is None:
        return None
    ends = [[second.last_ended for second in seconds[: place + 1] if second.last_ended] for place in reach]
    ended, latest = max(ends[1], default=None), max(ends[2], default=None)
    if not ended or not latest:
        return None
    return Moment(ended, min(ended, seconds[reach[0]].start), max(latest, seconds[reach[2]].start + SECOND))


def _reach(seconds: Sequence[_Second], share_before: float, share_after: float) -> tuple[int, int, int] | None:
    """How far the affected share reaches: the first place that is likely, the likeliest, and the last that is likely.

    Nobody knows how suddenly it rose: a place is likely if it is for a rise to `share_after`, to half or to a
    quarter of it.
    """
    places = []
    for part in (1, 2, 4):
        risen = share_before + (share_after - share_before) / part
        sums = list(accumulate(second.gain(share_before, risen) for second in seconds))
        if sums and max(sums) > 0:
            places.append(likeliest(sums))
    if not places:
        return None
    return min(first for first, _, _ in places), places[0][1], max(last for _, _, last in places)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
