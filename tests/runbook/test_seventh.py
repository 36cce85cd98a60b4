"""A seventh scenario, as CONTRIBUTING shows it: one runbook file, one notebook, one recording, and no code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from incident_kit.runbook.data import OURS
from tests.command import Kit

RECORDED = Path(__file__).parents[1] / "recorded" / "freebit_slow"  # stands for the new scenario's own
SEVENTH = """\
id = "carrier_down"
number = 7
title = "The mobile carrier is down"
question = "Does the carrier answer?"
notebook = "carrier_down.ipynb"
severity = "P2"
severity_reason = "SIM cards can be neither activated nor topped up"
impact = "SIM cards can be neither activated nor topped up."
escalation = "The carrier's operations (L4)."

[[symptom]]
id = "carrier_fails"
title = "Calls to the carrier fail"
check = "trouble"
is_cause = true

[symptom.parameters]
signs = ["freebit."]
feature = ""
calls = "freebit"
share = 0.1
least = 5
within = "1m"
ordinary = 0.01
answers = []
health = ""

[[step]]
text = "Call the carrier."
facts = ["finding carrier_fails"]
documents = ["external_dependencies"]
"""


def test_a_seventh_scenario_is_data(kit: Kit, tmp_path: Path) -> None:
    book = shutil.copytree(OURS, tmp_path / "book", ignore=shutil.ignore_patterns("*.py", "__pycache__", "checks"))
    (book / "scenarios" / "carrier_down.toml").write_text(SEVENTH, encoding="utf-8")
    documents = (book / "documents.toml").read_text(encoding="utf-8")
    where = 'promise"\naddress = "'
    assert where in documents
    (book / "documents.toml").write_text(
        documents.replace(where, f"{where}https://wiki.example/external"), encoding="utf-8"
    )
    checked = kit("scenario", "check", book, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert [path.name for path in (book / "notebooks").iterdir()] == ["carrier_down.ipynb"]
    listed = kit("scenarios", "--runbook", book, cwd=tmp_path)
    assert "carrier_down  7. The mobile carrier is down" in listed.stdout
    triage = kit("triage", "--evidence", RECORDED, "--runbook", book, "--json", cwd=tmp_path)
    assert triage.returncode == 0, triage.stderr
    ranking = json.loads(triage.stdout)
    assert {
        ranked["scenario"]
        for ranked in ranking["scenarios"]
        if any(symptom["verdict"] == "confirmed" for symptom in ranked["symptoms"])
    } == {"carrier_down", "high_error_rate"}
    report = kit("report", "carrier_down", "x", "--evidence", RECORDED, "--runbook", book, cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    data = (tmp_path / report.stdout.strip()).parent
    (finding,) = json.loads((data / "findings.json").read_text(encoding="utf-8"))
    assert (finding["symptom"], finding["verdict"]) == ("carrier_fails", "confirmed")
    assert (data / "runbook" / "scenarios" / "carrier_down.toml").read_text(encoding="utf-8") == SEVENTH
    page = (data / "report.html").read_text(encoding="utf-8")
    assert "Call the carrier." in page
    assert "href='https://wiki.example/external'" in page


def test_a_scenario_without_its_notebook_says_what_to_make(kit: Kit, tmp_path: Path) -> None:
    book = shutil.copytree(OURS, tmp_path / "book", ignore=shutil.ignore_patterns("*.py", "__pycache__", "checks"))
    (book / "scenarios" / "carrier_down.toml").write_text(SEVENTH, encoding="utf-8")
    finished = kit("report", "carrier_down", "--evidence", RECORDED, "--runbook", book, cwd=tmp_path)
    assert finished.returncode == 2
    assert "Make one from _template.ipynb for carrier_down" in finished.stderr
