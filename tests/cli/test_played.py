"""Three recorded incidents played through by the commands alone, from the alert to the close."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import Kit

TESTS = Path(__file__).parents[1]
ALERTS = TESTS / "incident" / "alerts"
TEAM = """
zone = "Asia/Tokyo"

[contacts.primary_on_call]
name = "Aiko"
method = "PagerDuty: portal"
backup = "+81 3 5550 0101"

[contacts.engineering_lead]
name = "Ben"
method = "Slack @ben"
backup = "+81 3 5550 0102"

[contacts.engineering_manager]
name = "Chiyo"
method = "Slack @chiyo"
backup = "+81 3 5550 0103"
"""


@dataclass(frozen=True)
class Play:
    """What is played: the alert, the recording, its scenario, the severity set, and words that customers may read."""

    alert: str
    recording: str
    scenario: str
    severity: str
    impact: str
    told: str


PLAYS = (
    Play("grafana_firing", "freebit_slow", "high_error_rate", "P2", "Top-ups may fail.", "Top-ups may fail."),
    Play("opsgenie_create", "redis_gone", "redis_failures", "P1", "You may not be able to sign in.", "sign in"),
    Play(
        "pagerduty_v3", "platform_events_silent", "platform_events", "P2", "Orders take longer.", "Orders take longer."
    ),
)


@pytest.mark.parametrize("play", PLAYS, ids=[play.recording for play in PLAYS])
def test_an_incident_is_played_from_the_alert_to_the_close(kit: Kit, tmp_path: Path, play: Play) -> None:
    (tmp_path / "incident-kit.toml").write_text(TEAM, encoding="utf-8")

    def type_(*arguments: object, code: int = 0) -> str:
        finished = kit(*arguments, cwd=tmp_path, env={"INCIDENT_KIT_BY": "Aiko"})
        assert finished.returncode == code, finished.stderr
        return finished.stdout

    evidence = TESTS / "recorded" / play.recording / "evidence"
    incident_id = type_("open", "--alert", ALERTS / f"{play.alert}.json").strip()
    ranking = kit("triage", "--evidence", evidence, cwd=tmp_path)
    assert "1. " in ranking.stdout
    assert play.scenario in ranking.stdout.split("\n1. ")[1].split("\n")[0]
    assert "Aiko" in ranking.stdout.split("Call:")[1]

    reported = kit("report", play.scenario, "--evidence", evidence, cwd=tmp_path)
    assert reported.returncode in (0, 3), reported.stderr  # a system that did not answer is missing evidence
    run = Path(reported.stdout.strip().split("\n")[-1]).parents[1]
    assert (tmp_path / run).parts[-3] == incident_id
    type_("milestone", "acknowledged")
    suggested = kit("milestone", "started", cwd=tmp_path)
    assert suggested.returncode == 2
    type_("milestone", "started", "--at", suggested.stderr.rpartition("The evidence suggests ")[2].strip().rstrip("."))
    type_("set", "severity", play.severity, "--why", "customers are hit")
    type_("set", "impact", play.impact)
    type_("step", "1", "done", "looked at it", "--scenario", play.scenario)
    type_("note", "raised the timeout to 60 s", "--kind", "action", "--temporary", "--revert-by", "2h")
    type_("note", "called Ben", "--kind", "escalated", "--level", "L2")

    inside = type_("update", "--audience", "internal", "--sent")
    assert play.severity in inside
    assert play.impact.rstrip(".") in inside
    outside = type_("update", "--audience", "customer", "--sent", *(["--approved-by", "Chiyo"]))
    assert play.told in outside

    during = json.loads(type_("status", "--json"))
    assert during["severity"]["level"] == play.severity
    assert "revert" in {deadline["kind"] for deadline in during["deadlines"] if deadline["standing"] == "running"}
    screen = type_("status").split("\n")
    assert len(screen) <= 41
    assert max(map(len, screen)) <= 80

    type_("note", "the timeout is 15 s again", "--kind", "action", "--undoes", "9")
    type_("milestone", "mitigated")
    type_("milestone", "resolved")
    over = type_("update", "--audience", "customer", "--sent", "--approved-by", "Chiyo")
    assert over != outside
    closed = kit("close", "--why", "stable", cwd=tmp_path)
    assert closed.returncode == 0
    assert "not put back" not in closed.stderr

    after = json.loads(type_("status", incident_id, "--json"))
    assert {deadline["kind"] for deadline in after["deadlines"] if deadline["standing"] == "running"} <= {"review"}
    timeline = type_("timeline", incident_id, "--to", "md")
    for words in ("called Ben", "looked at it", "acknowledged", play.severity):
        assert words in timeline
    assert type_("verify", run)
    assert kit("note", "late", cwd=tmp_path).returncode == 2  # no incident is open any more
