"""The rows of a timeline: their lanes, what they cite, when they were learned, and whether their order is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from incident_kit.analysis.onset import Moment, Onset
from incident_kit.evidence.journal import Entry
from incident_kit.model.answer import Answer, Fault, ServerClock, Status, StoredAnswer
from incident_kit.model.finding import Event, Figure, Line, Pointer
from incident_kit.model.times import Window
from incident_kit.timeline.impact import Impact
from incident_kit.timeline.rows import (
    LOGS,
    OURS,
    PEOPLE,
    Lane,
    Row,
    answer_rows,
    clock_error,
    event_rows,
    in_order,
    journal_rows,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NO_IMPACT = Impact(None, None, None, None, (), None, None)


def row(since: float, until: float | None = None, clock: str = LOGS, message: str = "x") -> Row:
    earliest, latest = NOON + since * SECOND, NOON + (since if until is None else until) * SECOND
    return Row(earliest, earliest, latest, None, "logged", message, Lane.SYSTEMS, clock, Line("item", 1))


def entry(kind: str, happened: datetime, written: datetime, **data: Any) -> Entry:
    return Entry(7, kind, "a text", happened, written, "Aiko", data)


def unknown(*rows: Row) -> list[str]:
    return [row.message for row in in_order(rows) if row.order_unknown]


def test_times_of_one_clock_have_an_order_however_wide_they_are() -> None:
    assert unknown(row(0, 60, message="a"), row(30, message="b")) == []


def test_an_interval_in_which_another_clock_says_something_has_no_known_order_to_it() -> None:
    assert unknown(row(0, 60, PEOPLE, "note"), row(30, message="log"), row(61, message="after")) == ["note", "log"]


def test_every_row_within_a_wide_interval_is_marked_and_not_only_its_neighbour() -> None:
    rows = [row(0, 60, PEOPLE, "note"), row(10, message="a"), row(20, message="b"), row(70, message="c")]
    assert unknown(*rows) == ["note", "a", "b"]


def test_a_wide_interval_is_known_to_overlap_behind_rows_of_its_own_clock() -> None:
    rows = [row(0, 60, PEOPLE, "wide"), row(1, 2, PEOPLE, "narrow"), row(30, message="log")]
    assert unknown(*rows) == ["wide", "log"]


def test_the_same_moment_of_two_clocks_has_no_order() -> None:
    assert unknown(row(0, message="a"), row(0, clock=OURS, message="b")) == ["a", "b"]


def test_a_measured_offset_of_a_clock_widens_the_time_and_never_moves_it() -> None:
    ahead = ServerClock(NOON, offset_ms=40_000, error_ms=500, round_trip_ms=20)
    event = Event(NOON, "logged", "first failed call", "dependencies", Line("item", 4))
    (widened,) = event_rows([event], NO_IMPACT, NOON, {}, clock_error([ahead]))
    assert (widened.moment, widened.earliest, widened.latest) == (NOON, NOON - 40.5 * SECOND, NOON)
    assert unknown(widened, row(-10, clock=PEOPLE, message="note")) == ["note", "first failed call"]


def test_of_several_comparisons_of_a_clock_all_are_believed() -> None:
    clocks = [ServerClock(NOON, offset, 500, 20) for offset in (-2000.0, 3000.0)]
    error = clock_error(clocks)
    assert error is not None
    assert error.around(NOON, NOON) == (NOON - 3.5 * SECOND, NOON + 2.5 * SECOND)
    assert clock_error([]) is None


def test_an_onset_has_its_interval_and_was_learned_when_the_analysis_was_made() -> None:
    began = Moment(NOON, NOON - 20 * SECOND, NOON + 20 * SECOND)
    onset = Onset(None, "errors", began, None, 0.01, 0.9, Window(NOON - 600 * SECOND, NOON), 9.0, 100)
    cited = Figure(("item",), "affected_requests", 3, (Line("item", 4),))
    event, made = Event(NOON, "onset", "all requests", "onset", cited), NOON + 3600 * SECOND
    (shown,) = event_rows([event], Impact(onset, cited, None, None, (), None, NOON), made, {"item": NOON + SECOND})
    assert (shown.earliest, shown.latest, shown.learned) == (NOON - 20 * SECOND, NOON + 20 * SECOND, made)
    assert shown.lane is Lane.SYMPTOMS


def test_what_a_log_says_was_learned_when_the_log_was_collected() -> None:
    event = Event(NOON, "logged", "the application started (pid 7)", "process", Line("item", 4))
    (shown,) = event_rows([event], NO_IMPACT, NOON, {"item": NOON + 900 * SECOND})
    assert (shown.learned, shown.lane, shown.clock) == (NOON + 900 * SECOND, Lane.SYSTEMS, LOGS)


def test_the_journal_within_a_run_is_left_to_the_journal_itself() -> None:
    event = Event(NOON, "noted", "note: a text", "journal", Line("journal", 7))
    assert event_rows([event], NO_IMPACT, NOON, {}) == []


def test_an_answer_says_how_it_went_and_is_cited_whole() -> None:
    answer = Answer("redis.info", "?", "REDIS_URL", NOON, 2000, Status.FAILED, "connection refused", fault=Fault.SYSTEM)
    not_asked = Answer("postgres", "?", "DATABASE_URL", NOON, 0, Status.NOT_CHECKED, "no address")
    (shown,) = answer_rows([StoredAnswer("item", answer), StoredAnswer("other", not_asked)])
    assert (shown.meaning, shown.message) == ("not answered", "redis.info: connection refused")
    assert (shown.citation, shown.learned) == (Pointer("item", ""), NOON + 2 * SECOND)


def test_a_minute_that_a_person_typed_is_any_time_of_it() -> None:
    (typed,) = journal_rows([entry("action", NOON, NOON + 700 * SECOND)])
    assert (typed.earliest, typed.clock) == (NOON, PEOPLE)
    assert NOON + 59 * SECOND < typed.latest < NOON + 60 * SECOND
    assert (typed.learned, typed.by, typed.lane) == (NOON + 700 * SECOND, "Aiko", Lane.ACTIONS)
    (precise,) = journal_rows([entry("action", NOON + SECOND, NOON + 700 * SECOND)])
    assert precise.latest == precise.earliest


def test_what_was_noted_as_it_happened_is_of_this_machines_clock() -> None:
    (noted,) = journal_rows([entry("note", NOON, NOON)])
    assert (noted.clock, noted.latest) == (OURS, NOON)


def test_an_alert_is_communication_by_the_clock_of_its_system_to_the_second() -> None:
    (alert,) = journal_rows([entry("alert", NOON, NOON + SECOND, system="PagerDuty", fingerprints=["f"])])
    assert (alert.clock, alert.latest, alert.lane) == ("PagerDuty", NOON, Lane.COMMUNICATION)
    (over,) = journal_rows([entry("note", NOON, NOON + SECOND, system="PagerDuty", fingerprints=["f"])])
    assert over.lane is Lane.COMMUNICATION


def test_custody_and_what_was_struck_out_are_no_rows() -> None:
    struck = Entry(8, "struck", "wrong", NOON, NOON, "Aiko", {"line": 7})
    assert journal_rows([entry("note", NOON, NOON), struck, Entry(9, "custody", "sealed", NOON, NOON, "x")]) == []


def test_a_kind_of_entry_of_another_version_is_peoples() -> None:
    (shown,) = journal_rows([entry("hunch", NOON, NOON)])
    assert (shown.lane, shown.message) == (Lane.PEOPLE, "hunch: a text")
