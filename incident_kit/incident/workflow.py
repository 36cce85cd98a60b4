"""Where an incident stands, and what of each stage is missing: from its journal, never as a ceremony.

What is asked for is what the stages so far need; a stage that is not reached asks for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from incident_kit.evidence.journal import Kind as EntryKind
from incident_kit.incident.deadlines import Deadline, Kind, Standing
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, Milestone, State, Status
from incident_kit.runbook.workflow import STAGES, Stage, Workflow

# How long it is watched after it was resolved, whether it comes back.
WATCH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the workflow looks at."""

    state: State
    level: str
    facts: Facts
    deadlines: Sequence[Deadline]
    now: datetime
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a stage needs and nobody did: in words, and what to type."""

    need: str
    text: str
    command: str

    def to_json(self) -> dict[str, Any]:
        return {"need": self.need, "text": self.text, "command": self.command}


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage with what of it is missing. `reached`: the incident is in it or beyond."""

    stage: Stage
    reached: bool
    missing: tuple[Missing, ...]

    def to_json(self) -> dict[str, Any]:
        return {"stage": self.stage.id, "reached": self.reached, "missing": [need.to_json() for need in self.missing]}


def stands_in(situation: Situation) -> str:
    """The stage that the incident is in."""
    state = situation.state
    if state.closed or state.moment(Milestone.RESOLVED):
        return "review"
    if state.moment(Milestone.MITIGATED) or state.status in (Status.MONITORING, Status.RESOLVED):
        return "resolve"
    if not state.is_declared:
        return "detect"
    return "respond" if situation.level else "assess"


def progress(workflow: Workflow, situation: Situation) -> tuple[Progress, ...]:
    """All stages, each with what of it is missing."""
    last = STAGES.index(stands_in(situation))
    return tuple(
        Progress(
            stage,
            STAGES.index(stage.id) <= last,
            tuple(
                Missing(need.id, need.missing.replace("{due}", _due(need.id, situation)), need.command)
                for need in workflow.of(stage.id)
                if STAGES.index(stage.id) <= last
                and not (need.until and last >= STAGES.index(need.until))
                and MISSING[need.id](situation)
            ),
        )
        for stage in workflow.stages
    )


def _due(need: str, situation: Situation) -> str:
    """When it is due, as people say it: `Tuesday 24 Nov, 23:59`."""
    kind = {"reviewed": Kind.REVIEW, "reverted": Kind.REVERT}.get(need)
    times = [deadline.due for deadline in situation.deadlines if deadline.kind is kind and deadline.is_pending]
    return f"{min(times).astimezone(situation.zone):%A %-d %b, %H:%M}" if times else ""


def _never_sent(situation: Situation, audience: Audience) -> bool:
    """Whether updates to them are due at some time, and none was sent."""
    kind = Kind.INTERNAL_UPDATE if audience is Audience.INTERNAL else Kind.CUSTOMER_UPDATE
    asked = any(
        deadline.kind is kind and (deadline.is_pending or deadline.standing is Standing.MISSED)
        for deadline in situation.deadlines
    )
    return asked and not situation.state.sent(audience)


def _to_be_called(situation: Situation) -> bool:
    return any(
        deadline.kind in (Kind.ESCALATE, Kind.CALL) and deadline.is_pending and deadline.due <= situation.now
        for deadline in situation.deadlines
    )


def _not_rechecked(situation: Situation) -> bool:
    mitigated, window = situation.state.moment(Milestone.MITIGATED), situation.facts.window
    return mitigated is not None and (window is None or window.until <= mitigated)


def _not_watched(situation: Situation) -> bool:
    resolved, window = situation.state.moment(Milestone.RESOLVED), situation.facts.window
    return resolved is not None and (window is None or window.until < resolved + WATCH)


def _not_told(situation: Situation) -> bool:
    """Whether the last update to customers says something else than that it is resolved."""
    sent = situation.state.sent(Audience.CUSTOMER)
    resolved = situation.state.moment(Milestone.RESOLVED)
    return bool(sent and resolved) and sent[-1].status is not Status.RESOLVED


def _pending(kind: Kind) -> Callable[[Situation], bool]:
    return lambda situation: any(deadline.kind is kind and deadline.is_pending for deadline in situation.deadlines)


def _without(milestone: Milestone) -> Callable[[Situation], bool]:
    return lambda situation: milestone not in situation.state.milestones


def _nothing_done(situation: Situation) -> bool:
    return not situation.state.steps and not situation.state.noted(EntryKind.ACTION)


MISSING: Mapping[str, Callable[[Situation], bool]] = {
    "opened": lambda situation: not situation.state.is_declared,
    "source": lambda situation: situation.state.is_declared and not situation.state.source,
    "acknowledged": _without(Milestone.ACKNOWLEDGED),
    "severity": lambda situation: situation.state.severity is None,
    "evidence": lambda situation: not situation.facts.source,
    "impact": lambda situation: situation.state.impact is None,
    "step": _nothing_done,
    "internal_update": lambda situation: _never_sent(situation, Audience.INTERNAL),
    "customer_update": lambda situation: _never_sent(situation, Audience.CUSTOMER),
    "called": _to_be_called,
    "mitigated": _without(Milestone.MITIGATED),
    "rechecked": _not_rechecked,
    "resolved": _without(Milestone.RESOLVED),
    "reverted": _pending(Kind.REVERT),
    "watched": _not_watched,
    "told": _not_told,
    "closed": lambda situation: situation.state.is_open,
    "reviewed": _pending(Kind.REVIEW),
}
