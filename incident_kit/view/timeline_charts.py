"""Two charts of an incident's timeline: one for a glance, one with lanes for systems, people, actions and the rest.

Below stands the people's time, above it UTC where that differs. What is shown is never told by colour alone: bars have
hatches and words, marks have shapes. Words that find no room are left out, and their marks stay, as strokes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from incident_kit.incident.levels import LevelFrom
from incident_kit.model.redaction import REDACTION
from incident_kit.model.times import Window
from incident_kit.model.visible import visible
from incident_kit.timeline.impact import Impact
from incident_kit.timeline.rows import JOURNAL, Lane, Row
from incident_kit.view import words
from incident_kit.view.charts import (
    BAD,
    DAY,
    INK,
    LASTING,
    MARK,
    MOST_TICKS,
    REQUESTS,
    SLOW,
    STYLE,
    WIDTH_IN,
    Chart,
    round_times,
    x_of,
)
from incident_kit.view.fitting import shortened, width_of
from incident_kit.view.timeline_text import folded

LEFT, RIGHT = 0.115, 0.985
POINTS = 72
FONT_POINTS, TICK_POINTS = 8.0, 9.0
# With a day before each time there is room for fewer.
MOST_DAYS = 7
# Of the font's size: how wide characters are in the widest font that a browser may take.
NARROW, CAPITAL, WIDEST, EAST_ASIAN = 0.66, 0.8, 1.0, 1.05
WIDE_LETTERS = "MWmw@%…—"
GAP_POINTS = 7.0
LINE_IN, MARGIN_IN, AXIS_IN = 0.19, 0.08, 0.5
LONGEST_LABEL = 48
MOST_LINES = 5
BEYOND = 0.06
# The shares of the width that a few words take, and a level.
ROOM_FOR_WORDS, ROOM_FOR_LEVEL = 0.2, 0.04
LEAST_SPAN = timedelta(minutes=10)
MARKERS = {
    Lane.SYMPTOMS: "D",
    Lane.SYSTEMS: "o",
    Lane.PEOPLE: "s",
    Lane.ACTIONS: "^",
    Lane.COMMUNICATION: ">",
    Lane.MILESTONES: "*",
    Lane.DEADLINES: "X",
}
COLOURS = {
    Lane.SYMPTOMS: BAD,
    Lane.SYSTEMS: MARK,
    Lane.PEOPLE: REQUESTS,
    Lane.ACTIONS: REQUESTS,
    Lane.COMMUNICATION: SLOW,
    Lane.MILESTONES: INK,
    Lane.DEADLINES: BAD,
}
LEVELS = {"P1": (BAD, "////"), "P2": (SLOW, "\\\\\\\\"), "P3": (REQUESTS, "...."), "P4": (MARK, "")}
# Where a lane has no room for all words, these come first.
FIRST = ("onset", "recovery")
# The end of something that has a row for its beginning too.
LAST = "last "
OPENED, CLOSED, REOPENED = "opened", "closed", "reopened"
# Kinds of entries that their lane tells.
SAID_BY_LANES = ("action", "note", "communicated", "observation")
IMPACT, SEVERITY, MILESTONES = "impact", "severity", "milestones"


@dataclass(frozen=True, slots=True)
class Label:
    """Words beside a mark: on which line of its lane, and on which side; empty where there was no room."""

    x: float
    words: str
    line: int
    on_the_left: bool = False


def window_of(rows: Sequence[Row]) -> Window | None:
    """The time in which the incident played: from its symptoms, or what people did first, to the last of either.

    Evidence is collected, and chats go on, long after it. None without rows.
    """
    own = [row for row in rows if row.lane not in (Lane.SYSTEMS, Lane.DEADLINES) and _is_own(row)]
    times = [row.moment for row in own or rows]
    if not times:
        return None
    first, last = min(times), max(times)
    room = max((last - first) * BEYOND, (LEAST_SPAN - (last - first)) / 2)
    return Window(first - room, last + room)


@matplotlib.rc_context(STYLE)
def glance(rows: Sequence[Row], levels: Sequence[LevelFrom], impact: Impact, window: Window, zone: tzinfo) -> Chart:
    """The incident at a glance: how long it lasted, how bad it was when, and its milestones."""
    marks = [(row.moment, _milestone(row)) for row in rows if row.lane is Lane.MILESTONES and _milestone(row)]
    shown = [mark for mark in marks if _within(mark[0], window)]
    labels = placed(shown, window)
    heights = [1, 1, _lines(labels)]
    figure, axis, bottoms = _figure([IMPACT, SEVERITY, MILESTONES], heights, window, zone)
    _draw_impact(axis, impact, window, bottoms[0])
    _draw_severities(axis, levels, _close(rows) or window.until, window, bottoms[1])
    _draw_marks(axis, labels, bottoms[2], MARKERS[Lane.MILESTONES], INK)
    figure.words = _glance_words(levels, impact, marks, zone)
    return figure


@matplotlib.rc_context(STYLE)
def lanes(rows: Sequence[Row], impact: Impact, window: Window, zone: tzinfo) -> Chart:
    """What systems, people and others did, each in a lane of its own."""
    inside = [row for row in folded(rows) if _within(row.moment, window)]
    outside = sum(not _within(row.moment, window) for row in rows)
    shown = [lane for lane in Lane if any(row.lane is lane for row in inside)]
    by_lane = {lane: placed(_marks_of(inside, lane), window) for lane in shown}
    heights = [_lines(by_lane[lane]) for lane in shown]
    figure, axis, bottoms = _figure([lane.value for lane in shown], heights, window, zone)
    onset = impact.onset
    if onset:
        until = onset.recovered.likeliest if onset.recovered else window.until
        axis.axvspan(x_of(onset.began.likeliest), x_of(until), color=LASTING, linewidth=0, zorder=0)
    for lane, bottom in zip(shown, bottoms, strict=True):
        _draw_marks(axis, by_lane[lane], bottom, MARKERS[lane], COLOURS[lane])
    without = sum(not label.words for labels in by_lane.values() for label in labels)
    counted = ", ".join(f"{lane.value} {len(by_lane[lane])}" for lane in shown)
    figure.words = (
        f"The timeline in lanes: {counted}."
        + (f" {without:,} are strokes without words, for lack of room." if without else "")
        + (f" {words.count(outside, 'row')} outside of this time." if outside else "")
    )
    return figure


def placed(marks: Sequence[tuple[datetime, str]], window: Window) -> list[Label]:
    """A label for each mark, so that no words lie on others or on a mark.

    Those that come first get their place first. Marks without words stand on the last line.
    """
    width = WIDTH_IN * (RIGHT - LEFT) * POINTS
    lines: list[list[tuple[float, float]]] = []
    labels = []
    for time, text in marks:
        x = (time - window.since) / (window.until - window.since) * width
        size = sum(map(_width, text)) * FONT_POINTS + GAP_POINTS
        on_the_left = x + size > width
        # The mark's own half stands out on the other side.
        span = (x - size, x + GAP_POINTS) if on_the_left else (x - GAP_POINTS, x + size)
        line = next(
            (
                number
                for number in range(MOST_LINES)
                if number >= len(lines) or not any(span[0] < end and start < span[1] for start, end in lines[number])
            ),
            None,
        )
        if line is None or span[0] < -GAP_POINTS:
            labels.append(Label(x_of(time), "", MOST_LINES))
            continue
        if line == len(lines):
            lines.append([])
        lines[line].append(span)
        labels.append(Label(x_of(time), text, line, on_the_left))
    last = len(lines)
    return [label if label.words else Label(label.x, "", last) for label in labels]


def _width(character: str) -> float:
    columns = width_of(character)
    if columns != 1:
        return columns / 2 * EAST_ASIAN
    return WIDEST if character in WIDE_LETTERS else CAPITAL if character.isupper() else NARROW


def _marks_of(rows: Sequence[Row], lane: Lane) -> list[tuple[datetime, str]]:
    of_lane = [row for row in rows if row.lane is lane]
    of_lane.sort(key=lambda row: (row.meaning not in FIRST, row.moment))
    return [(row.moment, _label(row)) for row in of_lane]


def _label(row: Row) -> str:
    """The row in a few words."""
    text = visible(row.meaning if row.meaning in FIRST else row.message)
    kind, _, rest = text.partition(": ")
    if row.lane is Lane.MILESTONES:
        text = _milestone(row) or text
    elif row.lane is Lane.DEADLINES:
        text = text.partition(" (")[0]  # without its rule
    elif kind in SAID_BY_LANES and rest:
        text = rest
    elif row.meaning.startswith(LAST):
        text = f"{LAST.strip()}: {text}"
    # What is cut off from a mark would look like a secret.
    return text if width_of(text) <= LONGEST_LABEL else REDACTION.sentence(shortened(text, LONGEST_LABEL))


def _milestone(row: Row) -> str:
    """A milestone's name, or what was opened and closed; empty for what the glance shows otherwise."""
    kind, _, rest = visible(row.message).partition(": ")
    if row.lane is Lane.MILESTONES and kind == "milestone":
        return shortened(rest.partition(":")[0], LONGEST_LABEL)
    return kind if row.lane is Lane.MILESTONES and kind in (OPENED, CLOSED, REOPENED) else ""


def _is_own(row: Row) -> bool:
    """Whether it is the incident's own: of its symptoms, or of its journal."""
    return row.lane is Lane.SYMPTOMS or getattr(row.citation, "item", "") == JOURNAL


def _within(moment: datetime, window: Window) -> bool:
    return window.since <= moment < window.until


def _lines(labels: Sequence[Label]) -> int:
    return max((label.line for label in labels), default=0) + 1


def _figure(
    names: Sequence[str], heights: Sequence[int], window: Window, zone: tzinfo
) -> tuple[Chart, Axes, list[float]]:
    """An empty chart with a band for each name, as many lines high; and where each band's first line is.

    The vertical unit is a line, counted downwards.
    """
    two_zones = any(moment.astimezone(zone).utcoffset() for moment in (window.since, window.until))
    margin = MARGIN_IN / LINE_IN
    total = sum(heights) + 2 * margin * len(heights)
    top_in = AXIS_IN if two_zones else 2 * MARGIN_IN
    height_in = total * LINE_IN + AXIS_IN + top_in
    figure = Chart(figsize=(WIDTH_IN, height_in), facecolor="white")
    FigureCanvasSVG(figure)
    axis: Axes = figure.add_axes((LEFT, AXIS_IN / height_in, RIGHT - LEFT, total * LINE_IN / height_in))
    axis.set_xlim(x_of(window.since), x_of(window.until))
    axis.set_ylim(total, 0)
    bottoms, edge, middles = [], 0.0, []
    for height in heights:
        bottoms.append(edge + margin + 0.5)
        middles.append(edge + margin + height / 2)
        edge += height + 2 * margin
        if edge < total - margin:
            axis.axhline(edge, color=MARK, alpha=0.4, linewidth=0.6)
    axis.set_yticks(middles, labels=list(names))
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    _time_axis(axis.xaxis, window, zone)
    axis.set_xlabel(_axis_words(window, zone))
    if two_zones:
        above: Any = axis.secondary_xaxis("top")
        _time_axis(above.xaxis, window, UTC)
        above.set_xlabel(_axis_words(window, UTC))
    return figure, axis, bottoms


def _time_axis(axis: Any, window: Window, zone: tzinfo) -> None:
    """Round times of a zone; one without room for its words within the chart has none."""
    ticks, form = round_times(window, zone, MOST_TICKS if window.until - window.since <= DAY else MOST_DAYS)
    labels = [tick.strftime(form) for tick in ticks]
    room = (1 - RIGHT) * WIDTH_IN * POINTS
    for number, tick in enumerate(ticks):
        beyond = (window.until - tick) / (window.until - window.since) * (RIGHT - LEFT) * WIDTH_IN * POINTS + room
        if sum(map(_width, labels[number])) * TICK_POINTS / 2 > beyond:
            labels[number] = ""
    axis.set_major_locator(FixedLocator([x_of(tick) for tick in ticks]))
    axis.set_major_formatter(FixedFormatter(labels))
    axis.set_minor_locator(NullLocator())


def _axis_words(window: Window, zone: tzinfo) -> str:
    first, last = (moment.astimezone(zone) for moment in (window.since, window.until))
    until = f" to {words.day(last)}" if last.date() != first.date() else ""
    names = "/".join(dict.fromkeys((f"{first:%Z}", f"{last:%Z}")))
    return f"time in {names}, {words.day(first)}{until}"


def _draw_marks(axis: Axes, labels: Sequence[Label], bottom: float, marker: str, colour: str) -> None:
    worded = [label for label in labels if label.words]
    strokes = [label for label in labels if not label.words]
    axis.plot(
        [label.x for label in worded],
        [bottom + label.line for label in worded],
        marker,
        color=colour,
        markersize=5.5,
        linestyle="none",
        clip_on=False,
    )
    axis.plot(
        [label.x for label in strokes],
        [bottom + label.line for label in strokes],
        "|",
        color=colour,
        markersize=7,
        linestyle="none",
        clip_on=False,
    )
    for label in worded:
        _write(axis, label.x, bottom + label.line, label.words, label.on_the_left)


def _write(axis: Axes, x: float, y: float, text: str, on_the_left: bool = False) -> None:
    axis.annotate(
        text,
        (x, y),
        xytext=(-GAP_POINTS if on_the_left else GAP_POINTS, 0),
        textcoords="offset points",
        ha="right" if on_the_left else "left",
        va="center_baseline",
        fontsize=FONT_POINTS,
        parse_math=False,
        annotation_clip=False,
    )


def _draw_impact(axis: Axes, impact: Impact, window: Window, middle: float) -> None:
    """From the onset to the recovery, with the intervals in which they lie."""
    onset = impact.onset
    if onset is None:
        _write(axis, x_of(window.since), middle, "no onset is known")
        return
    over = onset.recovered.likeliest if onset.recovered else window.until
    if onset.began.likeliest >= window.until or over <= window.since:
        _write(axis, x_of(window.since), middle, "outside of this time")
        return
    _bar(axis, onset.began.likeliest, over, window, middle, BAD, "")
    for moment in (onset.began, onset.recovered):
        if moment:
            axis.plot([x_of(moment.earliest), x_of(moment.latest)], [middle, middle], "-", color=INK, linewidth=1.5)
            axis.plot([x_of(moment.likeliest)], [middle], "|", color=INK, markersize=11, markeredgewidth=1.5)
    # Beside the intervals, which stand out at both ends.
    start, stop = max(onset.began.earliest, window.since), onset.recovered.latest if onset.recovered else over
    end = _beside(stop, window)
    since = f"since {onset.began.likeliest:%H:%M:%S} UTC"
    lasted = words.lasted(over - onset.began.likeliest) if onset.recovered else f"{since}, not over"
    if end or _beside(start, window, of_the_start=True):
        _write(axis, x_of(stop if end else start), middle, lasted, on_the_left=not end)
    else:
        _write_on(axis, start + (min(over, window.until) - start) / 2, middle, lasted)


def _draw_severities(axis: Axes, levels: Sequence[LevelFrom], end: datetime, window: Window, middle: float) -> None:
    """A bar for each severity, from when it held to the next one or the end."""
    if not levels:
        _write(axis, x_of(window.since), middle, "nobody has set it")
        return
    for number, change in enumerate(levels):
        until = min(levels[number + 1].since if number + 1 < len(levels) else end, window.until)
        since = max(change.since, window.since)
        if since >= until:
            continue
        colour, hatch = LEVELS[change.level]
        _bar(axis, since, until, window, middle, colour, hatch)
        share = (until - since) / (window.until - window.since)
        if share > ROOM_FOR_LEVEL:
            text = _level(change) if share > ROOM_FOR_WORDS else change.level
            _write_on(axis, since + (until - since) / 2, middle, text)


def _level(change: LevelFrom) -> str:
    return change.level if change.entry else f"{change.level} by the facts"


def _close(rows: Sequence[Row]) -> datetime | None:
    """When the incident was closed; None where it is open."""
    changes = [row for row in rows if _milestone(row) in (CLOSED, REOPENED)]
    return changes[-1].moment if changes and _milestone(changes[-1]) == CLOSED else None


def _bar(axis: Axes, since: datetime, until: datetime, window: Window, middle: float, colour: str, hatch: str) -> None:
    left, right = x_of(max(since, window.since)), x_of(min(until, window.until))
    # White lines in the hatch: it is dark or bright on any paper.
    axis.barh(middle, right - left, 0.7, left, color=colour, edgecolor="white", hatch=hatch, linewidth=0)


def _write_on(axis: Axes, time: datetime, middle: float, text: str) -> None:
    """Words in the middle of a bar."""
    axis.text(
        x_of(time),
        middle,
        text,
        ha="center",
        va="center_baseline",
        fontsize=FONT_POINTS,
        fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
    )


def _beside(moment: datetime, window: Window, of_the_start: bool = False) -> bool:
    """Whether there is room for a few words behind this time, or before it."""
    room = moment - window.since if of_the_start else window.until - moment
    return room / (window.until - window.since) > ROOM_FOR_WORDS


def _glance_words(
    levels: Sequence[LevelFrom], impact: Impact, marks: Sequence[tuple[datetime, str]], zone: tzinfo
) -> str:
    """The chart in words, for those who cannot see it."""
    onset = impact.onset
    course = "No onset is known."
    if onset:
        until = f"until {words.moment(onset.recovered.likeliest, zone)}" if onset.recovered else "and is not over"
        course = f"It lasted from {words.moment(onset.began.likeliest, zone)} {until}."
    severities = ", ".join(f"{_level(change)} from {words.moment(change.since, zone)}" for change in levels)
    milestones = ", ".join(f"{name} {words.moment(moment, zone)}" for moment, name in marks)
    return f"{course} Severity: {severities or 'not set'}. Milestones: {milestones or 'none'}."
