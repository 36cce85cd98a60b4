"""What is known of an incident comes from its newest sealed run, else from its stored evidence."""

from __future__ import annotations

import shutil
from pathlib import Path

import unsealed

from incident_kit import runbook
from incident_kit.app.facts import facts_of
from incident_kit.evidence.incident import Incident, create, load
from incident_kit.evidence.item import ALERT
from incident_kit.evidence.store import Evidence, Provenance
from incident_kit.model.times import iso

RECORDED = Path(__file__).parents[1] / "recorded"
BOOK = runbook.load()


def incident_of(recording: str, reports: Path) -> Incident:
    """An incident with a recording as its evidence."""
    incident = create(reports, "one", "Payments fail")
    shutil.copytree(RECORDED / recording / "evidence", incident.folder / "evidence")
    return incident


def copy_of(demo_run: Path, tmp_path: Path) -> Incident:
    """The incident of a sealed run, to be changed."""
    return load(unsealed.copy_of(demo_run.parents[1], tmp_path / "incident"))


def test_an_incident_without_evidence_has_no_facts(tmp_path: Path) -> None:
    facts = facts_of(create(tmp_path, "one", "Payments fail"), BOOK)
    assert (facts.source, facts.window, facts.ranked, facts.impact, facts.first) == ("", None, (), None, None)


def test_stored_evidence_is_ranked_as_triage_ranks_it(tmp_path: Path) -> None:
    facts = facts_of(incident_of("whmcs_refused", tmp_path), BOOK)
    assert facts.source == "the stored evidence"
    assert len(facts.ranked) == len(BOOK.scenarios)
    assert facts.first
    assert facts.first.scenario.id == "whmcs_unavailable"
    assert facts.is_confirmed("whmcs_unavailable")
    assert not facts.is_confirmed("security_incident")
    assert facts.impact
    assert facts.impact.affected
    assert (facts.impact.affected.n, facts.impact.affected.of) == (224, 228)


def test_a_sealed_run_is_read_back(demo_run: Path, tmp_path: Path) -> None:
    facts = facts_of(copy_of(demo_run, tmp_path), BOOK)
    assert facts.source == f"runs/{demo_run.name}"
    assert [place.scenario.id for place in facts.ranked] == ["high_error_rate"]
    assert facts.impact
    assert facts.impact.onset
    assert facts.window
    assert facts.doubts == ()


def test_a_run_counts_no_more_once_something_was_collected_after_it(demo_run: Path, tmp_path: Path) -> None:
    incident = copy_of(demo_run, tmp_path)
    recorded = Evidence(RECORDED / "whmcs_refused" / "evidence")
    incident.evidence.adopt(recorded.items())  # collected before the run
    assert facts_of(incident, BOOK).source == f"runs/{demo_run.name}"
    later = incident.runs / "20200101T000000Z_high_error_rate"
    (incident.runs / demo_run.name).rename(later)
    assert facts_of(incident, BOOK).source == "the stored evidence"


def test_an_alert_that_comes_after_a_run_leaves_the_run_as_it_is(demo_run: Path, tmp_path: Path) -> None:
    incident = copy_of(demo_run, tmp_path)
    asked_at = "2099-01-01T00:00:00.000Z"
    incident.evidence.add([b"{}"], Provenance(ALERT, "a pager", "received from an alerting system", asked_at))
    assert facts_of(incident, BOOK).source == f"runs/{demo_run.name}"


def test_an_incident_that_has_only_an_alert_has_no_facts(tmp_path: Path) -> None:
    incident = create(tmp_path, "one", "Payments fail")
    asked_at = "2026-11-23T12:00:00.000Z"
    incident.evidence.add([b"{}"], Provenance(ALERT, "a pager", "received from an alerting system", asked_at))
    assert facts_of(incident, BOOK).source == ""


def test_a_run_with_changed_findings_is_not_used_and_named(demo_run: Path, tmp_path: Path) -> None:
    incident = copy_of(demo_run, tmp_path)
    findings = incident.runs / demo_run.name / "data" / "findings.json"
    findings.write_text(findings.read_text(encoding="utf-8").replace("confirmed", "inconclusive"), encoding="utf-8")
    facts = facts_of(incident, BOOK)
    assert facts.source == ""
    assert len(facts.doubts) == 1
    assert "data/findings.json: changed" in facts.doubts[0]


def test_a_run_that_was_sealed_anew_is_not_used(demo_run: Path, tmp_path: Path) -> None:
    incident = copy_of(demo_run, tmp_path)
    manifest = incident.runs / demo_run.name / "tagmanifest-sha256.txt"
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "sealed anew" in facts_of(incident, BOOK).doubts[0]


def test_a_run_that_is_being_made_is_not_read(demo_run: Path, tmp_path: Path) -> None:
    incident = copy_of(demo_run, tmp_path)
    (incident.runs / demo_run.name).rename(incident.runs / f"{demo_run.name}.partial")
    assert facts_of(incident, BOOK).source == ""


def test_the_window_is_what_was_looked_at(tmp_path: Path) -> None:
    facts = facts_of(incident_of("quiet", tmp_path), BOOK)
    assert facts.first is None
    assert facts.window == Evidence(RECORDED / "quiet" / "evidence").window()
    assert iso(facts.window.since) < iso(facts.window.until)
