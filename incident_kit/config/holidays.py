"""The team's holidays, on which nobody is expected to work: from dates and from calendar files (.ics, RFC 5545).

In a calendar file a holiday is an event of whole days. What has an hour is an appointment; what was cancelled is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from incident_kit.errors import ConfigurationError

SUFFIX = ".ics"
MOST_BYTES = 8 << 20
LONGEST = timedelta(days=60)
DAY = re.compile(r"(\d{4})(\d{2})(\d{2})(?P<hour>T\d{6}Z?)?")
# What may stand beside FREQ=YEARLY without meaning other days than the first one's.
HARMLESS = re.compile(r"(?:FREQ=YEARLY|INTERVAL=1|WKST=\w\w|BYMONTH=\d+|BYMONTHDAY=\d+)")


@dataclass(frozen=True, slots=True)
class Holidays:
    """Holidays to look a day up in: some on one date, some each year from a first one on."""

    dates: frozenset[date] = frozenset()
    yearly: tuple[date, ...] = field(default=())

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (
            day in self.dates
            or any((first.month, first.day) == (day.month, day.day) and first <= day for first in self.yearly)
        )


def read_holidays(entries: Sequence[str]) -> Holidays:
    """The holidays of dates in ISO 8601 and paths of .ics files. Raises ConfigurationError naming file and line."""
    dates: set[date] = set()
    yearly: list[date] = []
    for entry in entries:
        if not entry.lower().endswith(SUFFIX):
            dates.add(date.fromisoformat(entry))
            continue
        for days, repeats in _events(Path(entry)):
            if repeats:
                yearly += days
            else:
                dates.update(days)
    return Holidays(frozenset(dates), tuple(yearly))


def _events(path: Path) -> Iterator[tuple[list[date], bool]]:
    """The days of each event, and whether it comes each year."""
    event: dict[str, tuple[int, str]] | None = None
    for number, line in _unfolded(path):
        name, _, value = line.partition(":")
        name = name.partition(";")[0].upper()
        if (name, value.upper()) == ("BEGIN", "VEVENT"):
            event = {}
        elif (name, value.upper()) == ("END", "VEVENT") and event is not None:
            if not _is_appointment(event) and not _is_cancelled(event):
                yield _days(path, number, event), _repeats(path, event)
            event = None
        elif event is not None:
            event.setdefault(name, (number, value.strip()))


def _is_appointment(event: dict[str, tuple[int, str]]) -> bool:
    match = DAY.fullmatch(event["DTSTART"][1]) if "DTSTART" in event else None
    return bool(match and match["hour"] and not match["hour"].startswith("T000000"))  # some write a day so


def _is_cancelled(event: dict[str, tuple[int, str]]) -> bool:
    return "STATUS" in event and event["STATUS"][1].upper() == "CANCELLED"


def _days(path: Path, number: int, event: dict[str, tuple[int, str]]) -> list[date]:
    if "DTSTART" not in event:
        raise ConfigurationError(f"{path}, line {number}: an event without DTSTART. Remove it, or say its day.")
    first = _day(path, *event["DTSTART"])
    # The end of whole days is the day after the last one.
    after = _day(path, *event["DTEND"]) if "DTEND" in event else first + timedelta(days=1)
    length = max(after - first, timedelta(days=1))
    if length > LONGEST:
        raise ConfigurationError(f"{path}, line {event['DTSTART'][0]}: a holiday of {length.days} days. Correct it.")
    return [first + timedelta(days=n) for n in range(length.days)]


def _repeats(path: Path, event: dict[str, tuple[int, str]]) -> bool:
    if "RRULE" not in event:
        return False
    number, rule = event["RRULE"]
    if "FREQ=YEARLY" not in rule.upper() or not all(map(HARMLESS.fullmatch, rule.upper().split(";"))):
        raise ConfigurationError(
            f"{path}, line {number}: the rule {rule[:80]!r} is not understood: only the same day each year is. "
            "Write the days out, one event each."
        )
    return True


def _day(path: Path, number: int, value: str) -> date:
    if match := DAY.fullmatch(value):
        try:
            return date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            pass
    raise ConfigurationError(f"{path}, line {number}: {value[:40]!r} is no day such as 20270101.")


def _unfolded(path: Path) -> Iterator[tuple[int, str]]:
    """The content lines with their numbers: a line that begins with a blank goes on the one before."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}. Correct `holidays`.") from None
    if len(raw) > MOST_BYTES:
        raise ConfigurationError(f"{path}: more than {MOST_BYTES >> 20} MiB, which no list of holidays is.")
    lines = raw.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
    if not lines[0].strip().upper().startswith("BEGIN:VCALENDAR"):
        raise ConfigurationError(f"{path}, line 1: not a calendar file: it must begin with BEGIN:VCALENDAR.")
    pending: tuple[int, str] | None = None
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r")
        if text[:1] in (" ", "\t") and pending:
            pending = pending[0], pending[1] + text[1:]
            continue
        if pending:
            yield pending
        pending = number, text
    if pending:
        yield pending
