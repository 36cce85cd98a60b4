"""Onsets of series and of records: found where something changed, and not where nothing did."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic import FAULTS, HEALTHY, START, Shape, traffic

from incident_kit import logs, runbook
from incident_kit.analysis import onset, onset_of, onset_of_requests, onsets
from incident_kit.analysis.first_affected import refined
from incident_kit.logs.rates import Bucket, by_name, calls_by_bucket, requests_by_bucket
from incident_kit.logs.reading import Records
from incident_kit.model.source import Source
from incident_kit.model.times import Window

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from onsets import access_log_buckets, false_in_windows, windows

MINUTE = timedelta(minutes=1)
RECORDED = Path(__file__).parents[1] / "recorded" / "freebit_slow"
TRUTH = json.loads((RECORDED / "truth.json").read_text(encoding="utf-8"))
FROM, TO = datetime.fromisoformat(TRUTH["from"]), datetime.fromisoformat(TRUTH["to"])


def bucket(
    minute: float,
    n: int = 100,
    failed: int = 0,
    ms: float = 100,
    name: str | None = "GET /a",
    width: timedelta = MINUTE,
) -> Bucket:
    """A bucket whose median is `ms`, its p95 twice and its p99 three times as much."""
    us = round(ms * 1000)
    return Bucket(START + minute * width, name, n, failed, 0, 0, n * us * 6 // 5, n, us, 2 * us, 3 * us)


def recorded(window: Window | None = None) -> Records:
    (item,) = (RECORDED / "evidence").iterdir()
    return logs.read(
        [Source(item.name, item / "content", "bff.log.gz")], window, dependencies=runbook.load().dependencies
    )


@pytest.fixture(scope="module")
def incident() -> Iterator[Records]:
    with recorded() as records:
        yield records


# --- the recorded incident -------------------------------------------------------------------------------------------


def test_the_recorded_onset_is_within_a_minute_of_the_truth_and_its_interval_holds_it(incident: Records) -> None:
    detected = onset_of(incident)
    assert detected is not None
    assert abs(detected.began.likeliest - FROM) <= MINUTE
    assert detected.began.earliest <= FROM <= detected.began.latest
    assert detected.began.latest - detected.began.earliest <= MINUTE
    assert set(detected.routes) == {"GET /api/sim/:id/usage", "POST /api/sim/:id/top-up"}


def test_the_recorded_recovery_is_within_a_minute_of_the_truth(incident: Records) -> None:
    detected = onset_of(incident)
    assert detected is not None
    assert detected.recovered is not None
    assert abs(detected.recovered.likeliest - TO) <= MINUTE


@pytest.mark.parametrize("seconds", [10, 20, 30, 60])
def test_the_calls_to_the_suspect_changed_and_those_to_others_did_not(incident: Records, seconds: int) -> None:
    by_dependency = {
        name: onset(series) for name, series in by_name(calls_by_bucket(incident, timedelta(seconds=seconds))).items()
    }
    assert {name for name, change in by_dependency.items() if change} == {"freebit"}
    began = by_dependency["freebit"].began if by_dependency["freebit"] else None
    assert began is not None
    assert began.earliest <= FROM <= began.latest


def test_nothing_is_found_before_the_fault_or_after_it() -> None:
    since, until = datetime.fromisoformat(TRUTH["window"]["since"]), datetime.fromisoformat(TRUTH["window"]["until"])
    for quiet in (Window(since, FROM), Window(TO + timedelta(seconds=5), until)):
        with recorded(quiet) as records:
            assert onset_of(records) is None
            series = [
                *requests_by_bucket(records, timedelta(seconds=10)),
                *calls_by_bucket(records, timedelta(seconds=10)),
            ]
            assert [name for name, route in by_name(series).items() if onset(route)] == []


# --- healthy traffic -------------------------------------------------------------------------------------------------


def test_a_fortnight_of_healthy_days_has_fewer_than_a_false_onset_in_five_days() -> None:
    """A day of every shape; `python tests/benchmarks/onsets.py quiet` measures more of them."""
    false = {shape.name: false_in_windows(traffic(60_000 + number, 24, shape)) for number, shape in enumerate(HEALTHY)}
    assert sum(false.values()) <= 0.2 * len(HEALTHY), false


def test_a_real_access_log_has_no_onset() -> None:
    """Elastic's example log: 10 000 requests over four days in 2015, three of them 5xx."""
    corpora = os.environ.get("INCIDENT_KIT_CORPORA")
    if not corpora:
        pytest.skip("INCIDENT_KIT_CORPORA does not say where the public logs are")
    buckets = access_log_buckets(Path(corpora) / "elastic_examples" / "apache_access_10k.log")
    mixed = [minute for minute in buckets if minute.name is None]
    assert (sum(minute.n for minute in mixed), sum(minute.failed for minute in mixed)) == (10_000, 3)
    assert [name for name, series in by_name(buckets).items() if onsets(series)] == []
    assert [part for part in windows(mixed) if onset(part)] == []
    assert onset_of_requests(buckets) is None


def test_a_deploy_that_is_over_within_a_minute_is_no_onset() -> None:
    series = [
        bucket(minute, failed=40 if minute in (60, 61) else 0, ms=400 if minute in (60, 61) else 100)
        for minute in range(120)
    ]
    assert onset(series) is None


def test_growth_is_no_onset() -> None:
    assert onset([bucket(minute, ms=100 * 1.3 ** (minute / 60)) for minute in range(360)]) is None


def test_a_rise_that_is_certain_but_tiny_is_no_onset() -> None:
    assert onset([bucket(minute, n=100_000, failed=100 if minute < 60 else 900) for minute in range(120)]) is None
    assert onset([bucket(minute, ms=2 if minute < 60 else 20) for minute in range(120)]) is None
    assert onset([bucket(minute, ms=100 if minute < 60 else 150) for minute in range(120)]) is None


def test_getting_better_is_no_onset() -> None:
    assert (
        onset(
            [bucket(minute, failed=30 if minute < 60 else 0, ms=900 if minute < 60 else 100) for minute in range(120)]
        )
        is None
    )


def test_what_was_so_from_the_beginning_has_no_onset() -> None:
    assert onset([bucket(minute, failed=30, ms=3000) for minute in range(120)]) is None
    assert onset([bucket(minute, failed=30 if minute < 60 else 0) for minute in range(120)]) is None


def test_too_few_buckets_have_no_onset() -> None:
    assert onset([]) is None
    assert onset([bucket(0)]) is None
    assert onset([bucket(minute, failed=90 if minute > 2 else 0) for minute in range(6)]) is None


def test_a_route_without_requests_or_durations_has_no_onset() -> None:
    empty = [
        replace(bucket(minute, n=0), timed=0, total_us=0, p50_us=None, p95_us=None, p99_us=None) for minute in range(60)
    ]
    assert onset(empty) is None
    assert (
        onset(
            [
                replace(bucket(minute), timed=0, total_us=0, p50_us=None, p95_us=None, p99_us=None)
                for minute in range(60)
            ]
        )
        is None
    )


def test_work_that_comes_every_night_is_an_onset_only_the_first_time() -> None:
    nights = [(START + timedelta(days=day, hours=2)) for day in range(3)]
    series = [bucket(minute, ms=100) for minute in range(0, 3 * 1440, 2)]
    series = [
        replace(minute, p50_us=4_000_000, total_us=480_000_000)
        if any(night <= minute.start < night + timedelta(minutes=40) for night in nights)
        else minute
        for minute in series
    ]
    assert [detected.began.likeliest for detected in onsets(series)] == [nights[0]]


def test_a_route_that_is_slow_by_nature_and_busier_than_before_is_no_onset() -> None:
    fast = [bucket(minute, n=100, ms=10, name="GET /fast") for minute in range(120)]
    slow = [bucket(minute, n=3 if minute < 60 else 300, ms=2000, name="POST /slow") for minute in range(120)]
    together = [
        bucket(minute, n=103 if minute < 60 else 400, ms=10 if minute < 60 else 2000, name=None)
        for minute in range(120)
    ]
    buckets = sorted([*fast, *slow, *together], key=lambda part: (part.start, part.name or ""))
    assert onset(together) is not None
    assert onset_of_requests(buckets) is None


# --- what did change -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"failed": 20}, {"ms": 400.0}], ids=["errors", "latency"])
@pytest.mark.parametrize("width_s", [10, 60, 300])
def test_a_change_is_found_in_the_bucket_in_which_it_begins_and_in_which_it_ends(
    change: dict[str, float], width_s: int
) -> None:
    width = timedelta(seconds=width_s)
    series = [bucket(place, **(change if 60 <= place < 80 else {}), width=width) for place in range(120)]  # type: ignore[arg-type]
    detected = onset(series)
    assert detected is not None
    assert detected.began.likeliest == START + 60 * width
    assert detected.began.earliest == START + 59 * width
    assert detected.began.latest == START + 61 * width
    assert detected.recovered is not None
    assert detected.recovered.likeliest == START + 80 * width
    assert detected.recovered.earliest <= detected.recovered.likeliest <= detected.recovered.latest


def test_it_begins_when_the_first_measure_changes() -> None:
    """Slow first, then errors: the incident is as old as its slowness."""
    series = [
        bucket(minute, ms=3000 if minute >= 60 else 100, failed=50 if minute >= 65 else 0) for minute in range(120)
    ]
    detected = onset(series)
    assert detected is not None
    assert detected.began.likeliest == START + timedelta(minutes=60)
    assert {change.measure for change in onsets(series)} == {"errors", "p50", "p95"}


def test_bad_to_the_end_of_the_series_has_not_recovered() -> None:
    detected = onset([bucket(minute, failed=20 if minute >= 60 else 0) for minute in range(120)])
    assert detected is not None
    assert detected.recovered is None


def test_a_new_level_is_one_onset_and_not_one_an_hour() -> None:
    assert len(onsets([bucket(minute, failed=20 if minute >= 60 else 0, ms=100) for minute in range(2 * 1440)])) == 1


def test_of_two_incidents_the_one_that_hit_more_is_the_onset() -> None:
    series = [
        bucket(minute, n=100, failed=10 if 60 <= minute < 70 else 60 if 200 <= minute < 230 else 0)
        for minute in range(300)
    ]
    assert [detected.began.likeliest for detected in onsets(series)] == [
        START + timedelta(minutes=60),
        START + timedelta(minutes=200),
    ]
    detected = onset(series)
    assert detected is not None
    assert detected.began.likeliest == START + timedelta(minutes=200)


def test_minutes_without_requests_do_not_hide_it() -> None:
    series = [bucket(minute, n=4, failed=4 if minute >= 200 else 0) for minute in range(0, 300, 7)]
    detected = onset(series)
    assert detected is not None
    assert detected.began.earliest <= START + timedelta(minutes=200) <= detected.began.latest


def test_a_fault_spread_thinly_over_many_routes_shows_over_all_requests() -> None:
    names = [f"GET /{number}" for number in range(40)]
    routes = [
        bucket(minute, n=2, failed=int(minute >= 60 and (minute + number) % 10 == 0), name=name)
        for minute in range(120)
        for number, name in enumerate(names)
    ]
    together = [bucket(minute, n=80, failed=4 if minute >= 60 else 0, name=None) for minute in range(120)]
    detected = onset_of_requests([*routes, *together])
    assert detected is not None
    assert (detected.name, detected.measure) == (None, "errors")
    assert detected.began.likeliest == START + timedelta(minutes=60)


# --- to the request --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["slow dependency", "one route fails", "saturated process", "ramp of ten minutes"])
def test_the_first_affected_request_is_found_within_a_minute_or_two(tmp_path: Path, name: str) -> None:
    fault = next(replace(known_fault, at_s=3725.5) for known_fault in FAULTS if known_fault.name == name)
    made = traffic(3, 2, Shape("test"), fault, hosts=2)
    with logs.read(
        [Source("log", made.write(tmp_path / "made.log"), "made.log")], dependencies=runbook.load().dependencies
    ) as records:
        detected = onset_of(records)
    assert detected is not None
    assert abs(detected.began.likeliest - made.began()) <= timedelta(seconds=90 if fault.ramp_s else 20)
    assert detected.recovered is not None
    assert abs(detected.recovered.likeliest - made.ended()) <= timedelta(seconds=20)


def test_an_onset_that_single_requests_do_not_show_stays_as_it_was(incident: Records) -> None:
    detected = onset_of(incident)
    assert detected is not None
    elsewhere = replace(detected, routes=("GET /api/catalog/products",))
    assert refined(incident, elsewhere) == elsewhere


def test_the_same_evidence_gives_the_same_onset() -> None:
    seen = []
    for _ in range(2):
        with recorded() as records:
            seen.append(repr(onset_of(records)))
    assert seen[0] == seen[1]


# --- whatever the series ---------------------------------------------------------------------------------------------

COUNTS = st.tuples(st.integers(0, 300), st.floats(0, 1), st.floats(1, 20_000))


def series_of(rows: Sequence[tuple[int, float, float]], first: int = 0) -> list[Bucket]:
    return [
        bucket(first + place, n=n, failed=math.floor(n * share), ms=ms)
        for place, (n, share, ms) in enumerate(rows)
        if n
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(COUNTS, max_size=60))
def test_an_onset_has_a_before_and_lies_in_its_interval(rows: list[tuple[int, float, float]]) -> None:
    series = series_of(rows)
    for detected in onsets(series):
        assert detected.began.earliest <= detected.began.likeliest < detected.began.latest
        assert detected.normal.since < detected.normal.until <= detected.began.likeliest
        assert sum(minute.start < detected.began.likeliest for minute in series) >= 4
        assert detected.level_after > detected.level_before
        assert (
            detected.recovered is None
            or detected.began.likeliest
            < detected.recovered.earliest + MINUTE
            <= detected.recovered.likeliest
            <= detected.recovered.latest
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(COUNTS, max_size=60), st.integers(-10_000, 10_000))
def test_the_clock_on_the_wall_does_not_matter(rows: list[tuple[int, float, float]], minutes: int) -> None:
    shift = timedelta(minutes=minutes)
    assert [change.began.likeliest + shift for change in onsets(series_of(rows))] == [
        change.began.likeliest for change in onsets(series_of(rows, minutes))
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.floats(0, 0.3), st.floats(1, 5_000), st.integers(2, 200))
def test_what_never_changes_has_no_onset(n: int, share: float, ms: float, count: int) -> None:
    assert onsets(series_of([(n, share, ms)] * count)) == []
