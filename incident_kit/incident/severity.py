"""The severity of an incident: what the facts say by the runbook's rules, and what people have set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from incident_kit.incident.state import State, state_of
from incident_kit.model.severity import Assessment, LevelSet, Severity
from incident_kit.model.times import iso
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.runbook.ranking import Ranked
from incident_kit.runbook.severity import assess_case


def severity_of(book: Runbook, case: Case, ranked: Sequence[Ranked] = (), chosen: Scenario | None = None) -> Severity:
    """The severity by all that the evidence holds. What is `ranked` was examined before, and is not examined again.

    `chosen` is the scenario that a person chose to report on.
    """
    return held(assess_case(book, case, ranked, chosen), state_of(case.journal))


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


def held(by_facts: Assessment, state: State) -> Severity:
    """The assessment, and beside it what the journal says that people have set."""
    by_people = (
        LevelSet(change.level, change.since, change.entry.by, change.why, change.entry.line)
        for change in state.severities
    )
    return Severity(by_facts, tuple(by_people))
