"""What is known for a step of the runbook: sentences with their citations, beside text that a person carries out.

A step names its facts in the scenario's `facts`, each with its subject behind a blank:
`setting SF_EVENTS_ENABLED=true`, `finding redis_errors`.
A fact is made by a function of the case, the findings by symptom and that subject; `FACTS` lists them.
`settled` says that the step needs nothing more.
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

# Salesforce keeps high-volume Platform Events so long:
# https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-message-durability.html
RETENTION = timedelta(hours=72)
MOST_SUSPECTS = 3

FindingsBySymptom = Mapping[str, Finding]


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
    by_symptom = {finding.symptom: finding for finding in findings}
    return [
        Advice(step, tuple(fact for reference in step.facts for fact in _facts(reference, case, by_symptom)))
        for step in scenario.steps
    ]


def _facts(reference: str, case: Case, findings: FindingsBySymptom) -> Sequence[Fact]:
    name, _, subject = reference.partition(" ")
    return FACTS[name](case, findings, subject)


def setting(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """A setting of the BFF's environment file: `NAME`, or `NAME=value` where the step asks for that value."""
    name, _, wanted = subject.partition("=")
    stored = case.last("environment")
    if stored is None or stored.answer.status is Status.NOT_CHECKED:
        return [Fact(f"{name} is not known: no environment file was read (--env-file)")]
    if stored.answer.status is Status.FAILED:
        return [Fact(f"{name} is not known: {stored.answer.reason}", (stored.at("/reason"),))]
    data = stored.answer.data
    entry = data["settings"].get(name, {"set": name in data["other_names"]})
    value = entry.get("value") or entry.get("leads_to")
    state = (
        f"is {value}"
        if value
        else "is set and empty"
        if entry.get("empty")
        else "is set, its value is not shown"
        if entry["set"]
        else "is not set"
    )
    older_than_process = data["unchanged_since_the_process_started"]
    age = (
        ", which is older than the process"
        if older_than_process
        else ", which was changed after the process started: it may run with another value"
        if older_than_process is False
        else ""
    )
    ok = bool(wanted) and str(value).lower() == wanted.lower() and older_than_process is not False
    return [Fact(f"{name} {state} in {data['file']}{age}", (stored.at(f"/data/settings/{name}"),), ok)]


def answer(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """How a system answered a question."""
    stored = case.last(subject)
    if stored is None:
        return [Fact(f"{subject} was not asked")]
    answer = stored.answer
    when = f"at {answer.asked_at:%H:%M:%S} UTC"
    if answer.status is Status.NOT_CHECKED:
        return [Fact(f"{subject} was not asked: {answer.reason}", (stored.at("/reason"),))]
    if answer.status is Status.OK and not answer.warnings:
        momentary = f": {answer.momentary}" if answer.momentary else ""
        return [
            Fact(
                f"{subject} was answered well {when} in {answer.duration_ms:,.0f} ms{momentary}",
                (stored.at("/status"),),
                settled=True,
            )
        ]
    return [
        Fact(
            f"{subject} {when}: {'; '.join([*([answer.reason] if answer.reason else []), *answer.warnings])}",
            (stored.at("/reason" if answer.reason else "/warnings"),),
        )
    ]


def finding(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """What was found of a symptom of the same scenario."""
    matching = findings.get(subject)
    if matching is None:
        return []
    because = f" ({matching.reason})" if matching.reason else ""
    return [
        Fact(
            f"{matching.verdict.value.replace('_', ' ')}: {matching.title}. {matching.statement}{because}",
            matching.citations,
            matching.verdict is Verdict.RULED_OUT,
        )
    ]


def redis_memory(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """How much memory Redis uses of how much, and what it does when it is full."""
    stored = case.last("redis.info")
    memory = stored.answer.data.get("memory", {}) if stored else {}
    if stored is None or "used_memory" not in memory:
        return [Fact("Redis was not asked for its memory")]
    limit = memory.get("maxmemory", 0)
    used = (
        f"{memory['used_memory']:,} of {limit:,} bytes ({memory['used_memory'] / limit:.0%})"
        if limit
        else f"{memory['used_memory']:,} bytes, without a limit"
    )
    evicted = stored.answer.data.get("stats", {}).get("evicted_keys", 0)
    text = (
        f"Redis uses {used}; its policy is {memory.get('maxmemory_policy', 'not told')}, "
        f"and {evicted:,} keys were evicted since it started"
    )
    return [Fact(text, (stored.at("/data/memory"),), settled=not limit or memory["used_memory"] < 0.8 * limit)]


def flush_loss(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """What FLUSHDB would delete besides the cache."""
    stored = case.last("redis.keys")
    lost = stored.answer.data.get("flushdb_would_delete") if stored else None
    if stored is None or not lost:
        return [
            Fact("FLUSHDB deletes everything in the database, not only the cache; what lives in it was not looked at")
        ]
    partly = f" ({stored.answer.reason})" if stored.answer.reason else ""
    text = (
        f"besides the cache, FLUSHDB would delete {lost['replay_positions']} replay positions of Platform Events "
        "(events of the meantime would be missed) and "
        f"{lost['queue_keys']} keys of job queues (their jobs would be gone){partly}"
    )
    return [Fact(text, (stored.at("/data/flushdb_would_delete"),))]


def retention(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """How long the events since the oldest replay position can still be had."""
    stored = case.last("redis.replay")
    positions = stored.answer.data.get("positions", []) if stored else []
    idle_s = [position["idle_s"] for position in positions if position["idle_s"] is not None]
    if stored is None or not idle_s:
        return [
            Fact(
                "how old the replay positions are is not known; Salesforce keeps events "
                f"{RETENTION / timedelta(hours=1):.0f} h"
            )
        ]
    left = RETENTION - timedelta(seconds=max(idle_s))
    since = stored.answer.asked_at - timedelta(seconds=max(idle_s))
    text = (
        f"the oldest position was last written at {_time(since)}; events after it can be had until "
        f"{_time(since + RETENTION)}, for {left / timedelta(hours=1):.1f} h more"
        if left > timedelta(0)
        else f"the oldest position was last written at {_time(since)}, longer ago than Salesforce keeps events: "
        "what came right after it is gone"
    )
    return [Fact(text, (stored.at("/data/positions"),))]


def pool(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """How many connections the BFF may open, and how many PostgreSQL allows."""
    stored = case.last("postgres.limits")
    facts = setting(case, findings, "DATABASE_CONNECTION_LIMIT")
    rows = stored.answer.data.get("rows", []) if stored else []
    if stored is None or not rows:
        return [Fact("PostgreSQL was not asked, or did not tell, how many connections are used"), *facts]
    limits = (
        ", ".join(f"{name}={value}" for name, value in stored.answer.data.get("pool", {}).items())
        or "no limit of its own"
    )
    return [
        Fact(
            f"{rows[0]['used']} of {rows[0]['usable']} connections are used; the address of one process has {limits}",
            (stored.at("/data/rows/0"),),
        ),
        *facts,
    ]


def suspects(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """Who changed at the onset; `subject` are kinds of suspects with commas between, or nothing for all."""
    if not case.items:
        return [Fact("without logs nobody can be suspected")]
    onset = case.impact.onset
    if onset is None:
        return [Fact("no onset was found: nothing departs from what was normal before")]
    suspicions = [
        suspicion for suspicion in case.impact.suspicions if not subject or suspicion.suspect.kind in subject.split(",")
    ]
    facts = [
        Fact(
            f"{suspicion.suspect.role} ({suspicion.suspect.sure}): {suspicion.suspect.kind} "
            f"{suspicion.suspect.name}. {suspicion.suspect.why}",
            (suspicion.citation,),
        )
        for suspicion in suspicions[:MOST_SUSPECTS]
    ]
    return facts or [
        Fact(
            f"since {_time(onset.began.likeliest)}; no {subject.replace(',', ' or ') or 'suspect'} stands out",
            settled=True,
        )
    ]


def process(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """What the BFF's processes take."""
    stored = case.last("process")
    rows: Sequence[Mapping[str, Any]] = stored.answer.data.get("processes", []) if stored else []
    if stored is None or not rows:
        return [Fact(f"the BFF's process was not seen{f': {stored.answer.reason}' if stored else ''}")]
    data = stored.answer.data
    facts = []
    for place, row in enumerate(rows):
        cpu, resident = row["cpu_percent_of_a_core"], row["resident_bytes"]
        text = (
            f"process {row['pid']}: {f'{cpu:.0f} % of one core' if cpu is not None else 'CPU not seen'}, "
            f"{f'{resident / 1e6:,.0f} MB' if resident else 'memory not seen'}, since {row['started_at']}"
        )
        facts.append(Fact(text, (stored.at(f"/data/processes/{place}"),), settled=cpu is not None and cpu < 70))
    machine = (
        f"the machine: load {data['load_1m']} on {data['cores']} cores, "
        f"{data['memory_available_bytes'] / 1e9:.1f} of {data['memory_total_bytes'] / 1e9:.1f} GB free"
    )
    free = data["load_1m"] < data["cores"] and data["memory_available_bytes"] > 0.1 * data["memory_total_bytes"]
    return [*facts, Fact(machine, (stored.at("/data/load_1m"),), settled=free)]


def limits_set(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """Timeouts and breakers as the environment file sets them, and whether a breaker was open."""
    stored = case.last("environment")
    facts = []
    if stored and "limits" in stored.answer.data:
        limits = stored.answer.data["limits"]
        shown = ", ".join(f"{name}={value}" for name, value in limits.items()) or "none: the portal's own defaults hold"
        facts.append(
            Fact(
                f"timeouts, retries and breakers in {stored.answer.data['file']}: {shown}", (stored.at("/data/limits"),)
            )
        )
    else:
        facts.append(Fact("timeouts and breakers are not known: no environment file was read (--env-file)"))
    opened = case.signs(("breaker.",))
    n = sum(count.n for count in opened)
    facts.append(
        Fact(
            f"{n} records speak of an open circuit breaker, first at {_time(opened[0].first)}"
            if n
            else "no record speaks of an open circuit breaker",
            opened[0].lines[:1] if n else (),
        )
    )
    return facts


def preserved(case: Case, findings: FindingsBySymptom, subject: str) -> list[Fact]:
    """Which logs are in the evidence."""
    return [
        Fact(f"preserved as item {account.item}: {account.origin}, {account.bytes:,} bytes")
        for account in case.accounts
    ] or [Fact("no log is preserved yet")]


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


# What a step of the runbook may name.
FACTS: Mapping[str, Callable[[Case, FindingsBySymptom, str], Sequence[Fact]]] = {
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
