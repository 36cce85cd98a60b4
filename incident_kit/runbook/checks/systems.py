"""The check that most symptoms come down to: does a system fail, as logs and its own answers say?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import Fault, Status, StoredAnswer
from incident_kit.model.finding import Finding, Symptom, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.verdicts import (
    combined,
    confirmed,
    figure,
    inconclusive,
    not_checked,
    recovered_at,
    ruled_out_by_answer,
    ruled_out_by_logs,
    sign_figures,
    sign_summary,
    why_logs_cannot_tell,
)

# Why a failure that is not the system's own tells nothing of the system, and what to do.
TELLS_NOTHING = {
    Fault.NETWORK: "that may be true of this machine only, and not of the BFF: ask from the BFF's own machine",
    Fault.CREDENTIALS: (
        "it does not let this machine ask that, and may let the BFF, by another name, password or address: "
        "ask with what the BFF has (--env-file)"
    ),
    Fault.OURS: "it could not be asked from here, which tells nothing of it: mend what is said there, and ask again",
}
# The questions to a system, by the beginning of its signs.
QUESTIONS_TO = {"redis.": ("redis.ping", "redis.info"), "database.": ("postgres.ping",), "whmcs.": ("whmcs",)}
# So near in time things belong together.
AROUND = timedelta(minutes=2)


def trouble(
    case: Case,
    symptom: Symptom,
    *,
    signs: Sequence[str],
    feature: str,
    calls: str,
    share: float,
    least: int,
    bucket: timedelta,
    answers: Sequence[str],
    health: str,
) -> Finding:
    """Whether a system fails, by its signs in the logs, its own answers and the health check.

    `least` records with one of the `signs` within a `bucket` confirm it, on the routes of a `feature` if one is named.
    If calls to the dependency `calls` are timed, these records also have to be more than `share` of all calls.
    Fewer are inconclusive. `health` is the name of a health check, as a pattern.
    """
    findings = [_in_logs(case, symptom, signs, feature, calls, share, least, bucket)] if signs else []
    findings += [answered(case, symptom, question) for question in answers]
    findings += [_health(case, symptom, health)] if health else []
    return combined(case, symptom, findings)


def _in_logs(
    case: Case,
    symptom: Symptom,
    signs: Sequence[str],
    feature: str,
    calls: str,
    share: float,
    least: int,
    bucket: timedelta,
) -> Finding:
    if reason := why_logs_cannot_tell(case):
        return not_checked(symptom, reason)
    counts = case.signs(signs, feature)
    if not counts:
        elsewhere = ", but elsewhere" if feature and case.signs(signs) else ""
        return ruled_out_by_logs(
            case,
            symptom,
            f"No sign of it in the logs{f' on routes of {feature}' if feature else ''}{elsewhere}.",
            case.extent["spoken"],
            "signs",
        )
    buckets: dict[datetime, list[SignCount]] = defaultdict(list)
    for count in counts:
        buckets[_floor(count.start, bucket)].append(count)
    all_calls = _calls(case, calls, bucket) if calls and not feature else {}
    many = {start: rows for start, rows in buckets.items() if sum(row.n for row in rows) >= least}
    enough = [start for start, rows in many.items() if sum(row.n for row in rows) > share * all_calls.get(start, 0)]
    n = sum(count.n for count in counts)
    if not enough:
        first = counts[0].lines[0] if counts[0].lines else None
        reason = (
            f"so few of {max(all_calls[start] for start in many):,} calls in {_minutes(bucket)} are not more than "
            f"{share:.0%}"
            if many and all_calls
            else f"fewer than {least} within {_minutes(bucket)}, which may be chance"
        )
        return inconclusive(
            symptom,
            f"{sign_summary(case, counts)}.",
            reason,
            [figure(case, "signs", n, [first] if first else [], sign=counts[0].sign)],
        )
    confirming = [row for start in sorted(enough) for row in buckets[start]]
    last = max(row.last for row in confirming)
    statement = f"{sign_summary(case, confirming)}, from {confirming[0].first:%H:%M:%S} to {last:%H:%M:%S} UTC."
    return confirmed(
        symptom,
        statement,
        sign_figures(case, confirming),
        min(row.first for row in confirming),
        recovered_at(case, last),
        records=sum(row.n for row in confirming),
    )


def _calls(case: Case, system: str, bucket: timedelta) -> dict[datetime, int]:
    """Timed calls to a system by bucket."""
    sums: dict[datetime, int] = defaultdict(int)
    for calls in case.calls:
        if calls.name == system:
            sums[_floor(calls.start, bucket)] += calls.n
    return sums


def answered(case: Case, symptom: Symptom, question: str) -> Finding:
    """What the last answer to a question says.

    A failure of the system's own, or a warning, is trouble; a failure of ours tells nothing.
    """
    stored = case.last(question)
    if stored is None:
        return not_checked(symptom, f"{question} was not asked")
    answer = stored.answer
    problems = "; ".join([*([answer.reason] if answer.reason else []), *answer.warnings])
    if answer.status is Status.NOT_CHECKED:
        return not_checked(symptom, f"{question} was not asked: {answer.reason}")
    if answer.status is Status.OK and not answer.warnings:
        return ruled_out_by_answer(symptom, stored, f"{_system(stored)} answered well")
    if answer.blamed in TELLS_NOTHING and not answer.warnings:
        return inconclusive(
            symptom,
            f"{_system(stored)}, asked from this machine: {problems}.",
            TELLS_NOTHING[answer.blamed],
            [stored.at("/reason")],
        )
    warned = [stored.at(f"/warnings/{place}") for place in range(len(answer.warnings))]
    cited = [stored.at("/reason"), *warned] if answer.blamed is Fault.SYSTEM else warned
    return confirmed(
        symptom, f"{_system(stored)}, asked at {answer.asked_at:%H:%M:%S} UTC: {problems}.", cited, answer.asked_at
    )


def attributed_to(case: Case, finding: Finding, sign_names: Sequence[str]) -> Finding:
    """The finding, if something names the system at that time; else it is inconclusive.

    One of the signs `sign_names` does so, or a failing answer of the system.
    A customer sees the same whatever is behind it; without a name for that it is nothing of this scenario yet.
    """
    if finding.verdict is not Verdict.CONFIRMED or not sign_names or finding.first_affected is None:
        return finding
    since, until = finding.first_affected - AROUND, (finding.recovered or case.window.until) + AROUND
    signs = [count for count in case.signs(sign_names) if since <= count.last and count.first <= until]
    if signs:
        return replace(
            finding,
            statement=f"{finding.statement} At that time: {sign_summary(case, signs)}.",
            citations=(*finding.citations, *sign_figures(case, signs)),
        )
    symptom = Symptom(finding.symptom, finding.title, "", {})
    for question in (question for name in sign_names for question in QUESTIONS_TO.get(name, ())):
        own_answer = answered(case, symptom, question)
        if own_answer.verdict is Verdict.CONFIRMED:
            return replace(
                finding,
                statement=f"{finding.statement} {own_answer.statement}",
                citations=(*finding.citations, *own_answer.citations),
            )
    reason = (
        f"nothing at that time names {' or '.join(name.rstrip('.') for name in sign_names)}: "
        "something else may be behind it"
    )
    return inconclusive(symptom, finding.statement, reason, finding.citations)


def _health(case: Case, symptom: Symptom, name: str) -> Finding:
    stored = case.last("health")
    if stored is None:
        return not_checked(symptom, "the health check was not asked")
    if stored.answer.status in (Status.NOT_CHECKED, Status.FAILED):
        return not_checked(symptom, f"the health check told nothing: {stored.answer.reason}")
    checks = {
        check: state
        for check, state in stored.answer.data.get("checks", {}).items()
        if re.search(name, check, re.IGNORECASE)
    }
    down = {check: state for check, state in checks.items() if state["state"] == "down"}
    if down:
        words = ", ".join(
            f"{check} is down" + (f" ({state['detail']})" if state["detail"] else "") for check, state in down.items()
        )
        return confirmed(
            symptom,
            f"The health check says at {stored.answer.asked_at:%H:%M:%S} UTC: {words}.",
            [stored.at(f"/data/checks/{check}") for check in down],
            stored.answer.asked_at,
        )
    if checks and all(state["state"] == "up" for state in checks.values()):
        return ruled_out_by_answer(symptom, stored, f"The health check said {', '.join(checks)} is up")
    reason = "what it says of it is in no known words" if checks else "it says nothing of it in any known form"
    return inconclusive(symptom, "The health check answered.", reason, [stored.at("/data")])


def _system(stored: StoredAnswer) -> str:
    names = {
        "redis": "Redis",
        "postgres": "PostgreSQL",
        "whmcs": "WHMCS",
        "salesforce": "Salesforce",
        "health": "The health check",
    }
    return names.get(stored.answer.system, stored.answer.system)


def _floor(start: datetime, bucket: timedelta) -> datetime:
    return start - timedelta(microseconds=round(start.timestamp() * 1_000_000) % (bucket // timedelta(microseconds=1)))


def _minutes(bucket: timedelta) -> str:
    return f"{bucket / timedelta(minutes=1):g} min"
