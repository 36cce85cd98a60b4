"""What the analysis makes is read back from JSON as it was; a field that is wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_kit.logs.accounting import Account
from incident_kit.model.answer import Answer, Fault, ServerClock, Status
from incident_kit.model.fields import Unusable, parse_json
from incident_kit.model.finding import (
    Absence,
    Citation,
    Event,
    Figure,
    Finding,
    Line,
    Pointer,
    Verdict,
    citation_from_json,
)
from tests.drawn import COUNTS, MOMENTS, TEXTS, WINDOWS

# As they are written: with four decimals, and whole numbers whole.
MEASURES = st.integers(-(10**9), 10**9) | st.integers(-(10**9), 10**9).map(lambda number: round(number / 7, 4))
DURATIONS_MS = st.integers(0, 10**9).map(lambda duration_us: duration_us / 1000)
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
LINES = st.builds(Line, TEXTS, COUNTS)
FIGURES = st.builds(
    Figure,
    st.lists(TEXTS, max_size=3).map(tuple),
    TEXTS,
    COUNTS,
    st.lists(LINES, max_size=3).map(tuple),
    st.dictionaries(TEXTS, PLAIN_JSON, max_size=3),
)
ABSENCES = st.builds(Absence, st.lists(TEXTS, max_size=3).map(tuple), WINDOWS, COUNTS, TEXTS)
CITATIONS: st.SearchStrategy[Citation] = LINES | st.builds(Pointer, TEXTS, TEXTS) | FIGURES | ABSENCES
SOME_TEXT = TEXTS.filter(bool)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """Findings as they may be: each verdict with what it needs."""
    verdict = draw(st.sampled_from(Verdict))
    citations = draw(st.lists(CITATIONS, max_size=3))
    if verdict is Verdict.CONFIRMED:
        citations.append(draw(CITATIONS))
    if verdict is Verdict.RULED_OUT:
        citations.append(draw(ABSENCES))
    needs_reason = verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_CHECKED)
    return Finding(
        symptom=draw(TEXTS),
        title=draw(TEXTS),
        verdict=verdict,
        statement=draw(TEXTS),
        citations=tuple(citations),
        reason=draw(SOME_TEXT if needs_reason else TEXTS),
        first_affected=draw(st.none() | MOMENTS),
        recovered=draw(st.none() | MOMENTS),
        measures=draw(st.dictionaries(TEXTS, MEASURES, max_size=3)),
    )


EVENTS = st.builds(Event, MOMENTS, TEXTS, TEXTS, TEXTS, CITATIONS)
ACCOUNTS = st.builds(
    Account,
    **dict.fromkeys(("item", "origin", "format", "wrapper", "undated_reason", "damage"), TEXTS),
    **dict.fromkeys(("bytes", "lines", "records", "continuations", "unparsed", "outside"), COUNTS),
    **dict.fromkeys(("undated", "repeated"), COUNTS),
    unfinished=st.booleans(),
    first=st.none() | MOMENTS,
    last=st.none() | MOMENTS,
    silences=st.lists(WINDOWS, max_size=5).map(tuple),
    zones=st.lists(TEXTS, max_size=3).map(tuple),
    hours_twice=st.lists(MOMENTS, max_size=3).map(tuple),
    cleaned=st.dictionaries(TEXTS, COUNTS, max_size=3),
    unparsed_examples=st.lists(st.tuples(COUNTS, TEXTS), max_size=3).map(tuple),
)
CLOCKS = st.builds(
    ServerClock, MOMENTS, st.integers(-(10**6), 10**6).map(lambda offset: offset / 8), DURATIONS_MS, DURATIONS_MS
)
ANSWERS = st.builds(
    Answer,
    question=TEXTS,
    asked=TEXTS,
    target=TEXTS,
    asked_at=MOMENTS,
    duration_ms=DURATIONS_MS,
    status=st.sampled_from(Status),
    reason=SOME_TEXT,
    data=st.dictionaries(TEXTS, PLAIN_JSON, max_size=3),
    clock=st.none() | CLOCKS,
    warnings=st.lists(TEXTS, max_size=3).map(tuple),
    fault=st.none() | st.sampled_from(Fault),
)


def stored(value: Any) -> Any:
    """A value as it comes back from a file."""
    return parse_json(json.dumps(value.to_json(), sort_keys=True, ensure_ascii=False, allow_nan=False).encode())


@given(CITATIONS)
def test_a_citation_is_read_back(citation: Citation) -> None:
    assert citation_from_json(stored(citation)) == citation


@given(findings())
def test_a_finding_is_read_back(finding: Finding) -> None:
    assert Finding.from_json(stored(finding)) == finding


@given(EVENTS)
def test_an_event_is_read_back(event: Event) -> None:
    assert Event.from_json(stored(event)) == event


@given(ACCOUNTS)
def test_an_account_is_read_back(account: Account) -> None:
    assert Account.from_json(stored(account)) == account


@given(ANSWERS)
def test_an_answer_is_read_back(answer: Answer) -> None:
    assert Answer.from_json(stored(answer)) == answer


FINDING = Finding(
    "slow", "Slow responses", Verdict.CONFIRMED, "5 s", (Figure(("i",), "q", 3, (Line("i", 7),)),), measures={"n": 3}
)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"verdict": "perhaps"}, "'verdict' must be one of confirmed"),
    ({"statement": 5}, "'statement' must be a text"),
    ({"first_affected": "yesterday"}, "'first_affected' must be a time"),
    ({"measures": {"n": "3"}}, "'measures.n' must be a number"),
    ({"citations": {}}, "'citations' must be a list"),
    ({"citations": []}, "a confirmed symptom needs a citation"),
    ({"citations": [{"item": "i"}]}, "'citations[0]' cannot be so"),
    ({"citations": [{"item": "i", "line": -1}]}, "'citations[0].line' must be a whole number"),
    ({"citations": [{"item": "i", "line": 1, "page": 2}]}, "'citations[0].page' is not known"),
    ({"confidence": 0.9}, "'confidence' is not known"),
]


@pytest.mark.parametrize(("change", "named"), WRONG, ids=[named for _, named in WRONG])
def test_a_field_that_is_wrong_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(Unusable) as error:
        Finding.from_json({**stored(FINDING), **change})
    assert named in str(error.value)


@pytest.mark.parametrize("name", list(FINDING.to_json()))
def test_a_field_that_is_missing_is_named(name: str) -> None:
    data = stored(FINDING)
    del data[name]
    with pytest.raises(Unusable, match=f"'{name}'"):
        Finding.from_json(data)
