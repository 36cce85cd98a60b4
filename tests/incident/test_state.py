"""The state of an incident is what its journal says: the last word on each thing, and what was struck out left out."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_kit.errors import ParameterError
from incident_kit.evidence.journal import Journal, Kind
from incident_kit.incident import entries
from incident_kit.incident.state import Milestone, State, Status, state_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def state(journal: Journal) -> State:
    return state_of(journal.entries())


def minutes(n: int) -> datetime:
    return NOON + timedelta(minutes=n)


def test_an_incident_that_was_only_collected_for_is_open_and_not_declared(journal: Journal) -> None:
    journal.append(Kind.CUSTODY, "preserved something")
    assert state(journal).is_open
    assert not state(journal).is_declared


def test_it_was_detected_when_it_was_opened_until_somebody_says_otherwise(journal: Journal) -> None:
    entries.open_incident(journal, "Payments fail", "customer", minutes(5))
    assert state(journal).detected == minutes(5)
    entries.milestone(journal, "detected", minutes(2))
    assert state(journal).detected == minutes(2)
    assert state(journal).source == "customer"


def test_of_a_milestone_the_last_word_counts(journal: Journal) -> None:
    entries.milestone(journal, "acknowledged", minutes(5))
    entries.milestone(journal, "acknowledged", minutes(4))
    assert state(journal).moment(Milestone.ACKNOWLEDGED) == minutes(4)


def test_severities_make_a_history_in_the_order_of_their_times(journal: Journal) -> None:
    entries.set_severity(journal, "P2", "payments fail", minutes(10))
    entries.set_severity(journal, "p1", "everything fails", minutes(20))
    entries.set_severity(journal, "P3", "it began small", minutes(5))
    now = state(journal)
    assert [change.level for change in now.severities] == ["P3", "P2", "P1"]
    assert now.severity
    assert now.severity.level == "P1"
    assert [change.since for change in now.severities] == [minutes(5), minutes(10), minutes(20)]
    assert now.worst_severity == "P1"


def test_what_is_struck_out_counts_for_nothing_and_is_kept(journal: Journal) -> None:
    entries.set_severity(journal, "P1", "", minutes(1))
    entries.note(journal, "restarted", "action", minutes(2))
    entries.strike(journal, 1, "that was a drill")
    now = state(journal)
    assert now.severity is None
    assert list(now.struck) == [1]
    assert [entry.text for entry in now.noted(Kind.ACTION)] == ["restarted"]
    assert len(journal.entries()) == 3


@pytest.mark.parametrize("line", [1, 2])
def test_the_same_is_not_struck_out_twice_nor_a_strike_itself(journal: Journal, line: int) -> None:
    entries.note(journal, "x")
    entries.strike(journal, 1, "wrong incident")
    with pytest.raises(ParameterError):
        entries.strike(journal, line, "again")
    assert len(journal.entries()) == 2


def test_what_was_collected_is_not_struck_out(journal: Journal) -> None:
    journal.append(Kind.CUSTODY, "preserved item 0123456789")
    with pytest.raises(ParameterError, match="collected"):
        entries.strike(journal, 1, "never mind")


def test_a_mitigated_incident_is_monitored_and_a_resolved_one_is_resolved(journal: Journal) -> None:
    assert state(journal).status is Status.INVESTIGATING
    entries.set_status(journal, "identified")
    entries.milestone(journal, "mitigated")
    assert state(journal).status is Status.MONITORING
    entries.milestone(journal, "resolved")
    assert state(journal).status is Status.RESOLVED


def test_an_incident_that_is_opened_again_is_not_over(journal: Journal) -> None:
    entries.open_incident(journal, "Payments fail", "")
    entries.milestone(journal, "resolved")
    entries.close(journal)
    assert not state(journal).is_open
    entries.reopen(journal, "it fails again")
    now = state(journal)
    assert now.is_open
    assert now.moment(Milestone.RESOLVED) is None
    assert now.status is Status.INVESTIGATING


def test_notes_after_the_close_are_taken_and_marked_late(journal: Journal) -> None:
    entries.open_incident(journal, "Payments fail", "")
    entries.close(journal)
    written = entries.note(journal, "the vendor says it was a cable")
    assert "closed" in written.warnings[0]
    assert state(journal).late == {3}


def test_what_was_changed_for_a_while_is_put_back_once(journal: Journal) -> None:
    entries.note(journal, "timeout 60 s", "action", data={"temporary": True, "revert_by": "2026-11-23T14:00:00.000Z"})
    assert state(journal).temporaries[0].undone is None
    entries.note(journal, "timeout 15 s again", "action", data={"undoes": 1})
    undone = state(journal).temporaries[0].undone
    assert undone
    assert undone.line == 2
    with pytest.raises(ParameterError, match="before"):
        entries.note(journal, "again", "action", data={"undoes": 1})
    with pytest.raises(ParameterError, match="changed nothing"):
        entries.note(journal, "again", "action", data={"undoes": 2})


def test_what_is_to_come_is_refused(journal: Journal) -> None:
    with pytest.raises(ParameterError, match="future"):
        entries.note(journal, "x", happened=datetime.now(UTC) + timedelta(minutes=5))
    assert not journal.entries()


def test_milestones_out_of_order_are_taken_and_both_lines_are_named(journal: Journal) -> None:
    entries.milestone(journal, "acknowledged", minutes(10))
    written = entries.milestone(journal, "mitigated", minutes(5))
    assert "line 2" in written.warnings[0]
    assert "line 1" in written.warnings[0]
    assert state(journal).moment(Milestone.MITIGATED) == minutes(5)


def test_fields_of_another_version_are_named_and_passed_over(journal: Journal) -> None:
    journal.append(Kind.SEVERITY, "P0", data={"level": "P0"})
    entries.set_severity(journal, "P2")
    now = state(journal)
    assert [change.level for change in now.severities] == ["P2"]
    assert now.faults[0].startswith("line 1 of the journal (severity)")


def test_a_note_reaches_a_damaged_journal_and_the_damage_is_said(journal: Journal) -> None:
    entries.note(journal, "first")
    with open(journal.path, "ab") as file:
        file.write(b"{torn\n")
    written = entries.note(journal, "second")
    assert "line 2" in written.warnings[0]
    assert [entry.text for entry in journal.readable()[0]] == ["first", "second"]


def test_who_writes_is_as_typed_or_as_the_environment_says(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENT_KIT_BY", "Aiko")
    assert entries.note(journal, "x").entry.by == "Aiko"
    assert entries.note(journal, "x", by="Ben").entry.by == "Ben"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on the PATH")
def test_who_writes_is_git_s_user_where_nobody_says(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Chiyo of git\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("INCIDENT_KIT_BY", raising=False)
    assert entries.note(journal, "x").entry.by == "Chiyo of git"


def test_what_opened_the_incident_is_not_struck_out(journal: Journal) -> None:
    entries.open_incident(journal, "Payments fail", "")
    with pytest.raises(ParameterError, match="close it"):
        entries.strike(journal, 1, "a mistake")


def test_a_note_in_a_journal_that_was_changed_says_so(journal: Journal) -> None:
    for text in ("first", "second", "third"):
        entries.note(journal, text)
    lines = journal.path.read_text().split("\n")
    journal.path.write_text("\n".join([lines[0], *lines[2:]]))
    written = entries.note(journal, "fourth")
    assert "The journal was changed before" in written.warnings[0]
    assert "line 2" in written.warnings[0]
