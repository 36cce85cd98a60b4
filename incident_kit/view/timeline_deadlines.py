"""An incident's deadlines as rows of its timeline, at the time they are due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from incident_kit.incident.deadlines import Deadline
from incident_kit.model.finding import Line
from incident_kit.timeline.rows import JOURNAL, OURS, Lane, Row
from incident_kit.view.deadlines import standing, subject

DUE = "due"


def deadline_rows(deadlines: Iterable[Deadline], now: datetime) -> list[Row]:
    """A row for each, known since its clock began; it cites the entry that its clock runs from."""
    return [
        Row(
            moment=deadline.due,
            earliest=deadline.due,
            latest=deadline.due,
            learned=deadline.origin.since,
            meaning=DUE,
            message=f"{subject(deadline)}: {standing(deadline, now)} ({deadline.rule})",
            lane=Lane.DEADLINES,
            clock=OURS,
            citation=Line(JOURNAL, deadline.origin.entry.line) if deadline.origin.entry else None,
        )
        for deadline in deadlines
    ]
