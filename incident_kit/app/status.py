"""`incident-kit status`: the hand-off brief of an incident, on one screen, as Markdown, JSON or a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from incident_kit import logs as log_files
from incident_kit.app.chosen import chosen
from incident_kit.app.console import DONE, INCOMPLETE, say, show_file, show_json, show_lines
from incident_kit.app.deadlines import all_facts, calls, clocks
from incident_kit.app.facts import evidence_of, sealed_runs
from incident_kit.config.request import Request
from incident_kit.errors import IncidentKitError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.untrusted import kind_of
from incident_kit.incident.brief import Brief, NextStep, open_step, scenario_in_hand
from incident_kit.incident.facts import Facts
from incident_kit.incident.proposals import open_proposals
from incident_kit.incident.state import State
from incident_kit.incident.workflow import Situation, progress, stands_in
from incident_kit.runbook.advice import FACTS
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario, Step
from incident_kit.runbook.data import load as load_runbook
from incident_kit.view import brief as view
from incident_kit.view.calendar import calendar
from incident_kit.view.words import verdict_words

# What needs no log to be read again to be known for a step; more of it is in the report.
ANSWERED = ("answer", "flush_loss", "pool", "process", "redis_memory", "retention", "setting")


class Form(StrEnum):
    """How the brief is printed."""

    SCREEN = "screen"
    MARKDOWN = "md"
    JSON = "json"
    CALENDAR = "ics"


def status(request: Request, incident_id: str, form: Form) -> int:
    """Print the brief of an incident; returns the exit code."""
    incident = chosen(request, incident_id)
    brief = brief_of(request, incident)
    if form is Form.JSON:
        show_json(brief.to_json())
    elif form is Form.MARKDOWN:
        show_file(view.markdown(brief, request.zone))
    elif form is Form.CALENDAR:
        show_file(calendar(brief.deadlines, incident.id, incident.title, brief.now, request.zone))
    else:
        show_lines(*view.screen(brief, request.zone))
    for proposal in open_proposals(brief.state, brief.facts):
        say(view.proposed(proposal, request.zone))
    return INCOMPLETE if brief.doubts else DONE


def brief_of(request: Request, incident: Incident, now: datetime | None = None) -> Brief:
    """The brief of an incident at this moment."""
    book = load_runbook(request.runbook)
    facts = all_facts(incident, book)
    current = clocks(request, incident, book, facts, now)
    level = current.level
    situation = Situation(
        current.state, level.level if level else "", facts, current.deadlines, current.now, request.zone
    )
    scenario = scenario_in_hand(facts, current.state, book.scenarios)
    whom = calls(request, current)
    return Brief(
        incident_id=incident.id,
        title=incident.title,
        now=current.now,
        state=current.state,
        facts=facts,
        level=level,
        stage=stands_in(situation),
        stages=progress(book.workflow, situation),
        deadlines=current.deadlines,
        next_step=_next_step(incident, book, facts, current.state, scenario) if scenario else None,
        calls=whom,
        unreachable=request.configuration.contacts.faults(call.whom for call in whom),
        damage=_damage(incident),
    )


def _damage(incident: Incident) -> Sequence[str]:
    """What is wrong with the journal; also where there is none, though evidence was collected or a run sealed."""
    path = incident.journal.path
    if kind_of(path) and (faults := incident.journal.faults()):
        return faults
    is_used = bool(incident.evidence.items()) or bool(sealed_runs(incident))
    if is_used and not (kind_of(path) and path.stat().st_size):
        return [f"{path.name}: missing or empty, though evidence was collected. Take it from the last sealed run."]
    return ()


def _next_step(incident: Incident, book: Runbook, facts: Facts, state: State, scenario: Scenario) -> NextStep | None:
    number = open_step(scenario, state)
    if not number or not state.is_open:
        return None
    step = scenario.steps[number - 1]
    return NextStep(scenario, number, step, _known(incident, book, facts, scenario, step))


def _known(incident: Incident, book: Runbook, facts: Facts, scenario: Scenario, step: Step) -> tuple[str, ...]:
    """What evidence says for a step: what systems answered, and which of its symptoms are there."""
    if facts.window is None:
        return ()
    try:
        answers = evidence_of(incident, facts).stored_answers()
    except IncidentKitError:
        return ()
    findings = {
        finding.symptom: finding
        for place in facts.ranked
        if place.scenario.id == scenario.id
        for finding in place.findings
    }
    texts: list[str] = []
    with log_files.read([], facts.window, dependencies=book.dependencies) as records:
        case = Case(records, facts.window, book, (), answers)
        for reference in step.facts:
            name, _, subject = reference.partition(" ")
            if name == "finding" and subject in findings:
                texts.append(f"{verdict_words(findings[subject].verdict)}: {findings[subject].title}")
            elif name in ANSWERED:
                texts += [fact.text for fact in FACTS[name](case, findings, subject)]
    return tuple(texts)
