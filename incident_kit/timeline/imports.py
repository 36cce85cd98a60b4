"""What people and programs noted elsewhere, as rows: a chat export, PagerDuty's log entries, a list of deploys.

A file is CSV with a header, JSON Lines, or JSON that holds a list. Columns are known by their usual names. What cannot
be read is named with its place; the file itself is kept whole as evidence, which every row cites. A time is never
guessed: without a zone it counts only where somebody said which one is meant.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from incident_kit.logs.time_forms import DIGITS_BELOW, OFFSETS
from incident_kit.model.fields import Unusable, parse_json, without_halves
from incident_kit.model.finding import Citation, Line, Pointer
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.visible import visible
from incident_kit.timeline.rows import LEAST, MINUTE, Lane, Row, lane_of_kind

MOST_BYTES = 64 << 20
# The first of these that a row has counts.
TIMES = ("datetime", "timestamp", "time", "date", "created_at", "ts", "at", "occurred_at")
TEXTS = ("message", "text", "summary", "title", "description", "body", "event")
WHO = ("user", "username", "author", "by", "from", "name")
KINDS = ("kind", "type")
# Under which name a JSON document holds its list.
LISTS = ("log_entries", "messages", "entries", "events", "items", "rows", "records", "data")
# What the value of such a field is called where it is an object: a person of Slack, an agent of PagerDuty.
NAMED = ("real_name", "display_name", "summary", "name", "email")
SEPARATORS = ",;\t|"
TAG = "tag"
DEPLOYS = ("deploy", "release", "rollout", TAG)
SENT = ("escalat", "notify", "alert", "trigger", "communicat")
NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
CALENDAR = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:(?:T|,? +)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?"
    rf" *({'|'.join(OFFSETS)}|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
CLOCK = re.compile(r"\d{1,2}:\d\d.*", re.ASCII)
DAY_OR_MONTH = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b.*", re.ASCII)
# Times of an incident; a number of another year is no time.
YEARS = range(1990, 2200)
DAY = timedelta(days=1)
LONGEST_SHOWN = 60
MOST_NAMED = 12


class WithoutZone(Unusable):
    """A time that names no zone, where nobody said which one is meant."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the file says happened.

    `place` is its line, counted from 1, or its RFC 6901 pointer in a JSON document. `column` is where its time stood.
    """

    place: int | str
    earliest: datetime
    latest: datetime
    column: str
    text: str
    by: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that is not on the timeline, and why."""

    place: int | str
    why: str

    def __str__(self) -> str:
        return f"{place_words(self.place)}: {self.why}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file says, in its own order, and what of it could not be read.

    `assumed` counts the times that were taken to be of the zone that was named. `damaged_bytes`: some of its text is no
    UTF-8, and shown as escapes.
    """

    noted: tuple[Noted, ...]
    unread: tuple[Unread, ...]
    assumed: int = 0
    damaged_bytes: bool = False

    def rows(self, item: str, name: str, learned: datetime, redaction: Redaction = REDACTION) -> list[Row]:
        """The rows, citing the item that holds the file; `name` is the file's, whose clock the times are from."""
        return [
            Row(
                moment=noted.earliest,
                earliest=noted.earliest,
                latest=noted.latest,
                learned=learned,
                meaning=f"{visible(noted.column)} in {name}",
                message=redaction.text(noted.text),
                lane=noted.lane,
                clock=name,
                citation=_citation(item, noted.place),
                by=redaction.text(noted.by),
            )
            for noted in self.noted
        ]


def read_import(content: bytes, zone: tzinfo | None) -> Imported:
    """What the file says; `zone` is that of times without one.

    Raises Unusable for what is no such file, or holds no row that can be read; WithoutZone, naming the row, where a
    time has no zone and none is given.
    """
    if len(content) > MOST_BYTES:
        raise Unusable(f"it has more than the {MOST_BYTES:,} bytes that an import may have")
    text, damaged = _decoded(content)
    if not text.strip():
        raise Unusable("it is empty")
    noted, unread, assumed, without_zone = [], [], 0, []
    for record in _records(text):
        if isinstance(record, Unread):
            unread.append(record)
            continue
        try:
            row, was_assumed = _noted(record, zone)
        except WithoutZone as error:
            without_zone.append(Unread(record.place, str(error)))
        except Unusable as error:
            unread.append(Unread(record.place, str(error)))
        else:
            noted.append(row)
            assumed += was_assumed
    if without_zone:
        others = f", and {len(without_zone) - 1:,} more" if len(without_zone) > 1 else ""
        raise WithoutZone(f"{without_zone[0]}{others}")
    if not noted:
        raise Unusable(f"no row of it could be read: {unread[0]}" if unread else "it has no rows")
    return Imported(tuple(noted), tuple(unread), assumed, damaged)


def place_words(place: int | str) -> str:
    """
    >>> place_words(3), place_words("/log_entries/0")
    ('line 3', '/log_entries/0')
    """
    return f"line {place:,}" if isinstance(place, int) else place or "the document"


@dataclass(frozen=True, slots=True)
class _Record:
    """A row as the file has it; the names of its fields in small letters."""

    place: int | str
    fields: Mapping[str, Any]


def _decoded(content: bytes) -> tuple[str, bool]:
    """The file's text, and whether some of it is no UTF-8 and stands there as escapes."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "backslashreplace"), False
    try:
        text, damaged = content.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        # In JSON an escape of ours would not be one of its own.
        is_json = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
        text, damaged = content.decode("utf-8-sig", "replace" if is_json else "backslashreplace"), True
    return (text if "\n" in text else text.replace("\r", "\n")), damaged


def _records(text: str) -> Iterator[_Record | Unread]:
    first = text.lstrip()[:1]
    if first == "[":
        yield from _of_document(parse_json(text.encode()))
        return
    if first != "{":
        yield from _of_csv(text)
        return
    try:
        document = parse_json(text.encode())
    except Unusable:
        yield from _of_lines(text)
    else:
        yield from _of_document(document) if "\n" in text.strip() or _list_of(document) else _of_lines(text)


def _of_document(document: Any) -> Iterator[_Record | Unread]:
    """The objects of the list that a JSON document is or holds; a document without one is a row itself."""
    document = without_halves(document)
    name, parts = "", document
    if isinstance(document, dict):
        name = _list_of(document)
        if not name:
            yield _Record("", _lowered(document))
            return
        parts = document[name]
    for number, part in enumerate(parts):
        place = f"/{name}/{number}" if name else f"/{number}"
        yield _Record(place, _lowered(part)) if isinstance(part, dict) else Unread(place, "not an object")


def _list_of(document: Mapping[str, Any]) -> str:
    """The name under which the document holds its list of rows; empty where it holds none."""
    return next((name for name in LISTS if isinstance(document.get(name), list)), "")


def _of_lines(text: str) -> Iterator[_Record | Unread]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            data = without_halves(parse_json(line.encode()))
        except Unusable as error:
            yield Unread(number, str(error))
            continue
        yield _Record(number, _lowered(data)) if isinstance(data, dict) else Unread(number, "not an object")


def _of_csv(text: str) -> Iterator[_Record | Unread]:
    """The rows of CSV below its header. Raises Unusable where that has no column for the time or for the text."""
    csv.field_size_limit(MOST_BYTES)  # its own limit would refuse a long message
    lines = [f"{line}\n" for line in text.split("\n")]
    header_line = next(line for line in lines if line.strip())
    separator = max(SEPARATORS, key=header_line.count)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header: list[str] = []
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lost = reader.line_num - number
            yield Unread(number, f"not CSV: {error}" + (f", and the {lost:,} lines after it" if lost > 0 else ""))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = _header(cells)
        elif len(cells) > len(header):
            yield Unread(number, f"{len(cells)} cells, and the header has {len(header)}; a text needs quotes around it")
        else:
            yield _Record(number, dict(zip(header, cells, strict=False)))


def _header(cells: Sequence[str]) -> list[str]:
    header = [_lower(cell) for cell in cells]
    for what, names in (("the time", TIMES), ("the text", TEXTS)):
        if not set(names) & set(header):
            listed = ", ".join(visible(cell)[:LONGEST_SHOWN] for cell in cells[:MOST_NAMED])
            raise Unusable(
                f"its first line names no column for {what}: expected one of {', '.join(names)}; found {listed}"
            )
    return header


def _lower(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _lowered(data: Mapping[str, Any]) -> dict[str, Any]:
    return {_lower(name): value for name, value in data.items()}


def _noted(record: _Record, zone: tzinfo | None) -> tuple[Noted, bool]:
    """The row, and whether its time was taken to be of `zone`. Raises Unusable, WithoutZone."""
    column, value = _time_field(record.fields)
    earliest, latest, assumed = time_of(value, zone)
    text = _text_of(record.fields)
    kind = next((value for name in KINDS if isinstance(value := record.fields.get(name), str)), "").strip()
    lane = _lane(kind)
    if lane is Lane.ACTIONS and not text.lower().startswith(kind.lower()):
        text = f"{kind}: {text}"
    return Noted(record.place, earliest, latest, column, text, _who(record.fields), lane), assumed


def _time_field(fields: Mapping[str, Any]) -> tuple[str, Any]:
    for name in TIMES:
        value = fields.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        day = fields.get("date")
        if name == "time" and isinstance(value, str) and CLOCK.fullmatch(value.strip()) and isinstance(day, str):
            return "date and time", f"{day.strip()} {value.strip()}"
        return name, value
    raise Unusable(f"no time: expected one of the fields {', '.join(TIMES)}")


def time_of(value: Any, zone: tzinfo | None) -> tuple[datetime, datetime, bool]:
    """The first and the last moment that a time may mean, in UTC, and whether it was taken to be of `zone`.

    A number is seconds, milliseconds or microseconds since 1970, by its size. A text without seconds means any of its
    minute, a date alone any time of that day, an hour that comes twice either. Raises Unusable, WithoutZone.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = repr(value)
    if not isinstance(value, str):
        raise Unusable(f"not a time: {_shown(value)}")
    text = value.strip()
    if NUMBER.fullmatch(text):
        moment = _of_epoch(text)
        return moment, moment, False
    if match := CALENDAR.fullmatch(text):
        return _of_calendar(match, zone)
    if DAY_OR_MONTH.fullmatch(text):
        raise Unusable(f"day and month of {_shown(text)} cannot be told apart; write it as 2026-11-23 09:53:00")
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise Unusable(f"not a time: {_shown(text)}; write ISO 8601, such as 2026-11-23T09:53:00Z") from None
    if moment.year not in YEARS:
        raise Unusable(f"not a time of an incident: {_shown(text)}")
    if moment.tzinfo is None:
        return _placed(moment, timedelta(0), zone, text)
    return moment.astimezone(UTC), moment.astimezone(UTC), False


def _of_epoch(text: str) -> datetime:
    try:
        number = Decimal(text)
        digits = next((digits for below, digits in DIGITS_BELOW if number < below), 9)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(number.scaleb(6 - digits)))
    except (InvalidOperation, OverflowError):
        raise Unusable(f"not a time: {_shown(text)}") from None
    if moment.year not in YEARS:
        raise Unusable(f"not a time of an incident: {_shown(text)} would be in the year {moment.year}")
    return moment


def _of_calendar(match: re.Match[str], zone: tzinfo | None) -> tuple[datetime, datetime, bool]:
    *parts, fraction, told = match.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    width = timedelta(0) if parts[5] else MINUTE if parts[3] else DAY
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        naive = datetime(year, month, day, hour, minute, second, microsecond)  # noqa: DTZ001 - its zone comes below
        offset = (
            datetime.fromisoformat(f"2000-01-01T00:00:00{OFFSETS.get(told.upper(), told)}").tzinfo if told else None
        )
    except ValueError:
        raise Unusable(f"not a time: {_shown(match[0])}") from None
    if naive.year not in YEARS:
        raise Unusable(f"not a time of an incident: {_shown(match[0])}")
    if offset is None:
        return _placed(naive, width, zone, match[0])
    moment = naive.replace(tzinfo=offset).astimezone(UTC)
    return moment, _last(moment, width), False


def _placed(naive: datetime, width: timedelta, zone: tzinfo | None, text: str) -> tuple[datetime, datetime, bool]:
    if zone is None:
        raise WithoutZone(f"the time {_shown(text)} names no zone")
    first, second = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != naive:
        raise Unusable(f"there was no {_shown(text)} in {zone}: clocks were put forward over it")
    return first, _last(max(first, second), width), True


def _last(moment: datetime, width: timedelta) -> datetime:
    return moment + width - LEAST if width else moment


def _text_of(fields: Mapping[str, Any]) -> str:
    """What the row says. Bots of a chat say it in attachments, and a file that was sent has a name."""
    for name in TEXTS:
        if isinstance(value := fields.get(name), str) and value.strip():
            return value.strip()
    attached = [
        value.strip()
        for part in _objects(fields.get("attachments"))
        for value in [next((part[name] for name in ("fallback", "text", "title") if part.get(name)), "")]
        if isinstance(value, str) and value.strip()
    ]
    sent = [part["name"] for part in _objects(fields.get("files")) if isinstance(part.get("name"), str)]
    if attached or sent:
        return "; ".join([*attached, *(f"sent {name}" for name in sent)])
    raise Unusable(f"no text: expected one of the fields {', '.join(TEXTS)}")


def _objects(value: Any) -> Iterable[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _who(fields: Mapping[str, Any]) -> str:
    for value in (fields.get("user_profile"), *(fields.get(name) for name in WHO), fields.get("agent")):
        if isinstance(value, dict):
            value = next((value[name] for name in NAMED if isinstance(value.get(name), str) and value[name]), "")
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _lane(kind: str) -> Lane:
    kind = kind.lower()
    if any(word in kind for word in DEPLOYS):
        return Lane.ACTIONS
    if any(word in kind for word in SENT):
        return Lane.COMMUNICATION
    lane = lane_of_kind(kind)
    return Lane.PEOPLE if lane is Lane.MILESTONES else lane  # what an incident's milestones are, its journal says


def _citation(item: str, place: int | str) -> Citation:
    return Line(item, place) if isinstance(place, int) else Pointer(item, place)


def _shown(value: object) -> str:
    shown = visible(repr(value))
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
