"""What evidence says of an incident: its newest sealed run, else its stored evidence ranked as triage does it.

A run counts as long as nothing was collected after it. Its results are compared with its seal before they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from incident_kit import logs as log_files
from incident_kit.errors import EvidenceError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import ANSWER, SLICE, Item
from incident_kit.evidence.journal import Entry
from incident_kit.evidence.run_folder import RunFolder, read_run_description
from incident_kit.evidence.store import Evidence
from incident_kit.evidence.untrusted import FOLDER, kind_of
from incident_kit.evidence.verify import check_files
from incident_kit.incident.facts import Facts
from incident_kit.incident.severity import severity_of, suspected
from incident_kit.logs.prepare import check_sources
from incident_kit.logs.reading import Records
from incident_kit.model.fields import Fields, Unusable
from incident_kit.model.finding import FOUND_BY_HAND, Finding, Findings
from incident_kit.model.severity import Assessment
from incident_kit.model.times import Window, parse_iso
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.ranking import Ranked, rank
from incident_kit.runbook.ranking import triage as ranked_scenarios
from incident_kit.timeline.results import read_findings, read_impact, read_severity

# As `run.begin` calls it, with the time at which what it reads was collected.
RUN_NAME = re.compile(r"(\d{8}T\d{6}Z)_\w+")


def facts_of(incident: Incident, book: Runbook) -> Facts:
    """The facts of an incident. Without a run and without evidence they are empty. Raises EvidenceError for damage."""
    entries, _ = incident.journal.readable()  # a damaged line is named where the journal is the matter
    facts = _by_evidence(incident, book, entries)
    return replace(facts, assessment=suspected(book, facts.assessment, entries))


def _by_evidence(incident: Incident, book: Runbook, entries: Sequence[Entry]) -> Facts:
    doubts: list[str] = []
    for folder in current_runs(incident):
        try:
            return replace(facts_of_run(folder, book), doubts=tuple(doubts))
        except EvidenceError as error:
            doubts.append(str(error))
    stored = incident.evidence
    if not analysed(stored):
        return Facts(doubts=tuple(doubts))
    return replace(facts_of_evidence(stored, book, entries), doubts=tuple(doubts))


def current_runs(incident: Incident) -> list[Path]:
    """The folders of the sealed runs that nothing was collected after, the newest first."""
    latest = max((parse_iso(item.asked_at) for item in analysed(incident.evidence)), default=None)
    return [
        folder
        for folder in sealed_runs(incident)
        if latest is None or run_time(folder) >= latest.replace(microsecond=0)
    ]


def analysed(stored: Evidence) -> list[Item]:
    """The items that findings rest on. What an alerting system or a chat said is none of them."""
    return [item for item in stored.items() if item.kind in (SLICE, ANSWER)]


def evidence_of(incident: Incident, facts: Facts) -> Evidence:
    """The evidence that facts rest on: that of their run, else the incident's own."""
    run = incident.folder / facts.source
    return Evidence(RunFolder(run).evidence) if facts.source and run in sealed_runs(incident) else incident.evidence


def run_time(folder: Path) -> datetime:
    """When a sealed run was begun, by its folder's name."""
    return parse_iso(folder.name.partition("_")[0])


def newest_run(incident: Incident, book: Runbook) -> Facts:
    """The facts of the newest sealed run that can be read, without any look at the evidence; empty without a run."""
    for folder in sealed_runs(incident):
        try:
            facts = facts_of_run(folder, book)
        except EvidenceError:
            continue
        return replace(facts, assessment=suspected(book, facts.assessment, incident.journal.readable()[0]))
    return Facts()


def sealed_runs(incident: Incident) -> list[Path]:
    """The folders of an incident's sealed runs, the newest first."""
    if kind_of(incident.runs) != FOLDER:
        return []
    runs = [path for path in incident.runs.iterdir() if RUN_NAME.fullmatch(path.name) and kind_of(path) == FOLDER]
    return sorted(runs, key=lambda path: path.name, reverse=True)


def facts_of_run(folder: Path, book: Runbook) -> Facts:
    """The facts that a sealed run holds. Raises EvidenceError where it is not as it was sealed, or holds no results."""
    run = RunFolder(folder)
    has_severity = bool(kind_of(run.severity))  # runs of version 0.2.0 have none
    check_files(folder, (run.findings, run.impact, run.description, *([run.severity] if has_severity else [])))
    findings, impact = read_findings(run), read_impact(run)
    assessment = read_severity(run).by_facts if has_severity else Assessment()
    try:
        parameters = Fields(dict(read_run_description(run.description).parameters), "parameters")
        window = Window(parameters.moment("since"), parameters.moment("until"))
    except Unusable as error:
        raise EvidenceError(f"{run.description}: {error}. Make the run again.") from None
    by_hand = tuple(finding for finding in findings if finding.symptom == FOUND_BY_HAND)
    return Facts(
        f"runs/{folder.name}",
        window,
        tuple(rank(_by_scenario(findings, book), impact)),
        impact,
        by_hand,
        assessment=assessment,
    )


def facts_of_evidence(
    stored: Evidence, book: Runbook, entries: Sequence[Entry] = (), window: Window | None = None
) -> Facts:
    """The facts that the evidence holds of a window (all of it), with these entries of the journal.

    Raises EvidenceError for damage.
    """
    with examined_evidence(stored, book, entries, window) as (_, facts):
        return facts


@contextmanager
def examined_evidence(
    stored: Evidence, book: Runbook, entries: Sequence[Entry] = (), window: Window | None = None
) -> Iterator[tuple[Records, Facts]]:
    """The same with the records, for whoever asks more of them."""
    stored.check()
    check_sources(stored.sources())
    window = window or stored.window()
    with log_files.read(stored.sources(), window, dependencies=book.dependencies) as records:
        answers = stored.stored_answers()
        case = Case(records, window, book, entries, answers)
        ranked = tuple(ranked_scenarios(book, case))
        assessment = severity_of(book, case, ranked).by_facts
        impact = case.impact_with(ranked[0].findings)
        yield records, Facts("the stored evidence", window, ranked, impact, assessment=assessment)


def _by_scenario(findings: list[Finding], book: Runbook) -> list[Ranked]:
    """The scenarios whose symptoms the findings are about."""
    by_symptom = {finding.symptom: finding for finding in findings}
    return [
        Ranked(scenario, Findings(by_symptom[symptom.id] for symptom in scenario.symptoms))
        for scenario in book.scenarios
        if scenario.symptoms and all(symptom.id in by_symptom for symptom in scenario.symptoms)
    ]
