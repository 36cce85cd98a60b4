"""How severe an incident is: each rule just above and just below where it is met, and what is unknown never counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from synthetic import BOOK, START, case_of, healthy, portal_line, request_line, stored_answer, time_at

from incident_kit import logs
from incident_kit.evidence.journal import Entry, Kind
from incident_kit.logs.failing_spans import EVERYTHING, FailingSpan, failing_spans
from incident_kit.model.answer import Fault, Status, StoredAnswer
from incident_kit.model.finding import Absence, Figure, Finding, Line, Verdict
from incident_kit.model.severity import Assessment
from incident_kit.model.source import Source
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Confirmed, Failing, SeverityRule
from incident_kit.runbook.severity import SeverityFacts, assess, facts_of

THREE_MINUTES = timedelta(minutes=3)
ALL = Failing(False, 0.9, THREE_MINUTES, 20)
MAJOR = Failing(True, 0.5, THREE_MINUTES, 10)
RULES = (
    SeverityRule("all", "P1", "everything fails", ALL),
    SeverityRule("major", "P2", "a major feature fails", MAJOR),
    SeverityRule("slow", "P3", "it is slow", Confirmed(("high_error_rate.slow_responses",))),
)
LINE = Line("0123456789", 7)


def span(name: str, bad: int, n: int, due: int = 0, whole: bool = True, minute: float = 5) -> FailingSpan:
    return FailingSpan(name, whole, time_at(minute), None, None, n, bad, due, (LINE,))


def facts(*spans: FailingSpan, major: Sequence[str] = ("Payments",), findings: Sequence[Finding] = ()) -> SeverityFacts:
    by_name = {(of_name.name, of_name.whole): of_name for of_name in spans}
    return SeverityFacts(
        findings={f"high_error_rate.{finding.symptom}": finding for finding in findings},
        spans={ALL: by_name, MAJOR: by_name},
        major=tuple(major),
        items=("0123456789",),
        ends=time_at(7),
    )


def of_all(bad: int, n: int, due: int = 0) -> Assessment:
    return assess(RULES[:1], facts(span(EVERYTHING, bad, n, due)))


def of_payments(bad: int, n: int) -> Assessment:
    return assess(RULES[1:2], facts(span("Payments", bad, n)))


# Of ten thousand: 90 % exactly, one request less (the interval reaches over 90 %), and the last one where it does not.
@pytest.mark.parametrize(("bad", "level", "rounded_up"), [(9000, "P1", False), (8999, "P1", True), (8941, "", False)])
def test_all_requests_fail_from_nine_in_ten_on(bad: int, level: str, rounded_up: bool) -> None:
    assessment = of_all(bad, 10_000)
    assert assessment.level == level
    assert [met.rounded_up for met in assessment.met] == ([rounded_up] if level else [])
    assert assessment.unknown == ()


def test_the_first_request_above_what_chance_may_hide_is_rounded_up() -> None:
    assert of_all(8942, 10_000).level == "P1"
    assert "Wilson's interval at 95 % the share is 88.8% to 90.0%" in of_all(8942, 10_000).sentence


@pytest.mark.parametrize(("bad", "level"), [(5000, "P2"), (4999, "P2"), (4902, "P2"), (4901, "")])
def test_a_major_feature_fails_from_half_on(bad: int, level: str) -> None:
    assert of_payments(bad, 10_000).level == level


def test_ninety_six_of_a_hundred_payments_that_fail_are_high_and_not_medium() -> None:
    assessment = of_payments(96, 100)
    assert assessment.level == "P2"
    assert assessment.sentence == (
        "96 of 100 requests of Payments failed or were aborted in the 3 minutes from 09:05:00 UTC (96.0%)."
    )
    assert assessment.citations == (
        Figure(("0123456789",), "failing_spans", 100, (LINE,), {"name": "Payments", "lasting_s": 180}),
    )


# 40 of 100 lie within 31 and 50 %: below. Where few were counted, the interval is as good as nothing.
@pytest.mark.parametrize(
    ("bad", "n", "level", "is_unknown"),
    [
        pytest.param(40, 100, "", False, id="surely less than half"),
        pytest.param(41, 100, "P2", False, id="perhaps half, well measured"),
        pytest.param(5, 10, "P2", False, id="half of as few as may be judged"),
        pytest.param(4, 10, "", True, id="fewer, of so few that it may be half"),
        pytest.param(5, 9, "", True, id="more than half, of too few"),
        pytest.param(4, 4, "P2", False, id="all of few: beyond chance"),
        pytest.param(3, 3, "", True, id="all of fewer: within chance"),
        pytest.param(0, 3, "", True, id="none of so few that half could fail"),
        pytest.param(0, 4, "", False, id="none of enough"),
        pytest.param(1, 5, "", True, id="one of five is no half"),
    ],
)
def test_what_few_requests_cannot_tell_is_unknown_and_does_not_count(
    bad: int, n: int, level: str, is_unknown: bool
) -> None:
    assessment = of_payments(bad, n)
    assert assessment.level == level
    assert [unknown.rule for unknown in assessment.unknown] == (["major"] if is_unknown else [])


def test_requests_that_do_not_come_count_as_those_that_fail() -> None:
    assessment = of_all(bad=2, n=12, due=100)
    assert assessment.level == "P1"
    assert assessment.sentence == (
        "of 100 requests of customers that were due in the 3 minutes from 09:05:00 UTC by what came before, 88 did not "
        "come and 2 failed or were aborted (90.0%)."
    )


def test_a_feature_that_nobody_asked_for_is_unknown() -> None:
    assessment = assess(RULES, facts(span(EVERYTHING, 0, 500)))
    assert assessment.level == ""
    assert [(unknown.level, unknown.why) for unknown in assessment.unknown] == [
        ("P2", "there is no request of Payments, so nothing tells whether it works")
    ]


def test_without_requests_or_logs_nothing_is_known_and_nothing_counts() -> None:
    nothing = SeverityFacts({}, {})
    assert assess(RULES, nothing).level == ""
    assert {unknown.why for unknown in assess(RULES[:1], nothing).unknown} == {"no log is in the evidence"}
    empty = replace(nothing, items=("0123456789",), major=("Payments",))
    assert {unknown.why for unknown in assess(RULES, empty).unknown} == {"no request of a customer is in the logs"}


def test_what_began_too_late_to_last_is_named_with_when_it_would_count() -> None:
    assessment = assess(RULES[:1], facts(span(EVERYTHING, 0, 90), span(EVERYTHING, 60, 60, whole=False, minute=5.5)))
    assert assessment.level == ""
    assert assessment.worse_if == (
        "P1 if everything fails: 60 of 60 requests of customers failed or were aborted in the 90 seconds from 09:05:30 "
        "UTC (100.0%), where the evidence ends; met if it goes on until 09:08:30 UTC.",
    )


SLOW = Finding("slow_responses", "Slow", Verdict.CONFIRMED, "3 s on average.", (LINE,), first_affected=time_at(2))


def test_the_gravest_rule_decides_and_the_others_say_what_it_would_be_without_it() -> None:
    assessment = assess(RULES[::-1], facts(span(EVERYTHING, 10, 100), span("Payments", 96, 100), findings=[SLOW]))
    assert assessment.level == "P2"
    assert [met.rule for met in assessment.met] == ["major", "slow"]
    assert assessment.better_if == (
        "Less severe than P2 only if fewer than 50% of the requests of Payments fail in any 3 minutes.",
        "It would then be P3: Slow: 3 s on average.",
    )
    assert assessment.worse_if == (
        "P1 if everything fails: it takes 90% of customers' requests over 3 minutes; at worst it was 10.0%, from "
        "09:05:00 UTC on.",
    )


@pytest.mark.parametrize(
    "finding",
    [
        Finding("slow_responses", "Slow", Verdict.INCONCLUSIVE, "3 s.", (LINE,), "once only"),
        Finding("slow_responses", "Slow", Verdict.NOT_CHECKED, "Not known.", (), "once only"),
    ],
)
def test_a_symptom_that_could_not_be_decided_is_unknown(finding: Finding) -> None:
    assessment = assess(RULES[2:], facts(findings=[finding]))
    assert assessment.level == ""
    assert [unknown.why.partition(", because ")[2] for unknown in assessment.unknown] == ["once only"]


def test_a_symptom_that_is_ruled_out_is_known_not_to_be() -> None:
    absence = Absence(("0123456789",), Window(START, time_at(9)), 500, "requests_by_bucket")
    finding = Finding("slow_responses", "Slow", Verdict.RULED_OUT, "20 ms.", (absence,))
    assert assess(RULES[2:], facts(findings=[finding])) == Assessment(worse_if=("P3 if it is slow.",))


# From here on by our own runbook, from logs, answers and the journal.


def judged(
    path: Path,
    lines: Iterable[str] = (),
    answers: Sequence[StoredAnswer] = (),
    journal: Sequence[Entry] = (),
    minutes: float = 20,
    chosen: str = "",
) -> Assessment:
    with case_of(path, lines, answers, minutes, journal) as case:
        return assess(BOOK.severity_rules, facts_of(BOOK, case, (), BOOK.scenario(chosen) if chosen else None))


def paced(since: float, until: float, per_minute: int, route: str, status: int | None = 200) -> list[str]:
    n = round((until - since) * per_minute)
    return [
        request_line(since + place / per_minute, route, status, client=f"198.51.100.{place % 40}") for place in range(n)
    ]


def test_an_ordinary_portal_meets_no_rule(tmp_path: Path) -> None:
    assessment = judged(tmp_path / "log", healthy(20))
    assert assessment.level == ""
    assert {unknown.rule for unknown in assessment.unknown} >= {"unreachable", "major_feature_fails"}


def test_payments_that_fail_are_high_though_most_requests_go_well(tmp_path: Path) -> None:
    failing = [request_line(8 + n / 10, "POST /api/payments", 502 if n % 25 else 200) for n in range(50)]
    assessment = judged(tmp_path / "log", [*healthy(20), *failing])
    assert assessment.rule is not None
    assert (assessment.level, assessment.rule.rule) == ("P2", "major_feature_fails")
    assert assessment.rule.since == time_at(8.1)


def test_where_nearly_everything_fails_it_is_critical(tmp_path: Path) -> None:
    lines = [*healthy(8), *paced(8, 12, 30, "GET /api/orders", 500), *healthy(8, since=12)]
    assessment = judged(tmp_path / "log", lines)
    assert assessment.rule is not None
    assert (assessment.level, assessment.rule.rule) == ("P1", "all_requests_fail")


def test_a_health_check_that_goes_well_hides_no_outage_and_makes_none(tmp_path: Path) -> None:
    probes = paced(0, 20, 60, "GET /health")
    outage = [*healthy(8), *paced(8, 12, 30, "GET /api/orders", 500), *healthy(8, since=12)]
    assert judged(tmp_path / "log", [*outage, *probes]).level == "P1"
    failing_probes = paced(0, 20, 600, "GET /health", 503)
    assert judged(tmp_path / "other", [*healthy(20), *failing_probes]).level != "P1"


def test_customers_who_stay_away_while_the_log_goes_on_are_missed(tmp_path: Path) -> None:
    probes = paced(0, 20, 4, "GET /health")
    assessment = judged(tmp_path / "log", [*healthy(12), *probes])
    assert assessment.rule is not None
    assert assessment.rule.rule == "all_requests_fail"
    assert "did not come" in assessment.sentence


def test_where_the_log_itself_ends_nobody_is_missed(tmp_path: Path) -> None:
    assert judged(tmp_path / "log", healthy(12)).level == ""


def test_the_end_of_a_rush_is_no_outage(tmp_path: Path) -> None:
    rush = paced(24, 32, 2000, "GET /api/catalog/products")
    assert judged(tmp_path / "log", [*healthy(40), *rush], minutes=40).level != "P1"


def test_two_minutes_of_outage_are_no_three(tmp_path: Path) -> None:
    lines = [*healthy(8), *paced(8, 10, 30, "GET /api/catalog/products", 500), *healthy(10, since=10)]
    assert judged(tmp_path / "log", lines).level != "P1"


@pytest.mark.parametrize("shift_ms", [0, 150_000, 90_317, 3_599_999])
def test_it_does_not_matter_when_by_the_clock_it_was(tmp_path: Path, shift_ms: int) -> None:
    later = shift_ms / 60_000
    lines = [request_line(later + n / 30, "GET /api/orders", 500 if 240 <= n < 321 else 200) for n in range(500)]
    path = tmp_path / "log"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    with logs.read([Source("0123456789", path, "made.log")]) as records:
        spans = failing_spans(records, {EVERYTHING: ["GET /api/orders"]}, THREE_MINUTES, 0.9, 20)
    worst = spans[EVERYTHING, True]
    assert (worst.bad, worst.n) == (81, 90)
    assert worst.bad_since == time_at(later + 8)


def test_requests_of_a_route_count_for_each_feature_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(line + "\n" for line in paced(0, 10, 30, "GET /a", 500)), encoding="utf-8")
    with logs.read([Source("0123456789", path, "made.log")]) as records:
        spans = failing_spans(records, {"A": ["GET /a"], "B": ["GET /a", "GET /b"], "C": []}, THREE_MINUTES, 0.5, 10)
    assert {name for name, _ in spans} == {"A", "B"}
    assert spans["A", True].not_well == spans["B", True].not_well == 90


def test_damaged_data_is_critical(tmp_path: Path) -> None:
    said = portal_line(5, "PrismaService", "query failed", "ERROR: invalid page in block 7 of relation base/1/2")
    assessment = judged(tmp_path / "log", [*healthy(20), said])
    assert [(met.level, met.rule) for met in assessment.met[:1]] == [("P1", "data_damaged")]
    assert assessment.citations


def outside(
    status: Status, fault: Fault | None = None, data: dict[str, object] | None = None, from_outside: bool = True
) -> StoredAnswer:
    reason = "" if status is Status.OK else "the connection is refused"
    return stored_answer("health", {"outside": from_outside, **(data or {})}, status, reason, fault=fault)


PAGE_OF_A_PROXY = {"http_status": 502, "shape": "unknown"}


@pytest.mark.parametrize(
    ("answer", "level", "is_known"),
    [
        pytest.param(outside(Status.FAILED, Fault.SYSTEM), "P1", True, id="refused"),
        pytest.param(outside(Status.PARTIAL, Fault.SYSTEM, {**PAGE_OF_A_PROXY}), "P1", True, id="a proxy's page"),
        pytest.param(outside(Status.FAILED, Fault.NETWORK), "", False, id="no way there"),
        pytest.param(outside(Status.FAILED, Fault.OURS), "", False, id="a fault of ours"),
        pytest.param(outside(Status.FAILED, Fault.CREDENTIALS), "", False, id="we may not"),
        pytest.param(outside(Status.FAILED, Fault.SYSTEM, from_outside=False), "", False, id="refused on this machine"),
        pytest.param(
            outside(Status.OK, None, {"http_status": 503, "shape": "terminus"}), "", True, id="it says it is ill"
        ),
        pytest.param(outside(Status.OK, None, {"http_status": 200}), "", True, id="it answers"),
    ],
)
def test_the_portal_is_unreachable_only_by_its_own_fault_and_from_outside(
    tmp_path: Path, answer: StoredAnswer, level: str, is_known: bool
) -> None:
    assessment = judged(tmp_path / "log", answers=[answer])
    assert assessment.level == level
    assert ("unreachable" not in {unknown.rule for unknown in assessment.unknown}) is is_known


def entry(text: str, kind: str = Kind.NOTE, number: int = 3, **data: object) -> Entry:
    return Entry(number, kind, text, time_at(9), time_at(9), "ada", data)


@pytest.mark.parametrize(
    "text",
    [
        "We suspect a breach, not a glitch.",
        "Looks like somebody was hacked",
        "possible data exfiltration from 198.51.100.9",
        "The accounts may have been compromised. Do not touch the hosts!",
        "Unauthorised access confirmed by the security team",
        "不正アクセスの疑いがあります",
        "不正アクセスかもしれない",
        "No idea about Redis; suspect an intrusion.",
    ],
)
def test_a_security_incident_that_somebody_suspects_is_critical(tmp_path: Path, text: str) -> None:
    assessment = judged(tmp_path / "log", healthy(20), journal=[entry(text)])
    assert assessment.rule is not None
    assert (assessment.level, assessment.rule.rule) == ("P1", "breach_suspected")
    assert assessment.citations == (Line("journal", 3),)
    assert "strike out line 3 of the journal" in assessment.better_if[0]


@pytest.mark.parametrize(
    "text",
    [
        "No sign of a breach, likely a bad deploy",
        "We could not confirm that anybody was hacked",
        "It doesn't look like a possible intrusion",
        "a breach is ruled out, most likely Freebit",
        "possible data leak: false alarm",
        "不正アクセスの可能性はない",
        "Likely the connection pool",
        "possibly a quick hack in the configuration",
    ],
)
def test_a_note_that_denies_it_or_speaks_of_something_else_is_no_suspicion(tmp_path: Path, text: str) -> None:
    assert judged(tmp_path / "log", healthy(20), journal=[entry(text)]).level == ""


@pytest.mark.parametrize(
    ("journal", "level"),
    [
        pytest.param(
            [entry("done", Kind.STEP, scenario="security_incident", step=1, outcome="done")], "P1", id="a step"
        ),
        pytest.param([entry("", Kind.STEP, scenario="security_incident", step=1, outcome="skipped")], "", id="skipped"),
        pytest.param([entry("done", Kind.STEP, scenario="redis_failures", step=1, outcome="done")], "", id="another's"),
        pytest.param([entry("suspect a breach", Kind.OPENED)], "P1", id="its title"),
        pytest.param([entry("suspect a breach", Kind.CUSTODY)], "", id="what this tool wrote"),
        pytest.param([entry("suspect a breach", Kind.COMMUNICATED)], "", id="what went out"),
        pytest.param([entry("suspect a breach"), entry("it was a drill", Kind.STRUCK, 4, line=3)], "", id="struck out"),
    ],
)
def test_what_people_did_says_whether_they_suspect_it(tmp_path: Path, journal: list[Entry], level: str) -> None:
    assert judged(tmp_path / "log", healthy(20), journal=journal).level == level


def test_choosing_the_security_scenario_is_suspicion_enough(tmp_path: Path) -> None:
    assessment = judged(tmp_path / "log", healthy(20), chosen="security_incident")
    assert (assessment.level, assessment.citations) == ("P1", ())
    assert judged(tmp_path / "log", healthy(20), chosen="redis_failures").level == ""


def test_a_confirmed_cause_of_a_security_incident_is_critical(tmp_path: Path) -> None:
    tries = [request_line(8 + n / 60, "POST /api/auth/login", 401, "203.0.113.66") for n in range(60)]
    lines = [*healthy(20), *paced(0, 20, 6, "POST /api/auth/login"), *tries]
    assessment = judged(tmp_path / "log", lines)
    assert [(met.level, met.rule) for met in assessment.met[:1]] == [("P1", "breach")]


def test_one_outside_system_that_fails_is_medium(tmp_path: Path) -> None:
    failing = [
        portal_line(8 + n / 10, "FreebitService", "call to Freebit failed", "status code 503", ms=20) for n in range(20)
    ]
    assessment = judged(tmp_path / "log", [*healthy(20), *failing])
    assert [(met.level, met.rule) for met in assessment.met] == [("P3", "integration_fails")]
