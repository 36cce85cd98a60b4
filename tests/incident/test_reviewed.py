"""A review that was held keeps its deadline, by a note of that kind."""

from __future__ import annotations

from incident_kit.evidence.journal import Journal, Kind
from incident_kit.incident import entries
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import state_of
from incident_kit.incident.triggers import triggers_of
from incident_kit.runbook.data import load


def test_a_review_that_was_held_is_known_by_its_note(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    entries.note(journal, "held, see the wiki", Kind.REVIEW)
    known = triggers_of(Facts(), state_of(journal.entries()), load(), {})
    assert known.reviewed
    assert known.reviewed.text == "held, see the wiki"
