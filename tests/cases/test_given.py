"""Logs as they are given: names of any bytes, pipes, empty ones beside good ones, and what is no file at all."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from case_logs import incident, record, write

from tests.command import COMMAND, Kit

REPORTS = ["--reports", "out"]
TRIAGE, REPORT = ["triage", "t", *REPORTS, "-l"], ["report", "high_error_rate", "t", *REPORTS, "-l"]
NOT_ROOT = pytest.mark.skipif(
    os.geteuid() == 0, reason="root may read every file, so there is no file without permission"
)


def log(path: Path, word: str = "right", count: int = 200) -> Path:
    return write(path, (record(second, f"{word} {second}") for second in range(count)))


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line.replace("KIT", shlex.quote(str(COMMAND)))],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        errors="surrogateescape",
    )


def items(folder: Path) -> list[dict]:
    """The slices of the incident t."""
    described = [json.loads(path.read_bytes()) for path in (folder / "out" / "t" / "evidence").glob("*/item.json")]
    return [item for item in described if item["kind"] == "slice"]


NAMES = {
    b"new\nline.log": r"new\nline.log",
    b"tab\there.log": r"tab\there.log",
    b"esc\x1b[31m.log": r"esc\x1b[31m.log",
    b"./-l.log": "-l.log",
    "turned\u202egol.log".encode(): r"turned\u202egol.log",
    b"latin\xe9.log": r"latin\xe9.log",
    b"\xff\xfe": r"\xff\xfe",
}


@pytest.mark.parametrize("name", NAMES, ids=NAMES.values())
def test_a_log_is_preserved_whatever_its_name_is_and_no_byte_of_the_name_is_lost(
    kit: Kit, tmp_path: Path, name: bytes
) -> None:
    path = os.fsdecode(name)
    log(tmp_path / path)
    finished = kit(*TRIAGE, path, "--json", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    [item] = items(tmp_path)
    assert item["origin"] == NAMES[name]
    assert item["details"]["uri"] == (tmp_path / path).resolve().as_uri()
    again = kit("recheck", "t", *REPORTS, cwd=tmp_path)  # finds the file by what the item says of it
    assert again.returncode == 0, again.stderr
    assert [item["details"]["uri"] for item in items(tmp_path)] == [(tmp_path / path).resolve().as_uri()] * 2
    assert "\x1b" not in finished.stderr + again.stderr


@pytest.mark.parametrize("name", NAMES, ids=NAMES.values())
def test_a_report_shows_a_name_as_text(kit: Kit, tmp_path: Path, name: bytes) -> None:
    path = os.fsdecode(name)
    log(tmp_path / path)
    finished = kit(*REPORT, path, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    page = (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")
    assert NAMES[name] in page
    assert kit("verify", (tmp_path / finished.stdout.strip()).parents[1], cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("to", ["jsonl", "csv", "parquet"])
def test_a_packed_log_with_any_bytes_in_its_name_is_parsed(kit: Kit, tmp_path: Path, to: str) -> None:
    path = os.fsdecode(b"\xe9.gz")
    (tmp_path / path).write_bytes(gzip.compress(log(tmp_path / "plain.log").read_bytes()))
    with open(tmp_path / "out", "wb") as out:
        finished = subprocess.run(
            [COMMAND, "parse", path, "--to", to],
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr
    assert r"\xe9.gz: 200 lines = 200 records" in finished.stderr


PIPES = {
    "process substitution": "<(cat in.log)",
    "standard input by name": "/dev/stdin < <(cat in.log)",
    "a descriptor": "/dev/fd/7 7< <(cat in.log)",
    "a dash": "- < <(cat in.log)",
    "packed": "<(gzip -c in.log)",
    "a FIFO": "fifo",
}


@pytest.mark.parametrize("pipe", PIPES)
@pytest.mark.parametrize("command", [["parse"], TRIAGE, ["redact"]], ids=["parse", "triage", "redact"])
def test_a_pipe_is_read_once_from_beginning_to_end(tmp_path: Path, pipe: str, command: list[str]) -> None:
    log(tmp_path / "in.log", count=5000)
    os.mkfifo(tmp_path / "fifo")
    line = f"KIT {' '.join(command)} {PIPES[pipe]}"
    finished = shell(f"(sleep 1; cat in.log > fifo) & {line}" if pipe == "a FIFO" else line, tmp_path)
    assert finished.returncode == 0, finished.stderr
    if command[0] == "triage":
        [item] = items(tmp_path)
        assert item["size_bytes"] == (tmp_path / "in.log").stat().st_size or pipe == "packed"
    else:
        assert finished.stdout.count("\n") == 5000


def test_a_report_takes_a_pipe(tmp_path: Path) -> None:
    log(tmp_path / "in.log")
    finished = shell(f"KIT {' '.join(REPORT)} <(cat in.log)", tmp_path)
    assert finished.returncode == 0, finished.stderr


def test_an_archive_may_come_through_a_pipe(tmp_path: Path) -> None:
    log(tmp_path / "one.log", "one")
    log(tmp_path / "two.log", "two")
    finished = shell("tar -cz one.log two.log | KIT parse -", tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("\n") == 400
    assert "standard input!two.log: 200 lines" in finished.stderr


def test_a_pipe_given_twice_is_read_once(tmp_path: Path) -> None:
    log(tmp_path / "in.log")
    finished = shell("cat in.log | KIT parse - -", tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "200 also in another file" in finished.stderr


def test_a_pipe_without_an_end_is_read_up_to_the_limit(tmp_path: Path) -> None:
    finished = shell(
        'yes \'{"level":30,"time":1795597200000,"msg":"y"}\' | KIT parse - --max-unpacked 100000 | wc -l', tmp_path
    )
    assert "only its first 100,000 bytes were read" in finished.stderr
    assert 2000 < int(finished.stdout) < 3000


@pytest.mark.parametrize("command", [["parse"], ["redact"], TRIAGE], ids=["parse", "redact", "triage"])
def test_one_who_waits_for_a_pipe_says_so(tmp_path: Path, command: list[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    with subprocess.Popen(
        [COMMAND, *command, "fifo"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stderr
        killer = threading.Timer(60, running.kill)
        killer.start()
        try:
            assert "fifo: a pipe to which nothing was written yet; waiting" in running.stderr.readline()
        finally:
            killer.cancel()
            running.kill()


@pytest.mark.parametrize(
    "command", [["parse"], ["redact"], TRIAGE, REPORT], ids=["parse", "redact", "triage", "report"]
)
@pytest.mark.parametrize("kind", ["folder", "socket", "/dev/null", "/dev/zero"])
def test_what_is_neither_file_nor_pipe_is_refused_in_plain_words(
    kit: Kit, tmp_path: Path, command: list[str], kind: str
) -> None:
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(tmp_path, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/socket")  # its whole name may be too long for a socket
        os.close(folder)
        finished = kit(*command, kind, cwd=tmp_path)
    assert finished.returncode == 2, finished.stderr
    assert f"{kind}: a {'device' if kind.startswith('/dev') else kind}, not a log file" in finished.stderr
    assert not (tmp_path / "out").exists()


EMPTY = {
    "nothing": b"",
    "line ends": b"\n\r\n\n",
    "zeros": bytes(100_000),
    "an empty gzip": gzip.compress(b""),
    "zeros in a gzip": gzip.compress(bytes(3 << 20)),
}


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize(
    "command",
    [["parse", "error.log", "combined.log"], [*TRIAGE, "error.log", "-l", "combined.log"]],
    ids=["parse", "triage"],
)
def test_an_empty_log_beside_a_good_one_is_named_and_holds_nothing_up(
    kit: Kit, tmp_path: Path, kind: str, command: list[str]
) -> None:
    (tmp_path / "error.log").write_bytes(EMPTY[kind])
    write(tmp_path / "combined.log", incident())
    finished = kit(*command, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert [line for line in finished.stderr.splitlines() if line.startswith("error.log:") and "empty" in line]


def test_a_report_beside_an_empty_log_says_so_in_the_journal(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "error.log").write_bytes(b"")
    write(tmp_path / "combined.log", incident())
    finished = kit(*REPORT, "error.log", "-l", "combined.log", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "nothing to preserve: error.log: the file is empty" in (tmp_path / "out" / "t" / "journal.jsonl").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    "command",
    [["parse", "a.log", "b.log"], [*TRIAGE, "a.log", "-l", "b.log"], [*REPORT, "a.log", "-l", "b.log"]],
    ids=["parse", "triage", "report"],
)
def test_where_all_are_empty_there_is_nothing_to_read(kit: Kit, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "a.log").write_bytes(b"")
    (tmp_path / "b.log").write_bytes(b"\n\n")
    finished = kit(*command, cwd=tmp_path)
    assert finished.returncode == 2
    assert "a.log: the file is empty" in finished.stderr
    assert "b.log: the file holds nothing but" in finished.stderr


@NOT_ROOT
@pytest.mark.parametrize(
    "command", [["parse", "a.log", "b.log"], [*TRIAGE, "a.log", "-l", "b.log"]], ids=["parse", "triage"]
)
def test_a_log_we_may_not_read_beside_a_good_one_is_missing_evidence(
    kit: Kit, tmp_path: Path, command: list[str]
) -> None:
    shutil.copy(log(tmp_path / "b.log"), tmp_path / "a.log")
    (tmp_path / "a.log").chmod(0)
    finished = kit(*command, cwd=tmp_path)
    assert finished.returncode == 3, finished.stderr
    assert "a.log: no permission to read it" in finished.stderr


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_more_logs_than_a_process_may_have_files_open(tmp_path: Path, packed: bool) -> None:
    for number in range(200):
        path = write(tmp_path / f"{number:03}.log", [record(number, "a line")])
        if packed:
            path.write_bytes(gzip.compress(path.read_bytes()))
    finished = shell("ulimit -n 100; KIT parse *.log", tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("\n") == 200
