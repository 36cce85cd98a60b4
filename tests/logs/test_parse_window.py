"""`parse` with a window reads only what may lie in it, and gives the same records as reading all of it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from incident_kit.logs import pieces, slices
from incident_kit.logs.export import FORMS, export
from incident_kit.logs.inputs import LogFile
from incident_kit.model.source import Hints

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTES = 600
NEST = "[Nest] 7  - {:%m/%d/%Y, %H:%M:%S}   ERROR [Http] attempt {}\n    at Foo (x.js:1:2)\n"
PINO = '{{"level":30,"time":{},"pid":7,"hostname":"vm","msg":"attempt {}"}}\n'


def pino(minute: int, second: int) -> str:
    return PINO.format(int((BEGIN + timedelta(minutes=minute, seconds=second)).timestamp() * 1000), second)


def nest(minute: int, second: int) -> str:
    return NEST.format(BEGIN + timedelta(minutes=minute, seconds=second), second)


def winston(minute: int, second: int) -> str:
    at = BEGIN + timedelta(minutes=minute, seconds=second)
    return f"{at:%Y-%m-%d %H:%M:%S} error: attempt {second}\n    at Foo (x.js:1:2)\n"


def parsed(path: Path, since: datetime | None, until: datetime | None) -> tuple[list[dict[str, Any]], list[str]]:
    out = io.StringIO()
    hints = Hints(date_order="mdy")
    accounts, notes = export([LogFile.of(path)], out, FORMS["jsonl"], (since, until), (), hints)
    assert accounts[0].lines == sum(
        (accounts[0].records, accounts[0].continuations, accounts[0].unparsed, accounts[0].outside)
    )
    return [json.loads(line) for line in out.getvalue().split("\n")[:-1]], notes


@pytest.mark.parametrize("line", [pino, nest, winston])
@pytest.mark.parametrize(("since", "until"), [(300, 310), (None, 3), (597, None), (900, 910)])
def test_the_records_of_a_window_are_those_of_the_whole_log(
    tmp_path: Path, line: Any, since: int | None, until: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(line(minute, second) for minute in range(MINUTES) for second in range(0, 60, 5)))
    bounds = [None if bound is None else BEGIN + timedelta(minutes=bound) for bound in (since, until)]
    whole, _ = parsed(path, None, None)
    wanted = [
        row
        for row in whole
        if (bounds[0] is None or row["ts"] >= f"{bounds[0]:%Y-%m-%dT%H:%M:%S.000Z}")
        and (bounds[1] is None or row["ts"] < f"{bounds[1]:%Y-%m-%dT%H:%M:%S.000Z}")
    ]
    loaded: list[int] = []
    blocks_of = pieces.blocks_of

    def counted(file: int, start: int, end: int) -> Any:
        loaded.append(end - start)
        return blocks_of(file, start, end)

    monkeypatch.setattr(pieces, "blocks_of", counted)
    rows, [note] = parsed(path, *bounds)
    assert [{**row, "line": 0} for row in rows] == [{**row, "line": 0} for row in wanted]
    assert "lines are counted from byte" in note
    assert sum(loaded) < path.stat().st_size / 10


def test_records_that_come_late_are_in_their_window_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    written = [
        (60 * minute + second + (100 if second == 30 else 0), pino(minute, second))  # one of twelve 100 s late
        for minute in range(MINUTES)
        for second in range(0, 60, 5)
    ]
    path.write_text("".join(line for _, line in sorted(written, key=lambda pair: pair[0])))
    rows, _ = parsed(path, BEGIN + timedelta(minutes=300), BEGIN + timedelta(minutes=302))
    assert len(rows) == 24


def test_a_clock_that_was_put_back_makes_all_of_it_be_read(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    lines = [pino(minute, second) for minute in (*range(300), *range(100, 400)) for second in range(0, 60, 5)]
    path.write_text("".join(lines))
    rows, _ = parsed(path, BEGIN + timedelta(minutes=200), BEGIN + timedelta(minutes=202))
    assert len(rows) == 48
    assert timedelta(minutes=100) > slices.MARGIN
