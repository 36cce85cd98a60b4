"""The store of evidence: add-only, whole items or none, named after what they are."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from small_slice import ASKED, CUT

from incident_kit.errors import EvidenceError
from incident_kit.evidence.store import Evidence, open_evidence

# Counts how often an item.json is opened, to be written or read.
MANY = """
import sys
from pathlib import Path
from incident_kit.evidence.store import Evidence, Provenance
opened = 0
def hook(event, arguments):
    global opened
    opened += event == "open" and str(arguments[0]).endswith("item.json")
sys.addaudithook(hook)
store = Evidence(Path(sys.argv[1]))
for n in range(40):
    store.add([b"{}"], Provenance("answer", "x", "?", "2026-11-23T07:00:00.000Z", details={"n": n}))
print(opened, len(store.items()))
"""


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_item_is_named_after_the_hash_of_its_description(tmp_path):
    item = Evidence(tmp_path / "e").add([b"one\n", b"two\n"], replace(ASKED, details={**CUT, "before_bytes": 7}))
    text = (item.folder / "item.json").read_bytes()
    assert item.id == hashlib.sha256(text).hexdigest()[:10] == item.folder.name
    assert item.content.read_bytes() == b"one\ntwo\n"
    assert json.loads(text)["sha256"] == item.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert (item.size_bytes, item.source().offset_bytes) == (8, 7)
    assert stat.S_IMODE(item.content.stat().st_mode) == 0o400


def test_the_same_item_twice_is_one_item_and_the_first_stays_untouched(tmp_path):
    store = Evidence(tmp_path / "e")
    first = store.add([b"x"], ASKED)
    before = (first.content.stat().st_ino, first.content.stat().st_mtime_ns)
    assert store.add([b"x"], ASKED) == first
    assert (first.content.stat().st_ino, first.content.stat().st_mtime_ns) == before
    assert left(store.folder) == [first.id]


def test_asking_again_adds_and_replaces_nothing(tmp_path):
    store = Evidence(tmp_path / "e")
    first = store.add([b"x"], ASKED)
    second = store.add([b"x"], replace(ASKED, asked_at="2026-11-23T08:00:00.000Z"))
    assert [item.id for item in store.items()] == [first.id, second.id]


def test_keeping_an_item_does_not_read_all_others_again(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path / "e")], capture_output=True, text=True, check=True
    )
    opened, items = map(int, finished.stdout.split())
    assert items == 40
    assert opened <= 2 * items


def test_an_item_that_another_process_kept_is_seen(tmp_path):
    store, other = Evidence(tmp_path / "e"), Evidence(tmp_path / "e")
    first = store.add([b"x"], ASKED)
    second = other.add([b"y"], ASKED)
    assert {item.id for item in store.items()} == {first.id, second.id}
    assert store.items() == other.items() == Evidence(tmp_path / "e").items()


def test_items_come_in_the_order_they_were_asked_for(tmp_path):
    store = Evidence(tmp_path / "e")
    late = store.add([b"1"], replace(ASKED, asked_at="2026-11-23T09:00:00.000Z"))
    early = store.add([b"2"], replace(ASKED, asked_at="2026-11-23T08:00:00.000Z", kind="redis"))
    assert store.items() == [early, late]
    assert store.slices() == [late]


def test_evidence_over_the_limit_is_refused_and_leaves_nothing_behind(tmp_path):
    store = Evidence(tmp_path / "e", limit_bytes=10)
    kept = store.add([b"12345678"], ASKED)
    with pytest.raises(EvidenceError, match="no room for more evidence"):
        store.add([b"ab", b"c"], ASKED)
    assert left(store.folder) == [kept.id]
    store.add([b"ab"], ASKED)
    assert store.room_bytes() == 0


def test_a_source_that_breaks_off_leaves_no_half_item(tmp_path):
    def breaking():
        yield b"half"
        raise OSError("the disk is gone")

    store = Evidence(tmp_path / "e")
    with pytest.raises(OSError, match="the disk is gone"):
        store.add(breaking(), ASKED)
    assert left(store.folder) == []


def test_adopted_items_share_no_file_with_the_original_and_may_be_adopted_again(tmp_path):
    item = Evidence(tmp_path / "a").add([b"x"], ASKED)
    other = Evidence(tmp_path / "b")
    for _ in range(2):
        [adopted] = other.adopt([item])
    assert (adopted.id, adopted.content.read_bytes()) == (item.id, b"x")
    assert not any(os.path.samefile(ours, theirs) for ours, theirs in zip(adopted.files, item.files, strict=True))
    assert {stat.S_IMODE(path.stat().st_mode) for path in adopted.files} == {0o400}
    assert left(other.folder) == [item.id]


@pytest.mark.parametrize(
    ("accident", "said"),
    [
        (lambda item: (item.folder / "item.json").unlink(), "item.json: missing"),
        (lambda item: (item.folder / "item.json").write_text('{"kind": '), "not an item description"),
        (lambda item: (item.folder / "item.json").write_text("{}"), "not an item description"),
        (lambda item: item.content.unlink(), "content: missing"),
    ],
    ids=["no description", "half a description", "empty description", "no content"],
)
def test_a_damaged_item_is_named_with_what_to_do(tmp_path, accident, said):
    store = Evidence(tmp_path / "e")
    item = store.add([b"x"], ASKED)
    accident(item)
    with pytest.raises(EvidenceError, match=said) as error:
        store.items()
    assert item.id in str(error.value)
    assert "collect again" in str(error.value)


@pytest.mark.parametrize("place", ["data/evidence", "evidence", ""])
def test_evidence_is_found_in_a_run_an_incident_or_its_own_folder(tmp_path, place):
    item = Evidence(tmp_path / "base" / place).add([b"x"], ASKED)
    assert [found.id for found in open_evidence(tmp_path / "base").items()] == [item.id]


def test_a_folder_without_evidence_is_named(tmp_path):
    with pytest.raises(EvidenceError, match="no evidence in it"):
        open_evidence(tmp_path)
    with pytest.raises(EvidenceError, match="no such folder"):
        open_evidence(tmp_path / "typo")


def test_a_store_without_a_slice_has_no_window_and_says_what_to_do(tmp_path):
    store = Evidence(tmp_path / "e")
    store.add([b"x"], replace(ASKED, kind="redis"))
    with pytest.raises(EvidenceError, match="no slice of a log"):
        store.window()
