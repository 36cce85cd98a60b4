"""A log of one-line records is read in place by DuckDB, or laid out by Python where something stands around it.

The same lines give the same records.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.logs.reading import read
from incident_kit.logs.recognise import Recognition, recognise
from incident_kit.logs.time_forms import Zones
from incident_kit.model.source import Source

IN_PLACE, LAID_OUT = Recognition.is_plain, property(lambda _: False)
FOLDER = Path(__file__).parent / "samples"


def is_plain(path: Path) -> bool:
    return bool((found := recognise(path.read_bytes().split(b"\n"), Zones())).formats) and found.is_plain


PLAIN = [path for path in sorted(FOLDER.rglob("*")) if path.is_file() and is_plain(path)]
LINES = {path.name: [line for line in path.read_bytes().split(b"\n") if len(line) < 2000][:150] for path in PLAIN}
# What comes between records: empty lines, stacks, lines cut short, objects that lack what the format is recognised by.
BETWEEN = [
    b"",
    b"    at Foo (x.js:1:2)",
    b"Error: boom",
    b'{"',
    b'{"level":30,"msg":"cut',
    b'{"a":1}',
    b"{",
    b"}",
    b"{}",
    b"plain text",
    b'{"a":NaN}',
    b'{"message":"x","level":50}',
    b" {}",
    b"[1]",
]


def readings(path: Path) -> list[tuple[list[dict], dict]]:
    """The records and the account of a file, read in place and laid out."""
    found = []
    for plain in (IN_PLACE, LAID_OUT):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Recognition, "is_plain", plain)
            with read([Source("a", path, "a")]) as records:
                assert records._prepared[0].normalised == (plain is LAID_OUT)
                found.append((list(records.rows()), records.accounting()[0].to_json()))
    return found


def differences(path: Path) -> list[str]:
    (rows, account), (laid_rows, laid_account) = readings(path)
    found = [
        f"{name}: {account[name]!r} in place, {laid_account[name]!r} laid out"
        for name in account
        if account[name] != laid_account[name]
    ]
    for row, laid in zip(rows, laid_rows, strict=False):
        found += [
            f"line {row['line']}, {name}: {row[name]!r} in place, {laid[name]!r} laid out"
            for name in row
            if row[name] != laid[name]
        ]
    return found


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_a_sample_gives_the_same_in_place_and_laid_out(path):
    assert differences(path) == []


@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_any_lines_of_a_sample_give_the_same_in_place_and_laid_out(data):
    lines = st.sampled_from(LINES[data.draw(st.sampled_from(sorted(LINES)))])
    text = b"\n".join(
        [data.draw(lines), *data.draw(st.lists(st.one_of(lines, lines, st.sampled_from(BETWEEN)), max_size=12))]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.log"
        path.write_bytes(text)
        if is_plain(path):
            assert differences(path) == []


NEST = "[Nest] 7  - 11/23/2026, 4:43:34 PM     LOG [Http] GET /api/orders 200 - 13ms"
ACCESS = (
    '10.0.0.1 - alice [23/Nov/2026:07:41:14 +0000] "GET /api/orders HTTP/1.1" 200 13 "https://a.example/" "curl/8" '
    "rt=0.123"
)
# A line taken apart at quotes and blanks, and others that look like it and are not, or are with a difference.
NEARLY = {
    NEST: [
        NEST,
        NEST + " +2ms",
        NEST + " +2ms +3ms",
        NEST + " +x",
        NEST.replace("[Http]", "[Http] [Deep]"),
        NEST.replace("[Http] ", ""),
        NEST.replace("[Http]", "[]"),
        NEST.replace("[Nest]", "[a]b]"),
        NEST.replace("[Nest]", "[]"),
        NEST.replace("[Nest]", f"[{'n' * 41}]"),
        NEST.replace("    LOG", "VERBOSE"),
        NEST.replace("    LOG", "   WARN"),
        NEST.replace("    LOG", "  ERROR"),
        NEST.replace("LOG", "LOUD"),
        NEST.replace("7  -", "7 -"),
        NEST.replace("7  -", "7     -"),
        NEST.replace("7  -", "x  -"),
        NEST.replace(" PM", ""),
        NEST.replace(" PM", "\u202fPM"),
        NEST.replace("11/23", "11/231"),
        NEST.replace("4:43", "4.43"),
        NEST.replace("13ms", "1.5s"),
        NEST.replace("13ms", "1.5 s"),
        NEST.replace(" - 13ms", " 13 ms"),
        NEST.replace("13ms", "ms"),
        NEST.replace("200", "600"),
        NEST.replace("GET", "GOT"),
        NEST.replace("GET /api/orders 200 - 13ms", ""),
        NEST.replace("GET", "a] b GET"),
        NEST.replace("/api", "api"),
        NEST.replace("LOG [Http]", "LOG  [Http]"),
        NEST.replace("[Http]", "[Http"),
    ],
    ACCESS: [
        ACCESS,
        ACCESS.removesuffix(" rt=0.123"),
        ACCESS.partition(' "https')[0],
        ACCESS.partition(' "https')[0] + " ",
        ACCESS.partition(' "https')[0] + " rt=0.123",
        ACCESS.replace("rt=", ""),
        ACCESS + " upstream 1",
        ACCESS.replace("0.123", "0.1234"),
        ACCESS.replace("rt=0.123", "rt=-"),
        ACCESS.replace("alice", "-"),
        ACCESS.replace("alice", "alice b"),
        ACCESS.replace("alice", "-x"),
        ACCESS.replace("alice", ""),
        ACCESS.replace("GET", "QUERY"),
        ACCESS.replace("GET /api/orders HTTP/1.1", ""),
        ACCESS.replace("GET /api/orders HTTP/1.1", "\\x16\\x03"),
        ACCESS.replace("/api/orders", ""),
        ACCESS.replace("/api/orders", "/a b"),
        ACCESS.replace(" HTTP/1.1", ""),
        ACCESS.replace(" 200 ", " 20 "),
        ACCESS.replace(" 200 ", " 000 "),
        ACCESS.replace(" 200 13", " - -"),
        ACCESS.replace(" 13 ", " -1 "),
        ACCESS.replace("curl/8", 'cu\\"rl'),
        ACCESS.replace("curl/8", "cu\\\\rl"),
        ACCESS.replace("curl/8", 'cu"rl'),
        ACCESS.replace("+0000", "0000"),
        ACCESS.replace("[23", "23"),
        ACCESS.replace("23/Nov", "23/Noo"),
        ACCESS.replace("10.0.0.1", ""),
        ACCESS.replace("10.0.0.1", "caf\u00e9"),
        ACCESS.replace("- alice", "-  alice"),
        ACCESS.replace("0000]", "0000] x"),
        " " + ACCESS,
        "\t" + ACCESS,
    ],
}


@pytest.mark.parametrize("line", NEARLY, ids=["nest", "access"])
def test_a_line_taken_apart_quickly_is_what_the_pattern_says_it_is(line, tmp_path):
    path = tmp_path / "app.log"
    found = {}
    for number, other in enumerate(NEARLY[line]):
        path.write_text("\n".join([line, other, line, line]) + "\n")
        if different := differences(path):
            found[number, other] = different
    assert found == {}
