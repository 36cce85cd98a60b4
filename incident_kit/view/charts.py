"""The charts, in one style: each is a matplotlib figure, for any notebook, that shows itself as SVG.

The same thing has the same colour everywhere, and never colour alone: lines differ in dashes, bars in hatches,
marks in shape. Colours are those of Paul Tol, which colour-blind people can tell apart
(https://sronpersonalpages.nl/~pault/). In the SVG they are CSS variables with these as fallbacks, so that a page can
show the same chart light and dark.

Figures are made without pyplot and with ticks of our own, which together would cost a report half a second.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from incident_kit.analysis.onset import Onset
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.model.finding import Event
from incident_kit.model.redaction import REDACTION
from incident_kit.model.times import Window
from incident_kit.model.visible import visible
from incident_kit.timeline.merge import lanes as lanes_of
from incident_kit.view import words
from incident_kit.view.markup import render

INK, REQUESTS, BAD, SLOW, MARK, LASTING = "#1b1f24", "#4477aa", "#cc3311", "#997700", "#5b6470", "#efe6d2"
VARIABLES = {
    INK: "--ink, var(--jp-content-font-color1, {})",
    REQUESTS: "--requests, {}",
    BAD: "--bad, {}",
    SLOW: "--slow, {}",
    MARK: "--soft, {}",
    LASTING: "--lasting, {}",
}
STYLE: Any = {  # matplotlib types it as a dict of six hundred literal names
    "svg.hashsalt": "incident_kit",  # without it the ids in the SVG differ from run to run
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MARK,
    "xtick.color": MARK,
    "ytick.color": MARK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": MARK,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
}
WIDTH_IN = 10
# More buckets than this are drawn together: nobody sees more columns than that.
MOST_COLUMNS = 400
MARKERS_UP_TO = 60
STEPS = [
    timedelta(seconds=seconds)
    for seconds in (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 172800, 604800)
]
MOST_TICKS = 10
# Onset and recovery closer than this share of the window: their labels would overlap.
LABEL_SHARE = 0.14
DAY = timedelta(days=1)
# Small multiples: panels in a row and in all, and the durations that their common logarithmic scale spans.
IN_A_ROW, MOST_PANELS = 4, 12
LONGEST_NAME = 34


class Chart(Figure):
    """A figure that shows itself in a notebook as SVG; `words` say what is to be seen."""

    words: str = ""

    def _repr_html_(self) -> str:
        return as_svg(self)


@matplotlib.rc_context(STYLE)
def timeline(buckets: Sequence[Bucket], events: Sequence[Event], window: Window, onset: Onset | None = None) -> Chart:
    """Requests and failures, the failed share and the duration percentiles on one time axis, events in lanes.

    `buckets` are those over all requests (name None), evenly wide.
    """
    events = [event for event in events if window.since <= event.moment < window.until]
    shown = max(len(lanes_of(events)), 1)
    figure, axes = _figure([1.2, 0.8, 1.4, 0.22 * shown + 0.15], 6.4 + 0.2 * shown, window)
    columns, width = _columns(buckets)
    _requests(axes[0], columns, width)
    _share(axes[1], columns, width)
    _durations(axes[2], columns, width)
    _lanes(axes[3], events, window)
    _course(axes, onset, window)
    figure.words = describe(buckets, window, onset)
    return figure


@matplotlib.rc_context(STYLE)
def rates(buckets: Sequence[Bucket], window: Window, onset: Onset | None = None) -> Chart:
    """Requests and failures, and the failed share."""
    figure, axes = _figure([1.2, 0.8], 4, window)
    columns, width = _columns(buckets)
    _requests(axes[0], columns, width)
    _share(axes[1], columns, width)
    _course(axes, onset, window)
    figure.words = describe(buckets, window, onset)
    return figure


@matplotlib.rc_context(STYLE)
def percentiles(buckets: Sequence[Bucket], window: Window, onset: Onset | None = None) -> Chart:
    """The average and the p50, p95 and p99 of durations."""
    figure, axes = _figure([1], 3, window)
    _durations(axes[0], *_columns(buckets))
    _course(axes, onset, window)
    figure.words = describe(buckets, window, onset)
    return figure


@matplotlib.rc_context(STYLE)
def lanes(events: Sequence[Event], window: Window, onset: Onset | None = None) -> Chart:
    """Events in lanes by what they are about."""
    shown = lanes_of(events)
    figure, axes = _figure([1], 0.7 + 0.3 * max(len(shown), 1), window)
    _lanes(axes[0], events, window)
    _course(axes, onset, window)
    figure.words = f"{len(events):,} events in the lanes {', '.join(shown)}." if shown else "No events."
    return figure


@matplotlib.rc_context(STYLE)
def small_multiples(buckets: Sequence[Bucket], window: Window, onset: Onset | None = None) -> Chart:
    """For each route or outside system: p95 of durations as a line, failed share as bars. The most changed first."""
    groups = {
        name: _columns(group, MOST_COLUMNS // IN_A_ROW)[0]
        for name, group in by_name(buckets).items()
        if name is not None
    }
    names = sorted(groups, key=lambda name: (-_worsening(groups[name], onset), name or ""))[:MOST_PANELS]
    rows = max(math.ceil(len(names) / IN_A_ROW), 1)
    figure = Chart(figsize=(WIDTH_IN, 0.3 + 1.15 * rows))
    FigureCanvasSVG(figure)
    # One pair of axes for all panels: a pair each would take a hundredth of a second each.
    axis = figure.add_axes((0.045, 0.16 / rows, 0.95, 1 - 0.18 / rows))
    axis.set_axis_off()
    axis.set_xlim(0, IN_A_ROW)
    axis.set_ylim(-rows, 0)
    _panels(axis, [(name or "", groups[name]) for name in names], window, onset)
    left = f"; {len(groups) - len(names)} more are not drawn" if len(groups) > len(names) else ""
    shaded = "; shaded: from onset to recovery" if onset else ""
    figure.words = (
        f"{len(names)} small charts from {window.since:%H:%M} to {window.until:%H:%M} UTC, "
        f"the most changed first{left}. "
        "Line: p95 of durations, on a logarithmic scale that all share; "
        f"bars: failed or aborted, the full height is all of them{shaded}."
    )
    return figure


def as_svg(figure: Figure, description: str = "") -> str:
    """The figure as inline SVG, the same bytes for the same figure, labelled with its words or `description`."""
    buffer = io.StringIO()
    label = getattr(figure, "words", "") or description
    # Two charts of one notebook may not share the names of their hatches.
    # What is drawn with those of a hidden chart is not to be seen. The browser has the glyphs that this font has not.
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": label}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(?s)Glyph .* missing from", UserWarning)
        figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="none")
    text = buffer.getvalue()
    body = text[text.index("<svg") :]
    for colour, variable in VARIABLES.items():
        body = body.replace(f": {colour}", f": var({variable.format(colour)})")
    return body.replace("<svg ", str(render("labelled_svg", label=label)), 1)


def describe(buckets: Sequence[Bucket], window: Window, onset: Onset | None = None) -> str:
    """The chart in words, for those who cannot see it."""
    if not buckets:
        return f"No finished requests from {window.since:%H:%M} to {window.until:%H:%M} UTC."
    busiest = max(buckets, key=lambda bucket: bucket.n)
    worst = max(buckets, key=lambda bucket: bucket.bad_share)
    slowest = max(buckets, key=lambda bucket: bucket.average_ms)
    shaded = ""
    if onset:
        end = f"the recovery at {words.clock(onset.recovered.likeliest)}" if onset.recovered else "the end"
        shaded = f" Shaded: from the onset at {words.clock(onset.began.likeliest)} to {end}."
    width = _width(buckets)
    unit, clock = words.unit(width), "%H:%M:%S" if width % timedelta(minutes=1) else "%H:%M"
    return (
        f"Requests by {unit} from {window.since:{clock}} to {window.until:{clock}} UTC: "
        f"at most {busiest.n:,} {'a minute' if unit == 'minute' else f'in {unit}'} at {busiest.start:{clock}}; "
        f"the largest share of failed or aborted requests {worst.bad_share:.1%} at {worst.start:{clock}}; "
        f"the longest average duration {words.took(slowest.average_ms)} at {slowest.start:{clock}}.{shaded}"
    )


def _figure(heights: Sequence[float], height_in: float, window: Window) -> tuple[Chart, list[Axes]]:
    """An empty chart of panels over one time axis, whose values are matplotlib's dates: days since 1970."""
    figure = Chart(figsize=(WIDTH_IN, height_in), facecolor="white")
    FigureCanvasSVG(figure)
    axes: list[Axes] = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0])
    # Fixed margins: matplotlib's own layout engines draw everything twice.
    figure.subplots_adjust(left=0.1, right=0.985, top=1 - 0.45 / height_in, bottom=0.48 / height_in, hspace=0.34)
    axes[-1].xaxis_date(UTC)  # who adds something in a notebook may give datetimes
    ticks, form = round_times(window)
    places = list(map(x_of, ticks))
    axes[-1].xaxis.set_major_locator(FixedLocator(places))
    axes[-1].xaxis.set_major_formatter(FixedFormatter([tick.strftime(form) for tick in ticks]))
    for axis in axes[:-1]:
        # Ticks without labels cost as much as those with; lines at the same places do not.
        axis.xaxis.set_visible(False)
        axis.vlines(places, 0, 1, transform=axis.get_xaxis_transform(), color=MARK, alpha=0.25, linewidth=0.6)
    axes[-1].set_xlim(x_of(window.since), x_of(window.until))
    day = f"{window.since:%Y-%m-%d}" + (
        f" to {window.until:%Y-%m-%d}" if window.since.date() != window.until.date() else ""
    )
    axes[-1].set_xlabel(f"time in UTC, {day}")
    return figure, axes


def round_times(window: Window, zone: tzinfo = UTC, most: int = MOST_TICKS) -> tuple[list[datetime], str]:
    """Times in the window that are round in a zone, `most` of them, and how to write them."""
    lasted = window.until - window.since
    step = next(
        (step for step in STEPS if lasted / step <= most),
        max(STEPS[-1], timedelta(days=math.ceil(lasted / DAY / most))),
    )
    step_s = step // timedelta(seconds=1)
    offset_s = (window.since.astimezone(zone).utcoffset() or timedelta(0)) // timedelta(seconds=1)
    first = math.ceil((window.since.timestamp() + offset_s) / step_s) * step_s - offset_s
    ticks = [
        datetime.fromtimestamp(second, zone)
        for second in range(first, math.floor(window.until.timestamp()) + 1, step_s)
    ]
    return ticks, "%H:%M:%S" if step < timedelta(
        minutes=1
    ) else "%H:%M" if lasted <= DAY else "%d %b %H:%M" if step < DAY else "%d %b"


def _width(buckets: Sequence[Bucket]) -> timedelta:
    return min((later.start - earlier.start for earlier, later in pairwise(buckets)), default=timedelta(minutes=1))


def _columns(buckets: Sequence[Bucket], most: int = MOST_COLUMNS) -> tuple[list[Bucket], timedelta]:
    """The buckets, neighbours put together where there are too many to draw, and how wide they are.

    Of percentiles put together the median one is drawn, and of p95 and p99 the highest.
    So what was bad for a minute stays to be seen.
    """
    width = _width(buckets)
    if len(buckets) <= most:
        return list(buckets), width
    needed = (buckets[-1].start - buckets[0].start + width) / most
    width = next((step for step in STEPS if step >= needed and not step % width), width * math.ceil(needed / width))
    groups: dict[int, list[Bucket]] = {}
    for bucket in buckets:
        groups.setdefault((bucket.start - buckets[0].start) // width, []).append(bucket)
    return [_together(buckets[0].start + number * width, group) for number, group in groups.items()], width


def _together(start: datetime, group: Sequence[Bucket]) -> Bucket:
    def values(name: str) -> list[int]:
        return [value for bucket in group if (value := getattr(bucket, name)) is not None]

    p50 = round(median(values("p50_us"))) if values("p50_us") else None
    return Bucket(
        start,
        group[0].name,
        sum(values("n")),
        sum(values("failed")),
        sum(values("aborted")),
        sum(values("refused")),
        sum(values("total_us")),
        sum(values("timed")),
        p50,
        max(values("p95_us"), default=None),
        max(values("p99_us"), default=None),
    )


def _requests(axis: Axes, buckets: Sequence[Bucket], width: timedelta) -> None:
    left, days = [x_of(bucket.start) for bucket in buckets], width / DAY
    tops = [bucket.n for bucket in buckets], [bucket.failed + bucket.aborted for bucket in buckets]
    edge: dict[str, Any] = {"linewidth": 0}
    axis.add_collection(
        PolyCollection(
            [_bar(x, days, top) for x, top in zip(left, tops[0], strict=True)],
            facecolor=REQUESTS,
            label="requests",
            **edge,
        )
    )
    bad = [_bar(x, days, top) for x, top in zip(left, tops[1], strict=True) if top]
    # White lines in the hatch: it is dark or bright on any paper.
    axis.add_collection(
        PolyCollection(
            bad, facecolor=BAD, edgecolor="white", hatch="////", linewidth=0, label="failed (5xx) or aborted"
        )
    )
    axis.set_ylim(0, max(max(tops[0], default=0) * 1.05, 1))
    axis.set_ylabel(f"per {words.unit(width)}")
    _legend(axis)


def _bar(left: float, width: float, top: float, bottom: float = 0.0) -> list[tuple[float, float]]:
    gap = width * 0.05
    return [
        (left + gap, bottom),
        (left + gap, bottom + top),
        (left + width - gap, bottom + top),
        (left + width - gap, bottom),
    ]


def _share(axis: Axes, buckets: Sequence[Bucket], width: timedelta) -> None:
    _line(axis, buckets, width, [bucket.bad_share * 100 if bucket.n else None for bucket in buckets], color=BAD)
    axis.set_ylabel("failed, %")
    axis.set_ylim(0, max(1, 105 * max((bucket.bad_share for bucket in buckets), default=0)))


def _durations(axis: Axes, buckets: Sequence[Bucket], width: timedelta) -> None:
    for quantile, dash in (("p99", ":"), ("p95", "--"), ("p50", "-")):
        values = [getattr(bucket, f"{quantile}_us") for bucket in buckets]
        _line(
            axis,
            buckets,
            width,
            [None if value is None else value / 1e6 for value in values],
            color=SLOW,
            linestyle=dash,
            label=quantile,
        )
    averages = [bucket.average_ms / 1000 if bucket.timed else None for bucket in buckets]
    _line(axis, buckets, width, averages, color=REQUESTS, linewidth=2, label="average")
    axis.set_ylabel("duration, s")
    axis.set_ylim(bottom=0)
    _legend(axis)


def _line(axis: Axes, buckets: Sequence[Bucket], width: timedelta, values: Sequence[float | None], **look: Any) -> None:
    marker = {"marker": "o", "markersize": 3} if len(buckets) <= MARKERS_UP_TO else {}
    middles = [x_of(bucket.start + width / 2) for bucket in buckets]
    axis.plot(
        middles, [math.nan if value is None else value for value in values], **{"linewidth": 1.5, **marker, **look}
    )


def _lanes(axis: Axes, events: Sequence[Event], window: Window) -> None:
    shown = lanes_of(events)
    for place, lane in enumerate(shown):
        times = sorted(
            {
                round(x_of(event.moment) * 86400 / _second(window)) * _second(window) / 86400
                for event in events
                if event.lane == lane
            }
        )
        axis.plot(times, [place] * len(times), "D", color=MARK, markersize=4.5, clip_on=False)
    axis.set_yticks(range(len(shown)), labels=list(shown))
    axis.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")


def _second(window: Window) -> float:
    """Events within so many seconds are one mark: more marks than that cannot be told apart."""
    return max((window.until - window.since).total_seconds() / (2 * MOST_COLUMNS), 0.001)


def _course(axes: Sequence[Axes], onset: Onset | None, window: Window) -> None:
    """Onset and recovery with their intervals, and what lies between them shaded."""
    if onset is None:
        return
    over = onset.recovered.likeliest if onset.recovered else window.until
    for axis in axes:
        axis.axvspan(x_of(onset.began.likeliest), x_of(over), color=LASTING, linewidth=0, zorder=0)
        for moment, dash in ((onset.began, "-"), (onset.recovered, "--")):
            if moment:
                axis.axvspan(
                    x_of(moment.earliest), x_of(moment.latest), facecolor=MARK, alpha=0.35, linewidth=0, zorder=0.5
                )
                axis.axvline(x_of(moment.likeliest), color=INK, linewidth=1, linestyle=dash)
    form = "%H:%M:%S" if window.until - window.since <= DAY else "%d %b %H:%M"
    close = (
        onset.recovered is not None
        and (onset.recovered.likeliest - onset.began.likeliest) / (window.until - window.since) < LABEL_SHARE
    )
    for moment, word, side in ((onset.began, "onset", "right"), (onset.recovered, "recovery", "left")):
        if moment:
            place: Any = (x_of(moment.likeliest), 1.02)
            axes[0].annotate(
                f"{word} {moment.likeliest.strftime(form)}",
                place,
                xycoords=("data", "axes fraction"),
                ha=side if close else "center",
                va="bottom",
                fontsize=8,
            )
    if legend := axes[0].get_legend():
        legend.set_bbox_to_anchor((-0.005, 1.13), transform=axes[0].transAxes)  # above these labels


def _panels(axis: Axes, groups: Sequence[tuple[str, Sequence[Bucket]]], window: Window, onset: Onset | None) -> None:
    """Draw each group in its place of a grid whose cells are one wide and one high."""
    slowest = max((bucket.p95_us or 0 for _, group in groups for bucket in group), default=0)
    low, high = (
        3.0,
        max(math.ceil(math.log10(max(slowest, 10_000))), 5),
    )  # logarithms of microseconds: from a millisecond
    lines, bars, shades, rules = [], [], [], []
    for number, (name, group) in enumerate(groups):
        left, bottom = number % IN_A_ROW + 0.02, -(number // IN_A_ROW) - 0.92
        across, up = 0.92, 0.66

        def x(time: datetime, left: float = left, across: float = across) -> float:
            return left + across * min(max((time - window.since) / (window.until - window.since), 0), 1)

        def y(value_us: float, bottom: float = bottom, up: float = up) -> float:
            return bottom + up * (max(math.log10(max(value_us, 1)), low) - low) / (high - low)

        step = min((later.start - earlier.start for earlier, later in pairwise(group)), default=timedelta(minutes=1))
        lines.append([(x(bucket.start + step / 2), y(bucket.p95_us)) for bucket in group if bucket.p95_us is not None])
        bars += [
            _bar(x(bucket.start), x(bucket.start + step) - x(bucket.start), up * bucket.bad_share, bottom)
            for bucket in group
            if bucket.bad_share
        ]
        rules += [[(left, y(10**power)), (left + across, y(10**power))] for power in range(int(low), high + 1)]
        if onset:
            since, until = x(onset.began.likeliest), x(onset.recovered.likeliest if onset.recovered else window.until)
            shades.append([(since, bottom), (since, bottom + up), (until, bottom + up), (until, bottom)])
        worst_us = max((bucket.p95_us or 0 for bucket in group), default=0)
        axis.text(left, bottom + up + 0.04, _shortened(name), fontsize=8, fontweight="bold", parse_math=False)
        axis.text(
            left + across,
            bottom + up - 0.02,
            f"to {words.took(worst_us / 1000)}",
            fontsize=7.5,
            ha="right",
            va="top",
            color=MARK,
        )
        if number % IN_A_ROW == 0:
            for power in range(int(low), high + 1, 2):
                axis.text(
                    left - 0.01,
                    y(10**power),
                    words.took(10**power / 1000).replace(".0", ""),
                    fontsize=7,
                    ha="right",
                    va="center",
                    color=MARK,
                )
    axis.add_collection(PolyCollection(shades, facecolor=LASTING, linewidth=0))
    axis.add_collection(LineCollection(rules, colors=MARK, linewidths=0.5, alpha=0.25))
    axis.add_collection(PolyCollection(bars, facecolor=BAD, edgecolor="white", hatch="////", linewidth=0))
    axis.add_collection(LineCollection(lines, colors=SLOW, linewidths=1.5))


def _worsening(group: Sequence[Bucket], onset: Onset | None) -> float:
    """By how much the average rose after the onset; without one, how many requests there were."""
    if onset is None:
        return sum(bucket.n for bucket in group)
    until = onset.recovered.likeliest if onset.recovered else group[-1].start + DAY
    during = [bucket for bucket in group if onset.began.earliest <= bucket.start < until]
    healthy = [bucket for bucket in group if bucket.start < onset.began.earliest]
    average = [
        sum(bucket.total_us for bucket in part) / max(sum(bucket.timed for bucket in part), 1)
        for part in (healthy, during)
    ]
    return average[1] - average[0]


def _shortened(name: str) -> str:
    name = visible(name)  # SVG is XML, which may hold no controls
    # What is cut off from a mark would look like a secret.
    return name if len(name) <= LONGEST_NAME else REDACTION.sentence(f"{name[: LONGEST_NAME - 12]}…{name[-11:]}")


def _legend(axis: Axes) -> None:
    axis.legend(
        loc="lower left",
        ncols=4,
        frameon=False,
        bbox_to_anchor=(-0.005, 0.97),
        borderaxespad=0,
        fontsize=8,
        handlelength=3.2,
        columnspacing=1.2,
    )


def x_of(time: datetime) -> float:
    """As matplotlib counts time: days since 1970."""
    return time.timestamp() / 86400
