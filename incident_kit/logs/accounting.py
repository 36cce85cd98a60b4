"""What became of every line: nothing is lost without being counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from incident_kit.logs.remarks import Remark, remarks_of
from incident_kit.model.fields import Fields
from incident_kit.model.times import Window, iso

SILENCE_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every line of one source: lines = records + continuations + unparsed + outside.

    `records` are in the window; `undated` of them carry no time and `repeated` of them stand in another source too. An
    unfinished last line counts as unparsed. `undated_reason` says what a person can do for the undated, if anything.
    `silences` are stretches without a record, in whole minutes, the longest first; `hours_twice` when clocks were put
    back.
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
        """One line for a terminal: what became of every line, and what else there is to know."""
        wrapped = f" in {self.wrapper}" if self.wrapper and self.wrapper != self.format else ""
        parts = [
            f"{self.origin}: {self.lines} lines = {self.records} records + {self.continuations} continuations"
            f" + {self.unparsed} unparsed + {self.outside} outside",
            f"format {self.format or 'unknown'}{wrapped}",
        ]
        if self.first and self.last:
            parts.append(f"{iso(self.first)} to {iso(self.last)}, zone {', '.join(self.zones)}")
        parts += [remark.sentence for remark in self.remarks()]
        return "WARNING: " * self.has_warning + "; ".join(parts)

    def remarks(self) -> tuple[Remark, ...]:
        """What else there is to know, for people."""
        return remarks_of(self)

    @property
    def has_warning(self) -> bool:
        """Whether evidence of this source is missing or undated."""
        return any(remark.is_warning for remark in self.remarks())

    def to_json(self) -> dict[str, Any]:
        """All of it for accounting.json; remarks are made of it again."""
        return {
            "item": self.item,
            "origin": self.origin,
            "format": self.format,
            "wrapper": self.wrapper,
            "bytes": self.bytes,
            "lines": self.lines,
            "records": self.records,
            "continuations": self.continuations,
            "unparsed": self.unparsed,
            "outside": self.outside,
            "undated": self.undated,
            "undated_reason": self.undated_reason,
            "repeated": self.repeated,
            "unfinished": self.unfinished,
            "first": iso(self.first) if self.first else None,
            "last": iso(self.last) if self.last else None,
            "silences": [silence.to_json() for silence in self.silences],
            "zones": list(self.zones),
            "hours_twice": [iso(moment) for moment in self.hours_twice],
            "cleaned": dict(self.cleaned),
            "damage": self.damage,
            "unparsed_examples": [{"line": line, "text": text} for line, text in self.unparsed_examples],
        }

    @classmethod
    def from_json(cls, data: Any) -> Account:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        examples = fields.list_of_fields("unparsed_examples")
        account = cls(
            item=fields.text("item"),
            origin=fields.text("origin"),
            format=fields.text("format"),
            wrapper=fields.text("wrapper"),
            bytes=fields.size("bytes"),
            lines=fields.size("lines"),
            records=fields.size("records"),
            continuations=fields.size("continuations"),
            unparsed=fields.size("unparsed"),
            outside=fields.size("outside"),
            undated=fields.size("undated"),
            undated_reason=fields.text("undated_reason"),
            repeated=fields.size("repeated"),
            unfinished=fields.flag("unfinished"),
            first=fields.moment_or_none("first"),
            last=fields.moment_or_none("last"),
            silences=tuple(silence.as_window() for silence in fields.list_of_fields("silences")),
            zones=fields.texts("zones"),
            hours_twice=fields.moments("hours_twice"),
            cleaned=fields.sizes("cleaned"),
            damage=fields.text("damage"),
            unparsed_examples=tuple((example.size("line"), example.text("text")) for example in examples),
        )
        fields.nothing_else()
        return account


class Accounting(list[Account]):
    """What became of every line of every source."""


def silences(minutes: Iterable[int]) -> tuple[Window, ...]:
    """The stretches without a record, the longest first, from the minutes since 1970 that have one."""
    stretches = [
        Window(_minute(earlier + 1), _minute(later))
        for earlier, later in pairwise(sorted(minutes))
        if later - earlier > SILENCE_MINUTES
    ]
    return tuple(sorted(stretches, key=lambda silence: silence.since - silence.until))


def _minute(number: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
