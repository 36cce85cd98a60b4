"""Findings of each verdict, and several of them combined into one.

Each kind of evidence gives a finding of its own, made as if there were no other evidence. Logs rule out over their
window, an answer over the moment it was given. Only combined do they have to cover the window of the incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import StoredAnswer
from incident_kit.model.finding import Absence, Citation, Figure, Finding, Line, Pointer, Symptom, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.case import Case

EXEMPLARS = 5
# The edge of the evidence may miss the edge of the window by this much and still cover it.
EDGE_TOLERANCE = timedelta(seconds=60)
# Recovered only if records were seen for so long afterwards.
WELL_AGAIN = timedelta(minutes=1)


def not_checked(symptom: Symptom, reason: str) -> Finding:
    """Nothing in the evidence could say it, for this reason."""
    return Finding(symptom.id, symptom.title, Verdict.NOT_CHECKED, "Not known from here.", reason=reason)


def inconclusive(symptom: Symptom, statement: str, reason: str, citations: Sequence[Citation] = ()) -> Finding:
    """The evidence speaks of it, and does not suffice for this reason."""
    return Finding(symptom.id, symptom.title, Verdict.INCONCLUSIVE, statement, tuple(citations), reason)


def confirmed(
    symptom: Symptom,
    statement: str,
    citations: Sequence[Citation],
    first: datetime | None = None,
    recovered: datetime | None = None,
    **measures: float,
) -> Finding:
    """The evidence shows it; `first` is when the first request or attempt was affected."""
    return Finding(
        symptom.id,
        symptom.title,
        Verdict.CONFIRMED,
        statement,
        tuple(citations),
        first_affected=first,
        recovered=recovered,
        measures=measures,
    )


def ruled_out_by_logs(case: Case, symptom: Symptom, statement: str, examined: int, query: str) -> Finding:
    """Ruled out by the logs, if they cover the window."""
    if gap := coverage_gap(case):
        return inconclusive(symptom, "Not seen in what there is.", gap)
    return Finding(
        symptom.id, symptom.title, Verdict.RULED_OUT, statement, (Absence(case.items, case.window, examined, query),)
    )


def ruled_out_by_answer(symptom: Symptom, stored: StoredAnswer, statement: str) -> Finding:
    """Ruled out by an answer, for the moment it was given."""
    when = f"{statement} when asked at {stored.answer.asked_at:%H:%M:%S} UTC."
    return Finding(
        symptom.id,
        symptom.title,
        Verdict.RULED_OUT,
        when,
        (Absence((stored.item,), stored.moment, 1, stored.answer.question),),
    )


def combined(case: Case, symptom: Symptom, findings: Iterable[Finding]) -> Finding:
    """One finding from what each kind of evidence says: what one confirms, no other can undo."""
    by_verdict: dict[Verdict, list[Finding]] = {verdict: [] for verdict in Verdict}
    for finding in findings:
        by_verdict[finding.verdict].append(finding)
    confirmations, unclear, absent, unasked = (
        by_verdict[verdict]
        for verdict in (Verdict.CONFIRMED, Verdict.INCONCLUSIVE, Verdict.RULED_OUT, Verdict.NOT_CHECKED)
    )
    if confirmations:
        has_answer = any(isinstance(citation, Pointer) for finding in confirmations for citation in finding.citations)
        return _combined_confirmations(
            symptom, confirmations, [] if has_answer else [finding for finding in absent if _is_answer(finding)]
        )
    citations = tuple(citation for finding in (*unclear, *absent) for citation in finding.citations)
    statement = " ".join(dict.fromkeys(finding.statement for finding in (*unclear, *absent)))
    if unclear:
        return inconclusive(symptom, statement, _reasons(unclear), citations)
    if absent:
        absences = [citation for citation in citations if isinstance(citation, Absence)]
        if gap := _absence_gap(case.window, absences):
            return inconclusive(symptom, statement, _reasons([*unasked], gap), citations)
        return Finding(symptom.id, symptom.title, Verdict.RULED_OUT, statement, citations)
    return not_checked(symptom, _reasons(unasked))


def _combined_confirmations(
    symptom: Symptom, confirmations: Sequence[Finding], well_when_asked: Sequence[Finding]
) -> Finding:
    firsts = [finding.first_affected for finding in confirmations if finding.first_affected]
    ends = [finding.recovered for finding in confirmations if finding.first_affected]
    recovered = max((end for end in ends if end), default=None) if ends and all(ends) else None
    return replace(
        confirmations[0],
        statement=" ".join(dict.fromkeys(finding.statement for finding in (*confirmations, *well_when_asked))),
        citations=tuple(citation for finding in (*confirmations, *well_when_asked) for citation in finding.citations),
        first_affected=min(firsts, default=None),
        recovered=recovered,
        measures={name: value for finding in reversed(confirmations) for name, value in finding.measures.items()},
    )


def _is_answer(finding: Finding) -> bool:
    return any(isinstance(citation, Absence) and citation.examined == 1 for citation in finding.citations)


def _reasons(findings: Sequence[Finding], *further: str) -> str:
    return "; ".join(dict.fromkeys([*(finding.reason for finding in findings), *further]))


def _absence_gap(window: Window, absences: Sequence[Absence]) -> str:
    """Why these absences together do not cover a window; empty if they do."""
    reached = window.since
    for absence in sorted(absences, key=lambda absence: absence.window.since):
        if absence.window.since - reached > EDGE_TOLERANCE:
            break
        reached = max(reached, absence.window.until)
    if window.until - reached <= EDGE_TOLERANCE:
        return ""
    begun = min(absence.window.since for absence in absences)
    if begun - window.since > EDGE_TOLERANCE:
        return f"nothing tells of the time before {begun:%H:%M:%S} UTC"
    return f"nothing tells of the time after {reached:%H:%M:%S} UTC"


def coverage_gap(case: Case) -> str:
    """Why the logs do not cover the window; empty if they do. Nothing can be ruled out over what was not seen."""
    dated = [account for account in case.accounts if account.first and account.last]
    if not dated:
        return "the evidence holds no dated record in the window"
    first = min(account.first for account in dated if account.first)
    last = max(account.last for account in dated if account.last)
    if first - case.window.since > EDGE_TOLERANCE:
        return f"the evidence begins at {first:%H:%M:%S} UTC, after the window does ({case.window.since:%H:%M:%S})"
    if case.window.until - last > EDGE_TOLERANCE:
        return f"the evidence ends at {last:%H:%M:%S} UTC, before the window does ({case.window.until:%H:%M:%S})"
    return next((f"{account.origin}: {account.damage}" for account in dated if account.damage), "")


def why_logs_cannot_tell(case: Case) -> str:
    """Why the logs could not say what goes on inside the portal, whatever happened; empty if they could."""
    if not case.items:
        return "no log is in the evidence"
    if not case.extent["records"]:
        return "the evidence holds no dated record in the window"
    if not case.extent["spoken"]:
        return "the logs hold only completed requests, and say nothing of what goes on inside the portal"
    return ""


def recovered_at(case: Case, last: datetime) -> datetime | None:
    """When it ended: at its last sign, if records were seen for long enough after it."""
    end = case.extent["last"]
    return last if end is not None and end - last >= WELL_AGAIN else None


def figure(case: Case, query: str, n: int, lines: Iterable[Line], **parameters: object) -> Figure:
    """A citation for a count over many lines: the query, its parameters and the first few lines."""
    return Figure(case.items, query, n, tuple(dict.fromkeys(lines))[:EXEMPLARS], parameters)


def sign_figures(case: Case, counts: Sequence[SignCount]) -> tuple[Figure, ...]:
    """A figure for each sign that is shown, the most frequent first."""
    return tuple(
        figure(case, "signs", n, (line for count in counts if count.sign == sign for line in count.lines), sign=sign)
        for sign, n in counts_by_sign(counts)
    )


def counts_by_sign(sign_counts: Iterable[SignCount]) -> list[tuple[str, int]]:
    """How often each sign is shown, the most frequent first."""
    counts: dict[str, int] = {}
    for count in sign_counts:
        counts[count.sign] = counts.get(count.sign, 0) + count.n
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def sign_summary(case: Case, counts: Sequence[SignCount]) -> str:
    """The signs with their counts: `30 × Redis is out of memory, 2 × ...`."""
    return ", ".join(f"{n:,} × {case.title(sign)}" for sign, n in counts_by_sign(counts))
