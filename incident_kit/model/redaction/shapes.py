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

from incident_kit.model.redaction.runs import runs
from incident_kit.model.redaction.span import Span


class Shape(NamedTuple):
    """One kind of secret: the marks of which one must be there, and the pattern.

    `around`: how many characters before the mark and behind it all of it stands, where that is worth to know: then
    nothing else is searched. `any_script`: whether it has letters that are not ASCII.
    """

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    around: tuple[int, ...] = ()
    any_script: bool = False


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
        yield Shape(
            shape["kind"],
            tuple(shape["marks"]),
            re.compile(shape["pattern"], flags),
            tuple(shape.get("around", ())),
            shape.get("any_script", False),
        )


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


# A line from within a PEM key, seen alone: logs are shown line by line. Its length is one of those that tools write,
# and it has too many letters of both cases to be a path.
KEY_LINES = (64, 70, 76)
KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
FEWEST_OF_EACH_CASE, MOST_SLASHES = 8, 8


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
        for match in _matches(SHAPES[number], text):
            group = match.lastgroup or 0
            if match.end(group) > match.start(group):
                yield Span(*match.span(group), SHAPES[number].kind)
    for start, end in runs(text, KEY_LETTERS, KEY_LINES[0]):
        if end - start in KEY_LINES and _is_key_line(text[start:end]):
            yield Span(start, end, "key")


def _matches(shape: Shape, text: str) -> Iterator[re.Match[str]]:
    if not shape.around:
        yield from shape.pattern.finditer(text)
        return
    for start, end in _around_marks(shape, text):
        if not shape.any_script or not text[start:end].isascii():
            yield from shape.pattern.finditer(text, start, end)


def _around_marks(shape: Shape, text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text that lie around marks, those that overlap joined."""
    before, behind = shape.around
    places = sorted(place for mark in shape.marks for place in _places(text, mark))
    start = end = 0
    for place in places:
        if place - before > end:
            if end:
                yield start, end
            start = place - before
        end = place + behind
    if end:
        yield max(0, start), end


def _places(text: str, mark: str) -> Iterator[int]:
    place = text.find(mark)
    while place >= 0:
        yield place
        place = text.find(mark, place + len(mark))


def _is_key_line(run: str) -> bool:
    return (
        sum(map(str.isupper, run)) >= FEWEST_OF_EACH_CASE
        and sum(map(str.islower, run)) >= FEWEST_OF_EACH_CASE
        and any(map(str.isdigit, run))
        and run.count("/") <= MOST_SLASHES
        and not run.startswith("/")
    )
