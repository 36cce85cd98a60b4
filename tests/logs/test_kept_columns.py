"""Columns are kept beside an incident: taken if they are what was written here, made anew if they are anything else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_scan import FIRST, GOOD, LAST

from incident_kit.logs import cache as cache_module
from incident_kit.logs.cache import Cache
from incident_kit.logs.reading import read
from incident_kit.model.source import Source
from tests.command import COMMAND, Kit

TEXT = b"\n".join([FIRST, GOOD % b"caf\xff", LAST, b"    at Foo (x.js:1:2)", b""])


@pytest.fixture(autouse=True)
def a_state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def log(tmp_path: Path) -> Source:
    path = tmp_path / "app.log"
    path.write_bytes(TEXT)
    return Source("a", path, "app.log", sha256="1" * 64)


def answers(log: Source, kept: Cache | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with read([log], kept=kept) as records:
        return list(records.rows()), records.accounting()[0].to_json()


def entry_of(folder: Path) -> Path:
    [entry] = folder.iterdir()
    return entry


def refuse(*_: object) -> None:
    raise AssertionError("the log was read again")


def test_what_is_kept_is_not_read_again_and_answers_the_same(
    tmp_path: Path, log: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = answers(log, None)
    assert answers(log, Cache(tmp_path / "cache")) == plain
    monkeypatch.setattr(cache_module, "extract_all", refuse)
    assert answers(log, Cache(tmp_path / "cache")) == plain
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in entry_of(tmp_path / "cache").iterdir()} == {0o600}


ACCIDENTS: dict[str, Callable[[Path], object]] = {
    "a file was cut": lambda entry: os.truncate(entry / "0.parquet", 100),
    "a file is gone": lambda entry: (entry / "0.parquet").unlink(),
    "a byte was flipped": lambda entry: (entry / "0.parquet").write_bytes(
        (entry / "0.parquet").read_bytes()[:-9] + b"\x00" + (entry / "0.parquet").read_bytes()[-8:]
    ),
    "the index is gone": lambda entry: (entry / "index.json").unlink(),
    "the index is another's": lambda entry: (entry / "index.json").write_bytes(
        (entry / "index.json").read_bytes().replace(b'"cleaned"', b'"cleanet"')
    ),
    "the index is no JSON": lambda entry: (entry / "index.json").write_bytes(b"\xff\xfe"),
    "the entry is a file": lambda entry: (shutil.rmtree(entry), entry.write_bytes(b"")),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_is_not_as_it_was_written_is_made_anew(tmp_path: Path, log: Source, accident: str) -> None:
    plain = answers(log, Cache(tmp_path / "cache"))
    ACCIDENTS[accident](entry_of(tmp_path / "cache"))
    lines: list[str] = []
    assert answers(log, Cache(tmp_path / "cache", lines.append)) == plain
    assert answers(log, Cache(tmp_path / "cache", lines.append)) == plain


def test_an_entry_that_another_user_signed_is_made_anew(
    tmp_path: Path, log: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(log, Cache(tmp_path / "cache"))
    written = (entry_of(tmp_path / "cache") / "index.json").read_bytes()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of somebody else"))
    answers(log, Cache(tmp_path / "cache"))
    assert (entry_of(tmp_path / "cache") / "index.json").read_bytes() != written


def test_another_way_of_reading_has_an_entry_of_its_own(
    tmp_path: Path, log: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(log, Cache(tmp_path / "cache"))
    monkeypatch.setattr(cache_module, "reading_digest", lambda: "of another version")
    answers(log, Cache(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("where", ["a file", "a folder that is not there"])
def test_where_nothing_can_be_kept_it_is_said_once_and_everything_is_read(
    tmp_path: Path, log: Source, where: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    folder = tmp_path / "file" if where == "a file" else tmp_path / "file" / "cache"
    lines: list[str] = []
    kept = Cache(folder, lines.append)
    assert answers(log, kept) == answers(log, None)
    assert answers(log, kept) == answers(log, None)
    assert len(lines) == 1
    assert "is not kept there, and is read again" in lines[0]


def test_logs_that_were_not_compared_with_a_digest_are_not_kept(tmp_path: Path, log: Source) -> None:
    answers(Source("a", log.path, "app.log"), Cache(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_full_disk_is_said_and_everything_is_read(tmp_path: Path) -> None:
    rows = b"".join(GOOD % os.urandom(400).hex().encode() + b"\n" for _ in range(4000))
    (tmp_path / "app.log").write_bytes(rows)
    (tmp_path / "small").mkdir()
    code = (
        "from pathlib import Path\n"
        "from incident_kit.logs.cache import Cache\n"
        "from incident_kit.logs.reading import read\n"
        "from incident_kit.model.source import Source\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "log = Source('a', folder / 'app.log', 'app.log', sha256='1' * 64)\n"
        "with read([log], kept=Cache(folder / 'small' / 'cache', print)) as records:\n"
        "    print(records.accounting()[0].records)\n"
    )
    (tmp_path / "code.py").write_text(code, encoding="utf-8")
    script = (
        f"mount -t tmpfs -o size=1m none {tmp_path}/small || exit 9;"
        f" {sys.executable} {tmp_path}/code.py; find {tmp_path}/small/cache"
    )
    finished = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    if finished.returncode == 9 or "unshare" in finished.stderr:
        pytest.skip("no small disk can be made here")
    assert "is read again: no room" in finished.stdout, finished.stderr
    assert "\n4000\n" in finished.stdout
    assert not finished.stdout.rstrip().endswith("parquet")


def test_two_processes_at_once_and_no_cache(kit: Kit, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(TEXT)
    first = kit("triage", "x", "-l", log, "--no-cache", "--reports", tmp_path, cwd=tmp_path)
    assert first.returncode in (0, 3), first.stderr
    assert not (tmp_path / "x" / "cache").exists()
    command = [COMMAND, "triage", "--evidence", tmp_path / "x"]
    both = [
        subprocess.Popen(list(map(str, command)), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert outputs[0] == outputs[1]
    assert [path.name for path in (tmp_path / "x" / "cache").iterdir()] == [entry_of(tmp_path / "x" / "cache").name]


def test_who_has_no_home_has_the_log_read_all_the_same_and_is_told(
    log: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # nobody on this machine
    said: list[str] = []
    assert answers(log, Cache(tmp_path / "cache", said.append)) == answers(log, None)
    assert "XDG_STATE_HOME" in said[0]
