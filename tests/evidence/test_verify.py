"""A sealed run: stock tools accept it, and every accident is named, all of them at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_slice import ASKED
from unsealed import writable

from incident_kit.errors import EvidenceError, VerificationFailed
from incident_kit.evidence import bag
from incident_kit.evidence.journal import Journal
from incident_kit.evidence.store import Evidence
from incident_kit.evidence.untrusted import sha256_of
from incident_kit.evidence.verify import verify


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "20261123T070000Z_high_error_rate"
    data = folder / "data"
    store = Evidence(data / "evidence")
    for content in (b"one\n", b"two\n"):
        store.add([content], ASKED)
    for text in ("opened", "restarted", "closed"):
        Journal(data / "journal.jsonl").append("note", text)
    (data / "report.html").write_text("<p>Report</p>\n")
    (data / "names with spaces.txt").write_text("x\n")
    bag.write(folder, {"Source-Organization": "a\nb", "External-Identifier": "demo"})
    return writable(folder)


def item(run: Path) -> Path:
    return min((run / "data" / "evidence").iterdir())


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def faults(run: Path) -> list[str]:
    with pytest.raises(VerificationFailed) as error:
        verify(run)
    assert all(fault in str(error.value) for fault in error.value.faults)
    return error.value.faults


def reseal(run: Path) -> None:
    """What someone does who changes a run and knows the bag, but not the items and the journal."""
    for name in (*bag.TAG_FILES, bag.TAG_MANIFEST):
        (run / name).unlink()
    bag.write(run, {})
    writable(run)


def test_a_whole_run_is_whole_and_gives_the_digest_of_its_seal(run):
    assert verify(run).digest == sha256_of(run / "tagmanifest-sha256.txt")


def test_the_seal_that_was_written_is_the_seal_that_is_verified(run):
    for name in (*bag.TAG_FILES, bag.TAG_MANIFEST):
        (run / name).unlink()
    assert bag.write(run, {"External-Identifier": "demo"}) == verify(run).digest


def test_the_stock_bagit_library_accepts_it(run):
    finished = subprocess.run(
        [sys.executable, "-m", "bagit", "--validate", str(run)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("manifest", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_sha256sum_accepts_it(run, manifest):
    finished = subprocess.run(
        ["sha256sum", "--strict", "-c", manifest], cwd=run, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count(": OK") == len((run / manifest).read_text().splitlines())


def test_stock_tools_refuse_what_we_refuse(run):
    (run / "data" / "report.html").write_text("<p>REPORT</p>\n")
    checks = (["sha256sum", "-c", "manifest-sha256.txt"], [sys.executable, "-m", "bagit", "--validate", "."])
    assert all(subprocess.run(check, cwd=run, capture_output=True, check=False).returncode == 1 for check in checks)
    assert faults(run) == ["data/report.html: changed (its SHA-256 is not the sealed one)"]


def test_every_single_flipped_bit_is_found(run):
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            overwrite(path, whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            if path.name != bag.TAG_MANIFEST or place != len(whole) - 1:
                assert any(path.name in fault or path.name == bag.TAG_MANIFEST for fault in faults(run)), (path, place)
        overwrite(path, whole)
    verify(run)


def test_a_missing_file_is_named(run):
    (run / "data" / "report.html").unlink()
    assert faults(run) == ["data/report.html: missing"]


@pytest.mark.parametrize("name", ["data/extra.txt", "data/deep/er/extra.txt", "extra.txt", "data/.hidden"])
def test_an_added_file_is_named(run, name):
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text("x")
    assert faults(run) == [f"{name}: added after sealing"]


def test_an_edited_manifest_is_named_even_if_it_fits_the_edited_file(run):
    report, manifest = run / "data" / "report.html", run / "manifest-sha256.txt"
    old = sha256_of(report)
    report.write_text("<p>all was well</p>\n")
    manifest.write_text(manifest.read_text().replace(old, sha256_of(report)))
    assert faults(run) == ["manifest-sha256.txt: changed (its SHA-256 is not the sealed one)"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "not a manifest line"),
        ("0" * 64 + "  ../outside.txt", "points outside the run"),
        ("0" * 64 + "  /etc/passwd", "points outside the run"),
    ],
)
def test_a_strange_manifest_line_is_named(run, line, said):
    with open(run / "manifest-sha256.txt", "a") as manifest:
        manifest.write(line + "\n")
    assert any(fault.startswith("manifest-sha256.txt, line ") and said in fault for fault in faults(run))


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_a_missing_tag_file_is_named(run, name):
    (run / name).unlink()
    assert f"{name}: missing" in faults(run)


def test_an_edited_description_is_found_even_under_a_new_seal(run):
    path = item(run) / "item.json"
    overwrite(path, path.read_bytes().replace(b"app.log", b"web.log"))
    reseal(run)
    assert faults(run) == [f"data/evidence/{item(run).name}/item.json: changed (the item is named after its hash)"]


def test_edited_evidence_is_found_even_under_a_new_seal(run):
    overwrite(item(run) / "content", b"ONE\n")
    reseal(run)
    assert faults(run) == [f"data/evidence/{item(run).name}/content: changed (its SHA-256 is not the one in item.json)"]


def test_an_edited_journal_is_found_even_under_a_new_seal(run):
    path = run / "data" / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b"restarted", b"did nothing"))
    reseal(run)
    assert faults(run) == [
        "data/journal.jsonl, line 3: the chain is broken here (the line before was changed, added or removed)"
    ]


def test_something_strange_among_the_items_is_found_even_under_a_new_seal(run):
    (run / "data" / "evidence" / "notes.txt").write_text("x")
    reseal(run)
    assert faults(run) == ["data/evidence/notes.txt: not an item"]


def test_a_file_replaced_by_a_link_is_named(run, tmp_path):
    report = run / "data" / "report.html"
    shutil.move(report, tmp_path / "elsewhere.html")
    report.symlink_to(tmp_path / "elsewhere.html")
    assert faults(run) == ["data/report.html: a link, not the file that was sealed"]


def test_a_folder_linked_into_the_run_is_named(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.txt").write_text("x")
    (run / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    assert any("data/linked" in fault for fault in faults(run))


@pytest.mark.parametrize("name", ["data", "data/evidence"])
def test_a_folder_replaced_by_a_link_is_named(run, tmp_path, name):
    shutil.move(run / name, tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    assert any(fault.startswith(f"{name}: a link") for fault in faults(run))


def test_all_accidents_are_named_at_once(run):
    data, damaged = run / "data", item(run)
    overwrite(damaged / "content", b"ONE\n")
    overwrite(damaged / "item.json", (damaged / "item.json").read_bytes().replace(b"app.log", b"web.log"))
    (data / "report.html").unlink()
    (data / "extra.txt").write_text("x")
    (run / "bag-info.txt").write_text("External-Identifier: other\n")
    journal_file = data / "journal.jsonl"
    journal_file.write_bytes(journal_file.read_bytes().replace(b"opened", b"OPENED"))
    found = faults(run)
    for name in (
        f"{damaged.name}/content",
        f"{damaged.name}/item.json",
        "data/report.html: missing",
        "data/extra.txt: added",
        "bag-info.txt: changed",
        "data/journal.jsonl: changed",
        "data/journal.jsonl, line 2",
    ):
        assert any(name in fault for fault in found), name
    assert len(found) == len(set(found))


def test_a_missing_item_description_is_one_fault_among_others(run):
    os.unlink(item(run) / "item.json")
    overwrite(item(run) / "content", b"ONE\n")
    name = item(run).name
    found = faults(run)
    assert any(fault.startswith(f"data/evidence/{name}/item.json: missing") for fault in found)
    assert any(fault.startswith(f"data/evidence/{name}/content: changed") for fault in found)


def test_a_damaged_seal_that_is_not_text_is_named(run):
    (run / "tagmanifest-sha256.txt").write_bytes(b"\xff\xfe\x00")
    assert any("tagmanifest-sha256.txt" in fault for fault in faults(run))


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path):
    with pytest.raises(EvidenceError, match="not a sealed run"):
        verify(tmp_path)
    with pytest.raises(EvidenceError, match="no such folder"):
        verify(tmp_path / "typo")
