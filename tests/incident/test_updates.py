"""What an update may say, and to whom: from the journal and the evidence, and never more than they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import updates_of_recordings as recorded
from updates_of_recordings import BOOK, entry, facts, played, utc

from incident_kit.evidence.journal import Entry, Kind
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, State, Status, state_of
from incident_kit.incident.updates import How, StartedBy, Update, hits_of, update_of, why_not_to_customers

NOW = utc("2026-11-23T16:40:30")
HOUR = timedelta(hours=1)
WORDS = BOOK.messages.words


def made(
    *entries: Entry, severity: str = "P2", known: Facts | None = None, audience: Audience = Audience.CUSTOMER
) -> tuple[Update, State]:
    state = state_of(entries)
    return update_of(state, known or Facts(), BOOK, "Payments fail", audience, severity, NOW, HOUR), state


def sent(line: int, happened: datetime, **data: object) -> Entry:
    return entry(line, Kind.COMMUNICATED, "we are on it", happened, **data)


def why_not(*entries: Entry, severity: str = "P2", approved_by: str = "", known: Facts | None = None) -> str:
    update, state = made(*entries, severity=severity, known=known)
    return why_not_to_customers(update, state, approved_by)


@pytest.mark.parametrize("severity", ["P1", "P2"])
def test_customers_are_written_to_of_a_p1_and_a_p2(severity: str) -> None:
    assert why_not(severity=severity) == ""


@pytest.mark.parametrize("severity", ["P3", "P4"])
def test_customers_are_not_written_to_of_less(severity: str) -> None:
    assert f"this is a {severity}" in why_not(severity=severity)


def test_without_a_severity_customers_are_not_written_to_and_it_says_what_to_do() -> None:
    why = why_not(severity="")
    assert "no severity yet" in why
    assert "incident-kit set severity P2" in why


def test_who_was_written_to_before_hears_the_end_of_it() -> None:
    """The severity was lowered since: nobody is left waiting for an update that was promised."""
    assert why_not(sent(1, NOW, audience="customer"), severity="P3") == ""
    assert why_not(sent(1, NOW, audience="internal"), severity="P3") != ""
    assert why_not(entry(1, Kind.SEVERITY, "", NOW, level="P1"), severity="P3") == ""


@pytest.mark.parametrize(
    "noted",
    [
        entry(1, Kind.OPENED, "Possible breach of accounts", NOW),
        entry(1, Kind.OPENED, "不正アクセスの疑い", NOW),
        entry(1, Kind.SEVERITY, "stolen passwords are tried", NOW, level="P1"),
        entry(1, Kind.ESCALATED, "called the security team", NOW),
        entry(1, Kind.STEP, "", NOW, scenario="security_incident", step=1, outcome="done"),
    ],
    ids=["title", "title in Japanese", "reason for the severity", "escalation", "step of the scenario"],
)
def test_a_suspicion_of_a_breach_needs_approval(noted: Entry) -> None:
    known = facts("quiet")
    why = why_not(noted, known=known)
    assert "line 1 of the journal" in why
    assert "--approved-by NAME" in why
    assert why_not(noted, known=known, approved_by="  ") == why
    assert why_not(noted, known=known, approved_by="Mori") == ""


@pytest.mark.parametrize(
    "noted",
    [
        entry(1, Kind.SEVERITY, "it is not a security incident", NOW, level="P2"),
        entry(1, Kind.ESCALATED, "called the vendor. No breach.", NOW),
        entry(1, Kind.SEVERITY, "セキュリティの問題ではない", NOW, level="P2"),
        entry(1, Kind.OPENED, "Payments fail", NOW),
        entry(1, Kind.NOTE, "the attack of the clones", NOW),
    ],
)
def test_what_is_said_to_be_no_breach_needs_none(noted: Entry) -> None:
    assert why_not(noted) == ""


def test_what_was_struck_out_raises_no_suspicion() -> None:
    called = entry(1, Kind.ESCALATED, "called the security team", NOW)
    assert why_not(called) != ""
    assert why_not(called, entry(2, Kind.STRUCK, "wrong incident", NOW, line=1)) == ""


def test_a_confirmed_breach_needs_approval() -> None:
    why = why_not(known=facts("credential_stuffing"))
    assert "confirmed: Somebody got in after many refused sign-ins" in why


def test_a_report_on_another_scenario_does_not_hide_a_confirmed_breach() -> None:
    known = facts("credential_stuffing")
    other = replace(known, ranked=facts("whmcs_refused").ranked)
    assert "matter of security" in why_not(known=other)
    assert why_not(known=facts("whmcs_refused")) == ""


def test_of_a_breach_a_message_says_neither_cause_nor_countermeasure_nor_what_a_person_noted() -> None:
    state = state_of(
        [
            entry(1, Kind.IMPACT, "One account was opened", NOW),
            entry(2, Kind.ACTION, "revoked all sessions", NOW),
        ]
    )
    for over in (False, True):
        update = recorded.update("credential_stuffing", Audience.CUSTOMER, "en", over=over, state=state)
        text = recorded.text_of(update, "en").lower()
        for word in ("account", "session", "revoked", "sign", "password", "198.51", "refus", "stuffing"):
            assert word not in text


def test_sign_ins_that_strangers_are_refused_are_no_trouble_of_customers() -> None:
    assert hits_of(facts("credential_stuffing"), BOOK.features) == ()


@pytest.mark.parametrize(
    ("recording", "hits"),
    [
        ("whmcs_refused", {"Billing": How.FAILS, "Payments": How.FAILS}),
        ("freebit_slow", {"SIM services": How.SLOW_OR_FAILS}),
        ("platform_events_silent", {"Ordering": How.DELAYED}),
        ("redis_out_of_memory", {"Sign-in": How.FAILS, "Catalogue": How.SLOW_OR_FAILS}),
        ("database_connections", {"Ordering": How.FAILS, "Sign-in": How.FAILS, "SIM services": How.FAILS}),
        ("quiet", {}),
        ("deploy", {}),
    ],
)
def test_the_features_that_customers_notice_are_named(recording: str, hits: dict[str, How]) -> None:
    assert {hit.feature.name: hit.how for hit in hits_of(facts(recording), BOOK.features)} == hits


def test_where_all_routes_suffer_and_no_feature_is_known_it_is_the_whole_service() -> None:
    update, _ = made(known=replace(facts("database_connections"), ranked=()))
    assert [hit.feature.name for hit in update.hits] == ["Ordering", "Sign-in", "SIM services"]
    known = facts("database_connections")
    assert known.impact
    assert known.impact.affected
    everywhere = replace(known.impact, affected=replace(known.impact.affected, routes=()))
    update, _ = made(known=replace(known, ranked=(), impact=everywhere))
    assert (update.everywhere, update.how) == (True, How.FAILS)


def test_an_onset_by_limits_alone_gives_no_figures() -> None:
    """Its measure is a guess: of silent events it would say that a tenth of all requests were slow."""
    known = facts("platform_events_silent")
    assert known.impact
    assert known.impact.by_limits
    update, _ = made(known=known)
    assert (update.affected, update.affected_from, update.recovered) == (None, None, None)


def test_the_onset_is_the_persons_then_the_requests_then_the_first_symptoms() -> None:
    known = facts("whmcs_refused")
    update, _ = made(entry(1, Kind.MILESTONE, "", utc("2026-11-23T16:20:59"), milestone="started"), known=known)
    assert (update.started, update.started_by) == (utc("2026-11-23T16:20:00"), StartedBy.NOTED)
    update, _ = made(known=known)
    assert (update.started, update.started_by) == (utc("2026-11-23T16:27:00"), StartedBy.REQUESTS)
    update, _ = made(known=facts("platform_events_silent"))
    assert (update.started, update.started_by) == (utc("2026-11-23T16:47:00"), StartedBy.SYMPTOM)
    update, _ = made(entry(1, Kind.OPENED, "Payments fail", NOW))
    assert (update.started, update.started_by, update.detected) == (None, None, NOW)


def test_a_beginning_is_rounded_down_and_an_end_up() -> None:
    update, _ = made(known=facts("whmcs_refused"))
    assert (update.affected_from, update.affected_until) == (utc("2026-11-23T16:27:00"), utc("2026-11-23T16:33:00"))
    assert update.affected
    assert (update.affected.n, update.affected.of, update.by_errors) == (224, 228, True)


def test_what_was_not_over_when_last_seen_has_no_end() -> None:
    update, _ = made(known=facts("whmcs_refused", during=True))
    assert (update.affected_until, update.recovered) == (None, None)


def test_the_next_update_is_due_one_cadence_from_now() -> None:
    update, _ = made()
    assert (update.next_update, update.cadence) == (utc("2026-11-23T17:40:00"), HOUR)


def test_a_promised_time_is_the_promised_one() -> None:
    promised = utc("2026-11-23T17:05:00")
    update = update_of(State(), Facts(), BOOK, "x", Audience.CUSTOMER, "P2", NOW, HOUR, promised)
    assert update.next_update == promised


def test_without_a_cadence_there_is_no_next_update() -> None:
    update = update_of(State(), Facts(), BOOK, "x", Audience.INTERNAL, "P3", NOW, None)
    assert (update.next_update, update.cadence) == (None, None)


def test_what_is_resolved_has_no_next_update() -> None:
    state = played("Payments fail", "P2", NOW, over=True)
    update = update_of(state, Facts(), BOOK, "x", Audience.CUSTOMER, "P2", NOW, HOUR)
    assert (update.status, update.next_update, update.cadence) == (Status.RESOLVED, None, None)
    assert update.ended == NOW - timedelta(minutes=1)


def test_the_update_before_is_the_one_to_the_same_readers() -> None:
    earlier = NOW - timedelta(minutes=30)
    entries = (sent(1, earlier, audience="customer"), sent(2, NOW, audience="internal"))
    assert made(*entries)[0].previous == earlier
    assert made(*entries, audience=Audience.INTERNAL)[0].previous == NOW
    assert made()[0].previous is None


def test_actions_are_the_last_five_in_the_order_of_their_times() -> None:
    actions = [
        entry(number, Kind.ACTION, f"action {number}", NOW - timedelta(minutes=number)) for number in range(1, 8)
    ]
    note = entry(8, Kind.NOTE, "no action", NOW)
    update, _ = made(*actions, note)
    assert [action.text for action in update.actions] == [f"action {number}" for number in (5, 4, 3, 2, 1)]
    assert update.actions_before == 2


def test_a_step_of_the_runbook_is_an_action_with_its_result() -> None:
    step = {"scenario": "whmcs_unavailable", "step": 2}
    update, _ = made(
        entry(1, Kind.STEP, "the credentials are right", NOW, outcome="done", **step),
        entry(2, Kind.STEP, "", NOW, outcome="skipped", **step),
    )
    assert [action.text for action in update.actions] == [
        "step 2 of whmcs_unavailable done: the credentials are right",
        "step 2 of whmcs_unavailable skipped",
    ]


def test_the_title_is_the_one_it_was_opened_with() -> None:
    update, _ = made(entry(1, Kind.OPENED, "Orders wait", NOW))
    assert update.title == "Orders wait"
    assert made()[0].title == "Payments fail"
