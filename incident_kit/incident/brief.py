"""The hand-off brief of an incident: all that the next shift needs, from the journal, the facts and the runbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_kit.config.contacts import Contact
from incident_kit.evidence.journal import Entry, Kind
from incident_kit.incident.deadlines import Deadline, pending
from incident_kit.incident.facts import Facts
from incident_kit.incident.levels import LevelFrom
from incident_kit.incident.state import State, StepMark
from incident_kit.incident.workflow import Progress
from incident_kit.model.finding import Finding, Verdict
from incident_kit.model.times import iso
from incident_kit.runbook.contents import Scenario, Step
from incident_kit.runbook.escalation import FIRST


@dataclass(frozen=True, slots=True)
class NextStep:
    """The first step of the runbook that nobody marked (`number` from 1), with what evidence says for it."""

    scenario: Scenario
    number: int
    step: Step
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody to call: by which deadline (None: they are on call anyway), and how they are reached.

    `level` is the level of the matrix; empty where the role belongs to none.
    """

    whom: str
    level: str
    deadline: Deadline | None
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class Brief:
    """An incident at a moment. `level` is its severity then; None where nobody and nothing says one.

    `deadlines` are all of them, `calls` the most urgent first. `unreachable` says which contacts are missing, `damage`
    what is wrong with the journal.
    """

    incident_id: str
    title: str
    now: datetime
    state: State
    facts: Facts
    level: LevelFrom | None
    stage: str
    stages: Sequence[Progress]
    deadlines: Sequence[Deadline]
    next_step: NextStep | None
    calls: Sequence[Call]
    unreachable: Sequence[str]
    damage: Sequence[str] = ()

    @property
    def confirmed(self) -> list[Finding]:
        return _once([*self.facts.confirmed, *self._by_hand(Verdict.CONFIRMED)])

    @property
    def ruled_out(self) -> list[Finding]:
        return self._with(Verdict.RULED_OUT)

    @property
    def unclear(self) -> list[Finding]:
        """What was looked at and not decided, then what was not looked at."""
        return [*self._with(Verdict.INCONCLUSIVE), *self._with(Verdict.NOT_CHECKED)]

    @property
    def tried(self) -> list[Entry | StepMark]:
        """Actions that were noted and steps that were marked, the newest first."""
        noted: list[Entry | StepMark] = [*self.state.noted(Kind.ACTION), *self.state.steps]
        return sorted(noted, key=lambda action: (entry_of(action).happened, entry_of(action).line), reverse=True)

    @property
    def pending(self) -> list[Deadline]:
        """The deadlines that are still to be kept, the most urgent first."""
        return pending(self.deadlines)

    @property
    def doubts(self) -> list[str]:
        """What could not be used: damage of the journal, entries of other versions, evidence."""
        return [*self.damage, *self.state.faults, *self.facts.doubts]

    @property
    def missing(self) -> list[str]:
        """What is missing of the stages so far, the stage it is in first."""
        reached = [stage for stage in self.stages if stage.reached]
        return [need.text for stage in reversed(reached) for need in stage.missing]

    def to_json(self) -> dict[str, Any]:
        """For programs; without what the journal itself says more of."""
        level = self.level
        return {
            "format": 1,
            "id": self.incident_id,
            "title": self.title,
            "at": iso(self.now),
            "open": self.state.is_open,
            "declared": self.state.is_declared,
            "status": self.state.status.value,
            "stage": self.stage,
            "severity": {
                "level": level.level,
                "since": iso(level.since),
                "line": level.entry.line if level.entry else None,
                "by": level.entry.by if level.entry else None,
            }
            if level
            else None,
            "assessment": self.facts.assessment.to_json(),
            "impact": self.state.impact.text if self.state.impact else None,
            "evidence": {
                "source": self.facts.source,
                "window": self.facts.window.to_json() if self.facts.window else None,
            },
            "doubts": self.doubts,
            "confirmed": [finding.to_json() for finding in self.confirmed],
            "ruled_out": [finding.to_json() for finding in self.ruled_out],
            "unknown": [finding.to_json() for finding in self.unclear],
            "tried": [_action_json(action) for action in self.tried],
            "next": _step_json(self.next_step) if self.next_step else None,
            "deadlines": [deadline.to_json() for deadline in self.deadlines],
            "calls": [
                {
                    "whom": call.whom,
                    "level": call.level,
                    "due": iso(call.deadline.due) if call.deadline else None,
                    "contacts": _people(call),
                }
                for call in self.calls
            ],
            "unreachable": list(self.unreachable),
            "stages": [stage.to_json() for stage in self.stages],
        }

    def _with(self, verdict: Verdict) -> list[Finding]:
        ranked = [finding for place in self.facts.ranked for finding in place.findings if finding.verdict is verdict]
        return _once([*ranked, *self._by_hand(verdict)])

    def _by_hand(self, verdict: Verdict) -> list[Finding]:
        return [finding for finding in self.facts.by_hand if finding.verdict is verdict]


def entry_of(action: Entry | StepMark) -> Entry:
    """The entry of the journal that an action is told by."""
    return action.entry if isinstance(action, StepMark) else action


def scenario_in_hand(facts: Facts, state: State, scenarios: Sequence[Scenario]) -> Scenario | None:
    """The scenario that people work by: whose steps they marked last, else the likeliest one that is confirmed."""
    by_id = {scenario.id: scenario for scenario in scenarios}
    marked = [by_id[mark.scenario] for mark in state.steps if mark.scenario in by_id]
    if marked:
        return marked[-1]
    return facts.first.scenario if facts.first else None


def open_step(scenario: Scenario, state: State) -> int:
    """The number of the first step that nobody marked; 0 where all of them are."""
    marked = {mark.number for mark in state.steps if mark.scenario == scenario.id}
    return next((number for number in range(1, len(scenario.steps) + 1) if number not in marked), 0)


def whom_to_call(of: Sequence[Deadline], state: State) -> list[tuple[str, Deadline | None]]:
    """The calls that are due or to come, the most urgent first, and whoever is on call while the incident is open."""
    calls: list[tuple[str, Deadline | None]] = [(deadline.whom, deadline) for deadline in pending(of) if deadline.whom]
    return [*calls, (FIRST, None)] if state.is_open else calls


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Without what another scenario says too."""
    first: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        first.setdefault((finding.symptom, finding.statement), finding)
    return list(first.values())


def _action_json(action: Entry | StepMark) -> dict[str, Any]:
    entry = entry_of(action)
    step = {"scenario": action.scenario, "step": action.number} if isinstance(action, StepMark) else {}
    return {"at": iso(entry.happened), "line": entry.line, "by": entry.by, "text": entry.text, **step}


def _step_json(step: NextStep) -> dict[str, Any]:
    return {
        "scenario": step.scenario.id,
        "step": step.number,
        "text": step.step.text,
        "caution": step.step.caution,
        "facts": list(step.facts),
    }


def _people(call: Call) -> list[dict[str, str]]:
    return [
        {"role": contact.role, "name": contact.person, "method": contact.method, "backup": contact.backup}
        for contact in call.contacts
    ]
