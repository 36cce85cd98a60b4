"""The severity of an incident is read back from its file as it was; a field that is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_kit.model.fields import Unusable, parse_json
from incident_kit.model.finding import Absence, Citation, Figure, Line, Pointer
from incident_kit.model.severity import Assessment, LevelSet, RuleMet, RuleUnknown, Severity
from incident_kit.model.times import Window

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEVELS = st.sampled_from(["P1", "P2", "P3", "P4"])
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them without a zone
CITATIONS: st.SearchStrategy[Citation] = st.builds(Line, TEXTS, st.integers(0, 10**9)) | st.builds(
    Pointer, TEXTS, TEXTS
)
RULES_MET = st.builds(
    RuleMet, TEXTS, LEVELS, TEXTS, st.lists(CITATIONS, max_size=2).map(tuple), st.none() | TIMES, st.booleans()
)
SEVERITIES = st.builds(
    Severity,
    st.builds(
        Assessment,
        st.lists(RULES_MET, max_size=3).map(tuple),
        st.lists(TEXTS, max_size=2).map(tuple),
        st.lists(TEXTS, max_size=2).map(tuple),
        st.lists(st.builds(RuleUnknown, TEXTS, LEVELS, TEXTS), max_size=2).map(tuple),
    ),
    st.lists(st.builds(LevelSet, LEVELS, TIMES, TEXTS, TEXTS, st.integers(1, 10**6)), max_size=2).map(tuple),
)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEVERITY = Severity(
    Assessment(
        (RuleMet("r", "P2", "why", (Figure(("i",), "failing_spans", 3),), NOON),),
        ("w",),
        ("b",),
        (RuleUnknown("u", "P1", "y"),),
    ),
    (LevelSet("P1", NOON, "ada", "worse than it looks", 4),),
)


def stored(severity: Severity) -> Any:
    """The severity as it comes back from a file."""
    return parse_json(json.dumps(severity.to_json(), sort_keys=True, ensure_ascii=False, allow_nan=False).encode())


@given(SEVERITIES)
def test_a_severity_is_read_back(severity: Severity) -> None:
    assert Severity.from_json(stored(severity)) == severity


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data.update(level="P3"), "the level that holds is P1; found P3"),
        (
            lambda data: data["by_facts"].update(level=None),
            "'by_facts' cannot be so: the level is that of the first rule",
        ),
        (lambda data: data["by_facts"]["met"][0].update(since="noon"), "'by_facts.met[0].since' must be a time"),
        (lambda data: data["by_facts"]["met"][0].update(rounded_up=1), "'by_facts.met[0].rounded_up' must be true or"),
        (lambda data: data["by_facts"]["unknown"][0].pop("why"), "'by_facts.unknown[0].why' must be a text"),
        (lambda data: data["by_people"][0].update(line=-1), "'by_people[0].line' must be a whole number"),
        (lambda data: data["by_people"][0].update(mood="bad"), "'by_people[0].mood' is not known"),
        (lambda data: data.pop("by_people"), "'by_people' must be a list"),
    ],
)
def test_a_field_that_is_wrong_is_named(change: Callable[[Any], Any], named: str) -> None:
    data = stored(SEVERITY)
    change(data)
    with pytest.raises(Unusable) as error:
        Severity.from_json(data)
    assert named in str(error.value)


def test_what_was_cited_is_kept_whatever_its_kind() -> None:
    absence = Absence(("i",), Window(NOON, NOON.replace(hour=13)), 4, "signs")
    severity = Severity(Assessment((RuleMet("r", "P1", "why", (absence,)),)))
    assert Severity.from_json(stored(severity)).by_facts.citations == (absence,)
