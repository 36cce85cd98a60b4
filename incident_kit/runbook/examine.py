"""A scenario's symptoms, decided one by one on the same case.

A system may have been asked more than once. What an earlier answer confirmed stays confirmed, with its time, whatever a
later one says; what the last one says of now is told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta

from incident_kit.evidence.store import Evidence
from incident_kit.logs.reading import Records
from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Finding, Findings, Pointer, Symptom, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook import checks
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario

__all__ = ["Case", "case_of", "examine"]

# Answers so close together were asked for in one go.
ONE_ROUND = timedelta(seconds=60)


def case_of(book: Runbook, stored: Evidence, records: Records, window: Window) -> Case:
    """What the checks of this runbook may look at: the records, and the journal and the answers beside them."""
    return Case(records, window, book, stored.journal(), stored.stored_answers())


def examine(scenario: Scenario, case: Case) -> Findings:
    """A finding for each symptom of the scenario, in the runbook's order."""
    return Findings(_decided(case, symptom) for symptom in scenario.symptoms)


def _decided(case: Case, symptom: Symptom) -> Finding:
    """What the check says by all answers; where an earlier one confirmed it and the last does not, both."""
    check = getattr(checks, symptom.check)
    case.asked = set()
    finding: Finding = check(case, symptom, **symptom.parameters)
    answers = [stored for stored in case.answers if stored.answer.question in case.asked]
    rounds = _rounds(answers)
    if finding.verdict is Verdict.CONFIRMED or len(rounds) < 2:
        return finding
    confirmed: list[Finding] = []
    for last in rounds[:-1]:
        earlier = copy(case)  # with what was asked of the logs so far
        earlier.answers = [stored for stored in case.answers if stored.answer.asked_at <= last]
        was: Finding = check(earlier, symptom, **symptom.parameters)
        if was.verdict is Verdict.CONFIRMED and any(isinstance(citation, Pointer) for citation in was.citations):
            confirmed.append(was)
    return _still_told(confirmed, finding, answers)


def _rounds(answers: Sequence[StoredAnswer]) -> list[datetime]:
    """When each round of asking ended."""
    ends: list[datetime] = []
    for moment in sorted(stored.answer.asked_at for stored in answers):
        if ends and moment - ends[-1] <= ONE_ROUND:
            ends[-1] = moment
        else:
            ends.append(moment)
    return ends


def _still_told(confirmed: Sequence[Finding], now: Finding, answers: Sequence[StoredAnswer]) -> Finding:
    """What earlier answers confirmed, and beside it what the last ones say."""
    if not confirmed:
        return now
    first, newest = confirmed[0], max(stored.answer.asked_at for stored in answers)
    last = [stored for stored in answers if newest - stored.answer.asked_at <= ONE_ROUND]
    is_over = now.verdict is not Verdict.NOT_CHECKED and all(stored.answer.status is Status.OK for stored in last)
    since = f"Asked again at {newest:%H:%M:%S} UTC: {now.statement}" + (f" {now.reason}." if now.reason else "")
    cited = [*first.citations, *(citation for later in confirmed[1:] for citation in later.citations[:1])]
    return replace(
        first,
        statement=f"{first.statement} {since if is_over else f'{since} Whether it goes on is not known.'}",
        citations=(*cited, *now.citations),
        recovered=newest if is_over else None,
    )
