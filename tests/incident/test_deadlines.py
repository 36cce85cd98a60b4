"""By when somebody has to do what, as an incident goes on: respond, escalate, update, revert, review."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_kit import runbook
from incident_kit.evidence.journal import Kind as EntryKind
from incident_kit.incident.deadlines import (
    Deadline,
    Kind,
    Standing,
    deadlines,
    end_of_business_day,
    pending,
)
from incident_kit.incident.facts import Facts
from incident_kit.incident.levels import LevelFrom, level_history, levels_by_facts
from incident_kit.incident.triggers import Shown, Triggers
from incident_kit.model.finding import Line
from incident_kit.model.severity import Assessment, RuleMet
from incident_kit.model.times import Window, iso
from tests.incident.played import START, Played, minute

BOOK = runbook.load()
TOKYO = ZoneInfo("Asia/Tokyo")


def due(
    played: Played, now: float, triggers: Triggers | None = None, assessed: str = "", zone: tzinfo = TOKYO
) -> tuple[Deadline, ...]:
    state = played.state
    moment = played.start + timedelta(minutes=now)
    by_facts = [LevelFrom(assessed, state.detected)] if assessed and state.detected else []
    return deadlines(state, BOOK.policy, level_history(state, by_facts), moment, zone, triggers)


def of(kind: Kind, all_of_them: tuple[Deadline, ...], whom: str = "") -> list[tuple[float, Standing, int | None]]:
    """Minute, standing and line of the deadlines of a kind."""
    return [
        ((deadline.due - START) / timedelta(minutes=1), deadline.standing, deadline.entry and deadline.entry.line)
        for deadline in all_of_them
        if deadline.kind is kind and deadline.whom == whom
    ]


@pytest.fixture
def p1() -> Played:
    """A P1 that was opened at minute 0 and rated at minute 2."""
    played = Played()
    played.opened(0)
    played.severity("P1", 2)
    return played


@pytest.mark.parametrize(("level", "minutes"), [("P1", 15), ("P2", 60), ("P3", 240), ("P4", 1440)])
def test_a_response_is_due_by_the_severity_since_it_was_detected(level: str, minutes: int) -> None:
    played = Played()
    played.opened(5)
    played.milestone("detected", 0)
    played.severity(level, 6)
    assert of(Kind.RESPOND, due(played, 10)) == [(minutes, Standing.RUNNING, None)]


def test_without_the_detection_it_runs_from_the_opening_never_from_the_start() -> None:
    played = Played()
    played.milestone("started", -60)
    played.opened(0)
    played.severity("P1", 1)
    (deadline,) = [deadline for deadline in due(played, 2) if deadline.kind is Kind.RESPOND]
    assert (deadline.due, deadline.origin.text, deadline.rule) == (
        minute(15),
        "opened",
        "P1: somebody responds within 15 min",
    )


def test_an_acknowledgement_in_time_keeps_it_and_a_late_one_says_by_how_much(p1: Played) -> None:
    line = p1.milestone("acknowledged", 9)
    assert of(Kind.RESPOND, due(p1, 90)) == [(15, Standing.KEPT, line)]
    p1.milestone("acknowledged", 22)
    (late,) = [deadline for deadline in due(p1, 90) if deadline.kind is Kind.RESPOND]
    assert (late.standing, late.late, late.is_pending) == (Standing.MISSED, timedelta(minutes=7), False)


def test_without_a_severity_no_clock_runs_and_the_assessed_one_counts_until_a_person_sets_it() -> None:
    played = Played()
    played.opened(0)
    assert due(played, 30) == ()
    assert of(Kind.RESPOND, due(played, 30, assessed="P2")) == [(60, Standing.RUNNING, None)]
    played.severity("P3", 31)
    assert of(Kind.RESPOND, due(played, 32, assessed="P2")) == [
        (60, Standing.NOT_NEEDED, 2),
        (240, Standing.RUNNING, None),
    ]


def test_a_graver_severity_by_facts_that_came_later_is_not_missed_when_it_becomes_known() -> None:
    played = Played()
    played.opened(0)
    met = (
        RuleMet("down", "P1", "It is down.", (Line("second", 4),), minute(-30)),
        RuleMet("slow", "P2", "It is slow.", (Line("first", 4),), minute(-30)),
    )
    facts = Facts("runs/one", Window(minute(-60), minute(50)), assessment=Assessment(met))
    by_facts = levels_by_facts(facts, played.state, {"first": minute(-2), "second": minute(50)})
    assert by_facts == (LevelFrom("P2", minute(0)), LevelFrom("P1", minute(50)))
    all_of_them = deadlines(played.state, BOOK.policy, level_history(played.state, by_facts), minute(51), TOKYO)
    assert of(Kind.RESPOND, all_of_them) == [(60, Standing.RUNNING, None)]
    assert all(deadline.standing is not Standing.MISSED for deadline in all_of_them)


def test_a_suspicion_that_a_person_notes_counts_from_its_entry() -> None:
    played = Played()
    played.opened(0)
    met = (RuleMet("security", "P1", "Aki noted it.", (Line("journal", 2),), minute(12)),)
    assert levels_by_facts(Facts(assessment=Assessment(met)), played.state, {}) == (LevelFrom("P1", minute(12)),)
    assert levels_by_facts(Facts(assessment=Assessment(met)), Played().state, {}) == ()


def test_a_severity_that_is_set_after_its_time_is_not_missed_when_it_is_set() -> None:
    played = Played()
    played.opened(0)
    played.severity("P1", 40)
    assert of(Kind.RESPOND, due(played, 41)) == [(55, Standing.RUNNING, None)]


def test_raised_it_is_due_at_the_earlier_of_the_old_time_and_the_change_with_its_allowance(p1: Played) -> None:
    played = Played()
    played.opened(0)
    played.severity("P2", 1)
    played.severity("P1", 10)
    assert of(Kind.RESPOND, due(played, 11)) == [(25, Standing.RUNNING, None)]
    played = Played()
    played.opened(0)
    played.severity("P2", 1)
    played.severity("P1", 55)
    assert of(Kind.RESPOND, due(played, 56)) == [(60, Standing.RUNNING, None)]


def test_lowered_the_running_clocks_end_as_not_needed(p1: Played) -> None:
    line = p1.severity("P4", 10)
    all_of_them = due(p1, 20)
    assert of(Kind.RESPOND, all_of_them) == [(15, Standing.NOT_NEEDED, line), (1440, Standing.RUNNING, None)]
    for kind, whom in (
        (Kind.INTERNAL_UPDATE, ""),
        (Kind.CUSTOMER_UPDATE, ""),
        (Kind.ESCALATE, "L2"),
        (Kind.ESCALATE, "L3"),
    ):
        assert [standing for _, standing, _ in of(kind, all_of_them, whom)] == [Standing.NOT_NEEDED]


def test_lowered_what_was_kept_or_missed_stays(p1: Played) -> None:
    acknowledged = p1.milestone("acknowledged", 5)
    p1.severity("P3", 40)
    assert of(Kind.RESPOND, due(p1, 50)) == [(15, Standing.KEPT, acknowledged)]
    assert of(Kind.ESCALATE, due(p1, 50), "L2") == [(35, Standing.MISSED, None)]


def test_the_second_level_counts_from_the_acknowledgement_or_from_when_it_was_due(p1: Played) -> None:
    assert of(Kind.ESCALATE, due(p1, 20), "L2") == [(45, Standing.RUNNING, None)]
    p1.milestone("acknowledged", 5)
    assert of(Kind.ESCALATE, due(p1, 20), "L2") == [(35, Standing.RUNNING, None)]
    line = p1.called("L2", 30)
    assert of(Kind.ESCALATE, due(p1, 90), "L2") == [(35, Standing.KEPT, line)]


def test_the_third_level_is_called_after_an_hour_at_p1_only(p1: Played) -> None:
    assert of(Kind.ESCALATE, due(p1, 20), "L3") == [(60, Standing.RUNNING, None)]
    played = Played()
    played.opened(0)
    played.severity("P2", 0)
    assert of(Kind.ESCALATE, due(played, 20), "L3") == []
    assert of(Kind.ESCALATE, due(played, 20), "L2") == [(90, Standing.RUNNING, None)]


def test_where_customers_are_hit_the_third_level_is_called_at_once() -> None:
    played = Played()
    played.opened(0)
    played.severity("P2", 0)
    triggers = Triggers(customers=Shown(minute(12), "billing fails"))
    assert of(Kind.ESCALATE, due(played, 12, triggers), "L3") == [(12, Standing.RUNNING, None)]
    played.severity("P3", 4)
    assert of(Kind.ESCALATE, due(played, 12, triggers), "L3") == []


def test_what_is_resolved_in_time_needs_no_call(p1: Played) -> None:
    p1.milestone("acknowledged", 5)
    line = p1.milestone("resolved", 30)
    assert of(Kind.ESCALATE, due(p1, 90), "L2") == [(35, Standing.NOT_NEEDED, line)]
    assert of(Kind.INTERNAL_UPDATE, due(p1, 90)) == [(30, Standing.NOT_NEEDED, line)]


def test_what_was_missed_before_the_resolution_stays_missed_by_that_long(p1: Played) -> None:
    p1.milestone("acknowledged", 5)
    p1.milestone("resolved", 50)
    (missed,) = [deadline for deadline in due(p1, 900) if deadline.whom == "L2"]
    assert (missed.standing, missed.late, missed.is_pending) == (Standing.MISSED, timedelta(minutes=15), False)


def test_a_vendor_is_called_on_a_confirmed_failure_and_only_a_call_to_it_counts(p1: Played) -> None:
    triggers = Triggers(
        vendors={"whmcs": Shown(minute(8), "calls to WHMCS fail"), "freebit": Shown(minute(9), "Freebit fails")}
    )
    p1.called("L4", 10, "Freebit's support, ticket 4711")
    assert of(Kind.ESCALATE, due(p1, 20, triggers), "whmcs") == [(8, Standing.MISSED, None)]
    assert of(Kind.ESCALATE, due(p1, 20, triggers), "freebit") == [(9, Standing.MISSED, 3)]
    assert of(Kind.ESCALATE, due(p1, 20), "whmcs") == []


def test_the_salesforce_administrator_is_called_after_half_an_hour(p1: Played) -> None:
    scenario = BOOK.scenario("platform_events")
    triggers = Triggers(rules=[(rule, Shown(minute(4), "events do not arrive")) for rule in scenario.rules])
    assert of(Kind.CALL, due(p1, 20, triggers), "salesforce_admin") == [(30, Standing.RUNNING, None)]
    assert of(Kind.ESCALATE, due(p1, 20, triggers), "L2") == [(30, Standing.RUNNING, None)]  # earlier than the policy's
    line = p1.called("", 25, to="salesforce_admin")
    assert of(Kind.CALL, due(p1, 40, triggers), "salesforce_admin") == [(30, Standing.KEPT, line)]


def test_at_a_suspicion_of_a_break_in_the_team_the_lead_and_management_are_called_at_once(p1: Played) -> None:
    scenario = BOOK.scenario("security_incident")
    triggers = Triggers(rules=[(rule, Shown(minute(4), "somebody got in")) for rule in scenario.rules])
    all_of_them = due(p1, 4, triggers)
    assert of(Kind.CALL, all_of_them, "security_team") == [(4, Standing.RUNNING, None)]
    assert of(Kind.ESCALATE, all_of_them, "L2") == of(Kind.ESCALATE, all_of_them, "L3") == [(4, Standing.RUNNING, None)]


def test_each_update_restarts_its_clock_by_severity_or_as_it_promised(p1: Played) -> None:
    first = p1.update("internal", 20)
    second = p1.update("internal", 55, next_minute=70)
    assert of(Kind.INTERNAL_UPDATE, due(p1, 60)) == [
        (30, Standing.KEPT, first),
        (50, Standing.MISSED, second),
        (70, Standing.RUNNING, None),
    ]
    assert of(Kind.CUSTOMER_UPDATE, due(p1, 60)) == [(30, Standing.MISSED, None)]


def test_after_the_resolution_no_update_is_due(p1: Played) -> None:
    p1.update("customer", 20)
    p1.milestone("resolved", 40)
    last = p1.update("customer", 45)
    assert of(Kind.CUSTOMER_UPDATE, due(p1, 300)) == [(30, Standing.KEPT, 3), (50, Standing.KEPT, last)]


def test_what_was_changed_for_a_while_goes_back_though_the_incident_is_over(p1: Played) -> None:
    changed = p1.add(EntryKind.ACTION, 10, "SF_EVENTS_REPLAY=ALL", temporary=True, revert_by=iso(minute(60)))
    other = p1.add(EntryKind.ACTION, 12, "timeout 30 s", temporary=True)
    p1.milestone("resolved", 30)
    p1.add(EntryKind.CLOSED, 31)
    assert of(Kind.REVERT, due(p1, 70)) == [(60, Standing.MISSED, None), (252, Standing.RUNNING, None)]
    undone = p1.add(EntryKind.ACTION, 75, "unset again", undoes=changed)
    back = p1.add(EntryKind.ACTION, 80, "5 s again", undoes=other)
    assert of(Kind.REVERT, due(p1, 90)) == [(60, Standing.MISSED, undone), (252, Standing.KEPT, back)]


def test_a_review_is_owed_if_it_was_ever_grave_by_the_third_business_day_where_the_people_are(p1: Played) -> None:
    p1.severity("P4", 20)
    p1.milestone("resolved", 30)
    (review,) = [deadline for deadline in due(p1, 40) if deadline.kind is Kind.REVIEW]
    # Monday 18:30 in Tokyo; Thursday ends there at 15:00 UTC.
    assert iso(review.due) == "2026-11-26T14:59:59.000Z"
    light = Played()
    light.opened(0)
    light.severity("P3", 1)
    light.milestone("resolved", 30)
    assert due(light, 40)[-1].kind is Kind.RESPOND


@pytest.mark.parametrize(
    ("resolved", "zone", "expected"),
    [
        ("2026-11-27T10:00:00+00:00", "Europe/Berlin", "2026-12-02T22:59:59.000Z"),  # a Friday, over a weekend
        ("2026-11-28T10:00:00+00:00", "Europe/Berlin", "2026-12-02T22:59:59.000Z"),  # a Saturday
        ("2026-03-26T10:00:00+00:00", "Europe/Berlin", "2026-03-31T21:59:59.000Z"),  # over the change to summer time
        ("2026-10-22T10:00:00+00:00", "Europe/Berlin", "2026-10-27T22:59:59.000Z"),  # and back
        ("2026-11-27T16:30:00+00:00", "Asia/Tokyo", "2026-12-02T14:59:59.000Z"),  # Saturday there already
    ],
)
def test_business_days_are_the_peoples_over_weekends_and_changes_of_the_clock(
    resolved: str, zone: str, expected: str
) -> None:
    assert iso(end_of_business_day(datetime.fromisoformat(resolved), 3, ZoneInfo(zone))) == expected


def test_holidays_are_no_business_days() -> None:
    resolved = datetime(2026, 12, 24, 10, tzinfo=UTC)
    holidays = {date(2026, 12, 25), date(2027, 1, 1)}
    assert iso(end_of_business_day(resolved, 3, ZoneInfo("Europe/Berlin"), holidays)) == "2026-12-30T22:59:59.000Z"


def test_opened_again_its_clocks_run_from_then(p1: Played) -> None:
    p1.milestone("acknowledged", 5)
    p1.milestone("resolved", 30)
    p1.add(EntryKind.CLOSED, 40)
    p1.add(EntryKind.REOPENED, 600)
    all_of_them = due(p1, 605)
    assert of(Kind.RESPOND, all_of_them) == [(615, Standing.RUNNING, None)]
    assert [deadline.standing for deadline in all_of_them] == [Standing.RUNNING] * len(all_of_them)


def test_pending_are_the_running_and_the_overdue_the_most_urgent_first(p1: Played) -> None:
    p1.update("internal", 29)
    assert [(deadline.kind, deadline.whom) for deadline in pending(due(p1, 50))] == [
        (Kind.RESPOND, ""),
        (Kind.CUSTOMER_UPDATE, ""),
        (Kind.ESCALATE, "L2"),
        (Kind.INTERNAL_UPDATE, ""),
        (Kind.ESCALATE, "L3"),
    ]


SEVERITIES = st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["P1", "P2", "P3", "P4"])), min_size=1, max_size=6)
EVENTS = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["acknowledged", "L2", "L3", "internal", "customer"])), max_size=5
)


def played_with(severities: list[tuple[int, str]], events: list[tuple[int, str]]) -> Played:
    played = Played()
    played.opened(0)
    for at_minute, level in sorted(severities):
        played.severity(level, at_minute)
    for at_minute, name in sorted(events):
        if name == "acknowledged":
            played.milestone(name, at_minute)
        elif name.startswith("L"):
            played.called(name, at_minute)
        else:
            played.update(name, at_minute)
    return played


def key(deadline: Deadline) -> tuple[object, ...]:
    return (deadline.kind, deadline.whom, deadline.origin.entry and deadline.origin.entry.line, deadline.due)


@given(SEVERITIES, EVENTS, st.integers(301, 400), st.sampled_from(["P1", "P2", "P3"]))
def test_nothing_is_missed_at_the_moment_the_severity_is_raised(
    severities: list[tuple[int, str]], events: list[tuple[int, str]], now: int, level: str
) -> None:
    before = played_with(severities, events)
    after = played_with(severities, events)
    current = before.state.severity
    assert current
    if level >= current.level:
        return
    after.severity(level, now)
    was_missed = {(d.kind, d.whom, d.due) for d in due(before, now) if d.standing is Standing.MISSED}
    missed = {(d.kind, d.whom, d.due) for d in due(after, now) if d.standing is Standing.MISSED}
    assert missed <= was_missed


@given(SEVERITIES, EVENTS, st.integers(301, 400))
def test_lowering_ends_what_runs_and_leaves_what_was_kept_or_missed(
    severities: list[tuple[int, str]], events: list[tuple[int, str]], now: int
) -> None:
    before = played_with(severities, events)
    after = played_with(severities, events)
    after.severity("P4", now)
    if before.state.severity and before.state.severity.level == "P4":
        return
    lowered = due(after, now)
    standings = {key(deadline): deadline.standing for deadline in lowered}
    ended = {(deadline.kind, deadline.whom) for deadline in lowered if deadline.standing is Standing.NOT_NEEDED}
    for deadline in due(before, now):
        if deadline.standing in (Standing.KEPT, Standing.MISSED):
            assert standings[key(deadline)] is deadline.standing
        elif deadline.due > minute(now):
            assert (deadline.kind, deadline.whom) in ended
    assert {deadline.kind for deadline in lowered if deadline.standing is Standing.RUNNING} <= {Kind.RESPOND}


@given(SEVERITIES, EVENTS, st.integers(301, 2000))
def test_what_was_kept_stays_kept_however_long_it_goes_on(
    severities: list[tuple[int, str]], events: list[tuple[int, str]], later: int
) -> None:
    played = played_with(severities, events)
    soon, late = due(played, 300), due(played, later)
    standings = {key(deadline): deadline.standing for deadline in late}
    for deadline in soon:
        if deadline.standing is not Standing.RUNNING:
            assert standings[key(deadline)] is deadline.standing


@given(SEVERITIES, EVENTS)
def test_nothing_is_due_before_its_own_beginning(
    severities: list[tuple[int, str]], events: list[tuple[int, str]]
) -> None:
    assert all(deadline.due >= deadline.origin.since for deadline in due(played_with(severities, events), 400))
