"""Records out: canonical columns as JSON lines or CSV, redacted, and what became of every line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from incident_kit.logs.accounting import Account
from incident_kit.logs.columns import COLUMNS, Dependency
from incident_kit.logs.reading import read
from incident_kit.logs.slices import open_log
from incident_kit.model.source import Source, Unsaid
from incident_kit.model.times import Window, iso

STEP = 20_000
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC) - timedelta(days=1)


def export(
    paths: Sequence[Path], out: TextIO, form: str, bounds: tuple[datetime | None, datetime | None], dependencies: Sequence[Dependency], unsaid: Unsaid,
    progress: Callable[[int], None] = lambda count: None,
) -> list[Account]:  # fmt: skip
    """Write the records of the files within `bounds` to `out`, as `jsonl` or `csv`; return what became of every line.

    `progress` is told now and then how many have been written.

    Raises LogFileError for a file that cannot be read as a log.
    """
    for path in paths:
        with open_log(path, unsaid):
            pass  # says at once, and of every file, what is wrong with it
    window = Window(bounds[0] or EARLIEST, bounds[1] or LATEST) if any(bounds) else None
    sources = [Source(str(number), path, str(path), unsaid=unsaid) for number, path in enumerate(paths)]
    with read(sources, window, dependencies=dependencies) as records:
        table = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
        if form == "csv":
            table.writeheader()
        for count, row in enumerate(records.rows(), start=1):
            if count % STEP == 0:
                progress(count)
            record = _plain(row)
            if form == "csv":
                table.writerow(record)
            else:
                out.write(json.dumps({name: value for name, value in record.items() if value is not None}, ensure_ascii=False) + "\n")
        return records.accounting()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
