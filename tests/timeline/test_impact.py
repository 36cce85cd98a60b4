"""The impact of an incident while it is young, while there is none, and where nothing tells."""

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
from incident_kit.timeline.impact import Impact, impact_events, impact_of
from incident_kit.timeline.merge import merge

TRUTH = json.loads((Path(__file__).parents[1] / "recorded" / "freebit_slow" / "truth.json").read_text(encoding="utf-8"))
BEGAN, ENDED = datetime.fromisoformat(TRUTH["from"]), datetime.fromisoformat(TRUTH["to"])


@contextmanager
def recorded(until: datetime) -> Iterator[tuple[Records, Window, list[Finding]]]:
    """The recorded incident as it was known at some time."""
    stored, book = open_evidence("recorded"), runbook.load()
    window = replace(stored.window(), until=until)
    with logs.read(stored.sources(), window, dependencies=book.dependencies) as records:
        yield (
            records,
            window,
            list(runbook.examine(book.scenario("high_error_rate"), runbook.Case(records, window, book))),
        )


def causes(impact: Impact) -> list[tuple[str, str]]:
    return [
        (suspicion.suspect.kind, suspicion.suspect.name)
        for suspicion in impact.suspicions
        if suspicion.suspect.role == "cause"
    ]


def test_two_minutes_into_an_incident_its_suspect_is_named_by_the_runbooks_limits() -> None:
    with recorded(BEGAN + timedelta(minutes=2.25)) as (records, window, findings):
        assert impact_of(records, window).onset is None  # too young for an onset
        impact = impact_of(records, window, findings)
        assert impact.by_limits
        assert impact.onset is not None
        assert abs(impact.onset.began.likeliest - BEGAN) <= timedelta(minutes=1)
        assert impact.onset.recovered is None
        assert causes(impact) == [("dependency", TRUTH["suspect"])]
        assert impact_events(impact) == []  # the symptom's own event says it
        assert "onset" not in [event.lane for event in merge(impact, findings, records)]


def test_an_incident_that_is_not_over_has_no_recovery() -> None:
    with recorded(ENDED - timedelta(seconds=10)) as (records, window, findings):
        impact = impact_of(records, window, findings)
        assert impact.onset is not None
        assert not impact.by_limits
        assert impact.onset.recovered is None
        assert impact.recovered is None
        assert [event.meaning for event in impact_events(impact)] == ["onset"]
        assert len(impact.edges(window)) == 2
        assert causes(impact) == [("dependency", TRUTH["suspect"])]


def test_before_an_incident_there_is_none_and_the_search_says_over_what() -> None:
    with recorded(BEGAN) as (records, window, findings):
        impact = impact_of(records, window, findings)
        assert impact.onset is None
        assert impact.too_short  # four and a half minutes
        assert impact.absence is not None
        assert impact.absence.examined > 3000
        assert impact.suspicions == ()
        assert impact.edges(window) == [window.since]


def test_without_requests_nothing_is_said_not_even_that_there_is_no_onset(tmp_path: Path) -> None:
    log = tmp_path / "bff.log"
    log.write_text('{"level":30,"time":1767225600000,"pid":1,"hostname":"bff-1","msg":"hello"}\n', encoding="utf-8")
    with logs.read([Source("log", log, "bff.log")]) as records:
        impact = impact_of(
            records,
            Window(datetime.fromisoformat("2026-01-01T00:00:00Z"), datetime.fromisoformat("2026-01-01T01:00:00Z")),
        )
        assert (impact.onset, impact.absence, impact.affected, impact.last) == (None, None, None, None)
        assert impact.to_json()["suspects"] == []


def test_every_suspect_cites_lines_that_speak_of_it() -> None:
    with recorded(ENDED + timedelta(minutes=2)) as (records, window, findings):
        impact = impact_of(records, window, findings)
        cited = [line for suspicion in impact.suspicions for line in suspicion.citation.exemplars]
        assert len(cited) == len(impact.suspicions) > 2
        raw = records.raw_lines(cited)
        for suspicion in impact.suspicions:
            for line in suspicion.citation.exemplars:
                if suspicion.suspect.kind == "dependency":
                    assert "FreebitService" in raw[line]
                if suspicion.suspect.kind == "error":
                    assert suspicion.suspect.name.split(": ")[1] in raw[line]
