"""What people add to the journal: each entry is checked against what is there, while nobody else can write.

A mistake is refused and nothing is written. What is only odd (a milestone before the one it follows, a note after the
close) is written, and said in `Written.warnings`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.evidence.journal import NOTED, Entry, Journal, Kind, struck_lines, who
from incident_kit.incident.state import (
    ESCALATION_LEVELS,
    LEVELS,
    SOURCES,
    Milestone,
    Outcome,
    State,
    Status,
    state_of,
)
from incident_kit.model.times import iso

BY_VARIABLE = "INCIDENT_KIT_BY"
GIT_S = 2.0
# Clocks of the machines that people and alerts write from differ by so much.
CLOCKS_DIFFER = timedelta(minutes=2)
# A fault that comes back so soon after the close is the same incident.
RECURRENCE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Written:
    """The entry that was added, and what is odd about it."""

    entry: Entry
    warnings: tuple[str, ...] = ()


def author(by: str = "") -> str:
    """Who writes: as typed, else INCIDENT_KIT_BY, else git's user.name of this person, else user@host.

    Git is asked for the person's own settings only: those of a folder may be a stranger's.
    """
    return by or os.environ.get(BY_VARIABLE, "").strip() or _git_name() or who()


def note(
    journal: Journal,
    text: str,
    kind: str = Kind.NOTE,
    happened: datetime | None = None,
    *,
    by: str = "",
    data: Mapping[str, Any] | None = None,
) -> Written:
    """Note something in words. `data` are further fields of the kind; see `state`.

    Raises ParameterError for a kind that has a command of its own, an empty text, a time in the future.
    """
    if kind not in NOTED:
        raise ParameterError(f"not a kind of note: {kind!r}. Use one of {', '.join(NOTED)}.")
    if not text.strip():
        raise ParameterError('a note needs a text, such as: incident-kit note "restarted the BFF" --kind action')
    fields = dict(data or {})
    if fields.get("level", "") not in ("", *ESCALATION_LEVELS):
        raise ParameterError(f"not a level: {fields['level']!r}. Use one of {', '.join(ESCALATION_LEVELS)}.")
    if kind != Kind.ESCALATED and (fields.keys() & {"level", "to"}):
        raise ParameterError(f"only who is called has a level or a role, and not a note of kind {kind}: use escalated.")
    return _write(journal, kind, text, happened, by, fields, _undone_is_there(fields))


def open_incident(
    journal: Journal, title: str, source: str, happened: datetime | None = None, *, by: str = ""
) -> Written:
    """Declare the incident; `happened` is when it was detected. Raises ParameterError where it was declared before."""
    check_opening(source, happened)

    def permitted(state: State, entries: Sequence[Entry]) -> None:
        if state.opened:
            raise ParameterError(
                f"opened before, on line {state.opened.line} of the journal by {state.opened.by}. "
                "Add to it with incident-kit note, or open another one."
            )

    return _write(journal, Kind.OPENED, title, happened, by, {"source": source} if source else {}, permitted)


def check_opening(source: str, happened: datetime | None) -> None:
    """Refuse what no incident is opened with, before a folder is made for it. Raises ParameterError."""
    if source not in ("", *SOURCES):
        raise ParameterError(f"not a source: {source!r}. Use one of {', '.join(SOURCES)}.")
    _refuse_future(happened)


def milestone(
    journal: Journal,
    name: str,
    happened: datetime | None = None,
    *,
    text: str = "",
    by: str = "",
    proposed: Mapping[str, Any] | None = None,
) -> Written:
    """Note a milestone. One that is noted again is corrected by the later entry.

    `proposed` is what the evidence suggested, which is kept beside. Raises ParameterError.
    """
    if name not in list(Milestone):
        raise ParameterError(f"not a milestone: {name!r}. Use one of {', '.join(Milestone)}.")
    if name == Milestone.STARTED and happened is None:
        hint = f" The evidence suggests {proposed['at']}." if proposed else ""
        raise ParameterError(f"say when it began: --at 14:05.{hint}")
    data = {"milestone": name, **({"proposed": dict(proposed)} if proposed else {})}
    written = _write(journal, Kind.MILESTONE, said(name, text), happened, by, data)
    return Written(written.entry, (*written.warnings, *_out_of_order(journal, written.entry)))


def set_severity(
    journal: Journal, level: str, why: str = "", happened: datetime | None = None, *, by: str = ""
) -> Written:
    """Set the severity, from `happened` on. Raises ParameterError."""
    if level.upper() not in LEVELS:
        raise ParameterError(f"not a severity: {level!r}. Use one of {', '.join(LEVELS)}.")
    level = level.upper()
    return _write(journal, Kind.SEVERITY, said(level, why), happened, by, {"level": level, "why": why})


def set_status(
    journal: Journal, status: str, why: str = "", happened: datetime | None = None, *, by: str = ""
) -> Written:
    """Set where the work stands. Raises ParameterError."""
    if status not in list(Status):
        raise ParameterError(f"not a status: {status!r}. Use one of {', '.join(Status)}.")
    return _write(journal, Kind.STATUS, said(status, why), happened, by, {"status": status})


def set_impact(journal: Journal, text: str, happened: datetime | None = None, *, by: str = "") -> Written:
    """Say what customers notice. Raises ParameterError."""
    if not text.strip():
        raise ParameterError('say what customers notice, such as: incident-kit set impact "top-ups fail"')
    return _write(journal, Kind.IMPACT, text, happened, by, {})


def mark_step(
    journal: Journal,
    scenario: str,
    number: int,
    outcome: str,
    result: str = "",
    happened: datetime | None = None,
    *,
    by: str = "",
    data: Mapping[str, Any] | None = None,
) -> Written:
    """Mark a step of the runbook as done or skipped, with its result. Raises ParameterError."""
    if outcome not in list(Outcome):
        raise ParameterError(f"a step is done or skipped, not {outcome!r}.")
    fields = {"scenario": scenario, "step": number, "outcome": outcome, "result": result, **(data or {})}
    text = step_text(scenario, number, outcome, result)
    return _write(journal, Kind.STEP, text, happened, by, fields, _undone_is_there(fields))


def strike(journal: Journal, line: int, why: str, *, by: str = "") -> Written:
    """Strike out an entry: it stays in the journal and counts no more. Raises ParameterError."""
    if not why.strip():
        raise ParameterError(f'say why, such as: incident-kit strike {line} "noted in the wrong incident"')

    def permitted(state: State, entries: Sequence[Entry]) -> None:
        entry = next((entry for entry in entries if entry.line == line), None)
        if entry is None:
            raise ParameterError(f"there is no line {line} in the journal; it has {len(entries)}.")
        if entry.kind == Kind.CUSTODY:
            raise ParameterError(f"line {line} says what was collected and sealed. That is not struck out.")
        if entry.kind == Kind.OPENED:
            raise ParameterError(
                f"line {line} opened the incident. If that was a mistake, close it: incident-kit close --why ..."
            )
        if entry.kind == Kind.STRUCK:
            raise ParameterError(f"line {line} strikes out line {entry.data.get('line')}. Write a new entry instead.")
        if earlier := struck_lines(entries).get(line):
            raise ParameterError(f"line {line} was struck out before, by {earlier.by} on line {earlier.line}.")

    return _write(journal, Kind.STRUCK, struck_text(line, why), None, by, {"line": line}, permitted)


def close(journal: Journal, text: str = "", happened: datetime | None = None, *, by: str = "") -> Written:
    """Close the incident. Raises ParameterError where it is closed."""

    def permitted(state: State, entries: Sequence[Entry]) -> None:
        if state.closed:
            raise ParameterError(f"closed before, on line {state.closed.line} of the journal by {state.closed.by}.")

    written = _write(journal, Kind.CLOSED, said("closed", text), happened, by, {}, permitted)
    state = state_of(journal.readable()[0])
    missing = [] if state.moment(Milestone.RESOLVED) else ["no milestone says when it was resolved"]
    missing += [
        f"what line {temporary.entry.line} changed for a while was not put back: {temporary.entry.text}"
        for temporary in state.temporaries
        if temporary.undone is None
    ]
    return Written(written.entry, (*written.warnings, *missing))


def reopen(journal: Journal, text: str = "", happened: datetime | None = None, *, by: str = "") -> Written:
    """Open a closed incident again. Raises ParameterError where it is open."""

    def permitted(state: State, entries: Sequence[Entry]) -> None:
        if state.is_open:
            raise ParameterError("this incident is open. Add to it with incident-kit note.")

    return _write(journal, Kind.REOPENED, said("opened again", text), happened, by, {}, permitted)


def alert(journal: Journal, text: str, happened: datetime | None, data: Mapping[str, Any], *, by: str = "") -> Written:
    """Note an alert as it was received; `data` as `state.Alert` has it. One that is over is a note.

    A time in the future is taken for now: clocks of other systems are theirs.
    """
    known = happened if happened and happened <= datetime.now(UTC) else None
    return _write(journal, Kind.ALERT if data["firing"] else Kind.NOTE, text, known, by, data)


def step_text(scenario: str, number: int, outcome: str, result: str) -> str:
    """What the journal says of a step that was marked."""
    return said(f"step {number} of {scenario} {outcome}", result)


def struck_text(line: int, why: str) -> str:
    """What the journal says of a line that was struck out."""
    return f"line {line} does not count: {why}"


def said(what: str, why: str) -> str:
    """The text of an entry whose fields say it too.

    >>> said("P2", "payments fail"), said("closed", "")
    ('P2: payments fail', 'closed')
    """
    return f"{what}: {why}" if why.strip() else what


Permitted = Callable[[State, Sequence[Entry]], None]


def _write(
    journal: Journal,
    kind: Kind | str,
    text: str,
    happened: datetime | None,
    by: str,
    data: Mapping[str, Any],
    permitted: Permitted = lambda state, entries: None,
) -> Written:
    """Write an entry if it may be written. Raises ParameterError, EvidenceError."""
    _refuse_future(happened)
    warnings: list[str] = []

    def look(entries: Sequence[Entry]) -> None:
        state = state_of(entries)
        permitted(state, entries)
        if state.closed and kind not in (Kind.CLOSED, Kind.REOPENED, Kind.STRUCK):
            warnings.append(
                f"the incident was closed at {iso(state.closed.happened)} (line {state.closed.line}), "
                "so this is marked as late. If it goes on, open it again with incident-kit reopen."
            )

    faults = journal.faults() if journal.path.exists() else []
    entry = journal.append(kind, text, happened, by=author(by), data=data, permitted=look)
    warnings += [f"The journal was changed before: {fault}. This entry is written all the same." for fault in faults]
    return Written(entry, tuple(warnings))


def _refuse_future(happened: datetime | None) -> None:
    now = datetime.now(UTC)
    if happened and happened > now + CLOCKS_DIFFER:
        raise ParameterError(f"{iso(happened)} is in the future; it is {iso(now)}. Give the time at which it happened.")


def _undone_is_there(fields: Mapping[str, Any]) -> Permitted:
    def permitted(state: State, entries: Sequence[Entry]) -> None:
        line = fields.get("undoes")
        if line is None:
            return
        temporary = next((temporary for temporary in state.temporaries if temporary.entry.line == line), None)
        if temporary is None:
            listed = ", ".join(str(temporary.entry.line) for temporary in state.temporaries) or "none"
            raise ParameterError(f"line {line} changed nothing for a while. Lines that did: {listed}.")
        if temporary.undone:
            raise ParameterError(f"line {line} was put back before, by line {temporary.undone.line}.")

    return permitted


def _out_of_order(journal: Journal, entry: Entry) -> list[str]:
    """What to say of a milestone that stands before one it follows, or after one it precedes."""
    milestones, order = state_of(journal.readable()[0]).milestones, list(Milestone)
    name = Milestone(entry.data["milestone"])
    warnings = []
    for other, noted in milestones.items():
        first, second = (entry, noted) if order.index(name) < order.index(other) else (noted, entry)
        if other is not name and first.happened > second.happened:
            warnings.append(
                f"line {entry.line} says {name} at {iso(entry.happened)}, "
                f"line {noted.line} says {other} at {iso(noted.happened)}: the order is odd. "
                "Correct one by noting it again, or strike it out."
            )
    return warnings


def _git_name() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        asked = subprocess.run(  # noqa: S603 - a fixed command
            [git, "config", "--global", "--get", "user.name"],
            capture_output=True,
            timeout=GIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.decode("utf-8", "replace").strip()
