"""`incident-kit update`: what is printed can be sent, and what was sent is noted and restarts the clock."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, Kit

from incident_kit.evidence.journal import Journal
from incident_kit.incident.state import Audience, SentUpdate, state_of

RECORDED = Path(__file__).parents[1] / "recorded"


@pytest.fixture
def incident(kit: Kit, tmp_path: Path) -> Path:
    """An open incident with the evidence of a recording; the commands run beside its folder of reports."""
    opened = kit("open", "Payments fail", "--source", "customer", cwd=tmp_path)
    folder = tmp_path / "reports" / opened.stdout.strip()
    shutil.copytree(RECORDED / "whmcs_refused" / "evidence", folder / "evidence")
    return folder


def updated(kit: Kit, incident: Path, *options: object) -> Any:
    return kit("update", *options, cwd=incident.parents[1])


def updates(incident: Path) -> tuple[SentUpdate, ...]:
    return state_of(Journal(incident / "journal.jsonl").entries()).updates


def test_an_update_to_the_team_is_printed_and_nothing_is_noted(kit: Kit, incident: Path) -> None:
    before = (incident / "journal.jsonl").read_bytes()
    finished = updated(kit, incident, "--tz", "Asia/Tokyo")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("Incident update, P2: Payments fail\n")  # by the runbook's rules
    assert "224 of 228 requests failed" in finished.stdout
    assert "The evidence ends" in finished.stderr  # the recording is old: collect again first
    assert (incident / "journal.jsonl").read_bytes() == before


def test_customers_are_not_written_to_without_a_severity(kit: Kit, incident: Path) -> None:
    shutil.rmtree(incident / "evidence")
    finished = updated(kit, incident, "--audience", "customer", "--sent")
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert "no severity yet" in finished.stderr
    assert updates(incident) == ()


def test_a_message_to_customers_that_went_out_is_noted_and_restarts_the_clock(kit: Kit, incident: Path) -> None:
    kit("set", "severity", "P2", cwd=incident.parents[1])
    began = datetime.now(UTC)
    finished = updated(kit, incident, "--audience", "customer", "--lang", "ja", "--sent", "--by", "alice")
    assert finished.returncode == 0, finished.stderr
    assert "お詫び申し上げます" in finished.stdout
    (sent,) = updates(incident)
    assert (sent.audience, sent.entry.by, sent.entry.text) == (Audience.CUSTOMER, "alice", finished.stdout)
    assert sent.next_update
    assert timedelta(minutes=58) < sent.next_update - began <= timedelta(minutes=61)
    assert "The next update is due" in finished.stderr


def test_the_text_as_a_person_edited_it_is_what_is_noted(kit: Kit, incident: Path, tmp_path: Path) -> None:
    kit("set", "severity", "P2", cwd=incident.parents[1])
    edited = tmp_path / "edited.txt"
    edited.write_text("We know that payments fail.\nMore at 15:00.\n", encoding="utf-8")
    finished = updated(kit, incident, "--audience", "customer", "--sent", "--text", edited, "--next", "45m")
    assert finished.returncode == 0, finished.stderr
    (sent,) = updates(incident)
    assert sent.entry.text == edited.read_text(encoding="utf-8") == finished.stdout
    assert sent.next_update
    assert sent.next_update < datetime.now(UTC) + timedelta(minutes=46)


def test_an_edited_text_comes_from_standard_input_too(kit: Kit, incident: Path) -> None:
    finished = subprocess.run(
        [str(COMMAND), "update", "--sent", "--text", "-"],
        input="All hands on it.\n",
        cwd=incident.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert updates(incident)[0].entry.text == "All hands on it.\n"


def test_of_a_secret_in_an_edited_text_is_said_and_the_journal_shows_it_masked(
    kit: Kit, incident: Path, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.txt"
    edited.write_text("The new key is password=hunter2hunter2\n", encoding="utf-8")
    finished = updated(kit, incident, "--sent", "--text", edited)
    assert finished.returncode == 0, finished.stderr
    assert "looks like a secret" in finished.stderr
    assert "hunter2" not in finished.stderr
    (sent,) = updates(incident)
    assert "[redacted:secret]" in sent.entry.text


def test_of_a_word_in_an_edited_text_that_customers_do_not_know_is_said(
    kit: Kit, incident: Path, tmp_path: Path
) -> None:
    kit("set", "severity", "P2", cwd=incident.parents[1])
    edited = tmp_path / "edited.txt"
    edited.write_text("WHMCS is down.\n", encoding="utf-8")
    finished = updated(kit, incident, "--audience", "customer", "--sent", "--text", edited)
    assert finished.returncode == 0
    assert "names what customers do not know: WHMCS" in finished.stderr
    assert updates(incident)[0].entry.text == "WHMCS is down.\n"  # it is out: the journal keeps what was sent


def test_what_a_person_noted_is_left_out_where_customers_would_not_understand_it(kit: Kit, incident: Path) -> None:
    kit("set", "severity", "P2", cwd=incident.parents[1])
    kit("set", "impact", "WHMCS is down, nobody can pay", cwd=incident.parents[1])
    finished = updated(kit, incident, "--audience", "customer")
    assert finished.returncode == 0
    assert "WHMCS" not in finished.stdout
    assert "line 3 of the journal is left out: it names what customers do not know: WHMCS" in finished.stderr
    kit("set", "impact", "You cannot pay with a card", cwd=incident.parents[1])
    assert "Impact: You cannot pay with a card.\n" in updated(kit, incident, "--audience", "customer").stdout


def test_of_a_breach_nothing_is_written_until_somebody_approves_it(kit: Kit, tmp_path: Path) -> None:
    opened = kit("open", "Passwords are tried", cwd=tmp_path)
    folder = tmp_path / "reports" / opened.stdout.strip()
    shutil.copytree(RECORDED / "credential_stuffing" / "evidence", folder / "evidence")
    kit("set", "severity", "P1", cwd=tmp_path)
    refused = updated(kit, folder, "--audience", "customer")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "--approved-by NAME" in refused.stderr
    finished = updated(kit, folder, "--audience", "customer", "--approved-by", "Mori", "--sent")
    assert finished.returncode == 0, finished.stderr
    assert "We cannot share details" in finished.stdout
    (sent,) = updates(folder)
    assert sent.entry.data["approved_by"] == "Mori"


def test_a_breach_that_a_person_suspects_needs_approval_before_any_evidence(kit: Kit, tmp_path: Path) -> None:
    kit("open", "Odd sign-ins", cwd=tmp_path)
    kit("note", "we suspect a breach of accounts", cwd=tmp_path)
    refused = kit("update", "--audience", "customer", cwd=tmp_path)
    assert refused.returncode == 2
    assert "we suspect a breach of accounts" in refused.stderr
    assert "--approved-by NAME" in refused.stderr
    kit("strike", "2", "it was a test", cwd=tmp_path)
    assert "no severity yet" in kit("update", "--audience", "customer", cwd=tmp_path).stderr


def test_what_is_resolved_has_a_text_of_its_own_and_no_next_update(kit: Kit, incident: Path) -> None:
    kit("set", "severity", "P2", cwd=incident.parents[1])
    kit("milestone", "resolved", cwd=incident.parents[1])
    refused = updated(kit, incident, "--audience", "customer", "--next", "30m")
    assert refused.returncode == 2
    finished = updated(kit, incident, "--audience", "customer", "--sent")
    assert finished.stdout.startswith("The issues with billing and payments have been resolved.\n")
    (sent,) = updates(incident)
    assert (sent.next_update, sent.status) == (None, "resolved")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--audience", "everybody"), "--audience takes internal or customer"),
        (("--lang", "fr"), "--lang takes en, ja"),
        (("--to", "html"), "--to takes text, md, slack"),
        (("--text", "edited.txt"), "add --sent"),
        (("--sent", "--text", "nowhere.txt"), "nowhere.txt: cannot be read"),
        (("--sent", "--text", "empty.txt"), "empty.txt: empty"),
        (("--sent", "--text", "latin.txt"), "latin.txt: not UTF-8 at byte 1"),
        (("--sent", "--text", "large.txt"), "large.txt: larger than a message"),
        (("--next", "tomorrow"), "not a time"),
        (("--next", "2020-01-01T00:00:00Z"), "is over"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_noted(
    kit: Kit, incident: Path, options: tuple[str, ...], expected: str
) -> None:
    base = incident.parents[1]
    (base / "empty.txt").write_text(" \n", encoding="utf-8")
    (base / "latin.txt").write_bytes(b"f\xfcr alle")
    (base / "large.txt").write_text("x" * 70_000, encoding="utf-8")
    finished = updated(kit, incident, *options)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert expected in finished.stderr
    assert updates(incident) == ()


def test_slack_gets_its_own_marks_and_no_mention(kit: Kit, incident: Path) -> None:
    kit("note", "asked <!channel> and @here to look", "--kind", "action", cwd=incident.parents[1])
    finished = updated(kit, incident, "--to", "slack")
    assert "*Status:* Investigating\n" in finished.stdout
    assert "asked &lt;!channel&gt; and \uff20here to look" in finished.stdout


def test_a_damaged_journal_is_named_and_the_message_comes_all_the_same(kit: Kit, incident: Path) -> None:
    with (incident / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"n": 2, "kind": \n')
    finished = updated(kit, incident)
    assert finished.returncode == 3
    assert "line 2: not a journal entry" in finished.stderr
    assert finished.stdout.startswith("Incident update")


def test_an_incident_without_evidence_says_that_nothing_is_known(kit: Kit, tmp_path: Path) -> None:
    kit("open", "Payments fail", cwd=tmp_path)
    finished = kit("update", cwd=tmp_path)
    assert finished.returncode == 0
    assert "How many requests are affected is not known: no evidence is collected yet." in finished.stdout
    assert "Collect some: incident-kit triage" in finished.stderr


def test_the_journal_keeps_the_fields_that_deadlines_read(kit: Kit, incident: Path) -> None:
    updated(kit, incident, "--sent", "--next", "30m")
    line = json.loads((incident / "journal.jsonl").read_text(encoding="utf-8").split("\n")[1])
    assert line["kind"] == "communicated"
    assert set(line["data"]) == {"audience", "status", "next_update"}
    assert (line["data"]["audience"], line["data"]["status"]) == ("internal", "investigating")
