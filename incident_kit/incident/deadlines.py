"""By when somebody has to do what: the clocks of an incident, from its journal, the policy and what evidence shows.

Elapsed clocks run in UTC from when the incident was detected (else opened), never from its onset; where it was opened
again, from then. Business days are those of the people's zone.

A graver severity: due at the earlier of the old time and the change plus its allowance, so that nothing is missed when
it is raised. A lighter one ends the running clocks as not needed; what was kept or missed stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from incident_kit.evidence.journal import Entry
from incident_kit.incident.levels import LevelFrom, worst_level
from incident_kit.incident.state import Audience, Milestone, State
from incident_kit.incident.triggers import Shown, Triggers
from incident_kit.model.times import iso
from incident_kit.runbook.escalation import ACKNOWLEDGED, EscalationLevel, Policy

AT_ONCE = timedelta(0)
SATURDAY = 5


class Kind(StrEnum):
    """What is due. `call` is a scenario's own rule for a role that is no level."""

    RESPOND = "respond"
    CALL = "call"
    ESCALATE = "escalate"
    INTERNAL_UPDATE = "internal update"
    CUSTOMER_UPDATE = "customer update"
    REVERT = "revert"
    REVIEW = "review"


class Standing(StrEnum):
    """How a deadline stands."""

    KEPT = "kept"
    MISSED = "missed"
    RUNNING = "running"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a clock runs from: an entry of the journal, or something computed (`entry` is None), which `text` names."""

    text: str
    since: datetime
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time by which something is due.

    `whom` is who is called: a level (L2), a role (salesforce_admin) or a vendor's system; empty for other kinds.
    `rule` is the rule as a sentence. `entry` kept it, or came too late, or ended it as not needed; None where nothing
    did. `late` is by how much it was missed, until that entry or until now.
    """

    kind: Kind
    whom: str
    origin: Origin
    rule: str
    due: datetime
    standing: Standing
    entry: Entry | None = None
    late: timedelta = AT_ONCE

    @property
    def is_pending(self) -> bool:
        """Whether it is still to be done: it runs, or is overdue and nothing was done yet."""
        return self.standing is Standing.RUNNING or (self.standing is Standing.MISSED and self.entry is None)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "whom": self.whom,
            "from": {
                "text": self.origin.text,
                "at": iso(self.origin.since),
                "line": self.origin.entry.line if self.origin.entry else None,
            },
            "rule": self.rule,
            "due": iso(self.due),
            "standing": self.standing.value,
            "line": self.entry.line if self.entry else None,
            "late_s": round(self.late.total_seconds()),
        }


def deadlines(
    state: State,
    policy: Policy,
    severity_history: Sequence[LevelFrom],
    now: datetime,
    zone: tzinfo,
    triggers: Triggers | None = None,
    holidays: Container[date] = (),
) -> tuple[Deadline, ...]:
    """All deadlines, those first that were due first. The same arguments give the same, whoever asks."""
    triggers = triggers or Triggers()
    all_of_them = [
        *_reverts(state, policy, now),
        *_review(state, policy, severity_history, now, zone, triggers, holidays),
    ]
    start = _start(state)
    if start:
        clocks = _Clocks(state, policy, severity_history, now, start, triggers)
        all_of_them += [
            *clocks.respond(),
            *clocks.escalations(),
            *clocks.calls(),
            *clocks.updates(Audience.INTERNAL),
            *clocks.updates(Audience.CUSTOMER),
        ]
    return tuple(sorted(all_of_them, key=lambda deadline: (deadline.due, list(Kind).index(deadline.kind))))


def pending(of: Iterable[Deadline]) -> list[Deadline]:
    """Those that are still to be done, the most urgent first."""
    return sorted((deadline for deadline in of if deadline.is_pending), key=lambda deadline: deadline.due)


def _start(state: State) -> Origin | None:
    """What elapsed clocks run from."""
    if state.reopened:
        return Origin("opened again", state.reopened[-1].happened, state.reopened[-1])
    if entry := state.milestones.get(Milestone.DETECTED):
        return Origin("detected", entry.happened, entry)
    return Origin("opened", state.opened.happened, state.opened) if state.opened else None


@dataclass(frozen=True, slots=True)
class _Allowance:
    """So long may it take at this severity, and the rule that says so."""

    after: timedelta
    rule: str


Allowed = Callable[[str], _Allowance | None]


@dataclass(frozen=True, slots=True)
class _Clock:
    """A clock that was started; `allowance` is the one it was started or shortened by."""

    origin: Origin
    allowance: _Allowance
    due: datetime


class _Clocks:
    """The elapsed clocks of an incident; each function gives the deadlines of one kind."""

    def __init__(
        self,
        state: State,
        policy: Policy,
        history: Sequence[LevelFrom],
        now: datetime,
        start: Origin,
        triggers: Triggers,
    ) -> None:
        self.state, self.policy, self.now, self.start, self.triggers = state, policy, now, start, triggers
        self.history = _from(history, start.since) if state.reopened else tuple(history)
        self.over = _over(state)

    def respond(self) -> list[Deadline]:
        return self._responses(tuple(self.policy.respond_within))

    def _responses(self, severities: Collection[str]) -> list[Deadline]:
        """The clocks of responding that run at these severities."""

        def allowed(level: str) -> _Allowance | None:
            within = self.policy.respond_within.get(level) if level in severities else None
            return _Allowance(within, f"{level}: somebody responds within {_length(within)}") if within else None

        milestones = (Milestone.ACKNOWLEDGED, Milestone.MITIGATED, Milestone.RESOLVED)
        done = self._first(self.state.milestones[name] for name in milestones if name in self.state.milestones)
        return self._run(Kind.RESPOND, "", self.start, self.history, allowed, done)

    def escalations(self) -> list[Deadline]:
        """For each level the deadline that is due first of those that the policy and the scenarios' rules make."""
        all_of_them: list[Deadline] = []
        for level in self.policy.levels:
            done = self._first(call.entry for call in self.state.escalations if level.id in (call.level, call.to))
            candidates = [
                *self._unresolved(level, done),
                *self._customers_hit(level, done),
                *self._scenario_rules(Kind.ESCALATE, level.id, done),
            ]
            counted = [deadline for deadline in candidates if deadline.standing is not Standing.NOT_NEEDED]
            all_of_them += [min(counted, key=lambda deadline: deadline.due)] if counted else candidates
        return [*all_of_them, *self._vendors()]

    def calls(self) -> list[Deadline]:
        """What the scenarios' rules say of roles that are no levels."""
        levels = {level.id for level in self.policy.levels}
        all_of_them: list[Deadline] = []
        for role in dict.fromkeys(rule.to for rule, _ in self.triggers.rules if rule.to not in levels):
            done = self._first(call.entry for call in self.state.escalations if call.to == role)
            candidates = sorted(self._scenario_rules(Kind.CALL, role, done), key=lambda deadline: deadline.due)
            all_of_them += candidates[:1]
        return all_of_them

    def updates(self, audience: Audience) -> list[Deadline]:
        """Each update restarts the clock; the next one is due as it promised, else by the severity."""
        kind = Kind.INTERNAL_UPDATE if audience is Audience.INTERNAL else Kind.CUSTOMER_UPDATE
        cadence = self.policy.updates[audience.value]

        def allowed(level: str) -> _Allowance | None:
            span = cadence.get(level)
            return _Allowance(span, f"{level}: {_an(audience)} update every {_length(span)}") if span else None

        sent = sorted(self.state.sent(audience), key=lambda update: (update.entry.happened, update.entry.line))
        sent = [update for update in sent if update.entry.happened >= self.start.since or not self.state.reopened]
        origins = [self.start, *(Origin("the last update", update.entry.happened, update.entry) for update in sent)]
        promises = [None, *(update.next_update for update in sent)]
        following = [*(update.entry for update in sent), None]
        all_of_them: list[Deadline] = []
        for number, (origin, promised, done) in enumerate(zip(origins, promises, following, strict=True)):
            if self.over and self.over.happened <= origin.since:
                break
            # The first clock counts from the detection, though the severity was set later.
            history = _from(self.history, origin.since) if number else self.history
            until_done = [change for change in history if done is None or change.since <= done.happened]
            all_of_them += self._run(kind, "", origin, until_done, allowed, done, promised)
        return all_of_them

    def _unresolved(self, level: EscalationLevel, done: Entry | None) -> list[Deadline]:
        if level.after is None:
            return []
        allowance = _Allowance(
            level.after,
            f"{' or '.join(level.of)} not resolved {_length(level.after)} after it was "
            f"{'acknowledged, or should have been' if level.counted_from == ACKNOWLEDGED else 'detected'}",
        )
        base = self._acknowledged(level.of) if level.counted_from == ACKNOWLEDGED else self.start
        return self._run(
            Kind.ESCALATE, level.id, base, self.history, lambda held: allowance if held in level.of else None, done
        )

    def _acknowledged(self, severities: Sequence[str]) -> Origin:
        """When it was acknowledged, or should have been while it had one of these severities, whichever is earlier."""
        needed = [answer for answer in self._responses(severities) if answer.standing is not Standing.NOT_NEEDED]
        candidates = [Origin("a response was due", answer.due) for answer in needed]
        entry = self.state.milestones.get(Milestone.ACKNOWLEDGED)
        if entry and entry.happened >= self.start.since:
            candidates.append(Origin("acknowledged", entry.happened, entry))
        return min(candidates, key=lambda origin: origin.since, default=self.start)

    def _customers_hit(self, level: EscalationLevel, done: Entry | None) -> list[Deadline]:
        shown = self.triggers.customers
        if not level.at_once_of or shown is None:
            return []
        rule = _Allowance(AT_ONCE, f"{' or '.join(level.at_once_of)} and customers are hit: at once")
        origin = self._known(shown)
        if self.over and self.over.happened <= origin.since:
            return []
        return self._run(
            Kind.ESCALATE,
            level.id,
            origin,
            _from(self.history, origin.since),
            lambda held: rule if held in level.at_once_of else None,
            done,
        )

    def _scenario_rules(self, kind: Kind, whom: str, done: Entry | None) -> list[Deadline]:
        all_of_them: list[Deadline] = []
        for rule, shown in self.triggers.rules:
            if rule.to == whom:
                soon = f"not resolved after {_length(rule.after)}" if rule.after else "at once"
                allowance = _Allowance(rule.after, f"{rule.because}: {soon}")
                base = self.start if rule.after else self._known(shown)
                all_of_them += self._once(kind, whom, base, self._known(shown), allowance, done)
        return all_of_them

    def _vendors(self) -> list[Deadline]:
        all_of_them: list[Deadline] = []
        for vendor in self.policy.vendors:
            if shown := self.triggers.vendors.get(vendor.system):
                others = [other for other in self.policy.vendors if other.system != vendor.system]
                done = self._first(
                    call.entry
                    for call in self.state.escalations
                    if call.to == vendor.system
                    or (not call.to and call.level == vendor.level and _speaks_of(call.entry, vendor.title, others))
                )
                origin = self._known(shown)
                rule = _Allowance(AT_ONCE, f"a failure of {vendor.title} itself is confirmed: its support, at once")
                all_of_them += self._once(Kind.ESCALATE, vendor.system, origin, origin, rule, done)
        return all_of_them

    def _known(self, shown: Shown) -> Origin:
        return Origin(shown.text, max(shown.since, self.start.since), shown.entry)

    def _first(self, entries: Iterable[Entry]) -> Entry | None:
        """The earliest of them; those of before it was opened again do not count."""
        counted = [entry for entry in entries if not self.state.reopened or entry.happened >= self.start.since]
        return min(counted, key=lambda entry: (entry.happened, entry.line), default=None)

    def _once(
        self, kind: Kind, whom: str, base: Origin, known: Origin, allowance: _Allowance, done: Entry | None
    ) -> list[Deadline]:
        """A clock that no severity touches; it began to hold when `known`, and was not missed then."""
        if self.over and self.over.happened <= known.since:
            return []
        due = base.since + allowance.after
        clock = (
            _Clock(base, allowance, due)
            if due >= known.since
            else _Clock(known, allowance, known.since + allowance.after)
        )
        return [self._judged(kind, whom, clock, done)]

    def _run(
        self,
        kind: Kind,
        whom: str,
        base: Origin,
        history: Sequence[LevelFrom],
        allowed: Allowed,
        done: Entry | None,
        promised: datetime | None = None,
    ) -> list[Deadline]:
        """The deadlines of one clock over the changes of severity, until it is done or the incident is over."""
        ended: list[Deadline] = []
        clock: _Clock | None = None
        for number, change in enumerate(history):
            if self.over and self.over.happened <= change.since and number:
                break
            if clock and (clock.due < change.since or (done and done.happened <= change.since)):
                break
            allowance = allowed(change.level)
            if promised and promised > base.since and not number:
                allowance = _Allowance(promised - base.since, "as the last update promised")
            if clock is None:
                clock = _started(base, change, allowance, first=not number) if allowance else None
            elif allowance is None or allowance.after > clock.allowance.after:
                ended.append(self._deadline(kind, whom, clock, Standing.NOT_NEEDED, change.entry))
                due = clock.due
                clock = _Clock(base, allowance, max(due, base.since + allowance.after)) if allowance else None
            elif allowance.after < clock.allowance.after:
                due = max(base.since, change.since) + allowance.after
                if due < clock.due:
                    clock = _Clock(_origin_of(change), allowance, due)
        if clock is None:
            return ended
        return [*ended, self._judged(kind, whom, clock, done)]

    def _judged(self, kind: Kind, whom: str, clock: _Clock, done: Entry | None) -> Deadline:
        if done and (self.over is None or done.happened <= self.over.happened or done.happened <= clock.due):
            return self._deadline(kind, whom, clock, _in_time(done.happened, clock), done, done.happened)
        if self.over and self.over.happened <= clock.due:
            return self._deadline(kind, whom, clock, Standing.NOT_NEEDED, self.over)
        if self.over:
            return self._deadline(kind, whom, clock, Standing.MISSED, self.over, self.over.happened)
        standing = Standing.RUNNING if self.now <= clock.due else Standing.MISSED
        return self._deadline(kind, whom, clock, standing, None, self.now)

    def _deadline(
        self,
        kind: Kind,
        whom: str,
        clock: _Clock,
        standing: Standing,
        entry: Entry | None,
        until: datetime | None = None,
    ) -> Deadline:
        late = until - clock.due if standing is Standing.MISSED and until else AT_ONCE
        return Deadline(kind, whom, clock.origin, clock.allowance.rule, clock.due, standing, entry, late)


def _started(base: Origin, change: LevelFrom, allowance: _Allowance, first: bool) -> _Clock:
    """A clock that a severity starts: from its base, and not missed when it is started."""
    due = base.since + allowance.after if first else max(base.since, change.since) + allowance.after
    if due < change.since:
        return _Clock(_origin_of(change), allowance, change.since + allowance.after)
    return _Clock(base if first or base.since >= change.since else _origin_of(change), allowance, due)


def _in_time(done: datetime, clock: _Clock) -> Standing:
    return Standing.KEPT if done <= clock.due else Standing.MISSED


def _origin_of(change: LevelFrom) -> Origin:
    return Origin(f"severity {change.level} {'set' if change.entry else 'by the facts'}", change.since, change.entry)


def _from(history: Sequence[LevelFrom], start: datetime) -> tuple[LevelFrom, ...]:
    """The history from `start` on; what held then is its beginning."""
    held = [change for change in history if change.since <= start]
    return (*(replace(change, since=start) for change in held[-1:]), *(c for c in history if c.since > start))


def _over(state: State) -> Entry | None:
    """The entry from which on nobody has to respond, call or write any more."""
    ends = [entry for entry in (state.milestones.get(Milestone.RESOLVED), state.closed) if entry]
    return min(ends, key=lambda entry: entry.happened, default=None)


def _speaks_of(call: Entry, title: str, others: Iterable[Any]) -> bool:
    """Whether a call to a vendor's level was to this vendor: it names it, or names no other."""
    text = call.text.lower()
    return title.lower() in text or not any(other.title.lower() in text for other in others)


def _reverts(state: State, policy: Policy, now: datetime) -> list[Deadline]:
    """What was changed for a while goes back, whether the incident is over or not."""
    all_of_them = []
    for temporary in state.temporaries:
        changed, undone = temporary.entry, temporary.undone
        due = temporary.revert_by or changed.happened + policy.revert_within
        rule = (
            "put back as was said when it was changed"
            if temporary.revert_by
            else f"what is changed for a while is put back within {_length(policy.revert_within)}"
        )
        until = undone.happened if undone else now
        if undone:
            standing = Standing.KEPT if until <= due else Standing.MISSED
        else:
            standing = Standing.RUNNING if until <= due else Standing.MISSED
        late = until - due if standing is Standing.MISSED else AT_ONCE
        origin = Origin(changed.text, changed.happened, changed)
        all_of_them.append(Deadline(Kind.REVERT, "", origin, rule, due, standing, undone, late))
    return all_of_them


def _review(
    state: State,
    policy: Policy,
    history: Sequence[LevelFrom],
    now: datetime,
    zone: tzinfo,
    triggers: Triggers,
    holidays: Container[date],
) -> list[Deadline]:
    resolved = state.milestones.get(Milestone.RESOLVED)
    worst = worst_level(history)
    if resolved is None or worst not in policy.review_of:
        return []
    days = policy.review_business_days
    due = end_of_business_day(resolved.happened, days, zone, holidays)
    rule = f"it was {worst}: reviewed by the end of the {_ordinal(days)} business day after it was resolved"
    until = triggers.reviewed.happened if triggers.reviewed else now
    standing = Standing.MISSED if until > due else Standing.KEPT if triggers.reviewed else Standing.RUNNING
    late = until - due if standing is Standing.MISSED else AT_ONCE
    origin = Origin("resolved", resolved.happened, resolved)
    return [Deadline(Kind.REVIEW, "", origin, rule, due, standing, triggers.reviewed, late)]


def end_of_business_day(after: datetime, days: int, zone: tzinfo, holidays: Container[date] = ()) -> datetime:
    """The last second of the business day so many days after that moment's own day, in the people's zone; in UTC."""
    day = after.astimezone(zone).date()
    while days:
        day += timedelta(days=1)
        if day.weekday() < SATURDAY and day not in holidays:
            days -= 1
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)


def _an(audience: Audience) -> str:
    return f"an {audience.value}" if audience is Audience.INTERNAL else f"a {audience.value}"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _length(span: timedelta) -> str:
    """
    >>> _length(timedelta(minutes=30)), _length(timedelta(hours=1)), _length(timedelta(minutes=90))
    ('30 min', '1 h', '1 h 30 min')
    """
    hours, rest = divmod(int(span.total_seconds()), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{seconds} s" if seconds else ""]
    return " ".join(filter(None, parts)) or "0 s"
