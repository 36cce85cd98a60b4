"""Nothing that comes with evidence, a configuration or a runbook is SQL.

DuckDB can do nothing but read the evidence.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from case_logs import incident, record, write

from incident_kit.errors import LogFileError, ParameterError
from incident_kit.logs.columns import Dependency
from incident_kit.logs.engine import EvidenceFiles, connect
from incident_kit.logs.extract import extract_all
from incident_kit.logs.formats import own_formats
from incident_kit.logs.prepare import prepare
from incident_kit.logs.reading import read
from incident_kit.logs.signs import Sign
from incident_kit.model.source import Hints, Source
from incident_kit.model.times import Window
from incident_kit.runbook.case import Case
from incident_kit.runbook.data import load as load_runbook
from tests.command import Kit

DAY = datetime(2026, 11, 25, tzinfo=UTC)

QUICK = {
    "split": " ",
    "when": "true",
    "parts": {"stolen": "(SELECT content FROM read_text('private.txt'))"},
    "fields": {"ts": "p[1]", "message": "stolen"},
}
FORMAT = {
    "name": "audit", "title": "audit log", "pattern": r"^(?P<ts>\S+) AUDIT (?P<user>\S+) (?P<message>.*)$",
    "sample": [{"line": "2026-11-25T09:00:00Z AUDIT kim in", "expected": {"user": "kim"}}],
}  # fmt: skip


def strangers_evidence(folder: Path, form: dict[str, object]) -> Path:
    """An evidence folder as somebody else may hand it over: one slice, and the log format it is to be read by."""
    content = "".join(f"2026-11-25T09:{n // 60:02}:{n % 60:02}Z AUDIT kim signed in\n" for n in range(300)).encode()
    hints = {"zone": "UTC", "date_order": "", "formats": [form]}
    window = {"since": "2026-11-25T09:00:00.000Z", "until": "2026-11-25T09:05:00.000Z"}
    item = {
        "kind": "slice",
        "origin": "audit.log",
        "asked": "the bytes of the log",
        "asked_at": "2026-11-25T10:00:00.000Z",
        "duration_ms": 1.0,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "details": {"path": "/var/log/audit.log", "notes": [], "window": window, "unsaid": hints},
    }
    text = json.dumps(item).encode()
    target = folder / "evidence" / hashlib.sha256(text).hexdigest()[:10]
    target.mkdir(parents=True)
    (target / "item.json").write_bytes(text)
    (target / "content").write_bytes(content)
    return folder


@pytest.mark.parametrize("command", [["triage"], ["report", "high_error_rate"]], ids=["triage", "report"])
def test_a_format_that_comes_with_evidence_brings_no_sql(kit: Kit, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "private.txt").write_text("a file of this machine")
    stranger = strangers_evidence(tmp_path / "stranger", {**FORMAT, "quick": QUICK})
    finished = kit(*command, "--evidence", stranger, "--reports", tmp_path / "out", cwd=tmp_path)
    assert finished.returncode == 2
    assert "'quick' is no field of a team's format" in " ".join(finished.stderr.split())
    assert not [
        path
        for path in (tmp_path / "out").rglob("*")
        if path.is_file() and b"a file of this machine" in path.read_bytes()
    ]


def test_a_format_of_a_configuration_found_upward_brings_no_sql(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text(
        "[[formats]]\nname='a'\ntitle='a'\npattern='^(?P<ts>\\S+) (?P<message>.*)$'\n"
        "[formats.quick]\nsplit=' '\nwhen='true'\nparts={}\nfields={}\n"
        "[[formats.sample]]\nline='x'\nexpected={}\n"
    )
    finished = kit("parse", write(tmp_path / "in.log", [record(0, "hello")]), cwd=tmp_path)
    assert finished.returncode == 2
    assert "quick" in finished.stderr


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quick", {}),
        ("begins", "(a+)+$"),
        ("header", ["x"]),
        ("times", ["iso', 'x"]),
        ("levels", {"in": "info' OR true --"}),
        ("columns", {"message') FROM x --": ["a"]}),
        ("columns", {"message": [1]}),
        ("columns", ["message"]),
        ("request", {"has": "status"}),
        ("request", {"has": ["status"], "quick": 1}),
        ("recognised_by", ["level"]),
        ("spread", "csv"),
        ("pattern", "(?P<ts>x)(?=y)"),
        ("pattern", r"(?P<ts>x)\1"),
        ("pattern", "(?P<nonsense>x)"),
        ("pattern", "(" * 200 + ")"),
        ("pattern", "x" * 5000),
        ("pattern", 7),
        ("name", ["audit"]),
        ("name", "pino"),
        ("rank", "high"),
        ("sample", ["x"]),
        ("sample", []),
        ("__class__", "x"),
    ],
)
def test_a_format_that_says_anything_else_than_it_may_is_named(field: str, value: object) -> None:
    with pytest.raises(ParameterError, match=r"stranger\[0\]"):
        own_formats([{**FORMAT, field: value}], "stranger")


def test_what_stands_in_a_formats_texts_is_never_sql(tmp_path: Path) -> None:
    """Quotes, comments, dollar quoting and unfinished strings in every text that a format may hold."""
    odd = "it's \"x\"; -- $$ \\' \u2028"
    form = {
        "name": odd,
        "title": "t",
        "columns": {
            "ts": ["at"],
            "message": [odd, "text"],
            "level": ["lvl"],
            "status": ["st"],
            "duration_ms": ["took"],
            "url": ["u"],
        },
        "recognised_by": [["at", odd]],
        "levels": {odd: "error"},
        "request": {
            "has": ["status"],
            "aborted_message": odd,
            "consequence_message": odd,
        },
        "sample": [{"line": "x", "expected": {}}],
    }
    line = {"at": "2026-11-25T09:00:00Z", odd: "RIGHT", "lvl": odd, "st": 500, "took": 3, "u": "/a?b=';--"}
    path = write(tmp_path / "odd'; DROP TABLE lines; --.log", [json.dumps(line)] * 3)
    odd_zone = Hints(zone="Asia/Tokyo", formats=(form,))
    dependency = Dependency("odd' --", "title", message="RIGHT'|\"")
    with read([Source("it's", path, str(path), hints=odd_zone)], dependencies=[dependency]) as records:
        rows = list(records.rows())
        book = replace(load_runbook(), signs=(Sign("s'; --", "title", "RIGHT|'; SELECT 1 --"),))
        signs = Case(records, Window(DAY, DAY + timedelta(days=1)), book).signs(["s'; --"])
    assert [(row["message"], row["level"], row["status"], row["file"]) for row in rows] == [
        ("RIGHT", "error", 500, str(path))
    ] * 3
    assert signs == []  # finished requests tell no sign


def test_a_pattern_that_would_take_for_ever_takes_no_time(kit: Kit, tmp_path: Path) -> None:
    """Python's own patterns would need longer than the sun has left."""
    form = {**FORMAT, "pattern": r"^(?P<ts>\S+) AUDIT (?P<message>(?:a+)+)$"}
    stranger = strangers_evidence(tmp_path / "stranger", form)
    log = write(tmp_path / "in.log", ["2026-11-25T09:00:00Z AUDIT " + "a" * 5000 + "!"] * 50)
    with read([Source("a", log, "in.log", hints=Hints(formats=(form,)))]) as records:
        assert records.accounting()[0].lines == 50
    assert kit("triage", "--evidence", stranger, "--reports", tmp_path / "out", cwd=tmp_path).returncode in (0, 3)


FORBIDDEN = [
    "COPY (SELECT 1) TO '{0}'",
    "COPY (SELECT 1) TO 'evidence://0'",
    "COPY (SELECT 1) TO '{folder}/new.csv'",
    "COPY (SELECT 1) TO '{folder}/spill/new.csv'",
    "ATTACH '{folder}/new.db'",
    "EXPORT DATABASE '{folder}/new'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE SECRET (TYPE s3)",
    "SELECT * FROM read_text('{0}')",
    "SELECT * FROM read_blob('{0}')",
    "SELECT * FROM read_csv('{0}')",
    "SELECT * FROM read_ndjson('{0}')",
    "SELECT * FROM read_parquet('{0}')",
    "SELECT * FROM '{0}'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_csv('evidence://1')",
    "SELECT * FROM read_blob('file://{0}')",
    "SELECT * FROM secret_variable",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET temp_directory = '{folder}/elsewhere'",
    "SET threads = 1",
    "RESET lock_configuration",
    "PRAGMA enable_profiling",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_database_can_do_nothing_but_read_evidence(tmp_path: Path, statement: str) -> None:
    import pandas as pd

    secret_variable = pd.DataFrame({"secret": ["of this process"]})
    assert len(secret_variable) == 1
    log = write(tmp_path / "in.log", incident()[:10])
    preserved = log.read_bytes()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    files = EvidenceFiles()
    address = files.add(log)
    connection = connect(files, scratch)
    try:
        assert connection.execute(f"SELECT size FROM read_blob('{address}')").fetchall() == [(len(preserved),)]
        assert connection.execute("SELECT size FROM read_blob('evidence://1')").fetchall() == []
        assert connection.execute("SELECT size FROM read_blob('evidence://../../etc/passwd')").fetchall() == []
        with pytest.raises((duckdb.Error, PermissionError, FileNotFoundError)):
            connection.execute(statement.format(log, folder=scratch)).fetchall()
    finally:
        connection.close()
    assert log.read_bytes() == preserved
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.log", "scratch"]
    assert not [path for path in scratch.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "statement",
    [
        *(statement.format("/etc/hostname", folder="/tmp") for statement in FORBIDDEN),
        "SELECT 1; DROP TABLE lines",
        "DELETE FROM lines",
        "INSERT INTO lines SELECT * FROM lines",
    ],
)
def test_a_question_of_your_own_only_reads_records(tmp_path: Path, statement: str) -> None:
    with read([Source("a", write(tmp_path / "in.log", incident()[:10]), "in.log")]) as records:
        with pytest.raises((ParameterError, duckdb.Error, PermissionError, FileNotFoundError)):
            records.sql(statement)
        assert len(records.frame()) == 10


@pytest.mark.parametrize("where", ["true; DROP TABLE lines; --", "true) TO 'x' --", "1 = 1; COPY lines TO 'x.csv'"])
def test_a_condition_of_your_own_is_no_second_statement(tmp_path: Path, where: str) -> None:
    with read([Source("a", write(tmp_path / "in.log", incident()[:10]), "in.log")]) as records:
        with pytest.raises((ParameterError, duckdb.Error)):
            records.frame(where)
        with pytest.raises((ParameterError, duckdb.Error)):
            records.lines(where)
        assert len(records.frame()) == 10


def test_a_file_that_another_took_the_place_of_is_not_read_under_its_name(tmp_path: Path) -> None:
    """Between looking at a log and asking it, somebody renames another file over it."""
    log, other = write(tmp_path / "in.log", incident()[:10]), write(tmp_path / "other.log", [record(0, "WRONG")])
    files = EvidenceFiles()
    address = files.add(log)
    other.replace(log)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    connection = connect(files, scratch)
    try:
        with pytest.raises(Exception, match="another file has taken its place"):
            connection.execute(f"SELECT * FROM read_blob('{address}')").fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_log_that_another_took_the_place_of_after_it_was_recognised_is_refused(tmp_path: Path, packed: bool) -> None:
    log, other = write(tmp_path / "in.log", incident()[:10]), write(tmp_path / "other.log", [record(0, "WRONG")])
    for path in (log, other) if packed else ():
        path.write_bytes(gzip.compress(path.read_bytes()))
    prepared = prepare(Source("a", log, "in.log"))
    other.replace(log)
    with pytest.raises(LogFileError, match="another file has taken its place"):
        extract_all([prepared], [], tmp_path)
