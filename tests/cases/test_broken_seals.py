"""A sealed run in which something is not as it was sealed: named by verify, never waited for, never followed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import case_items
import pytest
from unsealed import seal_anew, seal_tags_anew, sha256, writable

from incident_kit.errors import IncidentKitError
from incident_kit.evidence.journal import Journal
from incident_kit.evidence.verify import verify as check
from tests.command import Kit


@pytest.fixture(scope="session")
def sealed(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports with one sealed run of a stranger's small evidence. Copy them before you damage them."""
    folder = tmp_path_factory.mktemp("sealed")
    case_items.keep_slice(folder / "stranger" / "evidence")
    case_items.keep_answer(folder / "stranger" / "evidence", case_items.answer(), b'{"sent": "INFO"}\n')
    made = kit("report", "high_error_rate", "x", "--evidence", folder / "stranger", "--reports", folder / "reports")
    assert made.returncode in (0, 3), made.stderr
    return folder


@pytest.fixture
def run(sealed: Path, tmp_path: Path) -> Path:
    """A run that can be damaged, in its incident."""
    shutil.copytree(sealed / "reports", tmp_path / "reports")
    return next(writable(tmp_path / "reports").glob("x/runs/*"))


def verify(run: Path) -> tuple[int, str]:
    """The exit code and what is said, as the command has them from the library."""
    try:
        return 0, check(run).compared
    except IncidentKitError as error:
        return error.exit_code, str(error)


def verify_by_command(kit: Kit, run: Path, *options: str) -> tuple[int, str]:
    finished = kit("verify", run, *options)
    assert "our own fault" not in finished.stderr
    return finished.returncode, finished.stdout + finished.stderr


def test_a_run_and_what_it_was_made_from_share_no_file_and_a_sealed_one_has_no_write_bits(sealed: Path) -> None:
    [run] = (sealed / "reports" / "x" / "runs").iterdir()
    source = {(path.stat().st_dev, path.stat().st_ino) for path in (sealed / "stranger").rglob("*")}
    for path in (run, *run.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o500 if path.is_dir() else 0o400), path
        assert (path.stat().st_dev, path.stat().st_ino) not in source
        assert path.is_dir() or path.stat().st_nlink == 1


def test_the_recorded_incident_is_not_shared_by_runs_of_it(demo_run: Path) -> None:
    assert all(path.stat().st_nlink == 1 for path in demo_run.rglob("*") if path.is_file())


def test_verify_says_what_it_compared_with(kit: Kit, run: Path, tmp_path: Path) -> None:
    code, said = verify_by_command(kit, run)
    assert code == 0
    assert "the incident's journal, line" in said
    digest = sha256(run / "tagmanifest-sha256.txt")
    alone = Path(shutil.copytree(run, tmp_path / "handed over" / run.name))
    code, said = verify_by_command(kit, alone)
    assert code == 0
    assert "--digest" in said
    for given in (digest, digest.upper()):
        code, said = verify_by_command(kit, alone, "--digest", given)
        assert code == 0
        assert "the digest given" in said
    code, said = verify_by_command(kit, alone, "--digest", "0" * 64)
    assert code == 1
    assert f"its digest is {digest}, not the one given" in said
    assert verify_by_command(kit, alone, "--digest", digest[:-1])[0] == 2


def test_a_run_that_was_sealed_anew_is_not_the_one_that_the_journal_noted(run: Path) -> None:
    before = sha256(run / "tagmanifest-sha256.txt")
    (run / "data" / "notes.md").write_text("all was well\n")
    after = seal_anew(run)
    code, said = verify(run)
    assert code == 1
    assert f"its digest is {after}, not {before}, which the incident's journal noted" in said


def test_a_later_line_of_the_journal_does_not_make_another_digest_right(run: Path) -> None:
    (run / "data" / "notes.md").write_text("all was well\n")
    Journal(run.parents[1] / "journal.jsonl").note_seal(run.name, seal_anew(run))
    assert verify(run)[0] == 1


def test_a_journal_in_which_the_digest_was_exchanged_is_broken_there(run: Path) -> None:
    path = run.parents[1] / "journal.jsonl"
    Journal(path).append("note", "restarted the BFF")
    before = sha256(run / "tagmanifest-sha256.txt")
    (run / "data" / "notes.md").write_text("all was well\n")
    path.write_text(path.read_text().replace(before, seal_anew(run)))
    code, said = verify(run)
    assert code == 1
    assert "the chain is broken here" in said


@pytest.mark.parametrize("change", ["emptied", "gone", "deep", "a pipe"])
def test_a_run_that_the_journal_beside_it_does_not_know_is_said(run: Path, change: str) -> None:
    path = run.parents[1] / "journal.jsonl"
    path.unlink()
    if change == "emptied":
        path.write_bytes(b"")
    elif change == "deep":
        path.write_text("[" * 90_000 + "\n")
    elif change == "a pipe":
        os.mkfifo(path)
    code, said = verify(run)
    assert code == 1
    assert "journal" in said


def test_a_line_that_a_power_cut_left_half_written_later_is_no_fault_of_the_run(run: Path) -> None:
    path = run.parents[1] / "journal.jsonl"
    Journal(path).append("note", "restarted the BFF")
    Journal(path).append("note", "and the cache")
    path.write_bytes(path.read_bytes()[:-20])
    assert verify(run)[0] == 0


@pytest.mark.parametrize(
    "name",
    ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", "data/run.json", "data/report.html"],
)
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "link to nowhere"])
def test_another_kind_of_thing_in_place_of_a_file_is_named(run: Path, tmp_path: Path, name: str, kind: str) -> None:
    kept = tmp_path / "kept"
    shutil.move(run / name, kept)
    if kind == "pipe":
        os.mkfifo(run / name)
    elif kind == "folder":
        (run / name).mkdir()
    else:
        (run / name).symlink_to(kept if kind == "link" else tmp_path / "nowhere")
    code, said = verify(run)
    assert code == 1
    assert f"{name}: a {kind.split()[0]}" in said


@pytest.mark.parametrize(
    "name", ["annex", "data/annex", "data/evidence/0123456789", "data/a/b/c", "tagmanifest-sha256.txt.sig"]
)
def test_a_folder_that_was_added_is_named(run: Path, name: str) -> None:
    (run / name).mkdir(parents=True)
    code, said = verify(run)
    assert code == 1
    assert ("data/a:" if name == "data/a/b/c" else name) in said


@pytest.mark.parametrize("name", ["annex", "data/annex", "data/evidence/0123456789", "tagmanifest-sha256.txt.sig"])
def test_a_link_or_a_pipe_that_was_added_is_named(run: Path, name: str) -> None:
    (run / name).symlink_to("/etc")
    code, said = verify(run)
    assert (code, f"{name}: a link" in said) == (1, True)
    (run / name).unlink()
    os.mkfifo(run / name)
    code, said = verify(run)
    assert (code, f"{name}: a pipe" in said) == (1, True)


def test_a_name_that_would_move_the_cursor_is_shown_as_escapes(run: Path) -> None:
    (run / "data" / "a\x1b[2Jb\nc").write_text("x")
    code, said = verify(run)
    assert code == 1
    assert "data/a\\x1b[2Jb\\nc: added after sealing" in said
    assert "\x1b" not in said


def test_digests_in_capitals_are_right(run: Path) -> None:
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        lines = (run / name).read_text().splitlines()
        (run / name).write_text("".join(f"{line[:64].upper()}{line[64:]}\n" for line in lines))
        if name == "manifest-sha256.txt":
            seal_tags_anew(run)
    alone = run.rename(run.parents[2] / "alone")
    assert verify(alone)[0] == 0


@pytest.mark.parametrize(
    "line",
    [
        "g" * 64 + "  data/x",
        "0" * 64 + "  data/\x00",
        "0" * 64 + "  data/" + "a" * 5000,
        "0" * 64,
        "0" * 63 + "  data/x",
    ],
)
def test_a_manifest_line_that_names_no_file_is_named(run: Path, line: str) -> None:
    with open(run / "manifest-sha256.txt", "a") as manifest:
        manifest.write(line + "\n")
    assert verify(run)[0] == 1


ODD_RUN = [
    ("run.json", b"[" * 90_000, "nested"),
    ("run.json", b"{}", "'parameters'"),
    ("run.json", b'{"parameters": {"since": []}, "notebook": "n", "error": ""}', "'parameters.since'"),
    ("run.json", b'{"parameters": {}, "notebook": 1, "error": ""}', "'notebook'"),
    ("run.json", b"\xff", "not UTF-8"),
    ("incident.toml", b"a = " + b"[" * 50_000, "TOML"),
    ("incident.toml", b"title = 1", "'id'"),
    ("journal.jsonl", b"[" * 90_000 + b"\n", "line 1: not a journal entry"),
    ("journal.jsonl", b'{"n": "1", "previous": 0}\n', "line 1: not a journal entry"),
]


@pytest.mark.parametrize(("name", "data", "words"), ODD_RUN, ids=lambda value: repr(value)[:30])
def test_a_file_of_a_run_that_is_none_is_named_under_a_seal_that_fits(
    kit: Kit, run: Path, name: str, data: bytes, words: str
) -> None:
    (run / "data" / name).write_bytes(data)
    seal_anew(run)
    for command in ("verify", "reproduce"):
        finished = kit(command, run)
        assert finished.returncode == 1, finished.stderr
        assert f"data/{name}" in finished.stderr
        assert words in finished.stderr


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 90_000,
        b"{}",
        b'{"cells": 1}',
        b'{"cells": [7], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        b"\xff",
        b"",
    ],
)
def test_a_notebook_of_a_run_that_is_none_is_named(kit: Kit, run: Path, data: bytes) -> None:
    (run / "data" / "notebook.ipynb").write_bytes(data)
    seal_anew(run)
    shutil.move(run, run.parents[2] / "alone")
    for options in ([], ["--trust-notebook"]):
        finished = kit("reproduce", run.parents[2] / "alone", *options)
        assert finished.returncode == 2, finished.stderr
        assert "notebook.ipynb" in finished.stderr


def test_evidence_of_a_sealed_run_is_checked_too(kit: Kit, run: Path) -> None:
    item = next((run / "data" / "evidence").iterdir())
    (item / "content").write_bytes(b"{}")
    finished = kit("triage", "--evidence", run)
    assert finished.returncode == 2, finished.stderr
    assert f"{item.name}/content: changed" in finished.stderr


def test_what_is_noted_of_a_seal_is_what_verify_reads(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).append("note", f"sealed run a, sha256 of its tag manifest {'1' * 64}")
    Journal(path).note_seal("a", "2" * 64)
    assert Journal(path).noted_seal("a") == (2, "2" * 64)
    assert Journal(path).noted_seal("b") is None
    assert json.loads(path.read_text().split("\n")[1])["kind"] == "custody"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk, and become another user")
def test_a_disk_without_room_is_said_before_anything_is_copied(tmp_path: Path) -> None:
    case_items.keep_slice(tmp_path / "stranger" / "evidence")
    content = case_items.log() * 100
    case_items.keep(tmp_path / "stranger" / "evidence", case_items.slice_of(content), content)
    (tmp_path / "small").mkdir()
    command = shutil.which("incident-kit", path=str(Path(os.sys.executable).parent))  # type: ignore[attr-defined]
    script = (
        f"mount -t tmpfs -o size=4m none {tmp_path}/small"
        f" && {command} report high_error_rate x --evidence {tmp_path}/stranger --reports {tmp_path}/small"
        f"; code=$?; find {tmp_path}/small/x/runs; exit $code"
    )
    finished = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "unshare" in finished.stderr or "mount" in finished.stderr:
        pytest.skip("no small disk can be made here")
    assert finished.returncode == 2, finished.stderr
    assert "bytes are needed" in finished.stderr
    assert "--reports" in finished.stderr
    assert ".partial" not in finished.stdout
