"""What a log leaves unsaid is told on the command line or in incident-kit.toml, kept with the slice, and used again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.command import COMMAND

OWN = """
log_zone = "Asia/Tokyo"

[[formats]]
name = "audit"
title = "our audit log"
pattern = '^(?P<ts>\\S+ \\S+) AUDIT (?P<user>\\S+) (?P<message>.*)$'

[[formats.sample]]
line = '2026-11-23 07:40:02 AUDIT alice signed in'
expected = { ts = "2026-11-23T07:40:02.000Z", user = "alice", message = "signed in" }
"""
LINE = "2026-11-23 16:40:02 AUDIT bob took the phone\n"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "incident-kit.toml").write_text(OWN)
    (tmp_path / "audit.log").write_text(LINE * 3)
    return tmp_path


def test_a_format_of_ones_own_and_the_log_zone_are_read_from_the_configuration(kit, team):
    finished = kit("parse", "audit.log", cwd=team)
    assert finished.returncode == 0, finished.stderr
    first = json.loads(finished.stdout.splitlines()[0])
    assert (first["ts"], first["ts_zone"], first["user"], first["format"]) == (
        "2026-11-23T07:40:02.000Z",
        "assumed: Asia/Tokyo",
        "bob",
        "audit",
    )


def test_the_command_line_comes_before_the_configuration(kit, team):
    first = json.loads(kit("parse", "audit.log", "--log-tz", "UTC", cwd=team).stdout.splitlines()[0])
    assert first["ts"] == "2026-11-23T16:40:02.000Z"


def test_a_format_whose_sample_is_not_read_as_it_says_is_refused_with_its_place(kit, team):
    configuration = team / "incident-kit.toml"
    configuration.write_text(OWN.replace('user = "alice"', 'user = "carol"'))
    finished = kit("parse", "audit.log", cwd=team)
    assert finished.returncode == 2
    assert "formats[0] (audit), sample 0: user is 'alice', expected 'carol'" in finished.stderr


def test_a_run_is_reproduced_with_the_zone_and_formats_it_was_made_with(kit, team, tmp_path_factory):
    made = kit("report", "high_error_rate", "-l", "audit.log", cwd=team)
    run = (team / made.stdout.strip()).parents[1]
    assert "2026-11-23T07:40:02.000Z" in (run / "data" / "accounting.json").read_text()
    elsewhere = tmp_path_factory.mktemp("elsewhere")  # no configuration here
    again = kit("reproduce", run, cwd=elsewhere)
    assert again.returncode == 0, again.stderr


def test_standard_input_is_read_like_a_file(team):
    finished = subprocess.run(
        [str(COMMAND), "parse", "-"], input=LINE * 2, cwd=team, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == 2


@pytest.mark.parametrize(("option", "value"), [("--log-tz", "Tokio"), ("--date-order", "ydm")])
def test_a_zone_or_an_order_that_there_is_not_is_refused(kit, team, option, value):
    finished = kit("parse", "audit.log", option, value, cwd=team)
    assert finished.returncode == 2
    assert value in finished.stderr
