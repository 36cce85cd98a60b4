"""Deadlines as a calendar that other programs take in: iCalendar, RFC 5545.

A deadline keeps its UID, so that a calendar that is taken in again moves what has moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from incident_kit.incident.deadlines import Deadline, Kind, Standing
from incident_kit.model.visible import visible
from incident_kit.view.deadlines import sentence, subject
from incident_kit.view.icalendar import document, moment, text, uid

# How long before it is due a calendar reminds.
REMIND = "-PT10M"


def calendar(deadlines: Iterable[Deadline], incident_id: str, title: str, now: datetime, zone: tzinfo) -> str:
    """The deadlines as events at the moment they are due, reviews as events of a day; what is pending reminds."""
    return document(
        f"Incident {incident_id}",
        (line for deadline in deadlines for line in event_lines(deadline, incident_id, title, now, zone)),
    )


def event_lines(deadline: Deadline, incident_id: str, title: str, now: datetime, zone: tzinfo) -> list[str]:
    """The event of one deadline."""
    summary = f"{incident_id}: {subject(deadline)}"
    if not deadline.is_pending:
        summary = f"{summary} ({deadline.standing.value})"
    status = "CANCELLED" if deadline.standing is Standing.NOT_NEEDED else "CONFIRMED"
    lines = [
        "BEGIN:VEVENT",
        f"UID:{_uid(deadline, incident_id)}",
        f"DTSTAMP:{moment(now)}",
        _start(deadline, zone),
        f"SUMMARY:{text(summary)}",
        f"DESCRIPTION:{text(f'{visible(title)}. {sentence(deadline, now, zone)}')}",
        f"STATUS:{status}",
        "TRANSP:TRANSPARENT",
    ]
    if deadline.standing is Standing.RUNNING:
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER:{REMIND}"]
        lines += [f"DESCRIPTION:{text(summary)}", "END:VALARM"]
    return [*lines, "END:VEVENT"]


def _start(deadline: Deadline, zone: tzinfo) -> str:
    if deadline.kind is Kind.REVIEW:
        return f"DTSTART;VALUE=DATE:{deadline.due.astimezone(zone):%Y%m%d}"
    return f"DTSTART:{moment(deadline.due)}"


def _uid(deadline: Deadline, incident_id: str) -> str:
    """The same for the same clock, though it becomes due at another time."""
    entry = deadline.origin.entry
    key = f"{deadline.kind}\n{deadline.whom}\n{entry.line if entry else deadline.origin.text}"
    if deadline.standing is Standing.NOT_NEEDED:
        key += f"\n{deadline.rule}"
    return uid(incident_id, key)
