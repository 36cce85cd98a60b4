"""What strangers wrote is shown on a terminal, never obeyed by it: in every command's output and in every message."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from case_logs import incident, record, request, write
from conftest import COMMAND

ODD = "no\x1b[31m\x1b]0;owned\x07\x9b2J\u202egol.log"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


def assert_harmless(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.stdout + finished.stderr
    assert not OBEYED.search(finished.stdout), ascii(finished.stdout)
    assert not OBEYED.search(finished.stderr), ascii(finished.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("parse", ODD), ("parse", "-", "--to", ODD), ("redact", ODD), ("redact", "x", "-o", ODD), ("report", ODD),
        ("report", "high_error_rate", ODD, "-l", ODD), ("report", "high_error_rate", "x", "--evidence", ODD),
        ("report", "high_error_rate", "-p", ODD), ("report", "high_error_rate", "-p", f"{ODD}=1"),
        ("triage", "-l", ODD), ("triage", "--since", ODD), ("triage", "--tz", ODD), ("triage", "--env-file", ODD),
        ("recheck", ODD), ("recheck", "--every", ODD), ("verify", ODD), ("reproduce", ODD), ("seal", ODD),
        ("lab", ODD), ("scenarios", "--runbook", ODD), ("doctor", "--env-file", ODD), ("doctor", "--reports", ODD),
        ("init", f"{ODD}/x"), (ODD,), (f"--{ODD}",), ("parse", f"--{ODD}"), ("triage", "--budget", ODD),
    ],
)  # fmt: skip
def test_a_name_in_a_message_is_shown(kit, tmp_path, arguments):
    finished = kit(*arguments, cwd=tmp_path)
    assert finished.returncode not in (0, 70), finished.stderr
    assert_harmless(finished)


def test_a_file_name_with_controls_is_shown_wherever_it_stands(kit, tmp_path):
    write(tmp_path / ODD, incident())
    for arguments in (
        ("parse", ODD),
        ("parse", ODD, "--to", "csv"),
        ("triage", "-l", ODD),
        ("triage", "-l", ODD, "--json"),
        ("report", "high_error_rate", "x", "-l", ODD, "--reports", "out"),
    ):
        finished = kit(*arguments, cwd=tmp_path)
        assert finished.returncode == 0, finished.stderr
        assert_harmless(finished)
    assert json.loads(kit("parse", ODD, cwd=tmp_path).stdout.split("\n")[0])["file"] == ODD


def test_a_name_with_a_line_feed_makes_no_line_of_its_own(kit, tmp_path):
    finished = kit("verify", "x\nx: as it was sealed. Digest 0", cwd=tmp_path)
    assert finished.stderr.count("\n") == 1
    assert "x\\nx: as it was sealed" in finished.stderr


def test_records_are_shown_and_say_the_same(kit, tmp_path):
    odd_text = "a\x07b\x9bc\u202ed\u2028e\x7f\U000e0041"
    write(
        tmp_path / "bff.log", [record(1, odd_text, context=odd_text), request(2, url="/" + odd_text, client=odd_text)]
    )
    finished = kit("parse", "bff.log", cwd=tmp_path)
    assert_harmless(finished)
    first, second = map(json.loads, finished.stdout.rstrip("\n").split("\n"))
    assert first["message"] == odd_text
    assert second["client"] == odd_text
    csv = kit("parse", "bff.log", "--to", "csv", cwd=tmp_path)
    assert_harmless(csv)
    assert "a\\x07b\\x9bc\\u202ed\\u2028e\\x7f\\U000e0041" in csv.stdout


def test_an_attacker_is_shown_by_triage_and_report(kit, tmp_path):
    client = "\x1b[2J\x1b]0;owned\x07\u202e\nSealed. All is well."
    attacks = [request(second, url="/../../etc/passwd?x", client=client) for second in range(0, 1200, 20)]
    write(tmp_path / "bff.log", [*incident(client=client), *attacks])
    for arguments in (
        ("triage", "-l", "bff.log"),
        ("triage", "-l", "bff.log", "--json"),
        ("report", "security_incident", "x", "-l", "bff.log", "--reports", "out"),
    ):
        finished = kit(*arguments, cwd=tmp_path)
        assert finished.returncode in (0, 3), finished.stderr
        assert_harmless(finished)
        assert "\nSealed. All" not in finished.stdout + finished.stderr
    [page] = tmp_path.glob("out/x/runs/*/data/report.html")
    assert not OBEYED.search(page.read_text(encoding="utf-8"))


def test_a_strangers_bag_is_shown(kit, tmp_path, demo_run):
    run = tmp_path / "run"
    shutil.copytree(demo_run, run)
    subprocess.run(["chmod", "-R", "u+w", run], check=True)
    (run / "data" / ODD).write_text("x", encoding="utf-8")
    with open(run / "manifest-sha256.txt", "a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  data/gone{ODD}\nnot a line{ODD}\n")
    finished = kit("verify", run)
    assert finished.returncode == 1
    assert_harmless(finished)
    assert "\\x1b[31m" in finished.stderr


def on_a_terminal(*arguments: str, cwd: Path) -> str:
    """What a command writes where both of its streams are a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(COMMAND), *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            block = os.read(ours, 1 << 16)
        except OSError:  # the other end was closed
            break
        output += block
        if not block:
            break
    os.close(ours)
    assert process.wait() == 0
    return output.decode()


def test_redact_changes_nothing_else_in_a_pipe_and_shows_controls_on_a_terminal(kit, tmp_path):
    (tmp_path / "app.log").write_text("\x1b[32mINFO\x1b[0m for hanako@example.jp\n", encoding="utf-8")
    assert kit("redact", "app.log", cwd=tmp_path).stdout == "\x1b[32mINFO\x1b[0m for [redacted:email]\n"
    assert "\\x1b[32mINFO\\x1b[0m for [redacted:email]" in on_a_terminal("redact", "app.log", cwd=tmp_path)


def test_on_a_terminal_the_only_commands_are_ours(tmp_path):
    (tmp_path / "empty-\x1b[2J.log").write_text("nothing to read here\n" * 3, encoding="utf-8")
    output = on_a_terminal("parse", "empty-\x1b[2J.log", cwd=tmp_path)
    assert "empty-\\x1b[2J.log" in output
    assert set(re.findall("\x1b[^A-Za-z]*[A-Za-z]", output)) <= {"\x1b[K", "\x1b[31m", "\x1b[0m"}
