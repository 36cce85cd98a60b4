"""A log that is no plain list of one-line records is normalised: record by record, as one JSON object of fields each.

What comes out has the lines of the original: a record stands on its first line, and what belongs to it or to nothing
is marked, so that line numbers stay true. This is what docker, syslog or pm2 around a log need, two programs in one
stream, CSV with line ends in its values, and records that go on over many lines.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

from incident_kit.logs import inspected
from incident_kit.logs.columns import ERROR_IN_TEXT, LEVEL_NAMES, REQUEST_IN_TEXT, speaks
from incident_kit.logs.containers import CONTAINERS, Lines
from incident_kit.logs.formats import Format, as_object
from incident_kit.logs.recognise import Recognition, Unwrapped, message_text, moment_of
from incident_kit.logs.scan import MOST_LINE_BYTES

CONTINUED, UNPARSED = "c", "u"
# Lines that can only go on from the one before, whoever wrote them.
CERTAINLY_CONTINUED = re.compile(
    r"\s|$|[}\])]+[,;]?(?: \+\d+ms)?$|caused by:|Caused by:|for call at|\[cause\]:|\[errors\]: \[|→ |Node\.js v\d"
)
FRAME = re.compile(r"\s+at \S")
MOST_KEPT_LINES = 400  # of what follows a record's first line: stacks are cut there, nothing is lost from the evidence
MOST_PART_CHARACTERS = 1 << 20
MOST_RECORD_BYTES = 3 * MOST_LINE_BYTES  # as JSON; a longer one is counted as not read
ERROR_LINE = re.compile(ERROR_IN_TEXT, re.ASCII)
SPOKEN = re.compile(REQUEST_IN_TEXT, re.ASCII)
JSON_TAIL = re.compile(r'^(?P<message>.*?)\s*(?:- )?(?P<tail>\{".*\})(?: \+\d+ms)?\s*$', re.S)


@dataclass(slots=True)
class Message:
    """One message with the physical line it begins on; `fields` where its container gave them already."""

    line: int
    inside: Unwrapped
    record: tuple[Format, dict[str, Any]] | None = None


@dataclass(slots=True)
class Draft:
    """A record that is still being read."""

    line: int
    inside: Unwrapped
    record: tuple[Format, dict[str, Any]] | None
    more: list[str] = field(default_factory=list)


class NormalisedLines:
    """The lines that come out: each in its place, as soon as no earlier one can still change.

    A line that nothing was put on goes on from the record before; before the first record it belongs to nothing.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, str] = {}
        self._next = 1
        self._otherwise = UNPARSED

    def put(self, line: int, text: str) -> None:
        self._waiting[line] = text

    def up_to(self, line: int) -> Iterator[bytes]:
        """Every line before this one that was not given yet."""
        while self._next < line:
            text = self._waiting.pop(self._next, self._otherwise)
            if text != UNPARSED:
                self._otherwise = CONTINUED
            written = text.encode("utf-8", "replace")
            yield written if len(written) <= MOST_RECORD_BYTES else UNPARSED.encode()
            self._next += 1


def normalise(lines: Iterable[bytes], recognition: Recognition) -> Iterator[bytes]:
    """The normalised lines. `lines` are the log's, without their line ends and in valid UTF-8."""
    paper = NormalisedLines()
    drafts: dict[tuple[str | None, ...], Draft] = {}
    latest: Draft | None = None
    counted = Lines(lines)
    for entry, after in pairwise(chain(_entries(counted, recognition), [Message(sys.maxsize, Unwrapped(""))])):
        who = tuple(entry.inside.outer(name) for name in ("host", "logger", "pid"))
        first, *more = entry.inside.text.split("\n") if entry.record is None else [entry.inside.text]
        record = entry.record or recognition.of(first, more[0] if more else after.inside.text)
        draft_before = drafts.get(who)
        if _begins(entry, record, first, draft_before, recognition):
            if draft_before:
                _finish(draft_before, recognition, paper)
            latest = drafts[who] = Draft(entry.line, entry.inside, record, more)
        elif recognition.reads_json and first.lstrip(" ").startswith('{"'):  # the rest of it was never written
            paper.put(entry.line, UNPARSED)
        elif draft := draft_before or (None if entry.inside.around else latest):
            draft.more += [first, *more][: MOST_KEPT_LINES - len(draft.more)]
        else:
            paper.put(entry.line, UNPARSED)
        # Drafts of programs that fell silent would hold everything back: they end when others have gone on for long.
        for name, old in list(drafts.items()):
            if entry.line - old.line > MOST_KEPT_LINES and old is not latest:
                _finish(drafts.pop(name), recognition, paper)
        begun = [draft.line for draft in drafts.values()] or [entry.line + 1]
        yield from paper.up_to(min(*begun, *counted.waiting.values(), after.line))
    for draft in drafts.values():
        _finish(draft, recognition, paper)
    yield from paper.up_to(counted.count + 1)


def _begins(
    entry: Message,
    record: tuple[Format, dict[str, Any]] | None,
    first: str,
    draft_before: Draft | None,
    recognition: Recognition,
) -> bool:
    """Whether an entry is a record of its own."""
    if record:
        return True
    if not entry.inside.around:
        return False
    # A syslog or journal entry was one message when it was written, but for stacks.
    # Docker and its like wrap every physical line.
    per_message = entry.inside.around[-1][0].per_message
    if draft_before and (FRAME if per_message else CERTAINLY_CONTINUED).match(first):
        return False
    return per_message or not recognition.formats


def _finish(draft: Draft, recognition: Recognition, paper: NormalisedLines) -> None:
    """Put a record on its line: its fields, from its first line, the lines after it and what was around it."""
    form, fields = draft.record or (None, {"message": draft.inside.text})
    fields = dict(fields)
    if form:
        _complete(form, fields, draft.inside.text, draft.more)
    request = bool(fields.pop("request", False))
    fields = {name: as_text(value) for name, value in fields.items() if name != "inner" and value is not None}
    if not (form and form.is_json):
        fields["message"] = fields.get("message", "").rstrip(" ") or None
        if form is None or _is_error(form, fields):
            _look_for_error(fields, draft.more[: 3 if form and form.spread else 1])
    moment, raw, zoned = moment_of(draft.inside, (form, fields) if form else None, recognition.zones)
    for name in ("host", "pid", "logger", "dependency"):
        if fields.get(name) in (None, "") and (value := draft.inside.outer(name)):
            fields[name] = value
    if fields.get("level") in (None, "") and (priority := draft.inside.outer("priority")) and priority.isdigit():
        fields["level"] = SYSLOG_LEVELS[int(priority) % 8]
    if form and fields.get("level") is not None:
        fields["level"] = form.levels.get(fields["level"].lower(), fields["level"])
    if form and speaks(form) and "url" not in fields and (spoken := SPOKEN.match(fields["message"] or "")):
        request = True
        unit = "ms" if spoken[4].endswith("ms") else "s"
        fields |= {
            "method": spoken[1],
            "url": spoken[2],
            "status": spoken[3],
            f"duration_{unit}": spoken[4].removesuffix(unit),
        }
    about = form or (draft.inside.around[-1][0] if draft.inside.around else None)
    record = {
        **fields,
        "format": about.name if about else "",
        "ts": moment.replace(tzinfo=None).isoformat(" ") if moment else None,
        "ts_raw": raw or None,
        "zoned": zoned,
        "request": request,
    }
    paper.put(draft.line, json.dumps(record, ensure_ascii=False))


def as_text(value: Any) -> str:
    """A value as DuckDB gives it where it is asked for text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


SYSLOG_LEVELS = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")


def _complete(form: Format, fields: dict[str, Any], first: str, more: list[str]) -> None:
    """Fill in what does not stand on the first line, or not in fields of its own."""
    if (
        form.spread in ("tail", "fields")
        and (tail := JSON_TAIL.match(str(fields.get("message", ""))))
        and (shown := as_object(tail["tail"]))
    ):
        fields["message"] = tail["message"]
        for name, value in form.pick(shown).items():
            fields.setdefault(name, value)
    match form.spread:
        case "inspect":
            shown = inspected.read("\n".join([first, *more]))
            fields.update(form.pick(shown) if isinstance(shown, dict) else {})
        case "fields":
            for name, value in form.pick(inspected.indented(more)).items():
                fields.setdefault(name, value)
        case "last-line":
            *_, last = [str(fields.get("message", "")), *(line.strip() for line in more if line.strip())]
            fields["message"] = fields.get("message") or last
            if _is_error(form, fields):
                fields["error_message"] = last


def _is_error(form: Format, fields: dict[str, Any]) -> bool:
    level = str(fields.get("level", "")).lower()
    return form.levels.get(level, LEVEL_NAMES.get(level, level)) in ("error", "fatal")


def _look_for_error(fields: dict[str, Any], more: list[str]) -> None:
    """Fill in an error whose name and text stand at the beginning of the message or of a line after it."""
    match = next(filter(None, map(ERROR_LINE.match, [fields["message"] or "", *more])), None)
    if match and not fields.keys() & {"error_type", "error_message"}:
        fields["error_type"], fields["error_message"] = match[2] or match[1], match[3]


def _entries(lines: Lines, recognition: Recognition) -> Iterator[Message]:
    """The messages of a log."""
    container = recognition.container
    if container is None:
        yield from _lines(lines, recognition)
        return
    for line, fields in CONTAINERS[container.spread](lines, container):
        if fields is None:
            yield Message(line, Unwrapped(""))
        elif container.wraps:
            inner = recognition.unwrap(message_text(fields.get("inner", "")))
            yield Message(line, Unwrapped(inner.text, ((container, fields), *inner.around)))
        else:
            yield Message(line, Unwrapped(""), (container, fields))


def _lines(lines: Lines, recognition: Recognition) -> Iterator[Message]:
    """One entry a line; a message that Docker or CRI has cut into parts is put together, each stream for itself."""
    parts: dict[str, Message] = {}
    for raw in lines:
        for silent in [stream for stream, part in parts.items() if lines.count - part.line > MOST_KEPT_LINES]:
            yield parts.pop(silent)
        lines.waiting = {stream: part.line for stream, part in parts.items()}
        inside = recognition.unwrap(raw.lstrip("\ufeff\x00 ") if lines.count == 1 else raw)
        stream = inside.outer("stream")
        held = parts.pop(stream, None) if stream else None
        if held:
            inside = Unwrapped(
                (held.inside.text + inside.text)[:MOST_PART_CHARACTERS], inside.around, inside.unfinished
            )
        entry = Message(held.line if held else lines.count, inside)
        if stream and inside.unfinished:
            parts[stream] = entry
            lines.waiting[stream] = entry.line
        elif held:
            again = recognition.unwrap(inside.text)
            yield Message(entry.line, Unwrapped(again.text, (*inside.around, *again.around)))
        else:
            yield entry
    yield from parts.values()
