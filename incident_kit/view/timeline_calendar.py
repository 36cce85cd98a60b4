"""The timeline as a calendar: each row an event at its moment, deadlines as `incident-kit status --ics` gives them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo

from incident_kit.incident.deadlines import Deadline
from incident_kit.model.visible import visible
from incident_kit.timeline.rows import Lane, Row
from incident_kit.view.calendar import event_lines
from incident_kit.view.icalendar import document, moment, text, uid
from incident_kit.view.timeline_text import what_happened

LONGEST_SUMMARY = 200


def timeline_calendar(
    rows: Iterable[Row], deadlines: Sequence[Deadline], incident_id: str, title: str, now: datetime, zone: tzinfo
) -> str:
    """All rows but those of deadlines, which have events of their own. A row keeps its UID."""
    events = [line for row in rows if row.lane is not Lane.DEADLINES for line in _event(row, incident_id, title)]
    due = [line for deadline in deadlines for line in event_lines(deadline, incident_id, title, now, zone)]
    return document(f"Incident {incident_id}", (*events, *due))


def _event(row: Row, incident_id: str, title: str) -> Iterator[str]:
    citation = json.dumps(row.citation.to_json(), sort_keys=True) if row.citation else ""
    key = "\n".join((row.meaning, row.message, citation))
    what = what_happened(row)
    summary = what if len(what) <= LONGEST_SUMMARY else f"{what[: LONGEST_SUMMARY - 1]}…"
    order = "Its order to its neighbours is not known. " if row.order_unknown else ""
    by = f" Said by {visible(row.by)}." if row.by else ""
    yield "BEGIN:VEVENT"
    yield f"UID:{uid(incident_id, key)}"
    yield f"DTSTAMP:{moment(row.learned or row.moment)}"
    yield f"DTSTART:{moment(row.moment)}"
    yield f"SUMMARY:{text(f'{incident_id}: {summary}')}"
    yield f"DESCRIPTION:{text(f'{visible(title)}. {order}{what}.{by} Clock: {visible(row.clock)}.')}"
    yield f"CATEGORIES:{text(row.lane.value)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"
