"""The facts of an update, from the journal's state and the evidence: what may be said, to whom, and what is not known.

Nothing here is text for people. `view.messages` makes that, by the templates of the runbook.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from incident_kit.evidence.journal import Entry, Kind
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, Milestone, State, Status
from incident_kit.model.finding import Finding
from incident_kit.model.patterns import compiled
from incident_kit.model.times import Window
from incident_kit.model.visible import visible
from incident_kit.runbook.contents import Confirmed, Feature, InternalWords, Runbook, SeverityRule, Suspected
from incident_kit.runbook.messages import internal_words_in, security_words_in
from incident_kit.runbook.ranking import Ranked
from incident_kit.timeline.impact import Affected, Impact

# Customers are told of these; of the others only if they were told before.
TOLD_TO_CUSTOMERS = ("P1", "P2")
MOST_ACTIONS, MOST_STATEMENTS = 5, 3
MINUTE = timedelta(minutes=1)
REDACTED = "[redacted:"


class How(StrEnum):
    """What customers notice; each is a sentence in the words of every language."""

    FAILS = "fails"
    SLOW = "slow"
    SLOW_OR_FAILS = "slow_or_fails"
    DELAYED = "delayed"
    UNKNOWN = "unknown"


class StartedBy(StrEnum):
    """By what it is known since when."""

    NOTED = "noted"
    REQUESTS = "requests"
    SYMPTOM = "symptom"


@dataclass(frozen=True, slots=True)
class Hit:
    """A feature that customers notice something of."""

    feature: Feature
    how: How


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done; `text` is what the person wrote."""

    happened: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Security:
    """Whether it is a matter of security, or suspected to be one: what says so, in words for the team."""

    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reasons)


@dataclass(frozen=True, slots=True)
class Update:
    """What an update says; None and empty where it is not known.

    `severity` is the level that holds: who set it (by the runbook's rules: nobody) and why; `status` is where the work
    stands. `impact_noted` is what a person wrote of it.
    `affected` counts requests between `affected_from` and `affected_until` (None: it was not over when last seen);
    `by_errors`: they failed, and were not only slow. `confirmed` are sentences. `hits` are the features, `everywhere`
    that no part was spared, `how` what is noticed of all. `recovered` is since when the requests are well again.
    `previous` is when the last update went out, `next_update` when the next is due, `cadence` how often they come.
    Times are whole minutes: what begins is rounded down, what ends is rounded up.
    """

    audience: Audience
    severity: str
    severity_by: str
    severity_why: str
    title: str
    status: Status
    security: Security
    impact_noted: str
    affected: Affected | None
    affected_from: datetime | None
    affected_until: datetime | None
    by_errors: bool
    confirmed: tuple[str, ...]
    looked_at: Window | None
    hits: tuple[Hit, ...]
    everywhere: bool
    how: How
    started: datetime | None
    started_by: StartedBy | None
    detected: datetime | None
    recovered: datetime | None
    ended: datetime | None
    now: datetime
    previous: datetime | None
    next_update: datetime | None
    cadence: timedelta | None
    actions: tuple[Action, ...]
    actions_before: int


def update_of(
    state: State,
    facts: Facts,
    book: Runbook,
    title: str,
    audience: Audience,
    severity: str,
    now: datetime,
    cadence: timedelta | None,
    next_update: datetime | None = None,
) -> Update:
    """What an update to this audience says now.

    `severity` is the level that holds, empty where none is known; without `next_update` the next is due one `cadence`
    from now, if there is one.
    """
    impact = facts.impact
    numbers = impact.affected if impact and impact.onset and not impact.by_limits else None
    onset = impact.onset if impact and numbers else None
    hits = hits_of(facts, book.features)
    everywhere = bool(numbers) and not hits
    started, started_by = _started(state, facts)
    resolved = state.status is Status.RESOLVED
    recovered = onset.recovered.likeliest if onset and onset.recovered else None
    ended = state.moment(Milestone.RESOLVED) or (
        state.status_entry.happened if resolved and state.status_entry else None
    )
    actions = _actions(state)
    sent = state.sent(audience)
    if next_update is None and cadence and not resolved:
        next_update = now + cadence
    return Update(
        audience=audience,
        severity=severity,
        severity_by=state.severity.entry.by if state.severity else "",
        severity_why=state.severity.why if state.severity else facts.assessment.sentence,
        title=state.opened.text if state.opened and state.opened.text.strip() else title,
        status=state.status,
        security=security_of(state, facts, book, title),
        impact_noted=state.impact.text if state.impact else "",
        affected=numbers,
        affected_from=_down(onset.began.likeliest) if onset else None,
        affected_until=_up(recovered) if recovered else None,
        by_errors=bool(onset and onset.measure == "errors"),
        confirmed=_confirmed(facts, with_figures=numbers is None),
        looked_at=Window(_down(facts.window.since), _up(facts.window.until)) if facts.window else None,
        hits=hits,
        everywhere=everywhere,
        how=_together(
            [hit.how for hit in hits] or ([_how_of_requests(facts, impact)] if everywhere and impact else [])
        ),
        started=_down(started) if started else None,
        started_by=started_by,
        detected=state.detected,
        recovered=_up(recovered) if recovered else None,
        ended=ended if resolved else None,
        now=_down(now),
        previous=sent[-1].entry.happened if sent else None,
        next_update=_down(next_update) if next_update else None,
        cadence=None if resolved else cadence,
        actions=tuple(actions[-MOST_ACTIONS:]),
        actions_before=max(0, len(actions) - MOST_ACTIONS),
    )


def why_not_to_customers(update: Update, state: State, approved_by: str) -> str:
    """Why nothing may be written to customers, and what to do; empty where something may."""
    if not update.severity and not state.sent(Audience.CUSTOMER):
        return (
            "customers are written to of a P1 or P2, and this incident has no severity yet. "
            "Set it, such as: incident-kit set severity P2"
        )
    told_before = state.sent(Audience.CUSTOMER) or state.worst_severity in TOLD_TO_CUSTOMERS
    if update.severity and update.severity not in TOLD_TO_CUSTOMERS and not told_before:
        return (
            f"customers are written to of a P1 or P2, and this is a {update.severity}. "
            "If it is worse, set it: incident-kit set severity P2"
        )
    if update.security and not approved_by.strip():
        return (
            f"this is a matter of security, or suspected to be one ({'; '.join(update.security.reasons)}). "
            "Nothing is written to customers until somebody who may decide that approves it: --approved-by NAME"
        )
    return ""


def why_left_out(text: str, language: str, words: InternalWords) -> str:
    """Why what a person wrote is not put into a message to customers; empty where it is."""
    if named := internal_words_in(text, words):
        return f"it names what customers do not know: {', '.join(map(visible, named))}"
    if REDACTED in text:
        return "it holds what looks like a secret or somebody's data"
    if visible(" ".join(text.split())) != " ".join(text.split()):
        return "it holds characters that cannot be shown"
    if is_japanese(text) != (language == "ja"):
        return f"it is not in the message's language ({language})"
    return ""


def for_customers(update: Update, state: State, language: str, words: InternalWords) -> tuple[Update, str]:
    """The update without what a person wrote of the impact, where customers are not told that; and why not."""
    if not state.impact or not update.impact_noted:
        return update, ""
    why = "it is a matter of security" if update.security else why_left_out(update.impact_noted, language, words)
    if not why:
        return update, ""
    return replace(update, impact_noted=""), f"line {state.impact.line} of the journal is left out: {why}"


def is_japanese(text: str) -> bool:
    """Whether any of it is written in kana or kanji."""
    return bool(compiled(r"[\p{Hiragana}\p{Katakana}\p{Han}]").search(text))


def security_of(state: State, facts: Facts, book: Runbook, title: str = "") -> Security:
    """Whether a cause of a scenario that calls for caution is confirmed, or people suspect or speak of one."""
    words = book.messages.words
    reasons = [
        f"confirmed: {place.causes[0].title}" for place in facts.ranked if place.scenario.caution and place.causes
    ]
    careful = {scenario.id for scenario in book.scenarios if scenario.caution}
    # A run reports on one scenario, and its severity is by all of them.
    rules = {rule.id for rule in book.severity_rules if _is_about(rule, careful)}
    reasons += [met.sentence for met in facts.assessment.met if met.rule in rules]
    reasons += [
        f"line {mark.entry.line} of the journal marks a step of {mark.scenario}"
        for mark in state.steps
        if mark.scenario in careful
    ]
    entries: list[Entry] = [
        *([state.opened] if state.opened else []),
        *(change.entry for change in state.severities),
        *(escalation.entry for escalation in state.escalations),
    ]
    reasons += [
        f"line {entry.line} of the journal says {visible(named[0])!r}"
        for entry in entries
        if (named := security_words_in(entry.text, words))
    ]
    if not state.opened and (named := security_words_in(title, words)):
        reasons.append(f"its title says {visible(named[0])!r}")
    return Security(tuple(dict.fromkeys(reasons)))


def _is_about(rule: SeverityRule, scenarios: Collection[str]) -> bool:
    """Whether a rule of severity looks for one of these scenarios and nothing else."""
    if isinstance(rule.condition, Suspected):
        return rule.condition.scenario in scenarios
    if isinstance(rule.condition, Confirmed):
        return all(symptom.partition(".")[0] in scenarios for symptom in rule.condition.symptoms)
    return False


def hits_of(facts: Facts, features: Sequence[Feature]) -> tuple[Hit, ...]:
    """The features that customers notice something of, by confirmed symptoms and by the routes that suffer."""
    noticed: dict[str, list[How]] = {}
    for place in facts.ranked:
        if place.scenario.caution:
            continue  # sign-ins that are refused to strangers are no trouble of customers
        for finding in place.confirmed:
            for name, how in _noticed_by(place, finding):
                noticed.setdefault(name, []).append(how)
    impact = facts.impact
    if impact and impact.affected and not impact.by_limits:
        how = _how_of_requests(facts, impact)
        for feature in features:
            pattern = compiled(feature.routes, ignore_case=True)
            if any(pattern.search(route) for route in impact.affected.routes):
                own = bool(impact.onset and pattern.search(impact.onset.name or ""))
                of_feature = how if how is not How.FAILS or own or _mostly(impact.affected) else How.SLOW_OR_FAILS
                noticed.setdefault(feature.name, []).append(of_feature)
    return tuple(Hit(feature, _together(noticed[feature.name])) for feature in features if feature.name in noticed)


def _mostly(affected: Affected) -> bool:
    """Whether most requests on the routes that suffer do: else one route may fail, and another be slow."""
    return 2 * affected.n > affected.of


def _noticed_by(place: Ranked, finding: Finding) -> list[tuple[str, How]]:
    """The features that a confirmed symptom is about, by name."""
    symptom = next((symptom for symptom in place.scenario.symptoms if symptom.id == finding.symptom), None)
    if symptom is None:
        return []
    if symptom.delays:
        return [(symptom.delays, How.DELAYED)]
    if not (name := symptom.parameters.get("feature")):
        return []
    return [(name, How.SLOW if "average_ms" in finding.measures else How.FAILS)]


def _how_of_requests(facts: Facts, impact: Impact) -> How:
    """What the requests that suffer have in common: they fail, are slow, or both."""
    fails = any("error_share" in finding.measures for finding in facts.confirmed)
    if impact.onset and impact.onset.measure == "errors":
        return How.FAILS
    return How.SLOW_OR_FAILS if fails else How.SLOW


def _together(hows: Sequence[How]) -> How:
    """What is noticed of several."""
    noticed = set(hows)
    if How.SLOW_OR_FAILS in noticed or {How.SLOW, How.FAILS} <= noticed:
        return How.SLOW_OR_FAILS
    return next((how for how in (How.FAILS, How.SLOW, How.DELAYED) if how in noticed), How.UNKNOWN)


def _started(state: State, facts: Facts) -> tuple[datetime | None, StartedBy | None]:
    """Since when: as a person noted it, else by the requests, else by the first symptom."""
    if noted := state.moment(Milestone.STARTED):
        return noted, StartedBy.NOTED
    if facts.impact and facts.impact.onset and not facts.impact.by_limits:
        return facts.impact.onset.began.likeliest, StartedBy.REQUESTS
    first = min((finding.first_affected for finding in facts.confirmed if finding.first_affected), default=None)
    return (first, StartedBy.SYMPTOM) if first else (None, None)


def _confirmed(facts: Facts, *, with_figures: bool) -> tuple[str, ...]:
    """What is confirmed of the likeliest scenario: its titles in a sentence, or some of its statements."""
    if facts.first is None:
        return ()
    confirmed = facts.first.confirmed
    if with_figures:
        return tuple(f"{finding.title}. {finding.statement}" for finding in confirmed[:MOST_STATEMENTS])
    return (f"{'; '.join(finding.title for finding in confirmed)}.",)


def _actions(state: State) -> list[Action]:
    """What people did, in order of time, as they wrote it; a step of the runbook by its number."""
    done = [Action(entry.happened, entry.text) for entry in state.noted(Kind.ACTION)]
    done += [
        Action(mark.entry.happened, f"step {mark.number} of {mark.scenario} {mark.outcome}: {mark.result}".rstrip(": "))
        for mark in state.steps
    ]
    return sorted(done, key=lambda action: action.happened)


def _down(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def _up(time: datetime) -> datetime:
    whole = _down(time)
    return whole if whole == time else whole + MINUTE
