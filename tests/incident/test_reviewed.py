"""A review that was held keeps its deadline, by a note of that kind."""

from __future__ import annotations

from pathlib import Path

from incident_kit.evidence.journal import Journal, Kind
from incident_kit.incident import entries
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import state_of
from incident_kit.incident.triggers import triggers_of
from incident_kit.runbook.data import load
from tests.incident.played import Played


def test_a_review_that_was_held_is_known_by_its_note(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    entries.milestone(journal, "resolved")
    entries.note(journal, "held, see the wiki", Kind.REVIEW)
    known = triggers_of(Facts(), state_of(journal.entries()), load(), {})
    assert known.reviewed
    assert known.reviewed.text == "held, see the wiki"


def test_a_review_of_before_it_came_back_is_not_the_one_that_is_owed() -> None:
    played = Played()
    played.opened(0)
    played.milestone("resolved", 30)
    played.add(Kind.REVIEW, 60, "held")
    played.add(Kind.CLOSED, 61)
    played.add(Kind.REOPENED, 100)
    played.milestone("resolved", 130)
    assert triggers_of(Facts(), played.state, load(), {}).reviewed is None
    line = played.add(Kind.REVIEW, 200, "held again")
    reviewed = triggers_of(Facts(), played.state, load(), {}).reviewed
    assert reviewed
    assert reviewed.line == line
