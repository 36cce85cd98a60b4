"""What stands around a log: which of its lines are messages of their own, and what belongs to the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from incident_kit.logs import read
from incident_kit.model.source import Source

NEST = "[Nest] 7  - 11/23/2026, 4:43:33 PM     LOG [Http] "


def rows(path: Path, text: str) -> list[dict]:
    path.write_bytes(text.encode())
    with read([Source("a", path, "app.log")]) as records:
        account = records.accounting()[0]
        assert account.lines == text.count("\n") == account.records + account.continuations + account.unparsed
        return list(records.rows())


@pytest.mark.parametrize(
    "odd",
    ["\r\x00", "a\rb,c", "x" * 200_000, '"' + "y" * 200_000 + '"'],
    ids=["a carriage return", "one within", "long", "long and quoted"],
)
def test_an_odd_row_of_a_csv_file_loses_no_other(tmp_path, odd):
    path = tmp_path / "events.csv"
    path.write_bytes(
        f'@timestamp,@message\n2026-11-23 07:40:02.352,"two\nlines"\n{odd}\n2026-11-23 07:40:03.352,last\n'.encode()
    )
    with read([Source("a", path, "events.csv")]) as records:
        messages = [row["message"] for row in records.rows()]
        assert (messages[0], messages[-1]) == ("two\nlines", "last")
        assert records.accounting()[0].lines == 5


def test_a_syslog_message_that_begins_with_blanks_is_a_message(tmp_path):
    found = rows(
        tmp_path / "auth.log",
        "Mar 27 13:09:36 vm sshd[7]: hello\nMar 27 13:09:37 vm sudo:   ubuntu : TTY=pts/0 ; COMMAND=/usr/bin/curl\n",
    )
    assert [row["message"] for row in found] == ["hello", "  ubuntu : TTY=pts/0 ; COMMAND=/usr/bin/curl"]


def test_a_frame_of_a_stack_is_none_even_where_syslog_made_it_one(tmp_path):
    found = rows(
        tmp_path / "app.log",
        "Mar 27 13:09:36 vm bff[7]: Error: boom\nMar 27 13:09:36 vm bff[7]:     at Foo (x.js:1:2)\n",
    )
    assert [(row["message"], row["error_type"], row["error_message"]) for row in found] == [
        ("Error: boom", "Error", "boom")
    ]


def test_two_programs_in_one_stream_keep_their_own_stacks(tmp_path):
    text = f"web-1  | {NEST}one\njob-1  | {NEST}two\nweb-1  |     at Foo (x.js:1:2)\njob-1  | {NEST}three\n"
    assert [(row["line"], row["message"]) for row in rows(tmp_path / "app.log", text)] == [
        (1, "one"),
        (2, "two"),
        (4, "three"),
    ]


def test_the_parts_of_a_long_message_are_put_together_stream_by_stream(tmp_path):
    text = (
        '2026-11-23T07:40:02.1Z stdout P {"level":30,"time":1795419602352,"pid":1,\n'
        "2026-11-23T07:40:02.2Z stderr F Error: boom\n"
        '2026-11-23T07:40:02.3Z stdout F "hostname":"vm","msg":"whole"}\n'
        '2026-11-23T07:40:02.4Z stdout F {"level":30,"time":1795419602354,"pid":1,"hostname":"vm","msg":"short"}\n'
    )
    whole, _ = [row for row in rows(tmp_path / "app.log", text) if row["format"] == "pino"]
    assert (whole["line"], whole["message"], whole["host"]) == (1, "whole", "vm")


@pytest.mark.parametrize("around", ["", "web-1  | "], ids=["in place", "laid out"])
def test_the_carriage_returns_of_a_terminal_are_no_part_of_a_message(tmp_path, around):
    found = rows(
        tmp_path / "app.log", f"{around}{NEST}GET /api/orders/42 200 - 13ms +2ms\r\n{around}{NEST}hello +0ms\r\n"
    )
    assert [(row["message"], row["route"], row["duration_ms"]) for row in found] == [
        ("GET /api/orders/42 200 - 13ms", "GET /api/orders/:id", 13.0),
        ("hello", None, None),
    ]


def test_a_byte_order_mark_does_not_hide_a_text_record(tmp_path):
    assert [row["message"] for row in rows(tmp_path / "app.log", f"\ufeff{NEST}one\n{NEST}two\n")] == ["one", "two"]


@pytest.mark.parametrize("text", ["GET /api/orders 200 12.3 ms", "GET /api/orders/42 200 - 13ms"])
def test_a_message_that_is_a_request_line_is_a_request_and_one_that_quotes_it_is_none(tmp_path, text):
    path = tmp_path / "app.log"
    path.write_text(f"{NEST}{text}\n{NEST}{text} was slow\n", encoding="utf-8")
    with read([Source("a", path, "app.log")]) as records:
        assert list(records.frame("is_request")["line"]) == [1]


def test_an_object_after_a_message_may_follow_other_braces(tmp_path):
    [row] = rows(tmp_path / "app.log", 'info: Mapped {/api/orders, GET} route {"durationMs":3,"requestId":"req-1"}\n')
    assert (row["message"], row["duration_ms"], row["request_id"]) == ("Mapped {/api/orders, GET} route", 3.0, "req-1")


def test_an_error_that_node_prints_within_an_object_hides_none_of_its_fields(tmp_path):
    text = (
        "{\n  err: Error: connect ECONNREFUSED\n      at Foo (x.js:1:2) {\n    code: 'ECONNREFUSED',\n    "
        "[Symbol(m)]: '}'\n  },\n  level: 'error',\n  message: 'wrapped'\n}\n"
    )
    [row] = rows(tmp_path / "app.log", text)
    assert (row["level"], row["message"], row["error_type"], row["error_message"]) == (
        "error",
        "wrapped",
        "Error",
        "connect ECONNREFUSED",
    )


def test_a_message_whose_end_never_comes_holds_nothing_back(tmp_path):
    half = '2026-11-23T07:40:02.1Z stdout P {"level":30,"time":1795419602352,\n'
    whole = '2026-11-23T07:40:02.2Z stderr F {"level":50,"time":1795419602352,"pid":1,"hostname":"vm","msg":"again"}\n'
    assert [row["line"] for row in rows(tmp_path / "app.log", half + whole * 900)] == list(range(2, 902))
