"""The rules of pino and nestjs-pino logs, each one seen to break a naive reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incident_kit.logs.reading import Records, read
from incident_kit.model.source import Source

AT = 1795419600000


def line(ms: int = 0, level: object = 30, **more: object) -> str:
    return json.dumps(
        {"level": level, "time": AT + ms, "pid": 7, "hostname": "vm", **more}, ensure_ascii=False, separators=(",", ":")
    )


def completion(ms: int, status: int | None, request: int = 1, **more: object) -> str:
    req = {"id": request, "method": "GET", "url": "/api/orders/42"}
    return line(
        ms, req=req, res={"statusCode": status, "headers": more.pop("headers", {})}, **{"responseTime": 13, **more}
    )


def synthetic_500(ms: int, request: int = 1) -> str:
    err = {
        "type": "Error",
        "message": "failed with status code 500",
        "stack": "Error: failed with status code 500\n    at onResFinished",
    }
    return completion(ms, 500, request, err=err, msg="request errored")


def opened(folder: Path, *files: str) -> Records:
    sources = []
    for number, text in enumerate(files):
        path = folder / f"{number}.log"
        path.write_bytes(text.encode())
        sources.append(Source(f"s{number}", path, path.name))
    return read(sources)


def balanced(records: Records) -> bool:
    return all(a.lines == a.records + a.continuations + a.unparsed + a.outside for a in records.accounting())


@pytest.mark.parametrize("break_like", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c"])
def test_a_line_separator_inside_a_message_does_not_cut_the_record(tmp_path, break_like):
    raw = line(msg="one@two").replace("@", break_like if ord(break_like) > 0x20 else f"\\u{ord(break_like):04x}")
    with opened(tmp_path, raw + "\n" + line(1, msg="next") + "\n") as records:
        assert [row["message"] for row in records.rows()] == [f"one{break_like}two", "next"]
        assert records.accounting()[0].lines == 2


def test_of_duplicate_keys_the_first_time_and_level_and_the_last_message_count(tmp_path):
    raw = (
        '{"level":50,"time":1795419602352,"pid":7,"hostname":"vm","time":"user time","level":"user level","pid":"user '
        'pid",'
        '"msg":"first \\"msg\\"","msg":"last \\"msg\\""}\n'
    )
    with opened(tmp_path, raw) as records:
        [row] = records.rows()
    assert (row["level"], row["pid"], row["message"]) == ("error", 7, 'last "msg"')
    assert row["ts"].timestamp() == 1795419602.352


def test_a_500_that_was_logged_as_info_counts_as_failed(tmp_path):
    with opened(tmp_path, completion(0, 500, msg="request errored") + "\n") as records:
        [request] = records.query("requests")
    assert (request["level"], request["failed"], request["status"]) == ("info", True, 500)
    assert request["severity"] == 50


def test_a_failing_request_with_two_records_counts_as_one_request_and_one_error(tmp_path):
    cause = line(
        0,
        50,
        req={"id": 1, "method": "GET", "url": "/api/orders/42"},
        context="ExceptionsHandler",
        err={"type": "Error", "message": "connect ECONNREFUSED 127.0.0.1:6379"},
        msg="connect ECONNREFUSED 127.0.0.1:6379",
    )
    with opened(tmp_path, f"{cause}\n{synthetic_500(1)}\n") as records:
        assert [request["failed"] for request in records.query("requests")] == [True]
        [error] = records.query("errors")
    assert (error["place"], error["n"], error["requests"]) == ("ExceptionsHandler", 1, 1)
    assert "failed with status code" not in error["pattern"]


def test_the_synthetic_error_is_left_out_even_where_nothing_else_was_logged(tmp_path):
    with opened(tmp_path, synthetic_500(0) + "\n") as records:
        assert records.query("errors") == []
        assert len(records.query("requests")) == 1


def test_error_log_beside_combined_log_counts_once(tmp_path):
    error = line(
        5,
        50,
        msg="Redis connection failed",
        err={"type": "Error", "message": "connect ECONNREFUSED", "code": "ECONNREFUSED"},
    )
    combined = "\n".join([line(1, msg="start"), error, line(9, msg="end")]) + "\n"
    with opened(tmp_path, error + "\n", combined) as records:
        assert [(row["file"], row["message"]) for row in records.rows()] == [
            ("1.log", "start"),
            ("1.log", "Redis connection failed"),
            ("1.log", "end"),
        ]
        assert [account.repeated for account in records.accounting()] == [1, 0]
        assert records.query("errors")[0]["n"] == 1
        assert balanced(records)


def test_the_same_record_twice_in_one_file_counts_twice(tmp_path):
    twice = f"{line(msg='retry')}\n" * 2
    with opened(tmp_path, twice, line(9, msg="other") + "\n") as records:
        assert [row["message"] for row in records.rows()] == ["retry", "retry", "other"]


def test_colours_are_stripped_around_a_record_and_in_it(tmp_path):
    inside = json.dumps({"level": "\x1b[31merror\x1b[39m", "time": AT, "pid": 7, "msg": "\x1b[32mgreen\x1b[39m"})
    with opened(tmp_path, f"\x1b[32m{line(msg='whole')}\x1b[0m\n{inside}\n") as records:
        assert [(row["level"], row["message"]) for row in records.rows()] == [("info", "whole"), ("error", "green")]


def test_continuation_lines_at_column_0_are_continuations(tmp_path):
    text = (
        "\n".join([line(msg="a"), "Error: boom", "    at f (x.js:1:1)", "}", "", "RedisService", line(1, msg="b")])
        + "\n"
    )
    with opened(tmp_path, text) as records:
        [account] = records.accounting()
        assert (account.lines, account.records, account.continuations, account.unparsed) == (7, 2, 5, 0)
        assert [row["line"] for row in records.rows()] == [1, 7]


def test_lines_before_the_first_record_are_said_to_be_unparsed(tmp_path):
    with opened(tmp_path, f"> bff@1.0 start\n> node main.js\n{line(msg='up')}\n") as records:
        [account] = records.accounting()
    assert (account.records, account.continuations, account.unparsed) == (1, 0, 2)
    assert account.unparsed_examples == ((1, "> bff@1.0 start"), (2, "> node main.js"))


@pytest.mark.parametrize(
    "wrapper",
    ["2026-11-23T07:40:00: {}", "bff-1  | {}", "2026-11-23T07:40:00.1Z stdout F {}"],
    ids=["pm2", "compose", "cri"],
)
def test_wrapped_lines_are_unwrapped_and_keep_their_line_numbers(tmp_path, wrapper):
    text = "".join(wrapper.format(line(n, msg=f"m{n}")) + "\n" for n in range(3))
    with opened(tmp_path, text) as records:
        [account] = records.accounting()
        assert (account.lines, account.records) == (3, 3)
        assert balanced(records)
        assert [(row["line"], row["message"], row["format"]) for row in records.rows()] == [
            (n + 1, f"m{n}", "pino") for n in range(3)
        ]


def test_a_half_written_last_line_is_held_as_unfinished_and_not_lost(tmp_path):
    with opened(tmp_path, line(msg="whole") + "\n" + line(1, msg="half")[:-9]) as records:
        [account] = records.accounting()
        assert (account.lines, account.records, account.unparsed, account.unfinished) == (2, 1, 1, True)
        assert "the last line is unfinished" in account.sentence()


def test_a_whole_last_line_without_line_end_is_a_record(tmp_path):
    with opened(tmp_path, line(msg="whole") + "\n" + line(1, msg="last")) as records:
        [account] = records.accounting()
        assert (account.records, account.unfinished) == (2, False)


@pytest.mark.parametrize("code", [500, 404, "503", 14, -1, "P1001", "53300", "ECONNREFUSED"])
def test_an_error_code_is_never_a_http_status(tmp_path, code):
    with opened(tmp_path, line(0, 50, err={"type": "Error", "message": "x", "code": code}, msg="x") + "\n") as records:
        [row] = records.rows()
    assert row["status"] is None


@pytest.mark.parametrize("status", ["up", 14, 0, 700, "ok"])
def test_a_status_outside_http_is_no_status(tmp_path, status):
    with opened(tmp_path, line(status=status, msg="x") + "\n") as records:
        assert next(records.rows())["status"] is None


def test_an_event_stream_is_told_apart_from_requests_that_take_long(tmp_path):
    stream = completion(
        0,
        200,
        responseTime=1800000,
        msg="request aborted",
        headers={"content-type": "text/event-stream; charset=utf-8"},
    )
    with opened(tmp_path, stream + "\n" + completion(1, 200, 2, msg="request completed") + "\n") as records:
        assert [(row["streaming"], row["aborted"]) for row in records.query("requests")] == [
            (True, False),
            (False, False),
        ]


def test_a_request_the_client_aborted_is_known_by_its_missing_status(tmp_path):
    with opened(tmp_path, completion(0, None, msg="completed 200 in 61ms") + "\n") as records:
        [request] = records.query("requests")
    assert (request["status"], request["aborted"], request["failed"]) == (None, True, False)


def test_records_inside_a_request_are_not_requests(tmp_path):
    inside = line(0, req={"id": 1, "method": "GET", "url": "/x"}, msg="loading")
    with opened(tmp_path, f"{inside}\n{completion(1, 200, msg='request completed')}\n") as records:
        assert [row["line"] for row in records.query("requests")] == [2]


@pytest.mark.parametrize(
    ("level", "name"), [(35, "info"), (25, "debug"), (60, "fatal"), (70, "fatal"), ("WARNING", "warn"), ("log", "info")]
)
def test_custom_levels_round_down_and_names_of_other_loggers_are_known(tmp_path, level, name):
    with opened(tmp_path, line(0, level, msg="x") + "\n") as records:
        assert next(records.rows())["level"] == name


def test_two_processes_that_count_their_requests_from_1_have_two_requests(tmp_path):
    first = line(0, 50, req={"id": 1}, context="A", err={"type": "E", "message": "boom"}, msg="boom")
    second = first.replace('"pid":7', '"pid":8')
    with opened(tmp_path, f"{first}\n{second}\n") as records:
        [error] = records.query("errors")
    assert (error["n"], error["requests"]) == (2, 2)
