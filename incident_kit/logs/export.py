"""Records out: canonical columns as JSON lines, CSV or Parquet, redacted, and what became of every line."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from incident_kit.logs.accounting import Account
from incident_kit.logs.columns import COLUMNS, TYPES, Dependency
from incident_kit.logs.inputs import LogFile
from incident_kit.logs.reading import read
from incident_kit.logs.slices import MARGIN, ByteRange, open_log
from incident_kit.logs.sql import quoted_name
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.source import Hints, Source
from incident_kit.model.spreadsheet import defused
from incident_kit.model.times import Window, iso
from incident_kit.model.visible import visible_json

Row = dict[str, Any]
Writer = Callable[[Iterable[Row], TextIO], None]
STEP = 20_000
DAY = timedelta(days=1)
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC) - timedelta(days=1)


def export(
    logs: Sequence[LogFile],
    out: TextIO,
    write: Writer,
    bounds: tuple[datetime | None, datetime | None],
    dependencies: Sequence[Dependency],
    hints: Hints,
    progress: Callable[[int], None] = lambda count: None,
    redaction: Redaction = REDACTION,
) -> tuple[list[Account], list[str]]:
    """Write the records of the logs within `bounds` to `out`; return what became of every line, and what was not read.

    `progress` is told now and then how many have been written. `write` is one of FORMS or RAW_FORMS.
    """
    window = Window(bounds[0] or EARLIEST, bounds[1] or LATEST) if any(bounds) else None
    sources = [
        Source(str(number), log.path, log.origin, hints=hints, redaction=redaction, missing=log.missing)
        for number, log in enumerate(logs)
    ]
    margin = MARGIN
    while True:
        parts = [_within(source, window, margin) for source in sources] if window else sources
        with read(parts, window, dependencies=dependencies) as records:
            lateness = timedelta(microseconds=int(records.query("lateness")[0]["lateness_us"]))
            if any(part.span for part in parts) and lateness > margin / 2:  # then records of the window may lie outside
                margin = max(2 * margin, 2 * lateness)
                continue
            try:
                write(_counted(records.rows(), progress), out)
                out.flush()
            except BrokenPipeError:  # the reader has seen enough: `| head`
                os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # for what Python still flushes at its end
            return records.accounting(), list(filter(None, map(_not_read, parts)))


def _within(source: Source, window: Window, margin: timedelta) -> Source:
    """The same source, of which only the window and a margin around it are read."""
    with open_log(source.path, source.hints, source.origin) as file:
        times = None if file.must_be_read_whole else file.times()
        if times is None:
            return source
        # An end that was left open is far away, where no clock was ever put back.
        since, until = max(window.since, times[0] - DAY), min(window.until, times[1] + DAY)
        span = file.span(Window(since, until), margin) if since < until else ByteRange(0, 0, file.size)
        if span.start == 0 and span.end == span.size:
            return source
        order = file.recognition.zones.date_order  # the window alone may not show it
        return replace(source, hints=replace(source.hints, date_order=order), span=(span.start, span.end))


def _not_read(source: Source) -> str:
    """Which bytes of a source were left alone; empty where none was."""
    if not source.span:
        return ""
    start, end = source.span
    behind = source.path.stat().st_size - end
    return (
        f"{source.origin}: lines are counted from byte {start:,} on; {behind:,} bytes behind the window were not read"
    )


def _counted(rows: Iterable[Row], progress: Callable[[int], None]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count % STEP == 0:
            progress(count)
        yield row


def _write_jsonl(rows: Iterable[Row], out: TextIO) -> None:
    for row in rows:
        line = json.dumps({name: value for name, value in _plain(row).items() if value is not None}, ensure_ascii=False)
        out.write(visible_json(line) + "\n")


def _write_csv(rows: Iterable[Row], out: TextIO) -> None:
    """For people: no cell is run by a spreadsheet, and controls are shown."""
    _write_raw_csv(({name: defused(value) for name, value in row.items()} for row in rows), out)


def _write_raw_csv(rows: Iterable[Row], out: TextIO) -> None:
    """For programs: every cell as it is."""
    table = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    table.writeheader()
    table.writerows(map(_plain, rows))


def _write_parquet(rows: Iterable[Row], out: TextIO) -> None:
    import pandas as pd

    from incident_kit.logs.engine import connect_for_writing

    types = {name: "BIGINT" if name in ("line", "offset") else TYPES.get(name, "VARCHAR") for name in COLUMNS} | {
        "ts": "TIMESTAMPTZ"
    }
    waiting = iter(rows)
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as folder, connect_for_writing(Path(folder)) as connection:
        columns = ", ".join(f"{quoted_name(name)} {kind}" for name, kind in types.items())
        connection.execute(f"CREATE TABLE records ({columns})")
        while chunk := list(islice(waiting, STEP)):
            connection.register("chunk", pd.DataFrame(chunk, columns=list(types), dtype=object))
            connection.execute("INSERT INTO records FROM chunk")
        target = Path(folder) / "records.parquet"
        connection.table("records").write_parquet(str(target))
        with open(target, "rb") as written:
            shutil.copyfileobj(written, out.buffer)


FORMS: Mapping[str, Writer] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
# CSV is made for spreadsheets, which would run some cells; raw it is for programs.
RAW_FORMS: Mapping[str, Writer] = {**FORMS, "csv": _write_raw_csv}


def _plain(row: Row) -> Row:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
