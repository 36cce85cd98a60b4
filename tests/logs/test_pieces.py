"""A log is extracted in pieces, on several cores, and nobody can see where it was cut."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_scan import FIRST, GOOD, LAST, LOGS, lines_of

from incident_kit.logs import extract, pieces
from incident_kit.logs.archives import packing_of_head
from incident_kit.logs.prepare import prepare
from incident_kit.logs.reading import read
from incident_kit.model.finding import Line
from incident_kit.model.source import Source

NEST = "[Nest] 7  - 11/23/2026, 4:43:{:02} PM   ERROR [Billing] charge failed\nError: connect ECONNREFUSED 10.0.0.{}\n"


def reading(
    paths: list[Path], piece_bytes: int, small_bytes: int = 0, executors: int = 1
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[Any, ...]]]:
    """The records, the accounts and all lines of some logs, cut into pieces of about so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", piece_bytes)
        patch.setattr(pieces, "SMALL_BYTES", small_bytes)
        patch.setattr(extract, "workers", lambda: executors)
        with read([Source(path.name, path, path.name) for path in paths]) as records:
            accounts = [account.to_json() for account in records.accounting()]
            lines = records.sql("SELECT * FROM lines ORDER BY source, line").astype(str).values.tolist()
            return list(records.rows()), accounts, lines


@settings(max_examples=25, deadline=None, database=None)
@given(LOGS, st.integers(1, 400), st.sampled_from([1, 2, 4]))
def test_wherever_a_log_is_cut_its_lines_are_the_same(data: bytes, piece_bytes: int, executors: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "app.log"
        path.write_bytes(data)
        rows, accounts, lines = reading([path], piece_bytes, executors=executors)
        assert (rows, accounts, lines) == reading([path], 1 << 25)
        assert (rows, accounts, lines) == reading([path], piece_bytes, small_bytes=1 << 20)
    if not packing_of_head(data):
        [account] = accounts
        assert account["lines"] == lines_of(data)
        counted = ("records", "continuations", "unparsed", "outside")
        assert account["lines"] == sum(account[name] for name in counted)


@pytest.mark.parametrize("executors", [1, 2, 4])
def test_an_error_in_the_line_after_is_found_over_a_cut(tmp_path: Path, executors: int) -> None:
    path = tmp_path / "nest.log"
    path.write_text("".join(NEST.format(second, second) for second in range(50)), encoding="utf-8")
    rows, _, _ = reading([path], 75, executors=executors)
    assert [row["error_message"] for row in rows] == [f"connect ECONNREFUSED 10.0.0.{second}" for second in range(50)]
    assert [row["line"] for row in rows] == [2 * second + 1 for second in range(50)]


def test_many_small_logs_of_two_kinds_are_told_apart(tmp_path: Path) -> None:
    paths = []
    for number in range(120):
        path = tmp_path / f"{number:03}.log"
        text = NEST.format(7, number) if number % 2 else (GOOD % b"%d" % number).decode() + "\n\n"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    rows, accounts, _ = reading(paths, 2000, small_bytes=1 << 20, executors=2)
    assert [(row["file"], row["line"]) for row in rows] == [(path.name, 1) for path in paths]
    assert {account["lines"] for account in accounts} == {2}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_line_without_an_end_and_nuls_are_left_out_and_offsets_stay_true(tmp_path: Path, packed: bool) -> None:
    data = b"\x00" * 3000 + FIRST + b"\n" + b"x" * (9 << 20) + b"\n" + LAST + b"\n"
    path = tmp_path / "app.log"
    path.write_bytes(gzip.compress(data) if packed else data)
    rows, [account], _ = reading([path], 1 << 20, executors=2)
    assert [(row["message"], row["line"], row["offset"]) for row in rows] == [
        ("first", 1, 0),
        ("last", 3, data.rindex(LAST)),
    ]
    assert account["cleaned"] == {"bytes_cut_off": 5 << 20, "lines_cut": 1, "nul": 3000}
    with read([Source("a", path, "a")]) as records:
        assert records.raw_lines([Line("a", 3)]) == {Line("a", 3): LAST.decode()}


def test_a_log_that_shrinks_while_it_is_read_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes((FIRST + b"\n") * 20_000)
    ranges = list(pieces.pieces_of([prepare(Source("a", path, "a"))], [pieces.Reading()]))
    with open(path, "r+b") as file:
        file.truncate(len(FIRST) * 3)
    part = extract.extract((), ranges[0], tmp_path / "part.parquet")
    assert part.damage == pieces.SHRUNK
    assert part.stretches[0].lines == 3
