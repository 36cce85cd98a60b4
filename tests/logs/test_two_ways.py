"""A log of one-line records is read in place by DuckDB, or laid out by Python where something stands around it: the same lines give the same records."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.logs.reading import read
from incident_kit.logs.recognise import Recognition, recognise
from incident_kit.logs.times import Zones
from incident_kit.model.source import Source

IN_PLACE, LAID_OUT = Recognition.is_plain, property(lambda _: False)
FOLDER = Path(__file__).parent / "samples"


def is_plain(path: Path) -> bool:
    return bool((found := recognise(path.read_bytes().split(b"\n"), Zones())).formats) and found.is_plain


PLAIN = [path for path in sorted(FOLDER.rglob("*")) if path.is_file() and is_plain(path)]
LINES = {path.name: [line for line in path.read_bytes().split(b"\n") if len(line) < 2000][:150] for path in PLAIN}
# What comes between records: empty lines, stacks, lines cut short, objects that lack what the format is recognised by.
BETWEEN = [b"", b"    at Foo (x.js:1:2)", b"Error: boom", b'{"', b'{"level":30,"msg":"cut', b'{"a":1}', b"{", b"}", b"{}", b"plain text", b'{"a":NaN}', b'{"message":"x","level":50}', b" {}", b"[1]"]  # fmt: skip


def readings(path: Path) -> list[tuple[list[dict], dict]]:
    """The records and the account of a file, read in place and laid out."""
    found = []
    for plain in (IN_PLACE, LAID_OUT):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Recognition, "is_plain", plain)
            with read([Source("a", path, "a")]) as records:
                assert records._readable[0].laid_out == (plain is LAID_OUT)
                found.append((list(records.rows()), records.accounting()[0].to_json()))
    return found


def differences(path: Path) -> list[str]:
    (rows, account), (laid_rows, laid_account) = readings(path)
    found = [f"{name}: {account[name]!r} in place, {laid_account[name]!r} laid out" for name in account if account[name] != laid_account[name]]
    for row, laid in zip(rows, laid_rows, strict=False):
        found += [f"line {row['line']}, {name}: {row[name]!r} in place, {laid[name]!r} laid out" for name in row if row[name] != laid[name]]
    return found


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_a_sample_gives_the_same_in_place_and_laid_out(path):
    assert differences(path) == []


@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_any_lines_of_a_sample_give_the_same_in_place_and_laid_out(data):
    lines = st.sampled_from(LINES[data.draw(st.sampled_from(sorted(LINES)))])
    text = b"\n".join([data.draw(lines), *data.draw(st.lists(st.one_of(lines, lines, st.sampled_from(BETWEEN)), max_size=12))])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.log"
        path.write_bytes(text)
        if is_plain(path):
            assert differences(path) == []
