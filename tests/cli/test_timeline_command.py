"""`incident-kit timeline`: everything in one order, from a run or stored evidence, with what was noted elsewhere."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import unsealed
from command import COMMAND, Kit
from icalendar import Calendar

from incident_kit.timeline.export import rows_from_jsonl
from incident_kit.timeline.rows import Lane, Row

ROOT = Path(__file__).parents[1]
EXPORTS = ROOT / "timeline" / "exports"
BY = {"INCIDENT_KIT_BY": "Aiko"}


def opened(kit: Kit, folder: Path, recording: str = "") -> Path:
    """The folder of an incident that is open, with a recording as its evidence."""
    finished = kit("open", "Payments fail", "--at", "2026-11-23T16:28:30Z", cwd=folder, env=BY)
    assert finished.returncode == 0, finished.stderr
    incident = folder / "reports" / finished.stdout.strip()
    if recording:
        shutil.copytree(ROOT / "recorded" / recording / "evidence", incident / "evidence")
    return incident


def rows(kit: Kit, folder: Path, *arguments: object) -> list[Row]:
    finished = kit("timeline", *arguments, "--to", "jsonl", cwd=folder, env=BY)
    assert finished.returncode == 0, finished.stderr
    return rows_from_jsonl(finished.stdout)


def in_lane(listed: list[Row], lane: Lane) -> list[str]:
    return [row.message for row in listed if row.lane is lane]


def imports(incident: Path) -> list[dict[str, Any]]:
    described = [json.loads(path.read_text()) for path in incident.glob("evidence/*/item.json")]
    return [item for item in described if item["kind"] == "import"]


def journal(incident: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (incident / "journal.jsonl").read_text().split("\n") if line]


def test_evidence_people_and_deadlines_stand_in_one_order(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path, "whmcs_refused")
    kit("set", "severity", "P2", "--at", "2026-11-23T16:30:40Z", cwd=tmp_path, env=BY)
    kit("note", "put the secret back", "--kind", "action", "--at", "2026-11-23T16:32:00Z", cwd=tmp_path, env=BY)
    listed = rows(kit, tmp_path)
    assert [row.moment for row in listed] == sorted(row.moment for row in listed)
    assert {row.lane for row in listed} == set(Lane) - {Lane.PEOPLE, Lane.COMMUNICATION}
    assert in_lane(listed, Lane.ACTIONS) == ["action: put the secret back"]
    assert in_lane(listed, Lane.MILESTONES) == ["opened: Payments fail", "severity: P2"]
    assert any(message.startswith("call L2: overdue") for message in in_lane(listed, Lane.DEADLINES))
    assert any("Calls to WHMCS fail" in message for message in in_lane(listed, Lane.SYMPTOMS))
    (answer,) = (row for row in listed if row.meaning == "answered in part")
    assert "the secret is wrong" in answer.message
    assert answer.learned
    assert answer.learned > answer.moment


def test_a_run_gives_its_own_events_and_the_live_journal_goes_on(kit: Kit, demo_run: Path, tmp_path: Path) -> None:
    folder = unsealed.copy_of(demo_run.parents[1], tmp_path / "reports" / "demo")
    before = rows(kit, tmp_path, "demo")
    sealed = (folder / "runs" / demo_run.name / "data/timeline.jsonl").read_text().split("\n")[:-1]
    events = [event["message"] for event in map(json.loads, sealed) if event["lane"] != "journal"]
    told = [row for row in before if row.lane in (Lane.SYMPTOMS, Lane.SYSTEMS) and not row.meaning.endswith("answered")]
    assert sorted(row.message for row in told if not row.meaning.startswith("answered")) == sorted(events)
    assert {f"{row.learned:%Y%m%dT%H%M%SZ}" for row in before if row.lane is Lane.SYMPTOMS} == {
        demo_run.name.partition("_")[0]
    }
    kit("note", "demo", "looked again", cwd=tmp_path, env=BY)
    assert len(rows(kit, tmp_path, "demo")) == len(before) + 1


def test_that_the_clock_of_the_logs_was_never_compared_is_said(kit: Kit, demo_run: Path, tmp_path: Path) -> None:
    unsealed.copy_of(demo_run.parents[1], tmp_path / "reports" / "demo")
    assert "clock of the logs was not compared" in kit("timeline", "demo", cwd=tmp_path).stderr
    opened(kit, tmp_path, "whmcs_refused")
    assert "clock of the logs" not in kit("timeline", cwd=tmp_path).stderr


def test_a_run_that_was_changed_is_named_and_the_evidence_read_instead(
    kit: Kit, demo_run: Path, tmp_path: Path
) -> None:
    folder = unsealed.copy_of(demo_run.parents[1], tmp_path / "reports" / "demo")
    path = folder / "runs" / demo_run.name / "data" / "timeline.jsonl"
    path.write_text(path.read_text().replace("onset", "onsat"))
    finished = kit("timeline", "demo", "--to", "jsonl", cwd=tmp_path)
    assert finished.returncode == 3
    assert "timeline.jsonl" in finished.stderr
    assert "onsat" not in finished.stdout


def test_an_imported_chat_is_kept_whole_noted_in_custody_and_cited(kit: Kit, tmp_path: Path) -> None:
    incident = opened(kit, tmp_path)
    finished = kit("timeline", "--import", EXPORTS / "slack_channel.json", cwd=tmp_path, env=BY)
    assert finished.returncode == 3
    assert "1 row could not be read" in finished.stderr
    (item,) = imports(incident)
    custody = journal(incident)[-1]
    assert (custody["kind"], custody["by"]) == ("custody", "Aiko")
    assert custody["text"].startswith("imported slack_channel.json as item ")
    content = next(incident.glob("evidence/*/content"))
    assert content.read_bytes() == (EXPORTS / "slack_channel.json").read_bytes()
    chat = [row for row in rows(kit, tmp_path) if row.lane is Lane.PEOPLE]
    assert [row.by for row in chat] == ["Aiko Tanaka", "alertbot", "U04BEN"]
    assert chat[0].citation
    assert chat[0].citation.to_json() == {"item": content.parent.name, "pointer": "/0"}
    assert item["details"] == {"name": "slack_channel.json", "zone": ""}


def test_times_without_a_zone_are_refused_and_taken_where_it_is_named(kit: Kit, tmp_path: Path) -> None:
    incident = opened(kit, tmp_path)
    refused = kit("timeline", "--import", EXPORTS / "deploys.csv", cwd=tmp_path, env=BY)
    assert refused.returncode == 2
    assert "deploys.csv: line 2: the time '2026-11-23 18:40' names no zone" in refused.stderr
    assert "--tz Asia/Tokyo" in refused.stderr
    assert imports(incident) == []
    taken = kit("timeline", "--import", EXPORTS / "deploys.csv", "--tz", "Asia/Tokyo", cwd=tmp_path, env=BY)
    assert taken.returncode == 0
    assert "2 times without a zone taken as Asia/Tokyo" in taken.stdout
    assert "taken as Asia/Tokyo" in journal(incident)[-1]["text"]
    assert in_lane(rows(kit, tmp_path), Lane.ACTIONS)[0] == "deploy: portal v2.14.0"


def test_the_people_s_configured_zone_is_not_taken_for_the_zone_of_a_file(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path)
    (tmp_path / "incident-kit.toml").write_text('zone = "Asia/Tokyo"\n')
    assert kit("timeline", "--import", EXPORTS / "deploys.csv", cwd=tmp_path, env=BY).returncode == 2


def test_a_file_that_is_imported_again_adds_nothing_and_in_another_zone_replaces(kit: Kit, tmp_path: Path) -> None:
    incident = opened(kit, tmp_path)
    for zone in ("Asia/Tokyo", "Asia/Tokyo", "Europe/Berlin"):
        assert kit("timeline", "--import", EXPORTS / "deploys.csv", "--tz", zone, cwd=tmp_path, env=BY).returncode == 0
    assert len(imports(incident)) == 2
    deploys = [row for row in rows(kit, tmp_path) if row.lane is Lane.ACTIONS]
    assert [f"{row.moment:%H:%M}" for row in deploys] == ["17:40", "17:58"]


def test_an_import_from_a_pipe_is_taken(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path)
    finished = subprocess.run(
        [COMMAND, "timeline", "--import", "-"],
        input=b'{"time": "2026-11-23T16:30:00Z", "text": "from a bot"}\n',
        cwd=tmp_path,
        env={**os.environ, **BY},
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert in_lane(rows(kit, tmp_path), Lane.PEOPLE) == ["from a bot"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"when,what\n1,2\n", "no column for the time"),
        (b"time,text\n", "it has no rows"),
        (None, "No such file"),
    ],
)
def test_what_is_no_import_is_refused_and_nothing_kept(
    kit: Kit, tmp_path: Path, content: bytes | None, why: str
) -> None:
    incident = opened(kit, tmp_path)
    if content is not None:
        (tmp_path / "x.csv").write_bytes(content)
    finished = kit("timeline", "--import", "x.csv", cwd=tmp_path, env=BY)
    assert finished.returncode == 2
    assert f"x.csv: {'cannot be read: ' if content is None else ''}" in finished.stderr
    assert why in finished.stderr
    assert len(journal(incident)) == 1


def git(folder: Path, *arguments: str, date: str = "2026-11-23T16:26:00+0000") -> None:
    subprocess.run(
        ["git", "-c", "user.name=Ben", "-c", "user.email=ben@example.com", "-C", folder, *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date},
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "portal repository"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "--allow-empty", "-m", "one")
    for year in ("2020", "2021"):
        git(folder, "tag", "-a", f"v{year}", "-m", "an old one", date=f"{year}-01-01T00:00:00+0000")
    git(folder, "tag", "-a", "v2.14.0", "-m", 'portal 2.14.0 \x00|, "quoted"'.replace("\x00", "é"))
    return folder


def test_tags_of_a_git_repository_are_deploys_and_old_ones_but_the_last_are_left_out(
    kit: Kit, tmp_path: Path, repository: Path
) -> None:
    incident = opened(kit, tmp_path)
    finished = kit("timeline", "--git-tags", repository, cwd=tmp_path, env=BY)
    assert finished.returncode == 0, finished.stderr
    shown = kit("timeline", "--to", "jsonl", cwd=tmp_path, env=BY)
    deploys = [row for row in rows_from_jsonl(shown.stdout) if row.lane is Lane.ACTIONS]
    assert [(row.message, row.by) for row in deploys] == [
        ("tag v2021: an old one", "Ben"),
        ('tag v2.14.0: portal 2.14.0 é|, "quoted"', "Ben"),
    ]
    assert "1 earlier one left out" in shown.stderr
    (item,) = imports(incident)
    assert item["asked"] == "git for-each-ref refs/tags"
    assert next(incident.glob("evidence/*/content")).read_text().count("\n") == 3


def test_git_s_settings_and_hooks_of_a_stranger_run_nothing(kit: Kit, tmp_path: Path, repository: Path) -> None:
    trap = tmp_path / "trap"
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    for setting in ("core.pager", "core.fsmonitor", "core.sshCommand", "alias.for-each-ref", "pager.for-each-ref"):
        git(repository, "config", setting, str(script))
    opened(kit, tmp_path)
    assert kit("timeline", "--git-tags", repository, cwd=tmp_path, env=BY).returncode == 0
    assert not trap.exists()


def test_a_folder_that_is_no_repository_is_refused(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path)
    (tmp_path / "plain").mkdir()
    finished = kit(
        "timeline", "--git-tags", "plain", cwd=tmp_path, env={**BY, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    )
    assert finished.returncode == 2
    assert "plain: git cannot read its tags" in finished.stderr


def test_every_form_goes_to_a_new_file_that_nobody_else_may_read(kit: Kit, tmp_path: Path) -> None:
    incident = opened(kit, tmp_path, "whmcs_refused")
    for form in ("table", "md", "csv", "jsonl", "timesketch", "ics"):
        path = tmp_path / f"out.{form}"
        assert kit("timeline", "--to", form, "-o", path, cwd=tmp_path).returncode == 0
        assert path.stat().st_mode & 0o777 == 0o600
        again = kit("timeline", "--to", form, "-o", path, cwd=tmp_path)
        assert (again.returncode, "exists already" in again.stderr) == (2, True)
    listed = rows(kit, tmp_path)
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))) == len(listed)
    assert len((tmp_path / "out.timesketch").read_text().splitlines()) == len(listed)
    assert len(Calendar.from_ical((tmp_path / "out.ics").read_bytes()).walk("VEVENT")) == len(listed)
    assert (tmp_path / "out.table").read_text().startswith(f"{incident.name}: Payments fail\n")


def test_what_timesketch_would_lose_lies_beside_the_file_and_is_named_on_a_pipe(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path)
    (tmp_path / "long.jsonl").write_text(json.dumps({"time": "2026-11-23T16:30:00Z", "text": "x" * 40_000}))
    kit("timeline", "--import", "long.jsonl", cwd=tmp_path, env=BY)
    to_file = kit("timeline", "--to", "timesketch", "-o", "t.jsonl", cwd=tmp_path)
    assert to_file.returncode == 3
    (lost,) = map(json.loads, (tmp_path / "t.jsonl.left-out.jsonl").read_text().splitlines())
    assert lost["why"] == "its message has 40,000 bytes, more than 32,766"
    assert lost["row"]["message"] == "x" * 40_000
    piped = kit("timeline", "--to", "timesketch", cwd=tmp_path)
    assert (piped.returncode, lost["why"] in piped.stderr) == (3, True)
    assert "xxxx" not in piped.stdout


def test_the_window_leaves_out_what_surely_lies_outside(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path)
    kit("note", "typed to the minute", "--at", "2026-11-23T16:31:00Z", cwd=tmp_path, env=BY)
    within = rows(kit, tmp_path, "--since", "2026-11-23T16:31:30Z", "--until", "2026-11-23T16:40:00Z")
    assert [row.message for row in within] == ["note: typed to the minute"]


def test_two_charts_go_to_two_files(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path, "whmcs_refused")
    assert kit("timeline", "--to", "svg", cwd=tmp_path).returncode == 2
    drawn = kit("timeline", "--to", "svg", "-o", "t.svg", "--tz", "Asia/Tokyo", cwd=tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    for name in ("t.svg", "t-lanes.svg"):
        text = (tmp_path / name).read_text()
        assert text.startswith("<svg")
        assert "time in JST" in text
        assert "var(--" not in text


def test_an_item_that_was_changed_is_named_and_is_not_on_the_timeline(kit: Kit, tmp_path: Path) -> None:
    incident = opened(kit, tmp_path)
    kit("timeline", "--import", EXPORTS / "pagerduty_log_entries.json", cwd=tmp_path, env=BY)
    content = next(incident.glob("evidence/*/content"))
    content.chmod(0o600)
    content.write_bytes(content.read_bytes().replace(b"Ben Sato", b"Ken Sato"))
    finished = kit("timeline", cwd=tmp_path)
    assert finished.returncode == 3
    assert "changed" in finished.stderr
    assert "Sato" not in finished.stdout


def test_a_damaged_journal_line_is_named_and_the_rest_shown(kit: Kit, tmp_path: Path) -> None:
    incident = opened(kit, tmp_path)
    with (incident / "journal.jsonl").open("a") as file:
        file.write("{broken\n")
    finished = kit("timeline", cwd=tmp_path)
    assert finished.returncode == 3
    assert "line 2" in finished.stderr
    assert "opened: Payments fail" in finished.stdout


def test_an_unknown_form_is_refused_with_those_there_are(kit: Kit, tmp_path: Path) -> None:
    opened(kit, tmp_path)
    finished = kit("timeline", "--to", "xlsx", cwd=tmp_path)
    assert finished.returncode == 2
    assert "table, md, csv, jsonl, timesketch, ics, svg" in finished.stderr
