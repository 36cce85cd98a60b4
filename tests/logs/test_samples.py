"""Every sample that real libraries and servers wrote gives what `samples.toml` says of it, field by field."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from incident_kit import logs
from incident_kit.logs import Account
from incident_kit.model.redaction import redact
from incident_kit.model.source import Source

FOLDER = Path(__file__).parent / "samples"
TABLE: list[dict[str, Any]] = tomllib.loads(FOLDER.with_suffix(".toml").read_text(encoding="utf-8"))["file"]
LOGS = [file for file in TABLE if "kind" not in file]
PARTS = [file for file in TABLE if file.get("kind") == "parts"]
DIAGNOSTICS = [file for file in TABLE if file.get("kind") == "diagnostic"]
# error.log repeats what combined.log has.
PAIRS = [
    ("winston_pair_error.log", "winston_pair_combined.log"),
    ("nest10_winston1_error.log", "nest10_winston1.log"),
    ("nest12_winston2_error.log", "nest12_winston2.log"),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file gave.

    Its account, its records as dicts of the canonical columns, and how many of them complete a request.
    """

    account: Account
    rows: list[dict[str, Any]]
    requests: int


def reading(path: Path) -> Reading:
    with logs.read([Source("1", path, path.name)]) as records:
        return Reading(records.accounting()[0], list(records.rows()), len(records.frame("is_request")))


def name_of(file: dict[str, Any]) -> str:
    return str(file["name"])


def parts() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(file, part) for file in PARTS for part in file["part"]]


def test_the_table_has_exactly_the_files_of_the_folder():
    files = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
    assert [file["name"] for file in TABLE] == files


def test_the_sums_of_the_table_are_right():
    tables = [(file["name"], file) for file in TABLE] + [
        (f"{file['name']}, {part['heading']}", part) for file, part in parts()
    ]
    wrong = [
        name
        for name, table in tables
        if "records" in table and table["lines"] != table["records"] + table["continuations"] + table["unparsed"]
    ]
    wrong += [name for name, table in tables if "levels" in table and sum(table["levels"].values()) != table["records"]]
    assert wrong == []


@pytest.mark.parametrize("file", LOGS, ids=name_of)
def test_a_log_gives_what_the_table_says(file):
    found = differences(file, reading(FOLDER / file["name"]))
    assert not found, listed(file["name"], found)


@pytest.mark.parametrize(("file", "part"), parts(), ids=lambda table: table.get("name") or table["heading"])
def test_a_log_that_stands_with_others_in_a_file_gives_what_the_table_says(file, part, tmp_path):
    headings_and_texts = re.split(file["split"].encode(), (FOLDER / file["name"]).read_bytes())[1:]
    texts = dict(zip(headings_and_texts[::2], headings_and_texts[1::2], strict=True))
    path = tmp_path / "part.log"
    path.write_bytes(texts[part["heading"].encode()])
    found = differences(part, reading(path))
    assert not found, listed(f"{file['name']}, {part['heading']}", found)


@pytest.mark.parametrize("file", PARTS, ids=name_of)
def test_several_logs_in_one_file_lose_no_line(file):
    found = differences({"lines": file["lines"]}, reading(FOLDER / file["name"]))
    assert not found, listed(file["name"], found)


@pytest.mark.parametrize("file", DIAGNOSTICS, ids=name_of)
def test_a_file_that_is_no_log_is_read_without_inventing_records(file):
    read = reading(FOLDER / file["name"])
    found = differences({"lines": file["lines"]}, read)
    if len(read.rows) > file["records_at_most"]:
        lines = ", ".join(str(row["line"]) for row in read.rows[:5])
        found.append(f"{len(read.rows)} records, at most {file['records_at_most']} expected; lines {lines} ...")
    text = (FOLDER / file["name"]).read_text(encoding="utf-8", errors="replace")
    found += [
        f"{name} {file[name]!r} is not in the file"
        for name in ("error_type", "error_message")
        if file.get(name, "") not in text
    ]
    assert not found, listed(file["name"], found)


@pytest.mark.parametrize("turned", [False, True], ids=["error first", "combined first"])
@pytest.mark.parametrize(("error", "combined"), PAIRS)
def test_error_log_beside_combined_log_counts_each_record_once(error, combined, turned):
    names = (combined, error) if turned else (error, combined)
    records_of = {file["name"]: file["records"] for file in LOGS}
    with logs.read([Source(name, FOLDER / name, name) for name in names]) as records:
        files = Counter(row["file"] for row in records.rows())
        repeated = {account.origin: account.repeated for account in records.accounting()}
    assert files == {combined: records_of[combined]}
    assert repeated == {error: records_of[error], combined: 0}


def listed(name: str, found: list[str]) -> str:
    return "\n".join(
        [f"{name}: {len(found)} differences from samples.toml", *(f"  {difference}" for difference in found)]
    )


def differences(table: dict[str, Any], read: Reading) -> list[str]:
    """Every difference between what the table says of a file and what was read, a sentence each."""
    account, rows = read.account, read.rows
    found = []
    if account.lines != account.records + account.continuations + account.unparsed + account.outside:
        found.append(f"the account does not balance: {account.sentence()}")
    for name, measured in measures(read, yearless=table.get("yearless", False)).items():
        expected = table.get(name)
        if name in ("first", "last") and expected and table.get("yearless"):
            expected = expected[4:]
        if name == "wrapper" and expected is None and "format" not in table:
            continue  # nothing is said of either
        if name in table or name == "wrapper":
            allowed = expected if isinstance(expected, list) else [expected]
            if measured not in allowed:
                found.append(f"{name}: expected {' or '.join(map(repr, allowed))}, found {measured!r}")
    by_line = {row["line"]: row for row in rows}
    for record in table.get("record", ()):
        where = f"line {record['line']}" if "line" in record else f"record {record['n']}"
        row = (
            by_line.get(record["line"])
            if "line" in record
            else rows[record["n"] - 1]
            if record["n"] <= len(rows)
            else None
        )
        if row is None:
            found.append(f"{where}: no record")
        else:
            found += [
                f"{where}: {difference}"
                for difference in row_differences(record, row, yearless=table.get("yearless", False))
            ]
    shown = repr(rows)
    found += [f"{text!r} is shown" for text in table.get("never", ()) if text in shown]
    return found


def measures(read: Reading, *, yearless: bool) -> dict[str, Any]:
    """What was read, under the names of the table."""
    account, rows = read.account, read.rows
    zones = {row["ts_zone"].split(":")[0] for row in rows if row["ts_zone"]}
    cut = 4 if yearless else 0
    measured = {
        "format": account.format,
        "lines": account.lines,
        "records": account.records,
        "continuations": account.continuations,
        "unparsed": account.unparsed,
        "levels": dict(Counter(row["level"] or "none" for row in rows)),
        "dated": sum(row["ts"] is not None for row in rows),
        "zone": "both" if len(zones) == 2 else next(iter(zones), None),
        "first": milliseconds(account.first)[cut:] if account.first else None,
        "last": milliseconds(account.last)[cut:] if account.last else None,
        "requests": read.requests,
        "errors": sum(
            row["level"] in ("error", "fatal") or bool(row["error_type"] or row["error_message"]) for row in rows
        ),
        "with_duration": sum(row["duration_ms"] is not None for row in rows),
    }
    if hasattr(account, "wrapper"):
        measured["wrapper"] = account.wrapper or None
    return measured


def row_differences(record: dict[str, Any], row: dict[str, Any], *, yearless: bool) -> list[str]:
    """Every difference between a record of the table and the one that was read.

    Texts are compared as people see them: redacted.
    """
    found = []
    for name, expected in record.items():
        if name in ("line", "n"):
            continue
        if name == "absent":
            found += [
                f"{column}: expected none, found {row[column]!r}" for column in expected if row[column] is not None
            ]
            continue
        column = name.removesuffix("_starts").removesuffix("_has")
        value = row[column]
        if isinstance(value, datetime):
            value = milliseconds(value)
        if isinstance(expected, str):
            expected = redact(expected)
        if yearless and column == "ts" and value is not None:
            value, expected = value[4:], expected[4:]
        if name.endswith("_starts"):
            same = isinstance(value, str) and value.startswith(expected)
        elif name.endswith("_has"):
            same = isinstance(value, str) and expected in value
        else:
            same = value == expected
        if not same:
            found.append(f"{name}: expected {expected!r}, found {value!r}")
    return found


def milliseconds(moment: datetime) -> str:
    """ISO 8601 in UTC, cut to milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
