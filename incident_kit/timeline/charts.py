"""The charts: matplotlib figures in one style, and the inline SVG a page or a notebook shows of them.

The same thing has the same colour everywhere, and never colour alone: lines differ in dashes, bars in hatches.
Figures are made without pyplot, which would cost the report a third of a second.
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from datetime import UTC, timedelta
from itertools import pairwise
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure

from incident_kit.logs.rates import Bucket
from incident_kit.model.finding import Event
from incident_kit.model.times import Window
from incident_kit.timeline.merge import lanes

REQUESTS, BAD, SLOW, MARK = "#4477aa", "#cc3311", "#aa7700", "#666666"
Times = Any  # matplotlib plots datetimes and timedeltas, which its annotations do not say
STYLE: Any = {  # matplotlib types it as a dict of six hundred literal names
    "svg.hashsalt": "incident_kit",  # without it the ids in the SVG differ from run to run
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}


def incident_chart(buckets: Sequence[Bucket], events: Sequence[Event], window: Window) -> Figure:
    """Requests and faults a minute, the faulty share and the duration percentiles on one time axis, events in lanes.

    `buckets` are those over all requests (name None), evenly wide.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 7.2))
        FigureCanvasSVG(figure)
        shown = lanes(events)
        axes = figure.subplots(4, 1, sharex=True, height_ratios=[1.2, 1, 1.4, 0.25 * max(len(shown), 1) + 0.15])
        # Fixed margins: matplotlib's own layout engines draw everything twice.
        figure.subplots_adjust(left=0.1, right=0.99, top=0.96, bottom=0.08, hspace=0.32)
        width = min((later.start - earlier.start for earlier, later in pairwise(buckets)), default=timedelta(minutes=1))
        times: Times = [bucket.start + width / 2 for bucket in buckets]
        _requests(axes[0], buckets, times, width)
        _share(axes[1], buckets, times)
        _durations(axes[2], buckets, times)
        _lanes(axes[3], events, shown)
        for event in events:
            if event.lane == "symptoms":
                for axis in axes[:3]:
                    axis.axvline(event.at, color=MARK, linewidth=1, linestyle="--" if event.meaning == "first affected" else ":")
        axes[3].set_xlim(window.since, window.until)
        axes[3].xaxis.set_major_locator(AutoDateLocator(tz=UTC, maxticks=10))
        axes[3].xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))
        axes[3].set_xlabel(f"time in UTC, {window.since:%Y-%m-%d}")
        return figure


def _requests(axis: Axes, buckets: Sequence[Bucket], times: Times, width: timedelta) -> None:
    bars: Times = width * 0.9
    axis.bar(times, [bucket.n for bucket in buckets], width=bars, color=REQUESTS, label="requests")
    axis.bar(times, [bucket.failed + bucket.aborted for bucket in buckets], width=bars, color=BAD, hatch="///", label="failed (5xx) or aborted")
    axis.set_ylabel("per minute" if width == timedelta(minutes=1) else f"per {width}")
    axis.set_ylim(bottom=0)
    axis.legend(loc="upper left", ncols=2, frameon=False, bbox_to_anchor=(0, 1.22))


def _share(axis: Axes, buckets: Sequence[Bucket], times: Times) -> None:
    axis.plot(times, [bucket.bad_share * 100 for bucket in buckets], color=BAD, marker="o", markersize=3)
    axis.axhline(1, color=MARK, linewidth=0.8, linestyle="-.")
    axis.set_ylabel("failed, %")
    axis.set_ylim(bottom=0)


def _durations(axis: Axes, buckets: Sequence[Bucket], times: Times) -> None:
    for quantile, dash in (("p50", "-"), ("p95", "--"), ("p99", ":")):
        values = [getattr(bucket, f"{quantile}_us") for bucket in buckets]
        axis.plot(times, [value / 1e6 if value is not None else float("nan") for value in values], color=SLOW, linestyle=dash, label=quantile)
    axis.plot(times, [bucket.average_ms / 1000 for bucket in buckets], color=REQUESTS, linewidth=2, label="average")
    axis.axhline(2, color=MARK, linewidth=0.8, linestyle="-.")
    axis.set_ylabel("duration, s")
    axis.set_ylim(bottom=0)
    axis.legend(loc="upper left", ncols=4, frameon=False, bbox_to_anchor=(0, 1.2))


def _lanes(axis: Axes, events: Sequence[Event], shown: Sequence[str]) -> None:
    for place, lane in enumerate(shown):
        times: Times = [event.at for event in events if event.lane == lane]
        axis.plot(times, [place] * len(times), "d", color=MARK, markersize=5)
    axis.set_yticks(range(len(shown)), labels=list(shown))
    axis.set_ylim(len(shown) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")


def as_svg(figure: Figure, description: str) -> str:
    """The figure as inline SVG with a text alternative: the same bytes for the same figure."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    body = text[text.index("<svg") :]
    return body.replace("<svg ", f'<svg role="img" aria-label="{html.escape(description, quote=True)}" ', 1)


def describe(buckets: Sequence[Bucket], window: Window) -> str:
    """The chart in words, for those who cannot see it."""
    if not buckets:
        return f"No finished requests from {window.since:%H:%M} to {window.until:%H:%M} UTC."
    busiest = max(buckets, key=lambda bucket: bucket.n)
    worst = max(buckets, key=lambda bucket: bucket.bad_share)
    slowest = max(buckets, key=lambda bucket: bucket.average_ms)
    return (
        f"Requests by minute from {window.since:%H:%M} to {window.until:%H:%M} UTC: at most {busiest.n} a minute at {busiest.start:%H:%M}; "
        f"the largest share of failed or aborted requests {worst.bad_share:.1%} at {worst.start:%H:%M}; "
        f"the longest average duration {slowest.average_ms / 1000:.2f} s at {slowest.start:%H:%M}."
    )
