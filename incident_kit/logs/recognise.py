"""What a log's lines are: which formats stand in it, what wraps them, and what their times leave unsaid.

A file is recognised by lines from all over it. One format and nothing around it is the common case, which DuckDB reads in
place; everything else (docker, syslog, two programs in one stream, records over many lines) is laid out first, see `layout`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from incident_kit.logs.formats import Format, all_formats
from incident_kit.logs.times import LOCALE, Zones, date_order, instant

MOST_LAYERS = 4  # docker around syslog around a named prefix is three
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|#033\[[0-9;]*m")
RSYSLOG_ESCAPES = {"#011": "\t", "#012": "\n", "#033": "\x1b"}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """One line without what is around it. `around` holds the fields of its wrappers, the innermost last."""

    text: str
    around: tuple[tuple[Format, dict[str, Any]], ...] = ()

    def outer(self, name: str) -> str | None:
        """A field of the innermost wrapper that has it."""
        return next((str(fields[name]) for _, fields in reversed(self.around) if fields.get(name) not in (None, "", "-")), None)


@dataclass(frozen=True, slots=True)
class Recognition:
    """The formats of a log's lines, the most frequent first; the wrappers around them; how its times are to be read."""

    formats: tuple[Format, ...] = ()
    wrappers: tuple[Format, ...] = ()
    zones: Zones = field(default_factory=Zones)

    @property
    def name(self) -> str:
        """What the accounting calls it: the main format, or the wrapper's where nothing inside is known."""
        return self.formats[0].name if self.formats else self.wrapper

    @property
    def wrapper(self) -> str:
        return self.wrappers[0].name if self.wrappers else ""

    @property
    def is_plain(self) -> bool:
        """Whether every record is one line of one format, so that DuckDB can read the file in place."""
        return not self.wrappers and len(self.formats) == 1 and not self.formats[0].spread

    def unwrap(self, line: str) -> Unwrapped:
        return unwrap(line, self.wrappers, self.formats)

    def of(self, text: str) -> tuple[Format, dict[str, Any]] | None:
        """The format and the fields of a text that is a record's first line."""
        return first_of(self.formats, text)

    def time_of(self, line: bytes) -> datetime | None:
        """The time a line carries, in UTC; None where it carries none. By the same rules as reading it."""
        inside = self.unwrap(decoded(line))
        found = self.of(inside.text)
        if found is None and not inside.around:
            return None
        return moment_of(inside, found, self.zones)[0]


def moment_of(inside: Unwrapped, found: tuple[Format, dict[str, Any]] | None, zones: Zones) -> tuple[datetime | None, str, bool]:
    """When a line was logged, as it says it, and whether it says its zone.

    A time with a zone, the record's own before its wrapper's, comes before one without: a container's clock is known, the
    zone of a program's is only assumed.
    """
    candidates = [*([found] if found else []), *reversed(inside.around)]
    assumed: tuple[datetime, str, bool] | None = None
    raw = ""
    for form, fields in candidates:
        value = fields.get("ts")
        if value is None:
            continue
        raw = raw or str(value)
        if (moment := instant(value, form.times, zones)) is None:
            continue
        if is_zoned(value, form):
            return moment, str(value), True
        assumed = assumed or (moment, str(value), False)
    return assumed or (None, raw, False)


def is_zoned(value: Any, form: Format) -> bool:
    """Whether a time says its zone: then it means the same in another one."""
    elsewhere = Zones("Etc/GMT-5", "ymd", datetime(2000, 1, 1).astimezone())
    return instant(value, form.times, elsewhere) is not None and instant(value, form.times, elsewhere) == instant(
        value, form.times, replace(elsewhere, name="UTC")
    )


def unwrap(line: str, wrappers: Sequence[Format], formats: Sequence[Format]) -> Unwrapped:
    """Take off what is around a line, as long as it is not yet a line of one of the formats."""
    text, around = ANSI.sub("", line), []
    for _ in range(MOST_LAYERS):
        found = None if first_of(formats, text) else first_of(wrappers, text)
        if found is None:
            break
        around.append(found)
        inner = found[1].get("inner", "")
        if isinstance(inner, list):  # journald writes a message with control bytes as their numbers
            inner = bytes(number & 255 for number in inner if isinstance(number, int)).decode("utf-8", "replace")
        text = ANSI.sub("", str(inner))
        if "#0" in text:
            for escape, meant in RSYSLOG_ESCAPES.items():
                text = text.replace(escape, meant)
            text = ANSI.sub("", text)
    return Unwrapped(text.removesuffix("\n"), tuple(around))


def first_of(formats: Iterable[Format], text: str) -> tuple[Format, dict[str, Any]] | None:
    """The first of these formats that a text is of, with its fields."""
    for item in formats:
        if (fields := item.read(text)) is not None:
            return item, fields
    return None


def recognise(lines: Iterable[bytes], zones: Zones, own: Sequence[Format] = ()) -> Recognition:
    """What these lines of a log are. `own` are a team's formats, which come before ours."""
    known = [*own, *all_formats()]
    formats, wrappers = [item for item in known if not item.wraps], [item for item in known if item.wraps]
    inside: Counter[str] = Counter()
    around: Counter[str] = Counter()
    dates = []
    for line in lines:
        text = unwrap(decoded(line), wrappers, formats)
        around.update(form.name for form, _ in text.around)
        if found := first_of(formats, text.text):
            inside[found[0].name] += 1
            if "locale" in found[0].times and LOCALE.fullmatch(str(found[1].get("ts", ""))):
                dates.append(str(found[1]["ts"]))
    order = zones.date_order or date_order(dates)
    ranked = [name for name, _ in sorted(inside.items(), key=lambda pair: (-pair[1], pair[0]))]
    by_name = {item.name: item for item in known}
    wrapping = [name for name, _ in sorted(around.items(), key=lambda pair: (-pair[1], pair[0]))]
    return Recognition(tuple(by_name[name] for name in ranked), tuple(by_name[name] for name in wrapping), replace(zones, date_order=order))


def decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").lstrip("\ufeff\x00 ").rstrip("\r")
