"""An incident by its commands: opened by a person or an alert, noted, closed, and found again without naming it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from command import COMMAND, Kit

ALERTS = Path(__file__).parents[1] / "incident" / "alerts"
BY = {"INCIDENT_KIT_BY": "Aiko"}


def journal(folder: Path, incident_id: str) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for line in (folder / "reports" / incident_id / "journal.jsonl").read_text().split("\n")
        if line
    ]


def opened(kit: Kit, folder: Path, *arguments: object) -> str:
    finished = kit("open", *arguments, cwd=folder, env=BY)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.removesuffix("\n")


def test_the_id_is_all_that_stands_on_stdout(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "Payments fail", "--source", "customer")
    assert (tmp_path / "reports" / incident_id / "incident.toml").is_file()
    assert [entry["kind"] for entry in journal(tmp_path, incident_id)] == ["opened"]


def test_what_is_noted_goes_to_the_only_open_incident(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "Payments fail")
    noted = kit("note", "restarted the BFF", "--kind", "action", "--at", "-5m", cwd=tmp_path, env=BY)
    assert noted.stdout.startswith(f"{incident_id}, line 2, ")
    assert journal(tmp_path, incident_id)[1]["by"] == "Aiko"


def test_with_two_open_incidents_the_one_is_named_or_chosen(kit: Kit, tmp_path: Path) -> None:
    first, second = opened(kit, tmp_path, "Payments fail"), opened(kit, tmp_path, "Orders wait")
    unclear = kit("note", "x", cwd=tmp_path)
    assert unclear.returncode == 2
    assert first in unclear.stderr
    assert second in unclear.stderr
    assert kit("use", first, cwd=tmp_path).stdout.startswith(first)
    assert kit("note", "for the first", cwd=tmp_path).stdout.startswith(first)
    assert kit("note", second, "for the second", cwd=tmp_path).stdout.startswith(second)


def test_a_note_is_never_taken_for_the_chosen_incident_once_that_is_closed(kit: Kit, tmp_path: Path) -> None:
    first, second = opened(kit, tmp_path, "Payments fail"), opened(kit, tmp_path, "Orders wait")
    kit("use", first, cwd=tmp_path)
    kit("close", first, cwd=tmp_path)
    unclear = kit("note", "x", cwd=tmp_path)
    assert unclear.returncode == 2
    assert second in unclear.stderr
    assert len(journal(tmp_path, first)) == 2


def test_an_alert_opens_an_incident_with_its_title_its_time_and_all_of_it(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "--alert", ALERTS / "alertmanager_firing.json")
    first, alert = journal(tmp_path, incident_id)
    assert (first["text"], first["at"]) == ("PortalErrors: one request in five fails", "2026-11-23T03:53:41.118Z")
    item = alert["data"]["item"]  # type: ignore[index]
    kept = tmp_path / "reports" / incident_id / "evidence" / item / "content"
    assert kept.read_bytes() == (ALERTS / "alertmanager_firing.json").read_bytes()


def test_an_alert_that_comes_again_adds_nothing_and_one_that_is_over_is_noted(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "--alert", ALERTS / "alertmanager_firing.json")
    assert opened(kit, tmp_path, "--alert", ALERTS / "alertmanager_firing.json") == incident_id
    assert len(journal(tmp_path, incident_id)) == 2
    assert opened(kit, tmp_path, "--alert", ALERTS / "alertmanager_resolved.json") == incident_id
    assert [entry["kind"] for entry in journal(tmp_path, incident_id)] == ["opened", "alert", "note"]


def test_alerts_in_a_crowd_open_one_incident(tmp_path: Path) -> None:
    command = [str(COMMAND), "open", "--alert", str(ALERTS / "pagerduty_v3.json")]
    crowd = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ids = {process.communicate()[0] for process in crowd}
    assert len(ids) == 1
    assert [path.name for path in (tmp_path / "reports").glob("[0-9]*")] == [ids.pop().strip()]


def test_an_alert_never_changes_which_incident_was_chosen(kit: Kit, tmp_path: Path) -> None:
    first = opened(kit, tmp_path, "Payments fail")
    kit("use", first, cwd=tmp_path)
    opened(kit, tmp_path, "--alert", ALERTS / "opsgenie_create.json")
    assert kit("note", "x", cwd=tmp_path).stdout.startswith(first)


def test_an_unknown_form_opens_an_incident_named_after_the_file_and_says_so(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "pager.json").write_text('{"what": "the portal is down"}')
    finished = kit("open", "--alert", "pager.json", cwd=tmp_path)
    assert finished.returncode == 3
    incident_id = finished.stdout.strip()
    first, note = journal(tmp_path, incident_id)
    assert first["text"] == "Alert pager.json"
    assert str(note["text"]).startswith("an alert was received and could not be read")
    [content] = (tmp_path / "reports" / incident_id / "evidence").glob("*/content")
    assert content.read_text() == '{"what": "the portal is down"}'


def test_a_file_far_too_large_for_an_alert_is_kept_whole_and_named(kit: Kit, tmp_path: Path) -> None:
    with open(tmp_path / "pager.json", "wb") as file:
        file.truncate(100 << 20)
    finished = kit("open", "--alert", "pager.json", cwd=tmp_path)
    assert finished.returncode == 3
    assert "104,857,600 bytes" in finished.stderr
    [content] = (tmp_path / "reports" / finished.stdout.strip() / "evidence").glob("*/content")
    assert content.stat().st_size == 100 << 20


def test_an_alert_is_read_from_standard_input(tmp_path: Path) -> None:
    sent = (ALERTS / "grafana_firing.json").read_bytes()
    finished = subprocess.run(
        [str(COMMAND), "open", "--alert", "-"], input=sent, cwd=tmp_path, capture_output=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert journal(tmp_path, finished.stdout.decode().strip())[0]["text"] == "Slow top-ups: p95 above 2 s"


def test_an_alert_that_comes_back_after_the_close_proposes_to_open_it_again(kit: Kit, tmp_path: Path) -> None:
    first = opened(kit, tmp_path, "--alert", ALERTS / "pagerduty_event.json")
    kit("close", first, cwd=tmp_path)
    finished = kit("open", "--alert", ALERTS / "pagerduty_event.json", cwd=tmp_path)
    assert finished.stdout.strip() != first
    assert f"incident-kit reopen {first}" in finished.stderr


def test_an_alert_that_is_over_and_that_nobody_knows_opens_nothing(kit: Kit, tmp_path: Path) -> None:
    finished = kit("open", "--alert", ALERTS / "alertmanager_resolved.json", cwd=tmp_path)
    assert finished.returncode == 3
    assert not list((tmp_path / "reports").glob("*/"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("open",), "say what it is"),
        (("open", "x", "--source", "rumour"), "not a source: 'rumour'. Use one of alert, customer, internal."),
        (("open", "x", "--at", "2099-01-01T00:00:00Z"), "in the future"),
        (("open", "--alert", "missing.json"), "missing.json: cannot be read"),
        (("note", "x", "--kind", "rumour"), "Use one of note, action, decision"),
        (("note", "x", "--kind", "custody"), "not a kind of note: 'custody'"),
        (("note", " "), "a note needs a text"),
        (("note", "a", "b", "c"), "takes [ID] TEXT, not 3"),
        (("note", "no-such", "x"), "no such incident"),
        (("note", "x", "--kind", "escalated", "--level", "L9"), "Use one of L1, L2, L3, L4"),
        (("milestone", "finished"), "Use one of started, detected, acknowledged, mitigated, resolved"),
        (("set", "severity", "P9"), "Use one of P1, P2, P3, P4"),
        (("set", "mood", "good"), "Set one of severity, status, impact"),
        (("set", "status", "fine"), "Use one of investigating, identified, monitoring, resolved"),
        (("strike", "one", "x"), "not a number: 'one'"),
        (("strike", "7", "x"), "there is no line 7"),
        (("step", "99", "done", "x", "--scenario", "whmcs_unavailable"), "has the steps 1 to"),
        (("step", "1", "tried", "x", "--scenario", "whmcs_unavailable"), "done or skipped, not 'tried'"),
        (("step", "1", "done", "x"), "Name it: --scenario"),
        (("note", "x", "--revert-by", "-5m"), "is over"),
        (("reopen", "no-such"), "no such incident"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    kit: Kit, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    incident_id = opened(kit, tmp_path, "Payments fail")
    finished = kit(*arguments, cwd=tmp_path)
    assert finished.returncode == 2, finished.stderr
    assert said in finished.stderr
    assert len(journal(tmp_path, incident_id)) == 1
    assert os.listdir(tmp_path / "reports") in ([incident_id], [".opening", incident_id], [incident_id, ".opening"])


def test_times_are_of_the_people_s_zone_and_said_in_both(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text('zone = "Asia/Tokyo"\n')
    opened(kit, tmp_path, "Payments fail", "--at", "2026-11-23T09:00")
    noted = kit("note", "x", "--at", "2026-11-23T21:53:17", cwd=tmp_path)
    assert ", 2026-11-23 21:53:17 JST (12:53:17 UTC): note: x" in noted.stdout


def test_new_evidence_belongs_to_the_incident_that_is_open(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "Payments fail")
    log = tmp_path / "bff.log"
    log.write_text(
        '{"level":30,"time":1795427325860,"pid":1,"hostname":"h","msg":"Starting Nest application..."}\n' * 3
    )
    finished = kit("triage", "-l", log, cwd=tmp_path)
    assert f"Incident {incident_id}, which is open: Payments fail" in finished.stderr
    assert list((tmp_path / "reports" / incident_id / "evidence").glob("*/item.json"))


def test_a_report_names_whom_to_call(kit: Kit, tmp_path: Path) -> None:
    contact = '[contacts.primary_on_call]\nname = "Aki"\nmethod = "pager of the rota desk"\n'
    (tmp_path / "incident-kit.toml").write_text(contact, encoding="utf-8")
    finished = kit("demo", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    page = (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")
    assert "Primary on call (Aki): pager of the rota desk" in page


def grouped(*alerts: tuple[str, str]) -> str:
    """What Alertmanager sends of these alerts: name and whether it fires."""
    listed = [
        {
            "status": status,
            "labels": {"alertname": name},
            "annotations": {},
            "startsAt": "2026-11-23T09:00:00Z",
            "endsAt": "2026-11-23T09:30:00Z",
            "fingerprint": name,
        }
        for name, status in alerts
    ]
    status = "firing" if any(status == "firing" for _, status in alerts) else "resolved"
    return json.dumps({"version": "4", "status": status, "groupLabels": {}, "commonLabels": {}, "alerts": listed})


def test_of_a_group_each_incident_hears_of_the_alerts_it_knows(kit: Kit, tmp_path: Path) -> None:
    def send(*alerts: tuple[str, str]) -> str:
        (tmp_path / "sent.json").write_text(grouped(*alerts))
        return opened(kit, tmp_path, "--alert", "sent.json")

    first, second = send(("A", "firing")), send(("B", "firing"))
    assert first != second
    send(("A", "firing"), ("B", "firing"))
    send(("A", "resolved"), ("B", "resolved"))
    for incident_id in (first, second):
        assert [entry["kind"] for entry in journal(tmp_path, incident_id)] == ["opened", "alert", "note"]


def test_an_alert_that_fires_in_the_group_of_one_that_is_over_joins_its_incident(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "sent.json").write_text(grouped(("A", "firing")))
    incident_id = opened(kit, tmp_path, "--alert", "sent.json")
    (tmp_path / "sent.json").write_text(grouped(("A", "resolved"), ("C", "firing")))
    assert opened(kit, tmp_path, "--alert", "sent.json") == incident_id
    assert [entry["kind"] for entry in journal(tmp_path, incident_id)] == ["opened", "alert", "note", "alert"]


def test_a_recheck_is_of_the_incident_that_is_open_and_not_of_a_newer_one(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "Payments fail")
    log = tmp_path / "bff.log"
    log.write_text(
        '{"level":30,"time":1795427325860,"pid":1,"hostname":"h","msg":"Starting Nest application..."}\n' * 3
    )
    kit("triage", "-l", log, cwd=tmp_path)
    kit("triage", "newer", "-l", log, cwd=tmp_path)
    checked = kit("recheck", cwd=tmp_path)
    assert f"Incident {incident_id}, which is open: Payments fail" in checked.stderr


def test_only_evidence_that_lies_elsewhere_is_said_not_to_be_kept(kit: Kit, tmp_path: Path) -> None:
    incident_id = opened(kit, tmp_path, "Payments fail")
    log = tmp_path / "bff.log"
    line = {"level": 30, "time": 1795427325860, "pid": 1, "hostname": "h", "msg": "Starting Nest application..."}
    log.write_text(f"{json.dumps(line)}\n" * 3)
    kit("triage", "-l", log, cwd=tmp_path)
    own = tmp_path / "reports" / incident_id
    for folder in (own, own / "evidence"):
        assert "Nothing of this evidence is kept" not in kit("triage", "--evidence", folder, cwd=tmp_path).stderr
    elsewhere = Path(__file__).parents[1] / "recorded" / "quiet" / "evidence"
    assert "Nothing of this evidence is kept" in kit("triage", "--evidence", elsewhere, cwd=tmp_path).stderr
