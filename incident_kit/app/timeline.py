"""`incident-kit timeline`: all that is known of an incident in one order, as text, files and charts.

What evidence gives comes from the newest sealed run that nothing was collected after, else from the stored evidence;
what people noted from the journal as it is now.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from incident_kit import logs as log_files
from incident_kit.app.chosen import chosen
from incident_kit.app.console import exit_code, say
from incident_kit.app.facts import analysed, current_runs, run_time
from incident_kit.config.request import Request
from incident_kit.errors import EvidenceError, InputError, ParameterError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import ANSWER, IMPORTED, Item, item_faults
from incident_kit.evidence.journal import Entry, Journal
from incident_kit.evidence.run_folder import RunFolder
from incident_kit.evidence.store import Evidence
from incident_kit.evidence.untrusted import read_plain
from incident_kit.evidence.verify import check_files
from incident_kit.logs.prepare import check_sources
from incident_kit.model.answer import ServerClock, StoredAnswer
from incident_kit.model.fields import Fields, Unusable
from incident_kit.model.finding import Event
from incident_kit.model.times import named_zone, parse_iso
from incident_kit.model.visible import as_it_is, visible
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.data import load as load_runbook
from incident_kit.runbook.ranking import triage
from incident_kit.timeline import export
from incident_kit.timeline.impact import Impact
from incident_kit.timeline.imports import MOST_BYTES, read_import
from incident_kit.timeline.merge import merge
from incident_kit.timeline.results import read_impact, read_timeline
from incident_kit.timeline.rows import Row, answer_rows, clock_error, event_rows, in_order, journal_rows
from incident_kit.view import timeline_text, words

NO_IMPACT = Impact(None, None, None, None, (), None, None)
HEALTH = "health"
LEFT_OUT = ".left-out.jsonl"


class Form(StrEnum):
    """How a timeline is given."""

    TABLE = "table"
    MARKDOWN = "md"
    CSV = "csv"
    JSONL = "jsonl"
    TIMESKETCH = "timesketch"


@dataclass(frozen=True, slots=True)
class Timeline:
    """All rows of an incident in order, and its impact. `doubts` say what could not be used, and why."""

    rows: tuple[Row, ...]
    impact: Impact
    doubts: tuple[str, ...]


def timeline(request: Request, incident_id: str, form: str, output: Path | None, raw: bool) -> int:
    """Give the timeline of an incident, to stdout or a new file; returns the exit code: 3 if something is missing."""
    if form not in list(Form):
        raise InputError(f"--to takes {', '.join(Form)}, not {form!r}.")
    incident = chosen(request, incident_id)
    known = timeline_of(incident, load_runbook(request.runbook))
    for doubt in known.doubts:
        say(doubt)
    title = f"{incident.id}: {incident.title}"
    left_out: Sequence[export.LeftOut] = ()
    match Form(form):
        case Form.TABLE:
            width = shutil.get_terminal_size((timeline_text.WIDTH, 0)).columns
            text = "".join(f"{line}\n" for line in timeline_text.table(known.rows, title, request.zone, width))
        case Form.MARKDOWN:
            text = timeline_text.markdown(known.rows, title, request.zone)
        case Form.CSV:
            text = export.as_csv(known.rows, raw)
        case Form.JSONL:
            text = export.as_jsonl(known.rows)
        case Form.TIMESKETCH:
            text, left_out = export.as_timesketch(known.rows)
    _give(text, output)
    _give_left_out(left_out, output)
    return exit_code(bool(known.doubts or left_out))


def timeline_of(incident: Incident, book: Runbook) -> Timeline:
    """All that is known of an incident, in one order. Raises EvidenceError where its evidence cannot be read at all."""
    stored = incident.evidence
    journal = Journal(incident.journal.path, stored.redaction())
    entries, doubts = journal.readable()
    run, events, impact, made = _analysed_events(incident, book, entries, doubts)
    items = {item.id: item for item in (*(Evidence(run.evidence).items() if run else ()), *stored.items())}
    answers = [StoredAnswer(item.id, item.answer()) for item in _sound(items.values(), ANSWER, doubts)]
    rows = [
        *event_rows(
            events,
            impact,
            made,
            {item.id: parse_iso(item.asked_at) for item in items.values()},
            clock_error(_clocks_of_the_application(answers)),
        ),
        *answer_rows(answers),
        *journal_rows(entries),
        *_imported_rows(stored, _sound(items.values(), IMPORTED, doubts), doubts),
    ]
    return Timeline(tuple(in_order(rows)), impact, tuple(doubts))


def _analysed_events(
    incident: Incident, book: Runbook, entries: Sequence[Entry], doubts: list[str]
) -> tuple[RunFolder | None, Sequence[Event], Impact, datetime]:
    """The run, if one counts; what its analysis or ours of the stored evidence gave; and when that was made."""
    for folder in current_runs(incident):
        run = RunFolder(folder)
        try:
            check_files(folder, (run.timeline, run.impact))
            return run, read_timeline(run), read_impact(run), run_time(folder)
        except EvidenceError as error:
            doubts.append(str(error))
    stored, now = incident.evidence, datetime.now(UTC)
    if not analysed(stored):
        return None, (), NO_IMPACT, now
    events, impact = events_of_evidence(stored, book, entries)
    return None, events, impact, now


def events_of_evidence(stored: Evidence, book: Runbook, entries: Sequence[Entry]) -> tuple[Sequence[Event], Impact]:
    """What all of the evidence gives, every scenario examined. Raises EvidenceError for damage."""
    stored.check()
    check_sources(stored.sources())
    window = stored.window()
    with log_files.read(stored.sources(), window, dependencies=book.dependencies) as records:
        case = Case(records, window, entries, stored.stored_answers(), book.signs, book.features, book.sigma_rules)
        ranked = triage(book, case)
        findings = {finding.symptom: finding for place in ranked for finding in place.findings}
        impact = case.impact_with(ranked[0].findings)
        return merge(impact, findings.values(), records, (), stored.clocks()), impact


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


def _imported_rows(stored: Evidence, items: Iterable[Item], doubts: list[str]) -> list[Row]:
    """The rows of imported files. Of a file that was imported more than once the last import counts."""
    by_content = {item.sha256: item for item in sorted(items, key=lambda item: item.asked_at)}
    rows: list[Row] = []
    for item in by_content.values():
        try:
            details = Fields(dict(item.details), "details")
            zone = details.text("zone", "")
            read = read_import(read_plain(item.content, MOST_BYTES), named_zone(zone) if zone else None)
            name = visible(details.text("name", item.origin))
        except (Unusable, ParameterError) as error:
            doubts.append(f"{item.id}: an import that cannot be read: {error}")
            continue
        rows += read.rows(item.id, name, parse_iso(item.asked_at), stored.redaction())
    return rows


def _give(text: str, output: Path | None) -> None:
    """To stdout, or to a new file that nobody else may read. Raises InputError."""
    if output is None:
        try:
            with as_it_is(sys.stdout):  # every form has its own escapes
                sys.stdout.write(text)
                sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough: `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes at its end
        return
    try:
        with open(output, "x", encoding="utf-8", newline="", opener=_private) as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{visible(output)}: exists already and is left alone. Name a new file with -o.") from None
    except OSError as error:
        raise InputError(f"{visible(output)}: cannot be written: {error.strerror}. Name another file.") from None
    say(f"{output}: written")


def _give_left_out(left_out: Sequence[export.LeftOut], output: Path | None) -> None:
    """What Timesketch would lose: beside the file, or named on stderr."""
    if not left_out:
        return
    say(f"{words.count(len(left_out), 'row')} left out, which Timesketch would lose:")
    if output is None:
        for lost in left_out:
            say(f"  {words.moment(lost.row.moment, UTC, with_day=True)} {lost.row.message[:80]}: {lost.why}")
    else:
        _give(export.left_out_lines(left_out), output.with_name(f"{output.name}{LEFT_OUT}"))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
