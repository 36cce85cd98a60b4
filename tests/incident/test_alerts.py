"""What alerting systems send is known, with its title, its time and what it is known by; anything else is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_kit.incident.alerts import MOST_BYTES, Notification, hashed, recognise
from incident_kit.model.times import iso

SENT = Path(__file__).with_name("alerts")
# File: system, title, firing, time, link.
READ = {
    "alertmanager_firing": (
        "Alertmanager",
        "PortalErrors: one request in five fails",
        True,
        "2026-11-23T03:53:41.118Z",
        "http://prometheus.example/graph?g0.expr=x",
    ),
    "alertmanager_resolved": (
        "Alertmanager",
        "PortalErrors: one request in five fails",
        False,
        "2026-11-23T04:07:02.000Z",
        "http://prometheus.example/graph?g0.expr=x",
    ),
    "grafana_firing": (
        "Grafana",
        "Slow top-ups: p95 above 2 s",
        True,
        "2026-11-23T09:54:10.000Z",
        "https://grafana.example/alerting/grafana/d1/view",
    ),
    "grafana_legacy": ("Grafana", "Portal 5xx", True, None, "https://grafana.example/d/x?viewPanel=2"),
    "pagerduty_event": (
        "PagerDuty",
        "Portal does not answer",
        True,
        "2026-11-23T09:53:00.000Z",
        "https://prober.example/p/1/now",
    ),
    "pagerduty_v3": (
        "PagerDuty",
        "Orders wait for provisioning",
        True,
        "2026-11-23T09:55:01.000Z",
        "https://portal.pagerduty.example/incidents/PGR0VU2",
    ),
    "pagerduty_v3_resolved": (
        "PagerDuty",
        "Orders wait for provisioning",
        False,
        "2026-11-23T10:40:00.000Z",
        "https://portal.pagerduty.example/incidents/PGR0VU2",
    ),
    "pagerduty_v2": (
        "PagerDuty",
        "Billing pages fail",
        True,
        "2026-11-23T09:55:00.000Z",
        "https://portal.pagerduty.example/incidents/PRORDTY",
    ),
    "opsgenie_create": ("Opsgenie", "Redis refuses writes", True, "2026-11-23T09:54:01.000Z", ""),
}


def sent(name: str) -> bytes:
    return (SENT / f"{name}.json").read_bytes()


def known(content: bytes) -> Notification:
    return recognise(content)[0]


@pytest.mark.parametrize("name", READ)
def test_what_a_system_sends_is_read(name: str) -> None:
    alert = known(sent(name))
    happened = iso(alert.happened) if alert.happened else None
    assert (alert.system, alert.title, alert.firing, happened, alert.link) == READ[name]
    assert alert.fingerprints


def test_every_sample_has_its_row() -> None:
    assert {path.stem for path in SENT.glob("*.json")} == set(READ)


@pytest.mark.parametrize(
    ("first", "then"), [("alertmanager_firing", "alertmanager_resolved"), ("pagerduty_v3", "pagerduty_v3_resolved")]
)
def test_an_alert_that_is_over_is_known_by_the_same_fingerprint(first: str, then: str) -> None:
    assert set(known(sent(first)).fingerprints) & set(known(sent(then)).fingerprints)


def test_the_secret_key_of_an_event_is_not_taken() -> None:
    assert "r0ut1ng" not in json.dumps(known(sent("pagerduty_event")).to_data("item"))


def test_a_fingerprint_is_kept_as_a_hash_because_it_may_be_an_address() -> None:
    data = json.loads(sent("pagerduty_event"))
    data["dedup_key"] = "aiko.tanaka@portal.example"
    kept = known(json.dumps(data).encode()).to_data("item")
    assert kept["fingerprints"] == [hashed("aiko.tanaka@portal.example")]
    assert "aiko" not in json.dumps(kept)


def test_labels_stand_in_where_an_alert_has_no_fingerprint() -> None:
    data = json.loads(sent("alertmanager_firing"))
    for alert in data["alerts"]:
        del alert["fingerprint"]
    first, over = recognise(json.dumps(data).encode())
    data["alerts"][0]["labels"]["route"] = "/api/cards"
    other, over_too = recognise(json.dumps(data).encode())
    assert first.fingerprints != other.fingerprints
    assert over.fingerprints == over_too.fingerprints


def test_a_title_is_one_line_and_no_novel() -> None:
    data = json.loads(sent("pagerduty_event"))
    data["payload"]["summary"] = "Portal\n\n  down " + "x" * 1000
    title = known(json.dumps(data).encode()).title
    assert title.startswith("Portal down x")
    assert len(title) <= 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PortalErrors is firing",
        b"[]",
        b"{}",
        b"null",
        b'{"status": "firing", "alerts": []}',
        b'{"alerts": [1, 2], "groupLabels": {}}',
        b'{"event": {"event_type": "service.updated"}}',
        b'{"action": "Create", "alert": "x"}',
        b'{"messages": [{"event": "ping"}]}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b" " * (MOST_BYTES + 1),
    ],
    ids=range(13),
)
def test_what_no_system_sends_is_nothing(content: bytes) -> None:
    assert recognise(content) == ()


def test_a_time_without_a_zone_or_of_year_one_is_not_taken() -> None:
    data = json.loads(sent("pagerduty_event"))
    for odd in ("2026-11-23T09:53:00", "0001-01-01T00:00:00Z", "yesterday", 7, None):
        data["payload"]["timestamp"] = odd
        assert known(json.dumps(data).encode()).happened is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(READ)), st.data())
def test_whatever_stands_in_a_field_an_alert_is_read_or_is_nothing(name: str, data: st.DataObject) -> None:
    content = json.loads(sent(name))
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            places.append((value, key))
            walk(value[key])

    walk(content)
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)
    assert all(json.dumps(alert.to_data("item")) for alert in recognise(json.dumps(content).encode()))


def test_a_group_says_apart_what_fires_and_what_is_over() -> None:
    firing, over = recognise(sent("alertmanager_firing"))
    assert (firing.firing, firing.fingerprints) == (True, ("8a1c0f6f2f0e9b77",))
    assert (over.firing, over.fingerprints) == (False, ("11ab0f6f2f0e9b01",))


def test_secrets_in_labels_and_links_do_not_reach_the_journal() -> None:
    data = json.loads(sent("alertmanager_firing"))
    for alert in data["alerts"]:
        alert["labels"]["api_key"] = "Zq8vT1nW5xR2kL9p"
        alert["generatorURL"] = "https://ops:Zq8vT1nW5xR2kL9p@prometheus.example/graph"
    for part in recognise(json.dumps(data).encode()):
        assert "Zq8vT1nW5xR2kL9p" not in json.dumps(part.to_data("item"))
