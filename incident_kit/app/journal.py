"""What people add to an incident's journal: each command writes one entry, and says which line it is.

note, milestone, set_value, strike, step, close, reopen
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from incident_kit.app.chosen import chosen, state
from incident_kit.app.console import DONE, say, show
from incident_kit.app.deadlines import say_next_deadline
from incident_kit.app.facts import facts_of_run, sealed_runs
from incident_kit.config.request import Request
from incident_kit.errors import IncidentKitError, InputError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.journal import Journal, Kind
from incident_kit.incident import entries
from incident_kit.incident.entries import Written
from incident_kit.incident.proposals import proposals
from incident_kit.incident.state import Outcome
from incident_kit.model.times import iso, parse_coming, parse_time
from incident_kit.runbook.contents import TRIAGE
from incident_kit.runbook.data import load as load_runbook
from incident_kit.view import words

SETTABLE = ("severity", "status", "impact")


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed about an entry: when it happened, who says so, and what it changed for a while."""

    at: str = ""
    by: str = ""
    temporary: bool = False
    revert_by: str = ""
    undoes: int | None = None


def note(request: Request, arguments: Sequence[str], kind: str, level: str, to: str, typed: Typed) -> int:
    """Note something in words."""
    incident_id, (text,) = split(arguments, ("TEXT",), "note")
    fields = {**({"level": level.upper()} if level else {}), **({"to": _role(request, to)} if to else {})}
    if kind == Kind.ESCALATED and not fields:
        say("No deadline is kept by this: say who was called with --level L2, or --to salesforce_admin.")
    return _write(
        request,
        incident_id,
        lambda journal, at: entries.note(
            journal, text, kind, at, by=typed.by, data={**fields, **_changes(request, typed)}
        ),
        typed,
    )


def milestone(request: Request, arguments: Sequence[str], why: str, typed: Typed) -> int:
    """Note a milestone."""
    incident_id, (name,) = split(arguments, ("NAME",), "milestone")
    incident = chosen(request, incident_id)
    proposed = _proposed(request, incident, name)
    if proposed:
        say(f"The evidence suggests {proposed['at']}, between {proposed['earliest']} and {proposed['latest']}.")
    return _write(
        request,
        incident.id,
        lambda journal, at: entries.milestone(journal, name, at, text=why, by=typed.by, proposed=proposed),
        typed,
    )


def set_value(request: Request, arguments: Sequence[str], why: str, typed: Typed) -> int:
    """Set severity, status or impact."""
    incident_id, (what, value) = split(arguments, ("WHAT", "VALUE"), "set")
    write: dict[str, Callable[[Journal, datetime | None], Written]] = {
        "severity": lambda journal, at: entries.set_severity(journal, value, why, at, by=typed.by),
        "status": lambda journal, at: entries.set_status(journal, value, why, at, by=typed.by),
        "impact": lambda journal, at: entries.set_impact(journal, value, at, by=typed.by),
    }
    if what not in write:
        raise InputError(f"not something to set: {what!r}. Set one of {', '.join(SETTABLE)}.")
    return _write(request, incident_id, write[what], typed)


def strike(request: Request, arguments: Sequence[str], by: str) -> int:
    """Strike out an entry: it stays in the journal and counts no more."""
    incident_id, (line, why) = split(arguments, ("LINE", "WHY"), "strike")
    number = _number(line, "the line of the journal to strike out")
    return _write(request, incident_id, lambda journal, at: entries.strike(journal, number, why, by=by), Typed(by=by))


def step(request: Request, arguments: Sequence[str], scenario_id: str, typed: Typed) -> int:
    """Mark a step of the runbook as done or skipped."""
    incident_id, (which, outcome, result) = split(arguments, ("STEP", "done|skipped", "RESULT"), "step")
    number = _number(which, "a step of the runbook")
    incident = chosen(request, incident_id)
    book = load_runbook(request.runbook)
    scenario = book.scenario(scenario_id or _scenario_of(incident))
    if not 1 <= number <= len(scenario.steps):
        raise InputError(f"{scenario.title} has the steps 1 to {len(scenario.steps)}, not {number}.")
    done = scenario.steps[number - 1]
    fields = _changes(request, typed)
    if done.temporary and outcome == Outcome.DONE:
        fields["temporary"] = True
    return _write(
        request,
        incident.id,
        lambda journal, at: entries.mark_step(
            journal, scenario.id, number, outcome, result, at, by=typed.by, data=fields
        ),
        typed,
    )


def close(request: Request, incident_id: str, why: str, typed: Typed) -> int:
    """Close an incident."""
    return _write(
        request, incident_id, lambda journal, at: entries.close(journal, why, at, by=typed.by), typed, "closed"
    )


def reopen(request: Request, incident_id: str, why: str, typed: Typed) -> int:
    """Open a closed incident again."""
    return _write(
        request, incident_id, lambda journal, at: entries.reopen(journal, why, at, by=typed.by), typed, "open again"
    )


def split(arguments: Sequence[str], names: Sequence[str], command: str) -> tuple[str, tuple[str, ...]]:
    """The incident's id, empty where none was typed, and the words behind it. Raises InputError."""
    if len(arguments) not in (len(names), len(names) + 1):
        raise InputError(
            f"incident-kit {command} takes [ID] {' '.join(names)}, not {len(arguments)}. Put quotes around a text."
        )
    return (arguments[0] if len(arguments) > len(names) else ""), tuple(arguments[-len(names) :])


def time_of(request: Request, text: str) -> datetime | None:
    """When it happened, as a person types it: in their zone; None for now."""
    return parse_time(text, datetime.now(UTC), request.zone) if text else None


def _write(
    request: Request,
    incident_id: str,
    write: Callable[[Journal, datetime | None], Written],
    typed: Typed,
    became: str = "",
) -> int:
    incident = chosen(request, incident_id)
    written = write(incident.journal, time_of(request, typed.at))
    for warning in written.warnings:
        say(warning)
    entry = written.entry
    happened = words.moment(entry.happened, request.zone, with_day=True)
    show(f"{incident.id}, line {entry.line}, {happened}: {entry.kind}: {entry.text}")
    if became:
        say(f"{incident.id} ({incident.title}) is {became}.")
    say_next_deadline(request, incident)
    return DONE


def _changes(request: Request, typed: Typed) -> dict[str, Any]:
    """The fields of an entry that says what was changed for a while, or put back."""
    fields: dict[str, Any] = {}
    if typed.temporary or typed.revert_by:
        fields["temporary"] = True
    if typed.revert_by:
        fields["revert_by"] = iso(parse_coming(typed.revert_by, datetime.now(UTC), request.zone))
    if typed.undoes is not None:
        fields["undoes"] = typed.undoes
    return fields


def _role(request: Request, role: str) -> str:
    """A role of [contacts]. Raises InputError that lists them."""
    roles = request.configuration.contacts.by_role
    if role not in roles:
        raise InputError(f"not a role of [contacts] in incident-kit.toml: {role!r}. Use one of {', '.join(roles)}.")
    return role


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InputError(f"not a number: {text!r}. Give {what}.")
    return int(text)


def _proposed(request: Request, incident: Incident, name: str) -> dict[str, Any] | None:
    """What the newest sealed run suggests for a milestone; None where there is none, or nothing to suggest."""
    try:
        facts = [facts_of_run(run, load_runbook(request.runbook)) for run in sealed_runs(incident)[:1]]
    except IncidentKitError:
        return None  # a damaged run is named by whoever reads it
    suggested = [proposal for of in facts for proposal in proposals(state(incident), of) if proposal.milestone == name]
    return suggested[0].to_data() if suggested else None


def _scenario_of(incident: Incident) -> str:
    """The scenario of the newest report on the incident. Raises InputError where there is none."""
    for run in sorted(incident.runs.glob("*_*"), reverse=True):
        scenario_id = run.name.partition("_")[2].removesuffix(".partial")
        if scenario_id != TRIAGE:
            return scenario_id
    raise InputError(
        f"{incident.id} has no report yet that says which scenario is meant. Name it: --scenario whmcs_unavailable."
    )
