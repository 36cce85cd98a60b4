"""How sure a share is that was counted: so many of so many."""

from __future__ import annotations

from math import sqrt

# The 97.5th percentile of the normal distribution: two-sided 95 %.
Z = 1.96


def wilson_interval(part: int, of: int) -> tuple[float, float]:
    """The interval in which the share lies of which `part` of `of` is a sample, at 95 %.

    Wilson's score interval, which holds for small numbers and near 0 and 1 too
    (https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm).

    >>> [round(end, 3) for end in wilson_interval(9, 10)]
    [0.596, 0.982]
    """
    share = part / of
    centre = share + Z * Z / (2 * of)
    half = Z * sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    scale = 1 + Z * Z / of
    # Rounding errors may not lead out of what a share can be.
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
