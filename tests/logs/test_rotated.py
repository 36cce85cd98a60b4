"""A rotated set: only what overlaps the window is opened, and of that little more than the slice is read."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from collecting import collect_logs

from incident_kit.evidence.store import Evidence
from incident_kit.logs import slices

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour_of_log(path: Path, begin: datetime, lines: int) -> Path:
    with open(path, "w") as file:
        for n in range(lines):
            at = begin + HOUR * n / lines
            file.write(
                json.dumps(
                    {"level": 30, "time": int(at.timestamp() * 1000), "pid": 1, "hostname": "vm", "msg": "x" * 120}
                )
                + "\n"
            )
    ended = (begin + HOUR).timestamp()
    os.utime(path, (ended, ended))
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """How many bytes each read of the original, `app.log`, took: the real reads, counted."""
    counted: list[int] = []
    real = os.pread

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        data = real(descriptor, length, offset)
        if os.path.samestat(os.fstat(descriptor), os.stat(tmp_path / "app.log")):
            counted.append(len(data))
        return data

    monkeypatch.setattr(slices.os, "pread", pread)
    return counted


def test_of_fifty_files_only_those_that_overlap_are_opened(tmp_path, monkeypatch):
    paths = [hour_of_log(tmp_path / f"app.log.{50 - n}", BEGIN + HOUR * n, 60) for n in range(50)]
    opened = []
    real = os.open
    monkeypatch.setattr(
        slices.os, "open", lambda path, *rest, **more: (opened.append(Path(path).name), real(path, *rest, **more))[1]
    )
    collected = collect_logs(
        Evidence(tmp_path / "evidence"), paths, BEGIN + 47 * HOUR + HOUR / 2, BEGIN + 48 * HOUR + HOUR / 2
    )
    assert {Path(item.origin).name for item in collected.items} == {"app.log.3", "app.log.2"}
    # The last one lies behind the window; to know that, its first record has to be read.
    assert {name for name in opened if name.startswith("app.log")} <= {"app.log.3", "app.log.2", "app.log.1"}
    assert sum("not opened" in note for note in collected.notes) == 47


def test_files_that_were_all_written_before_the_window_are_opened_after_all(tmp_path):
    path = hour_of_log(tmp_path / "app.log", BEGIN, 60)
    os.utime(path, (0, 0))  # copied without its time
    other = hour_of_log(tmp_path / "app.log.1", BEGIN - HOUR, 60)
    os.utime(other, (0, 0))
    collected = collect_logs(Evidence(tmp_path / "evidence"), [path, other], BEGIN + HOUR / 4, BEGIN + HOUR / 2)
    assert [Path(item.origin).name for item in collected.items] == ["app.log"]


def test_little_more_than_the_slice_is_read_of_a_large_log(tmp_path, reads):
    path = hour_of_log(tmp_path / "app.log", BEGIN, 200_000)
    assert path.stat().st_size > 35_000_000
    [item] = collect_logs(
        Evidence(tmp_path / "evidence"), [path], BEGIN + HOUR / 2, BEGIN + HOUR / 2 + timedelta(minutes=5)
    ).items
    assert item.size_bytes < path.stat().st_size / 5
    assert sum(reads) <= 1.1 * item.size_bytes + (1 << 20)
