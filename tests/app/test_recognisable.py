"""Equal values stay recognisable within one incident, in its runs and their reproductions, and nowhere else."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from incident_kit.evidence.journal import Journal
from incident_kit.evidence.store import Evidence, open_evidence
from incident_kit.model.redaction import Redaction
from tests.command import Kit

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MARK = re.compile(r"\[email:[0-9a-f]{6}\]")


def log_of_errors(path: Path) -> Path:
    """Three errors, the first and the last about the same person."""
    lines = [
        {"level": 50, "time": int((START + timedelta(minutes=number)).timestamp() * 1000), "pid": 7, "hostname": "vm",
         "context": f"Part{number}",
         "err": {"type": "MailError", "message": f"no account for {mail}"}, "msg": f"no account for {mail}"}
        for number, mail in enumerate(("hanako@example.jp", "taro@example.jp", "HANAKO@example.jp"))
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def run_of(kit: Kit, folder: Path, log: Path, incident: str) -> Path:
    finished = kit("report", "high_error_rate", incident, "-l", log, cwd=folder)
    assert finished.stdout, finished.stderr
    return folder / Path(finished.stdout.strip()).parents[1]


def test_equal_values_are_recognised_in_a_run_and_its_reproduction(kit: Kit, tmp_path: Path) -> None:
    log = log_of_errors(tmp_path / "errors.log")
    run, other = run_of(kit, tmp_path, log, "one"), run_of(kit, tmp_path, log, "two")
    shown = (run / "data" / "timeline.jsonl").read_text(encoding="utf-8")
    marks = MARK.findall(shown)
    assert len(marks) == 3
    assert marks[0] == marks[2] != marks[1]
    assert not set(marks) & set(MARK.findall((other / "data" / "timeline.jsonl").read_text(encoding="utf-8")))
    reproduced = kit("reproduce", run)
    assert reproduced.returncode == 0, reproduced.stderr

    [kept] = [item for item in open_evidence(run).items() if item.secret]
    key = json.loads(kept.content.read_bytes())["key"]
    assert len(key) == 64
    assert not [
        path
        for path in run.rglob("*")
        if path.is_file() and path != kept.content and key in path.read_text(encoding="utf-8", errors="replace")
    ]


def test_people_in_the_journal_are_the_people_in_the_log(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.jsonl").append("note", "hanako@example.jp called twice")
    store = Evidence(tmp_path / "evidence")
    redaction = store.keep_redaction()
    assert redaction == store.redaction() == store.keep_redaction()
    [entry] = store.journal()
    assert MARK.fullmatch(entry.text.removesuffix(" called twice"))
    assert redaction.text("hanako@example.jp") in entry.text


def test_a_value_is_the_same_however_it_is_written():
    redaction = Redaction(b"an invented key")
    assert (
        len({redaction.text(mail) for mail in ("hanako@example.jp", "Hanako@Example.JP", "hanako%40example.jp")}) == 1
    )
    assert len({redaction.text(number) for number in ("08012340987", "080-1234-0987", "080 1234 0987")}) == 1
    assert len({redaction.text(card) for card in ("4242424242424242", "4242 4242 4242 4242")}) == 1
    assert len({redaction.text(f"password={password}") for password in ("blueheron", "Blueheron")}) == 2


def test_a_key_does_not_show_itself():
    assert "invented" not in repr(Redaction(b"an invented key"))


def test_ip_addresses_go_where_that_was_chosen():
    text = "203.0.113.7 asked 2001:db8::7, twice: 203.0.113.7; version 1.2.3"
    assert Redaction().text(text) == text
    shown = Redaction(b"an invented key", ip_addresses=True).text(text)
    marks = re.findall(r"\[ip:[0-9a-f]{6}\]", shown)
    assert len(marks) == 3
    assert marks[0] == marks[2] != marks[1]
    assert shown.endswith("version 1.2.3")
