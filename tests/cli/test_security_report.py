"""The security scenario: the caution first, whole logs, P1 on suspicion, and its own footprint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from small_logs import START, write_log

from tests.command import Kit

HOURS = 6
NEWEST = (START + timedelta(hours=HOURS) - timedelta(minutes=30)).isoformat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("security")
    write_log(path / "combined.log", count=HOURS * 720)
    return path


@pytest.fixture(scope="module")
def data(kit: Kit, folder: Path) -> Iterator[Path]:
    """A report on the last half hour of six."""
    finished = kit("report", "security_incident", "whole", "-l", "combined.log", "--since", NEWEST, cwd=folder)
    assert finished.returncode == 0, finished.stderr
    return (folder / finished.stdout.strip()).parent


def the_slice(data: Path) -> Path:
    (item,) = (
        path for path in (data / "evidence").glob("*/item.json") if json.loads(path.read_text())["kind"] == "slice"
    )
    return item


def test_whole_logs_are_preserved_though_the_window_is_short(data: Path, folder: Path) -> None:
    item = the_slice(data)
    details = json.loads(item.read_text())["details"]
    assert details["whole"]
    assert details["window"]["since"].startswith("2026-11-23T14:30")
    assert (item.parent / "content").read_bytes() == (folder / "combined.log").read_bytes()


def test_it_opens_with_the_caution_and_p1(data: Path) -> None:
    page = (data / "report.html").read_text(encoding="utf-8")
    text = page[page.index("<h2>What happened") :]
    caution = text.index("Do not change logs or other evidence")
    assert caution < text.index("P1, critical") < text.index("<h2>How did it go over time?")
    assert "the engineering lead and management" in text


def test_it_lists_what_it_touched_and_asks_nobody_without_live(data: Path) -> None:
    page = (data / "report.html").read_text(encoding="utf-8")
    touched = page[page.index("What did this investigation itself touch?") :]
    assert "opened for reading: combined.log" in touched
    assert "No live system was asked." in touched


def test_the_window_alone_is_kept_where_that_is_said(kit: Kit, folder: Path) -> None:
    finished = kit(
        "report",
        "security_incident",
        "window",
        "-l",
        "combined.log",
        "--since",
        NEWEST,
        "--preserve",
        "window",
        cwd=folder,
    )
    assert finished.returncode == 0, finished.stderr
    item = the_slice((folder / finished.stdout.strip()).parent)
    assert not json.loads(item.read_text())["details"]["whole"]
