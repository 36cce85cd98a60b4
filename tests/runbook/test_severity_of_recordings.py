"""The recorded incidents: how severe each is by our rules, and by which of them."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
import truth

from incident_kit import logs, runbook
from incident_kit.evidence.store import open_evidence
from incident_kit.incident.severity import severity_of
from incident_kit.model.finding import Figure, Line
from incident_kit.model.severity import Severity

# As the severity table of the runbook has it: data that may leak or tokens that let in are critical, a major feature
# that does not work is high, slow responses and one outside system are medium, and a quiet day is nothing.
LEVELS = {
    "blocking_chain": ("P2", "major_feature_fails"),
    "credential_stuffing": ("P1", "breach"),
    "database_connections": ("P2", "major_feature_fails"),
    "deploy": ("", ""),
    "freebit_slow": ("P3", "thresholds"),
    "platform_events_silent": ("P2", "orders_waiting"),
    "quiet": ("", ""),
    "redis_gone": ("P1", "revoked_tokens"),
    "redis_out_of_memory": ("P2", "major_feature_fails"),
    "whmcs_html": ("P2", "major_feature_fails"),
    "whmcs_refused": ("P2", "major_feature_fails"),
}
MINUTE_S = 60


@cache
def severity(folder: Path) -> Severity:
    book, stored = runbook.load(), open_evidence(folder)
    window = stored.window()
    with logs.read(stored.sources(), window, dependencies=book.dependencies) as records:
        return severity_of(book, runbook.case_of(book, stored, records, window))


each_recording = pytest.mark.parametrize("folder", truth.recordings(), ids=lambda path: path.name)


def test_every_recording_has_its_level() -> None:
    assert sorted(LEVELS) == [folder.name for folder in truth.recordings()]


@each_recording
def test_a_recording_is_as_severe_as_the_runbook_says(folder: Path) -> None:
    assessment = severity(folder).by_facts
    assert (assessment.level, assessment.rule.rule if assessment.rule else "") == LEVELS[folder.name]
    assert not any(met.rounded_up for met in assessment.met)


@each_recording
def test_what_decides_rests_on_lines_of_its_logs(folder: Path) -> None:
    items = {item.id for item in open_evidence(folder).items()}
    for met in severity(folder).by_facts.met:
        assert met.citations
        for citation in met.citations:
            assert {line.item for line in lines_of(citation)} <= items
    if LEVELS[folder.name][1] in ("major_feature_fails", "thresholds", "breach"):
        assert any(lines_of(citation) for citation in severity(folder).by_facts.citations)


def lines_of(citation: object) -> tuple[Line, ...]:
    if isinstance(citation, Figure):
        return citation.exemplars
    return (citation,) if isinstance(citation, Line) else ()


@pytest.mark.parametrize("name", [name for name, (_, rule) in LEVELS.items() if rule == "major_feature_fails"])
def test_a_feature_fails_from_when_it_was_broken_on(name: str) -> None:
    folder = next(folder for folder in truth.recordings() if folder.name == name)
    rule = severity(folder).by_facts.rule
    assert rule is not None
    assert rule.since is not None
    began = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["from"]
    assert abs((rule.since - datetime.fromisoformat(began)).total_seconds()) <= MINUTE_S
