"""What a person sets holds from its time on, whatever the facts say; both are kept, and changes make a history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from incident_kit import runbook
from incident_kit.evidence.journal import Journal
from incident_kit.incident import entries
from incident_kit.incident.severity import held, severity_json, suspected
from incident_kit.incident.state import state_of
from incident_kit.model.finding import Line
from incident_kit.model.severity import Assessment, LevelChange, RuleMet, RuleUnknown, Severity
from incident_kit.view import page
from incident_kit.view.terminal import severity_lines

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def minutes(n: int) -> datetime:
    return NOON + timedelta(minutes=n)


SLOW = RuleMet("thresholds", "P3", "Responses are slow.", (Line("i", 4),), minutes(-30))
PAYMENTS = RuleMet("major_feature_fails", "P2", "48 of 50 requests of Payments failed.", (Line("i", 9),), minutes(-10))
ORDERS = RuleMet("orders_waiting", "P2", "Orders wait.", (), minutes(-20))
BREACH = RuleMet("breach_suspected", "P1", "ada noted a suspicion.", (Line("journal", 3),))
BY_FACTS = Assessment(
    (PAYMENTS, SLOW),
    ("P1 if stored data is damaged.", "P1 if all requests fail: at worst it was 20.0%."),
    ("Less severe than P2 only if fewer than 50% fail.", "It would then be P3: Responses are slow."),
    (RuleUnknown("unreachable", "P1", "nobody asked"), RuleUnknown("integration_fails", "P3", "nobody looked")),
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def of(journal: Journal, by_facts: Assessment = BY_FACTS) -> Severity:
    return held(by_facts, state_of(journal.entries()))


def test_without_a_persons_word_the_facts_decide(journal: Journal) -> None:
    assert (of(journal).level, of(journal).set_last) == ("P2", None)
    assert of(journal, Assessment()).level == ""


def test_what_a_person_set_last_holds_and_the_facts_are_kept(journal: Journal) -> None:
    entries.set_severity(journal, "P4", "a drill", minutes(5), by="ada")
    entries.set_severity(journal, "P1", "the payments of our largest customer", minutes(9), by="ben")
    severity = of(journal)
    assert severity.level == "P1"
    assert severity.set_last
    assert (severity.set_last.by, severity.set_last.since, severity.set_last.line) == ("ben", minutes(9), 2)
    assert severity.by_facts == BY_FACTS


def test_a_level_that_was_struck_out_holds_no_more(journal: Journal) -> None:
    entries.set_severity(journal, "P1", "", minutes(5), by="ada")
    entries.strike(journal, 1, "the wrong incident", by="ada")
    assert of(journal).level == "P2"


def test_a_level_set_later_for_an_earlier_time_does_not_undo_the_last(journal: Journal) -> None:
    entries.set_severity(journal, "P2", "", minutes(9), by="ada")
    entries.set_severity(journal, "P3", "it began small", minutes(5), by="ada")
    assert [change.level for change in of(journal).by_people] == ["P3", "P2"]
    assert of(journal).level == "P2"


def test_the_facts_raise_it_in_the_order_of_time_until_a_person_sets_it(journal: Journal) -> None:
    by_facts = Assessment((BREACH, PAYMENTS, ORDERS, SLOW))
    assert of(journal, by_facts).history == (
        LevelChange("P3", minutes(-30), "", "Responses are slow."),
        LevelChange("P2", minutes(-20), "", "Orders wait."),
    )
    entries.set_severity(journal, "P1", "we call it so", minutes(-25), by="ada")
    entries.set_severity(journal, "P2", "", minutes(2), by="ben")
    assert of(journal, by_facts).history == (
        LevelChange("P3", minutes(-30), "", "Responses are slow."),
        LevelChange("P1", minutes(-25), "ada", "we call it so"),
        LevelChange("P2", minutes(2), "ben", ""),
    )


def test_a_suspicion_younger_than_the_evidence_counts_and_one_struck_out_since_does_not(journal: Journal) -> None:
    book, earlier = runbook.load(), Assessment((BREACH, PAYMENTS))
    assert suspected(book, earlier, journal.entries()).level == "P2"
    entries.note(journal, "We suspect a breach", "note", minutes(3), by="ada")
    found_out = suspected(book, Assessment((PAYMENTS,)), journal.entries())
    assert [(met.level, met.rule) for met in found_out.met] == [("P1", "breach_suspected"), ("P2", PAYMENTS.rule)]


def test_a_scenario_that_was_chosen_stays_a_suspicion_without_a_note(journal: Journal) -> None:
    chosen = Assessment((replace(BREACH, citations=()), PAYMENTS))
    assert suspected(runbook.load(), chosen, journal.entries()) == chosen


def test_programs_read_the_level_with_by_when_to_respond_and_both_opinions(journal: Journal) -> None:
    entries.set_severity(journal, "P1", "", minutes(5), by="ada")
    data = severity_json(runbook.load(), of(journal))
    assert (data["level"], data["title"], data["respond_within"]) == ("P1", "Critical", "15m")
    assert data["by_facts"]["level"] == "P2"
    assert [change["by"] for change in data["history"]] == [None, None, "ada"]
    nothing = severity_json(runbook.load(), held(Assessment(), state_of([])))
    assert (nothing["level"], nothing["respond_within"], nothing["history"]) == (None, None, [])


def test_people_read_both_in_their_own_zone(journal: Journal) -> None:
    entries.set_severity(journal, "P1", "the largest customer", minutes(5), by="ada")
    first, *others = severity_lines(runbook.load(), of(journal), ZoneInfo("Asia/Tokyo"))
    assert first == (
        "Severity: P1, critical: respond within 15m. Set by ada from 2026-11-23 21:05:00 JST (12:05:00 UTC) on (“the "
        "largest customer”); by the facts P2: 48 of 50 requests of Payments failed. [i line 9]"
    )
    assert others == [
        "   Less severe than P2 only if fewer than 50% fail.",
        "   It would then be P3: Responses are slow.",
        "   P1 if all requests fail: at worst it was 20.0%.",
        "   P1 if stored data is damaged.",
        "   Not known (P1): nobody asked.",
    ]


def test_of_many_things_that_would_change_it_the_first_are_read_and_the_rest_counted(journal: Journal) -> None:
    many = Assessment(unknown=tuple(RuleUnknown("r", "P1", f"reason {n}") for n in range(5)))
    assert list(severity_lines(runbook.load(), of(journal, many), UTC)) == [
        "Severity by the facts: none, for no rule of the runbook is met (P4 is for people to give).",
        "   Not known (P1): reason 0.",
        "   Not known (P1): reason 1.",
        "   (and 3 more, in the report)",
    ]


def test_the_page_shows_the_persons_word_the_facts_and_the_history(journal: Journal) -> None:
    entries.set_severity(journal, "P1", "<b>loud</b>", minutes(5), by="ada")
    text = str(page.severity(runbook.load(), of(journal)))
    assert "<b>P1, critical</b>, set by ada from <time" in text
    assert "By the facts P2: 48 of 50 requests of Payments failed." in text
    assert "&lt;b&gt;loud&lt;/b&gt;" in text
    assert "href='#l-i-9'" in text
    assert "How the severity changed." in text
    assert "P1: nobody asked." in text
    assert "nobody looked" not in text  # what could not make it worse
