"""How severe it is, as triage says it, as a person sets it, and as the report and its run keep it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command import Kit

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BY = {"INCIDENT_KIT_BY": "Aiko"}


def request_line(number: int, seconds: float, url: str, status: int) -> str:
    return json.dumps(
        {
            "level": 30,
            "time": int((START + timedelta(seconds=seconds)).timestamp() * 1000),
            "pid": 7,
            "hostname": "vm",
            "req": {"id": str(number), "method": "POST", "url": url, "headers": {}, "remoteAddress": "127.0.0.1"},
            "res": {"statusCode": status, "headers": {"content-type": "application/json"}},
            "responseTime": 13,
            "msg": "request completed",
        }
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty minutes of a portal; from the tenth on 96 of 100 payments fail, a tenth of all requests."""
    lines = []
    for number in range(4800):
        seconds = number / 4
        is_payment = number % 10 == 0
        fails = is_payment and seconds >= 600 and number % 250 != 0
        lines.append(
            request_line(number, seconds, "/api/payments" if is_payment else "/api/cart", 502 if fails else 200)
        )
    path = tmp_path_factory.mktemp("logs") / "combined.log"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_payments_that_fail_read_high_and_never_medium(kit: Kit, log: Path, tmp_path: Path) -> None:
    finished = kit("triage", "-l", log, cwd=tmp_path)
    line = next(line for line in finished.stdout.split("\n") if line.startswith("Severity"))
    assert line.startswith("Severity by the facts: P2, high: respond within 1h. ")
    assert "requests of Payments failed or were aborted in the 3 minutes from 09:1" in line
    assert " line " in line
    assert "P1 if nearly all of customers' requests fail" in finished.stdout


def test_what_a_person_sets_stands_beside_the_facts_in_triage_and_report_and_is_sealed(
    kit: Kit, log: Path, tmp_path: Path
) -> None:
    incident_id = kit("open", "Payments fail", cwd=tmp_path, env=BY).stdout.strip()
    assert kit("set", "severity", "P1", "--why", "the campaign starts today", cwd=tmp_path, env=BY).returncode == 0
    finished = kit("triage", incident_id, "-l", log, cwd=tmp_path)
    line = next(line for line in finished.stdout.split("\n") if line.startswith("Severity"))
    assert line.startswith("Severity: P1, critical: respond within 15m. Set by Aiko from ")
    assert "; by the facts P2: " in line
    report = kit("report", "high_error_rate", incident_id, "--evidence", f"reports/{incident_id}", cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    data = next((tmp_path / "reports" / incident_id / "runs").glob("*_high_error_rate")) / "data"
    severity = json.loads((data / "severity.json").read_text(encoding="utf-8"))
    assert (severity["level"], severity["by_facts"]["level"]) == ("P1", "P2")
    assert [(entry["level"], entry["by"]) for entry in severity["by_people"]] == [("P1", "Aiko")]
    assert json.loads((data / "run.json").read_text(encoding="utf-8"))["formats"]["severity.json"] == 1
    page = (data / "report.html").read_text(encoding="utf-8")
    head = page.partition("<dt>Severity</dt>")[2].partition("</dd>")[0]
    assert "P1, critical</b>, set by Aiko from" in head
    assert "By the facts P2:" in head
    assert "href='#q-failing_spans'" in head
    assert "id='q-failing_spans'" in page
    for line_number in severity["by_facts"]["met"][0]["citations"][0]["exemplars"]:
        assert f"id='l-{line_number['item']}-{line_number['line']}'" in page
    again = kit("reproduce", data.parent, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "severity.json" in again.stdout


def test_a_suspicion_that_is_noted_makes_it_critical_until_it_is_struck_out(
    kit: Kit, log: Path, tmp_path: Path
) -> None:
    incident_id = kit("open", "Odd sign-ins", cwd=tmp_path, env=BY).stdout.strip()
    kit("note", "We suspect that accounts are compromised", cwd=tmp_path, env=BY)
    first = kit("triage", incident_id, "-l", log, cwd=tmp_path)
    assert "Severity by the facts: P1, critical: respond within 15m. Aiko noted at" in first.stdout
    assert "[journal line 2]" in first.stdout
    kit("strike", "2", "it was a test of ours", cwd=tmp_path, env=BY)
    second = kit("triage", incident_id, "--evidence", f"reports/{incident_id}", cwd=tmp_path)
    assert "Severity by the facts: P2, high" in second.stdout


def test_the_report_on_a_security_incident_is_critical_for_somebody_chose_it(
    kit: Kit, log: Path, tmp_path: Path
) -> None:
    report = kit("report", "security_incident", "-l", log, cwd=tmp_path)
    assert report.returncode in (0, 3), report.stderr
    data = next(tmp_path.glob("reports/*/runs/*_security_incident")) / "data"
    severity = json.loads((data / "severity.json").read_text(encoding="utf-8"))
    assert severity["level"] == "P1"
    assert [met["rule"] for met in severity["by_facts"]["met"]][:2] == ["breach_suspected", "major_feature_fails"]
