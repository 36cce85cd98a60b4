"""Deadlines as a calendar: other programs read it, whatever a person wrote into the journal."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from incident_kit import runbook
from incident_kit.evidence.journal import Kind
from incident_kit.incident.deadlines import Deadline, Standing, deadlines
from incident_kit.incident.levels import level_history
from incident_kit.view.calendar import calendar
from tests.incident.played import Played, minute

BOOK = runbook.load()
TOKYO = ZoneInfo("Asia/Tokyo")
NOW = minute(40)


def due(played: Played) -> tuple[Deadline, ...]:
    return deadlines(played.state, BOOK.policy, level_history(played.state), NOW, TOKYO)


def events(text: str) -> list[dict[str, object]]:
    """What another reader makes of it: summary, start, status, uid, description, alarms."""
    return [
        {
            "summary": str(event["SUMMARY"]),
            "start": event.decoded("DTSTART"),
            "status": str(event["STATUS"]),
            "uid": str(event["UID"]),
            "stamp": event.decoded("DTSTAMP"),
            "description": str(event["DESCRIPTION"]),
            "alarms": len(event.walk("VALARM")),
        }
        for event in Calendar.from_ical(text.encode()).walk("VEVENT")
    ]


def played_through(note: str = "SF_EVENTS_REPLAY=ALL") -> Played:
    played = Played()
    played.opened(0)
    played.severity("P1", 1)
    played.milestone("acknowledged", 5)
    played.update("internal", 20)
    played.add(Kind.ACTION, 10, note, temporary=True)
    played.severity("P2", 25)
    played.severity("P1", 30)
    played.milestone("resolved", 38)
    return played


def test_each_deadline_is_an_event_at_its_time_and_a_review_one_of_its_day() -> None:
    of = due(played_through())
    read = events(calendar(of, "20261123-a1b2", "Top-ups fail", NOW, TOKYO))
    assert len(read) == len(of)
    for deadline, event in zip(of, read, strict=True):
        expected = date(2026, 11, 26) if deadline.kind == "review" else deadline.due
        assert event["start"] == expected
        assert event["stamp"] == NOW
        assert event["status"] == ("CANCELLED" if deadline.standing is Standing.NOT_NEEDED else "CONFIRMED")
        assert event["alarms"] == (1 if deadline.standing is Standing.RUNNING else 0)
    assert read[0]["summary"] == "20261123-a1b2: respond (kept)"
    assert read[0]["description"] == (
        "Top-ups fail. Respond: kept, due 18:15 JST (09:15 UTC). P1: somebody responds within 15 min; "
        "from line 1 (opened), kept by line 3"
    )


def test_lines_are_as_the_standard_has_them() -> None:
    text = calendar(due(played_through("決済が失敗した" * 20)), "one", "Top-ups fail", NOW, TOKYO)
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75


@given(st.text(max_size=200), st.text(max_size=80))
def test_what_people_write_is_text_and_never_another_line(note: str, title: str) -> None:
    of = due(played_through(note or "x"))
    read = events(calendar(of, "one", title, NOW, TOKYO))
    assert len(read) == len(of)
    assert len({event["uid"] for event in read}) == len(of)


def test_semicolons_commas_and_line_ends_survive() -> None:
    (event,) = [
        event
        for event in events(calendar(due(played_through("a;b,c\\d\nBEGIN:VALARM")), "one", "t", NOW, TOKYO))
        if "put back" in str(event["summary"])
    ]
    assert event["summary"] == "one: put back: a;b,c\\d\\nBEGIN:VALARM"


def test_a_clock_that_moves_keeps_its_uid() -> None:
    played = Played()
    played.opened(0)
    played.severity("P2", 1)
    earlier = events(calendar(due(played), "one", "t", NOW, TOKYO))
    played.milestone("acknowledged", 35)
    later = events(calendar(due(played), "one", "t", NOW + timedelta(minutes=1), TOKYO))
    assert [event["uid"] for event in earlier if "L2" in str(event["summary"])] != []
    assert {event["uid"] for event in earlier if "update" in str(event["summary"])} == {
        event["uid"] for event in later if "update" in str(event["summary"])
    }
