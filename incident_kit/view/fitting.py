"""Text fitted into columns of a terminal: a character of Chinese or Japanese takes two, an accent none."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

WIDE = ("W", "F")
NO_ROOM = ("Mn", "Me", "Cf")
MORE = "…"


def width_of(text: str) -> int:
    """How many columns it takes.

    >>> width_of("WHMCS"), width_of("決済"), width_of("e\\u0301")
    (5, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def shortened(text: str, columns: int) -> str:
    """The text, cut where it is wider.

    >>> shortened("Payments fail", 9), shortened("決済が失敗", 5)
    ('Payments…', '決済…')
    """
    if width_of(text) <= columns:
        return text
    return _head(text, columns - width_of(MORE)).rstrip() + MORE


def wrapped(text: str, columns: int, most: int = 0) -> list[str]:
    """The text in lines of so many columns, broken at blanks where there are any; at `most` so many lines (0: all).

    >>> wrapped("orders wait and nothing is provisioned", 16)
    ['orders wait and', 'nothing is', 'provisioned']
    >>> wrapped("orders wait and nothing is provisioned", 16, 2)
    ['orders wait and', 'nothing is…']
    """
    lines = list(_lines(text, columns)) or [""]
    if most and len(lines) > most:
        return [*lines[: most - 1], shortened(f"{lines[most - 1]}{MORE}", columns)]
    return lines


def _lines(text: str, columns: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if width_of(longer) <= columns:
            line = longer
            continue
        if line:
            yield line
        while width_of(word) > columns:
            head = _head(word, columns)
            yield head
            word = word[len(head) :]
        line = word
    if line:
        yield line


def _head(text: str, columns: int) -> str:
    """As much of the beginning as fits."""
    taken = 0
    for place, character in enumerate(text):
        taken += _width(character)
        if taken > columns:
            return text[:place]
    return text


def _width(character: str) -> int:
    if unicodedata.category(character) in NO_ROOM:
        return 0
    return 2 if unicodedata.east_asian_width(character) in WIDE else 1
