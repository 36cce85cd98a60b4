"""The verdicts of the threshold checks on logs made for the purpose."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pino_lines import BUCKET, PER_BUCKET, START, bucket, examined, request

from incident_kit.model.finding import Absence, Figure, Verdict

SLOW = {"ms": 9000}
FAILED = {"status": 503}
KINDS = [pytest.param("slow_responses", SLOW, id="slow"), pytest.param("error_rate", FAILED, id="failed")]


def log(*bad_buckets: int, buckets: int = 4, bad: int = 30, **how: Any) -> list[str]:
    return [
        line for number in range(buckets) for line in bucket(number, bad=bad if number in bad_buckets else 0, **how)
    ]


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_healthy_log_rules_the_symptom_out_with_an_absence(tmp_path: Path, symptom: str) -> None:
    finding = examined(tmp_path / "log", log(), 4)[symptom]
    assert finding.verdict is Verdict.RULED_OUT
    (absence,) = finding.citations
    assert isinstance(absence, Absence)
    assert absence.examined == 4 * PER_BUCKET
    assert "would have been seen" in finding.statement
    assert absence.items == ("0123456789",)
    assert (absence.window.since, absence.window.until) == (START, START + 4 * BUCKET)


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_what_is_over_within_a_minute_is_not_confirmed(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    finding = examined(tmp_path / "log", log(1, bad=PER_BUCKET // 6, **how), 4)[symptom]
    assert finding.verdict is not Verdict.CONFIRMED
    assert symptom == "slow_responses" or "worst minute" in finding.reason


def test_two_failures_in_seven_hundred_requests_confirm_nothing(tmp_path: Path) -> None:
    lines = [line for number in range(6) for line in bucket(number, bad=int(number in (2, 3)), status=500)]
    assert examined(tmp_path / "log", lines, 6)["error_rate"].verdict is Verdict.RULED_OUT


def test_few_requests_that_all_fail_are_an_outage(tmp_path: Path) -> None:
    lines = [line for number in range(6) for line in bucket(number, count=30, bad=30 * (number in (2, 3)), status=500)]
    finding = examined(tmp_path / "log", lines, 6)["error_rate"]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected == START + 2 * BUCKET - timedelta(milliseconds=20)
    assert finding.recovered is not None


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_what_was_so_from_the_beginning_is_said_to_be_so_or_earlier(
    tmp_path: Path, symptom: str, how: dict[str, Any]
) -> None:
    finding = examined(tmp_path / "log", log(0, 1, bad=PER_BUCKET, **how), 4)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    assert "or earlier" in finding.statement
    assert finding.measures["standing"] == 1


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_what_is_over_only_just_is_said_to_be_too_young(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    lines = [*log(2, bad=PER_BUCKET, buckets=3, **how), *bucket(3)[:2]]
    finding = examined(tmp_path / "log", lines, 3)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.recovered is None


@pytest.mark.parametrize("shift_s", range(0, 300, 37))
@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_a_verdict_does_not_depend_on_where_the_minutes_of_the_clock_begin(
    tmp_path: Path, symptom: str, how: dict[str, Any], shift_s: int
) -> None:
    shift = timedelta(seconds=shift_s)
    moments = [START + shift + place * timedelta(seconds=2) for place in range(900)]
    lines = [request(moment, **(how if 300 <= place < 407 else {})) for place, moment in enumerate(moments)]
    finding = examined(tmp_path / "log", lines, 7)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected == moments[300] - timedelta(milliseconds=how.get("ms", 20))


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_two_bad_buckets_in_a_row_confirm_with_a_figure_and_say_since_when(
    tmp_path: Path, symptom: str, how: dict[str, Any]
) -> None:
    finding = examined(tmp_path / "log", log(1, 2, bad=PER_BUCKET, **how), 4)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    figures = [citation for citation in finding.citations if isinstance(citation, Figure)]
    assert figures
    assert all(figure.n == 2 * PER_BUCKET and len(figure.exemplars) == 5 for figure in figures)
    assert finding.first_affected == START + BUCKET - timedelta(
        milliseconds=how.get("ms", 20)
    )  # a line is written when the request ends
    assert finding.recovered is not None
    assert START + 2 * BUCKET < finding.recovered < START + 3 * BUCKET


@pytest.mark.parametrize(("symptom", "how"), KINDS)
def test_bad_to_the_end_of_the_evidence_has_not_recovered(tmp_path: Path, symptom: str, how: dict[str, Any]) -> None:
    finding = examined(tmp_path / "log", log(2, 3, bad=PER_BUCKET, **how), 4)[symptom]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.recovered is None


def test_refused_requests_do_not_count(tmp_path: Path) -> None:
    assert (
        examined(tmp_path / "log", log(0, 1, 2, 3, bad=PER_BUCKET, status=404), 4)["error_rate"].verdict
        is Verdict.RULED_OUT
    )


def test_event_streams_count_neither_as_slow_nor_as_aborted(tmp_path: Path) -> None:
    streams = [
        request(
            START + timedelta(seconds=second), ms=600_000, url="/api/events", kind="text/event-stream", aborted=aborted
        )
        for second in range(0, 1200, 2)
        for aborted in (True, False)
    ]
    findings = examined(tmp_path / "log", [*log(), *streams], 4)
    assert findings["slow_responses"].verdict is Verdict.RULED_OUT
    assert findings["error_rate"].verdict is Verdict.RULED_OUT


def test_aborted_requests_count_as_errors(tmp_path: Path) -> None:
    assert examined(tmp_path / "log", log(1, 2, aborted=True), 4)["error_rate"].verdict is Verdict.CONFIRMED


def test_exactly_the_limit_is_not_above_it(tmp_path: Path) -> None:
    lines = [line for number in range(4) for line in bucket(number, count=200, bad=2, **FAILED)]
    assert examined(tmp_path / "log", lines, 4)["error_rate"].verdict is Verdict.RULED_OUT


def test_one_slow_route_among_fast_ones_is_confirmed_by_name(tmp_path: Path) -> None:
    slow = [line for number in (1, 2) for line in bucket(number, count=60, bad=60, ms=4000, url="/api/sim/17/usage")]
    fast = [line for number in range(4) for line in bucket(number, count=600)]
    finding = examined(
        tmp_path / "log", sorted([*slow, *fast], key=lambda line: line.partition('"time": ')[2][:13]), 4
    )["slow_responses"]
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.statement.startswith("GET /api/sim/:id/usage: 4.0 s")
    assert "/api/orders" not in finding.statement


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_too_few_requests_rule_nothing_out(tmp_path: Path, symptom: str) -> None:
    lines = [line for number in range(4) for line in bucket(number, count=10)]
    finding = examined(tmp_path / "log", lines, 4)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "too few" in finding.reason


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_log_that_begins_after_the_window_rules_nothing_out(tmp_path: Path, symptom: str) -> None:
    finding = examined(tmp_path / "log", log(), 4, since=START - BUCKET)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "begins at 09:00:00" in finding.reason


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_log_that_ends_before_the_window_rules_nothing_out(tmp_path: Path, symptom: str) -> None:
    finding = examined(tmp_path / "log", log(), 5)[symptom]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "before the window does" in finding.reason


@pytest.mark.parametrize("symptom", ["slow_responses", "error_rate"])
def test_log_without_requests_rules_nothing_out(tmp_path: Path, symptom: str) -> None:
    line = '{"level":30,"time":1795424400000,"pid":1,"hostname":"vm","msg":"Nest application successfully started"}'
    finding = examined(tmp_path / "log", [line], 4)[symptom]
    assert finding.verdict is Verdict.NOT_CHECKED
    assert "no completed request" in finding.reason


def test_complaints_are_not_checked_where_none_is_noted(tmp_path: Path) -> None:
    assert examined(tmp_path / "log", log(), 4)["customer_complaints"].verdict is Verdict.NOT_CHECKED
