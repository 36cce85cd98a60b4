"""What triage and recheck print: plain lines that a tired person can read."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from incident_kit.model.finding import Finding, Verdict
from incident_kit.model.times import Window, iso
from incident_kit.model.visible import visible
from incident_kit.runbook.ranking import Ranked
from incident_kit.view import words

MOST_CITED = 3


def ranking_lines(ranked: Sequence[Ranked]) -> Iterator[str]:
    """The lines of `_ranking`, each on one line whatever a log says."""
    return map(visible, _ranking(ranked))


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
    places = list(dict.fromkeys(place for citation in finding.citations for place in words.cited_places(citation)))
    return f" [{', '.join(places[:MOST_CITED])}]" if places else ""
