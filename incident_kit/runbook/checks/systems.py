"""The check that most symptoms come down to: does a system fail, as logs and its own answers say?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from incident_kit.logs.signs import Shown
from incident_kit.model.answer import Fault, Status, Told
from incident_kit.model.finding import Finding, Symptom, Verdict
from incident_kit.runbook.checks.parts import (
    cannot_speak,
    confirmed,
    figure,
    in_words,
    inconclusive,
    not_checked,
    not_in_logs,
    not_when_asked,
    of_signs,
    recovered_at,
    together,
)  # fmt: skip
from incident_kit.runbook.ground import Ground

# Why a question that was not answered by no fault of the system tells nothing of it, and what to do.
TELLS_NOTHING = {
    Fault.NETWORK: "that may be true of this machine only, and not of the BFF: ask from the BFF's own machine",
    Fault.CREDENTIALS: "it does not let this machine ask that, and may let the BFF, by another name, password or address: ask with what the BFF has (--env-file)",
    Fault.OURS: "it could not be asked from here, which tells nothing of it: mend what is said there, and ask again",
}
# What tells of a system, by the beginning of its signs.
ASKED_OF = {"redis.": ("redis.ping", "redis.info"), "database.": ("postgres.ping",), "whmcs.": ("whmcs",)}
# So near in time things belong together.
AROUND = timedelta(minutes=2)


def trouble(
    ground: Ground, symptom: Symptom, *, signs: Sequence[str], feature: str, calls: str, share: float, least: int, bucket: timedelta, answers: Sequence[str], health: str
) -> Finding:  # fmt: skip
    """Whether a system fails: its signs in the logs (on the routes of a feature, if one is named), its own answers, the health check.

    `least` records with one of the `signs` within a `bucket` confirm it; if calls to the dependency `calls` are timed, so many
    of them also have to be more than `share` of all. Fewer are inconclusive. `health` is the name of a health check, as a pattern.
    """
    parts = [_in_logs(ground, symptom, signs, feature, calls, share, least, bucket)] if signs else []
    parts += [answered(ground, symptom, question) for question in answers]
    parts += [_health(ground, symptom, health)] if health else []
    return together(ground, symptom, parts)


def _in_logs(ground: Ground, symptom: Symptom, signs: Sequence[str], feature: str, calls: str, share: float, least: int, bucket: timedelta) -> Finding:
    if reason := cannot_speak(ground):
        return not_checked(symptom, reason)
    found = ground.signs(signs, feature)
    if not found:
        elsewhere = ", but elsewhere" if feature and ground.signs(signs) else ""
        return not_in_logs(
            ground, symptom, f"No sign of it in the logs{f' on routes of {feature}' if feature else ''}{elsewhere}.", ground.spoken["spoken"], "signs"
        )
    buckets: dict[datetime, list[Shown]] = defaultdict(list)
    for one in found:
        buckets[_floor(one.start, bucket)].append(one)
    all_calls = _calls(ground, calls, bucket) if calls and not feature else {}
    many = {start: rows for start, rows in buckets.items() if sum(row.n for row in rows) >= least}
    enough = [start for start, rows in many.items() if sum(row.n for row in rows) > share * all_calls.get(start, 0)]
    n = sum(one.n for one in found)
    if not enough:
        first = found[0].lines[0] if found[0].lines else None
        reason = (
            f"so few of {max(all_calls[start] for start in many):,} calls in {_minutes(bucket)} are not more than {share:.0%}"
            if many and all_calls
            else f"fewer than {least} within {_minutes(bucket)}, which may be chance"
        )
        return inconclusive(symptom, f"{in_words(ground, found)}.", reason, [figure(ground, "signs", n, [first] if first else [], sign=found[0].sign)])
    seen = [row for start in sorted(enough) for row in buckets[start]]
    last = max(row.last for row in seen)
    statement = f"{in_words(ground, seen)}, from {seen[0].first:%H:%M:%S} to {last:%H:%M:%S} UTC."
    return confirmed(symptom, statement, of_signs(ground, seen), min(row.first for row in seen), recovered_at(ground, last), records=sum(row.n for row in seen))


def _calls(ground: Ground, system: str, bucket: timedelta) -> dict[datetime, int]:
    """Timed calls to a system by bucket."""
    sums: dict[datetime, int] = defaultdict(int)
    for one in ground.calls:
        if one.name == system:
            sums[_floor(one.start, bucket)] += one.n
    return sums


def answered(ground: Ground, symptom: Symptom, question: str) -> Finding:
    """What the last answer to a question says: a failure that is the system's own, or a warning, is trouble; a failure of ours tells nothing."""
    told = ground.last(question)
    if told is None:
        return not_checked(symptom, f"{question} was not asked")
    answer = told.answer
    said = "; ".join([*([answer.reason] if answer.reason else []), *answer.warnings])
    if answer.status is Status.NOT_CHECKED:
        return not_checked(symptom, f"{question} was not asked: {answer.reason}")
    if answer.status is Status.OK and not answer.warnings:
        return not_when_asked(symptom, told, f"{_system(told)} answered well")
    if answer.blamed in TELLS_NOTHING and not answer.warnings:
        return inconclusive(symptom, f"{_system(told)}, asked from this machine: {said}.", TELLS_NOTHING[answer.blamed], [told.at("/reason")])
    warned = [told.at(f"/warnings/{place}") for place in range(len(answer.warnings))]
    cited = [told.at("/reason"), *warned] if answer.blamed is Fault.SYSTEM else warned
    return confirmed(symptom, f"{_system(told)}, asked at {answer.asked_at:%H:%M:%S} UTC: {said}.", cited, answer.asked_at)


def named_by(ground: Ground, found: Finding, named: Sequence[str]) -> Finding:
    """The finding, if something names the system at that time: one of the signs `named`, or a failing answer of it. Else it is inconclusive.

    A customer sees the same whatever is behind it; without a name for that it is nothing of this scenario yet.
    """
    if found.verdict is not Verdict.CONFIRMED or not named or found.first_affected is None:
        return found
    since, until = found.first_affected - AROUND, (found.recovered or ground.window.until) + AROUND
    signs = [one for one in ground.signs(named) if since <= one.last and one.first <= until]
    if signs:
        return replace(found, statement=f"{found.statement} At that time: {in_words(ground, signs)}.", citations=(*found.citations, *of_signs(ground, signs)))
    symptom = Symptom(found.symptom, found.title, "", {})
    for question in (question for name in named for question in ASKED_OF.get(name, ())):
        told = answered(ground, symptom, question)
        if told.verdict is Verdict.CONFIRMED:
            return replace(found, statement=f"{found.statement} {told.statement}", citations=(*found.citations, *told.citations))
    reason = f"nothing at that time names {' or '.join(name.rstrip('.') for name in named)}: something else may be behind it"
    return inconclusive(symptom, found.statement, reason, found.citations)


def _health(ground: Ground, symptom: Symptom, name: str) -> Finding:
    told = ground.last("health")
    if told is None:
        return not_checked(symptom, "the health check was not asked")
    if told.answer.status in (Status.NOT_CHECKED, Status.FAILED):
        return not_checked(symptom, f"the health check told nothing: {told.answer.reason}")
    checks = {check: state for check, state in told.answer.data.get("checks", {}).items() if re.search(name, check, re.IGNORECASE)}
    down = {check: state for check, state in checks.items() if state["state"] == "down"}
    if down:
        words = ", ".join(f"{check} is down" + (f" ({state['detail']})" if state["detail"] else "") for check, state in down.items())
        return confirmed(
            symptom,
            f"The health check says at {told.answer.asked_at:%H:%M:%S} UTC: {words}.",
            [told.at(f"/data/checks/{check}") for check in down],
            told.answer.asked_at,
        )
    if checks and all(state["state"] == "up" for state in checks.values()):
        return not_when_asked(symptom, told, f"The health check said {', '.join(checks)} is up")
    reason = "what it says of it is in no known words" if checks else "it says nothing of it in any known form"
    return inconclusive(symptom, "The health check answered.", reason, [told.at("/data")])


def _system(told: Told) -> str:
    names = {"redis": "Redis", "postgres": "PostgreSQL", "whmcs": "WHMCS", "salesforce": "Salesforce", "health": "The health check"}
    return names.get(told.answer.system, told.answer.system)


def _floor(start: datetime, bucket: timedelta) -> datetime:
    return start - timedelta(microseconds=round(start.timestamp() * 1_000_000) % (bucket // timedelta(microseconds=1)))


def _minutes(bucket: timedelta) -> str:
    return f"{bucket / timedelta(minutes=1):g} min"
