"""What evidence starts clocks: a vendor's own failure and not a suspicion, customers hit, a scenario's own rules."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from incident_kit import runbook
from incident_kit.evidence.journal import Kind
from incident_kit.incident.facts import Facts
from incident_kit.incident.triggers import Triggers, triggers_of
from incident_kit.model.finding import Citation, Figure, Finding, Findings, Line, Pointer, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.ranking import Ranked
from tests.incident.played import START, Played, minute

BOOK = runbook.load()
WINDOW = Window(START - timedelta(hours=1), minute(20))
STORED = {"slice1": minute(3), "slice2": minute(9), "answer": minute(5)}


def sign(name: str, n: int, item: str = "slice1") -> Figure:
    return Figure((item,), "signs", n, (Line(item, 7),), {"sign": name})


def facts(scenario_id: str, symptom: str, *cited: Citation, verdict: Verdict = Verdict.CONFIRMED) -> Facts:
    scenario = BOOK.scenario(scenario_id)
    title = next(known.title for known in scenario.symptoms if known.id == symptom)
    reason = "" if verdict is Verdict.CONFIRMED else "it may be chance"
    finding = Finding(symptom, title, verdict, "It fails.", cited or (Line("slice1", 1),), reason)
    return Facts("runs/one", WINDOW, (Ranked(scenario, Findings([finding])),))


def triggers(known: Facts, played: Played | None = None) -> Triggers:
    return triggers_of(known, (played or Played()).state, BOOK, STORED)


def rules_of(found: Triggers) -> list[tuple[str, datetime]]:
    return [(rule.to, shown.since) for rule, shown in found.rules]


def test_a_vendor_fails_where_most_records_say_that_its_own_system_does() -> None:
    ours = facts("whmcs_unavailable", "whmcs_fails", sign("whmcs.credentials", 224), sign("whmcs.unreachable", 1))
    theirs = facts("whmcs_unavailable", "whmcs_fails", sign("whmcs.timeout", 80), sign("whmcs.credentials", 12))
    assert triggers(ours).vendors == {}
    assert list(triggers(theirs).vendors) == ["whmcs"]
    assert triggers(theirs).vendors["whmcs"].since == minute(3)


def test_a_suspicion_calls_no_vendor() -> None:
    suspected = facts("high_error_rate", "freebit_fails", sign("freebit.failed", 80), verdict=Verdict.INCONCLUSIVE)
    assert triggers(suspected).vendors == {}


def test_a_system_that_says_so_itself_needs_no_log() -> None:
    answered = facts("whmcs_unavailable", "whmcs_fails", Pointer("answer", "/reason"))
    assert triggers(answered).vendors["whmcs"].since == minute(5)


def test_the_hosting_provider_is_called_where_the_server_is_down_and_not_for_a_wrong_password() -> None:
    down = facts("whmcs_unavailable", "whmcs_fails", sign("whmcs.unreachable", 40))
    page = facts("whmcs_unavailable", "whmcs_fails", sign("whmcs.html", 40))
    refused = facts("whmcs_unavailable", "whmcs_fails", sign("whmcs.credentials", 40))
    assert rules_of(triggers(down)) == [("whmcs_hosting", minute(3)), ("L2", minute(3))]
    assert rules_of(triggers(page)) == rules_of(triggers(refused)) == [("L2", minute(3))]
    assert list(triggers(page).vendors) == ["whmcs"]


def test_it_is_known_since_the_first_item_that_shows_it_was_stored_never_since_the_onset() -> None:
    known = facts(
        "whmcs_unavailable", "billing_unavailable", sign("whmcs.html", 3, "slice2"), Pointer("answer", "/data")
    )
    customers = triggers(known).customers
    assert customers
    assert customers.since == minute(5)
    elsewhere = facts("whmcs_unavailable", "billing_unavailable", sign("whmcs.html", 3, "not here"))
    customers = triggers(elsewhere).customers
    assert customers
    assert customers.since == WINDOW.until


@pytest.mark.parametrize(
    ("text", "hit"), [("top-ups fail", True), ("None yet", False), ("no customer noticed", False), ("not known", False)]
)
def test_people_say_whether_customers_are_hit(text: str, hit: bool) -> None:
    played = Played()
    played.add(Kind.IMPACT, 4, text)
    assert bool(triggers(Facts(), played).customers) is hit


def test_a_consequence_alone_makes_it_no_incident_of_that_scenario_but_a_suspicion_of_a_break_in_is_enough() -> None:
    waiting = facts("platform_events", "orders_waiting", Line("slice1", 4))
    assert rules_of(triggers(waiting)) == []
    broken = facts("platform_events", "subscription_broken", Line("slice1", 4))
    assert [to for to, _ in rules_of(triggers(broken))] == ["salesforce_admin", "L2"]
    seen = facts("security_incident", "new_clients", Line("slice1", 4))
    assert [to for to, _ in rules_of(triggers(seen))] == ["security_team", "L2", "L3"]


def test_whoever_works_by_a_scenario_is_in_it() -> None:
    played = Played()
    line = played.add(Kind.STEP, 6, "step 1", scenario="platform_events", step=1, outcome="done")
    found = triggers(Facts(), played)
    assert rules_of(found) == [("salesforce_admin", minute(6)), ("L2", minute(6))]
    assert [shown.entry and shown.entry.line for _, shown in found.rules] == [line, line]


def test_revoked_tokens_let_in_are_a_matter_of_the_security_team() -> None:
    let_in = facts("redis_failures", "blacklist_open", Pointer("answer", "/data"))
    assert ("security_team", minute(5)) in rules_of(triggers(let_in))


def test_without_evidence_and_words_nothing_is_triggered() -> None:
    assert triggers(Facts()) == Triggers(None, {}, ())
