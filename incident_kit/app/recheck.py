"""`incident-kit recheck`: the same symptoms again, from the same logs and systems."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from incident_kit.app.chosen import declared
from incident_kit.app.collect import Say, path_of, plan_logs
from incident_kit.app.console import exit_code, say, show_json, show_lines
from incident_kit.app.deadlines import say_next_deadline
from incident_kit.app.sources import kept_columns
from incident_kit.app.triage import Ranking, collect_and_rank, rank_evidence
from incident_kit.config.request import Request
from incident_kit.errors import EvidenceError
from incident_kit.evidence.incident import Incident, load, newest
from incident_kit.logs.inputs import log_files_of
from incident_kit.model.finding import Finding
from incident_kit.model.times import Window, parse_duration
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.data import load as load_runbook
from incident_kit.view.terminal import change_lines

Revision = tuple[Finding, Finding]


def recheck(request: Request, incident_id: str, every: str, within: str, as_json: bool) -> int:
    """Show before and after, once or again and again; returns the exit code."""
    incident = _meant(request, incident_id)
    book = load_runbook(request.runbook)
    apart_s = parse_duration(every).total_seconds() if every else 0.0
    ends = time.monotonic() + parse_duration(within).total_seconds()
    while True:
        changes, ranking = changes_since(incident, book, request, say)
        _show(changes, as_json)
        if not apart_s or ranking.interrupted or time.monotonic() + apart_s > ends:
            say_next_deadline(request, incident, ranking.facts)
            return exit_code(bool(ranking.lost), ranking.interrupted)
        time.sleep(apart_s)


def _meant(request: Request, incident_id: str) -> Incident:
    """The incident of this id, else the one that is open, else the newest. Raises EvidenceError."""
    if incident_id:
        return load(request.reports / incident_id)
    if opened := declared(request):
        say(f"Incident {opened.id}, which is open: {opened.title}")
        return opened
    return newest(request.reports)


def changes_since(incident: Incident, book: Runbook, request: Request, say: Say) -> tuple[list[Revision], Ranking]:
    """Ask again what this incident's evidence was made from: the same logs from where they ended, the same systems.

    Before and after, by symptom. Raises EvidenceError where there is no evidence yet.
    """
    stored = incident.evidence
    stored.check()
    items = stored.items()
    if not items:
        raise EvidenceError(
            f"{incident.folder}: no evidence in it yet, so there is nothing to compare with. "
            "Begin with incident-kit triage."
        )
    slices = stored.slices()
    earlier = rank_evidence(book, stored, stored.window(), items, kept=kept_columns(request, stored, say))
    paths = [path for path in dict.fromkeys(map(path_of, slices)) if path and path.is_file()]
    answers = {stored_answer.answer.question: stored_answer.answer for stored_answer in stored.stored_answers()}
    env_file = answers["environment"].data.get("file") if "environment" in answers else None
    now = datetime.now(UTC)
    ended = [Window.from_json(item.details["window"]).until for item in slices]
    since = max(ended, default=now - timedelta(minutes=5))
    hints = slices[-1].source(stored.redaction()).hints if slices else request.hints
    request = replace(request, hints=hints, since=since, until=now).with_sources(
        live=bool(answers), env_file=Path(env_file) if env_file else None
    )
    with log_files_of(paths if since < now else (), hints, say) as inputs:
        plan = plan_logs(inputs.logs, request) if inputs.logs else None
        after = collect_and_rank(incident, book, request, plan, say)
    later = {(ranked.scenario.id, finding.symptom): finding for ranked in after.ranked for finding in ranked.findings}
    changes = [
        (finding, later[ranked.scenario.id, finding.symptom])
        for ranked in earlier.ranked
        for finding in ranked.findings
    ]
    return changes, after


def _show(changes: Sequence[Revision], as_json: bool) -> None:
    if as_json:
        show_json([{"id": old.symptom, "before": old.to_json(), "after": new.to_json()} for old, new in changes])
    else:
        show_lines(f"Again at {datetime.now(UTC):%H:%M:%S} UTC:", *change_lines(changes))
