"""Platform Events: when a silence is a fault, and when it is only quiet."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import finding_of, healthy, portal_line, request_line, stored_answer, time_at

from incident_kit.model.answer import Status
from incident_kit.model.finding import Pointer, Verdict

WAITING = "platform_events.orders_waiting"
SILENT = "platform_events.no_provisioning"
UNMOVED = "platform_events.replay_unmoved"
KEY = "sf:pe:replay:/event/OrderProvisionRequested__e"


def orders(since: float, until: float, per_minute: int = 2) -> list[str]:
    return [
        request_line(since + place / per_minute, "POST /api/orders", status=201)
        for place in range(int((until - since) * per_minute))
    ]


def events(since: float, until: float, per_minute: int = 2) -> list[str]:
    return [
        portal_line(since + 0.2 + place / per_minute, "PlatformEventsService", "Platform Event received", level=30)
        for place in range(int((until - since) * per_minute))
    ]


def keepalives(since: float, until: float) -> list[str]:
    return [
        portal_line(minute, "PubSubApiClient", "Received keepalive message. Latest replay ID: 4711", level=20)
        for minute in range(int(since), int(until))
    ]


def position(idle_s: float | None, value: str = "4711", minute: float = 20, key: str = KEY) -> object:
    return stored_answer(
        "redis.replay",
        {"positions": [{"key": key, "idle_s": idle_s, "position": value, "expires_in_s": None}]},
        minute=minute,
    )


@pytest.mark.parametrize("symptom", [WAITING, SILENT])
def test_events_that_follow_their_orders_rule_it_out(tmp_path: Path, symptom: str) -> None:
    assert (
        finding_of(tmp_path / "log", symptom, [*healthy(20), *orders(0, 20), *events(0, 20)]).verdict
        is Verdict.RULED_OUT
    )


@pytest.mark.parametrize("symptom", [WAITING, SILENT])
def test_orders_that_no_event_follows_confirm_it(tmp_path: Path, symptom: str) -> None:
    finding = finding_of(tmp_path / "log", symptom, [*healthy(20), *orders(0, 20), *events(0, 10)])
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected is not None
    assert time_at(9) <= finding.first_affected <= time_at(10.5)
    assert finding.recovered is None
    assert finding.citations


@pytest.mark.parametrize("symptom", [WAITING, SILENT])
def test_a_silence_that_ended_has_recovered(tmp_path: Path, symptom: str) -> None:
    finding = finding_of(tmp_path / "log", symptom, [*healthy(20), *orders(0, 20), *events(0, 8), *events(15, 20)])
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.recovered is not None
    assert time_at(15) <= finding.recovered <= time_at(15.5)


def test_no_event_without_an_order_is_no_fault(tmp_path: Path) -> None:
    lines = [*healthy(20), *orders(0, 10), *events(0, 10)]
    assert finding_of(tmp_path / "log", WAITING, lines).verdict is Verdict.RULED_OUT


def test_a_night_without_requests_is_inconclusive(tmp_path: Path) -> None:
    lines = [
        *healthy(10),
        *orders(0, 10),
        *events(0, 10),
        *(request_line(10 + minute, "GET /health") for minute in range(10)),
    ]
    finding = finding_of(tmp_path / "log", SILENT, lines)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "hardly any request" in finding.reason


def test_few_events_tell_no_rhythm(tmp_path: Path) -> None:
    assert finding_of(tmp_path / "log", SILENT, [*healthy(20), *events(0, 4)]).verdict is Verdict.INCONCLUSIVE


def test_a_log_that_never_speaks_of_events_is_inconclusive(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", WAITING, [*healthy(20), *orders(0, 20)])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "events.received" in finding.reason


def test_a_subscription_that_began_and_brought_nothing_is_a_fault(tmp_path: Path) -> None:
    began = portal_line(0.1, "PlatformEventsService", "Platform Event subscription active", level=30)
    assert finding_of(tmp_path / "log", WAITING, [*healthy(20), began, *orders(0, 20)]).verdict is Verdict.CONFIRMED


def test_an_unmoved_position_of_a_quiet_topic_is_no_fault(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", UNMOVED, [*healthy(20), *keepalives(0, 20)], [position(1200)])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "quiet topic" in finding.reason
    assert finding_of(tmp_path / "log", UNMOVED, answers=[position(7200)]).verdict is Verdict.INCONCLUSIVE


def test_an_unmoved_position_with_newer_orders_waiting_is_a_fault(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", UNMOVED, [*healthy(20), *orders(0, 20), *events(0, 10)], [position(600)])
    assert finding.verdict is Verdict.CONFIRMED
    assert "newer orders waited" in finding.statement
    assert any(isinstance(citation, Pointer) for citation in finding.citations)


def test_an_unmoved_position_of_a_dead_stream_is_a_fault(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", UNMOVED, [*healthy(20), *keepalives(0, 12)], [position(1200)])
    assert finding.verdict is Verdict.CONFIRMED
    assert "the stream is dead" in finding.statement
    assert (
        finding_of(tmp_path / "log", UNMOVED, [*healthy(20), *keepalives(0, 17)], [position(1200)]).verdict
        is Verdict.INCONCLUSIVE
    )


def test_an_unmoved_position_with_errors_since_is_a_fault(tmp_path: Path) -> None:
    error = portal_line(
        12,
        "PlatformEventsService",
        "Platform Event subscription lost",
        "16 UNAUTHENTICATED: sfdc.platform.eventbus.grpc.service.auth.error",
    )
    finding = finding_of(tmp_path / "log", UNMOVED, [*healthy(20), error], [position(1200)])
    assert finding.verdict is Verdict.CONFIRMED
    assert "the subscription failed (1 record)" in finding.statement
    moved_since = finding_of(
        tmp_path / "log", UNMOVED, [*healthy(20), error], [position(60)]
    )  # it moved after the error
    assert moved_since.verdict is Verdict.INCONCLUSIVE


def test_a_position_that_moved_between_two_answers_is_well(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", UNMOVED, answers=[position(5, "4711", 10), position(5, "4712", 12)])
    assert finding.verdict is Verdict.RULED_OUT
    assert "moved between 09:10:00 and 09:12:00" in finding.statement


def test_redis_that_was_not_asked_or_did_not_answer_is_not_green(tmp_path: Path) -> None:
    assert finding_of(tmp_path / "log", UNMOVED, healthy(20)).verdict is Verdict.NOT_CHECKED
    down = stored_answer("redis.replay", status=Status.FAILED, reason="refused")
    assert finding_of(tmp_path / "log", UNMOVED, answers=[down]).verdict is Verdict.INCONCLUSIVE
    assert (
        finding_of(tmp_path / "log", UNMOVED, answers=[stored_answer("redis.replay", {"positions": []})]).verdict
        is Verdict.INCONCLUSIVE
    )


@pytest.mark.parametrize(
    "error",
    [
        "3 INVALID_ARGUMENT: sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted",
        "401::Authentication invalid",
        "user hasn't approved this consumer",
        "403::Organization total events daily limit exceeded",
    ],
)
def test_refusals_of_salesforce_are_named(tmp_path: Path, error: str) -> None:
    lines = [
        portal_line(10 + place, "PlatformEventsService", "Platform Event subscription failed", error)
        for place in range(4)
    ]
    finding = finding_of(tmp_path / "log", "platform_events.subscription_broken", [*healthy(20), *lines])
    assert finding.verdict is Verdict.CONFIRMED
    assert "broke off" not in finding.statement  # the reason, not that something happened


def test_one_client_unknown_and_a_new_handshake_are_ordinary(tmp_path: Path) -> None:
    lines = [
        portal_line(10, "PlatformEventsService", "403::Unknown client", level=40),
        portal_line(10.1, "PlatformEventsService", "Platform Event subscription active", level=30),
    ]
    assert (
        finding_of(tmp_path / "log", "platform_events.subscription_broken", [*healthy(20), *lines]).verdict
        is Verdict.RULED_OUT
    )
