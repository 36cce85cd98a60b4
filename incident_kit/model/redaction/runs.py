"""Long runs of certain characters in a text, found without a look at each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

OF_RUN = re.compile(rb"a++")


@lru_cache(16)
def _mask(characters: str) -> bytes:
    return bytes(97 if chr(byte) in characters else 32 for byte in range(256))


def runs(text: str, characters: str, fewest: int) -> Iterator[tuple[int, int]]:
    """Where at least so many of these ASCII characters stand one behind the other: from where to where.

    >>> list(runs("an id: 0123456789abcdef.", "0123456789abcdef", 16))
    [(7, 23)]
    """
    mask = text.encode("latin-1", "replace").translate(_mask(characters))
    sought = b"a" * fewest
    start = mask.find(sought)
    while start >= 0:
        run = OF_RUN.match(mask, start)
        end = run.end() if run else start + fewest
        yield start, end
        start = mask.find(sought, end)
