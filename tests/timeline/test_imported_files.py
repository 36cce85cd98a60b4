"""Files of chats, pagers and deploys as rows; what of them cannot be read, and times that nobody can place."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.model.fields import Unusable
from incident_kit.model.finding import Line, Pointer
from incident_kit.timeline.imports import MOST_BYTES, Imported, WithoutZone, read_import, time_of
from incident_kit.timeline.rows import Lane, Row

EXPORTS = Path(__file__).parent / "exports"
TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")
LEARNED = datetime(2026, 11, 24, tzinfo=UTC)


def exported(name: str, zone: ZoneInfo | None = None) -> tuple[Imported, list[Row]]:
    read = read_import((EXPORTS / name).read_bytes(), zone)
    return read, read.rows("item", name, LEARNED)


def texts(content: str, zone: ZoneInfo | None = None) -> list[str]:
    return [noted.text for noted in read_import(content.encode(), zone).noted]


def test_a_slack_channel_says_who_wrote_what_when_and_each_message_is_cited() -> None:
    read, rows = exported("slack_channel.json")
    assert [(row.by, row.message) for row in rows] == [
        ("Aiko Tanaka", "Payments fail for me too, first seen on the billing page"),
        ("alertbot", "[FIRING:1] PortalErrors: one request in five fails"),
        ("U04BEN", "sent graph.png"),
    ]
    assert rows[0].moment == datetime(2026, 11, 23, 9, 54, 1, 118329, UTC)
    assert rows[0].citation == Pointer("item", "/0")
    assert (rows[0].meaning, rows[0].clock, rows[0].learned) == (
        "ts in slack_channel.json",
        "slack_channel.json",
        LEARNED,
    )
    assert [str(unread) for unread in read.unread] == [
        "/3: no text: expected one of the fields message, text, summary, title, description, body, event"
    ]


def test_log_entries_of_pagerduty_say_who_was_told_and_who_answered() -> None:
    _, rows = exported("pagerduty_log_entries.json")
    assert [(row.by, row.message, row.lane) for row in rows] == [
        ("Customer Portal", "Triggered through the API.", Lane.COMMUNICATION),
        ("Ben Sato", "Acknowledged by Ben Sato.", Lane.PEOPLE),
    ]
    assert [row.moment.hour for row in rows] == [9, 9]
    assert rows[1].citation == Pointer("item", "/log_entries/1")


def test_deploys_of_a_table_are_actions_in_the_zone_that_was_named() -> None:
    read, rows = exported("deploys.csv", TOKYO)
    assert [(row.lane, row.message, row.by) for row in rows] == [
        (Lane.ACTIONS, "deploy: portal v2.14.0", "Ben"),
        (Lane.ACTIONS, "rollback of a deploy: portal v2.13.2;\nthe one before", "Aiko"),
    ]
    assert rows[0].earliest == datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
    assert rows[0].latest - rows[0].earliest == timedelta(seconds=60, microseconds=-1)
    assert [row.citation for row in rows] == [Line("item", 2), Line("item", 3)]
    assert read.assumed == 2


def test_times_without_a_zone_are_refused_and_the_first_is_named() -> None:
    with pytest.raises(WithoutZone, match=r"^line 2: the time '2026-11-23 18:40' names no zone, and 1 more$"):
        exported("deploys.csv")


def test_a_number_is_seconds_milliseconds_or_microseconds_by_its_size_and_bad_lines_are_named() -> None:
    read, rows = exported("chat.jsonl")
    assert [(row.message, row.moment.microsecond) for row in rows] == [
        ("microseconds", 118329),
        ("milliseconds", 118000),
        ("whole seconds", 0),
    ]
    assert {row.moment.replace(microsecond=0) for row in rows} == {datetime(2026, 11, 23, 9, 54, 1, tzinfo=UTC)}
    assert [row.citation for row in rows] == [Line("item", 1), Line("item", 3), Line("item", 4)]
    assert [unread.place for unread in read.unread] == [5, 6, 7]


@pytest.mark.parametrize("content", [b"", b"\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(Unusable, match="it is empty"):
        read_import(content, UTC)


@pytest.mark.parametrize("content", ["time,text\n", "time,text\n\n,\n", "[]", '{"messages": []}'])
def test_a_file_without_rows_is_refused(content: str) -> None:
    with pytest.raises(Unusable, match=r"^it has no rows$"):
        read_import(content.encode(), UTC)


@pytest.mark.parametrize(
    ("header", "what"),
    [("when,text", "the time"), ("time,remark", "the text"), ("a log line without a table", "the time")],
)
def test_a_table_without_a_column_for_time_or_text_is_refused_with_what_it_has(header: str, what: str) -> None:
    with pytest.raises(
        Unusable, match=rf"names no column for {what}: expected one of .*; found {header.split(',')[0]}"
    ):
        read_import(f"{header}\n2026-11-23T09:53:00Z,x\n".encode(), UTC)


def test_a_message_of_a_megabyte_is_read_whole() -> None:
    long = "x" * (1 << 20)
    assert texts(f"time,text\n2026-11-23T09:53:00Z,{long}\n") == [long]
    assert texts(json.dumps({"ts": "1795427641.1", "text": long})) == [long]


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Unusable, match="bytes that an import may have"):
        read_import(b" " * (MOST_BYTES + 1), UTC)


def test_text_that_is_no_utf_8_is_shown_as_escapes_and_said() -> None:
    read = read_import("time,text\n2026-11-23T09:53:00Z,決済\n".encode("cp932"), UTC)
    assert read.damaged_bytes
    assert read.noted[0].text.startswith("\\x8c\\x88")


def test_a_table_of_a_spreadsheet_in_utf_16_is_read() -> None:
    read = read_import("time\ttext\n2026-11-23T09:53:00Z\t決済が失敗\n".encode("utf-16"), UTC)
    assert (read.noted[0].text, read.damaged_bytes) == ("決済が失敗", False)


def test_quotes_that_do_not_close_lose_no_row_silently() -> None:
    read = read_import(b'time,text\n2026-11-23T09:53:00Z,a\n2026-11-23T09:54:00Z,"b\n2026-11-23T09:55:00Z,c\n', UTC)
    assert [noted.text for noted in read.noted] == ["a"]
    assert [unread.place for unread in read.unread] == [3]
    assert "lines after it" in read.unread[0].why


def test_a_text_with_a_separator_and_no_quotes_is_named_and_not_cut() -> None:
    read = read_import(b"time,text\n2026-11-23T09:53:00Z,a\n2026-11-23T09:54:00Z,b, and c\n", UTC)
    assert [str(unread) for unread in read.unread] == [
        "line 3: 3 cells, and the header has 2; a text needs quotes around it"
    ]


def test_broken_json_is_refused_and_nested_json_too() -> None:
    for content in (b'[{"ts": 1', b"[" * 100_000):
        with pytest.raises(Unusable, match="JSON"):
            read_import(content, UTC)


def test_half_a_character_in_json_is_its_escape() -> None:
    assert texts('{"ts": "1795427641.1", "text": "a\\ud800"}') == ["a\\ud800"]


def test_an_hour_that_comes_twice_may_be_either() -> None:
    earliest, latest, assumed = time_of("2026-10-25 02:30:00", BERLIN)
    assert (latest - earliest, assumed) == (timedelta(hours=1), True)
    assert earliest == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_an_hour_that_was_left_out_is_no_time() -> None:
    with pytest.raises(Unusable, match="clocks were put forward"):
        time_of("2026-03-29 02:30", BERLIN)


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-23T09:53:00Z", "2026-11-23T09:53:00+00:00"),
        ("2026/11/23 18:53:00 JST", "2026-11-23T09:53:00+00:00"),
        ("2026-11-23 18:53:00,5 +0900", "2026-11-23T09:53:00.500000+00:00"),
        ("Mon, 23 Nov 2026 18:53:00 +0900", "2026-11-23T09:53:00+00:00"),
        ("1795427641.118329", "2026-11-23T09:54:01.118329+00:00"),
        (1795427641.5, "2026-11-23T09:54:01.500000+00:00"),
    ],
)
def test_the_usual_ways_of_writing_a_time_are_known(told: object, moment: str) -> None:
    earliest, latest, assumed = time_of(told, None)
    assert (earliest.isoformat(), latest, assumed) == (moment, earliest, False)


def test_a_date_alone_is_any_time_of_that_day_where_people_are() -> None:
    earliest, latest, _ = time_of("2026-11-23", TOKYO)
    assert (earliest.isoformat(), latest - earliest) == (
        "2026-11-22T15:00:00+00:00",
        timedelta(days=1, microseconds=-1),
    )


@pytest.mark.parametrize(
    "told",
    ["yesterday", "", None, True, 5, 20261123, "11/23/2026 9:53", "2026-13-01 00:00", "0001-01-01", "9" * 19, "1e400"],
)
def test_what_is_no_time_is_never_made_one(told: object) -> None:
    with pytest.raises(Unusable):
        time_of(told, UTC)


def test_secrets_in_a_chat_are_masked() -> None:
    read = read_import(b'{"ts": "1795427641.1", "text": "it is password=hunter2-invented", "user": "Aiko"}', None)
    (row,) = read.rows("item", "chat.json", LEARNED)
    assert "hunter2" not in row.message
    assert "hunter2" in read.noted[0].text


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_whatever_a_table_says_is_read_back_or_named(messages: list[str]) -> None:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["time", "text"])
    table.writerows([["2026-11-23T09:53:00Z", message] for message in messages])
    readable = [message.strip() for message in messages if message.strip()]
    if not readable:
        return
    read = read_import(out.getvalue().encode(), None)
    assert [noted.text for noted in read.noted] == readable
    assert len(read.unread) == len(messages) - len(readable)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(Unusable):
        assert read_import(content, UTC).noted
