"""The state of an incident: a fold over its journal. The same entries give the same state, whoever asks and when.

An entry that a later one struck out counts for nothing, and is kept to be shown. Of milestones the last word counts,
severities make a history. What another version or a stranger wrote in other fields is named in `faults` and passed
over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from incident_kit.evidence.journal import Entry, Kind, standing, struck_lines
from incident_kit.model.fields import Fields, Unusable


class Milestone(StrEnum):
    """The moments every review asks for, in their order."""

    STARTED = "started"
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


class Status(StrEnum):
    """Where the work stands, in the words of status updates."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Audience(StrEnum):
    """Who reads an update."""

    INTERNAL = "internal"
    CUSTOMER = "customer"


class Outcome(StrEnum):
    """What became of a step of the runbook."""

    DONE = "done"
    SKIPPED = "skipped"


# What a milestone says of the work, until somebody says otherwise.
STATUS_AFTER = {Milestone.MITIGATED: Status.MONITORING, Milestone.RESOLVED: Status.RESOLVED}
LEVELS = ("P1", "P2", "P3", "P4")
ESCALATION_LEVELS = ("L1", "L2", "L3", "L4")
SOURCES = ("alert", "customer", "internal")


@dataclass(frozen=True, slots=True)
class SeverityChange:
    """The severity `level` holds from `since` on; `why` is what the person said."""

    level: str
    since: datetime
    why: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class StepMark:
    """A step of a scenario (`number` from 1) that was done or skipped, and what came of it."""

    scenario: str
    number: int
    outcome: Outcome
    entry: Entry
    result: str = ""


@dataclass(frozen=True, slots=True)
class Temporary:
    """Something that was changed for a while: by which entry, until when (None: not said), undone by which entry."""

    entry: Entry
    revert_by: datetime | None
    undone: Entry | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """Somebody was called; `level` is L1 to L4, or empty where it was not said.

    `to` is the role (`salesforce_admin`) or the vendor's system (`whmcs`), where it was said.
    """

    level: str
    entry: Entry
    to: str = ""


@dataclass(frozen=True, slots=True)
class SentUpdate:
    """An update that went out; the text is the entry's. `next_update` is when the next was promised, if it was."""

    audience: Audience
    next_update: datetime | None
    status: Status | None
    entry: Entry


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of an alerting system as it was received; `fingerprints` are hashes of the system's own ones."""

    system: str
    firing: bool
    fingerprints: tuple[str, ...]
    link: str
    item: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class State:
    """What the journal says about the incident. Tuples are in the order of the journal's lines.

    `opened` is the entry that declared the incident; None where evidence was collected without one. `struck` maps
    the line of an entry that does not count to the entry that struck it out. `faults` say which entries could not be
    understood.
    """

    opened: Entry | None = None
    source: str = ""
    closed: Entry | None = None
    reopened: tuple[Entry, ...] = ()
    milestones: dict[Milestone, Entry] = field(default_factory=dict)
    severities: tuple[SeverityChange, ...] = ()
    status: Status = Status.INVESTIGATING
    status_entry: Entry | None = None
    impact: Entry | None = None
    steps: tuple[StepMark, ...] = ()
    temporaries: tuple[Temporary, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    updates: tuple[SentUpdate, ...] = ()
    alerts: tuple[Alert, ...] = ()
    notes: tuple[Entry, ...] = ()
    struck: dict[int, Entry] = field(default_factory=dict)
    late: frozenset[int] = frozenset()
    faults: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.closed is None

    @property
    def is_declared(self) -> bool:
        """Whether somebody opened it as an incident, and not only collected evidence."""
        return self.opened is not None

    @property
    def severity(self) -> SeverityChange | None:
        """The severity that a person set and that holds now; None where nobody did."""
        return self.severities[-1] if self.severities else None

    @property
    def worst_severity(self) -> str:
        """The gravest level it ever had, such as P1; empty where none was set."""
        return min((change.level for change in self.severities), default="")

    def moment(self, milestone: Milestone) -> datetime | None:
        """When the milestone was, if it was noted."""
        entry = self.milestones.get(milestone)
        return entry.happened if entry else None

    @property
    def detected(self) -> datetime | None:
        """When it was noticed: the milestone, else when it was opened. Clocks run from here."""
        return self.moment(Milestone.DETECTED) or (self.opened.happened if self.opened else None)

    def noted(self, *kinds: Kind) -> tuple[Entry, ...]:
        """The notes of these kinds."""
        return tuple(entry for entry in self.notes if entry.kind in kinds)

    def sent(self, audience: Audience) -> tuple[SentUpdate, ...]:
        """The updates that went out to this audience."""
        return tuple(update for update in self.updates if update.audience is audience)


def state_of(entries: Sequence[Entry]) -> State:
    """The state that these entries make."""
    fold = _Fold()
    for entry in standing(entries):
        try:
            fold.add(entry)
        except Unusable as error:
            fold.faults.append(f"line {entry.line} of the journal ({entry.kind}) was not understood: {error}")
    return fold.state(struck_lines(entries))


class _Fold:
    """Entries so far, by what they say."""

    def __init__(self) -> None:
        self.opened: Entry | None = None
        self.source = ""
        self.closed: Entry | None = None
        self.reopened: list[Entry] = []
        self.milestones: dict[Milestone, Entry] = {}
        self.severities: list[SeverityChange] = []
        self.status: tuple[Status, Entry | None] = (Status.INVESTIGATING, None)
        self.impact: Entry | None = None
        self.steps: list[StepMark] = []
        self.temporaries: dict[int, Temporary] = {}
        self.escalations: list[Escalation] = []
        self.updates: list[SentUpdate] = []
        self.alerts: list[Alert] = []
        self.notes: list[Entry] = []
        self.late: set[int] = set()
        self.faults: list[str] = []

    def add(self, entry: Entry) -> None:
        """Raises Unusable for fields that are not as the kind has them."""
        fields = Fields(dict(entry.data), "data")
        if self.closed and entry.kind not in (Kind.REOPENED, Kind.CUSTODY):
            self.late.add(entry.line)
        match entry.kind:
            case Kind.OPENED:
                self.opened = self.opened or entry
                self.source = self.source or fields.text("source", "")
            case Kind.CLOSED:
                self.closed = entry
            case Kind.REOPENED:
                self.closed = None
                self.reopened.append(entry)
                # It is not over after all; what was noted stays in the journal.
                for milestone in (Milestone.MITIGATED, Milestone.RESOLVED):
                    self.milestones.pop(milestone, None)
                self.status = Status.INVESTIGATING, entry
            case Kind.MILESTONE:
                milestone = Milestone(fields.one_of("milestone", list(Milestone)))
                self.milestones[milestone] = entry
                if milestone in STATUS_AFTER:
                    self.status = STATUS_AFTER[milestone], entry
            case Kind.SEVERITY:
                level = fields.one_of("level", LEVELS)
                self.severities.append(SeverityChange(level, entry.happened, fields.text("why", ""), entry))
            case Kind.STATUS:
                self.status = Status(fields.one_of("status", list(Status))), entry
            case Kind.IMPACT:
                self.impact = entry
            case Kind.ALERT:
                self.alerts.append(_alert(entry, fields))
            case Kind.STEP:
                outcome = Outcome(fields.one_of("outcome", list(Outcome)))
                result = fields.text("result", entry.text)
                self.steps.append(StepMark(fields.text("scenario"), fields.size("step"), outcome, entry, result))
                self._changed(entry, fields)
            case Kind.CUSTODY:
                pass
            case _:
                self._noted(entry, fields)

    def state(self, struck: dict[int, Entry]) -> State:
        # What was said later about an earlier time stands where that time was.
        severities = sorted(self.severities, key=lambda change: (change.since, change.entry.line))
        return State(
            opened=self.opened,
            source=self.source,
            closed=self.closed,
            reopened=tuple(self.reopened),
            milestones=self.milestones,
            severities=tuple(severities),
            status=self.status[0],
            status_entry=self.status[1],
            impact=self.impact,
            steps=tuple(self.steps),
            temporaries=tuple(self.temporaries.values()),
            escalations=tuple(self.escalations),
            updates=tuple(self.updates),
            alerts=tuple(self.alerts),
            notes=tuple(self.notes),
            struck=struck,
            late=frozenset(self.late),
            faults=tuple(self.faults),
        )

    def _noted(self, entry: Entry, fields: Fields) -> None:
        self.notes.append(entry)
        if "fingerprints" in fields.data:
            self.alerts.append(_alert(entry, fields))  # one that is over is a note
        if entry.kind == Kind.ESCALATED:
            self.escalations.append(
                Escalation(fields.one_of("level", ("", *ESCALATION_LEVELS), ""), entry, fields.text("to", ""))
            )
        if entry.kind == Kind.COMMUNICATED and "audience" in fields.data:
            audience = Audience(fields.one_of("audience", list(Audience)))
            next_update = fields.moment("next_update") if "next_update" in fields.data else None
            status = Status(fields.one_of("status", list(Status))) if "status" in fields.data else None
            self.updates.append(SentUpdate(audience, next_update, status, entry))
        self._changed(entry, fields)

    def _changed(self, entry: Entry, fields: Fields) -> None:
        """Keep what the entry changed for a while, or put back."""
        if "temporary" in fields.data and fields.flag("temporary"):
            revert_by = fields.moment("revert_by") if "revert_by" in fields.data else None
            self.temporaries[entry.line] = Temporary(entry, revert_by)
        if "undoes" in fields.data:
            line = fields.size("undoes")
            if line in self.temporaries:
                changed = self.temporaries[line]
                self.temporaries[line] = Temporary(changed.entry, changed.revert_by, entry)


def _alert(entry: Entry, fields: Fields) -> Alert:
    return Alert(
        system=fields.text("system", ""),
        firing=fields.flag("firing"),
        fingerprints=fields.texts("fingerprints"),
        link=fields.text("link", ""),
        item=fields.text("item", ""),
        entry=entry,
    )
