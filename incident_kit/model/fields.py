"""The fields of JSON that anybody may have written: each is looked at, and named where it is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.model.times import Window, named_zone, parse_iso
from incident_kit.model.visible import visible

MOST_LEVELS = 200  # Python's own functions for JSON and for showing values call themselves once a level or more
# Times that can be calculated with: with a span added or in another zone they are still within what Python knows.
YEARS = range(2, 9900)
MOST_BYTES, MOST_MS = 1 << 62, 1e15
LONGEST_SHOWN = 80
DIGEST = re.compile(r"[0-9a-fA-F]{64}")


class Unusable(ValueError):
    """What is wrong with a file or a value of it, without the file's name."""


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
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unusable(f"the field {_shown(next(name for name in names if names.count(name) > 1))} is there twice")
    return data


def _no_number(word: str) -> Any:
    raise Unusable(f"{word} is no number in JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise Unusable(f"{text[:LONGEST_SHOWN]} is larger than any number here")
    return number


def _deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        level = [inner for outer in level for inner in _within(outer)]
        if not level:
            return False
    return True


def _within(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def without_halves(value: Any) -> Any:
    """The value with every half of a character (JSON can write one, no text can hold it) as its escape.

    >>> without_halves({"name": ["a\\ud800"]})
    {'name': ['a\\\\ud800']}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [without_halves(part) for part in value]
    if isinstance(value, dict):
        return {without_halves(name): without_halves(part) for name, part in value.items()}
    return value


class Fields:
    """The fields of a JSON object, each checked for its type and range when it is taken; Unusable names the field.

    `within` is where the object stands, such as `findings[3].citations[0]`.
    """

    def __init__(self, data: Any, within: str = "") -> None:
        if not isinstance(data, dict):
            raise Unusable(f"{f'the field {within!r}' if within else 'it'} must be an object; found {_shown(data)}")
        self.data: dict[str, Any] = data
        self.within = within
        self._names_taken = set[str]()

    @classmethod
    def of(cls, data: Any) -> Fields:
        """The fields of a JSON object, or of one whose place is known already."""
        return data if isinstance(data, Fields) else cls(data)

    def nothing_else(self) -> None:
        """Raises Unusable where the object has a field that nobody took: what is not understood is not dropped."""
        for name in self.data:
            if name not in self._names_taken:
                raise Unusable(f"the field {self._place(visible(name))!r} is not known")

    def refused(self, why: object) -> Unusable:
        """The fault of an object whose fields are right one by one, but not together."""
        return Unusable(f"{f'the field {self.within!r}' if self.within else 'it'} cannot be so: {why}")

    def text(self, name: str, default: str | None = None) -> str:
        return str(self._taken(name, "a text", _is_text, default))

    def one_of(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        expected = f"one of {', '.join(filter(None, choices))}"
        return str(self._taken(name, expected, lambda value: _is_text(value) and value in choices, default))

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

    def sizes(self, name: str, default: Mapping[str, int] | None = None) -> dict[str, int]:
        """Numbers of things by name."""
        counts = self.fields(name, default)
        return {key: counts.size(key) for key in counts.data}

    def number(self, name: str, least: float = 0.0) -> float:
        """A number as it stands: whole numbers stay whole."""
        expected = "a number" + (", not negative" if least == 0 else "")
        number: float = self._taken(
            name, expected, lambda value: _is_number(value, int | float) and least <= value <= MOST_MS, None
        )
        return number

    def any_number(self, name: str) -> float:
        """A number of any size and sign."""
        number: float = self._taken(
            name, "a number", lambda value: _is_number(value, int | float) and math.isfinite(value), None
        )
        return number

    def numbers(self, name: str) -> dict[str, float]:
        """Numbers by name."""
        measures = self.fields(name)
        return {key: measures.any_number(key) for key in measures.data}

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

    def moments(self, name: str) -> tuple[datetime, ...]:
        """A list of times."""
        texts = self.texts(name)
        return tuple(
            Fields({f"{name}[{number}]": text}, self.within).moment(f"{name}[{number}]")
            for number, text in enumerate(texts)
        )

    def moment_or_none(self, name: str) -> datetime | None:
        return None if self.is_null(name) else self.moment(name)

    def window(self, name: str) -> Window:
        return self.fields(name).as_window()

    def as_window(self) -> Window:
        """This object as a window."""
        since, until = self.moment("since"), self.moment("until")
        try:
            return Window(since, until)
        except ParameterError:
            raise Unusable(
                f"the field {self.within!r} must be a window that ends after it begins; found {_shown(self.data)}"
            ) from None

    def zone(self, name: str, default: str) -> str:
        try:
            named_zone(zone := self.text(name, default))
        except ParameterError:
            raise self._wrong(name, "the name of a time zone, such as Asia/Tokyo") from None
        return zone

    def fields(self, name: str, default: Mapping[str, Any] | None = None) -> Fields:
        return Fields(self._taken(name, "an object", lambda value: isinstance(value, dict), default), self._place(name))

    def fields_or_none(self, name: str) -> Fields | None:
        return None if self.is_null(name) else self.fields(name)

    def list_of_fields(self, name: str, default: Sequence[Any] | None = None) -> list[Fields]:
        """A list of objects."""
        objects = self._taken(name, "a list of objects", _is_list, default)
        return [Fields(data, f"{self._place(name)}[{number}]") for number, data in enumerate(objects)]

    def is_null(self, name: str) -> bool:
        """Whether the field says that there is none. Raises Unusable where it is missing: it has to be said."""
        self._names_taken.add(name)
        if name not in self.data:
            raise self._wrong(name, "there, or null")
        return self.data[name] is None

    def _taken(self, name: str, expected: str, right: Callable[[Any], Any], default: Any) -> Any:
        self._names_taken.add(name)
        value = self.data.get(name, default)
        if not right(value):
            raise self._wrong(name, expected)
        return value

    def _place(self, name: str) -> str:
        return f"{self.within}.{name}" if self.within else name

    def _wrong(self, name: str, expected: str) -> Unusable:
        shown = _shown(self.data[name]) if name in self.data else "nothing"
        return Unusable(f"the field {self._place(name)!r} must be {expected}; found {shown}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    shown = visible(repr(value))
    return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "…"
