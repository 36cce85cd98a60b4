"""Deadlines as a calendar that other programs take in: iCalendar, RFC 5545.

Lines end with CR LF and are folded at 75 octets, texts are escaped, times are UTC. A deadline keeps its UID, so that a
calendar that is taken in again moves what has moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo

from incident_kit.incident.deadlines import Deadline, Kind, Standing
from incident_kit.model.visible import visible
from incident_kit.view.deadlines import sentence, subject

FOLDED_AT = 75
PRODUCT = "-//incident-kit//deadlines//EN"
# How long before it is due a calendar reminds.
REMIND = "-PT10M"
ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def calendar(deadlines: Iterable[Deadline], incident_id: str, title: str, now: datetime, zone: tzinfo) -> str:
    """The deadlines as events at the moment they are due, reviews as events of a day; what is pending reminds."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    lines.append(f"X-WR-CALNAME:{_text(f'Incident {incident_id}')}")
    for deadline in deadlines:
        lines += _event(deadline, incident_id, title, now, zone)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _event(deadline: Deadline, incident_id: str, title: str, now: datetime, zone: tzinfo) -> list[str]:
    summary = f"{incident_id}: {subject(deadline)}"
    if not deadline.is_pending:
        summary = f"{summary} ({deadline.standing.value})"
    status = "CANCELLED" if deadline.standing is Standing.NOT_NEEDED else "CONFIRMED"
    lines = [
        "BEGIN:VEVENT",
        f"UID:{_uid(deadline, incident_id)}",
        f"DTSTAMP:{_moment(now)}",
        _start(deadline, zone),
        f"SUMMARY:{_text(summary)}",
        f"DESCRIPTION:{_text(f'{visible(title)}. {sentence(deadline, now, zone)}')}",
        f"STATUS:{status}",
        "TRANSP:TRANSPARENT",
    ]
    if deadline.standing is Standing.RUNNING:
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER:{REMIND}"]
        lines += [f"DESCRIPTION:{_text(summary)}", "END:VALARM"]
    return [*lines, "END:VEVENT"]


def _start(deadline: Deadline, zone: tzinfo) -> str:
    if deadline.kind is Kind.REVIEW:
        return f"DTSTART;VALUE=DATE:{deadline.due.astimezone(zone):%Y%m%d}"
    return f"DTSTART:{_moment(deadline.due)}"


def _uid(deadline: Deadline, incident_id: str) -> str:
    """The same for the same clock, though it becomes due at another time."""
    entry = deadline.origin.entry
    key = f"{deadline.kind}\n{deadline.whom}\n{entry.line if entry else deadline.origin.text}"
    if deadline.standing is Standing.NOT_NEEDED:
        key += f"\n{deadline.rule}"
    return f"{incident_id}-{hashlib.sha256(key.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}@incident-kit"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    return visible(text).translate(ESCAPES)


def _folded(line: str) -> Iterator[str]:
    """The line in parts of at most 75 octets, none within a character; those that go on begin with a blank."""
    part = ""
    octets = 0
    for character in line:
        size = len(character.encode("utf-8", "backslashreplace"))
        if octets + size > FOLDED_AT:
            yield part
            part, octets = " ", 1
        part += character
        octets += size
    yield part
