"""Every fault of `faults.py` is an answer in plain words within the budget.

From the command line, there is a sealed report of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest
import servers
from faults import FAULTS, Place, end_shared

from incident_kit.config.settings import Configuration
from incident_kit.live.ask import GRACE_S, ask
from incident_kit.live.systems import systems
from incident_kit.model.answer import Answer, Fault, Status
from tests.command import Kit

LOG = Path(__file__).parents[1] / "recorded" / "freebit_slow" / "evidence" / "ac9d2e20a1" / "content"
NOTHING_ELSE = {"REDIS_URL": "", "DATABASE_URL": "", "WHMCS_API_URL": "", "SF_LOGIN_URL": ""}


@pytest.fixture(scope="module", autouse=True)
def _shared_server() -> Iterator[None]:
    yield
    end_shared()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_an_answer_in_plain_words_within_the_budget(name: str) -> None:
    heard: list[Answer] = []
    budget_s = 4.0 if "drip" in name else 8.0
    with led_to(name) as place:
        begun = time.monotonic()
        ask(
            systems(Configuration(health_url=place.health_url, process=""), {**NOTHING_ELSE, **place.environment}),
            budget_s,
            heard.append,
        )
        took_s = time.monotonic() - begun
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("ask ")]
    reasons = [
        text
        for answer in heard
        for text in (answer.reason, *answer.warnings)
        if answer.status is not Status.NOT_CHECKED
    ]
    assert any(words in "\n".join(reasons) for words in FAULTS[name].words), reasons
    failing = [answer for answer in heard if any(words in answer.reason for words in FAULTS[name].words)]
    allowed = {Fault(whose) for whose in FAULTS[name].whose.split()}  # several where this machine's haste decides
    assert {answer.fault for answer in failing} <= allowed, failing
    assert took_s < budget_s + GRACE_S + 1
    assert left == []
    assert place.secret not in "".join((answer.content() + answer.ledger_lines()).decode() for answer in heard)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_a_sealed_report_that_names_it(name: str, kit: Kit, tmp_path: Path) -> None:
    with led_to(name) as place:
        (tmp_path / "incident-kit.toml").write_text(f'health_url = "{place.health_url}"\nprocess = ""\n')
        environment = {**NOTHING_ELSE, **place.environment}
        finished = kit("report", "high_error_rate", "--live", "--budget", "6", "-l", LOG, cwd=tmp_path, env=environment)
    assert finished.returncode == 3, finished.stderr
    report = tmp_path / finished.stdout.strip()
    printed = [words for words in FAULTS[name].words if words in finished.stderr]
    assert printed, f"{FAULTS[name].words} in {finished.stderr}"
    assert printed[0] in unescape(report.read_text(encoding="utf-8"))
    assert kit("verify", report.parents[1]).returncode == 0
    sealed = b"".join(
        path.read_bytes() for path in report.parents[1].rglob("*") if path.is_file() and "ac9d2e20a1" not in str(path)
    )
    assert place.secret.encode() not in sealed


@contextmanager
def led_to(name: str) -> Iterator[Place]:
    try:
        with FAULTS[name].make() as place:
            yield place
    except servers.ServerUnavailable as reason:
        pytest.skip(str(reason))
