"""TOML tables that know where they stand: a mistake in one is named with its file, line and field."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from incident_kit.errors import RunbookError
from incident_kit.model.patterns import PatternError, compiled

HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\"'-]+)\s*\]\]?\s*(?:#.*)?")


class Table:
    """One TOML table: its fields, each checked for its type when it is taken."""

    def __init__(self, path: Path, place: str, data: Any) -> None:
        self.path, self.place = path, place
        if not isinstance(data, dict):
            raise RunbookError(f"{path}: {place or 'the file'} must be a table, not {data!r}.")
        self.data: dict[str, Any] = data

    def fail(self, field: str, expected: str) -> RunbookError:
        found = repr(self.data[field]) if field in self.data else "nothing"
        return RunbookError(f"{self.spot(field)} must be {expected}; found {found}.")

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
            raise self.fail(field, f"a regular expression of RE2, without lookaround and references back ({error})") from None
        return value

    def tables(self, field: str) -> list[Table]:
        value = self.data.get(field, [])
        if not isinstance(value, list):
            raise self.fail(field, f"a list of tables, written [[{field}]]")
        return [Table(self.path, f"{self.where(field)}[{number}]", entry) for number, entry in enumerate(value, start=1)]

    def only(self, *fields: str) -> None:
        for field in self.data:
            if field not in fields:
                raise RunbookError(f"{self.spot(field)} is not known here. Known: {', '.join(fields)}.")


def read(path: Path, ours: Path) -> Table:
    """The table that a file is; `ours` is where it can be copied from. Raises RunbookError."""
    try:
        return Table(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RunbookError(f"{path}: missing. Copy it from {ours}.") from None
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, of endless digits and nesting
        raise RunbookError(f"{path}: not readable as TOML: {error}.") from None


def line_of(path: Path, place: str, field: str) -> int:
    """The line of a field of a table; where the field is missing, of the table. `place` is as `Table` writes it: `symptom[2].parameters`."""
    counts: Counter[str] = Counter()
    here, of_table = "", 1
    begins = re.compile(rf"\s*[\"']?{re.escape(field)}[\"']?\s*[.=]")
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if header := HEADER.fullmatch(line):
            first, *rest = header[2].replace('"', "").replace("'", "").split(".")
            if header[1] == "[[" and not rest:
                counts[first] += 1
            here = ".".join([f"{first}[{counts[first]}]" if counts[first] else first, *rest])
            of_table = number if here == place else of_table
        elif here == place and begins.match(line):
            return number
    return of_table
