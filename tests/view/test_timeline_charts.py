"""The charts of the timeline: nothing lies on anything else, in any zone, with three rows or three hundred."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from datetime import UTC, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from incident_kit.analysis.onset import Moment, Onset
from incident_kit.incident.levels import LevelFrom, level_history
from incident_kit.model.finding import Line
from incident_kit.model.times import Window
from incident_kit.timeline.impact import Impact
from incident_kit.timeline.rows import OURS, Lane, Row
from incident_kit.view.charts import Chart
from incident_kit.view.timeline_charts import glance, lanes, placed, window_of
from tests.incident.played import Played, minute

# This font has no Japanese; a browser takes another.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing from:UserWarning")

TOKYO, KOLKATA = ZoneInfo("Asia/Tokyo"), ZoneInfo("Asia/Kolkata")
NO_IMPACT = Impact(None, None, None, None, (), None, None)
WORDS = ("restarted the BFF", "決済が失敗しています", "WWWWWW MMMMMM", "costs $5 to $9", "x", "_" * 60, "a\x1b[31mb")


def row(at_minute: float, lane: Lane, message: str, meaning: str = "noted", item: str = "journal") -> Row:
    moment = minute(at_minute)
    return Row(moment, moment, moment, None, meaning, message, lane, OURS, Line(item, 1))


def crowd(count: int, minutes: float = 90) -> list[Row]:
    luck = random.Random(count)
    return sorted(
        (
            row(luck.uniform(0, minutes), luck.choice(list(Lane)), f"{luck.choice(WORDS)} {number}")
            for number in range(count)
        ),
        key=lambda row: row.moment,
    )


def impact(over: bool = True) -> Impact:
    began, ended = (Moment(minute(at), minute(at - 1), minute(at + 2)) for at in (10, 50))
    onset = Onset(None, "errors", began, ended if over else None, 0.01, 0.9, Window(minute(0), minute(10)), 9.0, 100)
    return Impact(onset, None, None, None, (), None, minute(90))


def played() -> tuple[LevelFrom, ...]:
    incident = Played()
    incident.opened(5)
    incident.severity("P3", 8)
    incident.severity("P1", 20)
    incident.milestone("acknowledged", 12)
    return level_history(incident.state)


def boxes(chart: Chart) -> list[tuple[str, Bbox]]:
    """Where each text of the chart lies, drawn with the font's own widths."""
    renderer = FigureCanvasAgg(chart).get_renderer()
    chart.draw(renderer)
    texts = [text for text in chart.findobj(Text) if text.get_visible() and text.get_text()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


def overlapping(chart: Chart) -> list[tuple[str, str]]:
    return [
        (first, second)
        for (first, box), (second, other) in combinations(boxes(chart), 2)
        if min(box.x1, other.x1) - max(box.x0, other.x0) > 1 and min(box.y1, other.y1) - max(box.y0, other.y0) > 1
    ]


@pytest.mark.parametrize(
    ("count", "minutes"), [(1, 90), (3, 90), (30, 90), (300, 90), (30, 1), (30, 700), (30, 7_300), (30, 60_000)]
)
@pytest.mark.parametrize("zone", [UTC, TOKYO, KOLKATA], ids=str)
def test_no_words_of_a_chart_lie_on_others_or_outside_of_it(count: int, minutes: float, zone: ZoneInfo) -> None:
    rows = crowd(count, minutes)
    window = window_of(rows)
    assert window
    for chart in (lanes(rows, impact(), window, zone), glance(rows, played(), impact(), window, zone)):
        assert overlapping(chart) == []
        width = chart.get_figwidth() * chart.dpi
        assert [text for text, box in boxes(chart) if box.x0 < -1 or box.x1 > width + 1] == []


def test_every_row_has_its_mark_though_there_is_no_room_for_its_words() -> None:
    marks = [(minute(30), f"note {number}") for number in range(20)]
    labels = placed(marks, Window(minute(0), minute(60)))
    assert len(labels) == 20
    worded = [label.line for label in labels if label.words]
    assert worded == sorted(set(worded))
    assert {label.line for label in labels if not label.words} == {len(worded)}


def test_words_at_the_right_edge_stand_on_the_left_of_their_mark() -> None:
    (label,) = placed([(minute(59), "the last thing that was noted")], Window(minute(0), minute(60)))
    assert (label.on_the_left, label.line) == (True, 0)


def test_both_axes_tell_the_time_and_one_is_enough_where_people_live_by_utc() -> None:
    rows = crowd(3)
    window = Window(minute(0), minute(60))
    both = [text for text, _ in boxes(lanes(rows, NO_IMPACT, window, TOKYO))]
    assert {"time in JST, 2026-11-23", "time in UTC, 2026-11-23", "18:30", "09:30"} <= set(both)
    one_axis = [text for text, _ in boxes(lanes(rows, NO_IMPACT, window, UTC))]
    assert [text for text in one_axis if text.startswith("time in")] == ["time in UTC, 2026-11-23"]


def test_times_are_round_where_people_are_too() -> None:
    texts = {text for text, _ in boxes(lanes(crowd(3), NO_IMPACT, Window(minute(0), minute(60)), KOLKATA))}
    assert {"14:30", "15:00", "09:00", "09:30"} <= texts


def test_the_glance_shows_how_long_how_bad_and_the_milestones() -> None:
    rows = [
        row(5, Lane.MILESTONES, "opened: Top-ups fail"),
        row(12, Lane.MILESTONES, "milestone: acknowledged: by Ben"),
    ]
    chart = glance(rows, played(), impact(), Window(minute(0), minute(60)), TOKYO)
    texts = [text for text, _ in boxes(chart)]
    assert {"impact", "severity", "milestones", "40 min 0 s", "P3", "P1", "opened", "acknowledged"} <= set(texts)
    assert chart.words == (
        "It lasted from 18:10:00 JST (09:10:00 UTC) until 18:50:00 JST (09:50:00 UTC). "
        "Severity: P3 from 18:08:00 JST (09:08:00 UTC), P1 from 18:20:00 JST (09:20:00 UTC). "
        "Milestones: opened 18:05:00 JST (09:05:00 UTC), acknowledged 18:12:00 JST (09:12:00 UTC)."
    )


def test_what_is_not_known_is_said_and_not_drawn() -> None:
    chart = glance([row(5, Lane.PEOPLE, "note: x")], (), NO_IMPACT, Window(minute(0), minute(60)), UTC)
    assert {"no onset is known", "nobody has set it"} <= {text for text, _ in boxes(chart)}
    assert chart.words == "No onset is known. Severity: not set. Milestones: none."


def test_a_severity_that_nobody_set_is_the_facts_and_ends_with_the_incident() -> None:
    rows = [row(5, Lane.MILESTONES, "opened: x"), row(55, Lane.MILESTONES, "closed: stable")]
    chart = glance(rows, [LevelFrom("P2", minute(5))], NO_IMPACT, Window(minute(0), minute(60)), UTC)
    assert "P2 by the facts" in {text for text, _ in boxes(chart)}
    assert "Severity: P2 by the facts from 09:05:00 UTC." in chart.words
    (bar,) = chart.axes[0].containers
    assert bar.patches[0].get_width() == pytest.approx(50 / 60 / 24)


def test_an_impact_that_goes_on_says_so() -> None:
    chart = glance([], played(), impact(over=False), Window(minute(0), minute(60)), UTC)
    assert "since 09:10:00 UTC, not over" in {text for text, _ in boxes(chart)}
    assert "and is not over" in chart.words


@pytest.mark.parametrize(("since", "until"), [(0, 11), (40, 60), (15, 45), (0, 600), (9, 9.5), (0, 52), (12, 2000)])
def test_words_on_the_impact_stay_within_the_chart_however_it_is_cut(since: float, until: float) -> None:
    for course in (impact(), impact(over=False)):
        chart = glance([], played(), course, Window(minute(since), minute(until)), TOKYO)
        left, right = chart.axes[0].get_position().x0 * chart.bbox.width, chart.bbox.width
        shown = [box for text, box in boxes(chart) if " min " in text or "outside" in text or "not over" in text]
        assert len(shown) == 1
        assert left <= shown[0].x0
        assert shown[0].x1 <= right
        assert overlapping(chart) == []


def test_a_chart_is_xml_whatever_a_log_says_and_the_same_bytes_each_time() -> None:
    rows = [row(5, Lane.SYSTEMS, "a\x1b[31mb <script> & $x^2$", "logged", "0123456789")]
    drawings = [lanes(rows, impact(), Window(minute(0), minute(60)), TOKYO)._repr_html_() for _ in range(2)]
    assert drawings[0] == drawings[1]
    texts = [element.text for element in ET.fromstring(drawings[0]).iter("{http://www.w3.org/2000/svg}text")]
    assert "a\\x1b[31mb <script> & $x^2$" in texts


def test_the_window_is_the_incidents_own_time_and_not_that_of_collecting_or_of_a_long_chat() -> None:
    rows = [
        row(0, Lane.SYMPTOMS, "x", "onset", "0123456789"),
        row(40, Lane.ACTIONS, "action: x"),
        row(60 * 24 * 4, Lane.SYSTEMS, "redis.ping", "answered", "0123456789"),
        row(-60 * 24 * 9, Lane.PEOPLE, "a chat", "ts in chat.json", "abcdef0123"),
        row(60 * 24 * 5, Lane.DEADLINES, "review", "due"),
    ]
    window = window_of(rows)
    assert window
    assert (window.since, window.until) == (minute(0 - 2.4), minute(40 + 2.4))
    assert window_of([]) is None


def test_a_window_of_one_moment_is_ten_minutes() -> None:
    window = window_of([row(0, Lane.PEOPLE, "note: x")])
    assert window
    assert window.until - window.since == timedelta(minutes=10)


def test_rows_outside_of_the_window_are_counted() -> None:
    rows = [row(5, Lane.PEOPLE, "note: x"), row(500, Lane.PEOPLE, "note: y")]
    assert lanes(rows, NO_IMPACT, Window(minute(0), minute(60)), UTC).words == (
        "The timeline in lanes: people 1. 1 row outside of this time."
    )
