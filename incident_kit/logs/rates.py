"""Requests and calls per bucket of time, as typed rows.

Integers from the log, averages and shares computed from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incident_kit.logs.reading import Records

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in one bucket of time, which begins at `start`.

    `name` is a route or a dependency, None for all requests together. `failed` are 5xx (for calls: any error),
    `aborted` were given up by the client (499 too), `refused` are the other 4xx. Durations are in microseconds; `timed`
    is how many records had one, p50/p95/p99 are None without any.
    """

    start: datetime
    name: str | None
    n: int
    failed: int
    aborted: int
    refused: int
    total_us: int
    timed: int
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None

    @property
    def average_ms(self) -> float:
        return self.total_us / self.timed / 1000 if self.timed else 0.0

    @property
    def bad_share(self) -> float:
        """The share of requests that failed or were aborted; 4xx are the client's and do not count."""
        return (self.failed + self.aborted) / self.n if self.n else 0.0


def requests_by_bucket(records: Records, width: timedelta, first: datetime = EPOCH) -> list[Bucket]:
    """Finished requests per bucket: over all routes (name None) and by route. Event streams are left out.

    One bucket begins at `first`; without it buckets begin where those of a clock do.
    """
    return _rows(
        records, "requests_by_bucket", bucket_us=_in_us(width), first=first.astimezone(UTC).replace(tzinfo=None)
    )


def calls_by_bucket(records: Records, width: timedelta) -> list[Bucket]:
    """Timed calls to outside systems per bucket, by dependency."""
    return _rows(records, "calls_by_bucket", bucket_us=_in_us(width))


def requests_between(records: Records, edges: Sequence[datetime]) -> list[Bucket]:
    """Finished requests by the part of time they were asked in, as `requests_by_bucket`.

    A part begins at each edge, the last goes on to the end.
    """
    return _rows(records, "requests_between", edges=[edge.astimezone(UTC).replace(tzinfo=None) for edge in edges])


def calls_between(records: Records, edges: Sequence[datetime]) -> list[Bucket]:
    """Timed calls to outside systems by the part of time they were made in, by dependency."""
    return _rows(records, "calls_between", edges=[edge.astimezone(UTC).replace(tzinfo=None) for edge in edges])


def _in_us(width: timedelta) -> int:
    return width // timedelta(microseconds=1)


def _rows(records: Records, query: str, **parameters: object) -> list[Bucket]:
    buckets = []
    for row in records.query(query, **parameters):
        p50, p95, p99 = row.pop("quantiles_us") or (None, None, None)
        buckets.append(Bucket(**row, p50_us=p50, p95_us=p95, p99_us=p99))
    return buckets


def by_name(buckets: Iterable[Bucket]) -> dict[str | None, list[Bucket]]:
    """The same buckets, apart by route or dependency, each in time order."""
    groups: dict[str | None, list[Bucket]] = {}
    for bucket in buckets:
        groups.setdefault(bucket.name, []).append(bucket)
    return groups
