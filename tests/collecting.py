"""Logs preserved without a command: for tests, and for tools that make recordings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from incident_kit.app.collect import Collected, plan_logs, preserve_logs
from incident_kit.config.request import Request, Sources
from incident_kit.config.settings import Configuration
from incident_kit.evidence.store import Evidence
from incident_kit.logs.inputs import LogFile
from incident_kit.logs.slices import NO_HINTS
from incident_kit.model.source import Hints


def collect_logs(
    evidence: Evidence,
    logs: Sequence[LogFile | Path],
    since: datetime | None = None,
    until: datetime | None = None,
    hints: Hints = NO_HINTS,
    whole: bool = False,
) -> Collected:
    """Preserve the window of logs. Raises what `plan_logs` raises."""
    request = Request(Configuration(), Path(), "", hints, since, until, Sources(whole=whole))
    return preserve_logs(evidence, plan_logs(logs, request))
