"""Episodes of failing and slow requests: seen when they are there, and hardly ever by chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from incident_kit.analysis.episodes import Series, Step, failing, is_slow, slow_windows, step_width
from incident_kit.analysis.faults import fault, would_be_seen

START = datetime(2026, 11, 23, tzinfo=UTC)
LIMIT = 0.01


def series(
    seed: int, minutes: float, per_minute: float, share: float, clump: int = 1, fault: tuple[float, float, float] = ()
) -> Series:
    """Requests at random, of which a share fails, in clumps; `fault` are its first and last minute and its share."""
    random = np.random.default_rng(seed)
    asked = np.sort(random.uniform(0, minutes * 60, random.poisson(minutes * per_minute)))
    bad = np.zeros(len(asked), bool)
    heads = np.nonzero(random.random(len(asked)) < share / clump)[0]
    for place in range(clump):
        bad[np.minimum(heads + place, len(asked) - 1)] = True
    if fault:
        since, until, failing_share = fault
        inside = (asked >= since * 60) & (asked < until * 60)
        bad[inside] = random.random(inside.sum()) < failing_share
    width = step_width(timedelta(minutes=minutes))
    steps = ((asked - asked[0]) // width.total_seconds()).astype(int)
    n, n_bad = np.bincount(steps), np.bincount(steps, weights=bad).astype(int)
    return Series(None, START, width, tuple(Step(int(a), int(b), 0, 0) for a, b in zip(n, n_bad, strict=True)))


@pytest.mark.parametrize("per_minute", [6, 20, 60, 200])
@pytest.mark.parametrize("share", [0.001, 0.005])
@pytest.mark.parametrize("clump", [1, 3])
def test_background_errors_are_no_episode(per_minute: float, share: float, clump: int) -> None:
    hours = 12
    assert [failing(series(seed, hours * 60, per_minute, share, clump), LIMIT) for seed in range(4)] == [[]] * 4


@pytest.mark.parametrize(
    ("per_minute", "share", "minutes"), [(6, 1.0, 4), (60, 0.2, 5), (60, 0.05, 30), (30, 0.2, 5), (200, 0.03, 30)]
)
def test_a_fault_is_seen_with_its_bounds(per_minute: float, share: float, minutes: float) -> None:
    for seed in range(5):
        (episode,) = failing(series(seed, 120, per_minute, 0.002, fault=(60, 60 + minutes, share)), LIMIT)
        assert abs(episode.since - START - timedelta(minutes=60)) < timedelta(minutes=max(2.0, minutes / 3))
        assert episode.level == pytest.approx(share, abs=0.1)
        assert episode.over
        assert not episode.standing


def test_a_blip_of_half_a_minute_is_no_episode_but_shows_without_that_rule() -> None:
    blip = series(1, 60, 60, 0.001, fault=(30, 30.5, 1.0))
    assert failing(blip, LIMIT) == []
    assert failing(blip, LIMIT, without_worst=False)


def test_what_was_so_from_the_first_request_is_standing_and_what_goes_on_is_not_over() -> None:
    (standing,) = failing(series(1, 60, 30, 0.001, fault=(0, 20, 0.5)), LIMIT)
    assert standing.standing
    assert standing.over
    (going_on,) = failing(series(1, 60, 30, 0.001, fault=(40, 60, 0.5)), LIMIT)
    assert not going_on.standing
    assert not going_on.over


def minutes_of(*durations_ms: list[float]) -> list[dict[str, int]]:
    """Rows of `durations_by_minute`, one for each list of durations."""
    together = sorted((value for minute in durations_ms for value in minute), reverse=True)
    slowest = together[: -(-len(together) // 100)]
    rows = []
    for place, minute in enumerate(durations_ms):
        most = list(minute)
        for value in slowest:
            if value in most:
                most.remove(value)
        rows.append(
            {
                "minute": place,
                "n": len(minute),
                "total_us": round(sum(minute) * 1000),
                "n_of_most": len(most),
                "total_us_of_most": round(sum(most) * 1000),
            }
        )
    return rows


def test_a_mean_above_the_limit_counts_only_if_it_is_not_that_of_a_minute_or_of_a_few_requests() -> None:
    assert is_slow(minutes_of(*[[3000.0] * 20] * 5), 2000)
    assert not is_slow(minutes_of([30_000.0] * 20, *[[20.0] * 20] * 4), 2000)
    assert not is_slow(minutes_of([20.0] * 40 + [400_000.0], [20.0] * 40, [20.0] * 40), 2000)
    assert not is_slow(minutes_of([3000.0] * 4, [3000.0] * 3, [3000.0] * 2), 2000)


def test_windows_that_may_be_slow_begin_anywhere() -> None:
    steps = [Step(2, 0, 40_000, 2)] * 200 + [Step(2, 0, 8_000_000, 2)] * 40 + [Step(2, 0, 40_000, 2)] * 200
    slow = Series(None, START, timedelta(seconds=5), tuple(steps))
    (since, until), *_ = slow_windows(slow, 2000, 3)
    assert since < slow.time(240)
    assert until > slow.time(200)


@pytest.mark.parametrize("per_minute", [6, 12, 20, 30, 60])
@pytest.mark.parametrize(("share", "minutes"), [(0.2, 5), (0.05, 30)])
def test_what_is_ruled_out_was_hardly_ever_there(per_minute: float, share: float, minutes: float) -> None:
    faults = [fault("20% for 5m"), fault("5% for 30m")]
    false = 0
    for seed in range(40):
        faulty = series(seed, 120, per_minute, 0.002, fault=(60, 60 + minutes, share))
        false += not failing(faulty, LIMIT) and would_be_seen(faulty, LIMIT, faults) is not None
    assert false <= 2


def test_enough_requests_do_rule_out() -> None:
    faults = [fault("20% for 5m"), fault("5% for 30m")]
    assert would_be_seen(series(1, 120, 30, 0.001), LIMIT, faults) == faults[0]
    assert would_be_seen(series(1, 120, 6, 0.001), LIMIT, faults) is None
