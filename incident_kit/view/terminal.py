"""What triage and recheck print: plain lines that a tired person can read."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path

from incident_kit.model.finding import Citation, Finding, Verdict
from incident_kit.model.severity import Severity
from incident_kit.model.times import Window, iso
from incident_kit.model.visible import visible
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.ranking import Ranked
from incident_kit.view import words

MOST_CITED = 3
# Of what would make a severity worse or better, and of what is not known.
MOST_SAID = 2


def ranking_lines(ranked: Sequence[Ranked]) -> Iterator[str]:
    """The lines of `_ranking`, each on one line whatever a log says."""
    return map(visible, _ranking(ranked))


def severity_lines(book: Runbook, severity: Severity, zone: tzinfo) -> Iterator[str]:
    """The severity that holds, why, and what would change it, each on one line. `zone` is the people's."""
    return map(visible, _severity(book, severity, zone))


def change_lines(changes: Sequence[tuple[Finding, Finding]]) -> Iterator[str]:
    """The lines of `_changes`, each on one line whatever a log says."""
    return map(visible, _changes(changes))


def _ranking(ranked: Sequence[Ranked]) -> Iterator[str]:
    """The scenarios, the likeliest first: what is confirmed, of the first also what is unclear; the rest counted."""
    if not any(place.confirmed for place in ranked):
        yield "Nothing is confirmed. What could not be decided, and what was not checked, is not thereby well:"
    for rank, place in enumerate(ranked, start=1):
        scenario = place.scenario
        confirmed = f"{len(place.confirmed)} of {len(place.findings)} symptoms confirmed"
        yield f"{rank}. {scenario.title} ({scenario.id}, usually {scenario.severity}): {confirmed}"
        if place.confirmed and scenario.caution:
            yield f"   FIRST: {scenario.caution}"
        for finding in place.confirmed:
            yield f"   {_marked(finding)}{_cited(finding)}"
        others = [finding for finding in place.findings if finding.verdict is not Verdict.CONFIRMED]
        if rank == 1:
            yield from (f"   {_marked(finding)}" for finding in others if finding.verdict is not Verdict.RULED_OUT)
            others = [finding for finding in others if finding.verdict is Verdict.RULED_OUT]
        if others:
            counts = Counter(finding.verdict for finding in others)
            yield f"   {words.verdict_counts(counts, signs=True)}"


def _severity(book: Runbook, severity: Severity, zone: tzinfo) -> Iterator[str]:
    assessment, people_only = severity.by_facts, book.severities[-1].id
    why = f"{assessment.sentence}{_places(assessment.citations)}"
    if severity.set_last:
        change = severity.set_last
        reason = f" (“{change.why}”)" if change.why else ""
        by_facts = f"by the facts {assessment.level}: {why}" if assessment.rule else "by the facts no rule is met."
        since = words.moment(change.since, zone, with_day=True)
        yield f"Severity: {_level(book, severity)} Set by {change.by} from {since} on{reason}; {by_facts}"
    elif assessment.rule:
        yield f"Severity by the facts: {_level(book, severity)} {why}"
    else:
        yield f"Severity by the facts: none, for no rule of the runbook is met ({people_only} is for people to give)."
    yield from (f"   {line}" for line in _first(assessment.better_if))
    # Those that were measured tell more than those that are not there.
    yield from (f"   {line}" for line in _first(sorted(assessment.worse_if, key=lambda sentence: ":" not in sentence)))
    unknown = [f"Not known ({unknown.level}): {unknown.why}." for unknown in assessment.could_be_worse]
    yield from (f"   {line}" for line in _first(unknown))


def _first(sentences: Sequence[str]) -> Iterator[str]:
    """The first few; the report has them all."""
    yield from sentences[:MOST_SAID]
    if len(sentences) > MOST_SAID:
        yield f"(and {len(sentences) - MOST_SAID} more, in the report)"


def _level(book: Runbook, severity: Severity) -> str:
    level = next((level for level in book.severities if level.id == severity.level), None)
    if level is None:
        return f"{severity.level}."
    return f"{level.id}, {level.title.lower()}: respond within {level.respond_within}."


def _changes(changes: Sequence[tuple[Finding, Finding]]) -> Iterator[str]:
    """What was confirmed or is, before and after; the rest counted."""
    shown = [pair for pair in changes if Verdict.CONFIRMED in (pair[0].verdict, pair[1].verdict)]
    for earlier, later in shown:
        yield f"{words.verdict(earlier.verdict)} → {words.verdict(later.verdict)}: {later.title}"
        yield f"     before: {earlier.statement}"
        yield f"     after:  {later.statement}{_because(later)}{_cited(later)}"
    if len(changes) > len(shown):
        counts = Counter(later.verdict for earlier, later in changes if (earlier, later) not in shown)
        yield f"Of the other symptoms, confirmed neither before nor after: {words.verdict_counts(counts)}."


def next_command(scenario: str, incident_id: str, evidence: str, window: Window, runbook: str) -> str:
    """The command that makes a report of the likeliest scenario."""
    named = ["incident-kit", "report", scenario, *([incident_id] if incident_id else [])]
    bounds = ["--since", iso(window.since), "--until", iso(window.until)]
    theirs = f" --runbook {short_path(runbook)}" if runbook else ""
    return f"{shlex.join(named)} --evidence {short_path(evidence)} {shlex.join(bounds)}{theirs}"


def short_path(path: str) -> str:
    """A path as it is typed, from the working directory or from home where it lies below.

    Where a person's home is, is nobody's matter.

    >>> short_path(str(Path.home() / "an incident" / "evidence"))
    "~/'an incident/evidence'"
    """
    absolute = Path(path).absolute()
    if absolute.is_relative_to(Path.cwd()):
        return shlex.quote(f"./{below}" if (below := str(absolute.relative_to(Path.cwd()))).startswith("-") else below)
    try:
        return f"~/{shlex.quote(str(absolute.relative_to(Path.home())))}"
    except (ValueError, RuntimeError):  # elsewhere, or nobody's home
        return shlex.quote(path)


def _marked(finding: Finding) -> str:
    since = f" Since {words.clock(finding.first_affected)} UTC." if finding.first_affected else ""
    until = f" Until {words.clock(finding.recovered)} UTC." if finding.recovered else ""
    return f"{words.verdict(finding.verdict)}: {finding.title}. {finding.statement}{since}{until}{_because(finding)}"


def _because(finding: Finding) -> str:
    return f" Because {finding.reason}." if finding.reason else ""


def _cited(finding: Finding) -> str:
    return _places(finding.citations)


def _places(citations: Sequence[Citation]) -> str:
    places = list(dict.fromkeys(place for citation in citations for place in words.cited_places(citation)))
    return f" [{', '.join(places[:MOST_CITED])}]" if places else ""
