"""The severity of an incident: what the facts say by the runbook's rules, and what people have set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from incident_kit.evidence.journal import Entry, standing
from incident_kit.incident.state import State, state_of
from incident_kit.model.severity import Assessment, LevelSet, Severity
from incident_kit.model.times import iso
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario, Suspected
from incident_kit.runbook.ranking import Ranked
from incident_kit.runbook.severity import SeverityFacts, assess, facts_of


def severity_of(book: Runbook, case: Case, ranked: Sequence[Ranked] = (), chosen: Scenario | None = None) -> Severity:
    """The severity by all that the evidence holds. What is `ranked` was examined before, and is not examined again.

    `chosen` is the scenario that a person chose to report on.
    """
    return held(assess(book.severity_rules, facts_of(book, case, ranked, chosen)), state_of(case.journal))


def severity_json(book: Runbook, severity: Severity) -> dict[str, Any]:
    """The severity as triage prints it for programs: its codec's fields, and by when somebody has to respond."""
    levels = {level.id: level for level in book.severities}
    level = levels.get(severity.level)
    return {
        **severity.to_json(),
        "title": level.title if level else None,
        "respond_within": level.respond_within if level else None,
        "history": [
            {"level": change.level, "since": iso(change.since), "by": change.by or None, "why": change.why}
            for change in severity.history
        ],
    }


def suspected(book: Runbook, by_facts: Assessment, entries: Sequence[Entry]) -> Assessment:
    """The assessment with what people suspect by these entries, which may be younger than the evidence."""
    rules = [rule for rule in book.severity_rules if isinstance(rule.condition, Suspected)]
    names = {rule.id for rule in rules}
    suspicions = assess(rules, SeverityFacts({}, {}, entries=tuple(standing(entries)))).met
    # What an entry said before may be struck out by now; a scenario that was chosen stays chosen, and cites none.
    noted = {met.rule for met in suspicions} | {met.rule for met in by_facts.met if met.rule in names and met.citations}
    kept = (met for met in by_facts.met if met.rule not in noted)
    return replace(by_facts, met=tuple(sorted((*suspicions, *kept), key=lambda met: met.level)))


def held(by_facts: Assessment, state: State) -> Severity:
    """The assessment, and beside it what the journal says that people have set."""
    by_people = (
        LevelSet(change.level, change.since, change.entry.by, change.why, change.entry.line)
        for change in state.severities
    )
    return Severity(by_facts, tuple(by_people))
