"""The impact of an incident is read back from its file as it was; a field that is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_kit.analysis.normal import Measure
from incident_kit.analysis.onset import Moment, Onset
from incident_kit.analysis.suspects import Kind, Role, Side, Sure, Suspect
from incident_kit.model.fields import Unusable, parse_json
from incident_kit.model.finding import Absence, Figure, Line
from incident_kit.model.times import Window
from incident_kit.timeline.impact import Affected, Impact, Suspicion
from tests.drawn import COUNTS, MOMENTS, TEXTS, WINDOWS

ITEMS = st.lists(TEXTS, max_size=3).map(tuple)
LEVELS = st.integers(0, 10**9).map(lambda number: round(number / 7, 4))
FIGURES = st.builds(Figure, ITEMS, TEXTS, COUNTS, st.lists(st.builds(Line, TEXTS, COUNTS), max_size=2).map(tuple))
INTERVALS = st.builds(Moment, MOMENTS, MOMENTS, MOMENTS)
SIDES = st.builds(Side, COUNTS, COUNTS, COUNTS, st.none() | LEVELS, LEVELS)
SUSPECTS = st.builds(
    Suspect,
    kind=st.sampled_from(get_args(Kind)),
    name=TEXTS,
    role=st.sampled_from(get_args(Role)),
    sure=st.sampled_from(get_args(Sure)),
    share_of_excess=LEVELS,
    side_before=SIDES,
    side_after=SIDES,
    why=TEXTS,
)
ONSETS = st.builds(
    Onset,
    name=st.none() | TEXTS,
    measure=st.sampled_from(get_args(Measure)),
    began=INTERVALS,
    recovered=st.none() | INTERVALS,
    level_before=LEVELS,
    level_after=LEVELS,
    normal=WINDOWS,
    strength=st.integers(0, 10**6).map(lambda number: number / 10),
    affected=COUNTS,
    routes=ITEMS,
)
IMPACTS = st.builds(
    Impact,
    onset=st.none() | ONSETS,
    began=st.none() | FIGURES,
    recovered=st.none() | FIGURES,
    affected=st.none() | st.builds(Affected, COUNTS, COUNTS, COUNTS, COUNTS, ITEMS),
    suspicions=st.lists(st.builds(Suspicion, SUSPECTS, FIGURES), max_size=2).map(tuple),
    absence=st.none() | st.builds(Absence, ITEMS, WINDOWS, COUNTS, TEXTS),
    last=st.none() | MOMENTS,
    by_limits=st.booleans(),
    too_short=st.booleans(),
)
HOUR = Window(datetime(2026, 11, 23, 6, tzinfo=UTC), datetime(2026, 11, 23, 7, tzinfo=UTC))
AT = Moment(HOUR.since, HOUR.since, HOUR.since)
ONSET = Onset(None, "errors", AT, None, 0.0, 0.5, HOUR, 12.0, 5)
SUSPICION = Suspicion(
    Suspect("route", "/a", "cause", "low", 0.5, Side(1, 0, 0, None, 1.0), Side(1, 1, 1, 2.0, 1.0), "why"),
    Figure((), "q", 1),
)
IMPACT = Impact(ONSET, Figure((), "q", 1), None, Affected(1, 2, 0, 0, ()), (SUSPICION,), None, HOUR.until)


def stored(impact: Impact) -> Any:
    """The impact as it comes back from a file."""
    return parse_json(json.dumps(impact.to_json(), sort_keys=True, ensure_ascii=False, allow_nan=False).encode())


@given(IMPACTS)
def test_an_impact_is_read_back(impact: Impact) -> None:
    assert Impact.from_json(stored(impact)) == impact


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data["onset"].update(measure="p99"), "'onset.measure' must be one of errors"),
        (lambda data: data["onset"]["began"].update(at=None), "'onset.began.at' must be a text"),
        (lambda data: data["suspects"][0].update(role="culprit"), "'suspects[0].role' must be one of cause"),
        (lambda data: data["suspects"][0]["after"].pop("n"), "'suspects[0].after.n'"),
        (lambda data: data["citations"].update(end=None), "'citations.end' is not known"),
        (lambda data: data.pop("last"), "'last' must be there"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: Callable[[Any], Any], named: str) -> None:
    data = stored(IMPACT)
    change(data)
    with pytest.raises(Unusable) as error:
        Impact.from_json(data)
    assert named in str(error.value)
