"""A log that is no plain list of one-line records is laid out: record by record, as one JSON object of fields each.

The working copy has the lines of the original: a record stands on its first line, and what belongs to it or to nothing is
marked, so that line numbers stay true. This is what docker, syslog or pm2 around a log need, two programs in one stream,
CSV with line ends in its values, and records that go on over many lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any

from incident_kit.logs import inspected
from incident_kit.logs.columns import ERROR_IN_TEXT, LEVEL_NAMES, REQUEST_IN_TEXT, speaks
from incident_kit.logs.containers import CONTAINERS, Lines
from incident_kit.logs.formats import Format, as_object
from incident_kit.logs.recognise import Recognition, Unwrapped, message_text, moment_of

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
    latest: Draft | None = None
    counted = Lines(lines)
    for entry in _entries(counted, recognition):
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
    paper.advance(counted.count + 1)


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


def _entries(lines: Lines, recognition: Recognition) -> Iterator[Entry]:
    """The messages of a log."""
    container = recognition.container
    if container is None:
        yield from _lines(lines, recognition)
        return
    for line, fields in CONTAINERS[container.spread](lines, container):
        if fields is None:
            yield Entry(line, Unwrapped(""))
        elif container.wraps:
            inner = recognition.unwrap(message_text(fields.get("inner", "")))
            yield Entry(line, Unwrapped(inner.text, ((container, fields), *inner.around)))
        else:
            yield Entry(line, Unwrapped(""), (container, fields))


def _lines(lines: Lines, recognition: Recognition) -> Iterator[Entry]:
    """One entry a line; a message that Docker or CRI has cut into parts is put together, each stream for itself."""
    parts: dict[str, Entry] = {}
    for raw in lines:
        inside = recognition.unwrap((raw.lstrip("\ufeff\x00 ") if lines.count == 1 else raw).rstrip("\r"))
        stream = inside.outer("stream")
        held = parts.pop(stream, None) if stream else None
        if held:
            inside = Unwrapped((held.inside.text + inside.text)[:MOST_PART_CHARACTERS], inside.around, inside.unfinished)
        entry = Entry(held.line if held else lines.count, inside)
        if stream and inside.unfinished:
            parts[stream] = entry
        elif held:
            again = recognition.unwrap(inside.text)
            yield Entry(entry.line, Unwrapped(again.text, (*inside.around, *again.around)))
        else:
            yield entry
    yield from parts.values()
