"""Bursts of records and holes between them, wherever they begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from incident_kit.analysis.bursts import Burst, Occurrence, beyond_chance, dense
from incident_kit.analysis.holes import holes
from incident_kit.model.times import Window

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(*seconds: float) -> list[Occurrence]:
    return [Occurrence(moment, moment, 1) for moment in (START + timedelta(seconds=second) for second in seconds)]


@pytest.mark.parametrize("begins", [0, 7, 29.5, 58, 59.9])
def test_five_within_a_minute_are_a_burst_wherever_the_minute_begins(begins: float) -> None:
    (burst,) = dense(at(*(begins + step for step in (0, 5, 20, 40, 59))), 5, MINUTE)
    assert burst == Burst(START + timedelta(seconds=begins), START + timedelta(seconds=begins + 59), 5)


def test_no_record_of_a_burst_is_left_out() -> None:
    (burst,) = dense(at(*range(0, 90, 3)), 5, MINUTE)
    assert burst.n == 30


def test_single_ones_are_none() -> None:
    assert dense(at(0, 300, 700, 1100), 3, MINUTE) == []
    assert dense([], 3, MINUTE) == []


def test_few_beside_many_requests_are_chance_and_the_same_few_beside_few_are_not() -> None:
    occurrences = at(0, 1, 2, 3, 4)
    bursts = dense(occurrences, 5, MINUTE)
    assert beyond_chance(bursts, occurrences, lambda since, until: 300, 0.01) == []
    assert beyond_chance(bursts, occurrences, lambda since, until: 8, 0.01) == bursts
    assert beyond_chance(bursts, occurrences, lambda since, until: 0, 0.01) == bursts


def test_where_failures_come_in_threes_two_of_them_are_no_burst() -> None:
    threes = at(*(base + step for base in (0, 30, 900, 1900, 2900) for step in (0, 0.5, 1)))
    bursts = dense(threes, 5, MINUTE)
    assert bursts
    assert beyond_chance(bursts, threes, lambda since, until: 6, 0.01) == []


def test_a_silence_is_a_hole_only_where_something_was_due() -> None:
    step, until = timedelta(seconds=5), START + timedelta(hours=1)
    window = Window(START, until)
    busy = {place: 5 for place in range(720) if not 300 <= place < 400}
    (hole,) = holes(busy, START, step, window)
    assert hole.window == Window(START + 300 * step, START + 400 * step)
    assert hole.expected == pytest.approx(500, rel=0.05)
    rare = {place: 1 for place in range(0, 720, 60) if place != 300}
    assert holes(rare, START, step, window) == []
    assert holes({}, START, step, window) == []


def test_the_edges_of_a_window_are_holes_too() -> None:
    step = timedelta(seconds=5)
    window = Window(START - timedelta(minutes=10), START + timedelta(minutes=40))
    first, last = holes(dict.fromkeys(range(360), 4), START, step, window)
    assert (first.window.since, first.window.until) == (window.since, START)
    assert last.window.until == window.until
