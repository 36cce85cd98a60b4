"""Damaged bytes: no line is lost, line numbers and offsets stay true, and what was replaced is counted."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.logs.accounting import Account
from incident_kit.logs.archives import packing_of_head
from incident_kit.logs.reading import read
from incident_kit.logs.scan import clean_lines
from incident_kit.model.source import Source

GOOD = b'{"level":30,"time":1795419600000,"pid":7,"hostname":"vm","msg":"%s"}'
FIRST, LAST = GOOD % b"first", GOOD % b"last"


def accounted(path: Path) -> tuple[Account, list[dict]]:
    with read([Source("a", path, "a")]) as records:
        return records.accounting()[0], list(records.rows())


def lines_of(data: bytes) -> int:
    """What a line is: what stands between line feeds; nothing after the last one is no line."""
    return data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))


ACCIDENTS = {
    "copytruncate left a run of NULs": (b"\x00" * 5000 + GOOD % b"middle", {"nul": 5000}, 3),
    "invalid UTF-8 in a message": (GOOD % b"\xff\xfe caf\xe9", {"invalid_utf8": 3}, 3),
    "a character cut in two": (GOOD % b"\xe3\x81", {"invalid_utf8": 2}, 3),
    "CR LF line ends": (GOOD % b"middle" + b"\r", {"carriage_return": 1}, 3),
    "a lone CR": (GOOD % b"a\rb", {"carriage_return": 1}, 3),
    "our own separator": (GOOD % b"a\x01b", {"separator": 1}, 3),
    "a lone high surrogate": (GOOD % rb"a\ud83d b", {"lone_surrogate": 1}, 3),
    "a lone low surrogate": (GOOD % rb"a\uDE00 b", {"lone_surrogate": 1}, 3),
    "two high surrogates": (GOOD % rb"\ud83d\ud83d\ude00", {"lone_surrogate": 1}, 3),
    "a whole surrogate pair": (GOOD % rb"\ud83d\ude00", {}, 3),
    "an escaped backslash before ud83d": (GOOD % rb"C:\\ud83d", {}, 3),
    "an empty line": (b"", {}, 2),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_a_damaged_line_between_two_good_ones_loses_none(tmp_path, accident):
    damaged, cleaned, expected_records = ACCIDENTS[accident]
    data = FIRST + b"\n" + damaged + b"\n" + LAST + b"\n"
    (tmp_path / "app.log").write_bytes(data)
    counts: Counter[str] = Counter()
    mended = b"".join(clean_lines([data], counts))
    left_out = len(damaged) - len(damaged.lstrip(b"\x00"))  # before a line they would hide what it is
    assert (len(mended), mended.count(b"\n")) == (len(data) - left_out, 3)
    account, rows = accounted(tmp_path / "app.log")
    assert (account.lines, account.records, account.cleaned) == (3, expected_records, cleaned)
    assert (rows[-1]["message"], rows[-1]["line"], rows[-1]["offset"]) == ("last", 3, len(FIRST) + len(damaged) + 2)
    assert (tmp_path / "app.log").read_bytes() == data


def test_a_byte_order_mark_does_not_hide_the_first_record(tmp_path):
    data = b"\xef\xbb\xbf" + FIRST + b"\n" + LAST + b"\n"
    (tmp_path / "app.log").write_bytes(data)
    account, _ = accounted(tmp_path / "app.log")
    assert (account.lines, account.records, account.cleaned) == (2, 2, {"byte_order_mark": 1})


def test_a_lone_surrogate_that_straddles_two_blocks_is_found(tmp_path):
    escaped = GOOD % (b"x" * 200 + rb"\ud83d!")
    before = b"\n" * ((1 << 20) - escaped.index(rb"\ud83d") - 3)
    (tmp_path / "app.log").write_bytes(before + escaped + b"\n")
    account, _ = accounted(tmp_path / "app.log")
    assert (account.records, account.cleaned) == (1, {"lone_surrogate": 1})


@pytest.mark.parametrize("size", [3 << 20, (3 << 20) + 12345])
def test_a_line_of_3_MB_is_read_and_so_are_its_neighbours(tmp_path, size):  # noqa: N802
    path = tmp_path / "app.log"
    path.write_bytes(b"\n".join([FIRST, GOOD % (b"x" * size), LAST, b""]))
    account, rows = accounted(path)
    assert (account.lines, account.records) == (3, 3)
    assert [len(row["message"]) for row in rows] == [5, size, 4]


def test_empty_lines_are_counted(tmp_path):
    path = tmp_path / "app.log"
    path.write_bytes(b"\n\n" + FIRST + b"\n\n\n" + LAST + b"\n\n")
    account, rows = accounted(path)
    assert (account.lines, account.records, account.unparsed, account.continuations) == (7, 2, 2, 3)
    assert [row["line"] for row in rows] == [3, 6]


def test_a_whole_archive_is_read(tmp_path):
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(FIRST + b"\n" + LAST + b"\n"))
    account, rows = accounted(path)
    assert (account.lines, account.records, account.damage) == (2, 2, "")
    assert account.bytes == path.stat().st_size
    assert rows[1]["offset"] == len(FIRST) + 1


def test_a_cut_archive_is_read_as_far_as_it_goes_and_the_damage_is_said(tmp_path):
    records = (
        {"level": 30, "time": 1795419600000 + n, "pid": 7, "msg": f"message {n * 7919 % 10007}"} for n in range(5000)
    )
    text = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    whole = gzip.compress(text)
    path = tmp_path / "app.log.gz"
    path.write_bytes(whole[: len(whole) // 2])
    account, rows = accounted(path)
    assert "damaged or cut short" in account.damage
    assert 1000 < account.records < 5000
    assert account.records == len(rows)
    assert account.lines == account.records + account.continuations + account.unparsed + account.outside


def test_an_archive_with_a_damaged_middle_is_said_to_be_damaged(tmp_path):
    whole = bytearray(gzip.compress(FIRST + b"\n" + LAST + b"\n"))
    whole[-6] ^= 0xFF
    (tmp_path / "app.log.gz").write_bytes(whole)
    account, _ = accounted(tmp_path / "app.log.gz")
    assert account.damage


PINO = GOOD % b"inside"
NEST = b"[Nest] 7  - 11/23/2026, 4:43:33 PM     LOG [Http] GET /x 200 - 13ms +2ms"
# Beginnings of lines and whole ones, of many formats and of what wraps them; each may be cut by what follows.
SHAPES = [
    PINO,
    NEST,
    NEST + b"\n{\n  a: 1\n}",
    b"[Nest] 7  - 11/12/2026, 16:43:33   ERROR [A] Error: boom\n    at Foo (x.js:1:2)",
    b'{"log":"' + PINO.replace(b'"', b'\\"') + b'\\n","stream":"stdout","time":"2026-11-23T07:40:02.36Z"}',
    b'{"log":"{\\"level\\":30,","stream":"stdout","time":"2026-11-23T07:40:02.36Z"}',
    b'{"log":"half","stream":"stderr","time":"2026-11-23T07:40:02Z"}',
    b"2026-11-23T07:40:02.36Z stdout F " + PINO,
    b'2026-11-23T07:40:02.36Z stdout P {"level":30,',
    b"2026-11-23T07:40:02.36Z stderr P x",
    b"2026-11-23T07:40:02.36Z stdout F ",
    b"Nov 23 16:47:07 vm bff[7]: " + PINO,
    b"<12>Nov 23 16:47:07 vm bff: Error: boom#012    at Foo",
    b"<12>1 2026-11-23T16:47:07+09:00 vm bff 7 - - hello",
    b"bff-1  | " + NEST,
    b'2026-11-23 16:52:39.575 JST,"app","portal",3917,"127.0.0.1:46232",6b03f0c7.f4d,2,"SELECT",2026-11-23 16:52:39 '
    b'JST,3/5,0,ERROR,42P01,"relation ""nope""\ndoes not',
    b' exist",,,,,,"SELECT 1",15,,"psql","client backend",,0',
    b"2026-11-23 16:52:39.574 JST [3917] LOG:  duration: 1.5 ms",
    b"29733:M 23 Nov 2026 07:50:20.201 # x",
    b'@timestamp,@message\n2026-11-23 07:40:02.352,"two\nlines"',
    b'{"events": [',
    b'{"timestamp": 1795419602352,\n "message": "it", "ingestionTime": 1}',
    b"]}",
    b", ",
    b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795419602355000\nMESSAGE=hello\n",
    b"MESSAGE\n\x05\x00\x00\x00\x00\x00\x00\x00a\nb\nc\n",
    b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff",
    b"_PID=7\n",
    b'{"__REALTIME_TIMESTAMP":"1795419602355000","__CURSOR":"s=1","MESSAGE":[27,91,51,1e9,"a"]}',
    b'{"message":"x\\n","timestamp":"2026-11-23T07:47:10Z","type":"out","process_id":2,"app_name":"b"}',
    b"{\n  level: 'info',\n  message: 'x',\n  nested: { a: [ 'b',",
    b"{ level: 'log', pid: 7, timestamp: 1795419813600, message: [",
    b'[16:40:02.352] INFO (7): hello\n    err: {\n      "type": "Error"',
    b'info: with meta {"durationMs":1}',
    b"prisma:error \nInvalid `x`\n\n\nlast",
    b"Error: boom\n    at Foo (x.js:1:2)",
    b'1.2.3.4 - - [23/Nov/2026:07:41:14 +0000] "GET / HTTP/1.1" 200 5',
]
PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"\n",
            b"\n",
            b"\n",
            b"\n",
            b"\r\n",
            b"\r",
            b"\x00" * 9,
            b"\x01",
            b"\xef\xbb\xbf",
            b"\xff",
            b"\xe2\x80\xa8",
            b"\x1b[31m",
            b"\x1b[",
            b'"',
            b"'",
            b"\\",
            b",",
            FIRST,
            FIRST[:30],
            b'{"',
            b'{"level":30,"msg":"',
            rb"\ud83d",
            rb"\ude00",
            rb"\u0000",
            GOOD % rb"\u0000",
            GOOD % b'","msg":"',
        ]
    ),
    st.sampled_from(SHAPES),
    st.sampled_from(SHAPES).map(lambda shape: shape + b"\n"),
    st.tuples(st.sampled_from(SHAPES), st.integers(1, 60)).map(lambda cut: cut[0][: cut[1]]),
)
LINES = st.sampled_from(SHAPES).map(lambda shape: shape + b"\n")
LOGS = (
    st.tuples(st.one_of(LINES, LINES, PIECES), st.lists(PIECES, max_size=11))
    .map(lambda parts: parts[0] + b"".join(parts[1]))
    .filter(bool)
)


def account_for_every_line(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.log"
        path.write_bytes(data)
        account, rows = accounted(path)
        if packing_of_head(data):
            return
        assert account.lines == lines_of(data)
        assert account.lines == account.records + account.continuations + account.unparsed + account.outside
        assert len(rows) == account.records
        assert account.bytes == len(data)
        starts = {0, *(at + 1 for at, byte in enumerate(data) if byte == 10)}
        assert {row["offset"] for row in rows} <= starts


@settings(max_examples=120, deadline=None, database=None)
@given(LOGS)
def test_whatever_the_bytes_are_every_line_is_accounted_for(data):
    account_for_every_line(data)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, database=None)
@given(LOGS)
def test_of_two_thousand_logs_every_line_is_accounted_for(data):
    account_for_every_line(data)
