"""Findings of each verdict, and several of them combined into one.

Each kind of evidence gives a finding of its own, made as if there were no other evidence. Logs rule out over their
window, an answer over the moment it was given. Only combined do they have to cover the window of the incident.
What the logs could have shown is asked of the case's coverage, here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import StoredAnswer
from incident_kit.model.finding import Absence, Citation, Figure, Finding, Line, Pointer, Symptom, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.case import Case
from incident_kit.runbook.coverage import Capability

EXEMPLARS = 5
# The edge of the evidence may miss the edge of the window by this much and still cover it.
EDGE_TOLERANCE = timedelta(seconds=60)
# Recovered only if records were seen for so long afterwards.
WELL_AGAIN = timedelta(minutes=1)
# What each check has to see in the logs before it rules anything out, by its name.
NEEDS: dict[str, tuple[Capability, ...]] = {}
Check = TypeVar("Check", bound=Callable[..., Finding])
# Systems whose records bear another name than their signs.
DEPENDENCY_OF = {"database": "postgresql", "events": "salesforce", "cache": "redis", "limiter": "redis"}
# Errors that name no system may still be of one, if they say that something could not be reached.
OF_SOMETHING_REMOTE = re.compile(
    r"\bE(?:CONN|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|PIPE|PROTO)|socket|connect|timed? ?out|refused|unavailable"
    r"|unreachable|status code|upstream|handshake|certificate|hang up",
    re.IGNORECASE,
)
# So many errors of one shape within so short a time are a burst.
BURST_LEAST, BURST_WITHIN = 10, timedelta(minutes=5)
SHAPES, MOST_OF_A_SHAPE = 3, 100


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


def needs(*capabilities: Capability) -> Callable[[Check], Check]:
    """Declare what a check has to see in the logs before it says `ruled_out`: a decorator of the check."""

    def declared(check: Check) -> Check:
        NEEDS[check.__name__] = capabilities
        return check

    return declared


def missing(case: Case, needed: Iterable[Capability]) -> str:
    """Why the logs could not show something, whatever happened; empty if they could."""
    if not case.items:
        return "no log is in the evidence"
    return next(filter(None, map(case.coverage.missing, needed)), "")


def ruled_out_by_logs(
    case: Case,
    symptom: Symptom,
    statement: str,
    examined: int,
    query: str,
    needed: Sequence[Capability] | None = None,
    systems: Sequence[str] = (),
) -> Finding:
    """Ruled out by the logs, if they would have shown it: this is the one place where that is decided.

    They have to hold what the check needs, over the whole window. Where they hold what the portal itself logs, no burst
    of errors may be left that nobody classified and that could be of one of the `systems` (all, if none is named).
    """
    needed = NEEDS.get(symptom.check, ()) if needed is None else needed
    if reason := missing(case, needed):
        return not_checked(symptom, reason)
    for capability in needed or (Capability.REQUESTS,):
        if gap := case.coverage.gap(capability):
            return inconclusive(symptom, "Not seen in what there is.", gap)
    if Capability.APPLICATION in needed and (unnamed := unclassified_burst(case, systems)):
        return unclear_because_unclassified(case, symptom, unnamed)
    return Finding(
        symptom.id, symptom.title, Verdict.RULED_OUT, statement, (Absence(case.items, case.window, examined, query),)
    )


def unclassified_burst(case: Case, systems: Sequence[str]) -> list[Mapping[str, Any]]:
    """Errors that no sign names, that came in a burst, and that could be of one of these systems.

    They are if they name the system, or if they name none and speak of something that could not be reached.
    """
    dependencies = {DEPENDENCY_OF.get(system, system) for system in systems}
    return [
        row
        for row in case.unclassified
        if (row["dependency"] in dependencies if row["dependency"] else OF_SOMETHING_REMOTE.search(row["pattern"]))
        and _comes_in_a_burst(row["seconds"])
    ]


def _comes_in_a_burst(seconds: Sequence[int]) -> bool:
    span = BURST_WITHIN // timedelta(seconds=1)
    return any(last - first <= span for first, last in zip(seconds, seconds[BURST_LEAST - 1 :], strict=False))


def unclear_because_unclassified(case: Case, symptom: Symptom, rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Inconclusive beside errors that nobody classified; their commonest shapes are named."""
    shapes = "; ".join(
        f"{row['n']:,} × {row['logger'] or row['dependency'] or row['kind']}: {row['pattern'][:MOST_OF_A_SHAPE]}"
        for row in rows[:SHAPES]
    )
    places = (Line(place["item"], place["line"]) for row in rows for place in row["places"])
    return inconclusive(
        symptom,
        f"Errors that no sign of the runbook names: {shapes}.",
        "they could be of this: see what they are, and add a sign for them to signs.toml",
        [figure(case, "unclassified_errors", sum(row["n"] for row in rows), places)],
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


def why_logs_cannot_tell(case: Case) -> str:
    """Why the logs could not say what goes on inside the portal, whatever happened; empty if they could."""
    return missing(case, (Capability.APPLICATION,))


def begins_with_the_evidence(case: Case, first: datetime) -> bool:
    """Whether something was so when the evidence begins: then it began then, or earlier."""
    return bool(first - case.extent["first"] < EDGE_TOLERANCE)


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
        figure(
            case,
            "signs_by_second",
            n,
            (line for count in counts if count.sign == sign for line in count.lines),
            sign=sign,
        )
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
