"""`incident-kit demo`: a recorded incident, end to end."""

from __future__ import annotations

from incident_kit.app.chosen import DEMO
from incident_kit.app.report import seal_and_show
from incident_kit.config.request import Request
from incident_kit.evidence.incident import load_or_create
from incident_kit.evidence.store import open_evidence
from incident_kit.model import places
from incident_kit.runbook.data import load

TITLE, SCENARIO = "Freebit slows down, then fails", "high_error_rate"


def demo(request: Request) -> int:
    """A sealed report on the recorded incident, by our own runbook; returns the exit code."""
    incident = load_or_create(request.reports, DEMO, TITLE)
    recorded = open_evidence(places.recorded())
    return seal_and_show(request, incident, load(), SCENARIO, recorded.items(), recorded.window())
