"""What a reader has to know about one file: one list, said the same by parse, triage, the terminal and the report.

A remark that means "evidence is missing or undated" makes a command end with exit code 3. What is only information does
not: the bytes are there, they were read or counted, and the remark says how.

| kind        | exit 3 | it says                                                                          |
|-------------|--------|----------------------------------------------------------------------------------|
| no_record   | yes    | not one record was read in the window                                            |
| damage      | yes    | the file is cut, broken or partly missing                                        |
| undated     | some   | records without a time, which stand nowhere on a timeline, and what helps        |
| silence     | no     | a stretch without a record; the writer may simply have had nothing to say        |
| repeated    | no     | records that stand in another file too, counted once                             |
| hour_twice  | no     | clocks were put back, so that an hour came twice                                 |
| cleaned     | no     | bytes replaced, or lines cut, in a working copy; the evidence is as it was       |
| unparsed    | no     | lines that could not be read, with examples                                      |
| unfinished  | no     | the last line has no end, as in a log that is still written                      |

Undated records are a warning where a person can tell how their times are meant, or where they are at least half of all.
A stray line without a time among dated ones, such as a warning of Node in a log of pino, is information.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from incident_kit.model.times import Window, iso

MOST_SILENCES = 3
LONGEST_EXAMPLE = 80  # characters of a line


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know about a file; `is_warning`: evidence is missing or undated, so that a command ends with 3."""

    kind: str
    sentence: str
    is_warning: bool = False


class Counted(Protocol):
    """What is known of a file's lines: `logs.accounting.Account`, which has its remarks from here."""

    @property
    def records(self) -> int: ...

    @property
    def damage(self) -> str: ...

    @property
    def undated(self) -> int: ...

    @property
    def undated_reason(self) -> str: ...

    @property
    def silences(self) -> tuple[Window, ...]: ...

    @property
    def repeated(self) -> int: ...

    @property
    def hours_twice(self) -> tuple[datetime, ...]: ...

    @property
    def cleaned(self) -> Mapping[str, int]: ...

    @property
    def unparsed(self) -> int: ...

    @property
    def unparsed_examples(self) -> tuple[tuple[int, str], ...]: ...

    @property
    def unfinished(self) -> bool: ...


def remarks_of(account: Counted) -> tuple[Remark, ...]:
    """All remarks about the file of this account, warnings first."""
    return tuple(sorted(_remarks(account), key=lambda remark: not remark.is_warning))


def _remarks(account: Counted) -> Iterator[Remark]:
    if not account.records:
        yield Remark("no_record", "not one record was read in the window", is_warning=True)
    if account.damage:
        yield Remark("damage", f"{account.damage}. What follows the damage is lost", is_warning=True)
    if account.undated:
        reason = f" ({account.undated_reason})" if account.undated_reason else ""
        many = account.undated * 2 >= account.records
        yield Remark("undated", f"{account.undated:,} undated{reason}", is_warning=bool(reason) or many)
    for silence in account.silences[:MOST_SILENCES]:
        yield Remark("silence", f"no record from {iso(silence.since)} to {iso(silence.until)}")
    if (more := len(account.silences) - MOST_SILENCES) > 0:
        yield Remark("silence", f"{more:,} more such silences")
    if account.repeated:
        yield Remark("repeated", f"{account.repeated:,} also in another file")
    for end in account.hours_twice:
        yield Remark("hour_twice", f"the hour before {iso(end)} came twice, its times are taken for the second")
    for kind, count in account.cleaned.items():
        cleaned = f"cleaned: {count} {kind.replace('_', ' ')}, in a working copy; the evidence is as it was"
        yield Remark("cleaned", cleaned)
    if account.unparsed:
        examples = "; ".join(f"line {line}: {text[:LONGEST_EXAMPLE]}" for line, text in account.unparsed_examples)
        lines = "1 line" if account.unparsed == 1 else f"{account.unparsed:,} lines"
        yield Remark("unparsed", f"{lines} could not be read" + (f": {examples}" if examples else ""))
    if account.unfinished:
        yield Remark("unfinished", "the last line is unfinished")
