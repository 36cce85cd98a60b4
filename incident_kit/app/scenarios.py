"""`incident-kit scenarios`: what the runbook knows."""

from __future__ import annotations

from incident_kit.app.console import show
from incident_kit.runbook.data import load


def scenarios(runbook: str) -> None:
    """List the scenarios of a runbook and their symptoms."""
    for scenario in load(runbook).scenarios:
        show(f"{scenario.id}  {scenario.number}. {scenario.title}  (usually {scenario.severity})")
        for symptom in scenario.symptoms:
            show(f"    {symptom.id}: {symptom.title}")
