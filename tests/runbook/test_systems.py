"""Does a system fail: over logs alone, answers alone, and both."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import finding_of, healthy, portal_line, request_line, stored_answer, time_at

from incident_kit.model.answer import Answer, Fault, Status
from incident_kit.model.finding import Absence, Figure, Pointer, Verdict

REDIS = "redis_failures.redis_errors"
WHMCS = "whmcs_unavailable.whmcs_fails"
PRISMA = "database_issues.prisma_errors"
OOM = "OOM command not allowed when used memory > 'maxmemory'."
UP = {"checks": {"cache": {"state": "up", "detail": ""}, "database": {"state": "up", "detail": ""}}}


def failures(context: str, message: str, error: str = "", code: str = "", n: int = 20, since: float = 10) -> list[str]:
    return [portal_line(since + place / 60, context, message, error, code) for place in range(n)]


def whmcs(error: str, n: int = 20, of: int = 0, code: str = "") -> list[str]:
    """Calls to WHMCS that fail so, and others in the same minute that do not."""
    well = [
        portal_line(10 + place / 60, "WhmcsService", "WHMCS API call completed", level=30, ms=180)
        for place in range(of)
    ]
    return [
        *well,
        *(
            portal_line(10 + place / 60, "WhmcsService", "WHMCS API call failed", error, code, ms=900)
            for place in range(n)
        ),
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (failures("CacheService", "Redis connection error", OOM), "out of memory"),
        (
            failures("CacheService", "Redis connection error", "connect ECONNREFUSED 127.0.0.1:6379", "ECONNREFUSED"),
            "cannot be reached",
        ),
        (failures("ExceptionsHandler", "Reached the max retries per request limit (which is 3)."), "cannot be reached"),
        (
            failures(
                "SessionService", "lookup failed", "WRONGPASS invalid username-password pair or user is disabled."
            ),
            "name or password",
        ),
        (
            failures("SessionService", "lookup failed", "READONLY You can't write against a read only replica."),
            "replica",
        ),
        (failures("CacheService", "Redis error", "LOADING Redis is loading the dataset in memory"), "loading"),
    ],
)
def test_each_way_redis_fails_is_named(tmp_path: Path, lines: list[str], words: str) -> None:
    finding = finding_of(tmp_path / "log", REDIS, [*healthy(20), *lines])
    assert finding.verdict is Verdict.CONFIRMED
    assert words in finding.statement
    assert "20 ×" in finding.statement
    assert finding.first_affected == time_at(10)
    assert finding.recovered is not None
    (figure,) = [citation for citation in finding.citations if isinstance(citation, Figure)]
    assert figure.n == 20
    assert figure.exemplars


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            "timeout exceeded when trying to connect",
            "",
            "pool of connections is exhausted",
        ),  # Prisma 7 with an adapter: no code
        ("Timed out fetching a new connection from the connection pool.", "P2024", "pool of connections is exhausted"),
        ("sorry, too many clients already", "53300", "no connection left"),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "", "no connection left"),
        ("Can't reach database server at 127.0.0.1:5432", "P1001", "cannot be reached"),
        (
            "Authentication failed against the database server, the provided database credentials for `app` are "
            "not valid",
            "P1000",
            "does not accept",
        ),
        ("deadlock detected", "40P01", "deadlock"),
    ],
)
def test_each_way_the_database_fails_is_named(tmp_path: Path, error: str, code: str, words: str) -> None:
    finding = finding_of(tmp_path / "log", PRISMA, [*healthy(20), *failures("ExceptionsHandler", error, error, code)])
    assert finding.verdict is Verdict.CONFIRMED
    assert words in finding.statement


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("WHMCS API error: Authentication Failed", "error", "credentials"),
        ("WHMCS API error: Invalid IP 203.0.113.9", "error", "address"),
        ("WHMCS API error: Client ID Not Found", "error", "result: error"),
        ("WHMCS API answered no JSON: <!DOCTYPE html><html><title>Just a moment", "NOT_JSON", "page instead of JSON"),
        ("Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON", "", "page instead of JSON"),
        ("timeout of 15000ms exceeded", "ECONNABORTED", "in time"),
        ("connect ECONNREFUSED 192.0.2.1:443", "ECONNREFUSED", "cannot be reached"),
        ("Request failed with status code 503", "ERR_BAD_RESPONSE", "5xx"),
    ],
)
def test_each_way_whmcs_fails_is_a_finding_of_its_own(tmp_path: Path, error: str, code: str, words: str) -> None:
    finding = finding_of(tmp_path / "log", WHMCS, [*healthy(20), *whmcs(error, code=code)])
    assert finding.verdict is Verdict.CONFIRMED
    assert words in finding.statement
    assert finding.statement.count("×") == 1


def test_a_few_failures_among_many_calls_are_inconclusive(tmp_path: Path) -> None:
    finding = finding_of(
        tmp_path / "log", WHMCS, [*healthy(20), *whmcs("socket hang up", n=6, of=50, code="ECONNRESET")]
    )
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "not more than 20%" in finding.reason


@pytest.mark.parametrize("symptom", [REDIS, WHMCS, PRISMA])
def test_a_healthy_log_rules_it_out_over_its_window(tmp_path: Path, symptom: str) -> None:
    finding = finding_of(tmp_path / "log", symptom, healthy(20))
    assert finding.verdict is Verdict.RULED_OUT
    assert isinstance(finding.citations[0], Absence)
    assert finding.citations[0].window.until == time_at(20)


def test_one_failure_is_inconclusive(tmp_path: Path) -> None:
    finding = finding_of(
        tmp_path / "log", REDIS, [*healthy(20), *failures("CacheService", "Redis connection error", OOM, n=1)]
    )
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "chance" in finding.reason


def test_a_log_of_requests_alone_can_neither_confirm_nor_rule_out(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", REDIS, [request_line(place / 30, "GET /api/orders") for place in range(600)])
    assert finding.verdict is Verdict.NOT_CHECKED
    assert "only completed requests" in finding.reason


def test_a_log_that_ends_early_rules_nothing_out(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", REDIS, healthy(10))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "before the window does" in finding.reason


def test_answers_alone_confirm(tmp_path: Path) -> None:
    down = stored_answer(
        "redis.ping",
        status=Status.FAILED,
        reason="127.0.0.1:6379 refuses the connection: nothing listens there, or a firewall rejects it",
    )
    finding = finding_of(tmp_path / "log", REDIS, answers=[down])
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.citations == (Pointer(down.item, "/reason"),)
    full = stored_answer("redis.info", {}, warnings=["it is out of memory and refuses writes"])
    assert finding_of(tmp_path / "log", REDIS, answers=[stored_answer("redis.ping"), full]).verdict is Verdict.CONFIRMED
    sick = stored_answer("health", {"checks": {"cache": {"state": "down", "detail": "ECONNREFUSED"}}})
    assert "cache is down" in finding_of(tmp_path / "log", REDIS, answers=[sick]).statement


def test_answers_alone_rule_out_for_their_moment_only(tmp_path: Path) -> None:
    well = [stored_answer("redis.ping"), stored_answer("redis.info"), stored_answer("health", UP)]
    finding = finding_of(tmp_path / "log", REDIS, answers=well)
    assert finding.verdict is Verdict.RULED_OUT
    assert "when asked at 09:20:00" in finding.statement
    early = stored_answer("process", minute=-100)  # the window then begins long before anybody asked Redis
    finding = finding_of(tmp_path / "log", REDIS, answers=[early, *well])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "nothing tells of the time before" in finding.reason


def test_what_the_log_saw_is_not_undone_by_a_good_answer_later(tmp_path: Path) -> None:
    lines = [*healthy(20), *failures("CacheService", "Redis connection error", OOM)]
    finding = finding_of(tmp_path / "log", REDIS, lines, [stored_answer("redis.ping"), stored_answer("redis.info")])
    assert finding.verdict is Verdict.CONFIRMED
    assert "Redis answered well when asked" in finding.statement


def test_a_name_that_does_not_resolve_here_says_nothing_of_the_portal(tmp_path: Path) -> None:
    """In a container's network the BFF may know it."""
    unknown = stored_answer(
        "redis.ping",
        status=Status.FAILED,
        reason="the name redis does not resolve (Name or service not known)",
        fault=Fault.NETWORK,
    )
    finding = finding_of(tmp_path / "log", REDIS, answers=[unknown])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "this machine only" in finding.reason


@pytest.mark.parametrize(
    ("status", "fault", "verdict"),
    [
        (Status.PARTIAL, Fault.CREDENTIALS, Verdict.INCONCLUSIVE),
        (Status.PARTIAL, Fault.SYSTEM, Verdict.CONFIRMED),
        (Status.PARTIAL, Fault.OURS, Verdict.INCONCLUSIVE),
        (Status.FAILED, Fault.SYSTEM, Verdict.CONFIRMED),
        (Status.FAILED, Fault.NETWORK, Verdict.INCONCLUSIVE),
        (Status.FAILED, Fault.CREDENTIALS, Verdict.INCONCLUSIVE),
        (Status.FAILED, Fault.OURS, Verdict.INCONCLUSIVE),
        (Status.NOT_CHECKED, None, Verdict.NOT_CHECKED),
        (Status.OK, None, Verdict.RULED_OUT),
    ],
)
# What a sentence says, or a host in it is called, decides nothing.
@pytest.mark.parametrize(
    "reason",
    [
        "certificates.internal:443 refuses the connection",
        "interrupted: the name may not ask",
        "it is down and out of memory",
    ],
)
def test_whose_fault_an_answer_is_decides_and_never_its_words(
    tmp_path: Path, status: Status, fault: Fault | None, verdict: Verdict, reason: str
) -> None:
    stored = stored_answer("whmcs", status=status, reason="" if status is Status.OK else reason, fault=fault)
    assert finding_of(tmp_path / "log", WHMCS, answers=[stored]).verdict is verdict


def test_an_answer_that_was_stored_before_answers_said_whose_fault_they_are_is_read_as_it_was_then(
    tmp_path: Path,
) -> None:
    failed = stored_answer(
        "redis.ping", status=Status.FAILED, reason="127.0.0.1:6379 refuses the connection", fault=Fault.SYSTEM
    ).answer
    stored = failed.to_json()
    assert Answer.from_json(stored) == failed
    del stored["fault"]
    older = Answer.from_json(stored)
    assert (older.fault, older.blamed) == (None, Fault.SYSTEM)
    assert stored_answer("redis.ping").answer.blamed is None


def test_a_health_check_of_unknown_words_is_not_healthy(tmp_path: Path) -> None:
    symptom = "database_issues.health_database"
    odd = stored_answer(
        "health", {"checks": {"database": {"state": "unknown", "detail": ""}}}, Status.PARTIAL, "in no known words"
    )
    assert finding_of(tmp_path / "log", symptom, answers=[odd]).verdict is Verdict.INCONCLUSIVE
    assert (
        finding_of(
            tmp_path / "log",
            symptom,
            answers=[stored_answer("health", {"checks": {}}, Status.PARTIAL, "unknown shape")],
        ).verdict
        is Verdict.INCONCLUSIVE
    )
    assert finding_of(tmp_path / "log", symptom, answers=[stored_answer("health", UP)]).verdict is Verdict.RULED_OUT
    assert finding_of(tmp_path / "log", symptom, healthy(20)).verdict is Verdict.NOT_CHECKED


def test_failures_on_routes_of_orders_are_failures_of_provisioning(tmp_path: Path) -> None:
    symptom = "whmcs_unavailable.provisioning_fails"
    billing = [
        portal_line(
            10 + place / 60,
            "WhmcsService",
            "WHMCS API call failed",
            "timeout of 15000ms exceeded",
            url="GET /api/billing/invoices",
        )
        for place in range(9)
    ]
    finding = finding_of(tmp_path / "log", symptom, [*healthy(20), *billing])
    assert finding.verdict is Verdict.RULED_OUT
    assert "but elsewhere" in finding.statement
    orders = [
        portal_line(
            10 + place / 60,
            "WhmcsService",
            "WHMCS API call failed",
            "timeout of 15000ms exceeded",
            url="POST /api/orders",
        )
        for place in range(9)
    ]
    assert finding_of(tmp_path / "log", symptom, [*healthy(20), *billing, *orders]).verdict is Verdict.CONFIRMED


@pytest.mark.parametrize(
    ("symptom", "url"),
    [("billing_unavailable", "/api/billing/invoices"), ("payment_methods_fail", "/api/billing/payment-methods")],
)
def test_a_feature_fails_by_its_routes(tmp_path: Path, symptom: str, url: str) -> None:
    failing = [request_line(5 + place / 20, f"GET {url}", status=503 if place > 100 else 200) for place in range(200)]
    lines = [*healthy(20, per_minute=300), *failing]
    unnamed = finding_of(tmp_path / "log", f"whmcs_unavailable.{symptom}", lines)
    assert unnamed.verdict is Verdict.INCONCLUSIVE  # what is behind it may be anything
    finding = finding_of(
        tmp_path / "log", f"whmcs_unavailable.{symptom}", [*lines, *whmcs("timeout of 15000ms exceeded")]
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected is not None
    assert abs((finding.first_affected - time_at(5 + 101 / 20)).total_seconds()) < 1
    assert (
        finding_of(tmp_path / "log", f"whmcs_unavailable.{symptom}", healthy(20)).verdict is Verdict.INCONCLUSIVE
    )  # nobody asked
