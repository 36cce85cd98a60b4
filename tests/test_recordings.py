"""The recorded incidents are whole, say what was done, and tell nothing of the machine they were made on."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from incident_kit import logs
from incident_kit.evidence.item import CONTENT
from incident_kit.evidence.store import Evidence, open_evidence
from incident_kit.evidence.untrusted import sha256_of

ROOT = Path(__file__).parent
RECORDED = sorted(path.parent for path in (ROOT / "recorded").glob("*/truth.json"))
# Made before each recording had a machine of its own, and without live systems.
EARLIER = "freebit_slow"
SCENARIOS = {
    "platform_events",
    "whmcs_unavailable",
    "redis_failures",
    "database_issues",
    "high_error_rate",
    "security_incident",
}
MOST_BYTES = 6_000_000

each_recording = pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
each_recording_with_answers = pytest.mark.parametrize(
    "folder", [folder for folder in RECORDED if folder.name != EARLIER], ids=lambda folder: folder.name
)


def truth_of(folder: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return truth


def time_in(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None
    return moment


def damages(evidence: Evidence) -> list[str]:
    """The items whose bytes are not what their ids and descriptions say."""
    origins = []
    for item in evidence.items():
        described = sha256_of(item.folder / "item.json")[:10] == item.id
        ledger = not item.ledger_sha256 or sha256_of(item.ledger) == item.ledger_sha256
        if not described or not ledger or sha256_of(item.content) != item.sha256:
            origins.append(item.origin)
    return origins


def test_every_plan_was_recorded() -> None:
    assert [folder.name for folder in RECORDED] == sorted(
        path.stem for path in (ROOT / "portal" / "plans").glob("*.json")
    )


def test_all_of_them_stay_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "recorded").rglob("*") if path.is_file()) < MOST_BYTES


@each_recording
def test_the_evidence_is_as_it_was_collected(folder: Path) -> None:
    evidence = open_evidence(folder)
    assert evidence.slices()
    assert damages(evidence) == []


def test_a_flipped_byte_in_a_recording_is_noticed(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(RECORDED[0] / "evidence", tmp_path / "evidence"))
    item = Evidence(copied).slices()[0]
    content = bytearray(item.content.read_bytes())
    content[100] ^= 1
    (item.folder / CONTENT).write_bytes(content)
    assert damages(Evidence(copied)) == [item.origin]


@each_recording
def test_the_truth_is_well_formed(folder: Path) -> None:
    truth = truth_of(folder)
    assert truth["fault"]
    assert set(truth["also"]) <= SCENARIOS - {truth["scenario"]}
    window = time_in(truth["window"]["since"]), time_in(truth["window"]["until"])
    assert (
        sum(count for outcomes in truth["outcomes_by_route"].values() for count in outcomes.values())
        == truth["requests"]
    )
    if truth["scenario"] is None:
        assert (truth["from"], truth["to"], truth["suspect"], truth["also"]) == (None, None, None, [])
        return
    assert truth["scenario"] in SCENARIOS
    assert window[0] < time_in(truth["from"]) < time_in(truth["to"]) < window[1]
    assert window[0] < time_in(truth["fault_injected"]) < time_in(truth["fault_removed"]) < window[1]
    assert 0 < truth["affected_requests"] < truth["requests"]
    assert sum(truth["affected_outcomes"].values()) == truth["affected_requests"]


@each_recording
def test_the_logs_cover_the_window_with_healthy_time_before_and_after_the_fault(folder: Path) -> None:
    truth = truth_of(folder)
    since, until = (time_in(truth["window"][end]) for end in ("since", "until"))
    with logs.read(open_evidence(folder).sources()) as records:
        times = [row["ts"] for row in records.rows() if row["ts"]]
    assert min(times) <= since
    assert (until - max(times)).total_seconds() < 10
    if truth["scenario"]:
        assert (time_in(truth["from"]) - since).total_seconds() > 240
        assert (until - time_in(truth["to"])).total_seconds() > 60


@each_recording
def test_no_line_of_the_logs_is_lost(folder: Path) -> None:
    with logs.read(open_evidence(folder).sources()) as records:
        for account in records.accounting():
            assert account.lines == account.records + account.continuations + account.unparsed + account.outside
            assert account.records > 0
            assert account.unparsed == 0


@each_recording_with_answers
def test_the_live_systems_were_asked_while_it_lasted(folder: Path) -> None:
    truth = truth_of(folder)
    answers = open_evidence(folder).answers()
    assert {answer.origin.partition(".")[0] for answer in answers} == {
        "redis",
        "postgres",
        "health",
        "whmcs",
        "salesforce",
        "environment",
        "process",
    }
    if truth["scenario"]:
        assert all(
            time_in(truth["fault_injected"]) < time_in(answer.asked_at) < time_in(truth["fault_removed"])
            for answer in answers
        )


@each_recording_with_answers
def test_nothing_of_the_machine_beneath_is_told(folder: Path) -> None:
    beneath = re.compile(rb"/(?:root|home|tmp|work|Users)/|\.venv|incident-kit-portal")
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
            trace = beneath.search(text)
            assert trace is None, f"{path}: {text[max(0, trace.start() - 60) : trace.end() + 60]!r}"
