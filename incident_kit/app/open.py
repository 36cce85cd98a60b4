"""`incident-kit open`: an incident, declared by a person or by what an alerting system sent.

A webhook receiver may call it unattended: the id is all that stands on stdout. An alert that is known joins its
incident; one that repeats what was noted adds nothing. Nothing that was received is lost: the whole of it is kept as
evidence, also where it could not be read.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from incident_kit.app.chosen import incidents, state
from incident_kit.app.console import DONE, INCOMPLETE, say, show
from incident_kit.app.deadlines import say_next_deadline
from incident_kit.app.journal import time_of
from incident_kit.config.request import Request
from incident_kit.errors import InputError
from incident_kit.evidence.incident import Incident, create, new_id
from incident_kit.evidence.item import ALERT, Item
from incident_kit.evidence.store import Provenance
from incident_kit.incident import entries
from incident_kit.incident.alerts import MOST_BYTES, Notification, describe, hashed, recognise
from incident_kit.incident.entries import RECURRENCE
from incident_kit.incident.state import State
from incident_kit.model.redaction import redact
from incident_kit.model.times import iso
from incident_kit.model.visible import visible

LOCK = ".opening"
BLOCK_BYTES = 1 << 20


def open_incident(request: Request, title: str, source: str, at: str, alert: Path | None, by: str) -> int:
    """Open an incident and show its id; returns the exit code: 3 where the alert could not be read.

    Raises InputError, ParameterError, EvidenceError.
    """
    if alert is None and not title.strip():
        raise InputError(
            'say what it is, such as incident-kit open "payments fail", or give what was sent: --alert FILE'
        )
    moment = time_of(request, at)
    entries.check_opening(source, moment)
    if alert is None:
        incident = _declare(request, title, source, moment, by)
        show(incident.id)
        return DONE
    received = _received(alert)
    with _one_at_a_time(request.reports):  # alerts come in crowds; the second has to find what the first opened
        return _by_alert(request, received, alert, (title, source or "alert", moment, by))


def _by_alert(request: Request, received: bytes, alert: Path, typed: tuple[str, str, datetime | None, str]) -> int:
    """Join what was sent to the incidents that know its alerts; what none knows opens one."""
    notifications = recognise(received)
    if not notifications:
        return _open_by_alert(request, None, received, alert, typed)
    joined: list[Incident] = []
    for notification in reversed(notifications):  # what is over first: of one group, what fires belongs there too
        open_ones = [incident for incident, kept in _knowing(request, notification) if kept.is_open]
        for incident in open_ones:
            own = _known_to([incident], notification)
            if incident is open_ones[0]:  # what none knows yet goes to the newest
                news = set(notification.fingerprints) - set(_known_to(open_ones, notification).fingerprints)
                own = replace(own, fingerprints=(*own.fingerprints, *sorted(news)))
            _join(incident, own, received, alert, typed[3])
        if not open_ones and joined and notification.firing:
            _join(joined[0], notification, received, alert, typed[3])
        elif not open_ones and notification.firing:
            return _open_by_alert(request, notification, received, alert, typed)
        elif not open_ones:
            say(f"{describe(notification)}. No open incident knows this alert.")
        joined = [*open_ones, *joined]
    if not joined:
        say("Nothing was opened.")
        return INCOMPLETE
    show(joined[0].id)
    return DONE


def _known_to(known_by: Sequence[Incident], notification: Notification) -> Notification:
    """The part of a notification that these incidents know."""
    known = {known for incident in known_by for alert in state(incident).alerts for known in alert.fingerprints}
    prints = tuple(own for own in notification.fingerprints if hashed(own) in known)
    return replace(notification, fingerprints=prints)


def _declare(request: Request, title: str, source: str, at: datetime | None, by: str) -> Incident:
    incident = create(request.reports, new_id(), " ".join(title.split()))
    written = entries.open_incident(incident.journal, incident.title, source, at, by=by)
    for warning in written.warnings:
        say(warning)
    say(f"Opened {incident.id}: {incident.title}")
    say("Next: incident-kit triage, incident-kit milestone acknowledged, incident-kit status")
    say_next_deadline(request, incident)
    return incident


def _open_by_alert(
    request: Request,
    notification: Notification | None,
    received: bytes,
    alert: Path,
    typed: tuple[str, str, datetime | None, str],
) -> int:
    title, source, at, by = typed
    name = "standard input" if str(alert) == "-" else visible(alert.name)
    title = title or (redact(notification.title) if notification else "") or f"Alert {name}"
    noticed = at or _not_later_than_now(notification.happened if notification else None)
    incident = _declare(request, title, source, noticed, by)
    item = _keep(incident, received, alert, notification.system if notification else "")
    if notification is None:
        size = f"{len(received):,} bytes" if len(received) > MOST_BYTES else "its form is not known"
        entries.note(incident.journal, f"an alert was received and could not be read ({size}): item {item.id}", by=by)
        say(f"{name}: not read as an alert ({size}). All of it is kept as item {item.id}; read it yourself.")
    else:
        entries.alert(
            incident.journal, describe(notification), notification.happened, notification.to_data(item.id), by=by
        )
        if earlier := _closed_lately(request, notification):
            text = f"the same alert as in {earlier.id}, which was closed lately: {earlier.title}"
            entries.note(incident.journal, text, by=by)
            say(f"This is {text}. If it has come back: incident-kit reopen {earlier.id}")
    show(incident.id)
    return DONE if notification else INCOMPLETE


def _join(incident: Incident, notification: Notification, received: bytes, alert: Path, by: str) -> None:
    """Add the alert to an incident that knows it, unless it only repeats what was noted."""
    last = {known: noted for noted in state(incident).alerts for known in noted.fingerprints}
    noted = [last.get(hashed(fingerprint)) for fingerprint in notification.fingerprints]
    if noted and all(known is not None and known.firing == notification.firing for known in noted):
        lines = ", ".join(str(line) for line in sorted({known.entry.line for known in noted if known}))
        say(f"{describe(notification)}. Noted in {incident.id} before, on line {lines}.")
        return
    item = _keep(incident, received, alert, notification.system)
    written = entries.alert(
        incident.journal, describe(notification), notification.happened, notification.to_data(item.id), by=by
    )
    for warning in written.warnings:
        say(warning)
    say(f"{describe(notification)}. Joined {incident.id}: {incident.title}")


def _closed_lately(request: Request, notification: Notification) -> Incident | None:
    """The incident that knows the alert and was closed within a day."""
    now = datetime.now(UTC)
    return next(
        (
            incident
            for incident, kept in _knowing(request, notification)
            if kept.closed and now - kept.closed.happened <= RECURRENCE
        ),
        None,
    )


def _knowing(request: Request, notification: Notification) -> Iterator[tuple[Incident, State]]:
    prints = set(map(hashed, notification.fingerprints))
    for incident in reversed(incidents(request.reports)):
        kept = state(incident)
        if any(prints & set(alert.fingerprints) for alert in kept.alerts):
            yield incident, kept


def _keep(incident: Incident, received: bytes, alert: Path, system: str) -> Item:
    """Keep all that was received as evidence."""
    blocks = (received[start : start + BLOCK_BYTES] for start in range(0, len(received), BLOCK_BYTES))
    return incident.evidence.add(
        blocks,
        Provenance(
            kind=ALERT,
            origin=visible(str(alert)) if str(alert) != "-" else "standard input",
            asked="received from an alerting system",
            asked_at=iso(datetime.now(UTC)),
            details={"system": system},
        ),
    )


def _received(alert: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(alert) == "-" else alert.read_bytes()
    except OSError as error:
        raise InputError(
            f"{alert}: cannot be read: {error.strerror}. Name the file that the alerting system's message is in."
        ) from None


def _not_later_than_now(moment: datetime | None) -> datetime | None:
    """Clocks of other systems are theirs: what they say is to come is taken for now."""
    return moment if moment and moment <= datetime.now(UTC) else None


@contextmanager
def _one_at_a_time(reports: Path) -> Iterator[None]:
    reports.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(reports / LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
