"""How findings are made: what one kind of evidence says of a symptom, and several of those put together.

A part is a finding of its own, made as if there were no other evidence. Logs rule out over their window, an answer over the
moment it was given; only together do they have to cover the window of the incident.
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
    return Finding(symptom.id, symptom.title, Verdict.NOT_CHECKED, "Not known from here.", reason=reason)


def inconclusive(symptom: Symptom, statement: str, reason: str, citations: Sequence[Citation] = ()) -> Finding:
    return Finding(symptom.id, symptom.title, Verdict.INCONCLUSIVE, statement, tuple(citations), reason)


def confirmed(
    symptom: Symptom,
    statement: str,
    citations: Sequence[Citation],
    first: datetime | None = None,
    recovered: datetime | None = None,
    **measures: float,
) -> Finding:
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


def not_in_logs(case: Case, symptom: Symptom, statement: str, examined: int, query: str) -> Finding:
    """Ruled out by the logs, if they cover the window."""
    if gap := uncovered(case):
        return inconclusive(symptom, "Not seen in what there is.", gap)
    return Finding(
        symptom.id, symptom.title, Verdict.RULED_OUT, statement, (Absence(case.items, case.window, examined, query),)
    )


def not_when_asked(symptom: Symptom, told: StoredAnswer, statement: str) -> Finding:
    """Ruled out by an answer, for the moment it was given."""
    when = f"{statement} when asked at {told.answer.asked_at:%H:%M:%S} UTC."
    return Finding(
        symptom.id,
        symptom.title,
        Verdict.RULED_OUT,
        when,
        (Absence((told.item,), told.moment, 1, told.answer.question),),
    )


def together(case: Case, symptom: Symptom, parts: Iterable[Finding]) -> Finding:
    """One finding from what each kind of evidence says: what one has seen, no other can undo."""
    by_verdict: dict[Verdict, list[Finding]] = {verdict: [] for verdict in Verdict}
    for part in parts:
        by_verdict[part.verdict].append(part)
    seen, unclear, absent, unasked = (
        by_verdict[verdict]
        for verdict in (Verdict.CONFIRMED, Verdict.INCONCLUSIVE, Verdict.RULED_OUT, Verdict.NOT_CHECKED)
    )
    if seen:
        told = any(isinstance(citation, Pointer) for part in seen for citation in part.citations)
        return _seen(symptom, seen, [] if told else [part for part in absent if _is_answer(part)])
    citations = tuple(citation for part in (*unclear, *absent) for citation in part.citations)
    statement = " ".join(dict.fromkeys(part.statement for part in (*unclear, *absent)))
    if unclear:
        return inconclusive(symptom, statement, _joined(unclear), citations)
    if absent:
        absences = [citation for citation in citations if isinstance(citation, Absence)]
        if gap := _not_covered(case.window, absences):
            return inconclusive(symptom, statement, _joined([*unasked], gap), citations)
        return Finding(symptom.id, symptom.title, Verdict.RULED_OUT, statement, citations)
    return not_checked(symptom, _joined(unasked))


def _seen(symptom: Symptom, seen: Sequence[Finding], well_when_asked: Sequence[Finding]) -> Finding:
    firsts = [part.first_affected for part in seen if part.first_affected]
    ends = [part.recovered for part in seen if part.first_affected]
    over = max((end for end in ends if end), default=None) if ends and all(ends) else None
    return replace(
        seen[0], statement=" ".join(dict.fromkeys(part.statement for part in (*seen, *well_when_asked))),
        citations=tuple(citation for part in (*seen, *well_when_asked) for citation in part.citations),
        first_affected=min(firsts, default=None), recovered=over, measures={name: value for part in reversed(seen) for name, value in part.measures.items()},
    )  # fmt: skip


def _is_answer(part: Finding) -> bool:
    return any(isinstance(citation, Absence) and citation.examined == 1 for citation in part.citations)


def _joined(parts: Sequence[Finding], *further: str) -> str:
    return "; ".join(dict.fromkeys([*(part.reason for part in parts), *further]))


def _not_covered(window: Window, absences: Sequence[Absence]) -> str:
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


def uncovered(case: Case) -> str:
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


def cannot_speak(case: Case) -> str:
    """Why the logs could not say what goes on inside the portal, whatever happened; empty if they could."""
    if not case.items:
        return "no log is in the evidence"
    if not case.spoken["records"]:
        return "the evidence holds no dated record in the window"
    if not case.spoken["spoken"]:
        return "the logs hold only completed requests, and say nothing of what goes on inside the portal"
    return ""


def recovered_at(case: Case, last: datetime) -> datetime | None:
    """When it ended: at its last sign, if records were seen for long enough after it."""
    end = case.spoken["last"]
    return last if end is not None and end - last >= WELL_AGAIN else None


def figure(case: Case, query: str, n: int, lines: Iterable[Line], **parameters: object) -> Figure:
    return Figure(case.items, query, n, tuple(dict.fromkeys(lines))[:EXEMPLARS], parameters)


def of_signs(case: Case, found: Sequence[SignCount]) -> tuple[Figure, ...]:
    """A figure for each sign that is shown, the most frequent first."""
    return tuple(
        figure(case, "signs", n, (line for one in found if one.sign == sign for line in one.lines), sign=sign)
        for sign, n in counted(found)
    )


def counted(found: Iterable[SignCount]) -> list[tuple[str, int]]:
    """How often each sign is shown, the most frequent first."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.sign] = counts.get(one.sign, 0) + one.n
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def in_words(case: Case, found: Sequence[SignCount]) -> str:
    """The signs with their counts: `30 × Redis is out of memory, 2 × ...`."""
    return ", ".join(f"{n:,} × {case.title(sign)}" for sign, n in counted(found))
