"""Reading what a stranger may have made: plain files only, and their JSON strictly.

A bag, an incident's folder or an item that was handed over can hold anything: a link to a private file, a pipe that
waits for a writer for ever, JSON that is nested a hundred thousand deep. Nothing here follows a link, waits, or
believes a field. `Unusable` says what is wrong in a few words; who catches it adds the file and what to do.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.model.times import Window, named_zone, parse_iso
from incident_kit.model.visible import visible

FILE, FOLDER, LINK = "a plain file", "a folder", "a link"
KINDS = (
    (stat.S_ISREG, FILE),
    (stat.S_ISDIR, FOLDER),
    (stat.S_ISLNK, LINK),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)
# What our own files are far below of.
MOST_JSON_BYTES = 64 << 20
MOST_LEVELS = 200  # Python's own functions for JSON and for showing values call themselves once a level or more
# Times that can be calculated with: with a span added or in another zone they are still within what Python knows.
YEARS = range(2, 9900)
MOST_BYTES, MOST_MS = 1 << 62, 1e15
LONGEST_SHOWN = 80
DIGEST = re.compile(r"[0-9a-fA-F]{64}")


class Unusable(ValueError):
    """What is wrong with a file or a value of it, without the file's name."""


def kind_of(path: Path) -> str:
    """What lies there, in words, no link followed; empty where nothing does."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):  # a name with a NUL, or one too long for any disk, is no file's
        return ""
    return next((words for test, words in KINDS if test(mode)), "a device")


def open_plain(path: Path) -> io.BufferedReader:
    """Open a plain file for reading. Raises Unusable for anything else, which is never opened."""
    kind = kind_of(path)
    if not kind:
        raise Unusable("missing")
    if kind != FILE:
        raise Unusable(f"{kind}, not a plain file")
    try:
        # It may have been exchanged since: a link is not followed, a pipe not waited for, and it is looked at again.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable("not a plain file")
    return io.BufferedReader(io.FileIO(descriptor))


def read_plain(path: Path, most_bytes: int = MOST_JSON_BYTES) -> bytes:
    """The bytes of a plain file of a size that such a file may have. Raises Unusable."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise Unusable(f"{size:,} bytes, more than the {most_bytes:,} that such a file may have")
        return file.read(most_bytes)


def sha256_of(path: Path) -> str:
    """SHA-256 of a plain file, in hex. Raises Unusable."""
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Everything below a folder: its name from there on and what it is. No link is followed, no depth too deep."""
    waiting = [""]
    while waiting:
        within = waiting.pop()
        try:
            with os.scandir(folder / within) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            yield within or ".", f"a folder that cannot be read ({error.strerror})"
            continue
        for name in names:
            place = f"{within}/{name}" if within else name
            kind = kind_of(folder / place) or "something that cannot be looked at"
            yield place, kind
            if kind == FOLDER:
                waiting.append(place)


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """The value of a JSON file. Raises Unusable."""
    return parse_json(read_plain(path, most_bytes))


def parse_json(data: bytes) -> Any:
    """A value from JSON as the standard has it: UTF-8, no name twice, no NaN or Infinity, not nested without end.

    Raises Unusable.
    """
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise Unusable(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise Unusable(f"not JSON of ours: nested more than {MOST_LEVELS} deep") from None
    except Unusable:
        raise
    except ValueError as error:
        raise Unusable(f"not JSON: {error}") from None
    if _deeper_than(value, MOST_LEVELS):
        raise Unusable(f"not JSON of ours: nested more than {MOST_LEVELS} deep")
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unusable(f"the field {_shown(next(name for name in names if names.count(name) > 1))} is there twice")
    return found


def _no_number(word: str) -> Any:
    raise Unusable(f"{word} is no number in JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise Unusable(f"{text[:LONGEST_SHOWN]} is larger than any number here")
    return number


def _deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        within = (one.values() if isinstance(one, dict) else one if isinstance(one, list) else () for one in level)
        level = [part for parts in within for part in parts]
        if not level:
            return False
    return True


def without_halves(value: Any) -> Any:
    """The value with every half of a character (JSON can write one, no text can hold it) as its escape.

    >>> without_halves({"name": ["a\\ud800"]})
    {'name': ['a\\\\ud800']}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [without_halves(one) for one in value]
    if isinstance(value, dict):
        return {without_halves(name): without_halves(one) for name, one in value.items()}
    return value


class Fields:
    """The fields of a JSON object, each checked for its type and range when it is taken; Unusable names the field."""

    def __init__(self, data: Any, within: str = "") -> None:
        if not isinstance(data, dict):
            raise Unusable(f"{f'the field {within!r}' if within else 'it'} must be an object; found {_shown(data)}")
        self.data: dict[str, Any] = data
        self.within = within

    def text(self, name: str, default: str | None = None) -> str:
        return str(self._taken(name, "a text", _is_text, default))

    def one_of(self, name: str, known: Sequence[str], default: str | None = None) -> str:
        expected = f"one of {', '.join(filter(None, known))}"
        return str(self._taken(name, expected, lambda value: _is_text(value) and value in known, default))

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        return tuple(
            self._taken(name, "a list of texts", lambda value: _is_list(value) and all(map(_is_text, value)), default)
        )

    def flag(self, name: str) -> bool:
        return bool(self._taken(name, "true or false", lambda value: isinstance(value, bool), None))

    def size(self, name: str, default: int | None = None) -> int:
        """A number of bytes or of things."""
        expected = "a whole number, not negative"
        return int(
            self._taken(name, expected, lambda value: _is_number(value, int) and 0 <= value <= MOST_BYTES, default)
        )

    def number(self, name: str, least: float = 0.0) -> float:
        expected = "a number" + (", not negative" if least == 0 else "")
        return float(
            self._taken(
                name, expected, lambda value: _is_number(value, int | float) and least <= value <= MOST_MS, None
            )
        )

    def digest(self, name: str, default: str | None = None) -> str:
        """A SHA-256 in hex, in lower case."""

        def right(value: Any) -> bool:
            return _is_text(value) and (value == default or bool(DIGEST.fullmatch(value)))

        return str(self._taken(name, "a SHA-256 of 64 hex digits", right, default)).lower()

    def moment(self, name: str) -> datetime:
        """A time with its zone."""
        text = self.text(name)
        try:
            moment = parse_iso(text)
        except (ParameterError, OverflowError):
            moment = None
        if moment is None or moment.year not in YEARS:
            raise self._wrong(name, "a time in ISO 8601 with Z or an offset")
        return moment

    def window(self, name: str) -> Window:
        ends = self.fields(name)
        try:
            return Window(ends.moment("since"), ends.moment("until"))
        except ParameterError:
            raise self._wrong(name, "a window that ends after it begins") from None

    def zone(self, name: str, default: str) -> str:
        try:
            named_zone(zone := self.text(name, default))
        except ParameterError:
            raise self._wrong(name, "the name of a time zone, such as Asia/Tokyo") from None
        return zone

    def fields(self, name: str, default: Mapping[str, Any] | None = None) -> Fields:
        return Fields(self._taken(name, "an object", lambda value: isinstance(value, dict), default), self._place(name))

    def list_of_fields(self, name: str) -> list[Fields]:
        """A list of objects; none where the field is missing."""
        found = self._taken(name, "a list of objects", _is_list, ())
        return [Fields(one, f"{self._place(name)}[{number}]") for number, one in enumerate(found)]

    def _taken(self, name: str, expected: str, right: Callable[[Any], Any], default: Any) -> Any:
        value = self.data.get(name, default)
        if not right(value):
            raise self._wrong(name, expected)
        return value

    def _place(self, name: str) -> str:
        return f"{self.within}.{name}" if self.within else name

    def _wrong(self, name: str, expected: str) -> Unusable:
        found = _shown(self.data[name]) if name in self.data else "nothing"
        return Unusable(f"the field {self._place(name)!r} must be {expected}; found {found}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    shown = visible(repr(value))
    return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "…"
