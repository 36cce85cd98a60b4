"""The timeline as a person reads it: a table in the terminal, Markdown, a calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar

from incident_kit.incident.deadlines import Deadline, Kind, Origin, Standing
from incident_kit.model.finding import Line, Pointer
from incident_kit.timeline.rows import LOGS, OURS, Lane, Row
from incident_kit.view.timeline_calendar import timeline_calendar
from incident_kit.view.timeline_deadlines import deadline_rows
from incident_kit.view.timeline_text import markdown, table

TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(message: str, at: datetime = NOON, **changes: object) -> Row:
    made = Row(at, at, at, at, "logged", message, Lane.SYSTEMS, LOGS, Line("0123456789", 4))
    return replace(made, **changes)  # type: ignore[arg-type]


def answered(question: str, at: datetime = NOON) -> Row:
    return row(f"{question}: What is there?", at, meaning="answered", clock=OURS, citation=Pointer("abcdef0123", ""))


def test_a_row_says_when_where_what_by_whom_and_when_it_was_known() -> None:
    noted = row(
        "action: restarted the BFF",
        NOON + MINUTE,
        meaning="noted",
        lane=Lane.ACTIONS,
        by="Aiko",
        learned=NOON + 13 * MINUTE,
        citation=Line("journal", 3),
        order_unknown=True,
    )
    assert table([row("first failed call to whmcs"), noted], "one: Payments fail", TOKYO, 140) == [
        "one: Payments fail",
        "",
        "2026-11-23",
        "  21:00:07 JST (12:00:07 UTC)   systems        logged: first failed call to whmcs [0123456789 line 4]",
        "  21:01:07 JST (12:01:07 UTC) ≈ actions        action: restarted the BFF (Aiko) (known 12 min 0 s later)"
        " [journal line 3]",
        "",
        "≈ may have come before or after its neighbours: their clocks do not tell.",
    ]


def test_each_day_of_the_people_has_its_heading() -> None:
    lines = table([row("a"), row("b", NOON + 4 * 60 * MINUTE)], "x", TOKYO)
    assert [line for line in lines if line.startswith("2026")] == ["2026-11-23", "2026-11-24"]


def test_a_long_message_goes_on_below_itself_and_no_line_is_wider_than_the_terminal() -> None:
    lines = table([row("word " * 60), row("決済" * 60)], "x", TOKYO, 80)[3:]
    assert len(lines) > 8
    assert all(line.startswith((" " * 47, "  21:00")) for line in lines)
    assert max(map(len, lines)) <= 80


def test_nothing_that_a_stranger_wrote_commands_the_terminal_or_begins_a_line() -> None:
    shown = "\n".join(table([row("a\x1b[2J\u202eb\nroot: fake", by="x\x07")], "x\x1b", UTC))
    assert not set("\x1b\u202e\x07") & set(shown)
    assert "\\nroot: fake" in shown


def test_questions_that_were_answered_one_after_the_other_are_one_line() -> None:
    rows = [answered("redis.ping"), answered("redis.info"), answered("postgres.locks"), row("x"), answered("health")]
    lines = [line for line in table(rows, "x", UTC) if "systems" in line]
    assert "answered: 3 questions to live systems (postgres 1, redis 2)" in lines[0]
    assert len(lines) == 3


def test_an_hour_that_comes_twice_says_between_which_times_it_lies() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    told = row("x", first, latest=first + timedelta(hours=1))
    (line,) = (line for line in table([told], "x", BERLIN) if "systems" in line)
    assert "(between 02:30:00 CEST and 02:30:00 CET)" in line


def test_an_incident_of_which_nothing_is_known_says_so() -> None:
    assert table([], "one: x", UTC)[-1].startswith("Nothing is known yet")


def test_markdown_has_both_times_and_no_markup_of_a_stranger() -> None:
    lines = markdown([row("a | b <img src=x> [link](http://x) `c`")], "one: *x*", TOKYO).split("\n")
    assert lines[0] == "# one: \\*x\\*"
    assert lines[2].startswith("| JST | UTC | Order | Lane | What happened |")
    cells = lines[4].replace("\\|", "").split("|")
    assert [cell.strip() for cell in cells[1:3]] == ["2026-11-23 21:00:07", "2026-11-23 12:00:07"]
    assert "\\<img src=x\\> \\[link\\](http://x) \\`c\\`" in lines[4]
    assert "| UTC | Order |" in markdown([row("a")], "x", UTC).split("\n")[2]
    assert "JST" not in markdown([row("a")], "x", UTC)


def deadline(standing: Standing = Standing.RUNNING, late: timedelta = timedelta(0)) -> Deadline:
    return Deadline(
        Kind.ESCALATE, "L2", Origin("acknowledged", NOON), "P1 after 30 min", NOON + 30 * MINUTE, standing, None, late
    )


def test_a_deadline_is_a_row_at_the_time_it_is_due_known_since_its_clock_began() -> None:
    (due,) = deadline_rows([deadline()], NOON + 10 * MINUTE)
    assert (due.moment, due.learned, due.lane, due.citation) == (NOON + 30 * MINUTE, NOON, Lane.DEADLINES, None)
    assert due.message == "call L2: in 20 min (P1 after 30 min)"
    (missed,) = deadline_rows([deadline(Standing.MISSED, 12 * MINUTE)], NOON + 42 * MINUTE)
    assert missed.message.startswith("call L2: overdue 12 min")


def test_a_calendar_program_reads_the_timeline_and_its_deadlines_once_each() -> None:
    now = NOON + 10 * MINUTE
    rows = [row("first failed call; to, whmcs " + "é" * 300), *deadline_rows([deadline()], now)]
    text = timeline_calendar(rows, [deadline()], "one", "Payments fail", now, TOKYO)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    events = Calendar.from_ical(text).walk("VEVENT")
    assert [event["DTSTART"].dt for event in events] == [NOON, NOON + 30 * MINUTE]
    assert str(events[0]["SUMMARY"]).startswith("one: logged: first failed call; to, whmcs é")
    assert str(events[1]["SUMMARY"]) == "one: call L2"
    assert len({str(event["UID"]) for event in events}) == 2


def test_a_row_keeps_its_place_in_the_calendar_when_it_is_given_again() -> None:
    first, second = (
        timeline_calendar([row("x"), row("y", order_unknown=unknown)], [], "one", "t", NOON, UTC)
        for unknown in (False, True)
    )
    uids = [[str(event["UID"]) for event in Calendar.from_ical(text).walk("VEVENT")] for text in (first, second)]
    assert uids[0] == uids[1]
    assert len(set(uids[0])) == 2
