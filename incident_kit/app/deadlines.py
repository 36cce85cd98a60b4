"""The clocks of an incident as commands ask for them, and the line that a command of an open incident ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from incident_kit.app.console import say, show_lines
from incident_kit.app.facts import facts_of, newest_run
from incident_kit.config.holidays import read_holidays
from incident_kit.config.request import Request
from incident_kit.errors import IncidentKitError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.journal import Entry, Kind
from incident_kit.incident.brief import Call, whom_to_call
from incident_kit.incident.deadlines import Deadline, deadlines
from incident_kit.incident.facts import Facts
from incident_kit.incident.levels import LevelFrom, level_history, levels_by_facts
from incident_kit.incident.state import State, state_of
from incident_kit.incident.triggers import triggers_of
from incident_kit.model.times import parse_iso
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.data import load as load_runbook
from incident_kit.view.brief import call_lines
from incident_kit.view.deadlines import next_lines


@dataclass(frozen=True, slots=True)
class Clocks:
    """The deadlines of an incident at a moment, and what they were made of."""

    state: State
    facts: Facts
    history: Sequence[LevelFrom]
    deadlines: Sequence[Deadline]
    now: datetime

    @property
    def level(self) -> LevelFrom | None:
        """The severity that holds now; None where nobody and nothing says one."""
        return next((change for change in reversed(self.history) if change.since <= self.now), None)


def clocks(request: Request, incident: Incident, book: Runbook, facts: Facts, now: datetime | None = None) -> Clocks:
    """The deadlines by the journal and these facts. Raises ConfigurationError for the team's holidays."""
    stored = {item.id: parse_iso(item.asked_at) for item in incident.evidence.items() if not item.secret}
    return _clocks(request, book, facts, state_of(incident.journal.readable()[0]), stored, now or datetime.now(UTC))


def clocks_from_now(request: Request, book: Runbook, facts: Facts) -> Clocks:
    """The deadlines that there would be if the incident were opened now: whom to call where nobody opened one."""
    now = datetime.now(UTC)
    opened = Entry(1, Kind.OPENED, "", now, now, "")
    return _clocks(request, book, facts, State(opened=opened), {}, now)


def calls(request: Request, current: Clocks) -> list[Call]:
    """Whom to call and how, the most urgent first, and who is on call."""
    contacts = request.configuration.contacts
    return [
        Call(whom, contacts.level_of(whom), deadline, contacts.of(whom))
        for whom, deadline in whom_to_call(current.deadlines, current.state)
    ]


def show_calls(request: Request, book: Runbook, facts: Facts, incident: Incident | None = None) -> None:
    """Whom to call and how, on stdout; and on stderr the next deadline of an incident that was opened."""
    current = clocks(request, incident, book, facts) if incident else clocks_from_now(request, book, facts)
    if not current.state.is_declared:
        current = clocks_from_now(request, book, facts)
        incident = None
    show_lines("Call:", *(f"  {line}" for line in call_lines(calls(request, current), current.now)))
    if incident:
        for line in next_lines(current.deadlines, current.now, request.zone):
            say(line)


def _clocks(
    request: Request, book: Runbook, facts: Facts, state: State, stored: Mapping[str, datetime], now: datetime
) -> Clocks:
    history = level_history(state, levels_by_facts(facts, state, stored))
    triggers = triggers_of(facts, state, book, stored)
    holidays = read_holidays(request.configuration.holidays)
    due = deadlines(state, book.policy, history, now, request.zone, triggers, holidays)
    return Clocks(state, facts, history, due, now)


def say_next_deadline(request: Request, incident: Incident, facts: Facts | None = None) -> None:
    """What a command of an open incident ends with, on stderr: what is overdue, and the next deadline.

    Without facts those of the newest sealed run count: a note is written at once, and does not wait for a ranking.
    Nothing is said of an incident that nobody opened. What cannot be told is said, and fails no command.
    """
    try:
        state = state_of(incident.journal.readable()[0])
        if not state.is_declared:
            return
        book = load_runbook(request.runbook)
        current = clocks(request, incident, book, facts or newest_run(incident, book))
    except IncidentKitError as error:
        say(f"The next deadline is not known: {error}")
        return
    for line in next_lines(current.deadlines, current.now, request.zone):
        say(line)
    if state.is_open and not current.history:
        say("No deadline runs yet: nobody has set the severity (incident-kit set severity P2).")


def all_facts(incident: Incident, book: Runbook) -> Facts:
    """What evidence says; where it is damaged that is a doubt, and the journal is shown all the same."""
    try:
        return facts_of(incident, book)
    except IncidentKitError as error:
        return Facts(doubts=(str(error),))
