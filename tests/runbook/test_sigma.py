"""A team's own Sigma rules: what they find, which cannot be used, and which are wrong."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from synthetic import BOOK, case_of, healthy, request_line, time_at

from incident_kit import logs, runbook
from incident_kit.app.run import snapshot
from incident_kit.app.triage import rank_evidence
from incident_kit.errors import RunbookError
from incident_kit.evidence.incident import create
from incident_kit.evidence.run_folder import RunFolder
from incident_kit.evidence.store import open_evidence
from incident_kit.logs import pieces
from incident_kit.model.finding import Figure, Finding, Verdict
from incident_kit.runbook.data import OURS

SCANNER = "192.0.2.66"
BACKUPS = """\
title: Somebody asks for backups that got an answer
id: 7f0c1c9e-3b57-4b0a-9a55-0d2f4c6f1a01
status: test
tags: [attack.t1190]
logsource:
  category: webserver
detection:
  asked:
    cs-method: get
    cs-uri-stem|endswith: ['.bak', '.sql.gz', '_old']
  refused:
    sc-status: ['4*', 301]
  ours:
    c-ip|cidr: 10.20.0.0/16
  condition: asked and not refused and not ours
level: high
"""
DEBUGGING = """\
title: The portal is asked to debug itself
logsource:
  category: proxy
detection:
  asked:
    - c-uri-query|contains: "debug='on'"
    - c-uri-query|re: '(^|&)trace=[0-9]{3}$'
  condition: asked
"""


def a_rule(selection: str, category: str = "webserver", condition: str = "asked") -> str:
    return (
        f"title: A rule\nlogsource:\n  category: {category}\ndetection:\n  asked:\n    {selection}\n"
        f"  condition: {condition}\n"
    )


def book(tmp_path: Path, *rules: str) -> runbook.Runbook:
    """Our runbook with these rules."""
    folder = tmp_path / "book"
    shutil.copytree(OURS, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "checks"))
    (folder / "sigma" / "web").mkdir(parents=True)
    for number, rule in enumerate(rules, start=1):
        (folder / "sigma" / "web" / f"rule_{number}.yml").write_text(rule, encoding="utf-8")
    return runbook.load(folder)


def finding_of(tmp_path: Path, of: runbook.Runbook, lines: list[str], minutes: float = 20) -> Finding:
    with case_of(tmp_path / "log", lines, minutes=minutes, book=of) as case:
        return next(
            finding
            for finding in runbook.examine(of.scenario("security_incident"), case)
            if finding.symptom == "sigma_rules"
        )


def meets(tmp_path: Path, rule: str, route: str, status: int = 200, client: str = SCANNER) -> bool:
    verdict = finding_of(
        tmp_path, book(tmp_path, rule), [*healthy(20), request_line(5, route, status=status, client=client)]
    ).verdict
    assert verdict in (Verdict.CONFIRMED, Verdict.RULED_OUT)
    return verdict is Verdict.CONFIRMED


def test_without_rules_nothing_is_checked(tmp_path: Path) -> None:
    assert BOOK.sigma_rules == ()
    finding = finding_of(tmp_path, BOOK, healthy(20))
    assert finding.verdict is Verdict.NOT_CHECKED
    assert "no Sigma rules" in finding.reason


def test_requests_that_meet_rules_are_counted_and_cited(tmp_path: Path) -> None:
    tried = [request_line(5 + place, f"GET /files/Customers_{place}.BAK", client=SCANNER) for place in range(3)]
    refused = [
        request_line(9, "GET /files/a.bak", status=404, client=SCANNER),
        request_line(9.5, "GET /files/b.bak", client="10.20.3.4"),
    ]
    debugged = request_line(11, "GET /api/orders?x=1&trace=123", status=500, client="192.0.2.7")
    finding = finding_of(tmp_path, book(tmp_path, BACKUPS, DEBUGGING), [*healthy(20), *tried, *refused, debugged])
    assert finding.verdict is Verdict.CONFIRMED
    assert (
        "Somebody asks for backups that got an answer: 3 requests (3 of them not refused) from 1 clients, "
        f"the first from {SCANNER}, 09:05:00 to 09:07:00 UTC" in finding.statement
    )
    assert "The portal is asked to debug itself: 1 requests" in finding.statement
    assert finding.first_affected == time_at(5)
    figures = [citation for citation in finding.citations if isinstance(citation, Figure)]
    assert [figure.n for figure in figures] == [3, 1]
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert all(".BAK" in lines[line.line - 1] for line in figures[0].exemplars)


def test_requests_that_meet_no_rule_rule_it_out_over_what_the_log_covers(tmp_path: Path) -> None:
    of = book(tmp_path, BACKUPS, DEBUGGING)
    finding = finding_of(tmp_path, of, healthy(20))
    assert finding.verdict is Verdict.RULED_OUT
    assert "meets any of 2 Sigma rules" in finding.statement
    assert finding_of(tmp_path, of, healthy(20), minutes=60).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("selection", "route", "expected"),
    [
        ("c-uri|contains: 'it''s 50%_'", "GET /a?b=IT's 50%_c", True),
        ("c-uri|contains: 'it''s 50%_'", "GET /a?b=it's 50 c", False),
        ("cs-uri-query|contains: '--'", "GET /a?b=1--", True),
        ("cs-uri-query|contains: a*b", "GET /?axxb", True),
        ("cs-uri-query: null", "GET /a", True),
        ("cs-uri-query|contains: b", "GET /b?c", False),
        ("cs-uri-stem|contains: c", "GET /b?c", False),
        ("cs-uri-query|contains|cased: 'A[1]*?'", "GET /?xA[1]yz", True),
        ("cs-uri-query|contains|cased: A", "GET /?xa", False),
        ("cs-uri-query|re|i: 'SEL.CT'", "GET /?select", True),
        ("cs-method: 5", "GET /api/orders", False),
        ("sc-status|gte: 500", "GET /x", False),
        ("sc-status|lt: 201", "GET /x", True),
        ("c-ip|cidr: 192.0.2.0/24", "GET /x", True),
        ("cs-uri-query|fieldref: cs-uri-stem", "GET /x?/X", True),
        ("cs-uri-stem|exists: true", "GET /x", True),
        ("cs-uri-query|contains: ');DROP TABLE raw_0;--'", "GET /x", False),
    ],
)
def test_a_condition_means_what_it_means_in_sigma(tmp_path: Path, selection: str, route: str, expected: bool) -> None:
    only_that_one = a_rule(
        f"{selection}\n  usual:\n    cs-uri-stem: /api/orders\n    c-ip|startswith: '198.51.100.'",
        condition="asked and not usual",
    )
    assert meets(tmp_path, only_that_one, route) is expected


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (a_rule("cs-user-agent|contains: sqlmap"), "needs the field cs-user-agent"),
        (a_rule("CommandLine|contains: x", category="process_creation"), "logsource category is process_creation"),
        (a_rule("- needle"), "keywords"),
        (a_rule("cs-uri|minute: 3"), "not supported"),
        (
            "title: A rule\ncorrelation:\n  type: event_count\n  rules: [other]\n  group-by: [c-ip]\n"
            "  timespan: 5m\n  condition:\n    gte: 5\n",
            "correlates",
        ),
        (
            "title: A rule\nlogsource:\n  category: webserver\nfilter:\n  rules: any\n  known:\n"
            "    c-ip: 10.0.0.1\n  condition: not known\n",
            "filter",
        ),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_and_nothing_is_ruled_out(tmp_path: Path, rule: str, reason: str) -> None:
    alone = finding_of(tmp_path / "alone", book(tmp_path / "alone", rule), healthy(20))
    assert alone.verdict is Verdict.NOT_CHECKED
    assert "A rule (rule_1.yml)" in alone.reason
    assert reason in alone.reason
    beside = finding_of(tmp_path / "beside", book(tmp_path / "beside", BACKUPS, rule), healthy(20))
    assert beside.verdict is Verdict.INCONCLUSIVE
    assert reason in beside.reason
    hit = finding_of(
        tmp_path / "hit", book(tmp_path / "hit", BACKUPS, rule), [*healthy(20), request_line(5, "GET /a.bak")]
    )
    assert hit.verdict is Verdict.CONFIRMED
    assert reason in hit.statement


def test_rules_are_met_in_logs_that_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1000)
    monkeypatch.setattr(pieces, "SMALL_BYTES", 0)
    comments = a_rule(
        "cs-uri-query|contains: '--'\n    cs-uri-stem|endswith: s\n    cs-method: GET\n"
        "    sc-status: 200\n    c-ip: 192.0.2.66"
    )
    finding = finding_of(
        tmp_path,
        book(tmp_path, comments, BACKUPS),
        [*healthy(20), request_line(5, "GET /api/orders?x=1--", client=SCANNER)],
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert "A rule: 1 requests (1 of them not refused)" in finding.statement


def test_triage_says_the_same_of_every_field(tmp_path: Path) -> None:
    fields = (
        "cs-method: POST\n    c-uri|contains: auth\n    cs-uri-stem|endswith: /login\n"
        "    cs-uri-query: null\n    sc-status: 401\n    c-ip|exists: true"
    )
    of, stored = (
        book(tmp_path, a_rule(fields)),
        open_evidence(Path(__file__).parents[1] / "recorded" / "credential_stuffing"),
    )
    with logs.read(stored.sources(), stored.window(), dependencies=of.dependencies) as records:
        reported = next(
            finding
            for finding in runbook.examine(
                of.scenario("security_incident"), runbook.case_of(of, stored, records, stored.window())
            )
            if finding.symptom == "sigma_rules"
        )
    assert reported.verdict is Verdict.CONFIRMED
    ranked = rank_evidence(of, stored, stored.window()).ranked
    assert reported in [finding for finding in ranked for finding in finding.findings]


def test_rules_without_pysigma_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigma.backends.sqlite", None)
    finding = finding_of(tmp_path, book(tmp_path, BACKUPS), [*healthy(20), request_line(5, "GET /a.bak")])
    assert finding.verdict is Verdict.NOT_CHECKED
    assert "pip install incident-kit[sigma]" in finding.reason


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("title: A rule\ndetection: [\n", "line 3"),
        ("just words\n", "line 1"),
        ("", "line 1"),
        (BACKUPS.replace("level: high", "level: huge"), "line 16: level"),
        (BACKUPS.replace("not ours", "not theirs"), "line 15: condition"),
        (BACKUPS.replace("7f0c1c9e-", ""), "line 2: id"),
        (a_rule("cs-uri|re: 'a('"), "line 4: detection"),
        (a_rule("cs-uri|re: 'a(?!b)'"), "line 4: detection"),  # RE2 has no lookaround
        (a_rule("cs-uri|swims: a"), "line 4: detection"),
        (a_rule("cs-uri: a").replace("  category: webserver\n", ""), "line 2: logsource"),
    ],
)
def test_a_wrong_rule_is_named_with_its_line(tmp_path: Path, rule: str, place: str) -> None:
    with pytest.raises(RunbookError, match=f"rule_1.yml, .*{place}"):
        book(tmp_path, rule)


def test_a_run_keeps_the_rules_it_used(tmp_path: Path) -> None:
    of = book(tmp_path, BACKUPS)
    (tmp_path / "data").mkdir()
    snapshot(create(tmp_path / "reports", "INC-1", "Backups asked for"), of, RunFolder(tmp_path))
    again = runbook.load(tmp_path / "data" / "runbook")
    assert again.sigma_rules == of.sigma_rules != ()
