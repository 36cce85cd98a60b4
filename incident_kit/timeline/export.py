"""Rows of a timeline as files for other programs, and back. Pure: rows in, text out.

csv          for spreadsheets: no cell is run as a formula; raw for programs
jsonl        one row a line, all of it; `rows_from_jsonl` reads it back
timesketch   for Timesketch, as its importer takes it, with what it would lose set apart
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from incident_kit.model.fields import Unusable, parse_json
from incident_kit.model.spreadsheet import defused
from incident_kit.model.visible import visible_json
from incident_kit.timeline.rows import Row

COLUMNS = (
    "datetime",
    "earliest",
    "latest",
    "learned",
    "lane",
    "timestamp_desc",
    "message",
    "by",
    "clock",
    "order_unknown",
    "citation",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Its importer counts time in nanoseconds of 64 bits, and its search engine keeps no longer word than this.
TIMESKETCH_YEARS = range(1970, 2262)
MOST_MESSAGE_BYTES = 32_766


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that Timesketch would lose, and why."""

    row: Row
    why: str


def as_csv(rows: Iterable[Row], raw: bool = False) -> str:
    """A table with a header. `raw` leaves every cell as it is, for programs."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in rows:
        cells = {**row.to_json(), "citation": _citation(row), "order_unknown": "yes" if row.order_unknown else ""}
        table.writerow({name: cells[name] if raw else defused(cells[name]) for name in COLUMNS})
    return out.getvalue()


def as_jsonl(rows: Iterable[Row]) -> str:
    """One JSON object a line."""
    return "".join(_line(row.to_json()) for row in rows)


def rows_from_jsonl(text: str) -> list[Row]:
    """The rows of such lines. Raises Unusable naming the line and the field."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        try:
            rows.append(Row.from_json(parse_json(line.encode("utf-8", "surrogatepass"))))
        except Unusable as error:
            raise Unusable(f"line {number}: {error}") from None
    return rows


def as_timesketch(rows: Iterable[Row]) -> tuple[str, list[LeftOut]]:
    """JSON Lines that Timesketch imports without loss, and the rows that it would lose.

    All times have one form, and `timestamp` is in microseconds, so that the importer calculates none.
    https://timesketch.org/guides/user/import-from-json-csv/
    """
    lines, left_out = [], []
    for row in rows:
        if why := _why_lost(row):
            left_out.append(LeftOut(row, why))
            continue
        data = {
            "message": row.message,
            "datetime": _timesketch_time(row.moment),
            "timestamp": (row.moment - EPOCH) // timedelta(microseconds=1),
            "timestamp_desc": row.meaning,
            "lane": row.lane.value,
            "earliest": _timesketch_time(row.earliest),
            "latest": _timesketch_time(row.latest),
            "learned": _timesketch_time(row.learned) if row.learned else "",
            "clock": row.clock,
            "by": row.by,
            "order_unknown": row.order_unknown,
            "citation": _citation(row),
        }
        lines.append(_line(data))
    return "".join(lines), left_out


def left_out_lines(left_out: Sequence[LeftOut]) -> str:
    """The rows that were left out as JSON Lines, each with the reason."""
    return "".join(_line({"why": lost.why, "row": lost.row.to_json()}) for lost in left_out)


def _why_lost(row: Row) -> str:
    if not row.message.strip():
        return "its message is empty"
    if row.moment.astimezone(UTC).year not in TIMESKETCH_YEARS:
        return f"its year is not within {TIMESKETCH_YEARS.start} to {TIMESKETCH_YEARS.stop - 1}"
    if (size := len(row.message.encode("utf-8", "surrogatepass"))) > MOST_MESSAGE_BYTES:
        return f"its message has {size:,} bytes, more than {MOST_MESSAGE_BYTES:,}"
    return ""


def _timesketch_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _citation(row: Row) -> str:
    return json.dumps(row.citation.to_json(), sort_keys=True, ensure_ascii=False) if row.citation else ""


def _line(data: Any) -> str:
    return visible_json(json.dumps(data, ensure_ascii=False, sort_keys=True, allow_nan=False)) + "\n"
