"""A log that is no plain list of one-line records is laid out: record by record, as one JSON object of fields each.

The working copy has the lines of the original: a record stands on its first line, and what belongs to it or to nothing is
marked, so that line numbers stay true. This is what docker, syslog or pm2 around a log need, two programs in one stream,
CSV with line ends in its values, and records that go on over many lines.
"""

from __future__ import annotations

import csv
import json
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any

from incident_kit.logs import inspected
from incident_kit.logs.columns import ERROR_IN_TEXT, LEVEL_NAMES, REQUEST_IN_TEXT, speaks
from incident_kit.logs.formats import Format, as_object
from incident_kit.logs.recognise import Recognition, Unwrapped, moment_of, unwrap

CONTINUED, UNPARSED = "c", "u"
# Lines that can only go on from the one before, whoever wrote them.
CERTAINLY_CONTINUED = re.compile(r"\s|$|[}\])]+[,;]?(?: \+\d+ms)?$|caused by:|Caused by:|for call at|\[cause\]:|\[errors\]: \[|→ |Node\.js v\d")
MOST_KEPT_LINES = 400  # of what follows a record's first line: stacks are cut there, nothing is lost from the evidence
MOST_PART_CHARACTERS = 1 << 20
ERROR_LINE = re.compile(ERROR_IN_TEXT, re.ASCII)
SPOKEN = re.compile(REQUEST_IN_TEXT, re.ASCII)
JSON_TAIL = re.compile(r"^(?P<message>.*?)\s*(?:- )?(?P<tail>\{.*\})(?: \+\d+ms)?\s*$", re.S)


@dataclass(slots=True)
class Entry:
    """One message with the physical line it begins on; `fields` where its container has told them already."""

    line: int
    inside: Unwrapped
    found: tuple[Format, dict[str, Any]] | None = None


@dataclass(slots=True)
class Draft:
    """A record that is still being read."""

    line: int
    inside: Unwrapped
    found: tuple[Format, dict[str, Any]] | None
    more: list[str] = field(default_factory=list)


class Paper:
    """Where the lines of the copy are written: each in its place, as soon as no earlier one can still change."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._waiting: dict[int, str] = {}
        self._next = 1

    def put(self, line: int, text: str) -> None:
        self._waiting[line] = text

    def advance(self, line: int) -> None:
        """Write every line before this one; those that nothing was put on go on from the line before."""
        while self._next < line:
            self._out.write(self._waiting.pop(self._next, CONTINUED).encode("utf-8", "replace") + b"\n")
            self._next += 1


def lay_out(lines: Iterable[bytes], recognition: Recognition, out: IO[bytes]) -> None:
    """Write the working copy. `lines` are the log's, without their line ends and in valid UTF-8."""
    paper = Paper(out)
    drafts: dict[tuple[str | None, ...], Draft] = {}
    entries, count = _entries(lines, recognition)
    latest: Draft | None = None
    for entry in entries:
        who = tuple(entry.inside.outer(name) for name in ("host", "logger", "pid"))
        first, *more = entry.inside.text.split("\n") if entry.found is None else [entry.inside.text]
        found = entry.found or recognition.of(first)
        before = drafts.get(who)
        if _begins(entry, found, first, before, recognition):
            if before:
                _finish(before, recognition, paper)
            latest = drafts[who] = Draft(entry.line, entry.inside, found, more)
        elif draft := before or (None if entry.inside.around else latest):
            draft.more += [first, *more][: MOST_KEPT_LINES - len(draft.more)]
        else:
            paper.put(entry.line, UNPARSED)
        # Drafts of programs that fell silent would hold everything back: they end when others have gone on for long.
        for name, old in list(drafts.items()):
            if entry.line - old.line > MOST_KEPT_LINES and old is not latest:
                _finish(drafts.pop(name), recognition, paper)
        paper.advance(min((draft.line for draft in drafts.values()), default=entry.line + 1))
    for draft in drafts.values():
        _finish(draft, recognition, paper)
    paper.advance(count() + 1)


def _begins(entry: Entry, found: tuple[Format, dict[str, Any]] | None, first: str, before: Draft | None, recognition: Recognition) -> bool:
    """Whether an entry is a record of its own."""
    if found:
        return True
    if not entry.inside.around:
        return False
    if CERTAINLY_CONTINUED.match(first) and before:
        return False
    # A syslog or journal entry was one message when it was written; docker and its like wrap every physical line.
    return entry.inside.around[-1][0].per_message or not recognition.formats


def _finish(draft: Draft, recognition: Recognition, paper: Paper) -> None:
    """Put a record on its line: its fields, from its first line, the lines after it and what was around it."""
    form, fields = draft.found or (None, {"message": draft.inside.text.split("\n")[0]})
    fields = dict(fields)
    if form:
        _complete(form, fields, draft.inside.text, draft.more)
    moment, raw, zoned = moment_of(draft.inside, (form, fields) if form else None, recognition.zones)
    for name in ("host", "pid", "logger", "dependency"):
        if fields.get(name) in (None, "") and (value := draft.inside.outer(name)):
            fields[name] = value
    if fields.get("level") in (None, "") and (priority := draft.inside.outer("priority")) and priority.isdigit():
        fields["level"] = SYSLOG_LEVELS[int(priority) % 8]
    if form and fields.get("level") is not None:
        fields["level"] = form.levels.get(str(fields["level"]).lower(), fields["level"])
    fields.pop("inner", None)
    request = bool(form and fields.pop("request", None))
    if form and speaks(form) and (spoken := SPOKEN.match(str(fields.get("message", "")))):
        request = True
        fields.update(method=spoken[1], url=spoken[2], status=spoken[3])
    about = form or (draft.inside.around[-1][0] if draft.inside.around else None)
    record = {
        **{name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in fields.items()},
        "format": about.name if about else "",
        "ts": moment.replace(tzinfo=None).isoformat(" ") if moment else None,
        "ts_raw": raw or None,
        "zoned": zoned,
        "request": request,
    }
    paper.put(draft.line, json.dumps(record, ensure_ascii=False))


SYSLOG_LEVELS = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")


def _complete(form: Format, fields: dict[str, Any], first: str, more: list[str]) -> None:
    """Fill in what does not stand on the first line, or not in fields of its own."""
    match form.spread:
        case "inspect":
            seen = inspected.read("\n".join([first, *more]))
            fields.update(form.pick(seen) if isinstance(seen, dict) else {})
        case "fields":
            for name, value in form.pick(inspected.indented(more)).items():
                fields.setdefault(name, value)
        case "last-line":
            told = [line for line in more if line.strip()]
            if told and not str(fields.get("message", "")).strip():
                fields["message"] = told[-1].strip()
        case "tail":
            if tail := JSON_TAIL.match(str(fields.get("message", ""))):
                seen = as_object(tail["tail"])
                if seen is not None:
                    fields["message"] = tail["message"]
                    for name, value in form.pick(seen).items():
                        fields.setdefault(name, value)
    if (
        form.pattern
        and "error_type" not in fields
        and form.levels.get(level := str(fields.get("level", "")).lower(), LEVEL_NAMES.get(level, level)) in ("error", "fatal")
    ):
        for line in chain([str(fields.get("message", ""))], more[: 3 if form.spread else 1]):
            if match := ERROR_LINE.match(line):
                fields["error_type"], fields["error_message"] = match[2] or match[1], match[3]
                break


def _entries(lines: Iterable[bytes], recognition: Recognition) -> tuple[Iterator[Entry], Any]:
    """The messages of a log, and a function that says how many lines it had."""
    numbered = _Counted(lines)
    container = next((item for item in (*recognition.wrappers, *recognition.formats) if item.spread in CONTAINERS), None)
    if container:
        return CONTAINERS[container.spread](numbered, container, recognition), lambda: numbered.count
    return _lines(numbered, recognition), lambda: numbered.count


class _Counted:
    """Lines as text, counting them."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            yield line.decode("utf-8", "replace")

    def raw(self) -> bytes:
        """All of them at once, as they are."""
        return b"\n".join(self._lines)


def _lines(numbered: _Counted, recognition: Recognition) -> Iterator[Entry]:
    """One entry a line; a message that docker or CRI has cut into parts is put together, each stream for itself."""
    parts: dict[str, Entry] = {}
    for raw in numbered:
        text = raw.lstrip("\ufeff\x00") if numbered.count == 1 else raw
        inside = recognition.unwrap(text.rstrip("\r"))
        stream = inside.outer("partial")
        if stream is None:
            yield Entry(numbered.count, inside)
            continue
        name, unfinished = stream[1:], stream[0] == "P"
        held = parts.pop(name, None)
        if held and len(held.inside.text) < MOST_PART_CHARACTERS:
            inside = Unwrapped(held.inside.text + inside.text, inside.around)
        entry = Entry(held.line if held else numbered.count, inside)
        if unfinished:
            parts[name] = entry
        else:
            yield Entry(entry.line, unwrap(inside.text, recognition.wrappers, recognition.formats)) if held else entry
    yield from parts.values()


def _csv(numbered: _Counted, form: Format, recognition: Recognition) -> Iterator[Entry]:
    """Rows of a CSV file whose values may hold line ends."""
    begun = 1

    def fed() -> Iterator[str]:
        for line in numbered:
            yield line.lstrip("\ufeff") + "\n"

    header: tuple[str, ...] = form.header
    for row in csv.reader(fed()):
        if not header:
            header = tuple(row)
            yield Entry(begun, Unwrapped("".join(row)))
        else:
            fields = form.pick({name: value for name, value in zip(header, row, strict=False) if value != ""})
            if form.wraps:
                yield _around(begun, form, fields, recognition)
            else:
                yield Entry(begun, Unwrapped(row[0] if row else ""), (form, fields) if fields.get("ts") else None)
        begun = numbered.count + 1


def _events(numbered: _Counted, form: Format, recognition: Recognition) -> Iterator[Entry]:
    """The `events` of one JSON object, as CloudWatch's filter-log-events puts them out."""
    text = "\n".join(numbered)
    decoder = json.JSONDecoder()
    place = text.find("[", text.find('"events"')) + 1
    line = text.count("\n", 0, place) + 1
    while place > 0 and (begun := text.find("{", place)) >= 0:
        if "]" in text[place:begun]:
            return
        try:
            event, end = decoder.raw_decode(text, begun)
        except ValueError:
            return
        line += text.count("\n", place, begun)
        fields = form.pick(event)
        yield _around(line, form, fields, recognition)
        line += text.count("\n", begun, end)
        place = end


def _export(numbered: _Counted, form: Format, recognition: Recognition) -> Iterator[Entry]:
    """Entries of journald's export format: NAME=value lines, or NAME, a length and so many bytes; a blank line ends one."""
    data = numbered.raw()
    place, line, begun = 0, 1, 1
    entry: dict[str, str] = {}
    while place < len(data):
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        head = data[place:end]
        after = end + 1
        if b"=" in head:
            name, _, value = head.partition(b"=")
            entry[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        elif head:
            [size] = struct.unpack_from("<Q", data, after) if after + 8 <= len(data) else [0]
            entry[head.decode("utf-8", "replace")] = data[after + 8 : after + 8 + size].decode("utf-8", "replace")
            after += 8 + size + 1
        if (not head or after >= len(data)) and entry:
            yield _around(begun, form, form.pick(entry), recognition)
            entry = {}
        line += data.count(b"\n", place, min(after, len(data)))
        place = after
        if not entry:
            begun = line
    numbered.count = data.count(b"\n") + (not data.endswith(b"\n"))


def _around(line: int, form: Format, fields: dict[str, Any], recognition: Recognition) -> Entry:
    inner = unwrap(str(fields.get("inner", "")), recognition.wrappers, recognition.formats)
    return Entry(line, Unwrapped(inner.text.removesuffix("\n"), ((form, fields), *inner.around)))


CONTAINERS = {"csv": _csv, "events": _events, "export": _export}
