"""All that is known of an incident as rows: what evidence gives, what people noted, what was imported, what is due.

What evidence gives comes from the newest sealed run that nothing was collected after, else from the stored evidence;
what people noted from the journal as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incident_kit.app.deadlines import clocks
from incident_kit.app.facts import analysed, current_runs, examined_evidence, facts_of_run, run_time
from incident_kit.config.request import Request
from incident_kit.errors import EvidenceError, IncidentKitError, ParameterError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import ANSWER, IMPORTED, Item, item_faults
from incident_kit.evidence.journal import Entry, Journal
from incident_kit.evidence.run_folder import RunFolder
from incident_kit.evidence.store import Evidence
from incident_kit.evidence.untrusted import read_plain
from incident_kit.evidence.verify import check_files
from incident_kit.incident.deadlines import Deadline
from incident_kit.incident.facts import Facts
from incident_kit.incident.levels import LevelFrom
from incident_kit.incident.state import State, state_of
from incident_kit.model.answer import ServerClock, StoredAnswer
from incident_kit.model.fields import Fields, Unusable
from incident_kit.model.finding import Event
from incident_kit.model.times import named_zone, parse_iso
from incident_kit.model.visible import visible
from incident_kit.runbook.contents import Runbook
from incident_kit.timeline.impact import Impact
from incident_kit.timeline.imports import MOST_BYTES, TAG, read_import
from incident_kit.timeline.merge import merge
from incident_kit.timeline.results import read_timeline
from incident_kit.timeline.rows import Row, answer_rows, clock_error, event_rows, in_order, journal_rows
from incident_kit.view import words
from incident_kit.view.timeline_deadlines import deadline_rows

NO_IMPACT = Impact(None, None, None, None, (), None, None)
HEALTH = "health"
# Of a repository's tags those from so long before everything else on, and the last one before them.
TAGS_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Timeline:
    """All rows of an incident in order, and what they were made of.

    `levels` is the severity over time. `doubts` say what could not be used, and why; `remarks` what a reader should
    know besides.
    """

    rows: tuple[Row, ...]
    impact: Impact
    levels: tuple[LevelFrom, ...]
    deadlines: tuple[Deadline, ...]
    now: datetime
    doubts: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Analysed:
    """What evidence gave, when that was made, and the run that it is from, if it is from one."""

    events: Sequence[Event]
    facts: Facts
    made: datetime
    run: RunFolder | None = None


def timeline_of(request: Request, incident: Incident, book: Runbook, now: datetime | None = None) -> Timeline:
    """All that is known of an incident, in one order. Raises EvidenceError where its evidence cannot be read at all."""
    now = now or datetime.now(UTC)
    stored = incident.evidence
    entries, doubts = Journal(incident.journal.path, stored.redaction()).readable()
    state = state_of(entries)
    doubts += state.faults
    remarks: list[str] = []
    analysis = _analysed_evidence(incident, book, entries, now, doubts)
    run_items = Evidence(analysis.run.evidence).items() if analysis.run else ()
    items = {item.id: item for item in (*run_items, *stored.items())}
    answers = [StoredAnswer(item.id, item.answer()) for item in _sound(items.values(), ANSWER, doubts)]
    log_clock = clock_error(_clocks_of_the_application(answers))
    if analysis.events and log_clock is None:
        remarks.append(
            "The clock of the logs was not compared with this machine's: their order to other rows is as they tell it."
        )
    impact = analysis.facts.impact or NO_IMPACT
    levels, deadlines = _clocks(request, incident, book, state, analysis.facts, now, doubts)
    rows = [
        *event_rows(
            analysis.events,
            impact,
            analysis.made,
            {item.id: parse_iso(item.asked_at) for item in items.values()},
            log_clock,
        ),
        *answer_rows(answers),
        *journal_rows(entries),
    ]
    rows += _imported_rows(stored, _sound(items.values(), IMPORTED, doubts), rows, doubts, remarks)
    rows += deadline_rows(deadlines, now)
    return Timeline(tuple(in_order(rows)), impact, levels, deadlines, now, tuple(doubts), tuple(remarks))


def _analysed_evidence(
    incident: Incident, book: Runbook, entries: Sequence[Entry], now: datetime, doubts: list[str]
) -> _Analysed:
    for folder in current_runs(incident):
        run = RunFolder(folder)
        try:
            facts = facts_of_run(folder, book)
            check_files(folder, (run.timeline,))
            return _Analysed(read_timeline(run), facts, run_time(folder), run)
        except EvidenceError as error:
            doubts.append(str(error))
    if not analysed(incident.evidence):
        return _Analysed((), Facts(), now)
    try:
        with examined_evidence(incident.evidence, book, entries) as (records, facts):
            findings = {finding.symptom: finding for place in facts.ranked for finding in place.findings}
            events = merge(facts.impact or NO_IMPACT, findings.values(), records, (), incident.evidence.clocks())
            return _Analysed(events, facts, now)
    except EvidenceError as error:
        doubts.append(str(error))
        return _Analysed((), Facts(), now)


def _clocks(
    request: Request,
    incident: Incident,
    book: Runbook,
    state: State,
    facts: Facts,
    now: datetime,
    doubts: list[str],
) -> tuple[tuple[LevelFrom, ...], tuple[Deadline, ...]]:
    """The severities and deadlines of an incident that was opened; what cannot be told is a doubt."""
    if not state.is_declared:
        return (), ()
    try:
        current = clocks(request, incident, book, facts, now)
        return tuple(current.history), tuple(current.deadlines)
    except IncidentKitError as error:
        doubts.append(f"The deadlines are not known: {error}")
        return (), ()


def _clocks_of_the_application(answers: Iterable[StoredAnswer]) -> list[ServerClock]:
    """The clock that logs are written by, as far as the application told it."""
    return [stored.answer.clock for stored in answers if stored.answer.clock and stored.answer.system == HEALTH]


def _sound(items: Iterable[Item], kind: str, doubts: list[str]) -> list[Item]:
    """The items of this kind that are as they were collected; what is wrong with the others is added to `doubts`."""
    sound = []
    for item in items:
        if item.kind != kind:
            continue
        if faults := item_faults(item.folder, item.id):
            doubts.append(f"{faults[0].at(item.id)}. It is not on the timeline.")
        else:
            sound.append(item)
    return sound


def _imported_rows(
    stored: Evidence, items: Iterable[Item], others: Sequence[Row], doubts: list[str], remarks: list[str]
) -> list[Row]:
    """The rows of imported files. Of a file that was imported more than once the last import counts."""
    by_content = {item.sha256: item for item in sorted(items, key=lambda item: item.asked_at)}
    rows: list[Row] = []
    for item in by_content.values():
        try:
            details = Fields(dict(item.details), "details")
            zone = details.text("zone", "")
            read = read_import(read_plain(item.content, MOST_BYTES), named_zone(zone) if zone else None)
            name = visible(details.text("name", item.origin))
            form = details.text("form", "")
        except (Unusable, ParameterError) as error:
            doubts.append(f"{item.id}: an import that cannot be read: {error}")
            continue
        of_item = read.rows(item.id, name, parse_iso(item.asked_at), stored.redaction())
        rows += _recent(of_item, others, f"{name} (item {item.id})", remarks) if form == TAG else of_item
    return rows


def _recent(tags: Sequence[Row], others: Sequence[Row], name: str, remarks: list[str]) -> list[Row]:
    """The tags that may have to do with the incident: a repository has those of years."""
    if not others:
        return list(tags)
    since = min(row.moment for row in others) - TAGS_BEFORE
    ordered = sorted(tags, key=lambda row: row.moment)
    earlier = [row for row in ordered if row.moment < since]
    if len(earlier) > 1:
        counted = words.count(len(earlier) - 1, "earlier one")
        remarks.append(f"{name}: {counted} left out, as too old to have to do with it.")
    return [*earlier[-1:], *(row for row in ordered if row.moment >= since)]
