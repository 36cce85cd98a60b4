"""What alerting systems send, recognised: JSON of Alertmanager, Grafana, PagerDuty and Opsgenie.

Each function below reads one system's notification, as its documentation has it:

    Alertmanager  webhook                       prometheus.io/docs/alerting/latest/configuration/#webhook_config
    Grafana       webhook of unified alerting (Alertmanager's with a title), and the older one with ruleName
    PagerDuty     Events API v2, webhooks v2 and v3
    Opsgenie      outgoing webhook

A field that is missing or of another type is left out: a notification that is only half understood still opens an
incident. Times without a zone are not taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.model.fields import Unusable, parse_json, without_halves
from incident_kit.model.redaction import REDACTION
from incident_kit.model.times import iso, parse_iso

# A notification is some kilobytes; what is larger is something else.
MOST_BYTES = 4 << 20
MOST_TITLE = 200
# Years in which an incident can have been noticed; a zero time (year 1) means "not yet".
YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Notification:
    """An alert as its system tells it.

    `happened` is when it began to fire, or ended where it is not `firing` any more. `fingerprints` are what the system
    knows the alert by. `labels` are what it says of it.
    """

    system: str
    title: str
    firing: bool
    happened: datetime | None
    fingerprints: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    link: str = ""

    def to_data(self, item: str) -> dict[str, Any]:
        """The fields of its entry in the journal; `item` is the evidence that holds all of it.

        A fingerprint is kept as a hash: it is compared and never read, and may hold an address. Labels and the link are
        redacted where they are written: the journal goes into every run, and all of the alert is kept as evidence.
        """
        return {
            "system": self.system,
            "firing": self.firing,
            "fingerprints": [hashed(fingerprint) for fingerprint in self.fingerprints],
            "labels": REDACTION.tree(dict(self.labels)),
            "link": REDACTION.text(self.link),
            "item": item,
        }


def hashed(fingerprint: str) -> str:
    """The first half of its SHA-256: enough to know it again."""
    return hashlib.sha256(fingerprint.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def recognise(content: bytes) -> tuple[Notification, ...]:
    """The notifications in these bytes: of what fires, then of what is over. None of what no system here sends."""
    if len(content) > MOST_BYTES:
        return ()
    try:
        data = without_halves(parse_json(content.removeprefix(b"\xef\xbb\xbf")))
    except Unusable:
        return ()
    if not isinstance(data, dict):
        return ()
    if grouped := _alertmanager(data):
        return grouped
    return tuple(notification for read in READERS if (notification := read(data)))[:1]


def _alertmanager(data: Mapping[str, Any]) -> tuple[Notification, ...]:
    """Alertmanager's webhook; Grafana's is the same with a title, an organisation and a state.

    It groups alerts: some of them may fire while others are over.
    """
    alerts = [alert for alert in _list(data, "alerts") if isinstance(alert, dict)]
    if not alerts or "groupLabels" not in data:
        return ()
    over = [alert for alert in alerts if (_text(alert, "status") or _text(data, "status")) == "resolved"]
    firing = [alert for alert in alerts if alert not in over]
    return tuple(_of_group(data, part, part is firing) for part in (firing, over) if part)


def _of_group(data: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]], firing: bool) -> Notification:
    """The alerts of a group that fire, or those that are over."""
    first = alerts[0]
    common = {**_texts(data, "commonLabels"), **_texts(first, "labels")}
    grafana = "orgId" in data or "title" in data
    name = common.get("alertname", "")
    said = (
        _text(first, "annotations", "summary")
        or _text(data, "commonAnnotations", "summary")
        or _text(first, "annotations", "description")
    )
    times = [moment for alert in alerts if (moment := _moment(_text(alert, "startsAt" if firing else "endsAt")))]
    prints = [_text(alert, "fingerprint") or _labels_key(_texts(alert, "labels")) for alert in alerts]
    return Notification(
        system="Grafana" if grafana else "Alertmanager",
        title=_title(said if not name or name in said else f"{name}: {said}" if said else name, _text(data, "title")),
        firing=firing,
        happened=(min if firing else max)(times, default=None),
        fingerprints=tuple(dict.fromkeys(filter(None, prints))) or _known(_text(data, "groupKey")),
        labels=common,
        link=_text(first, "generatorURL") or _text(first, "panelURL") or _text(data, "externalURL"),
    )


def _grafana_legacy(data: Mapping[str, Any]) -> Notification | None:
    """The webhook of Grafana's older alerting: ruleName and state. It tells no time."""
    if "ruleName" not in data or "state" not in data:
        return None
    rule = data.get("ruleId")
    return Notification(
        system="Grafana",
        title=_title(_text(data, "ruleName"), _text(data, "title")),
        firing=_text(data, "state") not in ("ok", "paused", "no_data_ok"),
        happened=None,
        fingerprints=_known(str(rule) if isinstance(rule, int | str) else _text(data, "ruleName")),
        labels={**_texts(data, "tags"), **_known_label("message", _text(data, "message"))},
        link=_text(data, "ruleUrl"),
    )


def _pagerduty_event(data: Mapping[str, Any]) -> Notification | None:
    """PagerDuty's Events API v2: what a monitor sends. Its routing_key is a secret and is not taken."""
    action = _text(data, "event_action")
    if not action or not ("routing_key" in data or "payload" in data):
        return None
    links = [link for link in _list(data, "links") if isinstance(link, dict)]
    return Notification(
        system="PagerDuty",
        title=_title(_text(data, "payload", "summary"), _text(data, "dedup_key")),
        firing=action != "resolve",
        happened=_moment(_text(data, "payload", "timestamp")),
        fingerprints=_known(_text(data, "dedup_key")),
        labels={
            name: value
            for name in ("source", "severity", "component", "group", "class")
            if (value := _text(data, "payload", name))
        },
        link=_text(links[0], "href") if links else _text(data, "client_url"),
    )


def _pagerduty_v3(data: Mapping[str, Any]) -> Notification | None:
    """PagerDuty's webhook v3: an event about an incident."""
    kind = _text(data, "event", "event_type")
    if not kind.startswith("incident."):
        return None
    firing = kind not in ("incident.resolved", "incident.resolve")
    began = _text(data, "event", "data", "created_at") if firing else ""
    return Notification(
        system="PagerDuty",
        title=_title(_text(data, "event", "data", "title")),
        firing=firing,
        happened=_moment(began or _text(data, "event", "occurred_at")),
        fingerprints=_known(_text(data, "event", "data", "id"), _text(data, "event", "data", "incident_key")),
        labels={
            **_known_label("service", _text(data, "event", "data", "service", "summary")),
            **_known_label("urgency", _text(data, "event", "data", "urgency")),
            **_known_label("priority", _text(data, "event", "data", "priority", "summary")),
        },
        link=_text(data, "event", "data", "html_url"),
    )


def _pagerduty_v2(data: Mapping[str, Any]) -> Notification | None:
    """PagerDuty's webhook v2: messages, each with an incident."""
    messages = [message for message in _list(data, "messages") if isinstance(message, dict)]
    if not messages or not _text(messages[0], "event").startswith("incident."):
        return None
    message = messages[0]
    firing = _text(message, "event") != "incident.resolve"
    began = _text(message, "incident", "created_at") if firing else ""
    return Notification(
        system="PagerDuty",
        title=_title(_text(message, "incident", "title"), _text(message, "incident", "description")),
        firing=firing,
        happened=_moment(began or _text(message, "created_on")),
        fingerprints=_known(_text(message, "incident", "id"), _text(message, "incident", "incident_key")),
        labels={
            **_known_label("service", _text(message, "incident", "service", "name")),
            **_known_label("urgency", _text(message, "incident", "urgency")),
        },
        link=_text(message, "incident", "html_url"),
    )


def _opsgenie(data: Mapping[str, Any]) -> Notification | None:
    """Opsgenie's outgoing webhook: an action on an alert. Its times are milliseconds since 1970."""
    action = _text(data, "action")
    if not action or not _text(data, "alert", "alertId"):
        return None
    firing = action not in ("Close", "Delete")
    alert = data["alert"]
    began = alert.get("createdAt") if firing else alert.get("updatedAt")
    tags = [tag for tag in _list(alert, "tags") if isinstance(tag, str)]
    return Notification(
        system="Opsgenie",
        title=_title(_text(alert, "message")),
        firing=firing,
        happened=_from_ms(began),
        fingerprints=_known(_text(alert, "alertId"), _text(alert, "alias")),
        labels={
            **_known_label("priority", _text(alert, "priority")),
            **_known_label("entity", _text(alert, "entity")),
            **_known_label("source", _text(alert, "source")),
            **_known_label("tags", ", ".join(tags)),
        },
        link=_text(alert, "url"),
    )


READERS: Sequence[Callable[[Mapping[str, Any]], Notification | None]] = (
    _grafana_legacy,
    _pagerduty_event,
    _pagerduty_v3,
    _pagerduty_v2,
    _opsgenie,
)


def _text(data: Any, *path: str) -> str:
    """The text at this path; empty where there is none, or something else."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data.strip() if isinstance(data, str) else ""


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    return value if isinstance(value, list) else []


def _texts(data: Mapping[str, Any], name: str) -> dict[str, str]:
    value = data.get(name)
    return dict(_pairs(value)) if isinstance(value, dict) else {}


def _pairs(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, part in value.items():
        if isinstance(part, str | int | float) and not isinstance(part, bool):
            yield name, str(part)


def _known(*fingerprints: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, fingerprints)))


def _known_label(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def _labels_key(labels: Mapping[str, str]) -> str:
    """What Alertmanager itself knows an alert by: all of its labels."""
    return "\x00".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _title(*candidates: str) -> str:
    """The first of these that says something, on one line."""
    title = next((" ".join(text.split()) for text in candidates if text.strip()), "")
    return title if len(title) <= MOST_TITLE else f"{title[: MOST_TITLE - 1]}…"


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_iso(text)
        return moment if moment.year in YEARS else None
    except (ParameterError, OverflowError):
        return None


def _from_ms(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _moment(value) if isinstance(value, str) else None
    try:
        moment = datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year in YEARS else None


def describe(notification: Notification) -> str:
    """The alert in a sentence, for the journal."""
    when = f" since {iso(notification.happened)}" if notification.happened and notification.firing else ""
    does = "fires" if notification.firing else "is resolved"
    return f"{notification.system}: {notification.title or 'an alert without a title'} {does}{when}"
