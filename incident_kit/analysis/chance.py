"""What chance alone would give: tails of counts, and the least count that is more than chance."""

from __future__ import annotations

import math
from functools import cache

# A count is more than chance if chance gives so many less often than once in a million.
ONE_IN_A_MILLION = 1e-6
# Fewer failures than this prove nothing, however rare they are.
LEAST = 5
# A tail is summed until its terms no longer matter.
NEGLIGIBLE = 1e-12


def at_least(count: int, n: int, share: float) -> float:
    """The probability of `count` or more in `n` independent tries, each of which fails with probability `share`.

    >>> round(at_least(1, 2, 0.5), 3)
    0.75
    """
    if count <= 0:
        return 1.0
    if count > n or share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    if count <= n * share:  # the other tail is the shorter one
        return 1.0 - sum(_terms(range(count - 1, -1, -1), n, share))
    return min(1.0, sum(_terms(range(count, n + 1), n, share)))


def _terms(counts: range, n: int, share: float) -> list[float]:
    terms: list[float] = []
    for count in counts:
        term = math.exp(
            math.lgamma(n + 1)
            - math.lgamma(count + 1)
            - math.lgamma(n - count + 1)
            + count * math.log(share)
            + (n - count) * math.log1p(-share)
        )
        terms.append(term)
        if term < NEGLIGIBLE * terms[0] or term == 0.0:
            break
    return terms


def at_least_poisson(count: int, expected: float) -> float:
    """The probability of `count` or more where `expected` are expected, each independent of the others.

    >>> round(at_least_poisson(1, 1.0), 3)
    0.632
    """
    if count <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    below = sum(math.exp(place * math.log(expected) - expected - math.lgamma(place + 1)) for place in range(count))
    if below < 0.999:
        return 1.0 - below
    total, place = 0.0, count
    while True:
        term = math.exp(place * math.log(expected) - expected - math.lgamma(place + 1))
        total += term
        place += 1
        if term <= NEGLIGIBLE * total:
            return total


@cache
def least_convincing(n: int, share: float) -> int:
    """The smallest count of failures in `n` tries that is more than chance, where `share` fail by chance.

    >>> least_convincing(60, 0.01)
    8
    """
    count = max(LEAST, math.floor(n * share))
    while count <= n and at_least(count, n, share) >= ONE_IN_A_MILLION:
        count += 1
    return count
