"""The hand-off brief: one screen, whatever happened; and all of it as Markdown and JSON."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_kit.app.status import brief_of
from incident_kit.config.request import Request, Typed, resolve
from incident_kit.evidence.incident import Incident, create
from incident_kit.incident import entries
from incident_kit.view.brief import COLUMNS, ROWS, markdown, screen
from incident_kit.view.fitting import width_of
from tests.command import Kit

RECORDED = Path(__file__).parents[1] / "recorded"
PEOPLE = """\
zone = "Asia/Tokyo"

[contacts.primary_on_call]
name = "Aki Ito"
method = "PagerDuty: portal-primary"
backup = "phone 555-0101"

[contacts.engineering_lead]
name = "Mori"
method = "Slack @mori"
backup = "phone 555-0102"
"""


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


@pytest.fixture
def request_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    (tmp_path / "incident-kit.toml").write_text(PEOPLE, encoding="utf-8")
    monkeypatch.setenv("INCIDENT_KIT_CONFIG", str(tmp_path / "incident-kit.toml"))
    return resolve(Typed(reports=tmp_path / "reports"))


def incident_of(recording: str, request: Request) -> Incident:
    """An incident that was opened 50 minutes ago, with a recording as its evidence."""
    incident = create(request.reports, "one", "Payments fail")
    shutil.copytree(RECORDED / recording / "evidence", incident.folder / "evidence")
    entries.open_incident(incident.journal, "Payments fail", "customer", minutes_ago(50), by="Aki")
    return incident


def shown(request: Request, incident: Incident) -> list[str]:
    lines = screen(brief_of(request, incident), request.zone)
    assert len(lines) <= ROWS
    assert max(map(width_of, lines)) <= COLUMNS
    return lines


@pytest.mark.parametrize("recording", ["whmcs_html", "redis_out_of_memory", "credential_stuffing"])
def test_a_recorded_incident_fits_on_a_screen(recording: str, request_: Request) -> None:
    incident = incident_of(recording, request_)
    entries.set_severity(incident.journal, "P2", "payments fail for everybody", minutes_ago(45), by="Aki")
    entries.milestone(incident.journal, "acknowledged", minutes_ago(44), by="Aki")
    entries.note(incident.journal, "restarted the BFF, no change", "action", minutes_ago(20), by="Mori")
    lines = shown(request_, incident)
    labels = [line[:11].strip() for line in lines[2:] if line[:11].strip()]
    assert labels == [
        "Severity",
        "What",
        "Confirmed",
        "Ruled out",
        "Unknown",
        "Tried",
        "Next",
        "Deadlines",
        "Who",
        "Contacts",
        "Missing",
    ]
    assert "restarted the BFF, no change (Mori)" in " ".join(lines)


def test_what_whmcs_html_tells_the_next_shift(request_: Request) -> None:
    incident = incident_of("whmcs_html", request_)
    entries.mark_step(incident.journal, "whmcs_unavailable", 1, "done", "it answers", minutes_ago(30), by="Aki")
    text = " ".join(" ".join(shown(request_, incident)).split())
    assert "nobody has set it" in text
    assert "What WHMCS is unavailable since" in text
    assert "step 1 of whmcs_unavailable, done: it answers" in text
    assert "Next Step 2 of 4 of whmcs_unavailable: Check the API credentials" in text
    assert "Careful: Do not try credentials out" in text
    assert "call L2" in text
    assert "L2, Engineering lead (Mori): Slack @mori, else phone 555-0102" in text
    assert "L1, Primary on call (Aki Ito): PagerDuty: portal-primary, else phone 555-0101" in text
    assert "JST (" in text


def test_where_a_person_and_the_facts_differ_both_are_shown(request_: Request) -> None:
    incident = incident_of("whmcs_html", request_)
    assert "Severity P2 by the facts, nobody has set it. " in " ".join(" ".join(shown(request_, incident)).split())
    entries.set_severity(incident.journal, "P3", "few customers", minutes_ago(5), by="Aki")
    text = " ".join(" ".join(shown(request_, incident)).split())
    assert "set by Aki: few customers. By the facts P2: " in text


def test_an_incident_with_very_much_in_it_fits_too_and_says_that_there_is_more(request_: Request) -> None:
    incident = create(request_.reports, "one", "決済が失敗し、" * 40)
    shutil.copytree(RECORDED / "redis_out_of_memory" / "evidence", incident.folder / "evidence")
    journal = incident.journal
    entries.open_incident(journal, incident.title, "alert", minutes_ago(600), by="Aki" * 40)
    for number in range(30):
        text = f"{number}: " + "調べた。" * 60 + "x" * 300 + "\x1b[31m\u202e"
        entries.note(journal, text, "action", minutes_ago(500 - number), by="森" * 50, data={"temporary": True})
    entries.set_impact(journal, "nobody can sign in " * 40, minutes_ago(400), by="Aki")
    entries.set_severity(journal, "P1", "everything " * 80, minutes_ago(590), by="Aki")
    lines = shown(request_, incident)
    assert len(lines) == ROWS
    assert any("in all: --md" in line for line in lines)
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    whole = markdown(brief_of(request_, incident), request_.zone)
    assert whole.count("調べた") == 30 * 60 * 3  # tried, and due to be put back: as what is due and where it is from


def test_an_incident_without_anything_says_what_to_do(request_: Request) -> None:
    incident = create(request_.reports, "one", "Payments fail")
    text = " ".join(" ".join(shown(request_, incident)).split())
    assert "not opened as an incident" in text
    assert "Severity not set: no clock runs" in text
    assert "Next incident-kit triage -l LOG" in text
    assert "nobody has opened it as an incident" in text


def test_markdown_holds_what_people_wrote_as_text(request_: Request) -> None:
    incident = incident_of("whmcs_html", request_)
    entries.note(incident.journal, "<b>*restarted*</b> | #1 token=hunter2hunter2", "action", minutes_ago(5), by="Aki")
    text = markdown(brief_of(request_, incident), request_.zone)
    assert "\\<b\\>\\*restarted\\*\\</b\\> \\| \\#1" in text
    assert "hunter2hunter2" not in text
    assert "## Deadlines" in text
    assert "Call L2: " in text


def test_json_has_all_of_it(tmp_path: Path, kit: Kit, request_: Request) -> None:
    incident = incident_of("whmcs_html", request_)
    entries.note(incident.journal, "called WHMCS", "escalated", minutes_ago(5), by="Aki", data={"level": "L4"})
    finished = kit("status", "--json", "--reports", request_.reports)
    assert finished.returncode == 0, finished.stderr
    data = json.loads(finished.stdout)
    assert (data["id"], data["stage"], data["open"], data["declared"]) == ("one", "respond", True, True)
    assert {finding["verdict"] for finding in data["confirmed"]} == {"confirmed"}
    assert data["next"]["scenario"] == "whmcs_unavailable"
    vendor = next(deadline for deadline in data["deadlines"] if deadline["whom"] == "whmcs")
    assert (vendor["kind"], vendor["standing"], vendor["line"]) == ("escalate", "missed", 2)
    assert [stage["stage"] for stage in data["stages"]] == ["detect", "assess", "respond", "resolve", "review"]
    assert all(call["contacts"] for call in data["calls"])


def test_a_command_of_an_open_incident_ends_with_the_next_deadline(kit: Kit, request_: Request) -> None:
    opened = kit("open", "Payments fail", "--at", "-5m", "--reports", request_.reports)
    assert opened.stderr.endswith("nobody has set the severity (incident-kit set severity P2).\n")
    rated = kit("set", "severity", "P1", "--at", "-4m", "--reports", request_.reports)
    assert "Next deadline: respond in 9 min, due " in rated.stderr.rstrip("\n").split("\n")[-1]
    assert "JST (" in rated.stderr
    assert rated.stderr.endswith("(P1: somebody responds within 15 min).\n")
    late = kit("note", "called nobody", "--at", "-1m", "--reports", request_.reports)
    assert "Next deadline" in late.stderr
    assert "Next deadline" not in late.stdout


def test_what_is_overdue_is_said_first(kit: Kit, request_: Request) -> None:
    kit("open", "Payments fail", "--at", "-90m", "--reports", request_.reports)
    kit("set", "severity", "P1", "--at", "-89m", "--reports", request_.reports)
    noted = kit("note", "looking", "--reports", request_.reports)
    (overdue,) = noted.stderr.rstrip("\n").split("\n")
    assert overdue.startswith("Overdue: respond (1 h 1")
    assert "call L2 (4" in overdue
    assert "internal update" in overdue


def test_a_call_is_noted_with_whom_it_was_to_and_keeps_its_deadline(kit: Kit, request_: Request) -> None:
    kit("open", "Orders wait", "--at", "-20m", "--reports", request_.reports)
    kit("step", "1", "done", "it is true", "--scenario", "platform_events", "--reports", request_.reports)
    due = kit("note", "looking", "--reports", request_.reports)
    assert "Next deadline: call Salesforce administrator in" in due.stderr
    arguments = ("note", "called Kim", "--kind", "escalated", "--reports", request_.reports)
    kept = kit(*arguments, "--to", "salesforce_admin")
    assert "Next deadline: call L2 in" in kept.stderr
    nobody = kit(*arguments)
    assert "No deadline is kept by this: say who was called" in nobody.stderr
    unknown = kit(*arguments, "--to", "salesforce_admn")
    assert unknown.returncode == 2
    assert (
        "not a role of [contacts] in incident-kit.toml: 'salesforce_admn'. Use one of primary_on_call" in unknown.stderr
    )
    other = kit("note", "called Kim", "--level", "L2", "--reports", request_.reports)
    assert other.returncode == 2
    assert "not a note of kind note: use escalated" in other.stderr


def test_evidence_that_nobody_opened_as_an_incident_has_no_deadline(kit: Kit, request_: Request) -> None:
    create(request_.reports, "one", "Triage")
    noted = kit("note", "one", "looking", "--reports", request_.reports)
    assert noted.returncode == 0
    assert "eadline" not in noted.stderr


def test_triage_ends_with_whom_to_call_and_how(kit: Kit, request_: Request) -> None:
    evidence = RECORDED / "whmcs_html" / "evidence"
    finished = kit("triage", "--evidence", evidence, "--reports", request_.reports)
    calls = finished.stdout[finished.stdout.index("Call:") :].rstrip("\n").split("\n")
    assert calls == [
        "Call:",
        "  at once: L3, Engineering manager: nobody has said how to reach them",
        "  at once: L4, Support of WHMCS: nobody has said how to reach them",
        "  in 30 min, unless it is resolved: L2, Engineering lead (Mori): Slack @mori, else phone 555-0102",
        "  who responds: L1, Primary on call (Aki Ito): PagerDuty: portal-primary, else phone 555-0101",
    ]


def test_a_damaged_journal_is_named_and_the_rest_is_shown(kit: Kit, request_: Request) -> None:
    incident = incident_of("whmcs_html", request_)
    with open(incident.journal.path, "ab") as file:
        file.write(b'{"n": 2, "kind"\n')
    finished = kit("status", "--reports", request_.reports)
    assert finished.returncode == 3
    assert "Doubts     journal.jsonl, line 2: not a journal entry" in finished.stdout
    assert "What       WHMCS is unavailable" in finished.stdout


def test_a_broken_list_of_holidays_fails_no_note(kit: Kit, request_: Request, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text('holidays = ["gone.ics"]\n')
    kit("open", "Payments fail", "--reports", request_.reports)
    noted = kit("note", "looking", "--reports", request_.reports)
    assert noted.returncode == 0
    assert "The next deadline is not known: " in noted.stderr
    assert "gone.ics: cannot be read" in noted.stderr
    assert kit("status", "--reports", request_.reports).returncode == 2


def test_whom_to_call_is_shown_with_the_numbers_that_the_team_configured(kit: Kit, tmp_path: Path) -> None:
    contact = '[contacts.primary_on_call]\nname = "Aki"\nmethod = "+81 3 5550 0101"\nbackup = "aki@portal.example"\n'
    (tmp_path / "incident-kit.toml").write_text(contact, encoding="utf-8")
    kit("open", "Payments fail", cwd=tmp_path)
    for form in ((), ("--md",)):
        shown = kit("status", *form, cwd=tmp_path).stdout
        assert "+81 3 5550 0101, else aki@portal.example" in shown
    assert "+81 3 5550 0101" in kit("status", "--json", cwd=tmp_path).stdout


def test_a_journal_that_was_emptied_is_damage(kit: Kit, tmp_path: Path) -> None:
    run = tmp_path / kit("demo", cwd=tmp_path).stdout.strip()
    journal = run.parents[3] / "journal.jsonl"
    for empty in (lambda: journal.write_text(""), journal.unlink):
        empty()
        told = kit("status", "demo", cwd=tmp_path)
        assert told.returncode == 3
        assert "missing or empty, though evidence was collected" in told.stdout


def test_what_is_known_for_a_step_comes_from_the_evidence_of_the_run(kit: Kit, tmp_path: Path) -> None:
    evidence = Path(__file__).parents[1] / "recorded" / "redis_gone" / "evidence"
    kit("open", "Nobody can sign in", cwd=tmp_path)
    kit("report", "redis_failures", "--evidence", evidence, cwd=tmp_path)
    brief = kit("status", "--md", cwd=tmp_path).stdout
    assert "was not asked" not in brief.partition("## Next")[2].partition("##")[0]


def test_what_the_evidence_suggests_is_said_until_a_person_has_noted_it(kit: Kit, tmp_path: Path) -> None:
    kit("demo", cwd=tmp_path)
    said = kit("status", "demo", cwd=tmp_path).stderr
    assert "The evidence suggests started at 2026-11-23 09:53:" in said
    _, _, command = said.partition("Note it: incident-kit ")
    noted = kit(*command.split("\n")[0].replace("milestone", "milestone demo").split(), cwd=tmp_path)
    assert noted.returncode == 0, noted.stderr
    assert "The evidence suggests" not in kit("status", "demo", cwd=tmp_path).stderr
