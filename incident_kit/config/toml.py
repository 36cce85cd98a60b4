"""The one reader of TOML files that people write: a mistake is named with its file, line and field."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from incident_kit.errors import ConfigurationError, InputError, RunbookError
from incident_kit.model.patterns import PatternError, compiled

HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\"'-]+)\s*\]\]?\s*(?:#.*)?")


class Table:
    """One table of a runbook file: its fields, each checked for its type when it is taken."""

    error: ClassVar[type[InputError]] = RunbookError

    def __init__(self, path: Path, place: str, data: Any) -> None:
        self.path, self.place = path, place
        if not isinstance(data, dict):
            raise self.error(f"{path}{self._line()}: {place or 'the file'} must be a table, not {self.shown(data)}.")
        self.data: dict[str, Any] = data

    def shown(self, value: Any) -> str:
        """A value in a message."""
        return repr(value)

    def fail(self, field: str, expected: str) -> InputError:
        """What to raise where a field is not as expected."""
        value = self.shown(self.data[field]) if field in self.data else "nothing"
        return self.error(f"{self.spot(field)} must be {expected}; found {value}.")

    def spot(self, field: str) -> str:
        """File, line and field, for a message."""
        return f"{self.path}, line {line_of(self.path, self.place, field)}: {self.where(field)}"

    def where(self, field: str) -> str:
        return f"{self.place}.{field}" if self.place else field

    def text(self, field: str, default: str | None = None) -> str:
        value = self.data.get(field, default)
        if not isinstance(value, str):
            raise self.fail(field, "a text")
        return value

    def number(self, field: str) -> int:
        value = self.data.get(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fail(field, "a whole number")
        return value

    def flag(self, field: str, default: bool = False) -> bool:
        value = self.data.get(field, default)
        if not isinstance(value, bool):
            raise self.fail(field, "true or false")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        value = self.data.get(field, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.fail(field, "a list of texts")
        return tuple(value)

    def pattern(self, field: str, default: str | None = None) -> str:
        """A text that is a regular expression as RE2 takes it."""
        value = self.text(field, default)
        try:
            compiled(value)
        except PatternError as error:
            expected = f"a regular expression of RE2, without lookaround and references back ({error})"
            raise self.fail(field, expected) from None
        return value

    def table(self, field: str) -> Self:
        """A table within this one; empty where there is none."""
        return type(self)(self.path, self.where(field), self.data.get(field, {}))

    def tables(self, field: str) -> list[Self]:
        value = self.data.get(field, [])
        if not isinstance(value, list):
            raise self.fail(field, f"a list of tables, written [[{field}]]")
        return [
            type(self)(self.path, f"{self.where(field)}[{number}]", entry)
            for number, entry in enumerate(value, start=1)
        ]

    def only(self, *fields: str) -> None:
        """Refuse a field that is none of these."""
        for field in self.data:
            if field not in fields:
                raise self.error(f"{self.spot(field)} is not known here. Known: {', '.join(fields)}.")

    def _line(self) -> str:
        above, _, field = self.place.rpartition(".")
        return f", line {line_of(self.path, above, field)}" if field else ""


class ConfigurationTable(Table):
    """A table of the configuration. What stands in it is never repeated: it may be a password in the wrong place."""

    error = ConfigurationError

    def shown(self, value: Any) -> str:
        return {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}.get(
            type(value), "a table" if isinstance(value, dict) else f"a {type(value).__name__}"
        )


AnyTable = TypeVar("AnyTable", bound=Table)


def read(path: Path, kind: type[AnyTable], if_missing: str, if_broken: str = "") -> AnyTable:
    """The table that a file is. `if_missing` and `if_broken` say what to do then. Raises the table's own error."""
    try:
        text = path.read_bytes().decode("utf-8")
        return kind(path, "", tomllib.loads(text))
    except FileNotFoundError:
        raise kind.error(f"{path}: missing. {if_missing}") from None
    except OSError as error:
        raise kind.error(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        reason = f"line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x})"
    except RecursionError:
        reason = "it is nested too deep"
    except ValueError as error:  # of TOML, which names the line, and of numbers with endless digits
        reason = str(error)
    raise kind.error(" ".join(filter(None, (f"{path}: not readable as TOML: {reason}.", if_broken))))


def line_of(path: Path, place: str, field: str) -> int:
    """The line of a field of a table; where the field is missing, of the table.

    `place` is as `Table` writes it: `symptom[2].parameters`.
    """
    counts: Counter[str] = Counter()
    here, line_of_table = "", 1
    inside = f"{place}.{field}" if place else field
    begins = re.compile(rf"\s*[\"']?{re.escape(field)}[\"']?\s*[.=]")
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if header := HEADER.fullmatch(line):
            first, *rest = header[2].replace('"', "").replace("'", "").split(".")
            if header[1] == "[[" and not rest:
                counts[first] += 1
            here = ".".join([f"{first}[{counts[first]}]" if counts[first] else first, *rest])
            if here.partition("[")[0] == inside or here == inside:
                return number
            line_of_table = number if here == place else line_of_table
        elif here == place and begins.match(line):
            return number
    return line_of_table
