"""Clocks of servers on the timeline.

Only where the order of events may depend on them, with what the difference is and how sure that is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_kit.evidence.store import Evidence
from incident_kit.live.ask import store
from incident_kit.model.answer import Answer, ServerClock, Status
from incident_kit.timeline.merge import clock_events

ASKED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def answered(evidence: Evidence, question: str, ahead: timedelta, resolution_ms: float = 0) -> None:
    clock = ServerClock.compared(ASKED + ahead, ASKED, 20, resolution_ms)
    store(evidence, Answer(question, "What time is it?", question.upper(), ASKED, 20, Status.OK, clock=clock))


@pytest.mark.parametrize(("ahead_s", "words"), [(90, "89.990 s ahead of"), (-90, "90.010 s behind")])
def test_a_clock_that_is_off_is_an_event_with_its_error_bound(tmp_path: Path, ahead_s: int, words: str) -> None:
    evidence = Evidence(tmp_path / "evidence")
    answered(evidence, "redis", timedelta(seconds=ahead_s))
    [event] = clock_events(evidence.clocks())
    [item] = evidence.answers()
    assert f"the clock of REDIS is {words} this machine's, give or take 0.010 s" in event.message
    assert event.moment == ASKED
    assert event.citation.to_json() == {"item": item.id, "pointer": "/clock"}


def test_a_difference_within_what_can_be_told_is_none(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path / "evidence")
    answered(evidence, "redis", timedelta(milliseconds=900))
    answered(evidence, "health", timedelta(seconds=0.9), resolution_ms=1000)  # an HTTP Date tells whole seconds
    assert len(evidence.clocks()) == 2
    assert clock_events(evidence.clocks()) == []
