"""`incident-kit update`: a message to the team or to customers, made of facts; and the note that it went out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from incident_kit.app.chosen import chosen
from incident_kit.app.console import exit_code, say, show_lines
from incident_kit.app.deadlines import all_facts, clocks, say_next_deadline
from incident_kit.config.request import Request
from incident_kit.errors import InputError, ParameterError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.journal import Kind
from incident_kit.incident import entries
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, Status
from incident_kit.incident.updates import Update, for_customers, update_of, why_not_to_customers
from incident_kit.model.redaction import REDACTION
from incident_kit.model.times import iso, parse_coming
from incident_kit.model.visible import visible
from incident_kit.runbook.contents import Language, Runbook
from incident_kit.runbook.data import load
from incident_kit.runbook.messages import internal_words_in
from incident_kit.view import words
from incident_kit.view.messages import TARGETS, Target, message

MOST_TEXT_BYTES = 64 << 10
STDIN = "-"
# Evidence that ended so long ago says little of now.
STALE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed about an update. `text` is a file with the text as it was sent, or - for standard input."""

    audience: str
    language: str = "en"
    target: str = "text"
    next_update: str = ""
    sent: bool = False
    text: str = ""
    approved_by: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """A message, what it was made of, and what a person should know before it is sent.

    `incomplete`: a line of the journal or some evidence could not be read.
    """

    text: str
    update: Update
    facts: Facts
    remarks: tuple[str, ...]
    incomplete: bool


def update(request: Request, incident_id: str, typed: Typed) -> int:
    """Show the message, and with `sent` note that it went out; returns the exit code.

    Raises InputError where nothing may be written to these readers, or what was typed does not fit.
    """
    incident = chosen(request, incident_id)
    composed = compose(request, incident, typed)
    for line in composed.remarks:
        say(line)
    show_lines(composed.text.removesuffix("\n"))
    if typed.sent:
        for line in note_sent(request, incident, composed, typed):
            say(line)
    say_next_deadline(request, incident, composed.facts)
    return exit_code(composed.incomplete)


def compose(request: Request, incident: Incident, typed: Typed) -> Composed:
    """The message to these readers, from what is known now.

    Raises InputError, ParameterError where nothing may be written to them, or what was typed does not fit.
    """
    book = load(request.runbook)
    audience, language, target = _checked(book, typed)
    faults = incident.journal.readable()[1]
    facts = all_facts(incident, book)
    current = clocks(request, incident, book, facts)
    state, now = current.state, current.now
    if typed.next_update and state.status is Status.RESOLVED:
        raise ParameterError("the incident is resolved, so there is no next update. Leave --next away.")
    severity = current.level.level if current.level else ""
    cadence = book.policy.updates[audience.value].get(severity)
    following = parse_coming(typed.next_update, now, request.zone) if typed.next_update else None
    made = update_of(state, facts, book, incident.title, audience, severity, now, cadence, following)
    remarks = [*faults, *facts.doubts, *_stale(facts, now)]
    if audience is Audience.CUSTOMER:
        if why_not := why_not_to_customers(made, state, typed.approved_by):
            raise ParameterError(f"{incident.id}: no message to customers: {why_not}.")
        made, left_out = for_customers(made, state, language.id, book.messages.words)
        if left_out:
            remarks.append(
                f"The impact as a person noted it, {left_out}. Note it in customers' words (incident-kit set impact)."
            )
        elif not made.hits and not made.affected and not made.impact_noted and not made.security:
            remarks.append("No evidence says what customers notice. Note it in their words: incident-kit set impact")
    if typed.text:
        text, odd = _sent_text(typed.text, made, book)
        remarks += odd
    else:
        text = message(made, language, target, request.zone)
    return Composed(text, made, facts, tuple(remarks), bool(faults or facts.doubts))


def _stale(facts: Facts, now: datetime) -> list[str]:
    """What to do first, where the evidence is older than what readers take it for."""
    if facts.window is None:
        return ["No evidence is collected yet, so this says nothing of requests. Collect some: incident-kit triage"]
    age = now - facts.window.until
    if age <= STALE:
        return []
    return [f"The evidence ends {words.lasted(age)} ago. Before you send this, collect again: incident-kit recheck"]


def _checked(book: Runbook, typed: Typed) -> tuple[Audience, Language, Target]:
    """What the options choose. Raises InputError."""
    if typed.audience not in list(Audience):
        raise InputError(f"--audience takes {' or '.join(Audience)}, not {typed.audience!r}.")
    if typed.language not in book.messages.languages:
        listed = ", ".join(book.messages.languages)
        raise InputError(
            f"--lang takes {listed}, not {typed.language!r}: there is no folder of that name in messages/."
        )
    if typed.target not in TARGETS:
        raise InputError(f"--to takes {', '.join(TARGETS)}, not {typed.target!r}.")
    if typed.text and not typed.sent:
        raise InputError("--text is the text as it was sent, to be noted: add --sent.")
    return Audience(typed.audience), book.messages.languages[typed.language], TARGETS[typed.target]


def _sent_text(source: str, made: Update, book: Runbook) -> tuple[str, list[str]]:
    """The text that a person edited and sent, and what is odd about it, for it is out. Raises InputError."""
    text, odd = _read(source), []
    if kinds := sorted({span.kind for span in REDACTION.spans(text)}):
        odd.append(
            f"The text holds what looks like a secret or somebody's data ({', '.join(kinds)}). "
            "The journal keeps the text as it was sent, and shows it redacted. If a secret went out, have it changed."
        )
    if made.audience is Audience.CUSTOMER:
        if named := internal_words_in(text, book.messages.words):
            odd.append(f"The text names what customers do not know: {', '.join(map(visible, named))}.")
        if made.security:
            odd.append("It is a matter of security: the text should say neither a cause nor a countermeasure.")
    return text, odd


def _read(source: str) -> str:
    try:
        if source == STDIN:
            data = sys.stdin.buffer.read(MOST_TEXT_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MOST_TEXT_BYTES + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}. Give the text that was sent.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: not UTF-8 at byte {error.start}. Save it as UTF-8.") from None
    if len(data) > MOST_TEXT_BYTES:
        raise InputError(f"{source}: larger than a message ({MOST_TEXT_BYTES:,} bytes). Give the text that was sent.")
    if not text.strip():
        raise InputError(f"{source}: empty. Give the text that was sent.")
    return text


def note_sent(request: Request, incident: Incident, composed: Composed, typed: Typed) -> list[str]:
    """Note in the journal that the text went out, which starts the clock of the next update; returns what to say."""
    made = composed.update
    data = {
        "audience": made.audience.value,
        "status": made.status.value,
        **({"next_update": iso(made.next_update)} if made.next_update else {}),
        **({"approved_by": approved} if (approved := typed.approved_by.strip()) else {}),
    }
    written = entries.note(incident.journal, composed.text, Kind.COMMUNICATED, by=typed.by, data=data)
    lines = [
        *written.warnings,
        f"Noted in {incident.id}, line {written.entry.line}: sent to {_READERS[made.audience]}.",
    ]
    if made.next_update:
        due = words.moment(made.next_update, request.zone, with_day=True)
        lines.append(f"The next update is due {due}. If the text promises another time, note it with --next.")
    return lines


_READERS = {Audience.INTERNAL: "the team", Audience.CUSTOMER: "customers"}
