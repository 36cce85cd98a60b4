"""What a detector finds: where a secret stands in a text, and of which kind it is."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """`text[start:end]` is a secret of this kind.

    `around` is put on both sides of its mark, so that JSON stays JSON.
    """

    start: int
    end: int
    kind: str
    around: str = ""
