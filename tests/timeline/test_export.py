"""Rows as files for other programs: JSON Lines both ways, CSV, and what Timesketch's importer takes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_kit.model.fields import Unusable
from incident_kit.model.finding import Absence, Citation, Figure, Line, Pointer
from incident_kit.model.times import Window
from incident_kit.timeline.export import as_csv, as_jsonl, as_timesketch, left_out_lines, rows_from_jsonl
from incident_kit.timeline.rows import Lane, Row

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROW = Row(NOON, NOON, NOON, NOON, "logged", "a message", Lane.SYSTEMS, "the logs", Line("item", 4))

times = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - its bounds
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
lines = st.builds(Line, texts, st.integers(0, 10**9))
citations: st.SearchStrategy[Citation | None] = st.one_of(
    st.none(),
    lines,
    st.builds(Pointer, texts, texts),
    st.builds(Figure, st.tuples(texts), texts, st.integers(0, 9), st.tuples(lines), st.dictionaries(texts, texts)),
    st.builds(Absence, st.tuples(texts), st.just(Window(NOON, NOON + timedelta(hours=1))), st.integers(0, 99), texts),
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    earliest, moment, latest = sorted(draw(st.tuples(times, times, times)))
    return Row(
        moment,
        earliest,
        latest,
        draw(st.none() | times),
        draw(texts),
        draw(texts),
        draw(st.sampled_from(Lane)),
        draw(texts),
        draw(citations),
        draw(texts),
        draw(st.booleans()),
    )


@settings(deadline=None)
@given(st.lists(rows(), max_size=4))
def test_json_lines_are_read_back_as_they_were(listed: list[Row]) -> None:
    assert rows_from_jsonl(as_jsonl(listed)) == listed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lane": "weather"}, "'lane' must be one of"),
        ({"datetime": "2026-11-23T12:00:00"}, "'datetime' must be a time"),
        ({"latest": "2026-11-23T11:00:00Z"}, "must lie between"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_a_line_that_is_no_row_is_named_with_its_field(change: dict[str, Any], why: str) -> None:
    text = as_jsonl([ROW]) + json.dumps({**ROW.to_json(), **change}) + "\n"
    with pytest.raises(Unusable, match=r"^line 2: ") as refused:
        rows_from_jsonl(text)
    assert why in str(refused.value)


def test_a_spreadsheet_runs_no_cell_of_a_stranger_and_a_program_gets_it_as_it_is() -> None:
    formula = replace(ROW, message='=HYPERLINK("http://x")', by="@SUM(1)")
    (shown,) = csv.DictReader(io.StringIO(as_csv([formula])))
    assert (shown["message"], shown["by"]) == ('\'=HYPERLINK("http://x")', "'@SUM(1)")
    (raw,) = csv.DictReader(io.StringIO(as_csv([formula], raw=True)))
    assert raw["message"] == '=HYPERLINK("http://x")'


def test_csv_without_rows_has_its_header() -> None:
    assert as_csv([]).startswith("datetime,earliest,latest,learned,lane,")


def imported(text: str) -> list[dict[str, Any]]:
    """What Timesketch's importer takes of JSON Lines, by its rules as of 2024: what it drops is not there."""
    taken = []
    for line in text.encode().split(b"\n"):
        if not line:
            continue
        data = json.loads(line)
        if "timestamp" not in data:  # it would calculate one, in doubles
            raise AssertionError("no timestamp of its own")
        if missing := {"message", "datetime", "timestamp_desc"} - data.keys():
            raise AssertionError(f"refused: {missing}")
        for name in ("_id", "_type", "_index", "_source", "__ts_timeline_id"):
            data.pop(name, None)
        if "tag" in data:
            raise AssertionError("a field that it takes for labels")
        if not data["message"].strip() or len(data["message"].encode()) > 32_766:
            continue
        taken.append(data)
    frame = pd.DataFrame({"datetime": [data["datetime"] for data in taken]})
    read = pd.to_datetime(frame["datetime"], errors="coerce", utc=True)
    return [data for data, moment in zip(taken, read, strict=True) if not pd.isna(moment)]


def test_timesketch_takes_every_row_that_it_is_given() -> None:
    listed = [replace(ROW, moment=NOON + timedelta(microseconds=n), message=f"row {n}") for n in (0, 1, 1_000_000)]
    text, left_out = as_timesketch(listed)
    taken = imported(text)
    assert [data["message"] for data in taken] == ["row 0", "row 1", "row 1000000"]
    assert [data["timestamp"] for data in taken] == [1_795_435_200_000_000 + n for n in (0, 1, 1_000_000)]
    assert {len(data["datetime"]) for data in taken} == {len("2026-11-23T12:00:00.000000+00:00")}
    assert left_out == []


def test_what_timesketch_would_lose_is_set_apart_with_the_reason() -> None:
    lost = [
        replace(ROW, message=" "),
        replace(ROW, moment=datetime(1969, 12, 31, 23, 59, tzinfo=UTC)),
        replace(ROW, moment=datetime(2262, 1, 1, tzinfo=UTC)),
        replace(ROW, message="é" * 16_384),
    ]
    text, left_out = as_timesketch([ROW, *lost, replace(ROW, message="é" * 16_383)])
    assert len(imported(text)) == 2
    assert [entry.row for entry in left_out] == lost
    assert [json.loads(line)["why"] for line in left_out_lines(left_out).splitlines()] == [
        "its message is empty",
        "its year is not within 1970 to 2261",
        "its year is not within 1970 to 2261",
        "its message has 32,768 bytes, more than 32,766",
    ]


@settings(deadline=None)
@given(st.lists(rows(), max_size=6))
def test_no_row_is_lost_between_timesketch_and_the_rows_left_out(listed: list[Row]) -> None:
    text, left_out = as_timesketch(listed)
    assert len(imported(text)) + len(left_out) == len(listed)
