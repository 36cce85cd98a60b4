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

from incident_kit.model.visible import visible
from tests.command import COMMAND

ODD = "no\x1b[31m\x1b]0;owned\x07\x9b2J\u202egol.log"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


def assert_harmless(told: subprocess.CompletedProcess[str]) -> None:
    assert told.stdout + told.stderr
    assert not OBEYED.search(told.stdout), ascii(told.stdout)
    assert not OBEYED.search(told.stderr), ascii(told.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("parse", ODD), ("parse", "-", "--to", ODD), ("redact", ODD), ("redact", "x", "-o", ODD), ("report", ODD),
        ("report", "high_error_rate", ODD, "-l", ODD),
        ("report", "high_error_rate", "x", "--evidence", ODD), ("report", "high_error_rate", "-p", ODD),
        ("report", "high_error_rate", "-p", f"{ODD}=1"), ("triage", "-l", ODD),
        ("triage", "--since", ODD), ("triage", "--tz", ODD), ("triage", "--env-file", ODD), ("recheck", ODD),
        ("recheck", "--every", ODD), ("verify", ODD), ("reproduce", ODD),
        ("seal", ODD), ("lab", ODD), ("scenarios", "--runbook", ODD), ("doctor", "--env-file", ODD),
        ("doctor", "--reports", ODD), ("init", f"{ODD}/x"), (ODD,), (f"--{ODD}",), ("parse", f"--{ODD}"),
        ("triage", "--budget", ODD),
    ],
)  # fmt: skip
def test_a_name_in_a_message_is_shown(kit, tmp_path, arguments):
    told = kit(*arguments, cwd=tmp_path)
    assert told.returncode not in (0, 70), told.stderr
    assert_harmless(told)


def test_a_file_name_with_controls_is_shown_wherever_it_stands(kit, tmp_path):
    write(tmp_path / ODD, incident())
    for arguments in (
        ("parse", ODD),
        ("parse", ODD, "--to", "csv"),
        ("triage", "-l", ODD),
        ("triage", "-l", ODD, "--json"),
        ("report", "high_error_rate", "x", "-l", ODD, "--reports", "out"),
    ):
        told = kit(*arguments, cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        assert_harmless(told)
    assert json.loads(kit("parse", ODD, cwd=tmp_path).stdout.split("\n")[0])["file"] == visible(ODD)


def test_a_name_with_a_line_feed_makes_no_line_of_its_own(kit, tmp_path):
    told = kit("verify", "x\nx: as it was sealed. Digest 0", cwd=tmp_path)
    assert told.stderr.count("\n") == 1
    assert "x\\nx: as it was sealed" in told.stderr


def test_records_are_shown_and_say_the_same(kit, tmp_path):
    said = "a\x07b\x9bc\u202ed\u2028e\x7f\U000e0041"
    write(tmp_path / "bff.log", [record(1, said, context=said), request(2, url="/" + said, client=said)])
    told = kit("parse", "bff.log", cwd=tmp_path)
    assert_harmless(told)
    first, second = map(json.loads, told.stdout.rstrip("\n").split("\n"))
    assert first["message"] == said
    assert second["client"] == said
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
        told = kit(*arguments, cwd=tmp_path)
        assert told.returncode in (0, 3), told.stderr
        assert_harmless(told)
        assert "\nSealed. All" not in told.stdout + told.stderr
    [page] = tmp_path.glob("out/x/runs/*/data/report.html")
    assert not OBEYED.search(page.read_text(encoding="utf-8"))


def test_a_strangers_bag_is_shown(kit, tmp_path, demo_run):
    run = tmp_path / "run"
    shutil.copytree(demo_run, run)
    subprocess.run(["chmod", "-R", "u+w", run], check=True)
    (run / "data" / ODD).write_text("x", encoding="utf-8")
    with open(run / "manifest-sha256.txt", "a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  data/gone{ODD}\nnot a line{ODD}\n")
    told = kit("verify", run)
    assert told.returncode == 1
    assert_harmless(told)
    assert "\\x1b[31m" in told.stderr


def on_a_terminal(*arguments: str, cwd: Path) -> str:
    """What a command writes where both of its streams are a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(COMMAND), *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            block = os.read(ours, 1 << 16)
        except OSError:  # the other end was closed
            break
        seen += block
        if not block:
            break
    os.close(ours)
    assert process.wait() in (0, 3)  # 3: not one record, which is said in red
    return seen.decode()


def test_redact_changes_nothing_else_in_a_pipe_and_shows_controls_on_a_terminal(kit, tmp_path):
    (tmp_path / "app.log").write_text("\x1b[32mINFO\x1b[0m for hanako@example.jp\n", encoding="utf-8")
    assert kit("redact", "app.log", cwd=tmp_path).stdout == "\x1b[32mINFO\x1b[0m for [redacted:email]\n"
    assert "\\x1b[32mINFO\\x1b[0m for [redacted:email]" in on_a_terminal("redact", "app.log", cwd=tmp_path)


def test_on_a_terminal_the_only_commands_are_ours(tmp_path):
    (tmp_path / "empty-\x1b[2J.log").write_text("nothing to read here\n" * 3, encoding="utf-8")
    seen = on_a_terminal("parse", "empty-\x1b[2J.log", cwd=tmp_path)
    assert "empty-\\x1b[2J.log" in seen
    assert set(re.findall("\x1b[^A-Za-z]*[A-Za-z]", seen)) <= {"\x1b[K", "\x1b[31m", "\x1b[0m"}
