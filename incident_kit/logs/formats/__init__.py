"""Log formats as data: one TOML file each, with its sample lines and the address of its documentation.

A new format is a file here; `tests/logs/test_formats.py` holds every file to its own samples.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Format:
    """How one kind of log line is read.

    `columns` maps a canonical column to the paths at which its value may stand, first found wins.
    """

    name: str
    title: str
    documentation: tuple[str, ...]
    recognised_by: tuple[frozenset[str], ...]
    columns: Mapping[str, tuple[str, ...]]
    request_has: tuple[str, ...]
    aborted_message: str
    consequence_message: str
    samples: tuple[Mapping[str, Any], ...]

    def recognises(self, line: bytes) -> bool:
        """Whether this line is a record of this format."""
        record = as_object(line)
        return record is not None and all(names & record.keys() for names in self.recognised_by)


def as_object(line: bytes) -> dict[str, Any] | None:
    """The JSON object on a line; of a key that stands twice the first value, as pino means it. None if there is none."""
    start = line.find(b"{")
    if start < 0 or line[:start].strip():
        return None
    try:
        value = json.loads(line[start:].decode("utf-8", "replace"), object_pairs_hook=first_wins)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose repeated keys keep their first value: a user's own `time` must not hide the logger's."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


@cache
def all_formats() -> tuple[Format, ...]:
    """Every format of this folder, by name."""
    return tuple(load(path) for path in sorted(FOLDER.glob("*.toml")))


def load(path: Path) -> Format:
    """A format from its file."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Format(
        name=data["name"],
        title=data["title"],
        documentation=tuple(data["documentation"]),
        recognised_by=tuple(frozenset(names) for names in data["recognised_by"]),
        columns={column: tuple(paths) for column, paths in data["columns"].items()},
        request_has=tuple(data["request"]["has"]),
        aborted_message=data["request"]["aborted_message"],
        consequence_message=data["request"]["consequence_message"],
        samples=tuple(data["sample"]),
    )


def detect(lines: Iterable[bytes]) -> Format | None:
    """The format most of these lines are of, or None if none of them is of any."""
    counts = {item.name: 0 for item in all_formats()}
    for line in lines:
        for item in all_formats():
            if item.recognises(line):
                counts[item.name] += 1
                break
    best = max(all_formats(), key=lambda item: counts[item.name])
    return best if counts[best.name] else None


NUMBER = re.compile(r"-?\d{1,19}(?:\.\d{1,9})?", re.ASCII)
SECONDS_BELOW, MILLISECONDS_BELOW, MICROSECONDS_BELOW = 10**11, 10**14, 10**17


def time_of(line: bytes, formats: Iterable[Format]) -> datetime | None:
    """The time a line carries, in UTC; None where it carries none. The same rules as `reading` has in SQL."""
    record = as_object(line)
    if record is None:
        return None
    for item in formats:
        for name in item.columns["ts"]:
            if (moment := instant(record.get(name))) is not None:
                return moment
    return None


def instant(value: object) -> datetime | None:
    """A time from what a logger writes: epoch seconds, ms, µs or ns by magnitude, or ISO 8601; without zone in UTC."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    size = abs(value)
    divisor = 1 if size < SECONDS_BELOW else 10**3 if size < MILLISECONDS_BELOW else 10**6 if size < MICROSECONDS_BELOW else 10**9
    try:
        return datetime.fromtimestamp(value / divisor, UTC)
    except (ValueError, OverflowError, OSError):
        return None
