"""What a log's lines are: which formats stand in it, what wraps them, and what their times do not tell.

A file is recognised by lines from all over it. One format and nothing around it is the common case, which DuckDB reads
in place; everything else (docker, syslog, two programs in one stream, records over many lines) is normalised
first, see `normalise`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from incident_kit.logs.containers import CONTAINERS, Lines
from incident_kit.logs.formats import Format, all_formats, as_object
from incident_kit.logs.time_forms import Zones, date_order, instant

MOST_LAYERS = 4  # docker around syslog around a named prefix is three
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|#033\[[0-9;]*m")
RSYSLOG_ESCAPES = {"#011": "\t", "#012": "\n", "#033": "\x1b"}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """One line without what is around it.

    `around` holds the fields of its wrappers, the innermost last; `unfinished` says that the text goes on in the next
    line.
    """

    text: str
    around: tuple[tuple[Format, dict[str, Any]], ...] = ()
    unfinished: bool = False

    def outer(self, name: str) -> str | None:
        """A field of the innermost wrapper that has it."""
        return next(
            (str(fields[name]) for _, fields in reversed(self.around) if fields.get(name) not in (None, "", "-")), None
        )


@dataclass(frozen=True, slots=True)
class Recognition:
    """The formats of a log's lines, the most frequent first; the wrappers around them; how its times are to be read."""

    formats: tuple[Format, ...] = ()
    wrappers: tuple[Format, ...] = ()
    zones: Zones = field(default_factory=Zones)
    name: str = ""  # of the most frequent format, which is the wrapper's where most messages are of none

    @property
    def wrapper(self) -> str:
        return self.wrappers[0].name if self.wrappers else ""

    @property
    def is_plain(self) -> bool:
        """Whether DuckDB can read the file in place: every record is one line, and its beginning tells its format."""
        return (
            bool(self.formats)
            and not self.wrappers
            and not any(item.spread for item in self.formats)
            and sum(item.is_json for item in self.formats) <= 1
        )

    @property
    def container(self) -> Format | None:
        """The format of the file as a whole, where it is no list of lines."""
        return next((item for item in (*self.wrappers, *self.formats) if item.spread in CONTAINERS), None)

    @property
    def counts_bytes(self) -> bool:
        """Whether lengths in bytes stand in it, so that not one may be replaced before it is read."""
        return self.container is not None and self.container.spread == "export"

    def unwrap(self, line: str) -> Unwrapped:
        return unwrap(line, self.wrappers, self.formats)

    @property
    def undecided(self) -> str:
        """Why its times cannot be read, where a person could tell how they are meant."""
        if self.zones.date_order or not any("locale" in item.times for item in self.formats):
            return ""
        return "11/12 may be November or December, and no date of this log tells: say --date-order mdy or dmy"

    @property
    def reads_json(self) -> bool:
        """Whether its lines, or what is around them, are JSON."""
        return any(item.is_json for item in (*self.formats, *self.wrappers))

    @property
    def json(self) -> Format | None:
        """The format of its JSON lines, also of those that lack what it is recognised by."""
        return next((item for item in self.formats if item.is_json), None)

    def of(self, text: str, after: str = "") -> tuple[Format, dict[str, Any]] | None:
        """The format and the fields of a text that is a record's first line; `after` is the line after it."""
        first = first_of(self.formats, text, after)
        if first is None and self.json and (values := as_object(text)) is not None:
            return self.json, self.json.pick(values)
        return first

    def time_of(self, line: bytes) -> datetime | None:
        """The time a line carries, in UTC; None where it carries none. By the same rules as reading it."""
        inside = self.unwrap(decoded(line))
        record = self.of(inside.text)
        if record is None and not inside.around:
            return None
        return moment_of(inside, record, self.zones)[0]


def moment_of(
    inside: Unwrapped, record: tuple[Format, dict[str, Any]] | None, zones: Zones
) -> tuple[datetime | None, str, bool]:
    """When a line was logged, as it says it, and whether it says its zone.

    A time with a zone, the record's own before its wrapper's, comes before one without: a container's clock is known,
    the zone of a program's is only assumed.
    """
    candidates = [*([record] if record else []), *reversed(inside.around)]
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
    text, around, unfinished = ANSI.sub("", line), [], False
    for _ in range(MOST_LAYERS):
        wrapper = None if first_of(formats, text) else first_of(wrappers, text)
        if wrapper is None:
            break
        around.append(wrapper)
        inner = message_text(wrapper[1].get("inner", ""))
        # CRI marks a part with P; Docker's json-file leaves out the line end.
        unfinished = (
            unfinished
            or wrapper[1].get("partial") == "P"
            or ("stream" in wrapper[1] and "partial" not in wrapper[1] and not inner.endswith("\n"))
        )
        text = inner.removesuffix("\n")
    return Unwrapped(text, tuple(around), unfinished)


def message_text(inner: Any) -> str:
    """The text inside a wrapper, with what the wrapper did to it undone."""
    if isinstance(inner, list):  # journald writes a message with control bytes as their numbers
        inner = bytes(number & 255 for number in inner if isinstance(number, int)).decode("utf-8", "replace")
    text = ANSI.sub("", str(inner))
    if "#0" in text:
        for escape, meant in RSYSLOG_ESCAPES.items():
            text = text.replace(escape, meant)
        text = ANSI.sub("", text)
    return text


def first_of(formats: Iterable[Format], text: str, after: str = "") -> tuple[Format, dict[str, Any]] | None:
    """The first of these formats that a text is of, with its fields."""
    for item in formats:
        if (fields := item.read(text, after)) is not None:
            return item, fields
    return None


def recognise(lines: Sequence[bytes], zones: Zones, own: Sequence[Format] = ()) -> Recognition:
    """What these lines of a log are; they begin with its first ones.

    `own` are a team's formats, which come before ours.
    """
    candidates = [*own, *all_formats()]
    head = b"\n".join(lines[:8]).decode("utf-8", "replace").lstrip("\ufeff \n")
    container = next((item for item in candidates if item.begins and re.match(item.begins, head)), None)
    lists = [item for item in candidates if not item.begins]
    formats, wrappers = [item for item in lists if not item.wraps], [item for item in lists if item.wraps]
    if container:
        records = (fields for _, fields in CONTAINERS[container.spread](Lines(lines), container) if fields)
        texts: Iterable[str] = (message_text(fields.get("inner", "")).removesuffix("\n") for fields in records)
    else:
        texts = (decoded(line) for line in lines if line.strip())
    inside: Counter[Format] = Counter()
    around: Counter[Format] = Counter([container] if container else [])
    names: Counter[str] = Counter()
    dates = []
    for text, after in pairwise([*(unwrap(line, wrappers, formats) for line in texts), Unwrapped("")]):
        around.update(form for form, _ in text.around)
        if match := first_of(formats, text.text, after.text):
            inside[match[0]] += 1
            if "locale" in match[0].times:
                dates.append(str(match[1].get("ts", "")))
        elif text.around and text.around[-1][0].per_message:
            names[text.around[-1][0].name] += 1
    for form in [form for form in inside if form.alone and any(other.name != form.name for other in inside)]:
        del inside[form]
    for form, count in inside.items():
        names[form.name] += count
    most, outside = ranked(inside), ranked(around)
    name = min(names, key=lambda name: (-names[name], name), default=outside[0].name if outside else "")
    return Recognition(most, outside, replace(zones, date_order=zones.date_order or date_order(dates)), name)


def ranked(counts: Counter[Format]) -> tuple[Format, ...]:
    """The most frequent first; ties by name, so that the same file is always recognised alike."""
    return tuple(sorted(counts, key=lambda item: (-counts[item], item.name, item.title)))


def decoded(line: bytes) -> str:
    return line.decode("utf-8", "replace").lstrip("\ufeff\x00").rstrip("\r")
