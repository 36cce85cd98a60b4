"""The answer of a triage, in a sentence or two, and what it stands on: what changed, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from incident_kit.analysis.changes import Change
from incident_kit.model.visible import visible
from incident_kit.runbook.coverage import Capability, Coverage
from incident_kit.runbook.ranking import Ranked
from incident_kit.timeline.impact import Impact, change_in_words, duration
from incident_kit.view import words

MOST_CHANGES = 5
MOST_HOLES = 3


def answer(ranked: Sequence[Ranked], impact: Impact, changes: Sequence[Change]) -> str:
    """What is wrong, since when, and where to look first; or that nothing is confirmed."""
    first = ranked[0] if ranked else None
    sentences = []
    if first and first.confirmed:
        sentences.append(f"{first.scenario.title}: {first.confirmed[0].statement}")
    elif impact.onset:
        sentences.append("Something changed that no scenario of the runbook confirms (unclassified).")
    elif changes:
        sentences.append("No scenario of the runbook is confirmed, but something differs from before.")
    else:
        sentences.append("Nothing is confirmed. What was not decided or not checked is not thereby well.")
    if impact.onset:
        sentences.append(f"Since {words.clock(impact.onset.began.likeliest)} UTC {change_in_words(impact.onset)}.")
        if impact.first_cause:
            suspect = impact.first_cause.suspect
            sentences.append(f"Look first at the {suspect.kind} {suspect.name}. {suspect.why}")
    sentences += [in_words(change) for change in changes[:1] if not impact.onset]
    return " ".join(visible(sentence) for sentence in sentences)


def answer_lines(ranked: Sequence[Ranked], impact: Impact, changes: Sequence[Change]) -> Iterator[str]:
    """The answer, and what else differs from before, one thing a line."""
    yield answer(ranked, impact, changes)
    for change in changes[:MOST_CHANGES]:
        yield visible(f"Changed: {in_words(change)}")


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """What the logs could not have shown; nothing if they could show all."""
    gone = [f"{capability.value} ({reason})" for capability in Capability if (reason := coverage.missing(capability))]
    if gone:
        yield visible(f"Not to be seen in this evidence: {'; '.join(gone)}.")
    for hole in coverage.request_holes[:MOST_HOLES]:
        window = hole.window
        yield (
            f"No request from {words.clock(window.since)} to {words.clock(window.until)} UTC, where about "
            f"{hole.expected:.0f} were due: nothing is ruled out over that time."
        )


def in_words(change: Change) -> str:
    """What differs from before, in a sentence."""
    who = change.name or "all requests"
    until = f"until {words.clock(change.until)} UTC" if change.until else "to the end of the evidence"
    when = f"from {words.clock(change.since)} UTC {until}"
    match change.kind:
        case "refusals":
            return f"{who}: {change.after:.0%} were refused (4xx) {when}, before {change.before:.1%}."
        case "failures":
            return f"{who}: {change.after:.0%} of {change.n} requests failed {when}, before {change.before:.1%}."
        case "drift":
            return (
                f"{who} became slower and slower since about {words.clock(change.since)} UTC: "
                f"{duration(change.before)} on average at first, {duration(change.after)} at the end."
            )
        case _:
            verb = {
                "traffic_stopped": "no request came",
                "traffic_fell": "requests fell",
                "traffic_rose": "requests rose",
            }
            return (
                f"{verb[change.kind]} {when}: {change.after:.1f} a minute, usually {change.before:.1f}."
            ).capitalize()
