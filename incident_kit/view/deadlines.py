"""Deadlines in words: what is due, when, by which rule, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from incident_kit.config.contacts import ROLES
from incident_kit.incident.deadlines import Deadline, Kind, Standing, pending
from incident_kit.model.visible import visible
from incident_kit.view import words

WHAT = {
    Kind.RESPOND: "respond",
    Kind.INTERNAL_UPDATE: "internal update",
    Kind.CUSTOMER_UPDATE: "customer update",
    Kind.REVIEW: "review",
}


def subject(deadline: Deadline) -> str:
    """What is due: `call L2`, `internal update`, `put back: SF_EVENTS_REPLAY=ALL`."""
    if deadline.kind is Kind.REVERT:
        return f"put back: {visible(deadline.origin.text)}"
    if deadline.whom:
        return f"call {ROLES.get(deadline.whom, deadline.whom.replace('_', ' '))}"
    return WHAT[deadline.kind]


def standing(deadline: Deadline, now: datetime) -> str:
    """How it stands: `in 12 min`, `overdue 3 min`, `kept`, `missed by 5 min`, `not needed`."""
    if deadline.standing is Standing.RUNNING:
        return f"in {length(deadline.due - now)}"
    if deadline.standing is Standing.MISSED:
        return f"overdue {length(deadline.late)}" if deadline.is_pending else f"missed by {length(deadline.late)}"
    return deadline.standing.value


def due(deadline: Deadline, now: datetime, zone: tzinfo) -> str:
    """When it is due, in the people's zone and in UTC; with the day where it is another one."""
    return words.short_moment(deadline.due, zone, now)


def sentence(deadline: Deadline, now: datetime, zone: tzinfo) -> str:
    """All of it: `Call L2: overdue 3 min, due 21:53:17 JST (12:53:17 UTC). P1 or P2 not resolved ...; from line 4`."""
    return (
        f"{_sentence_case(subject(deadline))}: {standing(deadline, now)}, due {due(deadline, now, zone)}. "
        f"{_sentence_case(deadline.rule)}; {origin(deadline)}{_by(deadline)}"
    )


def origin(deadline: Deadline) -> str:
    """What its clock runs from: `from line 4 (detected)`."""
    text = visible(deadline.origin.text)
    return f"from line {deadline.origin.entry.line} ({text})" if deadline.origin.entry else f"from {text}"


def next_lines(of: Sequence[Deadline], now: datetime, zone: tzinfo) -> list[str]:
    """What a command ends with: what is overdue, and the next deadline."""
    still = pending(of)
    late = [deadline for deadline in still if deadline.standing is Standing.MISSED]
    coming = [deadline for deadline in still if deadline.standing is Standing.RUNNING]
    lines = []
    if late:
        listed = ", ".join(f"{subject(deadline)} ({length(deadline.late)})" for deadline in late)
        lines.append(f"Overdue: {listed}. incident-kit status tells more.")
    if coming:
        lines.append(
            f"Next deadline: {subject(coming[0])} {standing(coming[0], now)}, due {due(coming[0], now, zone)} "
            f"({coming[0].rule})."
        )
    return lines


def length(span: timedelta) -> str:
    """
    >>> length(timedelta(seconds=20)), length(timedelta(minutes=12, seconds=40)), length(timedelta(days=2, hours=3))
    ('less than 1 min', '12 min', '2 d 3 h')
    """
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "less than 1 min"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _sentence_case(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _by(deadline: Deadline) -> str:
    if deadline.entry is None:
        return ""
    word = {Standing.KEPT: "kept by", Standing.MISSED: "then", Standing.NOT_NEEDED: "ended by"}[deadline.standing]
    return f", {word} line {deadline.entry.line}"
