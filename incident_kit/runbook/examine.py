"""A scenario's symptoms, decided one by one on the same ground."""

from __future__ import annotations

from incident_kit.model.finding import Findings
from incident_kit.runbook import checks
from incident_kit.runbook.checks import Ground
from incident_kit.runbook.data import Scenario

__all__ = ["Ground", "examine"]


def examine(scenario: Scenario, ground: Ground) -> Findings:
    """A finding for each symptom of the scenario, in the runbook's order."""
    return Findings(getattr(checks, symptom.check)(ground, symptom, **symptom.parameters) for symptom in scenario.symptoms)
