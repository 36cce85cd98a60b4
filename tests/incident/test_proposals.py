"""When it began and when it was over, as the evidence says: of the recorded incident, and at the edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_kit.app.facts import facts_of_run
from incident_kit.errors import ParameterError
from incident_kit.evidence.journal import Journal
from incident_kit.incident import entries
from incident_kit.incident.facts import Facts
from incident_kit.incident.proposals import STABLE, open_proposals, proposals
from incident_kit.incident.state import Milestone, state_of
from incident_kit.runbook.data import load


@pytest.fixture(scope="module")
def facts(demo_run: Path) -> Facts:
    return facts_of_run(demo_run, load())


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def later(facts: Facts, length: timedelta) -> Facts:
    """The same facts, with records that go on for so long after the recovery."""
    assert facts.impact
    assert facts.impact.onset
    assert facts.impact.onset.recovered
    return replace(facts, impact=replace(facts.impact, last=facts.impact.onset.recovered.latest + length))


def test_it_began_at_the_onset_with_its_interval_and_citation(facts: Facts, journal: Journal) -> None:
    [started] = proposals(state_of(journal.entries()), facts)
    assert started.milestone is Milestone.STARTED
    assert started.earliest <= started.likeliest <= started.latest
    assert datetime(2026, 11, 23, 9, 52, tzinfo=UTC) <= started.likeliest <= datetime(2026, 11, 23, 9, 54, tzinfo=UTC)
    assert started.citation.to_json()["exemplars"]


def test_it_is_over_once_it_held_for_a_quarter_of_an_hour_after_the_mitigation(facts: Facts, journal: Journal) -> None:
    assert facts.impact
    assert facts.impact.onset
    assert facts.impact.onset.recovered
    recovered = facts.impact.onset.recovered.latest
    entries.milestone(journal, "mitigated", recovered - timedelta(minutes=1))
    state = state_of(journal.entries())
    young = proposals(state, later(facts, STABLE - timedelta(seconds=1)))
    assert [proposal.milestone for proposal in young] == [Milestone.STARTED]
    _, resolved = proposals(state, later(facts, STABLE))
    assert resolved.milestone is Milestone.RESOLVED
    assert resolved.watch_until == recovered + timedelta(hours=1)
    _, watched = proposals(state, later(facts, timedelta(hours=2)))
    assert watched.watch_until is None


def test_without_a_mitigation_nothing_is_proposed_as_resolved(facts: Facts, journal: Journal) -> None:
    known = proposals(state_of(journal.entries()), later(facts, timedelta(hours=2)))
    assert [proposal.milestone for proposal in known] == [Milestone.STARTED]


def test_without_evidence_nothing_is_proposed(journal: Journal) -> None:
    assert proposals(state_of(journal.entries()), Facts()) == ()


def test_what_a_person_said_is_kept_with_what_was_suggested(facts: Facts, journal: Journal) -> None:
    [started] = proposals(state_of(journal.entries()), facts)
    moment = started.likeliest - timedelta(minutes=3)
    written = entries.milestone(journal, "started", moment, proposed=started.to_data())
    state = state_of(journal.entries())
    assert state.moment(Milestone.STARTED) == moment
    assert written.entry.data["proposed"]["at"] == started.to_data()["at"]
    assert open_proposals(state, facts) == ()


def test_when_it_began_is_never_now_without_saying_so(facts: Facts, journal: Journal) -> None:
    [started] = proposals(state_of(journal.entries()), facts)
    with pytest.raises(ParameterError, match=started.to_data()["at"]):
        entries.milestone(journal, "started", proposed=started.to_data())
