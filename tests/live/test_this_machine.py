"""The BFF's environment file and its process, as they are on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from one_system import Outcome, ask_one

from incident_kit.live import environment, process
from incident_kit.model.answer import Answer, Status

SECRET = "s3cret-of-nobody"
ENV = f"""\
# The BFF's settings
export SF_EVENTS_ENABLED=true
SF_EVENTS_REPLAY="ALL"   # for a while
AUTH_BLACKLIST_FAIL_CLOSED='false'
REDIS_URL=redis://:{SECRET}@cache.internal:6379/0
DATABASE_URL="postgresql://app:{SECRET}@db.internal:5432/portal?connection_limit=5"
WHMCS_API_SECRET={SECRET}
WHMCS_API_IDENTIFIER=
SF_PRIVATE_KEY="-----BEGIN PRIVATE KEY-----
{SECRET}
-----END PRIVATE KEY-----"
LOG_LEVEL={SECRET}
SOMETHING_ELSE={SECRET}
"""


def of_file(path: Path, pattern: str = "") -> Answer:
    return ask_one("environment", lambda session: environment.ask(path, pattern, session)).answers["environment"]


@contextmanager
def running(name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose command line has this name in it."""
    with subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)", name], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield child
        finally:
            child.kill()


def test_flags_by_value_addresses_by_host_and_secrets_never(tmp_path: Path) -> None:
    path = tmp_path / "bff.env"
    path.write_text(ENV, encoding="utf-8")
    answer = of_file(path)
    settings = answer.data["settings"]
    assert settings["SF_EVENTS_ENABLED"] == {"set": True, "value": "true"}
    assert settings["SF_EVENTS_REPLAY"] == {"set": True, "value": "ALL"}
    assert settings["AUTH_BLACKLIST_FAIL_CLOSED"] == {"set": True, "value": "false"}
    assert settings["REDIS_URL"] == {"set": True, "leads_to": "redis://cache.internal:6379"}
    assert settings["DATABASE_URL"] == {"set": True, "leads_to": "postgresql://db.internal:5432"}
    assert settings["WHMCS_API_SECRET"] == {"set": True}
    assert settings["WHMCS_API_IDENTIFIER"] == {"set": True, "empty": True}
    assert settings["SF_PRIVATE_KEY"] == {"set": True}
    assert settings["SF_USERNAME"] == {"set": False}
    assert settings["LOG_LEVEL"]["value"] is None  # not a level, so perhaps something else by mistake
    assert answer.data["other_names"] == ["SOMETHING_ELSE"]
    assert SECRET not in (answer.content() + answer.ledger_lines()).decode()


@pytest.mark.parametrize(
    ("text", "oddity"),
    [
        ("A=1\nA=2\n", "A stands in it more than once"),
        ('A="x\nB=1\n', "A has a quote that is not closed"),
        ("A=x'\n", "A has a quote within its value"),
    ],
)
def test_what_is_odd_in_a_file_is_said(tmp_path: Path, text: str, oddity: str) -> None:
    path = tmp_path / "bff.env"
    path.write_text(text, encoding="utf-8")
    assert oddity in "".join(of_file(path).warnings)


def test_carriage_returns_and_a_mark_at_the_start_do_not_hide_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "bff.env"
    path.write_bytes(b"\xef\xbb\xbfSF_EVENTS_ENABLED=true\r\nSF_EVENTS_REPLAY=LATEST\r\n")
    assert of_file(path).data["settings"]["SF_EVENTS_ENABLED"]["value"] == "true"


def test_a_file_changed_after_the_start_of_the_process_may_not_be_what_runs(tmp_path: Path) -> None:
    path = tmp_path / "bff.env"
    path.write_text(ENV, encoding="utf-8")
    os.utime(path, (time.time() - 1000, time.time() - 1000))
    with running("bff-of-this-test-1"):
        assert of_file(path, "bff-of-this-test-1").data["unchanged_since_the_process_started"] is True
        os.utime(path, (time.time() + 5, time.time() + 5))
        changed = of_file(path, "bff-of-this-test-1")
    assert "was changed after the BFF started" in "".join(changed.warnings)
    assert of_file(path, "bff-of-this-test-1").data["unchanged_since_the_process_started"] is None


def test_a_file_that_is_missing_or_no_environment_file_is_an_answer(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in of_file(tmp_path / "nothing").reason
    assert "cannot be read" in of_file(tmp_path).reason
    (tmp_path / "large").write_bytes(b"A=1\n" * 300_000)
    assert "is it an environment file?" in of_file(tmp_path / "large").reason


def of_process(pattern: str) -> Outcome:
    return ask_one("process", lambda session: process.ask(pattern, session))


def test_a_process_is_described_and_its_environment_is_not_read() -> None:
    os.environ["SECRET_OF_THIS_TEST"] = SECRET
    try:
        with running("bff-of-this-test-2 --token=abcdef1234567890"):
            answer = of_process("python.*bff-of-this-test-2").answers["process"]
    finally:
        del os.environ["SECRET_OF_THIS_TEST"]
    row = answer.data["processes"][0]
    assert answer.status is Status.OK
    assert row["threads"] == 1
    assert row["resident_bytes"] > 1 << 20
    assert row["open_files"] >= 3
    assert row["cpu_percent_of_a_core"] < 50
    assert row["limits"]["group"].startswith("/")
    assert set(row["restarts"]) >= {"count", "by"}
    assert SECRET not in answer.content().decode()
    assert "abcdef1234567890" not in answer.content().decode()


def test_the_cpu_a_process_takes_is_measured() -> None:
    command = [sys.executable, "-c", "while True: pass", "bff-of-this-test-3"]
    with subprocess.Popen(servers.tied([shutil.which("nice") or "nice", *command], 15)) as child:
        try:
            answer = of_process("while True.*bff-of-this-test-3$").answers["process"]
        finally:
            child.kill()
    assert answer.data["processes"][0]["cpu_percent_of_a_core"] > 1  # other work may take most of the core


def test_no_process_is_said_with_what_it_may_mean() -> None:
    assert (
        "the BFF is down, runs elsewhere, or in a container not seen from here"
        in of_process("no-such-process-anywhere-7").words
    )
