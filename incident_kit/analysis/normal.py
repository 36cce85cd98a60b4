"""What was normal in the buckets before, and whether a stretch of later buckets departs from it for the worse.

Two measures, one manner: learn from the buckets before, say whether one bucket stands out, judge a stretch of them, and
give each bucket its weight as evidence for a change. Nothing here looks at a single request, or at a clock.

A stretch counts only if it would also count without its worst minute, so that a blip (a deploy, a pause of the garbage
collector, one call that failed for everybody at once) is no change, and only if it matters to somebody: a difference
may be certain and still be nothing. The limits below were chosen on seeds of `tests/analysis/traffic.py` that
`tests/benchmarks/onsets.py` does not use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from statistics import NormalDist, median
from typing import Literal, Protocol

from incident_kit.logs.rates import Bucket

Measure = Literal["errors", "p50", "p95"]

# How certain a change must be: a log likelihood ratio. Chance alone gives 12 about once in two million tries (twice the
# ratio is chi-squared with one degree of freedom, Wilks 1938), and a day has some 30 000 tries.
ENOUGH = 12.0
# How many of a stretch's buckets must stand out by themselves.
PERSISTENT = 2 / 3
# How many must be left when the worst minute is left out.
LEAST_LEFT = 2
# Errors: the share must double, and rise by a point of a hundred, and mean some requests.
# Its buckets must have half of it.
SHARE_RATIO = 2.0
SHARE_RISE = 0.01
LEAST_BAD = 5
CLUMP = 0.5
# What is as short as two blips in a row must be as bad as this to be told from them.
SEVERE = 0.05
# Latency: three quarters slower, fifty milliseconds that somebody could notice, and not only the one quantile.
RATIO = 1.75
RISE_MS = 50.0
MEAN_RATIO = {"p50": 1.6, "p95": 1.2}
# From fewer buckets than this, normal is hardly known: then half of the requests must be slower than nearly all were.
FEW = 20
# Below so many timed requests, a bucket's quantile is one request's luck.
LEAST_TIMED = {"p50": 5, "p95": 20}
# The standard error of a normal sample's quantile, in standard deviations, times the root of its size:
# sqrt(q (1 - q)) / density.
P95_DEVIATIONS = 1.6449
QUANTILE_ERROR = {"p50": 1.2533, "p95": 2.1132}
# Logarithms of durations: no bucket speaks of less than a millisecond, and none is known better than by a twentieth.
LEAST_US = 1000
LEAST_SCALE = 0.05


class Normal(Protocol):
    """What was normal for one measure. Levels are shares (errors) or milliseconds (latency)."""

    @property
    def level(self) -> float:
        """The level before."""

    def stands_out(self, bucket: Bucket) -> bool:
        """Whether this one bucket is worse than is normal."""

    def judge(self, stretch: Sequence[Bucket]) -> tuple[float, float] | None:
        """How certainly the stretch departs from normal (a log likelihood ratio), and its level; None if not."""

    def gain(self, bucket: Bucket, level: float) -> float:
        """What the bucket says for a change to `level` (above zero) or against it: its log likelihood ratio."""

    def level_of(self, buckets: Sequence[Bucket]) -> float:
        """The level of some buckets."""

    def is_worse(self, level: float, other: float) -> bool:
        """Whether a level is so much worse than another that it counts."""


def learn(measure: Measure, healthy: Sequence[Bucket], blip: int) -> Normal:
    """What was normal in these healthy buckets, in time order.

    `blip` is how many neighbouring buckets one short accident can reach.
    """
    return NormalErrors(healthy, blip) if measure == "errors" else NormalLatency(healthy, blip, measure)


def judgeable(measure: Measure, series: Sequence[Bucket]) -> list[Bucket]:
    """The buckets of a series that hold enough to speak of this measure."""
    if measure == "errors":
        return [bucket for bucket in series if bucket.n]
    return [
        bucket
        for bucket in series
        if bucket.timed >= LEAST_TIMED[measure] and _quantile_us(measure, bucket) is not None
    ]


class NormalErrors:
    """The share of requests that failed or were aborted: a binomial likelihood ratio between before and after.

    The scan over all stretches is that of Kulldorff (1997), "A spatial scan statistic", in time. Errors come in clumps:
    the ratio is divided by the dispersion of the buckets before (McCullagh and Nelder 1989, "Generalized linear
    models", 4.5).
    """

    def __init__(self, healthy: Sequence[Bucket], blip: int) -> None:
        self._healthy = healthy
        self._blip = blip
        self._n = sum(bucket.n for bucket in healthy)
        self._bad = sum(map(bad, healthy))
        self.level = self._bad / self._n
        usual = without_worst(healthy, blip, self._excess)
        variance = self.level * (1 - self.level)
        pearson = sum(self._excess(bucket) ** 2 / max(bucket.n * variance, 0.5) for bucket in usual)
        self._dispersion = max(1.0, pearson / max(1, len(usual) - 1))
        self._sums_n = list(accumulate((bucket.n for bucket in healthy), initial=0))
        self._sums_bad = list(accumulate(map(bad, healthy), initial=0))

    def stands_out(self, bucket: Bucket) -> bool:
        return bad(bucket) > 0 and self.is_worse(bucket.bad_share, self.level)

    def judge(self, stretch: Sequence[Bucket]) -> tuple[float, float] | None:
        kept = without_worst(stretch, self._blip, self._excess)
        if len(kept) < LEAST_LEFT or sum(map(self.stands_out, stretch)) < PERSISTENT * len(stretch):
            return None
        n, n_bad = sum(bucket.n for bucket in kept), sum(map(bad, kept))
        if len(stretch) < 2 * self._blip + LEAST_LEFT and n_bad < SEVERE * n:
            return None
        if (
            n_bad - n * self.level < LEAST_BAD
            or not self.is_worse(n_bad / n, self.level)
            or n_bad / n <= self._worst_share(len(stretch))
        ):
            return None
        apart = log_likelihood(n_bad, n) + log_likelihood(self._bad, self._n)
        score = (apart - log_likelihood(n_bad + self._bad, n + self._n)) / self._dispersion
        # Bad throughout, not in a few clumps with a stray error between them.
        throughout = sum(bucket.bad_share >= CLUMP * n_bad / n for bucket in stretch)
        return (score, n_bad / n) if score >= ENOUGH and throughout >= PERSISTENT * len(stretch) else None

    def gain(self, bucket: Bucket, level: float) -> float:
        low = max(self.level, 0.5 / self._n)  # none seen is not never
        high = min(max(level, SHARE_RATIO * low, low + SHARE_RISE), 1 - 0.5 / self._n)
        good = bucket.n - bad(bucket)
        return (bad(bucket) * math.log(high / low) + good * math.log((1 - high) / (1 - low))) / self._dispersion

    def level_of(self, buckets: Sequence[Bucket]) -> float:
        return sum(map(bad, buckets)) / sum(bucket.n for bucket in buckets)

    def is_worse(self, level: float, other: float) -> bool:
        return level >= max(SHARE_RATIO * other, other + SHARE_RISE)

    def _excess(self, bucket: Bucket) -> float:
        return bad(bucket) - bucket.n * self.level

    def _worst_share(self, length: int) -> float:
        """Of any stretch before that was as long."""
        count = min(length, len(self._healthy))
        stretches = ((place, place + count) for place in range(len(self._healthy) - count + 1))
        return max(
            (self._sums_bad[end] - self._sums_bad[start]) / (self._sums_n[end] - self._sums_n[start])
            for start, end in stretches
        )


class NormalLatency:
    """A quantile of durations: how many robust deviations its logarithm rises, over how many buckets.

    Median and median absolute deviation (Hampel 1974), with a second scale from the highest buckets before: where
    quantiles jump (half the answers come from a cache), the middle deviates little and the top a lot. The score is the
    likelihood ratio of a normal mean, with the efficiency of a median (2/pi).
    """

    def __init__(self, healthy: Sequence[Bucket], blip: int, measure: Measure) -> None:
        self._measure = measure
        self._blip = blip
        self._count = len(healthy)
        values = [self._log(bucket) for bucket in healthy]
        self._middle = median(values)
        self._mean_ms = median(bucket.average_ms for bucket in healthy)
        usual = (
            [self._log(bucket) for bucket in without_worst(healthy, blip, self._log)] if len(healthy) >= FEW else values
        )
        self._most = max(usual)
        # What the highest of so many normal values is expected to be (Blom 1958).
        expected = NormalDist().inv_cdf((len(usual) - 0.375) / (len(usual) + 0.25))
        self._scale = max(
            1.4826 * median(abs(value - self._middle) for value in values),
            (self._most - self._middle) / expected,
            median(map(self._sampling_error, healthy)),
            LEAST_SCALE,
        )
        self.level = math.exp(self._middle) / 1000
        slowest_us = [bucket.p95_us for bucket in healthy if bucket.p95_us is not None]
        self._least_ms = median(slowest_us) / 1000 if measure == "p50" and len(healthy) < FEW and slowest_us else 0.0

    def stands_out(self, bucket: Bucket) -> bool:
        return self._log(bucket) > max(self._most, self._middle + 0.8 * math.log(RATIO))

    def judge(self, stretch: Sequence[Bucket]) -> tuple[float, float] | None:
        kept = without_worst(stretch, self._blip, self._log)
        if len(kept) < LEAST_LEFT or sum(map(self.stands_out, stretch)) < PERSISTENT * len(stretch):
            return None
        level = self.level_of(kept)
        if level < self._least_ms or not self.is_worse(level, self.level):
            return None
        if median(bucket.average_ms for bucket in kept) < MEAN_RATIO[self._measure] * self._mean_ms:
            return None
        deviations, count = math.log(level / self.level) / self._scale, len(kept)
        score = deviations**2 / 2 * count / (1 + count / self._count) * 2 / math.pi
        return (score, level) if score >= ENOUGH else None

    def gain(self, bucket: Bucket, level: float) -> float:
        # The least shift that counts, not that to `level`: what grows slower and slower is slow from the first.
        shift = max(math.log(RATIO) / self._scale, 3.0)
        score = shift * (self._log(bucket) - self._middle) / self._scale - shift**2 / 2
        return max(-4.0, min(4.0, score))  # one bucket has one vote, however slow it was

    def level_of(self, buckets: Sequence[Bucket]) -> float:
        return math.exp(median(map(self._log, buckets))) / 1000

    def is_worse(self, level: float, other: float) -> bool:
        return level >= RATIO * other and level - other >= RISE_MS

    def _sampling_error(self, bucket: Bucket) -> float:
        """Of the quantile's logarithm if the bucket's durations are lognormal.

        A few requests have an uncertain median.
        """
        if not bucket.p50_us or not bucket.p95_us:
            return 0.0
        deviation = math.log(bucket.p95_us / bucket.p50_us)
        return QUANTILE_ERROR[self._measure] * deviation / P95_DEVIATIONS / math.sqrt(bucket.timed)

    def _log(self, bucket: Bucket) -> float:
        return math.log(max(_quantile_us(self._measure, bucket) or 0, LEAST_US))


def bad(bucket: Bucket) -> int:
    """Requests that failed or were aborted."""
    return bucket.failed + bucket.aborted


def log_likelihood(n_bad: int, n: int) -> float:
    """Of `n_bad` in `n` under the share that suits them best.

    >>> log_likelihood(0, 100)
    0.0
    """
    if n_bad in (0, n):
        return 0.0
    return n_bad * math.log(n_bad / n) + (n - n_bad) * math.log1p(-n_bad / n)


def without_worst(stretch: Sequence[Bucket], count: int, by: Callable[[Bucket], float]) -> list[Bucket]:
    """The stretch without those `count` neighbouring buckets that are worst together."""
    values = [by(bucket) for bucket in stretch]
    worst = max(range(max(1, len(values) - count + 1)), key=lambda place: math.fsum(values[place : place + count]))
    return [*stretch[:worst], *stretch[worst + count :]]


def _quantile_us(measure: Measure, bucket: Bucket) -> int | None:
    return bucket.p50_us if measure == "p50" else bucket.p95_us
