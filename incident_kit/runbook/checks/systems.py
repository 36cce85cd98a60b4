"""The check that most symptoms come down to: does a system fail, as logs and its own answers say?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from incident_kit.analysis.bursts import Burst, Occurrence, beyond_chance, dense
from incident_kit.analysis.episodes import Series
from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import Fault, Status, StoredAnswer
from incident_kit.model.finding import Finding, Symptom, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.verdicts import (
    begins_with_the_evidence,
    combined,
    confirmed,
    figure,
    inconclusive,
    needs,
    not_checked,
    recovered_at,
    ruled_out_by_answer,
    ruled_out_by_logs,
    sign_figures,
    sign_summary,
    why_logs_cannot_tell,
)
from incident_kit.runbook.coverage import Capability

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
# A question that takes no work is not answered well if it takes so long, connecting included.
SLOW_PING_MS = {"redis.ping": 500.0, "postgres.ping": 2000.0}
# So near in time things belong together.
AROUND = timedelta(minutes=2)
# A sign that much before the first affected request may be of the call that it made.
JUST_BEFORE = timedelta(seconds=10)
# Fewer signs name nobody, nor do so many as came all along.
LEAST_TO_NAME = 3
MORE_THAN_BEFORE = 3.0
MINUTE = timedelta(minutes=1)


@needs(Capability.APPLICATION)
def trouble(
    case: Case,
    symptom: Symptom,
    *,
    signs: Sequence[str],
    feature: str,
    calls: str,
    share: float,
    least: int,
    within: timedelta,
    ordinary: float,
    answers: Sequence[str],
    health: str,
) -> Finding:
    """Whether a system fails, by its signs in the logs, its own answers and the health check.

    `least` records with one of the `signs` `within` some time confirm it, wherever that time begins, on the routes of a
    `feature` if one is named. They have to be more than chance gives where an `ordinary` share of requests fails (0:
    they are not compared with requests), and if calls to the dependency `calls` are timed, more than `share` of those.
    Fewer are inconclusive. `health` is the name of a health check, as a pattern.
    """
    findings = [in_logs(case, symptom, signs, least, within, ordinary, feature, calls, share)] if signs else []
    findings += [answered(case, symptom, question) for question in answers]
    findings += [_health(case, symptom, health)] if health else []
    return combined(case, symptom, findings)


def in_logs(
    case: Case,
    symptom: Symptom,
    signs: Sequence[str],
    least: int,
    within: timedelta,
    ordinary: float,
    feature: str = "",
    calls: str = "",
    share: float = 0.0,
) -> Finding:
    """What the signs in the logs say: several at once confirm it, single ones are inconclusive, none rule it out."""
    counts = case.signs(signs, feature)
    if not counts:
        if reason := why_logs_cannot_tell(case):
            return not_checked(symptom, reason)
        elsewhere = ", but elsewhere" if feature and case.signs(signs) else ""
        return ruled_out_by_logs(
            case,
            symptom,
            f"No sign of it in the logs{f' on routes of {feature}' if feature else ''}{elsewhere}.",
            case.extent["spoken"],
            "signs_by_second",
            [Capability.APPLICATION],
            systems=sorted({name.partition(".")[0] for name in signs}),
        )
    bursts, reason = bursts_of(case, counts, least, within, ordinary, feature, calls, share)
    n = sum(count.n for count in counts)
    if not bursts:
        first = counts[0].lines[0] if counts[0].lines else None
        return inconclusive(
            symptom,
            f"{sign_summary(case, counts)}.",
            reason,
            [figure(case, "signs_by_second", n, [first] if first else [], sign=counts[0].sign)],
        )
    confirming = [count for count in counts if any(b.since <= count.first and count.last <= b.until for b in bursts)]
    last = max(count.last for count in confirming)
    statement = f"{sign_summary(case, confirming)}, from {confirming[0].first:%H:%M:%S} to {last:%H:%M:%S} UTC."
    return confirmed(
        symptom,
        statement,
        sign_figures(case, confirming),
        min(count.first for count in confirming),
        recovered_at(case, last),
        records=sum(count.n for count in confirming),
        **({"standing": 1.0} if begins_with_the_evidence(case, confirming[0].first) else {}),
    )


def bursts_of(
    case: Case,
    counts: Sequence[SignCount],
    least: int,
    within: timedelta,
    ordinary: float,
    feature: str = "",
    calls: str = "",
    share: float = 0.0,
) -> tuple[list[Burst], str]:
    """The times in which these signs came so densely that it is no chance; and why there is none, if so."""
    occurrences = [Occurrence(count.first, count.last, count.n) for count in counts]
    bursts = dense(occurrences, least, within)
    if not bursts:
        return [], f"fewer than {least} within {_minutes(within)}, which may be chance"
    timed = case.calls_in_steps.get(calls) if calls and not feature else None
    if timed is not None:
        made = [asked_between(timed, *_lasting(burst, MINUTE)) for burst in bursts]
        bursts = [burst for burst, n in zip(bursts, made, strict=True) if burst.n > share * n]
        if not bursts:
            return [], f"so few of {max(made):,} calls in that time are not more than {share:.0%}"
    every = case.traffic_of(feature)
    if every is None or not ordinary:
        return bursts, ""
    beyond = beyond_chance(
        bursts,
        occurrences,
        lambda since, until: asked_between(every, *_lasting(Burst(since, until, 0), MINUTE / 2)),
        ordinary,
    )
    return beyond, f"so few beside the requests of that time are not more than {ordinary:.0%}, which may be chance"


def _lasting(burst: Burst, least: timedelta) -> tuple[datetime, datetime]:
    """The time of a burst, or as much around it: requests that failed one after the other are not all there were."""
    missing = max(timedelta(0), least - (burst.until - burst.since)) / 2
    return burst.since - missing, burst.until + missing


def asked_between(series: Series, since: datetime, until: datetime) -> int:
    """Requests of a series between two times."""
    begin, end = (max(0, (bound - series.first) // series.width) for bound in (since, until))
    return sum(step.n for step in series.steps[begin : end + 1])


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
        if question in SLOW_PING_MS and answer.duration_ms >= SLOW_PING_MS[question]:
            return inconclusive(
                symptom,
                f"{_system(stored)} answered at {answer.asked_at:%H:%M:%S} UTC, in {answer.duration_ms:,.0f} ms.",
                "so long for so small a question: something holds it up, or the way to it",
                [stored.at("/duration_ms")],
            )
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
    if _names_it(case, signs, finding.first_affected):
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
    few = f"only {sign_summary(case, signs)} at that time, which may be chance: " if signs else ""
    reason = few + (
        f"nothing at that time names {' or '.join(name.rstrip('.') for name in sign_names)}: "
        "something else may be behind it"
    )
    return inconclusive(symptom, finding.statement, reason, finding.citations)


def _names_it(case: Case, signs: Sequence[SignCount], since: datetime) -> bool:
    """Whether signs name a system as what is behind something that began then: several, and not only before it."""
    during = [count for count in signs if count.last >= since - JUST_BEFORE]
    n, n_before = sum(count.n for count in during), _due(case, signs, since)
    return n >= LEAST_TO_NAME and n > MORE_THAN_BEFORE * n_before


def _due(case: Case, signs: Sequence[SignCount], since: datetime) -> float:
    """How many of these signs would have come since then at the rate of the time before."""
    names = sorted({count.sign for count in signs})
    before = sum(count.n for count in case.signs(names) if count.last < since - AROUND)
    length = (since - AROUND) - case.extent["first"]
    lasted = max(count.last for count in signs) - since if signs else AROUND
    return before / (length / MINUTE) * max(1.0, lasted / MINUTE) if length >= MINUTE else 0.0


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


def _minutes(bucket: timedelta) -> str:
    return f"{bucket / timedelta(minutes=1):g} min"
