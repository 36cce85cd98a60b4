"""Files that are no list of lines: CSV, the events of one JSON object, journald's export.

Each gives its records' fields. A reader takes the physical lines and gives, for each record, the line it begins on
(from 1), its fields, and where the text that it holds was put; `Lines` counts what was taken.
"""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from incident_kit.logs.formats import Format

Found = Iterator[tuple[int, dict[str, Any] | None]]

csv.field_size_limit(
    16 << 20
)  # a statement or a stack may be long, the module would end at 128 KiB; a quote that nobody closes has no end


class Lines:
    """Physical lines, counted as they are taken.

    `waiting` are those on which a message began that is not yet whole, by stream.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.count = 0
        self.waiting: dict[str, int] = {}

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            yield line.decode("utf-8", "replace")

    def all(self) -> bytes:
        """The rest of them at once."""
        rest = list(self._lines)
        self.count += len(rest)
        return b"\n".join(rest)


def rows(lines: Lines, form: Format) -> Found:
    """Rows of a CSV file, whose values may hold line ends; the header, and a row that is no record, give no fields."""
    begun, header = 1, form.header
    # The module refuses a carriage return outside of quotes; cleaning makes a blank of it too.
    reader = csv.reader(line.lstrip("\ufeff").replace("\r", " ") + "\n" for line in lines)
    while True:
        try:
            row = next(reader, None)
        except csv.Error:  # a value longer than the limit: it is no record, and the next row begins behind it
            begun = lines.count + 1
            continue
        if row is None:
            return
        if header:
            fields = form.pick({name: value for name, value in zip(header, row, strict=False) if value != ""})
            yield begun, fields if fields.get("ts") else None
        else:
            header = tuple(row)
            yield begun, None
        begun = lines.count + 1


def events(lines: Lines, form: Format) -> Found:
    """The `events` of one JSON object, as CloudWatch's filter-log-events puts them out; as far as it is whole."""
    text = lines.all().decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    place = text.find("[", max(text.find('"events"'), 0)) + 1
    line = text.count("\n", 0, place) + 1
    while place > 0 and (begun := text.find("{", place)) >= 0 and "]" not in text[place:begun]:
        try:
            event, end = decoder.raw_decode(text, begun)
        except ValueError:
            return
        line += text.count("\n", place, begun)
        yield line, form.pick(event)
        line += text.count("\n", begun, end)
        place = end


def exported(lines: Lines, form: Format) -> Found:
    """Entries of journald's export: NAME=value, or NAME, a length in eight bytes and so many bytes.

    A blank line ends one.
    """
    data = lines.all()
    place, line, begun = 0, 1, 1
    entry: dict[str, str] = {}
    while place < len(data):
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        head, after = data[place:end], end + 1
        if b"=" in head:
            name, _, value = head.partition(b"=")
            entry[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        elif head:
            [size] = struct.unpack_from("<Q", data, after) if after + 8 <= len(data) else [0]
            entry[head.decode("utf-8", "replace")] = data[after + 8 : after + 8 + size].decode("utf-8", "replace")
            after += 8 + size + 1
        if (not head or after >= len(data)) and entry:
            yield begun, form.pick(entry)
            entry = {}
        line += data.count(b"\n", place, min(after, len(data)))
        place = after
        if not entry:
            begun = line


CONTAINERS: dict[str, Callable[[Lines, Format], Found]] = {"csv": rows, "events": events, "export": exported}
ALL_AT_ONCE = frozenset({"events", "export"})  # which take their lines at once, and so have to be in memory as a whole
