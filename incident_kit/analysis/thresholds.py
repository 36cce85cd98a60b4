"""When a measure stood above a limit: in which buckets, and for how many in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from incident_kit.logs.rates import Bucket

BucketValue = Callable[[Bucket], float]


@dataclass(frozen=True, slots=True)
class Exceedance:
    """A measure above its limit in neighbouring buckets of one name (a route, or None for all requests)."""

    name: str | None
    buckets: tuple[Bucket, ...]
    worst: Bucket
    width: timedelta

    @property
    def start(self) -> datetime:
        return self.buckets[0].start

    @property
    def end(self) -> datetime:
        return self.buckets[-1].start + self.width


def exceedances(
    buckets: Sequence[Bucket], measure: BucketValue, limit: float, min_requests: int, width: timedelta
) -> list[Exceedance]:
    """The stretches of neighbouring buckets of one name in which `measure` is above `limit`.

    Buckets with fewer than `min_requests` are too few to judge: they are never above, and they end a stretch.
    """
    stretches: list[list[Bucket]] = []
    for bucket in buckets:
        if bucket.n < min_requests or measure(bucket) <= limit:
            continue
        if stretches and stretches[-1][-1].start + width == bucket.start:
            stretches[-1].append(bucket)
        else:
            stretches.append([bucket])
    return [Exceedance(stretch[0].name, tuple(stretch), max(stretch, key=measure), width) for stretch in stretches]


def stretch_above(
    buckets: Sequence[Bucket], measure: BucketValue, limit: float, within: Exceedance
) -> tuple[datetime, datetime] | None:
    """From the first to the end of the last fine bucket above the limit, within the exceedance.

    `buckets` are finer ones of the same name; None if none of them is above.
    """
    if not buckets:
        return None
    above = [bucket for bucket in buckets if within.start <= bucket.start < within.end and measure(bucket) > limit]
    if not above:
        return None
    finer = min((later.start - earlier.start for earlier, later in pairwise(buckets)), default=within.width)
    return above[0].start, above[-1].start + finer
