"""A file's name is a name: never a pattern, never an option, never SQL; and however many there are, all are read."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from case_logs import record, write

from incident_kit.logs.reading import read
from incident_kit.model.source import Source
from tests.command import Kit

PAIRS = [
    ("app[1].log", "app1.log"),
    ("app*.log", "app-x.log"),
    ("app?.log", "app2.log"),
    ("app{1,2}.log", "app1.log"),
    ("a'b;--.log", "ab.log"),
    ("**", "x"),
]


def messages(finished: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["message"] for line in finished.stdout.split("\n") if line]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(("name", "neighbour"), PAIRS)
def test_a_name_with_signs_of_a_pattern_is_read_itself(
    kit: Kit, tmp_path: Path, name: str, neighbour: str, packed: bool
) -> None:
    for number, (file, message) in enumerate(((name, "RIGHT"), (neighbour, "WRONG"))):
        path = write(tmp_path / file, [record(second, f"{message} {second}") for second in range(10)])
        if packed and number == 0:
            path.write_bytes(gzip.compress(path.read_bytes()))
    finished = kit("parse", name, cwd=tmp_path)
    assert messages(finished) == [f"RIGHT {second}" for second in range(10)]
    assert "10 records" in finished.stderr


def test_a_folder_with_signs_of_a_pattern_is_read_itself(kit: Kit, tmp_path: Path) -> None:
    for folder, message in (("logs[ab]", "RIGHT"), ("logsa", "WRONG")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "app.log", [record(second, message) for second in range(10)])
    assert set(messages(kit("parse", "logs[ab]/app.log", cwd=tmp_path))) == {"RIGHT"}


def test_a_name_that_looks_like_an_option_is_read_after_two_dashes(kit: Kit, tmp_path: Path) -> None:
    write(tmp_path / "--to", [record(0, "RIGHT")])
    assert messages(kit("parse", "--", "--to", cwd=tmp_path)) == ["RIGHT"]


@pytest.mark.parametrize("count", [129, 700])
def test_every_file_of_a_folder_of_rotated_logs_is_read(tmp_path: Path, count: int) -> None:
    paths = [
        write(tmp_path / f"app.log.{number}", [record(number, f"file {number}"), record(number + 0.5, "again")])
        for number in range(count)
    ]
    with read([Source(str(number), path, path.name) for number, path in enumerate(paths)]) as records:
        rows = list(records.rows())
        accounts = records.accounting()
    assert [row["message"] for row in rows[::2]] == [f"file {number}" for number in range(count)]
    assert [(account.origin, account.records) for account in accounts] == [(path.name, 2) for path in paths]


def test_of_many_files_of_several_formats_each_is_read_in_its_own(tmp_path: Path) -> None:
    lines = {
        "pino": record(3, "pino"),
        "nginx": '203.0.113.9 - - [25/Nov/2026:09:00:03 +0000] "GET /api/orders/7 HTTP/1.1" 200 12 "-" "curl/8"',
        "plain": "no format that anybody knows",
    }
    sources = []
    for number in range(150):
        kind = list(lines)[number % 3]
        path = write(tmp_path / f"{number}.log", [lines[kind]] * (1 + number % 2))
        sources.append(Source(f"item{number}", path, path.name))
    with read(sources) as records:
        accounts = records.accounting()
    assert [account.lines for account in accounts] == [1 + number % 2 for number in range(150)]
    assert {account.format for account in accounts} == {"pino", "access", ""}
