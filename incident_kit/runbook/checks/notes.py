"""Checks of what people have noted: logs cannot tell what customers say."""

from __future__ import annotations

from incident_kit.model.finding import Finding, Line, Symptom
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.verdicts import confirmed, not_checked


def noted(case: Case, symptom: Symptom, *, kind: str) -> Finding:
    """Whether people have noted an entry of this kind in the journal; without one, it was not checked."""
    entries = [entry for entry in case.journal if entry.kind == kind]
    if not entries:
        return not_checked(
            symptom,
            f"no {kind} is noted in the journal, and neither logs nor systems can tell: ask those who would hear of it",
        )
    statement = f"{len(entries)} noted, first: {entries[0].text}"
    return confirmed(
        symptom, statement, [Line("journal", entry.line) for entry in entries], min(entry.happened for entry in entries)
    )
