"""What is known for a step of the runbook: sentences with their citations, beside text that a person carries out.

A fact is named in a scenario's `facts`, with what it is about behind a blank: `setting SF_EVENTS_ENABLED=true`, `finding redis_errors`.
It is a function of the ground, the findings by symptom and that word. `settled` says that the step needs nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incident_kit.model.answer import Status
from incident_kit.model.finding import Citation, Finding, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Scenario, Step

# Salesforce keeps high-volume Platform Events so long: https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-message-durability.html
RETENTION = timedelta(hours=72)
MOST_SUSPECTS = 3

Findings = Mapping[str, Finding]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known for a step."""

    text: str
    citations: tuple[Citation, ...] = ()
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Advice:
    """A step with what is known for it. `settled`: all that is known says that this is not it."""

    step: Step
    facts: tuple[Fact, ...]

    @property
    def settled(self) -> bool:
        return bool(self.facts) and all(fact.settled for fact in self.facts)


def advise(scenario: Scenario, case: Case, findings: Sequence[Finding]) -> list[Advice]:
    """The scenario's steps, each with what the evidence says for it."""
    found = {finding.symptom: finding for finding in findings}
    return [
        Advice(step, tuple(fact for named in step.facts for fact in _facts(named, case, found)))
        for step in scenario.steps
    ]


def _facts(named: str, case: Case, findings: Findings) -> Sequence[Fact]:
    name, _, about = named.partition(" ")
    return FACTS[name](case, findings, about)


def setting(case: Case, findings: Findings, about: str) -> list[Fact]:
    """A setting of the BFF's environment file: `NAME`, or `NAME=value` where the step asks for that value."""
    name, _, wanted = about.partition("=")
    told = case.last("environment")
    if told is None or told.answer.status is Status.NOT_CHECKED:
        return [Fact(f"{name} is not known: no environment file was read (--env-file)")]
    if told.answer.status is Status.FAILED:
        return [Fact(f"{name} is not known: {told.answer.reason}", (told.at("/reason"),))]
    data = told.answer.data
    found = data["settings"].get(name, {"set": name in data["other_names"]})
    value = found.get("value") or found.get("leads_to")
    said = (
        f"is {value}"
        if value
        else "is set and empty"
        if found.get("empty")
        else "is set, its value is not shown"
        if found["set"]
        else "is not set"
    )
    since = data["unchanged_since_the_process_started"]
    age = (
        ", which is older than the process"
        if since
        else ", which was changed after the process started: it may run with another value"
        if since is False
        else ""
    )
    ok = bool(wanted) and str(value).lower() == wanted.lower() and since is not False
    return [Fact(f"{name} {said} in {data['file']}{age}", (told.at(f"/data/settings/{name}"),), ok)]


def answer(case: Case, findings: Findings, about: str) -> list[Fact]:
    """How a system answered a question."""
    told = case.last(about)
    if told is None:
        return [Fact(f"{about} was not asked")]
    given = told.answer
    at = f"at {given.asked_at:%H:%M:%S} UTC"
    if given.status is Status.NOT_CHECKED:
        return [Fact(f"{about} was not asked: {given.reason}", (told.at("/reason"),))]
    if given.status is Status.OK and not given.warnings:
        none = f": {given.momentary}" if given.momentary else ""
        return [
            Fact(
                f"{about} was answered well {at} in {given.duration_ms:,.0f} ms{none}",
                (told.at("/status"),),
                settled=True,
            )
        ]
    return [
        Fact(
            f"{about} {at}: {'; '.join([*([given.reason] if given.reason else []), *given.warnings])}",
            (told.at("/reason" if given.reason else "/warnings"),),
        )
    ]


def finding(case: Case, findings: Findings, about: str) -> list[Fact]:
    """What was found of a symptom of the same scenario."""
    found = findings.get(about)
    if found is None:
        return []
    because = f" ({found.reason})" if found.reason else ""
    return [
        Fact(
            f"{found.verdict.value.replace('_', ' ')}: {found.title}. {found.statement}{because}",
            found.citations,
            found.verdict is Verdict.RULED_OUT,
        )
    ]


def redis_memory(case: Case, findings: Findings, about: str) -> list[Fact]:
    """How much memory Redis uses of how much, and what it does when it is full."""
    told = case.last("redis.info")
    memory = told.answer.data.get("memory", {}) if told else {}
    if told is None or "used_memory" not in memory:
        return [Fact("Redis was not asked for its memory")]
    limit = memory.get("maxmemory", 0)
    used = (
        f"{memory['used_memory']:,} of {limit:,} bytes ({memory['used_memory'] / limit:.0%})"
        if limit
        else f"{memory['used_memory']:,} bytes, without a limit"
    )
    evicted = told.answer.data.get("stats", {}).get("evicted_keys", 0)
    text = f"Redis uses {used}; its policy is {memory.get('maxmemory_policy', 'not told')}, and {evicted:,} keys were evicted since it started"
    return [Fact(text, (told.at("/data/memory"),), settled=not limit or memory["used_memory"] < 0.8 * limit)]


def flush_loss(case: Case, findings: Findings, about: str) -> list[Fact]:
    """What FLUSHDB would delete besides the cache."""
    told = case.last("redis.keys")
    lost = told.answer.data.get("flushdb_would_delete") if told else None
    if told is None or not lost:
        return [
            Fact("FLUSHDB deletes everything in the database, not only the cache; what lives in it was not looked at")
        ]
    partly = f" ({told.answer.reason})" if told.answer.reason else ""
    text = (
        f"besides the cache, FLUSHDB would delete {lost['replay_positions']} replay positions of Platform Events (events of the meantime would be missed) and "
        f"{lost['queue_keys']} keys of job queues (their jobs would be gone){partly}"
    )
    return [Fact(text, (told.at("/data/flushdb_would_delete"),))]


def retention(case: Case, findings: Findings, about: str) -> list[Fact]:
    """How long the events since the oldest replay position can still be had."""
    told = case.last("redis.replay")
    positions = told.answer.data.get("positions", []) if told else []
    idle_s = [one["idle_s"] for one in positions if one["idle_s"] is not None]
    if told is None or not idle_s:
        return [
            Fact(
                f"how old the replay positions are is not known; Salesforce keeps events {RETENTION / timedelta(hours=1):.0f} h"
            )
        ]
    left = RETENTION - timedelta(seconds=max(idle_s))
    since = told.answer.asked_at - timedelta(seconds=max(idle_s))
    text = (
        f"the oldest position was last written at {_time(since)}; events after it can be had until {_time(since + RETENTION)}, for {left / timedelta(hours=1):.1f} h more"
        if left > timedelta(0)
        else f"the oldest position was last written at {_time(since)}, longer ago than Salesforce keeps events: what came right after it is gone"
    )
    return [Fact(text, (told.at("/data/positions"),))]


def pool(case: Case, findings: Findings, about: str) -> list[Fact]:
    """How many connections the BFF may open, and how many PostgreSQL allows."""
    told = case.last("postgres.limits")
    facts = setting(case, findings, "DATABASE_CONNECTION_LIMIT")
    rows = told.answer.data.get("rows", []) if told else []
    if told is None or not rows:
        return [Fact("PostgreSQL was not asked, or did not tell, how many connections are used"), *facts]
    limits = (
        ", ".join(f"{name}={value}" for name, value in told.answer.data.get("pool", {}).items())
        or "no limit of its own"
    )
    return [
        Fact(
            f"{rows[0]['used']} of {rows[0]['usable']} connections are used; the address of one process has {limits}",
            (told.at("/data/rows/0"),),
        ),
        *facts,
    ]


def suspects(case: Case, findings: Findings, about: str) -> list[Fact]:
    """Who changed at the onset; `about` are kinds of suspects with commas between, or nothing for all."""
    if not case.items:
        return [Fact("without logs nobody can be suspected")]
    onset = case.impact.onset
    if onset is None:
        return [Fact("no onset was found: nothing departs from what was normal before")]
    named = [one for one in case.impact.suspicions if not about or one.suspect.kind in about.split(",")]
    facts = [
        Fact(
            f"{one.suspect.role} ({one.suspect.sure}): {one.suspect.kind} {one.suspect.name}. {one.suspect.why}",
            (one.citation,),
        )
        for one in named[:MOST_SUSPECTS]
    ]
    return facts or [
        Fact(f"since {_time(onset.began.at)}; no {about.replace(',', ' or ') or 'suspect'} stands out", settled=True)
    ]


def process(case: Case, findings: Findings, about: str) -> list[Fact]:
    """What the BFF's processes take."""
    told = case.last("process")
    rows: Sequence[Mapping[str, Any]] = told.answer.data.get("processes", []) if told else []
    if told is None or not rows:
        return [Fact(f"the BFF's process was not seen{f': {told.answer.reason}' if told else ''}")]
    data = told.answer.data
    facts = []
    for place, row in enumerate(rows):
        cpu, resident = row["cpu_percent_of_a_core"], row["resident_bytes"]
        text = f"process {row['pid']}: {f'{cpu:.0f} % of one core' if cpu is not None else 'CPU not seen'}, {f'{resident / 1e6:,.0f} MB' if resident else 'memory not seen'}, since {row['started_at']}"
        facts.append(Fact(text, (told.at(f"/data/processes/{place}"),), settled=cpu is not None and cpu < 70))
    machine = f"the machine: load {data['load_1m']} on {data['cores']} cores, {data['memory_available_bytes'] / 1e9:.1f} of {data['memory_total_bytes'] / 1e9:.1f} GB free"
    free = data["load_1m"] < data["cores"] and data["memory_available_bytes"] > 0.1 * data["memory_total_bytes"]
    return [*facts, Fact(machine, (told.at("/data/load_1m"),), settled=free)]


def limits_set(case: Case, findings: Findings, about: str) -> list[Fact]:
    """Timeouts and breakers as the environment file sets them, and whether a breaker was open."""
    told = case.last("environment")
    facts = []
    if told and "limits" in told.answer.data:
        limits = told.answer.data["limits"]
        shown = ", ".join(f"{name}={value}" for name, value in limits.items()) or "none: the portal's own defaults hold"
        facts.append(
            Fact(f"timeouts, retries and breakers in {told.answer.data['file']}: {shown}", (told.at("/data/limits"),))
        )
    else:
        facts.append(Fact("timeouts and breakers are not known: no environment file was read (--env-file)"))
    opened = case.signs(("breaker.",))
    n = sum(one.n for one in opened)
    facts.append(
        Fact(
            f"{n} records speak of an open circuit breaker, first at {_time(opened[0].first)}"
            if n
            else "no record speaks of an open circuit breaker",
            opened[0].lines[:1] if n else (),
        )
    )
    return facts


def preserved(case: Case, findings: Findings, about: str) -> list[Fact]:
    """Which logs are in the evidence."""
    return [Fact(f"preserved as item {one.item}: {one.origin}, {one.bytes:,} bytes") for one in case.accounts] or [
        Fact("no log is preserved yet")
    ]


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


# What a step of the runbook may name.
FACTS: Mapping[str, Callable[[Case, Findings, str], Sequence[Fact]]] = {
    function.__name__: function
    for function in (
        answer,
        finding,
        flush_loss,
        limits_set,
        pool,
        preserved,
        process,
        redis_memory,
        retention,
        setting,
        suspects,
    )
}
