"""Secrets that are known by their own shape, wherever they stand: tokens, keys, credentials in addresses, e-mail.

`shapes.toml` holds the shapes. One is looked for only in texts that hold one of its marks, which most texts do not. A
mark is part of everything that the pattern matches.

No repetition without an upper bound can be given back, or nothing that may fail stands behind it. So a search takes
time that is linear in the text. `tests/model/test_redaction.py` holds every pattern of this package to that.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from incident_kit.model.redaction.span import Span


class Shape(NamedTuple):
    """One kind of secret: the marks of which one must be there, and the pattern."""

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


# Shapes of any text, and those of command lines.
FILES = ("shapes.toml", "commands.toml")


def _tables() -> Iterator[dict[str, Any]]:
    for name in FILES:
        yield from tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))["shape"]


def _shapes() -> Iterator[Shape]:
    for shape in _tables():
        flags = (re.NOFLAG if shape.get("any_script") else re.ASCII) | (
            re.IGNORECASE if shape.get("ignore_case") else re.NOFLAG
        )
        yield Shape(shape["kind"], tuple(shape["marks"]), re.compile(shape["pattern"], flags))


SHAPES: tuple[Shape, ...] = tuple(_shapes())


# The marks by a character that few texts have, so that most marks need not be looked for at all.
# Those that ignore case stand apart.
RARE = "_-@:.$=%/\"'"
Marks = dict[str, list[tuple[str, int]]]


def _marks(ignoring_case: bool) -> Marks:
    marks: Marks = {}
    for number, shape in enumerate(SHAPES):
        if bool(shape.pattern.flags & re.IGNORECASE) is ignoring_case:
            for mark in shape.marks:
                marks.setdefault(next((character for character in RARE if character in mark), ""), []).append(
                    (mark, number)
                )
    return marks


EXACT, IN_LOWER_CASE = _marks(ignoring_case=False), _marks(ignoring_case=True)


# A line from within a PEM key, seen alone: logs are shown line by line. Its length is one of those that tools write.
KEY_LINE = re.compile(
    r"\s{0,8}(?=[^a-z]{0,76}[a-z])(?=[^A-Z]{0,76}[A-Z])(?=[^0-9+]{0,76}[0-9+])(?!/)"
    r"((?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76}))\s{0,4}"
)


def found(text: str) -> Iterator[Span]:
    """Every secret with a shape of its own; overlaps are possible."""
    numbers = {
        number
        for marked, held in ((EXACT, text), (IN_LOWER_CASE, text.lower()))
        for character, marks in marked.items()
        if character in held
        for mark, number in marks
        if mark in held
    }
    for number in numbers:
        for match in SHAPES[number].pattern.finditer(text):
            group = match.lastgroup or 0
            if match.end(group) > match.start(group):
                yield Span(*match.span(group), SHAPES[number].kind)
    if len(text) <= 88 and (line := KEY_LINE.fullmatch(text)):
        yield Span(*line.span(1), "key")
