"""A scenario's symptoms, decided one by one on the same case."""

from __future__ import annotations

from incident_kit.evidence.store import Evidence
from incident_kit.logs.reading import Records
from incident_kit.model.finding import Findings
from incident_kit.model.times import Window
from incident_kit.runbook import checks
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario

__all__ = ["Case", "case_of", "examine"]


def case_of(book: Runbook, stored: Evidence, records: Records, window: Window) -> Case:
    """What the checks of this runbook may look at: the records, and the journal and the answers beside them."""
    return Case(records, window, book, stored.journal(), stored.stored_answers())


def examine(scenario: Scenario, case: Case) -> Findings:
    """A finding for each symptom of the scenario, in the runbook's order."""
    return Findings(
        getattr(checks, symptom.check)(case, symptom, **symptom.parameters) for symptom in scenario.symptoms
    )
