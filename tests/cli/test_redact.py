"""`incident-kit redact`: a log to hand on, or a pipe, as it streams by."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from small_logs import BEARER, EMAIL, write_log

from incident_kit.logs import redacting
from incident_kit.model.redaction import Redaction, redact
from tests.command import COMMAND, Kit

KEY = "-----BEGIN PRIVATE " + "KEY-----\n" + "MIIinventedinventedinvented\n" * 20 + "-----END PRIVATE " + "KEY-----\n"


def test_a_log_comes_out_line_by_line_without_its_secrets(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=50)
    finished = kit("redact", log, "-o", tmp_path / "out.log")
    assert finished.returncode == 0, finished.stderr
    shown = (tmp_path / "out.log").read_text(encoding="utf-8")
    assert shown.count("\n") == 50
    assert shown.count("[redacted:email]") == 100
    assert not [secret for secret in (EMAIL, BEARER, BEARER[-10:]) if secret in shown + finished.stderr]
    assert stat.S_IMODE((tmp_path / "out.log").stat().st_mode) == 0o600


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_packed_logs_and_pipes(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    text = f"no account for {EMAIL}\n".encode()
    finished = subprocess.run([COMMAND, "redact", "-"], input=pack(text), capture_output=True, check=True)
    assert finished.stdout == b"no account for [redacted:email]\n"


def test_a_pipe_gets_each_line_when_it_is_there(tmp_path: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "redact", "-", "-o", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdin
        assert running.stdout
        for number in range(3):
            running.stdin.write(f"{number} password=blue-heron-{number}\n".encode())
            running.stdin.flush()
            assert (
                running.stdout.readline() == f"{number} password=[redacted:secret]\n".encode()
            )  # while the pipe is still open
        running.stdin.close()
        assert running.wait() == 0


def test_a_reader_that_has_seen_enough_ends_it_in_silence(tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=2000)
    finished = subprocess.run(
        ["bash", "-c", f'{COMMAND} redact {log} | head -1 > /dev/null; exit "${{PIPESTATUS[0]}}"'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_bytes_that_are_no_text_and_line_ends_come_out_as_they_came_in(tmp_path: Path) -> None:
    raw = "連絡先 hanako@example.jp\r\n".encode() + b"\xff\xfe\x00 caf\xe9\r\n" + b"no line end"
    finished = subprocess.run([COMMAND, "redact", "-"], input=raw, capture_output=True, check=True)
    assert finished.stdout == raw.replace(b"hanako@example.jp", b"[redacted:email]")


def test_a_cut_archive_gives_what_there_is_and_says_that_some_is_missing(kit: Kit, tmp_path: Path) -> None:
    whole = gzip.compress(os.urandom(200_000).hex().encode() + b"\n" + f"no account for {EMAIL}\n".encode() * 2000)
    (tmp_path / "cut.log.gz").write_bytes(whole[:-2000])
    finished = kit("redact", tmp_path / "cut.log.gz", "-o", tmp_path / "out")
    assert finished.returncode == 3
    assert "damaged or cut short" in finished.stderr
    assert (tmp_path / "out").stat().st_size > 100_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("password=hunter2\n".encode("utf-16"), "iconv"),
        ("password=hunter2\n".encode("utf-16-le"), "iconv"),
        (bytes(range(9)) * 500, "iconv"),
    ],
)
def test_what_cannot_be_read_as_text_is_refused(kit: Kit, tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "log").write_bytes(content)
    finished = kit("redact", tmp_path / "log", "-o", tmp_path / "out")
    assert finished.returncode == 2
    assert said in finished.stderr
    assert not (tmp_path / "out").exists()


def test_no_file_is_overwritten_not_even_its_own(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=5)
    before = log.read_bytes()
    finished = kit("redact", log, "-o", log)
    assert finished.returncode == 2
    assert "exists already" in finished.stderr
    assert log.read_bytes() == before


def test_ip_addresses_go_where_that_is_chosen(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("203.0.113.7 asked\n", encoding="utf-8")
    assert kit("redact", tmp_path / "log", cwd=tmp_path).stdout == "203.0.113.7 asked\n"
    assert kit("redact", tmp_path / "log", "--ip-addresses", cwd=tmp_path).stdout == "[redacted:ip] asked\n"
    (tmp_path / "incident-kit.toml").write_text("hide_ip_addresses = true\n", encoding="utf-8")
    assert kit("redact", tmp_path / "log", cwd=tmp_path).stdout == "[redacted:ip] asked\n"
    (tmp_path / "access.log").write_text(
        '203.0.113.7 - - [23/Nov/2026:09:00:00 +0000] "GET /api/orders HTTP/1.1" 200 94\n', encoding="utf-8"
    )
    assert '"client": "[redacted:ip]"' in kit("parse", tmp_path / "access.log", cwd=tmp_path).stdout


@given(
    st.lists(
        st.sampled_from([
            "plain text ", "\n", "password=blue-heron-7", KEY, "args: [\n  'blue-heron-7'\n]",
            "command: {\n name: 'auth',\n", '"token": "blue-heron-7"', " 1795419602352 ",
        ]),
        max_size=12,
    ),
    st.integers(1, 60),
)  # fmt: skip
def test_where_the_pieces_of_a_stream_end_changes_nothing(parts, size):
    text = "".join(parts)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    shown = "".join(redacting.redacted(pieces, Redaction()))
    assert "".join(shown.split()) == "".join(redact(text).split())  # blanks of a list may go with it


def test_a_line_without_end_keeps_its_text_and_loses_its_secrets(monkeypatch):
    monkeypatch.setattr(redacting, "MOST_WAITING", 1 << 16)
    line = ("x" * 50 + " password=blue-heron-7 ") * 6000
    shown = "".join(
        redacting.redacted(iter([line[at : at + 10_000] for at in range(0, len(line), 10_000)]), Redaction())
    )
    assert shown == line.replace("blue-heron-7", "[redacted:secret]")


def test_a_secret_without_end_takes_the_rest_of_its_line_with_it(monkeypatch):
    monkeypatch.setattr(redacting, "MOST_WAITING", 1 << 16)
    pieces = ['before {"password":"', *["blue-heron-7 " * 1000] * 10, "\nafter\n"]
    assert "".join(redacting.redacted(iter(pieces), Redaction())) == 'before {"password":"[redacted:secret]\nafter\n'


def test_memory_does_not_grow_with_the_file():
    held, most = 0, 0

    def lines():
        nonlocal held
        for number in range(2000):
            piece = f"{number} password=blue-heron-7 " + "x" * 500 + "\n" * (number % 3 != 0)
            held += len(piece)
            yield piece

    for piece in redacting.redacted(lines(), Redaction()):
        held -= len(piece.replace("[redacted:secret]", "blue-heron-7"))
        most = max(most, held)
    assert held == 0
    assert most < 5000


def test_a_stream_is_read_no_further_than_it_is_taken():
    taken = []

    def endless():
        for number in range(1000):
            taken.append(number)
            yield f"{number} password=blue-heron-7\n"

    shown = redacting.redacted(endless(), Redaction())
    assert next(shown) == "0 password=[redacted:secret]\n"
    assert taken == [0]
    assert io.StringIO(next(shown)).read() == "1 password=[redacted:secret]\n"
