"""Charts as inline SVG, each with its description in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from incident_kit.logs.rates import Bucket
from incident_kit.model.finding import Event
from incident_kit.model.times import Window
from incident_kit.timeline.impact import Impact
from incident_kit.view.markup import Html, already_html, render

if TYPE_CHECKING:
    from incident_kit.view.charts import Chart


def chart(minutes: Sequence[Bucket], events: Sequence[Event], impact: Impact, window: Window) -> Html:
    """The timeline chart: rate, failures, durations and events on one time axis, onset and recovery in each."""
    from incident_kit.view import charts  # matplotlib takes a third of a second to import; only a chart needs it

    overall = [bucket for bucket in minutes if bucket.name is None]
    if not overall:
        lanes = _figure(charts.lanes(events, window), "accounting") if events else ""
        return render("no_chart", lanes=lanes)
    return _figure(charts.timeline(overall, events, window, impact.onset), "requests_by_bucket")


def small_multiples(buckets: Sequence[Bucket], impact: Impact, window: Window, query: str) -> Html:
    """Each route or outside system in a small chart of its own, the most changed first."""
    from incident_kit.view import charts

    return _figure(charts.small_multiples(buckets, window, impact.onset), query) if buckets else Html("")


def drawings(shown: str) -> list[str]:
    """The charts in a piece of HTML as files of their own, for programs that know no CSS variables."""
    return [
        re.sub(r"var\(--[^#]*(#\w{6})\)+", r"\1", drawing)
        for drawing in re.findall(r"<svg\b.*?</svg>", shown, re.DOTALL)
    ]


def _figure(chart: Chart, query: str) -> Html:
    return render("figure", drawing=already_html(chart._repr_html_()), words=chart.words, query=query)
