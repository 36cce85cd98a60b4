"""What became of every line: nothing is lost without being counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from incident_kit.model.times import Window, iso

SILENCE_MINUTES, MOST_SILENCES = 5, 3


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every line of one source: lines = records + continuations + unparsed + outside.

    `records` are in the window; `undated` of them carry no time and `repeated` of them stand in another source too.
    An unfinished last line counts as unparsed. `undated_reason` says what a person can do for the undated, if anything.
    `silences` are stretches without a record, in whole minutes, the longest first; `hours_twice` when clocks were put back.
    """

    item: str
    origin: str
    format: str
    wrapper: str
    bytes: int
    lines: int
    records: int
    continuations: int
    unparsed: int
    outside: int
    undated: int
    undated_reason: str
    repeated: int
    unfinished: bool
    first: datetime | None
    last: datetime | None
    silences: tuple[Window, ...]
    zones: tuple[str, ...]
    hours_twice: tuple[datetime, ...]
    cleaned: Mapping[str, int]
    damage: str
    unparsed_examples: tuple[tuple[int, str], ...]

    def sentence(self) -> str:
        """One line for a terminal: lines = records + continuations + unparsed + outside, and what else there is to know."""
        wrapped = f" in {self.wrapper}" if self.wrapper and self.wrapper != self.format else ""
        parts = [
            f"{self.origin}: {self.lines} lines = {self.records} records + {self.continuations} continuations + {self.unparsed} unparsed + {self.outside} outside",
            f"format {self.format or 'unknown'}{wrapped}",
        ]
        if self.first and self.last:
            parts.append(f"{iso(self.first)} to {iso(self.last)}, zone {', '.join(self.zones)}")
        parts += self.remarks()
        warning = "" if self.records else "WARNING, not one record: "
        return warning + "; ".join(parts)

    def remarks(self) -> list[str]:
        """What else there is to know, for people."""
        found = [
            f"no record from {iso(silence.since)} to {iso(silence.until)}" for silence in self.silences[:MOST_SILENCES]
        ]
        found += [f"{len(self.silences) - MOST_SILENCES} more such silences"] * (len(self.silences) > MOST_SILENCES)
        undated = f"undated ({self.undated_reason})" if self.undated_reason else "undated"
        found += [
            f"{count} {what}"
            for count, what in ((self.undated, undated), (self.repeated, "also in another file"))
            if count
        ]
        found += [
            f"the hour before {iso(end)} came twice, its times are taken for the second" for end in self.hours_twice
        ]
        found += [f"cleaned: {count} {kind.replace('_', ' ')}" for kind, count in self.cleaned.items()]
        found += [f"line {line} not read: {text[:80]}" for line, text in self.unparsed_examples]
        found += ["the last line is unfinished"] * self.unfinished + [self.damage] * bool(self.damage)
        return found

    def to_json(self) -> dict[str, Any]:
        return {
            "item": self.item, "origin": self.origin, "format": self.format, "wrapper": self.wrapper, "bytes": self.bytes, "lines": self.lines,
            "records": self.records, "continuations": self.continuations, "unparsed": self.unparsed, "outside": self.outside,
            "undated": self.undated, "repeated": self.repeated, "unfinished": self.unfinished,
            "first": iso(self.first) if self.first else None, "last": iso(self.last) if self.last else None,
            "silences": [silence.to_json() for silence in self.silences[:MOST_SILENCES]],
            "zones": list(self.zones), "hours_twice": [iso(moment) for moment in self.hours_twice], "cleaned": dict(self.cleaned), "damage": self.damage,
            "unparsed_examples": [{"line": line, "text": text} for line, text in self.unparsed_examples],
        }  # fmt: skip


class Accounting(list[Account]):
    """What became of every line of every source."""


def silences(minutes: Iterable[int]) -> tuple[Window, ...]:
    """The stretches without a record, the longest first, from the minutes since 1970 that have one."""
    found = [
        Window(_minute(before + 1), _minute(after))
        for before, after in pairwise(sorted(minutes))
        if after - before > SILENCE_MINUTES
    ]
    return tuple(sorted(found, key=lambda silence: silence.since - silence.until))


def _minute(number: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
