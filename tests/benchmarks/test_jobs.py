"""What the benchmarks compare must be the same: the logs for a seed, the library's table and the one made by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import generate
import jobs
import pytest

from incident_kit.logs import extract, pieces


@pytest.fixture(scope="module", params=["pino", "nest", "nginx"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A kind of log and a file of it: some minutes of traffic with failures."""
    path = tmp_path_factory.mktemp("bench") / f"{request.param}.log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "BLOCK_BYTES", 200_000)
        patch.setattr(generate, "POOL", 1 << 12)
        generate.generate(path, request.param, 4_000_000)
    return request.param, path


@pytest.mark.parametrize("piece_bytes", [100_000, 1 << 30], ids=["pieces", "whole"])
def test_the_library_gives_the_table_made_by_hand(
    log: tuple[str, Path], piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", piece_bytes)
    table = jobs.plain_table(jobs.library(*log, 0)())
    assert len(table) > 25
    assert sum(row[3] for row in table) > 0  # some requests failed
    assert table == jobs.plain_table(jobs.by_hand(*log, 0)())


def test_the_number_of_threads_changes_nothing(log: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1_000_000)
    tables = []
    for threads in (1, 2, 4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(duckdb, "connect", duckdb.connect)  # the job puts its own in its place
            patch.setattr(extract, "workers", extract.workers)
            tables.append(jobs.library(*log, threads)())
    assert tables[0] == tables[1] == tables[2]


def test_pandas_counts_the_same(log: tuple[str, Path]) -> None:
    def counts(table: jobs.Table) -> list[list[object]]:
        return sorted((row[:8] for row in jobs.plain_table(table)), key=lambda row: (row[0], row[1] or ""))

    assert counts(jobs.pandas(*log, 0)()) == counts(jobs.by_hand(*log, 0)())


def test_a_seed_always_gives_the_same_log_and_times_go_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "BLOCK_BYTES", 50_000)
    monkeypatch.setattr(generate, "POOL", 1 << 10)
    once, again, other = (generate.blocks(generate.KINDS["nginx"], seed) for seed in (1, 1, 2))
    text = b"".join(next(once) for _ in range(5))
    assert text == b"".join(next(again) for _ in range(5))
    assert text != b"".join(next(other) for _ in range(5))
    times = [line.split(b"[")[1][:20] for line in text.splitlines()]
    assert times == sorted(times)
    assert times[0] < times[-1]
