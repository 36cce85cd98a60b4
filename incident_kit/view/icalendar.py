"""iCalendar, RFC 5545: lines end with CR LF and are folded at 75 octets, texts are escaped, times are UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from incident_kit.model.visible import visible

FOLDED_AT = 75
PRODUCT = "-//incident-kit//incident//EN"
ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def document(name: str, events: Iterable[str]) -> str:
    """A calendar of this name, of the lines of its events."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    lines += [f"X-WR-CALNAME:{text(name)}", *events, "END:VCALENDAR"]
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def uid(incident_id: str, key: str) -> str:
    """The name of an event, the same for the same key: a calendar that takes it in again changes it."""
    return f"{incident_id}-{hashlib.sha256(key.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}@incident-kit"


def moment(time: datetime) -> str:
    """
    >>> moment(datetime(2026, 11, 23, 12, 53, 17, tzinfo=UTC))
    '20261123T125317Z'
    """
    return f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def text(value: str) -> str:
    r"""A value on one line, with what has a meaning there escaped.

    >>> text("a, b; c")
    'a\\, b\\; c'
    """
    return visible(value).translate(ESCAPES)


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
