"""Every format's file keeps what it promises: its own sample lines, with the values written beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from incident_kit.logs.formats import all_formats
from incident_kit.logs.reading import read
from incident_kit.logs.recognise import recognise
from incident_kit.logs.time_forms import Zones
from incident_kit.model.source import Source
from incident_kit.model.times import iso

SAMPLES = [
    pytest.param(item, sample, id=f"{item.name}-{n}") for item in all_formats() for n, sample in enumerate(item.samples)
]


@pytest.mark.parametrize("item", all_formats(), ids=lambda item: item.name)
def test_a_format_has_samples_and_says_where_it_is_documented(item):
    assert item.samples
    assert item.documentation
    assert all(address.startswith("https://") for address in item.documentation)
    assert all(sample["expected"] for sample in item.samples)


@pytest.mark.parametrize(("item", "sample"), SAMPLES)
def test_a_sample_line_is_read_as_the_format_file_says(tmp_path: Path, item, sample):
    path = tmp_path / "app.log"
    path.write_text(sample["line"] + "\n", encoding="utf-8")
    with read([Source("a", path, "app.log")]) as records:
        [row] = records.rows()
    row["ts"] = iso(row["ts"]) if row["ts"] else None
    assert row["format"] == sample["expected"].get("format", item.name)
    assert {name: row[name] for name in sample["expected"]} == sample["expected"]


@pytest.mark.parametrize(("item", "sample"), SAMPLES)
def test_a_sample_line_is_recognised_and_dated_before_it_is_read(item, sample):
    lines = sample["line"].encode().split(b"\n")
    found = recognise(lines, Zones(written=datetime(2026, 12, 1, tzinfo=UTC)))
    assert (found.wrapper if item.wraps else found.name) == item.name
    if "ts" in sample["expected"] and len(lines) == 1 and item.spread != "tail":
        assert iso(found.time_of(lines[0])) == sample["expected"]["ts"]


def test_a_client_that_did_not_wait_is_aborted_and_not_refused(tmp_path: Path):
    path = tmp_path / "access.log"
    path.write_text(
        "".join(
            f'10.0.0.1 - - [23/Nov/2026:07:41:14 +0000] "GET / HTTP/1.1" {status} 0 "-" "-"\n'
            for status in (200, 404, 499, 500)
        )
    )
    with read([Source("a", path, "access.log")]) as records:
        assert [
            (row["status"], row["failed"], row["aborted"], row["refused"]) for row in records.query("requests")
        ] == [
            (200, False, False, False),
            (404, False, False, True),
            (499, False, True, False),
            (500, True, False, False),
        ]


def test_a_long_silence_is_said(tmp_path: Path):
    path = tmp_path / "access.log"
    path.write_text(
        "".join(
            f'10.0.0.1 - - [23/Nov/2026:07:{minute}:14 +0000] "GET / HTTP/1.1" 200 0 "-" "-"\n'
            for minute in (10, 11, 15, 30, 31)
        )
    )
    with read([Source("a", path, "access.log")]) as records:
        [account] = records.accounting()
    assert "no record from 2026-11-23T07:16:00.000Z to 2026-11-23T07:30:00.000Z" in account.sentence()
    assert len(account.silences) == 1


def test_lines_of_no_known_format_are_of_none():
    found = recognise([b"GET / 200", b'{"some": "json"}', b"", b"\xff\xfe"], Zones())
    assert (found.formats, found.wrappers) == ((), ())
