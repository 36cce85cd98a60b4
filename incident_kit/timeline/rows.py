"""The rows of an incident's timeline: what systems, people and other tools say happened, in one order.

A row says when something happened and, apart from that, when it was learned here. A time is not always exact: an onset
lies in an interval, a person types a minute, a server's clock is off by what was measured. `earliest` and `latest` say
so; a row that may have come before or after a neighbour of another clock has `order_unknown`. No time is corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from incident_kit.evidence.journal import Entry, Kind, standing
from incident_kit.model.answer import Answer, ServerClock, Status, StoredAnswer
from incident_kit.model.fields import Fields
from incident_kit.model.finding import Absence, Citation, Event, Figure, Line, Pointer, citation_from_json
from incident_kit.model.times import iso
from incident_kit.timeline.impact import Impact

JOURNAL = "journal"  # as citations call it, and the lane of a run's timeline that holds it
# What the time of an answer means, by how it went.
ANSWERED = "answered"
MEANINGS_OF_STATUS = {Status.OK: ANSWERED, Status.PARTIAL: "answered in part", Status.FAILED: "not answered"}
# Whose clock a time is from. Imports and alerts have the name of theirs.
LOGS, OURS, PEOPLE = "the logs", "this machine", "people"
LEAST = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


class Lane(StrEnum):
    """What a row is about, in reading order."""

    SYMPTOMS = "symptoms"
    SYSTEMS = "systems"
    PEOPLE = "people"
    ACTIONS = "actions"
    COMMUNICATION = "communication"
    MILESTONES = "milestones"
    DEADLINES = "deadlines"


LANES_OF_EVENTS = {"onset": Lane.SYMPTOMS, "symptoms": Lane.SYMPTOMS}
LANES_OF_KINDS = {
    Kind.ACTION: Lane.ACTIONS,
    Kind.STEP: Lane.ACTIONS,
    Kind.DEPLOY: Lane.ACTIONS,
    Kind.ALERT: Lane.COMMUNICATION,
    Kind.COMMUNICATED: Lane.COMMUNICATION,
    Kind.ESCALATED: Lane.COMMUNICATION,
    Kind.OPENED: Lane.MILESTONES,
    Kind.MILESTONE: Lane.MILESTONES,
    Kind.SEVERITY: Lane.MILESTONES,
    Kind.STATUS: Lane.MILESTONES,
    Kind.CLOSED: Lane.MILESTONES,
    Kind.REOPENED: Lane.MILESTONES,
}


@dataclass(frozen=True, slots=True)
class Row:
    """Something at a time, as the timeline of an incident has it.

    `moment` is the likeliest time, within [`earliest`, `latest`]; `learned` is when it was known here (None: not told).
    `meaning` says what the time is, `clock` whose it is, `by` who says so (empty: no person). `citation` is None only
    for what is computed and rests on no line, such as a due time.
    """

    moment: datetime
    earliest: datetime
    latest: datetime
    learned: datetime | None
    meaning: str
    message: str
    lane: Lane
    clock: str
    citation: Citation | None
    by: str = ""
    order_unknown: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields of an `Event`, and those of its own."""
        return {
            "message": self.message,
            "datetime": iso(self.moment),
            "timestamp_desc": self.meaning,
            "lane": self.lane.value,
            "citation": self.citation.to_json() if self.citation else None,
            "earliest": iso(self.earliest),
            "latest": iso(self.latest),
            "learned": iso(self.learned) if self.learned else None,
            "clock": self.clock,
            "by": self.by,
            "order_unknown": self.order_unknown,
        }

    @classmethod
    def from_json(cls, data: Any) -> Row:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        citation = fields.fields_or_none("citation")
        row = cls(
            moment=fields.moment("datetime"),
            earliest=fields.moment("earliest"),
            latest=fields.moment("latest"),
            learned=fields.moment_or_none("learned"),
            meaning=fields.text("timestamp_desc"),
            message=fields.text("message"),
            lane=Lane(fields.one_of("lane", list(Lane))),
            clock=fields.text("clock"),
            citation=citation_from_json(citation) if citation else None,
            by=fields.text("by"),
            order_unknown=fields.flag("order_unknown"),
        )
        fields.nothing_else()
        if not row.earliest <= row.moment <= row.latest:
            raise fields.refused("the time must lie between 'earliest' and 'latest'")
        return row


@dataclass(frozen=True, slots=True)
class ClockError:
    """By how much a clock may be off: what it says minus the true time lies between these two."""

    least: timedelta
    most: timedelta

    def around(self, earliest: datetime, latest: datetime) -> tuple[datetime, datetime]:
        """The interval of this machine's clock in which a time of that clock may lie; the time told is in it."""
        return min(earliest, earliest - self.most), max(latest, latest - self.least)


def clock_error(clocks: Iterable[ServerClock]) -> ClockError | None:
    """What all comparisons of one clock with this machine's allow; None without any."""
    bounds = [
        (
            timedelta(milliseconds=clock.offset_ms - clock.error_ms),
            timedelta(milliseconds=clock.offset_ms + clock.error_ms),
        )
        for clock in clocks
    ]
    return ClockError(min(least for least, _ in bounds), max(most for _, most in bounds)) if bounds else None


def event_rows(
    events: Iterable[Event],
    impact: Impact,
    made: datetime,
    learned: Mapping[str, datetime],
    log_clock: ClockError | None = None,
) -> list[Row]:
    """The events that evidence gave, without those of the journal, which goes on after a run.

    `made` is when the analysis was made, and so what it concludes was learned; `learned` is when each item was
    collected, by its id. `log_clock` is what is known of the clock that the logs were written by.
    """
    rows = []
    for event in events:
        if event.lane == JOURNAL:
            continue
        lane = LANES_OF_EVENTS.get(event.lane, Lane.SYSTEMS)
        times = [learned[item] for item in _items(event.citation) if item in learned]
        clock = OURS if isinstance(event.citation, Pointer) else LOGS
        earliest, latest = _interval(event, impact)
        if clock == LOGS and log_clock:
            earliest, latest = log_clock.around(earliest, latest)
        rows.append(
            Row(
                moment=event.moment,
                earliest=earliest,
                latest=latest,
                learned=made if lane is Lane.SYMPTOMS else max(times, default=None),
                meaning=event.meaning,
                message=event.message,
                lane=lane,
                clock=clock,
                citation=event.citation,
            )
        )
    return rows


def answer_rows(answers: Iterable[StoredAnswer]) -> list[Row]:
    """When live systems were asked, and whether they answered. Questions that nobody was asked are none."""
    return [
        _exact(
            stored.answer.asked_at,
            stored.answer.asked_at + timedelta(milliseconds=stored.answer.duration_ms),
            MEANINGS_OF_STATUS[stored.answer.status],
            _answer_message(stored.answer),
            Lane.SYSTEMS,
            OURS,
            stored.at(""),
        )
        for stored in answers
        if stored.answer.status is not Status.NOT_CHECKED
    ]


def journal_rows(entries: Iterable[Entry]) -> list[Row]:
    """What people noted, at the time it happened, known from when it was written; what was struck out is no row."""
    rows = []
    for entry in standing(entries):
        if entry.is_bookkeeping:
            continue
        alert = entry.kind == Kind.ALERT or "fingerprints" in entry.data
        now = entry.happened == entry.written
        system = entry.data.get("system")
        minute = not now and not alert and entry.happened.second == entry.happened.microsecond == 0
        rows.append(
            Row(
                moment=entry.happened,
                earliest=entry.happened,
                latest=entry.happened + MINUTE - LEAST if minute else entry.happened,
                learned=entry.written,
                meaning="noted",
                message=f"{entry.kind}: {entry.text}",
                lane=Lane.COMMUNICATION if alert else lane_of_kind(entry.kind),
                clock=system if alert and isinstance(system, str) and system else OURS if now else PEOPLE,
                citation=Line(JOURNAL, entry.line),
                by=entry.by,
            )
        )
    return rows


def lane_of_kind(kind: str) -> Lane:
    """The lane of an entry of this kind; what is not known is people's."""
    return LANES_OF_KINDS.get(Kind(kind), Lane.PEOPLE) if kind in list(Kind) else Lane.PEOPLE


def in_order(rows: Iterable[Row]) -> list[Row]:
    """All rows in time order, ties in a fixed one, each with whether its order to those of other clocks is known."""
    lanes = list(Lane)
    ordered = sorted(rows, key=lambda row: (row.moment, lanes.index(row.lane), row.meaning, row.message, row.clock))
    unknown = _of_unknown_order(ordered)
    return [replace(row, order_unknown=number in unknown) for number, row in enumerate(ordered)]


def _of_unknown_order(rows: Sequence[Row]) -> set[int]:
    """The numbers of the rows whose interval overlaps with that of a row of another clock."""
    by_start = sorted(range(len(rows)), key=lambda number: rows[number].earliest)
    unknown: set[int] = set()
    # Of the rows that begin no later, by clock: until when the longest lasts.
    ends: dict[str, datetime] = {}
    for number in by_start:
        row = rows[number]
        if any(clock != row.clock and end >= row.earliest for clock, end in ends.items()):
            unknown.add(number)
        ends[row.clock] = max(ends.get(row.clock, row.latest), row.latest)
    # Of the rows that begin no earlier, by clock: when the first begins.
    starts: dict[str, datetime] = {}
    for number in reversed(by_start):
        row = rows[number]
        if any(clock != row.clock and start <= row.latest for clock, start in starts.items()):
            unknown.add(number)
        starts[row.clock] = row.earliest
    return unknown


def _exact(
    moment: datetime, learned: datetime, meaning: str, message: str, lane: Lane, clock: str, citation: Citation
) -> Row:
    return Row(moment, moment, moment, learned, meaning, message, lane, clock, citation)


def _interval(event: Event, impact: Impact) -> tuple[datetime, datetime]:
    """The interval in which an onset or a recovery lies; any other event is a moment."""
    onset = impact.onset
    if event.lane == "onset" and onset:
        for moment in (onset.began, onset.recovered):
            if moment and moment.likeliest == event.moment:
                return min(moment.earliest, event.moment), max(moment.latest, event.moment)
    return event.moment, event.moment


def _items(citation: Citation) -> tuple[str, ...]:
    """The items that a citation names: those of its lines, else all that were asked."""
    if isinstance(citation, Figure):
        return tuple(line.item for line in citation.exemplars) or citation.items
    if isinstance(citation, Absence):
        return citation.items
    return (citation.item,)


def _answer_message(answer: Answer) -> str:
    return f"{answer.question}: {answer.reason or answer.asked}"
