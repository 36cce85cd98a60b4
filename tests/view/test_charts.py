"""The charts: figures for any notebook, as readable with three points as with twenty thousand."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from matplotlib.figure import Figure

from incident_kit.analysis.onset import Moment, Onset
from incident_kit.logs.rates import Bucket
from incident_kit.model.finding import Event, Line
from incident_kit.model.times import Window
from incident_kit.view import charts

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def buckets(count: int, name: str | None = None) -> list[Bucket]:
    """A bucket a minute; in the middle fifth requests are slow and fail."""
    luck, found = random.Random(count), []
    for number in range(count):
        ill = 2 * count / 5 <= number < 3 * count / 5
        n, p50 = luck.randrange(80, 120), luck.randrange(40_000, 60_000) * (20 if ill else 1)
        found.append(
            Bucket(START + number * MINUTE, name, n, 20 if ill else 0, 0, 3, n * p50 * 2, n, p50, p50 * 4, p50 * 9)
        )
    return found


def window(count: int) -> Window:
    return Window(START, START + max(count, 1) * MINUTE)


def onset(count: int) -> Onset:
    began, ended = (START + part * max(count, 1) * MINUTE for part in (0.4, 0.6))
    moments = [Moment(at, at - MINUTE / 2, at + MINUTE / 2) for at in (began, ended)]
    return Onset(None, "p50", moments[0], moments[1], 50.0, 1000.0, Window(START, began), 100.0, 10)


def events(count: int) -> list[Event]:
    return [
        Event(
            START + number * MINUTE,
            "logged",
            f"event {number}",
            ("symptoms", "errors")[number % 2],
            Line("0123456789", number + 1),
        )
        for number in range(count)
    ]


def all_charts(count: int) -> dict[str, Callable[[], charts.Chart]]:
    one, some = (
        buckets(count),
        [
            *buckets(count, "GET /api/orders"),
            *buckets(count, "POST /api/a-very-long-name/of/a-route/that-does-not-fit"),
        ],
    )
    return {
        "timeline": partial(charts.timeline, one, events(count), window(count), onset(count)),
        "rates": partial(charts.rates, one, window(count), onset(count)),
        "percentiles": partial(charts.percentiles, one, window(count)),
        "small_multiples": partial(charts.small_multiples, some, window(count), onset(count)),
        "lanes": partial(charts.lanes, events(count), window(count)),
    }


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("}text")]


@pytest.mark.parametrize("name", all_charts(0))
@pytest.mark.parametrize("count", [0, 1, 3, 600, 20_000])
def test_each_chart_is_a_figure_that_shows_itself(name: str, count: int) -> None:
    chart = all_charts(count)[name]()
    assert isinstance(chart, Figure)
    svg = chart._repr_html_()
    drawing = ET.fromstring(svg)
    assert drawing.get("role") == "img"
    assert len(drawing.get("aria-label") or "") > 8
    assert drawing.get("aria-label") == chart.words
    assert len(svg) < 400_000


@pytest.mark.parametrize("name", all_charts(0))
def test_the_same_chart_has_the_same_bytes(name: str) -> None:
    make = all_charts(60)[name]
    assert make()._repr_html_() == make()._repr_html_()


@pytest.mark.parametrize("count", [3, 600, 20_000])
def test_axes_say_their_units_and_the_time_its_zone(count: int) -> None:
    said = texts(charts.timeline(buckets(count), events(count), window(count))._repr_html_())
    assert {"failed, %", "duration, s"} <= set(said)
    assert any(text.startswith("per ") for text in said)
    assert any(text.startswith("time in UTC, 2026-03-01") for text in said)


@pytest.mark.parametrize(
    ("count", "first", "last"), [(3, "09:00:00", "09:03:00"), (600, "09:00", "19:00"), (20_000, "02 Mar", "14 Mar")]
)
def test_ticks_are_round_and_few(count: int, first: str, last: str) -> None:
    said = texts(charts.percentiles(buckets(count), window(count))._repr_html_())
    times = [text for text in said if ":" in text or text.endswith(" Mar")]
    assert (times[0], times[-1]) == (first, last)
    assert 3 < len(times) <= 13


def test_a_bad_minute_among_thousands_is_still_to_be_seen() -> None:
    usual = [bucket for bucket in buckets(20_000) if bucket.failed == 0]
    slow = Bucket(usual[5000].start, None, 100, 0, 0, 0, 100, 100, 50_000, 9_000_000, 9_000_000)
    drawn, width = charts._columns([*usual[:5000], slow, *usual[5001:]])
    assert len(drawn) <= charts.MOST_COLUMNS
    assert width > MINUTE
    assert max(bucket.p95_us or 0 for bucket in drawn) == 9_000_000
    assert sum(bucket.n for bucket in drawn) == sum(bucket.n for bucket in usual) - usual[5000].n + 100


def test_colours_can_follow_the_page_and_have_a_fallback() -> None:
    svg = charts.timeline(buckets(30), events(3), window(30), onset(30))._repr_html_()
    for variable in ("--ink", "--requests", "--bad", "--slow", "--soft", "--lasting"):
        assert f"var({variable}, " in svg


def test_what_a_person_adds_in_a_notebook_may_be_at_a_time() -> None:
    chart = charts.percentiles(buckets(30), window(30))
    chart.axes[0].axvline(START + 10 * MINUTE)  # type: ignore[arg-type]  # matplotlib takes times, which its annotations do not say
    low, high = chart.axes[0].get_xlim()
    assert low < chart.axes[0].lines[-1].get_xdata()[0].timestamp() / 86400 < high  # type: ignore[index]


def test_a_chart_by_seconds_says_so_and_shows_the_events_of_its_window_only() -> None:
    near = [replace(bucket, start=START + number * timedelta(seconds=10)) for number, bucket in enumerate(buckets(12))]
    outside = Event(START - MINUTE, "logged", "before", "process", Line("0123456789", 1))
    svg = charts.timeline(near, [outside, *events(2)], window(2))._repr_html_()
    label = ET.fromstring(svg).get("aria-label") or ""
    assert label.startswith("Requests by 10 seconds from 09:00:00 to 09:02:00 UTC: at most ")
    assert " in 10 seconds at 09:0" in label
    assert "process" not in texts(svg)
