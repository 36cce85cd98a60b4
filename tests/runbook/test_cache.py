"""What customers notice when Redis fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import finding_of, healthy, portal_line, request_line, stored_answer, time_at

from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Verdict

OOM = "OOM command not allowed when used memory > 'maxmemory'."
GONE = "connect ECONNREFUSED 127.0.0.1:6379"
DOWN = stored_answer(
    "redis.ping", status=Status.FAILED, reason="127.0.0.1:6379 refuses the connection: nothing listens there"
)


def redis(error: str, since: float = 10, until: float = 20, per_minute: int = 20) -> list[str]:
    return [
        portal_line(since + place / per_minute, "CacheService", "Redis connection error", error)
        for place in range(int((until - since) * per_minute))
    ]


def counters(hits: int, misses: int, minute: float) -> StoredAnswer:
    return stored_answer("redis.info", {"stats": {"keyspace_hits": hits, "keyspace_misses": misses}}, minute=minute)


def environment(value: str | None) -> StoredAnswer:
    setting = {"set": True, "value": value} if value else {"set": False}
    return stored_answer("environment", {"file": "/srv/bff/.env", "settings": {"AUTH_BLACKLIST_FAIL_CLOSED": setting}})


def test_refused_sessions_are_failing_authentication(tmp_path: Path) -> None:
    refused = [request_line(10 + place / 30, "GET /api/orders", status=401) for place in range(300)]
    finding = finding_of(
        tmp_path / "log", "redis_failures.authentication_failing", [*healthy(10), *refused, *redis(GONE)]
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert "Redis cannot be reached" in finding.statement
    assert "100% of requests are refused" in finding.statement
    assert finding.first_affected == time_at(10)


def test_failing_sign_ins_are_failing_authentication(tmp_path: Path) -> None:
    failed = [request_line(10 + place / 6, "POST /api/auth/login", status=500) for place in range(60)]
    finding = finding_of(
        tmp_path / "log", "redis_failures.authentication_failing", [*healthy(20), *failed, *redis(OOM)]
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert "sign-ins fail" in finding.statement


def test_failing_sign_ins_are_not_blamed_on_a_redis_that_nothing_names(tmp_path: Path) -> None:
    failed = [request_line(10 + place / 6, "POST /api/auth/login", status=500) for place in range(60)]
    finding = finding_of(tmp_path / "log", "redis_failures.authentication_failing", [*healthy(20), *failed])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "nothing at that time names redis" in finding.reason
    down = finding_of(tmp_path / "log", "redis_failures.authentication_failing", [*healthy(20), *failed], [DOWN])
    assert down.verdict is Verdict.CONFIRMED


def test_expired_tokens_now_and_then_are_ordinary(tmp_path: Path) -> None:
    expired = [request_line(place, "GET /api/orders", status=401) for place in range(20)]
    assert (
        finding_of(tmp_path / "log", "redis_failures.authentication_failing", [*healthy(20), *expired]).verdict
        is Verdict.RULED_OUT
    )


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((1000, 100), (1010, 590), Verdict.CONFIRMED),
        ((1000, 100), (1900, 190), Verdict.RULED_OUT),
        ((1000, 100), (1005, 103), Verdict.INCONCLUSIVE),  # too few reads
        ((1000, 100), (5, 3), Verdict.INCONCLUSIVE),  # started again
    ],
)
def test_misses_are_judged_by_the_difference_of_two_answers(
    tmp_path: Path, first: tuple[int, int], second: tuple[int, int], verdict: Verdict
) -> None:
    answers = [counters(*first, 10), counters(*second, 12), stored_answer("redis.ping", minute=12)]
    assert finding_of(tmp_path / "log", "redis_failures.cache_misses", answers=answers).verdict is verdict


def test_one_reading_of_the_counters_says_nothing_of_now(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", "redis_failures.cache_misses", answers=[counters(10, 990, 10)])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "recheck" in finding.reason


def test_where_nothing_can_be_read_every_read_misses(tmp_path: Path) -> None:
    symptom = "redis_failures.cache_misses"
    assert finding_of(tmp_path / "log", symptom, answers=[DOWN]).verdict is Verdict.CONFIRMED
    assert finding_of(tmp_path / "log", symptom, [*healthy(20), *redis(GONE)]).verdict is Verdict.CONFIRMED
    full = finding_of(tmp_path / "log", symptom, [*healthy(20), *redis(OOM)])
    assert full.verdict is Verdict.NOT_CHECKED  # out of memory it still answers reads


def test_the_log_may_tell_of_hits_and_misses_itself(tmp_path: Path) -> None:
    hits = [portal_line(place / 60, "CacheService", "cache hit products", level=20) for place in range(600)]
    misses = [portal_line(10 + place / 60, "CacheService", "cache miss products", level=20) for place in range(600)]
    assert (
        finding_of(tmp_path / "log", "redis_failures.cache_misses", [*healthy(20), *hits, *misses]).verdict
        is Verdict.CONFIRMED
    )
    assert (
        finding_of(tmp_path / "log", "redis_failures.cache_misses", [*healthy(20), *hits]).verdict is Verdict.RULED_OUT
    )


def limited(since: float, until: float) -> list[str]:
    return [
        request_line(since + place / 4, "GET /api/catalog", status=429) for place in range(int((until - since) * 4))
    ]


def test_limits_that_stop_with_redis_are_gone(tmp_path: Path) -> None:
    finding = finding_of(
        tmp_path / "log", "redis_failures.rate_limit_gone", [*healthy(20), *limited(0, 10), *redis(GONE)]
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert "40 requests were limited before 09:10:00 UTC" in finding.statement


def test_limits_that_go_on_work(tmp_path: Path) -> None:
    assert (
        finding_of(
            tmp_path / "log", "redis_failures.rate_limit_gone", [*healthy(20), *limited(0, 20), *redis(OOM)]
        ).verdict
        is Verdict.RULED_OUT
    )


def test_without_any_429_nothing_is_known_of_limits(tmp_path: Path) -> None:
    assert finding_of(tmp_path / "log", "redis_failures.rate_limit_gone", healthy(20)).verdict is Verdict.INCONCLUSIVE


def test_errors_of_the_throttler_confirm(tmp_path: Path) -> None:
    lines = [
        portal_line(10 + place / 10, "ThrottlerStorageRedis", "increment failed", "Command timed out")
        for place in range(10)
    ]
    named = [
        portal_line(10 + place / 10, "AppModule", "ThrottlerStorage | error while incrementing") for place in range(10)
    ]
    assert (
        finding_of(tmp_path / "log", "redis_failures.rate_limit_gone", [*healthy(20), *named]).verdict
        is Verdict.CONFIRMED
    )
    assert (
        finding_of(tmp_path / "log", "redis_failures.redis_errors", [*healthy(20), *lines]).verdict is Verdict.CONFIRMED
    )  # it is Redis that times out


def streams(since: float, until: float, per_minute: int, lived_s: float) -> list[str]:
    return [
        request_line(since + place / per_minute, "GET /api/events", ms=lived_s * 1000, stream=True)
        for place in range(int((until - since) * per_minute))
    ]


def test_streams_that_end_at_once_and_often_are_dropping(tmp_path: Path) -> None:
    finding = finding_of(
        tmp_path / "log",
        "redis_failures.streams_dropping",
        [*healthy(20), *streams(0, 15, 4, 90), *streams(15, 17, 30, 5), *redis(GONE)],
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected is not None
    assert time_at(15) <= finding.first_affected <= time_at(15.1)


def test_a_deploy_that_ends_all_streams_is_not_blamed_on_redis(tmp_path: Path) -> None:
    dropped = [*healthy(20), *streams(0, 15, 4, 90), *streams(15, 16, 60, 5)]
    assert finding_of(tmp_path / "log", "redis_failures.streams_dropping", dropped).verdict is Verdict.INCONCLUSIVE


def test_streams_that_live_and_end_as_usual_do_not_drop(tmp_path: Path) -> None:
    assert (
        finding_of(tmp_path / "log", "redis_failures.streams_dropping", [*healthy(20), *streams(0, 20, 4, 90)]).verdict
        is Verdict.RULED_OUT
    )
    assert finding_of(tmp_path / "log", "redis_failures.streams_dropping", healthy(20)).verdict is Verdict.INCONCLUSIVE


def test_streams_that_cannot_be_opened_drop_too(tmp_path: Path) -> None:
    failed = [request_line(10 + place / 10, "GET /api/events", status=500) for place in range(20)]
    assert (
        finding_of(
            tmp_path / "log",
            "redis_failures.streams_dropping",
            [*healthy(20), *streams(0, 10, 4, 90), *failed, *redis(GONE)],
        ).verdict
        is Verdict.CONFIRMED
    )


@pytest.mark.parametrize(
    ("value", "answers", "lines", "verdict"),
    [
        ("false", [DOWN], [], Verdict.CONFIRMED),
        ("false", [], redis(GONE), Verdict.CONFIRMED),
        ("false", [stored_answer("redis.ping")], [], Verdict.INCONCLUSIVE),
        ("true", [DOWN], redis(GONE), Verdict.RULED_OUT),
        (None, [DOWN], redis(GONE), Verdict.INCONCLUSIVE),
    ],
)
def test_an_open_blacklist_is_a_finding_while_redis_fails(
    tmp_path: Path, value: str | None, answers: list[StoredAnswer], lines: list[str], verdict: Verdict
) -> None:
    finding = finding_of(
        tmp_path / "log", "redis_failures.blacklist_open", [*healthy(20), *lines], [environment(value), *answers]
    )
    assert finding.verdict is verdict


def test_an_unknown_setting_is_not_checked(tmp_path: Path) -> None:
    assert (
        finding_of(tmp_path / "log", "redis_failures.blacklist_open", [*healthy(20), *redis(GONE)]).verdict
        is Verdict.NOT_CHECKED
    )
