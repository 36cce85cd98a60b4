"""What starts clocks beside milestones and severities: what evidence confirms, and what people say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from incident_kit.evidence.journal import Entry, Kind
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Milestone, State, StepMark
from incident_kit.model.finding import Absence, Citation, Figure, Finding
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.runbook.escalation import ScenarioRule

# How people say that the impact they set is none, or not known yet.
NO_IMPACT = ("no ", "no.", "none", "nobody", "not known", "unknown", "nothing")


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that evidence shows or a person said: since when that is known, and in words."""

    since: datetime
    text: str
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Triggers:
    """What starts clocks.

    `customers`: they are hit. `vendors`: whose systems fail, by name. `rules`: the scenarios' own rules that hold, each
    with what makes it hold. `reviewed` is the entry that says the review is done.
    """

    customers: Shown | None = None
    vendors: Mapping[str, Shown] = field(default_factory=dict)
    rules: Sequence[tuple[ScenarioRule, Shown]] = ()
    reviewed: Entry | None = None


def triggers_of(facts: Facts, state: State, book: Runbook, stored: Mapping[str, datetime]) -> Triggers:
    """What the facts and the journal start. `stored` says when each item of the evidence was stored.

    A finding is known since the first item that shows it was stored, whenever what it shows began.
    """
    shown = {
        finding.symptom: moment for finding in facts.confirmed if (moment := _shown(finding, facts, stored)) is not None
    }
    policy = book.policy
    vendors = {
        vendor.system: first
        for vendor in policy.vendors
        if (
            first := _first(
                shown[finding.symptom]
                for finding in facts.confirmed
                if finding.symptom in shown and vendor.failure.shown_by(finding)
            )
        )
    }
    customers = [shown[symptom] for symptom in policy.customers if symptom in shown]
    if state.impact and not state.impact.text.lower().startswith(NO_IMPACT):
        customers.append(Shown(state.impact.happened, "the impact was set", state.impact))
    # A review of before it was opened again, and resolved again, is not the one that is owed.
    resolved = state.moment(Milestone.RESOLVED)
    reviewed = next((entry for entry in state.noted(Kind.REVIEW) if resolved and entry.happened >= resolved), None)
    return Triggers(_first(customers), vendors, tuple(_rules(facts, state, book, shown)), reviewed)


def _rules(
    facts: Facts, state: State, book: Runbook, shown: Mapping[str, Shown]
) -> Iterable[tuple[ScenarioRule, Shown]]:
    """The rules of the scenarios that hold."""
    for scenario in book.scenarios:
        confirmed = [finding for finding in facts.confirmed if finding.symptom in shown and _has(scenario, finding)]
        holding = _holding(scenario, facts, state, [shown[finding.symptom] for finding in confirmed])
        for rule in scenario.rules:
            failing = [
                shown[finding.symptom] for finding in confirmed if rule.failure and rule.failure.shown_by(finding)
            ]
            if why := _first(failing) if rule.failure else holding:
                yield rule, why


def _holding(scenario: Scenario, facts: Facts, state: State, confirmed: Sequence[Shown]) -> Shown | None:
    """Why the incident is one of this scenario: a cause is confirmed, or people work by its steps.

    Where it has a caution, any of its symptoms that is confirmed is suspicion enough.
    """
    steps = [Shown(mark.entry.happened, "its steps are worked on", mark.entry) for mark in _marks(state, scenario)]
    by_evidence = confirmed if scenario.caution or facts.is_confirmed(scenario.id) else ()
    return _first([*by_evidence, *steps])


def _marks(state: State, scenario: Scenario) -> Iterable[StepMark]:
    return (mark for mark in state.steps if mark.scenario == scenario.id)


def _has(scenario: Scenario, finding: Finding) -> bool:
    return any(symptom.id == finding.symptom for symptom in scenario.symptoms)


def _shown(finding: Finding, facts: Facts, stored: Mapping[str, datetime]) -> Shown | None:
    since = stored_since(finding.citations, stored) or (facts.window.until if facts.window else None)
    return Shown(since, finding.title) if since else None


def stored_since(citations: Iterable[Citation], stored: Mapping[str, datetime]) -> datetime | None:
    """When the first item that these show was stored; None where none of them is among the stored."""
    items = {item for citation in citations for item in _items(citation)}
    return min((stored[item] for item in items if item in stored), default=None)


def _items(citation: Citation) -> tuple[str, ...]:
    """The items that show it; of a figure those of the lines that stand for it."""
    if isinstance(citation, Figure):
        return tuple(line.item for line in citation.exemplars) or citation.items
    return () if isinstance(citation, Absence) else (citation.item,)


def _first(shown: Iterable[Shown]) -> Shown | None:
    return min(shown, key=lambda moment: moment.since, default=None)
