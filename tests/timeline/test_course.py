"""The course of an incident while it is young, while there is none, and where nothing tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from incident_kit import logs, runbook
from incident_kit.evidence.store import open_evidence
from incident_kit.logs.reading import Records
from incident_kit.model.finding import Finding
from incident_kit.model.source import Source
from incident_kit.model.times import Window
from incident_kit.timeline.impact import Course, course_events, course_of
from incident_kit.timeline.merge import merge

TRUTH = json.loads((Path(__file__).parents[1] / "recorded" / "freebit_slow" / "truth.json").read_text(encoding="utf-8"))
BEGAN, ENDED = datetime.fromisoformat(TRUTH["from"]), datetime.fromisoformat(TRUTH["to"])


@contextmanager
def recorded(until: datetime) -> Iterator[tuple[Records, Window, list[Finding]]]:
    """The recorded incident as it was known at some time."""
    stored, book = open_evidence("recorded"), runbook.load()
    window = replace(stored.window(), until=until)
    with logs.read(stored.sources(), window, dependencies=book.dependencies) as records:
        yield records, window, list(runbook.examine(book.scenario("high_error_rate"), runbook.Ground(records, window)))


def causes(course: Course) -> list[tuple[str, str]]:
    return [(each.suspect.kind, each.suspect.name) for each in course.suspicions if each.suspect.role == "cause"]


def test_two_minutes_into_an_incident_its_suspect_is_named_by_the_runbooks_limits() -> None:
    with recorded(BEGAN + timedelta(minutes=2.25)) as (records, window, findings):
        assert course_of(records, window).onset is None  # too young for an onset
        course = course_of(records, window, findings)
        assert course.by_limits
        assert course.onset is not None
        assert abs(course.onset.began.at - BEGAN) <= timedelta(minutes=1)
        assert course.onset.recovered is None
        assert causes(course) == [("dependency", TRUTH["suspect"])]
        assert course_events(course) == []  # the symptom's own event says it
        assert "onset" not in [event.lane for event in merge(course, findings, records)]


def test_an_incident_that_is_not_over_has_no_recovery() -> None:
    with recorded(ENDED - timedelta(seconds=10)) as (records, window, findings):
        course = course_of(records, window, findings)
        assert course.onset is not None
        assert not course.by_limits
        assert course.onset.recovered is None
        assert course.recovered is None
        assert [event.meaning for event in course_events(course)] == ["onset"]
        assert len(course.edges(window)) == 2
        assert causes(course) == [("dependency", TRUTH["suspect"])]


def test_before_an_incident_there_is_none_and_the_search_says_over_what() -> None:
    with recorded(BEGAN) as (records, window, findings):
        course = course_of(records, window, findings)
        assert course.onset is None
        assert course.too_short  # four and a half minutes
        assert course.absence is not None
        assert course.absence.examined > 3000
        assert course.suspicions == ()
        assert course.edges(window) == [window.since]


def test_without_requests_nothing_is_said_not_even_that_there_is_no_onset(tmp_path: Path) -> None:
    log = tmp_path / "bff.log"
    log.write_text('{"level":30,"time":1767225600000,"pid":1,"hostname":"bff-1","msg":"hello"}\n', encoding="utf-8")
    with logs.read([Source("log", log, "bff.log")]) as records:
        course = course_of(records, Window(datetime.fromisoformat("2026-01-01T00:00:00Z"), datetime.fromisoformat("2026-01-01T01:00:00Z")))
        assert (course.onset, course.absence, course.affected, course.last) == (None, None, None, None)
        assert course.to_json()["suspects"] == []


def test_every_suspect_cites_lines_that_speak_of_it() -> None:
    with recorded(ENDED + timedelta(minutes=2)) as (records, window, findings):
        course = course_of(records, window, findings)
        cited = [line for each in course.suspicions for line in each.citation.exemplars]
        assert len(cited) == len(course.suspicions) > 2
        raw = records.raw_lines(cited)
        for each in course.suspicions:
            for line in each.citation.exemplars:
                if each.suspect.kind == "dependency":
                    assert "FreebitService" in raw[line]
                if each.suspect.kind == "error":
                    assert each.suspect.name.split(": ")[1] in raw[line]
