"""What happens when someone gives us something that cannot be used: a sentence, an exit code, and nothing changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from small_logs import write_log

from tests.command import Kit

NOT_ROOT = pytest.mark.skipif(
    os.geteuid() == 0, reason="root may read every file, so there is no file without permission"
)


def refused(finished: subprocess.CompletedProcess[str], *words: str) -> str:
    """Exit code 2, the words on stderr, nothing on stdout, and no traceback anywhere."""
    assert "Traceback" not in finished.stderr + finished.stdout
    assert finished.returncode == 2, finished.stderr
    for word in words:
        assert word in finished.stderr
    assert not finished.stdout
    return finished.stderr


def print_of(path: Path) -> dict[str, tuple[int, bytes]]:
    """Time of change and content of a file, or of every file below a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def writable_copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    for file in target.rglob("*"):
        file.chmod(0o700 if file.is_dir() else 0o600)
    return target


@pytest.mark.parametrize("command", [["report", "high_error_rate", "-l"], ["parse"]], ids=["report", "parse"])
class TestLogThatCannotBeUsed:
    def test_missing_file_is_named(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        message = refused(kit(*command, tmp_path / "nowhere.log", cwd=tmp_path), "nowhere.log")
        assert len(message.split(". ")) > 1 or ", " in message  # not only what is wrong, but what to do
        assert not (tmp_path / "reports").exists()

    @NOT_ROOT
    def test_file_without_permission_is_named(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        log = write_log(tmp_path / "closed.log")
        log.chmod(0)
        refused(kit(*command, log, cwd=tmp_path), "closed.log")
        log.chmod(0o600)
        assert not (tmp_path / "reports").exists()

    def test_empty_file_is_named(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        log = tmp_path / "empty.log"
        log.touch()
        before = print_of(log)
        refused(kit(*command, log, cwd=tmp_path), "empty.log")
        assert print_of(log) == before
        assert not (tmp_path / "reports").exists()

    def test_binary_file_is_named(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        log = tmp_path / "core.dump"
        log.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 64)
        before = print_of(log)
        refused(kit(*command, log, cwd=tmp_path), "core.dump")
        assert print_of(log) == before
        assert not (tmp_path / "reports").exists()

    def test_folder_is_named(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        (tmp_path / "logs").mkdir()
        log = write_log(tmp_path / "logs" / "combined.log")
        before = print_of(log)
        refused(kit(*command, tmp_path / "logs", cwd=tmp_path), str(tmp_path / "logs"))
        assert print_of(tmp_path / "logs") == before
        assert not (tmp_path / "reports").exists()

    def test_swapped_window_says_to_swap(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        log = write_log(tmp_path / "combined.log")
        before = print_of(log)
        swapped = ["--since", "2026-11-23T09:30:00Z", "--until", "2026-11-23T09:10:00Z"]
        refused(kit(*command, log, *swapped, cwd=tmp_path), "ends before it begins", "Swap")
        assert print_of(log) == before
        assert not (tmp_path / "reports").exists()

    def test_time_nobody_can_read_shows_the_forms(self, kit: Kit, tmp_path: Path, command: list[str]) -> None:
        log = write_log(tmp_path / "combined.log")
        refused(kit(*command, log, "--since", "yesterday", cwd=tmp_path), "yesterday", "-30m", "ISO 8601")
        refused(kit(*command, log, "--tz", "Asia/Atlantis", cwd=tmp_path), "Asia/Atlantis", "Asia/Tokyo")


def test_one_bad_log_beside_a_good_one_stops_before_anything_is_made(kit: Kit, tmp_path: Path) -> None:
    good = write_log(tmp_path / "good.log")
    before = print_of(good)
    refused(kit("report", "high_error_rate", "-l", good, "-l", tmp_path / "gone.log", cwd=tmp_path), "gone.log")
    assert print_of(good) == before
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    "count", [pytest.param(2000, id="text below a block"), pytest.param(6000, id="text of several blocks")]
)
def test_cut_gzip_gives_a_report_that_says_what_it_lost(kit: Kit, tmp_path: Path, count: int) -> None:
    log = write_log(tmp_path / "combined.log.1.gz", count=count)
    log.write_bytes(log.read_bytes()[: log.stat().st_size * 2 // 3])
    before = print_of(log)
    finished = kit("report", "high_error_rate", "-l", log, cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert "Traceback" not in finished.stderr
    page = (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")
    assert "What follows the damage is lost" in page
    assert "combined.log.1.gz" in page
    assert "ruled out" not in page.split("Which outside system")[0]  # nothing is ruled out over what was lost
    assert print_of(log) == before


def test_log_in_an_unknown_format_is_refused_with_the_way_to_preserve_it_all_the_same(kit: Kit, tmp_path: Path) -> None:
    log = tmp_path / "notes.txt"
    log.write_text("it was a dark night\n" * 20, encoding="utf-8")
    refused(kit("report", "high_error_rate", "-l", log, cwd=tmp_path), "notes.txt", "--since", "--until")
    assert not (tmp_path / "reports").exists()
    bounds = ["--since", "2026-11-23T09:00:00Z", "--until", "2026-11-23T09:30:00Z"]
    finished = kit("report", "high_error_rate", "-l", log, *bounds, cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert "not one record" in (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")


def test_unknown_scenario_lists_the_known(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    refused(
        kit("report", "hihg_error_rate", "-l", log, cwd=tmp_path),
        "hihg_error_rate",
        "Known: ",
        ", high_error_rate, ",
        "incident-kit scenarios",
    )
    assert not (tmp_path / "reports").exists()


def test_unknown_parameter_lists_the_known(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    refused(kit("report", "high_error_rate", "-l", log, "-p", "nope=1", cwd=tmp_path), "nope", "runbook_folder (str)")
    assert not (tmp_path / "reports").exists()


def test_malformed_parameter_shows_the_form(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    refused(kit("report", "high_error_rate", "-l", log, "-p", "nope", cwd=tmp_path), "NAME=VALUE", "nope")
    assert not (tmp_path / "reports").exists()


def test_neither_log_nor_evidence_shows_an_example(kit: Kit, tmp_path: Path) -> None:
    refused(kit("report", "high_error_rate", cwd=tmp_path), "-l", "--evidence", "Example:")
    assert not (tmp_path / "reports").exists()


def test_log_and_evidence_together_are_refused(kit: Kit, tmp_path: Path, demo_run: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    refused(kit("report", "high_error_rate", "-l", log, "--evidence", demo_run, cwd=tmp_path), "either")


def test_incident_id_that_climbs_out_of_the_reports_is_refused(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    refused(kit("report", "high_error_rate", "../elsewhere", "-l", log, cwd=tmp_path), "../elsewhere")
    assert [path.name for path in tmp_path.iterdir()] == ["combined.log"]


def test_broken_incident_toml_names_file_and_line(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    incident = tmp_path / "reports" / "mine"
    incident.mkdir(parents=True)
    (incident / "incident.toml").write_text('id = "mine"\ntitle = "unfinished\nopened = ""\n', encoding="utf-8")
    before = print_of(incident), print_of(log)
    refused(kit("report", "high_error_rate", "mine", "-l", log, cwd=tmp_path), "incident.toml", "line 2", "Mend")
    assert (print_of(incident), print_of(log)) == before


def test_incident_toml_without_a_title_names_the_field(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    (tmp_path / "reports" / "mine").mkdir(parents=True)
    (tmp_path / "reports" / "mine" / "incident.toml").write_text('id = "mine"\nopened = ""\n', encoding="utf-8")
    refused(kit("report", "high_error_rate", "mine", "-l", log, cwd=tmp_path), "incident.toml", "'title'")


def test_folder_without_incident_toml_is_no_incident(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    (tmp_path / "reports" / "mine").mkdir(parents=True)
    refused(kit("report", "high_error_rate", "mine", "-l", log, cwd=tmp_path), "incident.toml", "missing")


@pytest.mark.parametrize("accident", ["cut description", "description gone", "content gone"])
def test_damaged_evidence_item_is_named_and_no_incident_made(
    kit: Kit, tmp_path: Path, demo_run: Path, accident: str
) -> None:
    evidence = writable_copy(demo_run / "data" / "evidence", tmp_path / "evidence")
    item = next(evidence.iterdir())
    if accident == "cut description":
        (item / "item.json").write_bytes((item / "item.json").read_bytes()[:100])
    elif accident == "description gone":
        (item / "item.json").unlink()
    else:
        (item / "content").unlink()
    before = print_of(evidence)
    refused(
        kit("report", "high_error_rate", "--evidence", evidence, cwd=tmp_path),
        item.name,
        "take it from a sealed run, or collect again",
    )
    assert print_of(evidence) == before
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_evidence_that_is_none_is_named(kit: Kit, tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    refused(
        kit("report", "high_error_rate", "--evidence", tmp_path / folder, cwd=tmp_path), str(tmp_path / folder), "Give "
    )
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("command", ["verify", "reproduce", "seal"])
@pytest.mark.parametrize("folder", ["nowhere", "empty", "file"])
def test_folder_that_is_no_run_is_named(kit: Kit, tmp_path: Path, command: str, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder at all", encoding="utf-8")
    before = print_of(tmp_path)
    refused(kit(command, tmp_path / folder, cwd=tmp_path), str(tmp_path / folder), "Give ")
    assert print_of(tmp_path) == before


def test_sealed_run_cannot_be_sealed_again(kit: Kit, tmp_path: Path, demo_run: Path) -> None:
    run = shutil.copytree(demo_run, tmp_path / "run")
    before = print_of(run)
    refused(kit("seal", run, cwd=tmp_path), str(run), "sealed run already", "work folder")
    assert print_of(run) == before


def test_parse_to_an_unknown_form_names_the_known(kit: Kit, tmp_path: Path) -> None:
    refused(
        kit("parse", write_log(tmp_path / "combined.log"), "--to", "xml", cwd=tmp_path), "jsonl, csv, parquet", "xml"
    )


def test_unknown_option_is_refused(kit: Kit, tmp_path: Path) -> None:
    refused(kit("report", "high_error_rate", "--sinse", "-30m", cwd=tmp_path), "--sinse")
