"""The interval of a counted share: as published, within what a share can be, and narrower the more was counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_kit.analysis.proportion import wilson_interval


# 0 of 20 is an example of Newcombe, Statistics in Medicine 17 (1998) 857; as are 81 of 263, 15 of 148 and 1 of 29.
@pytest.mark.parametrize(
    ("part", "of", "interval"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_the_interval_is_that_of_published_examples(part: int, of: int, interval: tuple[float, float]) -> None:
    assert wilson_interval(part, of) == pytest.approx(interval, abs=0.00006)


@given(st.integers(1, 10**9).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_share_lies_within_its_interval_and_that_within_what_a_share_can_be(counted: tuple[int, int]) -> None:
    part, of = counted
    low, high = wilson_interval(part, of)
    assert 0 <= low <= part / of + 1e-12
    assert part / of - 1e-12 <= high <= 1


@given(st.integers(1, 10**6).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_ten_times_as_many_make_it_narrower(counted: tuple[int, int]) -> None:
    part, of = counted
    low, high = wilson_interval(part, of)
    surer_low, surer_high = wilson_interval(10 * part, 10 * of)
    assert surer_high - surer_low < high - low
