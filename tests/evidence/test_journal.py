"""The journal: append-only, and whoever changes a line breaks the chain at a line that is named."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incident_kit.errors import EvidenceError
from incident_kit.evidence import journal

MANY = """
import sys
from pathlib import Path
from incident_kit.evidence import journal
for n in range(40):
    journal.append(Path(sys.argv[1]), "note", f"{sys.argv[2]} {n}")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    for text in ("one", "two", "three", "four"):
        journal.append(path, "note", text)
    return path


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_was_noted_is_read_back_with_its_time_and_its_writer(tmp_path):
    path = tmp_path / "journal.jsonl"
    at = datetime(2026, 11, 23, 7, 40, 2, tzinfo=UTC)
    journal.append(path, "action", "再起動: restarted\nthe BFF\u2028now", at)
    [entry] = journal.entries(path)
    assert (entry.line, entry.kind, entry.text, entry.at) == (1, "action", "再起動: restarted\nthe BFF\u2028now", at)
    assert entry.written > at
    assert entry.by == journal.who()
    assert journal.faults(path) == []


def test_appending_leaves_the_lines_before_as_they_are(path):
    before = path.read_bytes()
    journal.append(path, "note", "five")
    assert path.read_bytes().startswith(before)
    assert [entry.text for entry in journal.entries(path)] == ["one", "two", "three", "four", "five"]


def test_two_people_who_write_at_once_keep_the_chain(tmp_path):
    path = tmp_path / "journal.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", MANY, str(path), name]) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert journal.faults(path) == []
    texts = [entry.text for entry in journal.entries(path)]
    for name in ("a", "b"):
        assert [text for text in texts if text.startswith(name)] == [f"{name} {n}" for n in range(40)]


@pytest.mark.parametrize(
    ("accident", "line"),
    [
        (lambda found: [found[0], found[1].replace(b"two", b"TWO"), *found[2:]], 3),
        (lambda found: [found[0], *found[2:]], 2),
        (lambda found: found[1:], 1),
        (lambda found: [found[0], found[2], found[1], found[3]], 2),
        (lambda found: [found[0], found[0], *found[1:]], 2),
    ],
    ids=["a line edited", "a line removed", "the first line removed", "two lines swapped", "a line repeated"],
)
def test_a_changed_journal_is_broken_at_a_named_line(path, accident, line):
    path.write_bytes(b"".join(accident(lines(path))))
    assert journal.faults(path)[0].startswith(f"journal.jsonl, line {line}: the chain is broken here")


@pytest.mark.parametrize("garbage", [b"garbage\n", b"[]\n", b"{}\n", b"\n", b"\xff\n", b"null\n"])
def test_a_line_that_is_no_entry_is_named(path, garbage):
    found = lines(path)
    path.write_bytes(b"".join([found[0], garbage, *found[2:]]))
    assert journal.faults(path)[0] == "journal.jsonl, line 2: not a journal entry"
    with pytest.raises(EvidenceError, match="line 2: not"):
        journal.entries(path)


def test_an_entry_after_a_line_that_a_power_cut_left_half_written_is_not_glued_to_it(path):
    path.write_bytes(path.read_bytes()[:-20])
    journal.append(path, "note", "after the power cut")
    assert json.loads(lines(path)[-1])["text"] == "after the power cut"
    assert [fault.split(":")[0] for fault in journal.faults(path)] == ["journal.jsonl, line 4"]


def test_secrets_that_were_noted_are_not_shown(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal.append(path, "note", "tried redis://:hunter2@cache:6379")
    assert "hunter2" not in journal.entries(path)[0].text


def test_no_journal_is_no_entries(tmp_path):
    assert journal.entries(tmp_path / "journal.jsonl") == []
