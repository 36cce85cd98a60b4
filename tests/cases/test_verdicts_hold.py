"""Verdicts that were once said too surely, or not at all: small logs, and what may and may not be said of them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from case_logs import record, request, write

from incident_kit import logs, runbook
from incident_kit.model.answer import Answer, Status, StoredAnswer
from incident_kit.model.finding import Finding, Verdict
from incident_kit.model.source import Source
from incident_kit.model.times import Window
from incident_kit.runbook.ranking import Ranked
from incident_kit.timeline.impact import Impact

BOOK = runbook.load()
BEGAN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
RECORDED = Path(__file__).parents[1] / "recorded"
CONFIRMED, RULED_OUT = Verdict.CONFIRMED, Verdict.RULED_OUT


@dataclass(frozen=True)
class Triaged:
    """What triage says of a log."""

    ranked: list[Ranked]
    impact: Impact
    changes: list[Any]
    coverage: Mapping[str, Any]

    @property
    def findings(self) -> dict[str, Finding]:
        return {f"{place.scenario.id}/{one.symptom}": one for place in self.ranked for one in place.findings}

    @property
    def confirmed(self) -> list[str]:
        return sorted(name for name, finding in self.findings.items() if finding.verdict is CONFIRMED)

    def verdict(self, name: str) -> Verdict:
        return self.findings[name].verdict


def triaged(
    folder: Path, lines: Iterable[str], minutes: float, answers: Iterable[StoredAnswer] = (), shift_s: float = 0
) -> Triaged:
    """Triage of one log over so many minutes from nine o'clock on."""
    path = write(folder / "made.log", lines)
    since = BEGAN + timedelta(seconds=shift_s)
    window = Window(since, since + timedelta(minutes=minutes))
    with logs.read([Source("0123456789", path, "made.log")], window, dependencies=BOOK.dependencies) as records:
        case = runbook.Case(records, window, BOOK, (), tuple(answers))
        ranked = runbook.triage(BOOK, case)
        return Triaged(ranked, case.impact, case.changes, case.coverage.to_json())


def answered(question: str, second: float, data: Mapping[str, Any], took_ms: float = 1.0) -> StoredAnswer:
    asked_at = BEGAN + timedelta(seconds=second)
    answer = Answer(question, "asked", "TARGET", asked_at, took_ms, Status.OK, data=data)
    return StoredAnswer(f"item-{question}"[:10], answer)


def ordinary(minutes: float, every_s: float = 2.0) -> list[str]:
    """A portal that is well: its start, and requests of fifty customers."""
    lines = [record(0, "Nest application successfully started", context="NestApplication")]
    for place in range(int(minutes * 60 / every_s)):
        lines.append(request(place * every_s + 0.1, url=f"/api/orders/{place}", client=f"203.0.113.{place % 50}"))
    return lines


def failed(second: float, context: str, message: str, error: str = "", kind: str = "Error", **fields: object) -> str:
    error_fields = {"err": {"type": kind, "message": error, "stack": f"{kind}: {error}"}} if error else {}
    return record(second, message, 50, context=context, **error_fields, **fields)


def test_an_ordinary_log_confirms_nothing_and_rules_out_what_it_would_have_shown(tmp_path: Path) -> None:
    said = triaged(tmp_path, ordinary(30), 30)
    assert said.confirmed == []
    assert said.changes == []
    for name in ("redis_failures/redis_errors", "whmcs_unavailable/whmcs_fails", "high_error_rate/error_rate"):
        assert said.verdict(name) is RULED_OUT
    assert "A failure of 20% for 5 minutes would have been seen." in (
        said.findings["high_error_rate/error_rate"].statement
    )


@pytest.mark.parametrize(
    "line",
    [
        "Nov 25 09:%02d:%02d mail postfix/smtpd[811]: connect from unknown[198.51.100.7]",
        "Nov 25 09:%02d:%02d bastion sshd[4021]: Invalid user postgres from 198.51.100.7 port 40022",
        '198.51.100.7 - - [25/Nov/2026:09:%02d:%02d +0000] "GET /api/orders/7 HTTP/1.1" 200 120 "-" "curl/8"',
    ],
)
def test_the_log_of_another_program_rules_out_nothing_of_the_portal(tmp_path: Path, line: str) -> None:
    said = triaged(tmp_path, [line % divmod(second, 60) for second in range(1200)], 20)
    for name in (
        "redis_failures/redis_errors",
        "whmcs_unavailable/whmcs_fails",
        "database_issues/prisma_errors",
        "high_error_rate/freebit_fails",
        "platform_events/subscription_broken",
    ):
        assert said.verdict(name) is Verdict.NOT_CHECKED, name
        assert said.findings[name].reason


def test_a_log_without_durations_says_nothing_of_slowness(tmp_path: Path) -> None:
    line = '198.51.100.%d - - [25/Nov/2026:09:%02d:%02d +0000] "GET /api/orders/7 HTTP/1.1" 200 120 "-" "curl/8"'
    said = triaged(tmp_path, [line % (second % 50, *divmod(second, 60)) for second in range(1200)], 20)
    slow = said.findings["high_error_rate/slow_responses"]
    assert slow.verdict is Verdict.NOT_CHECKED
    assert "no durations" in slow.reason


def test_nothing_is_ruled_out_over_a_hole(tmp_path: Path) -> None:
    lines = [line for line in ordinary(90) if not 1800 <= (json.loads(line)["time"] - 1_795_597_200_000) / 1000 < 3300]
    said = triaged(tmp_path, lines, 90)
    assert RULED_OUT not in {
        said.verdict(name)
        for name in ("high_error_rate/error_rate", "redis_failures/redis_errors", "high_error_rate/slow_responses")
    }
    assert "from 09:30:00 to 09:55:00 UTC" in said.findings["high_error_rate/error_rate"].reason
    assert [change.kind for change in said.changes] == ["traffic_stopped"]


@pytest.mark.parametrize(
    ("symptom", "kind", "error"),
    [
        ("database_issues/prisma_errors", "PrismaClientUnknownRequestError", "prepared statement s1 already exists"),
        ("database_issues/prisma_errors", "DriverAdapterError", "unexpected message from server"),
        ("database_issues/connections_exhausted", "Error", "query_wait_timeout"),
        ("database_issues/connections_exhausted", "error", "no more connections allowed (max_client_conn)"),
        ("redis_failures/redis_errors", "ReplyError", "NOREPLICAS Not enough good replicas to write."),
        ("redis_failures/redis_errors", "Error", "All sentinels are unreachable. Retrying from scratch after 10ms."),
    ],
)
def test_the_families_of_errors_of_a_system_are_its_own(tmp_path: Path, symptom: str, kind: str, error: str) -> None:
    lines = [*ordinary(20), *(failed(600 + place * 3, "OrdersService", error, error, kind) for place in range(60))]
    assert triaged(tmp_path, lines, 20).verdict(symptom) is CONFIRMED


def test_errors_that_nobody_classified_are_named_and_rule_nothing_out_that_they_could_be(tmp_path: Path) -> None:
    lines = [
        *ordinary(20),
        *(
            failed(600 + place, "OrdersService", "call failed", "connect ECONNREFUSED 10.0.0.9:8443")
            for place in range(40)
        ),
    ]
    finding = triaged(tmp_path, lines, 20).findings["whmcs_unavailable/whmcs_fails"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "40 × OrdersService: connect ECONNREFUSED" in finding.statement
    own_mistakes = [
        *ordinary(20),
        *(failed(600 + place, "OrdersService", "x is undefined", "x is undefined") for place in range(40)),
    ]
    assert triaged(tmp_path, own_mistakes, 20).verdict("whmcs_unavailable/whmcs_fails") is RULED_OUT


def test_errors_under_the_id_of_a_failing_order_are_of_that_order(tmp_path: Path) -> None:
    lines = ordinary(20)
    for place in range(60):
        second = 600 + place * 4
        lines.append(
            failed(second, "WhmcsService", "WHMCS API call failed", "status code 502", reqId=f"r{second + 1.0}")
        )
        lines.append(request(second + 1.0, "POST", "/api/orders", 503))
    finding = triaged(tmp_path, lines, 20).findings["whmcs_unavailable/provisioning_fails"]
    assert finding.verdict is CONFIRMED
    assert finding.first_affected == BEGAN + timedelta(seconds=600)


def outage_of_redis(since: float, until: float) -> list[str]:
    lines = []
    for place in range(int((until - since) * 2)):
        second = since + place / 2
        error = "connect ECONNREFUSED 10.0.0.3:6379"
        lines.append(failed(second, "CacheService", "Redis connection error", error))
        lines.append(request(second + 0.1, url="/api/billing/invoices", status=500, client="203.0.113.4"))
    return lines


@pytest.mark.parametrize("before_s", [20, 45, 100])
def test_one_line_names_no_system(tmp_path: Path, before_s: float) -> None:
    well = [request(place + 0.3, url="/api/billing/invoices", client="203.0.113.5") for place in range(900)]
    stray = failed(900 - before_s, "WhmcsService", "WHMCS API call failed", "socket hang up")
    said = triaged(tmp_path, [*ordinary(20), *well, stray, *outage_of_redis(900, 1140)], 20)
    assert said.ranked[0].scenario.id == "redis_failures"
    assert said.verdict("whmcs_unavailable/billing_unavailable") is Verdict.INCONCLUSIVE
    assert said.verdict("whmcs_unavailable/whmcs_fails") is Verdict.INCONCLUSIVE


def test_single_pool_timeouts_far_apart_are_chance_in_every_symptom(tmp_path: Path) -> None:
    error = "Timed out fetching a new connection from the connection pool"
    lines = [*ordinary(30), *(failed(second, "OrdersService", "order failed", error) for second in (200, 800, 1500))]
    said = triaged(tmp_path, lines, 30)
    assert said.confirmed == []
    assert said.verdict("database_issues/connections_exhausted") is Verdict.INCONCLUSIVE
    assert said.verdict("database_issues/prisma_errors") is Verdict.INCONCLUSIVE


def test_a_balancer_that_asks_for_the_health_hides_no_outage_and_takes_nothing_away(tmp_path: Path) -> None:
    probes = [request(second + 0.7, url="/health", client="10.0.0.2") for second in range(3600)]
    assert triaged(tmp_path, [*ordinary(60, 4), *probes], 60).confirmed == []
    failing = [
        request(place * 4 + 0.1, url="/api/me", status=500 if 1200 <= place * 4 < 1800 else 200) for place in range(900)
    ]
    said = triaged(tmp_path, [*failing, *probes], 60)
    error_rate = said.findings["high_error_rate/error_rate"]
    assert said.ranked[0].scenario.id == "high_error_rate"
    assert error_rate.verdict is CONFIRMED
    assert error_rate.statement.startswith("All requests: 100.0% failed")
    assert said.verdict("security_incident/volumes") is not CONFIRMED


def sign_in(second: float, status: int, client: str, user: str) -> str:
    asked = {"id": f"s{second}", "method": "POST", "url": "/api/auth/login", "remoteAddress": client}
    return record(second, "request completed", req=asked, res={"statusCode": status}, responseTime=70, userId=user)


def test_behind_proxies_addresses_are_nobodys(tmp_path: Path) -> None:
    lines = [
        sign_in(place * 3, 401 if place % 17 == 0 else 200, f"192.168.7.{place % 4}", f"user{place % 40}")
        for place in range(600)
    ]
    said = triaged(tmp_path, [*ordinary(30), *lines], 30)
    assert said.confirmed == []
    assert said.verdict("security_incident/one_account") is Verdict.NOT_CHECKED
    assert "proxies" in said.findings["security_incident/one_account"].reason


def test_who_moves_about_and_gets_in_is_no_victim_and_an_account_that_is_guessed_is(tmp_path: Path) -> None:
    moving = [sign_in(place * 100, 200, f"203.0.113.{place}", "traveller") for place in range(12)]
    others = [sign_in(place * 7 + 1, 200, f"198.51.100.{place % 90}", f"user{place % 90}") for place in range(170)]
    assert triaged(tmp_path, [*ordinary(20), *others, *moving], 20).confirmed == []
    guessed = [sign_in(place * 100, 401, f"203.0.113.{place}", "victim") for place in range(12)]
    said = triaged(tmp_path, [*ordinary(20), *others, *guessed], 20)
    assert said.verdict("security_incident/one_account") is CONFIRMED


def test_slow_spraying_is_not_ruled_out(tmp_path: Path) -> None:
    usual = [sign_in(place * 11, 200, f"198.51.100.{place % 90}", f"user{place % 90}") for place in range(160)]
    sprayed = [sign_in(900 + place * 7, 401, f"203.0.113.{place}", f"other{place}") for place in range(60)]
    finding = triaged(tmp_path, [*ordinary(30), *usual, *sprayed], 30).findings["security_incident/sign_in_burst"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "60 addresses" in finding.statement


def test_a_client_that_guesses_addresses_is_named_and_one_that_polls_a_lost_page_is_not(tmp_path: Path) -> None:
    guesses = [
        request(600 + place / 4, url=f"/api/orders/{9000 + place}", status=404, client="198.51.100.66")
        for place in range(400)
    ]
    finding = triaged(tmp_path, [*ordinary(20), *guesses], 20).findings["security_incident/guessed_addresses"]
    assert finding.verdict is CONFIRMED
    assert finding.statement.startswith("198.51.100.66 was refused 400 of 400 requests")
    polling = [
        request(600 + place / 4, url="/api/orders/9000", status=404, client="198.51.100.66") for place in range(400)
    ]
    assert triaged(tmp_path, [*ordinary(20), *polling], 20).confirmed == []


def test_redis_that_is_held_up_by_slow_commands_did_not_answer_well(tmp_path: Path) -> None:
    entries = [
        {"at": (BEGAN + timedelta(seconds=600 + place * 6)).isoformat(), "duration_ms": 5000.0, "command": "keys a..."}
        for place in range(40)
    ]
    ping = answered("redis.ping", 890, {"reply": "PONG"}, took_ms=1400)
    slow = answered("redis.slowlog", 890, {"entries": entries, "held": 128})
    said = triaged(tmp_path, ordinary(15), 15, [ping, slow])
    assert said.ranked[0].scenario.id == "redis_failures"
    assert said.verdict("redis_failures/slow_commands") is CONFIRMED
    assert said.verdict("redis_failures/redis_errors") is Verdict.INCONCLUSIVE
    old = [{**entry, "at": "2026-11-18T09:00:00Z", "duration_ms": 12.0} for entry in entries]
    well = [answered("redis.ping", 890, {"reply": "PONG"}), answered("redis.slowlog", 890, {"entries": old, "held": 1})]
    assert triaged(tmp_path, ordinary(15), 15, well).confirmed == []


def test_a_position_that_moved_a_moment_ago_does_not_stand_still(tmp_path: Path) -> None:
    broken = [failed(890 + place, "PlatformEventsService", "Platform Event subscription failed") for place in range(4)]
    moved = {"positions": [{"key": "sf:pe:replay:/event/X__e", "position": "7", "idle_s": 9}]}
    said = triaged(tmp_path, [*ordinary(15), *broken], 15, [answered("redis.replay", 896, moved)])
    assert said.verdict("platform_events/replay_unmoved") is not CONFIRMED


def test_a_feature_whose_requests_are_all_refused_is_not_well(tmp_path: Path) -> None:
    billing = [
        request(place * 2 + 0.4, url="/api/billing/invoices", status=404 if place > 900 else 200)
        for place in range(1800)
    ]
    said = triaged(tmp_path, [*ordinary(60), *billing], 60)
    finding = said.findings["whmcs_unavailable/billing_unavailable"]
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "refused (4xx)" in finding.reason
    assert [(change.kind, change.name) for change in said.changes if change.name] == [
        ("refusals", "GET /api/billing/invoices")
    ]


def shifted(content: str, seconds: float) -> list[str]:
    """The same lines so many seconds later."""
    moved = re.sub(r'"time":(\d{13})', lambda found: f'"time":{int(found[1]) + round(seconds * 1000)}', content)
    return moved.split("\n")[:-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["redis_made_for_this", "redis_out_of_memory", "blocking_chain"])
def test_no_verdict_depends_on_where_the_minutes_of_the_clock_begin(tmp_path: Path, name: str) -> None:
    if name == "redis_made_for_this":
        lines = [*ordinary(20), *outage_of_redis(700, 910)]
        content, begun, minutes = "\n".join(lines) + "\n", BEGAN, 20.0
    else:
        (item,) = [
            path.parent
            for path in (RECORDED / name / "evidence").glob("*/item.json")
            if json.loads(path.read_text(encoding="utf-8"))["kind"] == "slice"
        ]
        raw = (item / "content").read_bytes()
        content = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
        details = json.loads((item / "item.json").read_text(encoding="utf-8"))["details"]["window"]
        begun, until = (datetime.fromisoformat(details[bound]) for bound in ("since", "until"))
        minutes = (until - begun) / timedelta(minutes=1)
    offset = (begun - BEGAN).total_seconds()
    verdicts = [
        {
            symptom: finding.verdict
            for symptom, finding in triaged(
                tmp_path, shifted(content, seconds), minutes, shift_s=offset + seconds
            ).findings.items()
        }
        for seconds in (0, -150, -77, 41, 150)
    ]
    assert all(other == verdicts[0] for other in verdicts[1:])
