"""How severe an incident is by the facts, by the rules of severity.toml: which one decides, and what would change it.

A rule is met, or not, or cannot be decided: what is unknown is listed, and never counts. A share that was measured is
the graver level's also where chance alone may keep it below the limit: where Wilson's interval at 95 % reaches over it,
and is narrow enough to be called a measurement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_kit.analysis.proportion import wilson_interval
from incident_kit.evidence.journal import Entry, Kind
from incident_kit.logs.failing_spans import EVERYTHING, QUERY, FailingSpan, failing_spans
from incident_kit.model.answer import Fault, Status, StoredAnswer
from incident_kit.model.finding import Citation, Figure, Finding, Line, Verdict
from incident_kit.model.patterns import compiled
from incident_kit.model.severity import Assessment, RuleMet, RuleUnknown
from incident_kit.runbook import checks
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import (
    Confirmed,
    Failing,
    Runbook,
    Scenario,
    SeverityRule,
    Suspected,
    Unreachable,
)
from incident_kit.runbook.ranking import Ranked

# An interval wider than this is no measurement: it reaches over every limit.
WIDEST = 0.3
# What a proxy answers in the place of a portal that does not.
NOT_REACHED = (502, 503, 504)
SENTENCE = re.compile(r"[.;!?。！？\n]+")
# Entries that say no more than what is decided here, or that went out to others.
NO_SUSPICION = (Kind.CUSTODY, Kind.SEVERITY, Kind.COMMUNICATED)


@dataclass(frozen=True, slots=True)
class SeverityFacts:
    """What rules of severity are applied to.

    `findings` by SCENARIO.SYMPTOM; `spans` as `failing_spans` gives them for each condition, none without logs; `major`
    are the features that matter; `health` are the answers of the health check; `entries` are the journal's, without
    what was struck out; `chosen` is the scenario that a person chose, if any did. `ends` is when the last record is.
    """

    findings: Mapping[str, Finding]
    spans: Mapping[Failing, Mapping[tuple[str, bool], FailingSpan]]
    major: tuple[str, ...] = ()
    health: tuple[StoredAnswer, ...] = ()
    entries: tuple[Entry, ...] = ()
    chosen: Scenario | None = None
    items: tuple[str, ...] = ()
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a rule: met, with how; or not, with how far it is from that. `unknown` says what is not known."""

    met: RuleMet | None = None
    better_if: str = ""
    short_of: str = ""
    unknown: tuple[str, ...] = ()


def facts_of(book: Runbook, case: Case, ranked: Sequence[Ranked] = (), chosen: Scenario | None = None) -> SeverityFacts:
    """The facts that the rules of this runbook ask for, from the evidence.

    What is `ranked` was examined before, and is not examined again. `chosen` is the scenario that a person chose.
    """
    examined = {f"{place.scenario.id}.{finding.symptom}": finding for place in ranked for finding in place.findings}
    named = {
        name
        for rule in book.severity_rules
        if isinstance(rule.condition, Confirmed)
        for name in rule.condition.symptoms
    }
    findings = {
        name: examined.get(name) or getattr(checks, symptom.check)(case, symptom, **symptom.parameters)
        for scenario in book.scenarios
        for symptom in scenario.symptoms
        if (name := f"{scenario.id}.{symptom.id}") in named
    }
    major = tuple(feature.name for feature in book.features if feature.major)
    of_customers = (
        {row.route for row in case.statuses if not _is_probe(row.route, book.probes)} if case.items else set()
    )
    routes = {EVERYTHING: of_customers, **{name: of_customers & set(case.routes(name)) for name in major}}
    shares = {rule.condition for rule in book.severity_rules if isinstance(rule.condition, Failing)}
    return SeverityFacts(
        findings=findings,
        spans={
            failing: failing_spans(case.records, routes, failing.lasting, failing.share, failing.at_least)
            for failing in shares
            if case.items
        },
        major=major,
        health=tuple(case.answers_to("health")),
        entries=tuple(case.journal),
        chosen=chosen,
        items=case.items,
        ends=case.extent["last"] if case.items else None,
    )


def assess(rules: Sequence[SeverityRule], facts: SeverityFacts) -> Assessment:
    """The severity by these facts: the gravest rule that is met decides, of a level the first."""
    ordered = sorted(rules, key=lambda rule: rule.level)
    outcomes = [(rule, _outcome(rule, facts)) for rule in ordered]
    met = tuple(outcome.met for _, outcome in outcomes if outcome.met)
    level = met[0].level if met else ""
    holding = [outcome.better_if for _, outcome in outcomes if outcome.met and outcome.met.level == level]
    below = next((rule_met for rule_met in met if rule_met.level > level), None)
    then = f"It would then be {below.level}: {below.sentence}" if below else "No rule would then be met."
    return Assessment(
        met=met,
        worse_if=tuple(
            f"{rule.level} if {rule.title}{f': {outcome.short_of}' if outcome.short_of else ''}."
            for rule, outcome in outcomes
            if not outcome.met and (not level or rule.level < level)
        ),
        better_if=(*(f"Less severe than {level} only if {what}." for what in holding), then) if met else (),
        unknown=tuple(
            RuleUnknown(rule.id, rule.level, why)
            for rule, outcome in outcomes
            if not outcome.met
            for why in outcome.unknown
        ),
    )


def _is_probe(route: str, probes: str) -> bool:
    return bool(probes) and compiled(probes, ignore_case=True).search(route) is not None


def _outcome(rule: SeverityRule, facts: SeverityFacts) -> Outcome:
    match rule.condition:
        case Failing() as failing:
            return _feature_fails(rule, failing, facts) if failing.of_features else _requests_fail(rule, failing, facts)
        case Confirmed() as confirmed:
            return _confirmed(rule, confirmed, facts)
        case Suspected() as suspected:
            return _suspected(rule, suspected, facts)
        case Unreachable():
            return _unreachable(rule, facts)


def _requests_fail(rule: SeverityRule, failing: Failing, facts: SeverityFacts) -> Outcome:
    spans = facts.spans.get(failing, {})
    if not spans:
        return Outcome(unknown=(_no_requests(facts),))
    judged = _judged(spans, EVERYTHING, failing)
    if judged.is_met:
        return _met_by([judged], rule, failing, facts, "customers' requests")
    return _not_met([judged], failing, facts, "customers' requests")


def _feature_fails(rule: SeverityRule, failing: Failing, facts: SeverityFacts) -> Outcome:
    if not facts.major:
        return Outcome(unknown=("which features matter most: none is marked major = true in features.toml",))
    spans = facts.spans.get(failing, {})
    if not spans:
        return Outcome(unknown=(_no_requests(facts),))
    judged = [_judged(spans, name, failing) for name in facts.major]
    met = sorted((share for share in judged if share.is_met), key=lambda share: -share.share)
    if met:
        return _met_by(met, rule, failing, facts, "a major feature's requests")
    return _not_met(judged, failing, facts, "a major feature's requests")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A span beside the limit of a rule. `going_on` is one that reaches the limit, and the end of the evidence too."""

    name: str
    span: FailingSpan | None
    limit: float
    is_met: bool = False
    rounded_up: bool = False
    why_unknown: str = ""
    going_on: FailingSpan | None = None

    @property
    def share(self) -> float:
        return self.span.not_well / self.span.of if self.span else 0.0


def _judged(spans: Mapping[tuple[str, bool], FailingSpan], name: str, failing: Failing) -> _Judged:
    span, unfinished = spans.get((name, True)), spans.get((name, False))
    going_on = unfinished if unfinished and _reaches(unfinished, failing) else None
    what = f"requests of {name}" if name else "requests of customers"
    if span is None:
        why = (
            f"the evidence with {what} is shorter than {_length(failing.lasting)}"
            if unfinished
            else f"there is no request of {name}, so nothing tells whether it works"
            if name
            else "there is no request of a customer"
        )
        return _Judged(name, None, failing.share, why_unknown=why, going_on=going_on)
    if _reaches(span, failing):
        return _Judged(name, span, failing.share, is_met=True)
    low, high = wilson_interval(span.not_well, span.of)
    if high < failing.share:
        return _Judged(name, span, failing.share, going_on=going_on)
    if span.of >= failing.at_least and high - low <= WIDEST:
        return _Judged(name, span, failing.share, is_met=True, rounded_up=True)
    why = (
        f"at most {_counted(span, name)} failed in any {_length(failing.lasting)}: too few to say "
        f"(the share may be {low:.0%} to {high:.0%})"
    )
    return _Judged(name, span, failing.share, why_unknown=why, going_on=going_on)


def _reaches(span: FailingSpan, failing: Failing) -> bool:
    """Whether the share was measured to be the limit or more, by enough requests or beyond chance."""
    if span.of >= failing.at_least and span.not_well / span.of >= failing.share:
        return True
    return wilson_interval(span.not_well, span.of)[0] >= failing.share


def _met_by(met: Sequence[_Judged], rule: SeverityRule, failing: Failing, facts: SeverityFacts, what: str) -> Outcome:
    worst = met[0]
    assert worst.span is not None  # noqa: S101 - what is met was measured
    others = ", ".join(f"{other.name} ({other.share:.1%})" for other in met[1:])
    sentence = f"{_in_words(worst.span, failing.lasting)}{f'; also {others}' if others else ''}."
    if worst.rounded_up:
        low, high = wilson_interval(worst.span.not_well, worst.span.of)
        sentence += (
            f" That is less than {failing.share:.0%}, but so near that it may be chance: by Wilson's interval at 95 % "
            f"the share is {low:.1%} to {high:.1%}, so the graver level holds."
        )
    figures = tuple(_figure(share, failing, facts) for share in met if share.span)
    names = " and ".join(share.name for share in met)
    better = (
        f"fewer than {failing.share:.0%} of {f'the requests of {names}' if names else what} fail in any "
        f"{_length(failing.lasting)}"
    )
    since = min(share.span.began for share in met if share.span)
    return Outcome(RuleMet(rule.id, rule.level, sentence, figures, since, worst.rounded_up), better)


def _not_met(judged: Sequence[_Judged], failing: Failing, facts: SeverityFacts, what: str) -> Outcome:
    unknown = tuple(share.why_unknown for share in judged if share.why_unknown)
    going_on = next((share.going_on for share in judged if share.going_on), None)
    if going_on and facts.ends:
        whole_at = going_on.since + failing.lasting
        short = (
            f"{_in_words(going_on, facts.ends - going_on.since)}, where the evidence ends; "
            f"met if it goes on until {whole_at:%H:%M:%S} UTC"
        )
        return Outcome(short_of=short, unknown=unknown)
    worst = max(
        (share for share in judged if share.span and share.span.not_well), key=lambda share: share.share, default=None
    )
    takes = f"it takes {failing.share:.0%} of {what} over {_length(failing.lasting)}"
    if worst is None or worst.span is None:
        return Outcome(short_of=takes, unknown=unknown)
    named = f" of {worst.name}" if worst.name else ""
    most = f"at worst it was {worst.share:.1%}{named}, from {worst.span.since:%H:%M:%S} UTC on"
    return Outcome(short_of=f"{takes}; {most}", unknown=unknown)


def _no_requests(facts: SeverityFacts) -> str:
    return "no request of a customer is in the logs" if facts.items else "no log is in the evidence"


def _in_words(span: FailingSpan, lasting: timedelta) -> str:
    """How much of what failed, and when, in a phrase."""
    named = f"requests of {span.name}" if span.name else "requests of customers"
    when = f"in the {_length(lasting)} from {span.since:%H:%M:%S} UTC"
    if span.missing:
        return (
            f"of {span.of:,} {named} that were due {when} by what came before, {span.missing:,} did not come and "
            f"{span.bad:,} failed or were aborted ({span.not_well / span.of:.1%})"
        )
    return f"{_counted(span, span.name)} failed or were aborted {when} ({span.not_well / span.of:.1%})"


def _counted(span: FailingSpan, name: str) -> str:
    return f"{span.not_well:,} of {span.of:,} requests of {name or 'customers'}"


def _figure(judged: _Judged, failing: Failing, facts: SeverityFacts) -> Figure:
    assert judged.span is not None  # noqa: S101 - only what was measured is cited
    parameters = {"name": judged.name, "lasting_s": failing.lasting // timedelta(seconds=1)}
    return Figure(facts.items, QUERY, judged.span.n, judged.span.lines, parameters)


def _confirmed(rule: SeverityRule, confirmed: Confirmed, facts: SeverityFacts) -> Outcome:
    findings = [facts.findings[name] for name in confirmed.symptoms if name in facts.findings]
    confirmations = [finding for finding in findings if finding.verdict is Verdict.CONFIRMED]
    if confirmations:
        citations: tuple[Citation, ...] = tuple(citation for finding in confirmations for citation in finding.citations)
        since = min((finding.first_affected for finding in confirmations if finding.first_affected), default=None)
        titles = "; ".join(finding.title for finding in confirmations)
        # Of several the findings themselves say more; a single one stands for itself.
        sentence = f"{titles}: {confirmations[0].statement}" if len(confirmations) == 1 else f"{titles}."
        return Outcome(RuleMet(rule.id, rule.level, sentence, citations, since), f"this is over: {titles}")
    return Outcome(
        unknown=tuple(
            f"{finding.title}: {finding.verdict.value.replace('_', ' ')}, because {finding.reason}"
            for finding in findings
            if finding.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_CHECKED)
        )
    )


def _suspected(rule: SeverityRule, suspected: Suspected, facts: SeverityFacts) -> Outcome:
    entries = [entry for entry in facts.entries if _says_so(entry, suspected)]
    if entries:
        first = entries[0]
        sentence = f"{first.by} noted at {first.happened:%H:%M:%S} UTC: {first.text}"
        cited = tuple(Line("journal", entry.line) for entry in entries)
        lines = " and ".join(str(entry.line) for entry in entries)
        better = f"it is not suspected after all: strike out line {lines} of the journal"
        return Outcome(RuleMet(rule.id, rule.level, sentence, cited, first.happened), better)
    if facts.chosen and facts.chosen.id == suspected.scenario:
        sentence = (
            f"The scenario “{facts.chosen.title}” was chosen: that is suspicion enough, until it is known to be none."
        )
        return Outcome(RuleMet(rule.id, rule.level, sentence), "it is known to be no such incident")
    return Outcome()


def _says_so(entry: Entry, suspected: Suspected) -> bool:
    """Whether an entry of the journal says that somebody suspects the scenario."""
    if entry.kind == Kind.STEP:
        return entry.data.get("scenario") == suspected.scenario and entry.data.get("outcome") == "done"
    return entry.kind not in NO_SUSPICION and any(
        compiled(suspected.words, ignore_case=True).search(sentence)
        and not (suspected.unless and compiled(suspected.unless, ignore_case=True).search(sentence))
        for sentence in SENTENCE.split(entry.text)
    )


def _unreachable(rule: SeverityRule, facts: SeverityFacts) -> Outcome:
    outside = [stored for stored in facts.health if _asked_outside(stored)]
    failed = [stored for stored in outside if _is_unreachable(stored)]
    if failed:
        first = failed[0]
        answer = first.answer
        cited = tuple(stored.at("/reason" if stored.answer.reason else "/data/http_status") for stored in failed)
        sentence = (
            f"The health check, asked from outside at {answer.asked_at:%H:%M:%S} UTC, was not answered by the portal: "
            f"{answer.reason}."
        )
        better = "the health check is answered from outside: incident-kit recheck asks again"
        return Outcome(RuleMet(rule.id, rule.level, sentence, cited, answer.asked_at), better)
    if any(stored.answer.blamed in (None, Fault.SYSTEM) for stored in outside):
        return Outcome()
    if outside:
        return Outcome(unknown=(f"whether the portal can be reached from outside: {outside[-1].answer.reason}",))
    why = "it was asked on this machine only" if facts.health else "the health check was not asked"
    return Outcome(unknown=(f"whether the portal can be reached from outside: {why}",))


def _asked_outside(stored: StoredAnswer) -> bool:
    """Whether the health check was asked at an address that is not this machine's own."""
    return stored.answer.data.get("outside") is True


def _is_unreachable(stored: StoredAnswer) -> bool:
    """Whether nothing of the portal's own answered, by a fault of the system and not of ours or of the way there."""
    answer = stored.answer
    if answer.blamed is not Fault.SYSTEM:
        return False
    return answer.status is Status.FAILED or (
        answer.data.get("http_status") in NOT_REACHED and answer.data.get("shape") == "unknown"
    )


def _length(length: timedelta) -> str:
    """
    >>> _length(timedelta(minutes=3)), _length(timedelta(seconds=90)), _length(timedelta(minutes=1))
    ('3 minutes', '90 seconds', 'minute')
    """
    seconds = max(1, int(length.total_seconds()))
    number, unit = (seconds // 60, "minute") if seconds % 60 == 0 else (seconds, "second")
    return unit if number == 1 else f"{number} {unit}s"
