"""The journal: append-only, and whoever changes a line breaks the chain at a line that is named."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incident_kit.errors import EvidenceError, ParameterError
from incident_kit.evidence.journal import Journal, Kind, digest, who

MANY = """
import sys
from pathlib import Path
from incident_kit.evidence.journal import Journal
for n in range(40):
    Journal(Path(sys.argv[1])).append("note", f"{sys.argv[2]} {n}")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    for text in ("one", "two", "three", "four"):
        Journal(path).append("note", text)
    return path


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_was_noted_is_read_back_with_its_time_and_its_writer(tmp_path):
    path = tmp_path / "journal.jsonl"
    at = datetime(2026, 11, 23, 7, 40, 2, tzinfo=UTC)
    Journal(path).append("action", "再起動: restarted\nthe BFF\u2028now", at)
    [entry] = Journal(path).entries()
    assert (entry.line, entry.kind, entry.text, entry.happened) == (
        1,
        "action",
        "再起動: restarted\nthe BFF\u2028now",
        at,
    )
    assert entry.written > at
    assert entry.by == who()
    assert Journal(path).faults() == []


def test_appending_leaves_the_lines_before_as_they_are(path):
    before = path.read_bytes()
    Journal(path).append("note", "five")
    assert path.read_bytes().startswith(before)
    assert [entry.text for entry in Journal(path).entries()] == ["one", "two", "three", "four", "five"]


def test_two_people_who_write_at_once_keep_the_chain(tmp_path):
    path = tmp_path / "journal.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", MANY, str(path), name]) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert Journal(path).faults() == []
    texts = [entry.text for entry in Journal(path).entries()]
    for name in ("a", "b"):
        assert [text for text in texts if text.startswith(name)] == [f"{name} {n}" for n in range(40)]


@pytest.mark.parametrize(
    ("accident", "line"),
    [
        (lambda kept: [kept[0], kept[1].replace(b"two", b"TWO"), *kept[2:]], 3),
        (lambda kept: [kept[0], *kept[2:]], 2),
        (lambda kept: kept[1:], 1),
        (lambda kept: [kept[0], kept[2], kept[1], kept[3]], 2),
        (lambda kept: [kept[0], kept[0], *kept[1:]], 2),
    ],
    ids=["a line edited", "a line removed", "the first line removed", "two lines swapped", "a line repeated"],
)
def test_a_changed_journal_is_broken_at_a_named_line(path, accident, line):
    path.write_bytes(b"".join(accident(lines(path))))
    assert Journal(path).faults()[0].startswith(f"journal.jsonl, line {line}: the chain is broken here")


@pytest.mark.parametrize("garbage", [b"garbage\n", b"[]\n", b"{}\n", b"\n", b"\xff\n", b"null\n"])
def test_a_line_that_is_no_entry_is_named(path, garbage):
    kept = lines(path)
    path.write_bytes(b"".join([kept[0], garbage, *kept[2:]]))
    assert Journal(path).faults()[0] == "journal.jsonl, line 2: not a journal entry"
    with pytest.raises(EvidenceError, match="line 2: not"):
        Journal(path).entries()


def test_an_entry_after_a_line_that_a_power_cut_left_half_written_is_not_glued_to_it(path):
    path.write_bytes(path.read_bytes()[:-20])
    Journal(path).append("note", "after the power cut")
    assert json.loads(lines(path)[-1])["text"] == "after the power cut"
    assert [fault.split(":")[0] for fault in Journal(path).faults()] == ["journal.jsonl, line 4"]


def test_secrets_that_were_noted_are_not_shown(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path).append("note", "tried redis://:hunter2@cache:6379")
    assert "hunter2" not in Journal(path).entries()[0].text


def test_no_journal_is_no_entries(tmp_path):
    assert Journal(tmp_path / "journal.jsonl").entries() == []


def test_an_unknown_kind_is_refused_with_the_kinds_there_are(path):
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="'hunch'") as error:
        Journal(path).append("hunch", "it is the cache")
    assert all(kind in str(error.value) for kind in Kind)
    assert path.read_bytes() == before


def test_a_kind_that_another_version_wrote_is_shown_as_it_is(path):
    last = lines(path)[-1]
    entry = {**json.loads(last), "n": 5, "kind": "handover", "previous": digest(last)}
    path.write_bytes(path.read_bytes() + json.dumps(entry).encode() + b"\n")
    assert Journal(path).entries()[-1].kind == "handover"
    assert not Journal(path).entries()[-1].is_bookkeeping
    assert Journal(path).faults() == []
