"""What became of every line: nothing is lost without being counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_kit.model.markup import escape, moment, table
from incident_kit.model.times import iso


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every line of one source: lines = records + continuations + unparsed + outside.

    `records` are in the window; `undated` of them carry no time and `repeated` of them stand in another source too.
    An unfinished last line counts as unparsed. `undated_reason` says what a person can do for the undated, if anything.
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
    zones: tuple[str, ...]
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
        undated = f"undated ({self.undated_reason})" if self.undated_reason else "undated"
        parts += [f"{count} {what}" for count, what in ((self.undated, undated), (self.repeated, "also in another file")) if count]
        parts += [f"cleaned: {count} {kind.replace('_', ' ')}" for kind, count in self.cleaned.items()]
        parts += [f"line {line} not read: {text[:80]}" for line, text in self.unparsed_examples]
        parts += ["the last line is unfinished"] * self.unfinished + [self.damage] * bool(self.damage)
        warning = "" if self.records else "WARNING, not one record: "
        return warning + "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        return {
            "item": self.item, "origin": self.origin, "format": self.format, "wrapper": self.wrapper, "bytes": self.bytes, "lines": self.lines,
            "records": self.records, "continuations": self.continuations, "unparsed": self.unparsed, "outside": self.outside,
            "undated": self.undated, "repeated": self.repeated, "unfinished": self.unfinished,
            "first": iso(self.first) if self.first else None, "last": iso(self.last) if self.last else None,
            "zones": list(self.zones), "cleaned": dict(self.cleaned), "damage": self.damage,
            "unparsed_examples": [{"line": line, "text": text} for line, text in self.unparsed_examples],
        }  # fmt: skip


class Accounting(list[Account]):
    """What became of every line of every source; it shows itself in a notebook."""

    def _repr_html_(self) -> str:
        rows = []
        for account in self:
            numbers = (account.lines, account.records, account.continuations, account.unparsed, account.outside, account.undated, account.repeated)
            seen = f"{moment(account.first)} to {moment(account.last)}" if account.first and account.last else "none"
            warning = "" if account.records else "<br><strong class='warning'>not one record in the window</strong>"
            damage = f"<br><strong class='warning'>{escape(account.damage)}</strong>" if account.damage else ""
            rows.append(
                f"<tr><th scope='row'>{escape(account.origin)}<br><code>{escape(account.item)}</code>{warning}{damage}</th><td>{escape(account.format) or 'unknown'}</td>"
                + "".join(f"<td class='n'>{number:,}</td>" for number in numbers)
                + f"<td>{seen}</td><td>{escape(', '.join(account.zones)) or '–'}</td></tr>"
            )
        columns = ["File", "Format", "Lines", "Records", "Continuations", "Unparsed", "Outside the window", "Undated", "Repeated", "Records seen", "Zone"]
        return table(columns, rows, "Lines = records + continuations + unparsed + outside the window.")
