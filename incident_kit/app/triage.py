"""`incident-kit triage`: what is it? Collects evidence and ranks all scenarios by it, without a kernel.

Logs come first, because they are there at once; live systems are asked then, and all of it is ranked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from incident_kit import logs as log_files
from incident_kit.analysis.changes import Change
from incident_kit.app.chosen import declared
from incident_kit.app.collect import LogPlan, Say, collect
from incident_kit.app.console import exit_code, say, show, show_json, show_lines
from incident_kit.app.deadlines import say_next_deadline, show_calls
from incident_kit.app.sources import (
    check_choice,
    incident_for,
    is_of_an_incident,
    kept_columns,
    planned_logs,
    stored_evidence,
    stored_window,
)
from incident_kit.config.request import Request
from incident_kit.errors import EvidenceError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import Item
from incident_kit.evidence.store import Evidence
from incident_kit.incident.facts import Facts
from incident_kit.incident.severity import severity_json, severity_of
from incident_kit.logs.accounting import Account
from incident_kit.logs.cache import Cache
from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.severity import Severity
from incident_kit.model.times import Window
from incident_kit.runbook import Case, Runbook
from incident_kit.runbook.contents import TRIAGE
from incident_kit.runbook.coverage import Coverage
from incident_kit.runbook.data import load
from incident_kit.runbook.ranking import Ranked
from incident_kit.runbook.ranking import triage as ranked_scenarios
from incident_kit.timeline.impact import Impact
from incident_kit.view.answer import answer, answer_lines, coverage_lines
from incident_kit.view.terminal import next_command, ranking_lines, severity_lines

# Of the object that `--json` prints.
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Ranking:
    """All scenarios, the likeliest first, for a window.

    `lost` says what could not be collected, `interrupted` whether Ctrl-C ended the collecting. `accounts` say what
    became of every line of the logs, with the remarks about them. `impact` says since when and who is suspected,
    `changes` what else differs from the time before, `coverage` what the logs could have shown.
    """

    ranked: tuple[Ranked, ...]
    window: Window
    severity: Severity
    impact: Impact
    changes: tuple[Change, ...]
    coverage: Coverage
    lost: tuple[str, ...] = ()
    interrupted: bool = False
    accounts: tuple[Account, ...] = ()

    @property
    def first(self) -> Ranked:
        return self.ranked[0]

    @property
    def facts(self) -> Facts:
        """What it says of the incident, for whoever is to be called."""
        return Facts("the collected evidence", self.window, self.ranked, assessment=self.severity.by_facts)

    @property
    def incomplete(self) -> bool:
        """Whether evidence is missing or undated."""
        return bool(self.lost) or any(account.has_warning for account in self.accounts)

    @property
    def remarks(self) -> list[str]:
        """What there is to know of each log."""
        return [f"{account.origin}: {remark.sentence}" for account in self.accounts for remark in account.remarks()]


def triage(request: Request, incident_id: str, as_json: bool) -> int:
    """Show all scenarios, the likeliest first, and what to type next; returns the exit code."""
    book = load(request.runbook)
    check_choice(request)
    if evidence := stored_evidence(request):
        kept = kept_columns(request, evidence, say)
        ranking = rank_evidence(book, evidence, stored_window(request, evidence), kept=kept)
        _show(ranking, as_json, incident_id, str(request.sources.evidence), request, book)
        if not is_of_an_incident(evidence) and (incident_id or declared(request)):
            say("Nothing of this evidence is kept with the incident. The report that is named above keeps all of it.")
        if not as_json:
            show_calls(request, book, ranking.facts)
        return exit_code(ranking.incomplete)
    with planned_logs(request, say) as planned:
        incident = incident_for(request, incident_id, book.title(TRIAGE), say)
        ranking = collect_and_rank(
            incident,
            book,
            request,
            planned.logs,
            say,
            lambda by_logs: None if as_json else _show_ranking("From the logs alone:", by_logs, book, request.zone),
        )
    _show(ranking, as_json, incident.id, str(incident.folder), request, book)
    if as_json:
        say_next_deadline(request, incident, ranking.facts)
    else:
        show_calls(request, book, ranking.facts, incident)
    return exit_code(bool(ranking.incomplete or planned.lost), ranking.interrupted)


def rank_evidence(
    book: Runbook,
    stored: Evidence,
    window: Window,
    only: Sequence[Item] | None = None,
    lost: Sequence[str] = (),
    kept: Cache | None = None,
) -> Ranking:
    """The ranking on evidence that was collected before: all of it, or these items. `kept`: where columns are kept."""
    items = stored.items() if only is None else list(only)
    slices = [item for item in items if item.kind == "slice"]
    return _rank(book, stored, slices, _answers_of(stored, items), window, lost, kept)


def collect_and_rank(
    incident: Incident,
    book: Runbook,
    request: Request,
    logs: LogPlan | None,
    say: Say,
    first: Callable[[Ranking], None] = lambda ranking: None,
) -> Ranking:
    """Preserve the logs and rank by them, then ask the live systems, if the request says so, and rank by everything.

    `first` gets the ranking by the logs alone, where systems are still to be asked.
    """
    ranking: Ranking | None = None
    slices: tuple[Item, ...] = ()
    live = request.sources.live
    kept = Cache(incident.cache) if request.sources.cache else None  # collecting says it where that cannot be used
    if logs:
        collected = collect(incident, request.with_sources(live=False), logs, say)
        slices = tuple(item for item in collected.items if item.kind == "slice")
        ranking = _rank(book, incident.evidence, slices, (), collected.window, collected.lost, kept)
        if live:
            first(ranking)
    if live:
        asked = collect(incident, request, None, say)
        failed = [
            f"{stored.answer.question}: {stored.answer.reason}"
            for stored in _answers_of(incident.evidence, asked.items)
            if stored.answer.status is Status.FAILED
        ]
        window, lost = (ranking.window, ranking.lost) if ranking else (asked.window, ())
        # Earlier answers too: some things show only in the difference.
        answers = incident.evidence.stored_answers()
        lost = (*lost, *asked.lost, *failed)
        ranking = _rank(book, incident.evidence, slices, answers, window, lost, kept)
        ranking = replace(ranking, interrupted=asked.interrupted)
    if ranking is None:
        raise EvidenceError(
            "nothing to rank by: give logs (-l LOG), --live, or evidence collected before (--evidence DIR)."
        )
    return ranking


def _rank(
    book: Runbook,
    stored: Evidence,
    slices: Sequence[Item],
    answers: Sequence[StoredAnswer],
    window: Window,
    lost: Sequence[str],
    kept: Cache | None,
) -> Ranking:
    redaction = stored.redaction()
    sources = [item.source(redaction) for item in slices]
    with log_files.read(sources, window, dependencies=book.dependencies, kept=kept) as records:
        case = Case(records, window, book, stored.journal(), answers)
        ranked = ranked_scenarios(book, case)
        findings = [finding for place in ranked for finding in place.findings]
        return Ranking(
            tuple(ranked),
            window,
            severity_of(book, case, ranked),
            case.impact_with(findings),
            tuple(case.changes),
            case.coverage,
            tuple(lost),
            accounts=tuple(case.accounts),
        )


def _answers_of(evidence: Evidence, items: Sequence[Item]) -> list[StoredAnswer]:
    ids = {item.id for item in items}
    return [stored for stored in evidence.stored_answers() if stored.item in ids]


def _show(ranking: Ranking, as_json: bool, incident_id: str, evidence: str, request: Request, book: Runbook) -> None:
    """The ranking, and what to type next; what there is to know of the logs on stderr."""
    for remark in ranking.remarks:
        say(remark)
    scenario_id = ranking.first.scenario.id if ranking.first.confirmed else TRIAGE
    next_to_type = next_command(scenario_id, incident_id, evidence, ranking.window, request.runbook)
    if as_json:
        show_json(_json(ranking, book, next_to_type))
        return
    _show_ranking(f"Window: {ranking.window}", ranking, book, request.zone)
    show("")
    show(f"Next: {next_to_type}")


def _json(ranking: Ranking, book: Runbook, next_to_type: str) -> dict[str, Any]:
    """The object of `--json`: the answer first, then what it stands on."""
    impact = ranking.impact.to_json()
    onset = impact["onset"]
    return {
        "format": FORMAT,
        "answer": answer(ranking.ranked, ranking.impact, ranking.changes),
        "onset": {**onset["began"], **onset, "by_limits": impact["by_limits"]} if onset else None,
        "recovery": onset["recovered"] if onset else None,
        "suspects": impact["suspects"],
        "impact": {"affected": impact["affected"], "last": impact["last"], "too_short": impact["too_short"]},
        "changes": [change.to_json() for change in ranking.changes],
        "severity": severity_json(book, ranking.severity),
        "coverage": ranking.coverage.to_json(),
        "scenarios": [ranked.to_json() for ranked in ranking.ranked],
        "next": next_to_type,
    }


def _show_ranking(heading: str, ranking: Ranking, book: Runbook, zone: tzinfo) -> None:
    show_lines(
        heading,
        *answer_lines(ranking.ranked, ranking.impact, ranking.changes),
        *severity_lines(book, ranking.severity, zone),
        *ranking_lines(ranking.ranked),
        *coverage_lines(ranking.coverage),
    )
