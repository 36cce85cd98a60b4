"""What differs from the log's own past: refusals, one route or customer of many, traffic, and what creeps up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from incident_kit.analysis.changes import drifts, failures, refusals, traffic
from incident_kit.analysis.episodes import Series, Step
from incident_kit.analysis.holes import Hole
from incident_kit.model.times import Window

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WIDTH = timedelta(seconds=10)


def series(
    per_minute: float,
    minutes: int,
    name: str | None = None,
    share: float = 0.0,
    fault: tuple[int, int, float] | None = None,
    rate: tuple[int, int, float] | None = None,
    slower: float = 1.0,
    seed: int = 1,
) -> Series:
    """Requests at random: a share is bad; `fault` and `rate` are minutes with another share, or times as many."""
    random = np.random.default_rng(seed)
    steps = []
    for place in range(minutes * 6):
        minute = place / 6
        times = rate[2] if rate and rate[0] <= minute < rate[1] else 1.0
        bad_share = fault[2] if fault and fault[0] <= minute < fault[1] else share
        n = int(random.poisson(per_minute / 6 * times))
        mean_ms = 60 * (1 + (slower - 1) * minute / minutes)
        total_ms = float(sum(random.lognormal(np.log(mean_ms), 0.5, n)))
        steps.append(Step(n, int(random.binomial(n, bad_share)), round(total_ms * 1000), n))
    return Series(name, START, WIDTH, tuple(steps))


def window(minutes: int) -> Window:
    return Window(START, START + timedelta(minutes=minutes))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("per_minute", [6, 60, 200])
def test_ordinary_traffic_differs_from_nothing(per_minute: float, seed: int) -> None:
    ordinary = series(per_minute, 360, share=0.005, seed=seed)
    assert traffic(ordinary, (), window(360)) == []
    assert refusals([ordinary]) == []
    assert failures([ordinary]) == []
    assert drifts([ordinary]) == []


def test_refusals_after_a_deploy_are_a_change_of_the_route() -> None:
    (change,) = refusals([series(10, 120, share=0.01), series(5, 120, "GET /x", 0.01, fault=(70, 120, 1.0))])
    assert (change.kind, change.name, change.until) == ("refusals", "GET /x", None)
    assert abs(change.since - START - timedelta(minutes=70)) < timedelta(minutes=2)


def test_one_customer_of_whom_everything_fails_is_named_and_one_who_always_failed_is_no_change() -> None:
    (change,) = failures([series(1, 120, "203.0.113.18", fault=(60, 100, 1.0)), series(1, 120, "old", share=1.0)])
    assert change.name == "203.0.113.18"
    assert change.until is not None


@pytest.mark.parametrize(("times", "kind"), [(0.1, "traffic_fell"), (5.0, "traffic_rose")])
def test_traffic_that_falls_or_jumps_is_a_change(times: float, kind: str) -> None:
    (change,) = traffic(series(60, 120, rate=(70, 95, times)), (), window(120))
    assert change.kind == kind
    assert abs(change.since - START - timedelta(minutes=70)) <= timedelta(minutes=1)
    assert change.until is not None


def test_traffic_that_stops_is_said_once_and_what_was_due() -> None:
    gap = Window(START + timedelta(minutes=70), START + timedelta(minutes=95))
    (change,) = traffic(series(60, 120, rate=(70, 95, 0.0)), [Hole(gap, 1500.0)], window(120))
    assert (change.kind, change.since, change.until, change.n) == ("traffic_stopped", gap.since, gap.until, 0)
    assert change.before == pytest.approx(60)


def test_what_creeps_up_over_hours_is_a_drift_since_about_when_it_left_its_level() -> None:
    (change,) = drifts([series(20, 480, "GET /x", slower=8)])
    assert change.kind == "drift"
    assert change.after > 3 * change.before
    assert START < change.since < START + timedelta(hours=3)
    assert drifts([series(20, 60, "GET /x", slower=8)]) == []  # an hour shows no drift
