"""The window is found by bisection: the same records as a full scan finds, and the log is left as it was."""

from __future__ import annotations

import gzip
import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from collecting import collect_logs

from incident_kit.app import collect
from incident_kit.errors import LogFileError
from incident_kit.evidence.store import Evidence
from incident_kit.logs.reading import read
from incident_kit.logs.slices import open_log
from incident_kit.model.source import Hints, Source
from incident_kit.model.times import Window

BEGIN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
NONE = timedelta(0)


def record(after: timedelta, message: str) -> bytes:
    at = round((BEGIN + after).timestamp() * 1000)
    return json.dumps({"level": 30, "time": at, "pid": 7, "hostname": "vm", "msg": message}).encode() + b"\n"


def written(folder: Path, count: int = 4000, step: timedelta = timedelta(seconds=2), stacks: bool = True) -> Path:
    """A log in time order; some records are followed by a stack at column 0."""
    dice = random.Random(7)
    blocks = [b"> bff start\n"]
    for n in range(count):
        blocks.append(record(n * step, f"m{n} " + "x" * dice.randint(0, 300)))
        if stacks and dice.random() < 0.2:
            blocks += [f"Error: at {n}\n".encode(), b"    at f (x.js:1:1)\n" * dice.randint(1, 30)]
    path = folder / "combined.log"
    path.write_bytes(b"".join(blocks))
    return path


def full_scan(data: bytes, since: datetime, until: datetime) -> bytes:
    """The records from `since` on and before `until`, with all lines that follow them."""
    kept, inside = [], False
    for line in data.splitlines(keepends=True):
        if line.startswith(b"{"):
            inside = since.timestamp() * 1000 <= json.loads(line)["time"] < until.timestamp() * 1000
        if inside:
            kept.append(line)
    return b"".join(kept)


WINDOWS = {
    "in the middle": (3000, 3600),
    "a single record": (4000, 4001),
    "between two records": (4001, 4001.5),
    "from before the log": (-900, 60),
    "beyond its end": (7900, 99999),
    "all of it": (-1, 99999),
    "before it": (-900, -800),
    "after it": (90000, 99999),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("margin", [NONE, timedelta(seconds=60)], ids=["no margin", "a minute"])
def test_bisection_finds_what_a_full_scan_finds(tmp_path, window, margin):
    path = written(tmp_path)
    since, until = (BEGIN + timedelta(seconds=second) for second in WINDOWS[window])
    with open_log(path) as file:
        span = file.find(Window(since, until), margin)
    data = path.read_bytes()
    assert data[span.start : span.end] == full_scan(data, since - margin, until + margin)
    assert span.size == len(data)


def test_every_possible_beginning_is_found(tmp_path):
    path = written(tmp_path, 40)
    data = path.read_bytes()
    with open_log(path) as file:
        for second in range(-1, 82):
            moment = BEGIN + timedelta(seconds=second)
            assert data[file.first_record_at(moment, 0) :] == full_scan(data, moment, BEGIN + timedelta(days=1))


def test_a_clock_that_was_put_back_hides_no_record(tmp_path):
    minute = timedelta(minutes=1)
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(record(minute * n / 10, f"{n} " + "x" * 300) for n in [*range(1200), *range(600, 1500)]))
    window = Window(BEGIN + 70 * minute, BEGIN + 75 * minute)
    [item] = collect_logs(Evidence(tmp_path / "evidence"), [path], window.since, window.until).items
    with (
        read([Source("whole", path, "whole")], window) as all_of_it,
        read([Source("slice", item.content, "slice")], window) as kept,
    ):
        assert [row["message"] for row in kept.rows()] == [row["message"] for row in all_of_it.rows()]
        assert len(list(kept.rows())) == 100


def test_the_newest_record_may_stand_in_the_middle(tmp_path):
    hour = timedelta(hours=1)
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(record(hour * n / 1000, "x" * 300) for n in [*range(5000, 9000), *range(1000)]))
    with open_log(path) as file:
        oldest, newest = file.times()
    assert oldest < BEGIN + hour
    assert newest > BEGIN + 8 * hour


def test_an_hour_that_comes_twice_is_kept_both_times(tmp_path):
    """Clocks in Berlin are put back at 03:00 on 25 October 2026: a log without zones has 02:00 to 03:00 twice."""
    berlin = Hints(zone="Europe/Berlin")
    begin = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    local = [(begin + timedelta(seconds=30 * n)).astimezone(ZoneInfo("Europe/Berlin")) for n in range(600)]
    path = tmp_path / "app.log"
    path.write_text(
        "".join(f"[Nest] 7  - {at:%m/%d/%Y, %H:%M:%S}     LOG [Http] number {n}\n" for n, at in enumerate(local)),
        encoding="utf-8",
    )
    since = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    collected = collect_logs(Evidence(tmp_path / "evidence"), [path], since, since + timedelta(minutes=10), berlin)
    with read(Evidence(tmp_path / "evidence").sources(), collected.window) as records:
        assert len(list(records.rows())) == 2 * 20
        assert "2026-10-25T01:00:00.000Z" in records.accounting()[0].sentence()


def test_the_order_of_day_and_month_that_the_log_shows_is_kept_with_its_slice(tmp_path):
    path = tmp_path / "app.log"
    days = [
        datetime(2026, 11, day, hour, minute, tzinfo=UTC)
        for day in (11, 12, 13)
        for hour in range(24)
        for minute in range(60)
    ]
    path.write_text(
        "".join(f"[Nest] 7  - {at:%m/%d/%Y, %H:%M:%S}     LOG [Http] hello\n" for at in days), encoding="utf-8"
    )
    since = datetime(2026, 11, 12, 5, 0, tzinfo=UTC)
    evidence = Evidence(tmp_path / "evidence")
    collected = collect_logs(evidence, [path], since, since + timedelta(minutes=10))
    assert collected.items[0].size_bytes < path.stat().st_size / 100
    with read(evidence.sources(), collected.window) as records:
        assert len(list(records.rows())) == 10


def test_continuation_lines_stay_with_their_record(tmp_path):
    path = tmp_path / "app.log"
    stack = b"Error: boom\n    at f\n}\n"
    path.write_bytes(
        record(NONE, "before") + record(timedelta(minutes=5), "boom") + stack + record(timedelta(minutes=10), "after")
    )
    with open_log(path) as file:
        span = file.find(Window(BEGIN + timedelta(minutes=4), BEGIN + timedelta(minutes=6)), NONE)
    assert path.read_bytes()[span.start : span.end] == record(timedelta(minutes=5), "boom") + stack


def test_times_are_found_behind_a_long_stack_at_the_end(tmp_path):
    path = tmp_path / "app.log"
    path.write_bytes(
        b"noise\n" * 150 + record(NONE, "a") + record(timedelta(hours=1), "b") + b"    at f (x.js:1:1)\n" * 20000
    )
    with open_log(path) as file:
        assert file.times() == (BEGIN, BEGIN + timedelta(hours=1))


@pytest.mark.parametrize("length", [(1 << 16) - 1, 1 << 16, (1 << 16) + 1, 200_000])
def test_records_longer_than_a_block_are_seen_whole(tmp_path, length):
    path = tmp_path / "app.log"
    parts = [record(timedelta(minutes=n), "x" * length) for n in range(4)]
    path.write_bytes(b"".join(parts))
    with open_log(path) as file:
        span = file.find(Window(BEGIN + timedelta(minutes=1), BEGIN + timedelta(minutes=3)), NONE)
        assert file.times() == (BEGIN, BEGIN + timedelta(minutes=3))
    assert path.read_bytes()[span.start : span.end] == parts[1] + parts[2]


def test_collecting_changes_neither_the_log_nor_its_times(tmp_path):
    path = written(tmp_path)
    os.utime(path, ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_002))
    data, before = path.read_bytes(), path.stat()
    os.utime(path, ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_002))
    collect_logs(Evidence(tmp_path / "evidence"), [path], BEGIN + timedelta(minutes=50), BEGIN + timedelta(minutes=60))
    after = path.stat()
    assert (after.st_mtime_ns, after.st_ino, after.st_mode, after.st_nlink) == (
        before.st_mtime_ns,
        before.st_ino,
        before.st_mode,
        before.st_nlink,
    )
    assert after.st_atime_ns == 1_700_000_000_000_000_001
    assert path.read_bytes() == data


def test_a_collected_slice_says_what_lies_before_and_after_it(tmp_path):
    path = written(tmp_path)
    found = collect_logs(
        Evidence(tmp_path / "evidence"), [path], BEGIN + timedelta(minutes=50), BEGIN + timedelta(minutes=60)
    )
    [item] = found.items
    data, before, after = path.read_bytes(), item.details["before_bytes"], item.details["after_bytes"]
    assert before + item.size_bytes + after == len(data) == item.details["size_bytes"]
    assert before > 0
    assert after > 0
    assert item.content.read_bytes() == data[before : len(data) - after]


def test_without_a_window_the_two_hours_before_the_newest_record_are_kept(tmp_path):
    path = written(tmp_path, 400, timedelta(minutes=1), stacks=False)
    found = collect_logs(Evidence(tmp_path / "evidence"), [path])
    assert found.window == Window(
        BEGIN + timedelta(minutes=279, milliseconds=1), BEGIN + timedelta(minutes=399, milliseconds=1)
    )
    assert "no --since was given" in found.notes[0]
    assert found.items[0].details["after_bytes"] == 0


def test_records_that_arrive_late_widen_the_margin(tmp_path):
    path = tmp_path / "app.log"
    order = [*range(100), *range(95, 100), *range(100, 200)]
    order.insert(130, 98)
    path.write_bytes(b"".join(record(timedelta(seconds=10 * n), f"m{n}") for n in order))
    [item] = collect_logs(
        Evidence(tmp_path / "evidence"), [path], BEGIN + timedelta(seconds=900), BEGIN + timedelta(seconds=1000)
    ).items
    assert item.details["margin_s"] > 60
    assert item.details["lateness_ms"] > 30_000


def test_a_log_outside_the_window_is_not_preserved_and_that_is_said(tmp_path):
    old = tmp_path / "old.log"
    old.write_bytes(record(timedelta(days=-2), "old"))
    found = collect_logs(
        Evidence(tmp_path / "evidence"), [old, written(tmp_path, 50)], BEGIN, BEGIN + timedelta(minutes=5)
    )
    assert [item.origin for item in found.items] == [str(tmp_path / "combined.log")]
    assert any(f"{old}: not preserved" in note for note in found.notes)


def test_an_archive_is_kept_whole(tmp_path):
    path = tmp_path / "combined.log.gz"
    path.write_bytes(gzip.compress(written(tmp_path, 100).read_bytes()))
    [item] = collect_logs(Evidence(tmp_path / "evidence"), [path], BEGIN, BEGIN + timedelta(seconds=10)).items
    assert item.content.read_bytes() == path.read_bytes()
    assert (item.details["whole"], item.details["packing"]) == (True, "gzip")


def test_a_cut_archive_still_gives_its_times(tmp_path):
    path = tmp_path / "combined.log.gz"
    path.write_bytes(gzip.compress(written(tmp_path, 40_000, stacks=False).read_bytes())[:-40])
    with open_log(path) as file:
        assert file.times()[0] == BEGIN


def test_a_log_that_grew_since_it_was_opened_is_read_at_its_first_size(tmp_path):
    path = written(tmp_path, 10, stacks=False)
    with open_log(path) as file, open(path, "ab") as writer:
        writer.write(record(timedelta(hours=9), "later"))
        writer.flush()
        assert file.times()[1] == BEGIN + timedelta(seconds=18)


def emptied(path: Path) -> None:
    """As copytruncate does it."""
    os.truncate(path, 0)


def appended(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(record(timedelta(hours=9), "later"))


def replaced(path: Path) -> None:
    path.rename(path.with_suffix(".log.1"))
    path.write_bytes(record(timedelta(hours=9), "later"))


@pytest.mark.parametrize(
    ("change", "said"), [(emptied, "shrank while it was read"), (appended, "grew by"), (replaced, "")]
)
def test_a_log_that_changes_while_it_is_preserved_keeps_what_could_be_read_and_says_so(
    tmp_path, monkeypatch, change, said
):
    path = written(tmp_path, 20_000)
    data = path.read_bytes()
    assert len(data) > 3 * collect.BLOCK_BYTES
    blocks = collect.file_blocks

    def changing(*arguments):
        for number, block in enumerate(blocks(*arguments)):
            if number == 1:
                change(path)
            yield block

    monkeypatch.setattr(collect, "file_blocks", changing)
    [item] = collect_logs(
        Evidence(tmp_path / "evidence"), [path], BEGIN - timedelta(hours=1), BEGIN + timedelta(days=1)
    ).items
    kept = item.content.read_bytes()
    dated = data[data.index(b"{") :]
    assert kept == (dated[: 2 * collect.BLOCK_BYTES] if change is emptied else dated)
    assert (
        item.details["before_bytes"] + item.size_bytes + item.details["after_bytes"]
        == item.details["size_bytes"]
        == len(data)
    )
    assert said in " ".join(item.details["notes"])
    assert bool(said) == bool(item.details["notes"])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (bytes(range(32)) * 50, "not a text log"), (b"\x00" * 9000, "as good as empty")],
)
def test_a_file_that_is_no_log_is_refused_with_its_reason(tmp_path, content, said):
    path = tmp_path / "app.log"
    path.write_bytes(content)
    with pytest.raises(LogFileError, match=said), open_log(path):
        pass


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(LogFileError, match="a folder, not a log file"), open_log(tmp_path):
        pass
    with pytest.raises(LogFileError, match=r"missing\.log: no such file"), open_log(tmp_path / "missing.log"):
        pass


def test_nothing_is_stored_if_one_of_the_names_is_wrong(tmp_path):
    with pytest.raises(LogFileError):
        collect_logs(Evidence(tmp_path / "evidence"), [written(tmp_path, 10), tmp_path / "typo.log"])
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize(
    "written_time",
    [
        "1795417200000",
        "1795417200",
        '"2026-11-23T07:00:00.000Z"',
        '"2026-11-23T16:00:00+09:00"',
        '"2026-11-23T07:00:00"',
        "1795417200000000000",
        '"1795417200000"',
    ],
)
def test_the_slice_and_the_reader_agree_on_what_time_a_line_has(tmp_path, written_time):
    path = tmp_path / "app.log"
    path.write_text(f'{{"level":30,"time":{written_time},"pid":7,"msg":"x"}}\n', encoding="utf-8")
    with open_log(path) as file, read([Source("a", path, "a")]) as records:
        assert [row["ts"] for row in records.rows()] == [BEGIN]
        assert file.times() == (BEGIN, BEGIN)
