"""What the commands print and make, as a person or a pipe uses them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import duckdb
import pytest
from small_logs import BEARER, EMAIL, START, request_line, write_log

from incident_kit.evidence.store import open_evidence
from incident_kit.logs.columns import COLUMNS
from tests.command import COMMAND, Kit


def test_scenarios_lists_scenario_and_symptoms(kit: Kit) -> None:
    finished = kit("scenarios")
    assert finished.returncode == 0, finished.stderr
    assert "high_error_rate  5. High error rate or slow responses  (usually P3)" in finished.stdout
    for symptom in ("slow_responses", "error_rate", "customer_complaints"):
        assert f"    {symptom}: " in finished.stdout


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_parse_gives_records_in_canonical_columns_without_secrets(kit: Kit, tmp_path: Path, form: str) -> None:
    log = write_log(tmp_path / "combined.log", count=20)
    finished = kit("parse", log, "--to", form)
    assert finished.returncode == 0, finished.stderr
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(finished.stdout)))
        assert list(rows[0]) == list(COLUMNS)
    else:
        rows = [json.loads(line) for line in finished.stdout.splitlines()]
        assert all(set(row) <= set(COLUMNS) for row in rows)
    assert len(rows) == 20
    assert rows[0]["ts"] == "2026-11-23T09:00:00.000Z"
    assert rows[0]["route"] == "GET /api/orders/:id"
    assert str(rows[0]["status"]) == "200"
    assert "[redacted:email]" in finished.stdout
    for secret in (BEARER, BEARER.split(".")[1], EMAIL):
        assert secret not in finished.stdout + finished.stderr


def test_parse_ends_well_when_its_reader_has_seen_enough(tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=20_000)
    command = f'{COMMAND} parse {log} | head -1; exit "${{PIPESTATUS[0]}}"'
    finished = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert finished.returncode == 0
    assert len(finished.stdout.splitlines()) == 1
    assert "20000 lines = 20000 records" in finished.stderr


def test_parse_writes_parquet_with_the_same_records(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=20)
    with open(tmp_path / "records.parquet", "wb") as out:
        subprocess.run([COMMAND, "parse", log, "--to", "parquet"], stdout=out, stderr=subprocess.DEVNULL, check=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    table = connection.execute(
        "SELECT ts::VARCHAR AS ts, * EXCLUDE (ts) FROM read_parquet(?)", [str(tmp_path / "records.parquet")]
    ).df()
    rows = [json.loads(line) for line in kit("parse", log).stdout.splitlines()]
    assert list(table) == list(COLUMNS)
    assert list(table["line"]) == [row["line"] for row in rows]
    assert list(table["duration_ms"]) == [row["duration_ms"] for row in rows]
    assert list(table["message"]) == [row["message"] for row in rows]
    assert table["ts"][0] == "2026-11-23 09:00:00+00"


def test_parse_accounts_for_every_line_on_stderr(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=20)
    with open(log, "a", encoding="utf-8") as file:
        file.write('{"level":30,"time":17954\n    at Object.<anonymous> (main.js:1:1)\n{"level":30,"ti')
    finished = kit("parse", log)
    assert finished.returncode == 0, finished.stderr
    assert "23 lines = 20 records + 1 continuations + 2 unparsed + 0 outside" in finished.stderr
    assert "the last line is unfinished" in finished.stderr
    assert len(finished.stdout.splitlines()) == 20


def test_parse_within_a_window_counts_the_rest_as_outside(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=20)
    finished = kit("parse", log, "--since", "2026-11-23T09:00:50Z", "--until", "2026-11-23T09:01:10Z")
    assert [json.loads(line)["ts"][14:19] for line in finished.stdout.splitlines()] == [
        "00:50",
        "00:55",
        "01:00",
        "01:05",
    ]
    assert "4 records" in finished.stderr
    assert "16 outside" in finished.stderr


def test_parse_reads_gzip_as_plain(kit: Kit, tmp_path: Path) -> None:
    plain, packed = write_log(tmp_path / "combined.log", count=20), write_log(tmp_path / "combined.log.1.gz", count=20)

    def records(path: Path) -> list[dict[str, object]]:
        return [
            {name: value for name, value in json.loads(line).items() if name != "file"}
            for line in kit("parse", path).stdout.splitlines()
        ]

    assert records(plain) == records(packed) != []


@pytest.mark.parametrize(
    "env",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["latin-1", "ascii"],
)
def test_parse_prints_utf8_whatever_the_terminal_speaks(kit: Kit, tmp_path: Path, env: dict[str, str]) -> None:
    log = tmp_path / "combined.log"
    log.write_text(
        json.dumps({"level": 30, "time": START.timestamp() * 1000, "pid": 1, "hostname": "h", "msg": "障害"}) + "\n",
        encoding="utf-8",
    )
    finished = kit("parse", log, env=env)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["message"] == "障害"


def test_parse_counts_what_stands_in_two_files_once(kit: Kit, tmp_path: Path) -> None:
    first, second = write_log(tmp_path / "combined.log", count=20), write_log(tmp_path / "error.log", count=5)
    finished = kit("parse", first, second)
    assert len(finished.stdout.splitlines()) == 20
    assert "5 also in another file" in finished.stderr


def test_report_from_a_log_preserves_its_window_and_changes_nothing(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log", count=720)
    before = log.stat().st_mtime_ns, log.read_bytes()
    window = ["--since", "2026-11-23T09:10:00Z", "--until", "2026-11-23T18:40:00+09:00"]
    finished = kit("report", "high_error_rate", "mine", "-l", log, *window, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "Window: 2026-11-23T09:10:00.000Z to 2026-11-23T09:40:00.000Z" in finished.stderr
    assert (log.stat().st_mtime_ns, log.read_bytes()) == before
    data = (tmp_path / finished.stdout.strip()).parent
    assert data.parent.parent == tmp_path / "reports" / "mine" / "runs"
    findings = json.loads((data / "findings.json").read_text(encoding="utf-8"))
    assert {finding["symptom"]: finding["verdict"] for finding in findings} == {
        "slow_responses": "ruled_out",
        "error_rate": "inconclusive",  # among twelve requests a minute a failure of 20% for 5 minutes may not be seen
        "customer_complaints": "not_checked",
        "traffic_spike": "ruled_out",
        # this log holds only completed requests
        "freebit_fails": "not_checked",
        "salesforce_fails": "not_checked",
    }
    [slice_] = open_evidence(data.parent).slices()
    content = slice_.content.read_bytes()
    assert content in before[1]
    assert len(content) < len(before[1])  # a slice: the window and a margin, not the whole log
    account = json.loads((data / "accounting.json").read_text(encoding="utf-8"))[0]
    assert account["records"] == 360
    assert account["lines"] == content.count(b"\n")
    assert kit("verify", data.parent).returncode == 0


def test_nothing_is_left_where_temporary_files_go(kit: Kit, tmp_path: Path) -> None:
    """A working copy of a log holds what the log holds, secrets included."""
    temporary = tmp_path / "t"
    temporary.mkdir()
    log = write_log(tmp_path / "combined.log")
    with open(log, "ab") as file:
        file.write(b"\xff is no UTF-8: now the log is read from a cleaned copy\n")
    for arguments in (["report", "high_error_rate", "mine", "-l", log], ["parse", log]):
        finished = kit(*arguments, cwd=tmp_path, env={"TMPDIR": str(temporary)})
        assert finished.returncode == 0, finished.stderr
    run = next((tmp_path / "reports" / "mine" / "runs").iterdir())
    assert '"cleaned": {\n   "' in (run / "data" / "accounting.json").read_text(encoding="utf-8")
    assert kit("reproduce", run, env={"TMPDIR": str(temporary)}).returncode == 0
    assert list(temporary.iterdir()) == []


def test_second_report_on_an_incident_leaves_the_first_as_it_was_sealed(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    first = kit("report", "high_error_rate", "mine", "-l", log, cwd=tmp_path)
    with open(log, "a", encoding="utf-8") as file:
        file.write(request_line(START.replace(minute=31), 999) + "\n")
    second = kit("report", "high_error_rate", "mine", "-l", log, cwd=tmp_path)
    assert first.stdout != second.stdout
    for finished in (first, second):
        assert finished.returncode == 0, finished.stderr
        assert kit("verify", (tmp_path / finished.stdout.strip()).parents[1]).returncode == 0


def test_report_on_the_evidence_of_a_run_gives_the_same_findings(kit: Kit, tmp_path: Path, demo_run: Path) -> None:
    finished = kit("report", "high_error_rate", "again", "--evidence", demo_run, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    data = (tmp_path / finished.stdout.strip()).parent
    for name in ("findings.json", "timeline.jsonl", "accounting.json"):
        assert (data / name).read_bytes() == (demo_run / "data" / name).read_bytes()


def test_incidents_go_where_the_variable_says_and_the_option_wins(kit: Kit, tmp_path: Path) -> None:
    log = write_log(tmp_path / "combined.log")
    env = {"INCIDENT_KIT_REPORTS": str(tmp_path / "theirs")}
    assert kit("report", "high_error_rate", "-l", log, cwd=tmp_path, env=env).stdout.startswith(
        str(tmp_path / "theirs")
    )
    option = kit("report", "high_error_rate", "-l", log, "--reports", tmp_path / "mine", cwd=tmp_path, env=env)
    assert option.stdout.startswith(str(tmp_path / "mine"))


@pytest.mark.parametrize("command", ["demo", "scenarios", "report", "seal", "verify", "reproduce", "parse", "lab"])
def test_help_of_every_command_has_an_example(kit: Kit, command: str) -> None:
    finished = kit(command, "--help")
    assert finished.returncode == 0
    assert f"Example: incident-kit {command}" in finished.stdout
    assert command in kit("--help").stdout
