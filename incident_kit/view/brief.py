"""The hand-off brief as text: one screen for a terminal, and whole as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from incident_kit.evidence.journal import Entry
from incident_kit.incident.brief import Brief, Call, NextStep, entry_of
from incident_kit.incident.deadlines import Deadline, Standing
from incident_kit.incident.proposals import Proposal
from incident_kit.incident.state import StepMark
from incident_kit.incident.workflow import Progress
from incident_kit.model.finding import Finding
from incident_kit.model.redaction import REDACTION
from incident_kit.model.times import iso
from incident_kit.model.visible import visible
from incident_kit.view import words
from incident_kit.view.deadlines import due, length, sentence, standing, subject
from incident_kit.view.fitting import shortened, width_of, wrapped

COLUMNS, ROWS = 80, 40
LABEL = 11
# A part of the screen takes no more lines than these, as long as others need theirs.
LEAST_LINES = {
    "What": 4,
    "Severity": 2,
    "Confirmed": 4,
    "Ruled out": 2,
    "Unknown": 2,
    "Tried": 4,
    "Next": 5,
    "Deadlines": 5,
    "Who": 5,
    "Contacts": 1,
    "Missing": 3,
    "Doubts": 1,
}
# What gets the lines that others leave, the first first.
GROWING = (
    "Deadlines",
    "Who",
    "Next",
    "Tried",
    "Confirmed",
    "Missing",
    "What",
    "Unknown",
    "Contacts",
    "Ruled out",
    "Severity",
    "Doubts",
)
MARKDOWN = re.compile(r"([\\`*_\[\]<>~|#&])")
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the brief: its items as sentences, `most` lines for each on the screen.

    What the team itself configured (`ours`: whom to call, and how) is shown as it is; everything else redacted.
    """

    label: str
    items: Sequence[str]
    most: int = 2
    ours: bool = False

    def shown(self, item: str) -> str:
        return visible(item) if self.ours else REDACTION.sentence(visible(item))


def screen(brief: Brief, zone: tzinfo) -> list[str]:
    """The brief in at most 40 lines of at most 80 columns; what does not fit is counted."""
    head = shortened(f"{visible(brief.incident_id)}: {_title(brief)}", COLUMNS)
    parts = [part for part in _parts(brief, zone) if part.items]
    whole = {part.label: list(_laid_out(part)) for part in parts}
    rooms = {label: min(len(lines), LEAST_LINES[label]) for label, lines in whole.items()}
    left = ROWS - 2 - sum(rooms.values())
    for label in GROWING:
        if label in rooms:
            more = max(0, min(left, len(whole[label]) - rooms[label]))
            rooms[label] += more
            left -= more
    lines = [head, shortened(_now(brief, zone), COLUMNS)]
    for part in parts:
        lines += _labelled(part.label, _fitted(whole[part.label], rooms[part.label], len(part.items)))
    return lines


def markdown(brief: Brief, zone: tzinfo) -> str:
    """All of the brief as Markdown: findings with what they rest on, all deadlines by their rules, every stage."""
    whole = {
        "Confirmed": [_cited(finding) for finding in brief.confirmed],
        "Ruled out": [_cited(finding) for finding in brief.ruled_out],
        "Unknown": [_cited(finding) for finding in brief.unclear],
        "Deadlines": [sentence(deadline, brief.now, zone) for deadline in brief.deadlines],
        "Missing": list(stage_lines(brief.stages)),
    }
    lines = [f"# {_escaped(brief.incident_id)}: {_escaped(_title(brief))}", "", _escaped(_now(brief, zone))]
    for part in _parts(brief, zone):
        items = whole.get(part.label, part.items)
        lines += ["", f"## {part.label}", "", *(f"- {_literal(part.shown(item))}" for item in items or [NOTHING])]
    return "\n".join(lines) + "\n"


def stage_lines(stages: Sequence[Progress]) -> Iterator[str]:
    """What of each stage that is reached is missing, and what to type."""
    for stage in stages:
        for need in stage.missing:
            yield f"{stage.stage.title}: {need.text}. {need.command}"


def proposed(proposal: Proposal, zone: tzinfo) -> str:
    """A milestone that the evidence suggests and nobody has noted, and what to type: a person decides."""
    name = proposal.milestone.value
    likeliest = words.moment(proposal.likeliest, zone, with_day=True)
    earliest, latest = (words.moment(bound, zone) for bound in (proposal.earliest, proposal.latest))
    watch = (
        f" Watch until {words.moment(proposal.watch_until, zone)} whether it comes back."
        if proposal.watch_until
        else ""
    )
    return visible(
        f"The evidence suggests {name} at {likeliest}, between {earliest} and {latest}: {proposal.why}.{watch} "
        f"Note it: incident-kit milestone {name} --at {iso(proposal.likeliest)}"
    )


def call_lines(calls: Sequence[Call], now: datetime) -> Iterator[str]:
    """Whom to call, when and how: `at once: L3, Engineering manager (Ito): Slack @ito`."""
    for call in calls:
        deadline = call.deadline
        if deadline is None:
            when = "who responds"
        elif deadline.due <= now:
            when = "at once"
        else:
            when = f"in {length(deadline.due - now)}, unless it is resolved"
        yield visible(f"{when}: {_call(call)}")


def _cited(finding: Finding) -> str:
    """A finding with all that was found, and what it rests on."""
    because = f" Because {finding.reason}." if finding.reason else ""
    cited = "; ".join(words.citation(citation) for citation in finding.citations)
    return f"{finding.title}. {finding.statement}{because}{f' [{cited}]' if cited else ''}"


def _title(brief: Brief) -> str:
    return REDACTION.sentence(visible(brief.title))


def _now(brief: Brief, zone: tzinfo) -> str:
    opened = "open" if brief.state.is_open else "closed"
    declared = "" if brief.state.is_declared else ", not opened as an incident"
    local = brief.now.astimezone(zone)
    moment = f"{local:%a %-d %b} {words.short_moment(brief.now, zone, brief.now)}"
    return f"{moment}: {opened}{declared}, {brief.state.status.value}; stage: {brief.stage}"


def _parts(brief: Brief, zone: tzinfo) -> list[_Part]:
    now = brief.now

    def clock(moment: datetime) -> str:
        return words.short_moment(moment, zone, now)

    return [
        _Part("Severity", [_severity(brief, clock)], most=3),
        _Part("What", list(_what(brief, clock))),
        _Part("Confirmed", [_finding(finding, clock) for finding in brief.confirmed], most=1),
        _Part("Ruled out", _joined([finding.title for finding in brief.ruled_out]), most=4),
        _Part("Unknown", [f"{finding.title}: {finding.reason}" for finding in brief.unclear], most=1),
        _Part("Tried", [_action(action, clock) for action in brief.tried]),
        _Part("Next", list(_next(brief.next_step)) if brief.next_step else _nothing_next(brief), most=3),
        _Part("Deadlines", [_deadline(deadline, now, zone) for deadline in brief.pending] + _others(brief), most=1),
        _Part("Who", list(map(_call, brief.calls)), ours=True),
        _Part("Contacts", brief.unreachable, most=1),
        _Part("Missing", brief.missing, most=1),
        _Part("Doubts", brief.doubts, most=1),
    ]


def _severity(brief: Brief, clock: Callable[[datetime], str]) -> str:
    level = brief.level
    if level is None:
        return 'not set: no clock runs. Set it: incident-kit set severity P2 --why "..."'
    assessment = brief.facts.assessment
    if level.entry is None:
        return f"{level.level} by the facts, nobody has set it. {visible(assessment.sentence)}"
    why = visible(level.entry.text).removeprefix(f"{level.level}: ")
    because = f": {why}" if why and why != level.level else ""
    differs = (
        f". By the facts {assessment.level}: {visible(assessment.sentence)}" if assessment.level != level.level else ""
    )
    return (
        f"{level.level} since {clock(level.since)}, set by {visible(level.entry.by)}{because}"
        f"{differs if assessment.level else ''}"
    )


def _what(brief: Brief, clock: Callable[[datetime], str]) -> Iterator[str]:
    """One sentence of what it is, and what customers notice."""
    first = brief.facts.first
    if first:
        cause = first.confirmed[0]
        since = f" since {clock(cause.first_affected)}" if cause.first_affected else ""
        over = f", until {clock(cause.recovered)}" if cause.recovered else ""
        yield f"{first.scenario.title}{since}{over}. {_first_sentence(cause.statement)}"
    elif brief.facts.source:
        yield "Not known: no symptom of the runbook is confirmed."
    else:
        yield "Not known: no evidence was looked at."
    if brief.state.impact:
        yield f"Customers: {visible(brief.state.impact.text)}"
    if (impact := brief.facts.impact) and impact.affected:
        affected = impact.affected
        routes = f" on {', '.join(affected.routes[:2])}" if affected.routes else ""
        yield f"Hit: {words.number(affected.n)} of {words.number(affected.of)} requests{routes}"


def _finding(finding: Finding, clock: Callable[[datetime], str]) -> str:
    """On one line of the screen: with what was found only where that is short."""
    since = f", since {clock(finding.first_affected)}" if finding.first_affected else ""
    longer = f"{finding.title}{since}: {_first_sentence(finding.statement)}"
    return longer if width_of(longer) <= COLUMNS - LABEL else f"{finding.title}{since}"


def _first_sentence(text: str) -> str:
    head, separator, _ = text.partition(". ")
    return f"{head}." if separator else text


def _action(action: Entry | StepMark, clock: Callable[[datetime], str]) -> str:
    entry = entry_of(action)
    if isinstance(action, StepMark):
        result = visible(action.result)
        text = f"step {action.number} of {action.scenario}, {action.outcome.value}"
        return f"{clock(entry.happened)} {text}{f': {result}' if result else ''}"
    return f"{clock(entry.happened)} {visible(entry.text)} ({visible(entry.by)})"


def _next(step: NextStep) -> Iterator[str]:
    yield f"Step {step.number} of {len(step.scenario.steps)} of {step.scenario.id}: {step.step.text}"
    if step.step.caution:
        yield f"Careful: {step.step.caution}"
    for fact in step.facts:
        yield f"Known: {fact}"


def _nothing_next(brief: Brief) -> list[str]:
    if not brief.state.is_open:
        return []
    if not brief.facts.source:
        return ["incident-kit triage -l LOG: no evidence was looked at yet"]
    if brief.facts.first:
        return ["every step of the runbook is marked: see whether it helped with incident-kit recheck"]
    return ["incident-kit triage --live: nothing is confirmed yet"]


def _deadline(deadline: Deadline, now: datetime, zone: tzinfo) -> str:
    return f"{standing(deadline, now)}, {due(deadline, now, zone)}: {subject(deadline)}"


def _others(brief: Brief) -> list[str]:
    """The deadlines that are over, counted."""
    done = [deadline for deadline in brief.deadlines if not deadline.is_pending]
    counts = [(n, state.value) for state in Standing if (n := sum(d.standing is state for d in done))]
    return [", ".join(f"{n} {state}" for n, state in counts)] if counts else []


def _call(call: Call) -> str:
    reachable = [contact for contact in call.contacts if contact.ways] or call.contacts[:1]
    level = f"{call.level}, " if call.level else ""
    return f"{level}{'; '.join(visible(contact.sentence()) for contact in reachable)}"


def _joined(titles: Sequence[str]) -> list[str]:
    return ["; ".join(titles)] if titles else []


def _laid_out(part: _Part) -> Iterator[str]:
    for item in part.items:
        yield from wrapped(part.shown(item), COLUMNS - LABEL, part.most)


def _fitted(lines: Sequence[str], room: int, items: int) -> list[str]:
    """As many of the lines as there is room for; the last one says that there is more."""
    if len(lines) <= room:
        return list(lines)
    shown = list(lines[:room])
    more = f"… {items} in all: --md" if items > 1 else "… all of it: --md"
    shown[-1] = f"{shortened(shown[-1], COLUMNS - LABEL - width_of(more) - 1)} {more}"
    return shown


def _labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else label:<{LABEL}}{line}".rstrip()


def _escaped(text: str) -> str:
    return _literal(REDACTION.sentence(visible(text)))


def _literal(text: str) -> str:
    """A text that Markdown shows as it stands."""
    return MARKDOWN.sub(r"\\\1", text)
