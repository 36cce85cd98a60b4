"""The team's holidays, from days written down and from calendar files of others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from incident_kit.config import settings
from incident_kit.config.holidays import Holidays, read_holidays
from incident_kit.errors import ConfigurationError

# Folded lines, a whole-day event of two days, one that comes each year, and one with a time.
CALENDAR = """\
BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//a calendar//\r
BEGIN:VEVENT\r
UID:1@example\r
SUMMARY:A holiday with a very long name that a program folds after seventy-\r
 five octets\r
DTSTART;VALUE=DATE:20261\r
 231\r
DTEND;VALUE=DATE:20270102\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20240503\r
RRULE:FREQ=YEARLY\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;TZID=Asia/Tokyo:20261123T000000\r
END:VEVENT\r
END:VCALENDAR\r
"""


def holidays_of(folder: Path, text: str) -> Holidays:
    (folder / "incident-kit.toml").write_text(text, encoding="utf-8")
    return read_holidays(settings.load(folder / "incident-kit.toml").holidays)


def test_days_and_calendar_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "japan.ics").write_text(CALENDAR, encoding="utf-8", newline="")
    holidays = holidays_of(tmp_path, 'holidays = ["2026-12-25", 2026-12-24, "japan.ics"]')
    assert holidays.dates == {
        date(2026, 12, 25),
        date(2026, 12, 24),
        date(2026, 12, 31),
        date(2027, 1, 1),
        date(2026, 11, 23),
    }


def test_a_holiday_of_each_year_is_one_in_later_years_too(tmp_path: Path) -> None:
    (tmp_path / "japan.ics").write_text(CALENDAR, encoding="utf-8", newline="")
    holidays = holidays_of(tmp_path, 'holidays = ["japan.ics"]')
    assert date(2031, 5, 3) in holidays
    assert date(2023, 5, 3) not in holidays
    assert date(2031, 5, 4) not in holidays


@pytest.mark.parametrize(
    ("entry", "calendar", "words"),
    [
        ('"1 January"', "", "line 1: holidays must be a list of days and calendar files"),
        ("2027", "", "line 1: holidays must be a list of days"),
        ("2027-01-01T00:00:00Z", "", "line 1: holidays must be a list of days"),
        ('"gone.ics"', "", "gone.ics: cannot be read: No such file"),
        ('"japan.ics"', "<html>", "japan.ics, line 1: not a calendar file"),
        ('"japan.ics"', CALENDAR.replace("20240503", "20240230"), "japan.ics, line 13: '20240230' is no day"),
        ('"japan.ics"', CALENDAR.replace("FREQ=YEARLY", "FREQ=YEARLY;BYDAY=2MO;BYMONTH=1"), "line 14: the rule"),
        ('"japan.ics"', CALENDAR.replace("20270102", "20280102"), "line 8: a holiday of 367 days"),
    ],
)
def test_what_is_no_holiday_is_named_by_its_line(tmp_path: Path, entry: str, calendar: str, words: str) -> None:
    if calendar:
        (tmp_path / "japan.ics").write_text(calendar, encoding="utf-8", newline="")
    with pytest.raises(ConfigurationError) as raised:
        holidays_of(tmp_path, f"holidays = [{entry}]")
    assert words in str(raised.value)


def test_an_appointment_and_what_was_cancelled_are_no_holidays(tmp_path: Path) -> None:
    path = tmp_path / "team.ics"
    path.write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261026T140000Z\nDTEND:20261026T150000Z\nEND:VEVENT\n"
        "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261027\nSTATUS:CANCELLED\nEND:VEVENT\n"
        "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261028\nEND:VEVENT\nEND:VCALENDAR\n",
        encoding="utf-8",
    )
    assert read_holidays([str(path)]).dates == frozenset({date(2026, 10, 28)})
