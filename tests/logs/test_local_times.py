"""Times as a server's locale writes them, and times without a year.

The order of day and month is the file's, the year is that of its last writing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from incident_kit.evidence.store import Evidence, Provenance
from incident_kit.logs import read
from incident_kit.model.source import Hints, Source
from incident_kit.model.times import iso

# What Node's toLocaleString writes for 23 November 2026, 16:43:33, and for 5 December.
LOCALES = {
    "en-US": ("11/23/2026, 4:43:33 PM", "12/5/2026, 9:01:02 AM"),
    "en-US, newer ICU": ("11/23/2026, 4:43:33\u202fPM", "12/5/2026, 9:01:02\u202fAM"),
    "en-GB": ("23/11/2026, 16:43:33", "05/12/2026, 09:01:02"),
    "de-DE": ("23.11.2026, 16:43:33", "5.12.2026, 09:01:02"),
    "sv-SE": ("2026-11-23 16:43:33", "2026-12-05 09:01:02"),
    "ja-JP": ("2026/11/23 16:43:33", "2026/12/5 9:01:02"),
}


def nest(*times: str) -> str:
    return "".join(f"[Nest] 7  - {time}     LOG [AppController] hello\n" for time in times)


def readings(path: Path, text: str, **how: str) -> tuple[list[str | None], str]:
    path.write_text(text, encoding="utf-8")
    with read([Source("a", path, "app.log", hints=Hints(**how))]) as records:
        return [iso(row["ts"]) if row["ts"] else None for row in records.rows()], records.accounting()[0].sentence()


@pytest.mark.parametrize("around", ["", "bff-1  | "], ids=["in place", "laid out"])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_locale_is_told_from_the_dates_of_the_whole_file(tmp_path, locale, around):
    text = "".join(around + line for line in nest(*reversed(LOCALES[locale])).splitlines(keepends=True))
    times, sentence = readings(tmp_path / "app.log", text)
    assert times == ["2026-12-05T09:01:02.000Z", "2026-11-23T16:43:33.000Z"]
    assert "--date-order" not in sentence


@pytest.mark.parametrize("around", ["", "bff-1  | "], ids=["in place", "laid out"])
def test_a_date_that_may_be_november_or_december_is_not_guessed(tmp_path, around):
    text = around + nest("11/12/2026, 16:43:33")
    times, sentence = readings(tmp_path / "app.log", text)
    assert times == [None]
    assert (
        "1 undated (11/12 may be November or December, and no date of this log tells: say --date-order mdy or dmy)"
        in sentence
    )
    assert readings(tmp_path / "app.log", text, date_order="mdy")[0] == ["2026-11-12T16:43:33.000Z"]
    assert readings(tmp_path / "app.log", text, date_order="dmy")[0] == ["2026-12-11T16:43:33.000Z"]


SYSLOG = "Dec 31 23:59:58 vm bff[7]: last of the old year\nJan  1 00:00:01 vm bff[7]: first of the new one\n"


def test_a_year_that_is_not_written_is_that_of_the_last_writing(tmp_path):
    path = tmp_path / "syslog"
    path.write_text(SYSLOG, encoding="utf-8")
    with read([Source("a", path, "syslog", written=datetime(2027, 1, 1, 0, 0, 2, tzinfo=UTC))]) as records:
        assert [iso(row["ts"]) for row in records.rows()] == ["2026-12-31T23:59:58.000Z", "2027-01-01T00:00:01.000Z"]


def test_the_year_of_preserved_lines_comes_from_the_item_and_not_from_its_copy(tmp_path):
    evidence = Evidence(tmp_path / "evidence")
    details = {
        "modified_at": "2019-01-01T00:00:02.000Z",
        "window": {"since": "2018-12-31T00:00:00Z", "until": "2019-01-02T00:00:00Z"},
    }
    evidence.add(
        [SYSLOG.encode()],
        Provenance("slice", "/var/log/syslog", "it", "2026-11-23T07:00:00.000Z", details=details),
    )
    with read(evidence.sources()) as records:
        assert [iso(row["ts"]) for row in records.rows()] == ["2018-12-31T23:59:58.000Z", "2019-01-01T00:00:01.000Z"]


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("UTC", "16:52:39"),
        ("JST", "07:52:39"),
        ("MSK", "13:52:39"),
        ("CEST", "14:52:39"),
        ("PST", "00:52:39"),
        ("+09", "07:52:39"),
    ],
)
@pytest.mark.parametrize("around", ["", "bff-1  | "], ids=["in place", "laid out"])
def test_a_zone_by_its_abbreviation_is_explicit(tmp_path, zone, utc, around):
    times, sentence = readings(tmp_path / "pg.log", f"{around}2026-11-23 16:52:39.574 {zone} [3917] LOG:  hello\n")
    assert times[0] is not None
    assert times[0][11:19] == utc
    assert "zone explicit" in sentence


@pytest.mark.parametrize("around", ["", "bff-1  | "], ids=["in place", "laid out"])
def test_an_abbreviation_of_several_zones_places_nothing(tmp_path, around):
    assert readings(tmp_path / "pg.log", f"{around}2026-11-23 16:52:39.574 CST [3917] LOG:  hello\n")[0] == [None]
