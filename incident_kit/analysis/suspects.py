"""Who changed at the onset, as cause or as consequence.

Looked at are routes, outside systems, errors, hosts, clients, deploys and traffic. Each is measured by its share of the
excess (what Bhagwan et al. 2014, "Adtributor", NSDI, call explanatory power) and by its contrast: how much more of what
it touches is affected than of what it does not touch. A big share alone means little: the busiest route has a big share
of everything.

Cause and consequence: what lies behind many is suspected before the many. A slow system slows the routes that wait for
it. Where all routes suffer alike, with calls or without, neither a route nor a system is the cause but something they
share: a host, a process, the traffic. Records say what came together, never why: a suspect is where to look first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from incident_kit.analysis.change import Calls, Change, Group, Start, change_at
from incident_kit.analysis.onset import Onset
from incident_kit.logs.reading import Records
from incident_kit.model.times import iso

Kind = Literal["deploy", "client", "host", "process", "dependency", "traffic", "route", "error"]
Role = Literal["cause", "consequence"]
Sure = Literal["high", "moderate", "low"]

# An excess of fewer requests is nothing to explain, and who explains less of it is not named.
LEAST_EXCESS = 5.0
LEAST_SHARE = 0.3
# How many times as often what a suspect touches is affected as the rest is.
# Callers of a system are compared with all others.
CONTRAST = 3.0
CONTRAST_OF_CALLERS = 2.0
# And so many standard deviations more than an even spread would give it: there may be hundreds of clients.
CHANCE = 4.0
# All routes suffer alike if so much of the excess is spread over them as requests are.
ALIKE = 0.7
# Traffic is a suspect at so many times the requests a minute, and a client
# if so many of the additional ones are its own.
SPIKE = 2.0
FLOOD = 0.6
# A start of the application belongs to an onset that follows it within this time.
# One that comes later is a remedy, or a symptom.
DEPLOYED = timedelta(minutes=5)
# An error is new if there are so many times more of it a minute.
MORE_ERRORS = 3.0
# Others explain it if they explain so much of the excess.
EXPLAINED = 0.6
BEHIND = ("client", "dependency", "host")
# How many other requests it takes to compare with, and how many routes, to say that all suffer alike.
ENOUGH_OTHERS = 20
LEAST_ROUTES = 3
# How long after an onset without recovery a start of the application is still looked for.
AFTERWARDS = timedelta(hours=1)
# What lies behind others comes before them, unless they explain more by so much.
DEPTH: dict[Kind, float] = {
    "deploy": 0.4,
    "client": 0.25,
    "host": 0.25,
    "process": 0.25,
    "dependency": 0.2,
    "traffic": 0.15,
    "route": 0.05,
    "error": 0.0,
}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the onset, before or after it.

    `n` are requests; of a dependency its calls, of an error its records. `failed` includes aborted ones. `median_ms` is
    None where nothing was timed.
    """

    n: int
    affected: int
    failed: int
    median_ms: float | None
    per_minute: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """Who may be behind an onset.

    `share_of_excess` is how much of it this one explains, 0 to 1; the shares of several overlap. `why` is a sentence
    for a person, with the figures that `sure` stands on.
    """

    kind: Kind
    name: str
    role: Role
    sure: Sure
    share_of_excess: float
    side_before: Side
    side_after: Side
    why: str


def suspects(records: Records, onset: Onset) -> list[Suspect]:
    """What changed at the onset: causes first, the likeliest first of all.

    Empty if nothing stands out, and that is an answer.
    """
    change = change_at(records, onset)
    if change is None or change.excess < LEAST_EXCESS or change.excess < CHANCE * math.sqrt(change.expected):
        return []
    suspected = [
        *_hosts(change),
        *_groups(change, "client"),
        *_groups(change, "route"),
        *_dependencies(change),
        *_untimed(change),
        *_errors(change),
    ]
    for look in (_deploys, _traffic, _shared):  # these depend on what else stands out
        suspected += look(change, suspected)
    return _ranked(suspected)


def _ranked(suspected: Sequence[Suspect]) -> list[Suspect]:
    """In order. What the first cause leaves nothing of to explain, and lies before it, is its consequence."""
    ordered = sorted(suspected, key=_order)
    if not ordered or ordered[0].role == "consequence":
        return ordered
    first = ordered[0]
    judged = [
        replace(suspect, role="consequence") if suspect is not first and _owed(suspect, first) else suspect
        for suspect in ordered
    ]
    return sorted(judged, key=_order)


def _order(suspect: Suspect) -> tuple[bool, float, str, str]:
    depth = DEPTH[suspect.kind] if suspect.sure != "low" else 0.0
    return suspect.role == "consequence", -round(suspect.share_of_excess + depth, 6), suspect.kind, suspect.name


def _owed(suspect: Suspect, cause: Suspect) -> bool:
    """Whether the cause explains half of what the suspect does even if the two overlap as little as they can."""
    overlap = suspect.share_of_excess + cause.share_of_excess - 1
    return DEPTH[suspect.kind] < DEPTH[cause.kind] and overlap >= suspect.share_of_excess / 2


def _groups(change: Change, kind: Kind) -> list[Suspect]:
    """Routes, hosts, processes or clients that are affected while the others are not."""
    suspected = []
    for group in change.of(kind):
        excess = _excess(change, group)
        share, rest = change.share(excess), change.rest(group.n_after, excess)
        if (
            excess < LEAST_EXCESS
            or share < LEAST_SHARE
            or not rest
            or excess / group.n_after < CONTRAST * rest
            or _by_chance(change, group)
        ):
            continue
        why = (
            f"{group.affected_after} of {group.n_after} requests {_of(kind, group.name)} {_suffered(change)}"
            f" ({_percent(group.affected_after, group.n_after)},"
            f" before {_percent(group.affected_before, group.n_before)});"
            f" that is {share:.0%} of what is worse than before, and {_others(change, group, kind)}."
        )
        sure = _sure(excess, share, excess / group.n_after / rest)
        suspected.append(Suspect(kind, group.name, "cause", sure, share, *_sides(change, group), why))
    return suspected


def _hosts(change: Change) -> list[Suspect]:
    """Hosts; and processes, where a host has several."""
    hosts, processes = _groups(change, "host"), _groups(change, "process")
    several = len(change.of("process")) > len(change.of("host"))
    return [*hosts, *(process for process in processes if several and process.side_before.n >= ENOUGH_OTHERS)]


def _dependencies(change: Change) -> list[Suspect]:
    """Outside systems whose calls were slow or failed, in the very requests that were affected."""
    suspected = []
    for calls in change.calls:
        if calls.name is None or not calls.calls_after:
            continue
        usual = (calls.affected_calls_before + 0.05) / (calls.calls_before + 1)
        rise = calls.affected_calls_after / calls.calls_after - usual
        linked = calls.n_after > 0
        excess = touched = rise * calls.calls_after
        if linked:
            excess = change.excess_of(calls.n_before, calls.explained_before, calls.n_after, calls.explained_after)
            touched = change.excess_of(calls.n_before, calls.affected_before, calls.n_after, calls.affected_after)
        share, rest = change.share(excess), change.rest(calls.n_after, touched)
        if (
            excess < LEAST_EXCESS
            or share < LEAST_SHARE
            or rise <= 0
            or (linked and rest and touched / calls.n_after < CONTRAST_OF_CALLERS * rest)
        ):
            continue
        failed = "failed" if change.onset.measure == "errors" else "were slow or failed"
        how = (
            f"in which a call to it {failed.replace('were', 'was')}"
            if linked
            else "(its calls name no request: counted, not matched)"
        )
        why = (
            f"{calls.affected_calls_after} of {calls.calls_after} calls {failed}"
            f" ({_percent(calls.affected_calls_after, calls.calls_after)},"
            f" before {_percent(calls.affected_calls_before, calls.calls_before)};"
            f" median {_ms(calls.median_us_before)} before, {_ms(calls.median_us_after)} after)."
            f" Requests {how} are {share:.0%} of what is worse than before{_without_calls(change)}."
        )
        sure = _sure(excess, share, touched / calls.n_after / rest if rest else CONTRAST) if linked else "low"
        suspected.append(Suspect("dependency", calls.name, "cause", sure, share, *_call_sides(change, calls), why))
    return suspected


def _untimed(change: Change) -> list[Suspect]:
    """Outside systems whose calls nobody times, such as a database or a cache.

    They are judged by the errors that were logged of them.
    """
    timed = {calls.name for calls in change.calls if calls.calls_before or calls.calls_after}
    suspected = []
    for name in sorted({errors.dependency for errors in change.errors} - timed - {""}):
        mine = [errors for errors in change.errors if errors.dependency == name]
        n_before, n_after = sum(errors.n_before for errors in mine), sum(errors.n_after for errors in mine)
        requests_before = sum(errors.requests_before for errors in mine)
        requests_after = sum(errors.requests_after for errors in mine)
        per_minute = (n_before + 0.5) / change.minutes_before, n_after / change.minutes_after
        linked = requests_after > 0
        usual = change.everything.n_after * requests_before / change.everything.n_before
        excess = requests_after - usual if linked else float(n_after - n_before)
        share = change.share(excess)
        if per_minute[1] < MORE_ERRORS * per_minute[0] or excess < LEAST_EXCESS or share < LEAST_SHARE:
            continue
        where = (
            f"in {requests_after} requests: {share:.0%} of what is worse than before"
            if linked
            else "in records that name no request: counted, not matched"
        )
        why = (
            f"{n_after} errors of it after, {n_before} before ({per_minute[1]:.1f} a minute after), {where}."
            " Its calls are not timed."
        )
        side_before = Side(n_before, requests_before, n_before, None, n_before / change.minutes_before)
        side_after = Side(n_after, requests_after, n_after, None, per_minute[1])
        sure = _sure(excess, share, per_minute[1] / per_minute[0]) if linked else "low"
        suspected.append(Suspect("dependency", name, "cause", sure, share, side_before, side_after, why))
    return suspected


def _deploys(change: Change, suspected: Sequence[Suspect]) -> list[Suspect]:
    """Processes that started right before the onset, if the excess is theirs; later ones as a consequence."""
    began = change.onset.began
    until = change.onset.recovered.latest if change.onset.recovered else began.latest + AFTERWARDS
    deploy: list[Start] = []
    for start in change.starts:  # a rolling one goes on after the onset
        goes_on = deploy and start.moment - deploy[-1].moment <= DEPLOYED
        if began.earliest - DEPLOYED <= start.moment <= began.latest or goes_on:
            deploy.append(start)
    later = [start for start in change.starts if began.latest < start.moment <= until and start not in deploy]
    explained = any(suspect.kind == "dependency" and suspect.sure == "high" for suspect in suspected)
    deploys = _deploy(change, deploy, explained)
    if later:
        why = (
            f"{_count(len(later), 'start', 'starts')} of the application after the onset,"
            f" the first at {later[0].moment:%H:%M:%S} UTC: a remedy, or a symptom."
        )
        name, sides = iso(later[0].moment), _sides(change, change.everything)
        deploys.append(Suspect("deploy", name, "consequence", "low", 0.0, *sides, why))
    return deploys


def _deploy(change: Change, starts: Sequence[Start], explained: bool) -> list[Suspect]:
    """The starts as a suspect.

    `explained`: an outside system explains the excess, and only the times speak for a deploy.
    """
    started = {start.process for start in starts}
    new = [
        group
        for group in change.of("process")
        if group.name in started and group.n_after and not _was_well(change, group)
    ]
    if not new:
        return []
    excess, n_after = math.fsum(_excess(change, group) for group in new), sum(group.n_after for group in new)
    share, rest = change.share(excess), change.rest(n_after, excess)
    compared = change.everything.n_after - n_after >= ENOUGH_OTHERS
    if excess < LEAST_EXCESS or share < LEAST_SHARE or (compared and excess / n_after < CONTRAST * rest):
        return []
    affected = sum(group.affected_after for group in new)
    others = (
        f"of older processes' requests {rest:.0%} more than before"
        if compared
        else "no older process was left to compare with"
    )
    # Of each new process its last start before the onset: an earlier one, or another process's, is not what changed.
    latest = {start.process: start.moment for start in starts if start.process in {group.name for group in new}}
    first = min(latest.values())
    processes = ", ".join(sorted(latest))
    why = (
        f"{_count(len(new), 'process', 'processes')} ({processes}) started at {first:%H:%M:%S} UTC, right before"
        " the onset;"
        f" {affected} of {n_after} requests of theirs {_suffered(change)} ({_percent(affected, n_after)},"
        f" of all requests before {_percent(change.everything.affected_before, change.everything.n_before)}); {others}."
    )
    sure: Sure = _sure(excess, share, excess / n_after / rest) if compared else "low" if explained else "moderate"
    return [Suspect("deploy", iso(first), "cause", sure, share, *_sides(change, change.everything), why)]


def _errors(change: Change) -> list[Suspect]:
    """Errors that are new or many times as frequent.

    Those of a dependency's calls are consequences: the system is the suspect.
    """
    suspected = []
    for errors in change.errors:
        per_minute = (errors.n_before + 0.5) / change.minutes_before, errors.n_after / change.minutes_after
        usual = change.everything.n_after * errors.requests_before / change.everything.n_before
        excess = errors.requests_after - usual
        share = change.share(excess)
        if (
            per_minute[1] < MORE_ERRORS * per_minute[0]
            or errors.n_after < LEAST_EXCESS
            or (errors.requests_after and share < LEAST_SHARE)
        ):
            continue
        where = "calls to " + errors.dependency if errors.dependency else errors.place or "the log"
        explains = (
            f", in {errors.requests_after} requests: {share:.0%} of what is worse than before."
            if errors.requests_after
            else "; it names no request, so it explains none."
        )
        why = (
            f"{errors.n_after} times in {where} after, {errors.n_before} times before"
            f" ({per_minute[1]:.1f} a minute after){explains}"
        )
        per_minute_before = errors.n_before / change.minutes_before
        side_before = Side(errors.n_before, errors.requests_before, errors.n_before, None, per_minute_before)
        side_after = Side(errors.n_after, errors.requests_after, errors.n_after, None, per_minute[1])
        sure = (
            _sure(excess, share, per_minute[1] / per_minute[0])
            if errors.requests_after and not errors.dependency
            else "low"
        )
        name = ": ".join(part for part in (errors.kind, errors.pattern) if part)
        role: Role = "consequence" if errors.dependency else "cause"
        suspected.append(Suspect("error", name, role, sure, share, side_before, side_after, why))
    return suspected


def _traffic(change: Change, suspected: Sequence[Suspect]) -> list[Suspect]:
    """More requests than before, if all routes suffer alike; and a client that most of them come from."""
    side_before, side_after = _sides(change, change.everything)
    more = side_after.n - side_before.per_minute * change.minutes_after
    if side_after.per_minute < SPIKE * side_before.per_minute:
        return []
    spread = change.spread()
    alike = spread >= ALIKE and not _explained(suspect for suspect in suspected if suspect.kind in BEHIND)
    why = (
        f"{side_after.per_minute:.0f} requests a minute, before {side_before.per_minute:.0f};"
        f" {spread:.0%} of what is worse than before is spread over the routes as requests are."
    )
    sure: Sure = "high" if alike and side_after.per_minute >= 1.5 * SPIKE * side_before.per_minute else "moderate"
    role: Role = "cause" if alike else "consequence"
    traffic = Suspect("traffic", "all requests", role, sure if alike else "low", spread, side_before, side_after, why)
    for client in change.of("client"):
        of_more = (client.n_after - client.n_before / change.minutes_before * change.minutes_after) / more
        if of_more >= FLOOD and alike and len(change.of("client")) > 1:
            why = (
                f"{client.n_after} requests in {change.minutes_after:.0f} min,"
                f" before {client.n_before} in {change.minutes_before:.0f} min:"
                f" {of_more:.0%} of the additional traffic comes from it,"
                f" and all routes are slow or fail alike ({spread:.0%} of what is worse than before)."
            )
            return [
                Suspect("client", client.name, "cause", sure, spread, *_sides(change, client), why),
                replace(traffic, role="consequence"),
            ]
    return [traffic]


def _shared(change: Change, suspected: Sequence[Suspect]) -> list[Suspect]:
    """The process, or what all processes share, if all routes suffer alike and nothing else explains it."""
    busy = [route for route in change.of("route") if route.n_after >= ENOUGH_OTHERS]
    if len(busy) < LEAST_ROUTES or change.spread() < ALIKE or _explained(suspected):
        return []
    processes = [group.name for group in change.of("process") if group.n_after]
    name = processes[0] if len(processes) == 1 else f"all {len(processes)} processes" if processes else "all processes"
    more = "" if len(processes) == 1 else ", the database, the network"
    why = (
        f"All routes suffer alike: {change.spread():.0%} of what is worse than before is spread over them"
        f" as requests are{_without_calls(change)},"
        " and neither traffic, nor a host, client or outside system stands out."
        f" Look at what they share: the process and its machine{more}."
    )
    sure: Sure = "moderate" if len(processes) == 1 else "low"
    return [Suspect("process", name, "cause", sure, change.spread(), *_sides(change, change.everything), why)]


def _explained(suspected: Iterable[Suspect]) -> bool:
    """Whether one of them explains the excess as its cause."""
    return any(suspect.role == "cause" and suspect.share_of_excess >= EXPLAINED for suspect in suspected)


def _was_well(change: Change, group: Group) -> bool:
    """Whether it had served enough requests before the onset, and better than after it.

    Then its start is not what changed.
    """
    if group.n_before < ENOUGH_OTHERS:
        return False
    more_before = group.affected_before / group.n_before - change.usual
    more_after = group.affected_after / group.n_after - change.usual
    return more_before < more_after / 2


def _by_chance(change: Change, group: Group) -> bool:
    """Whether a group of its size might be affected so often if all were alike."""
    expected = group.n_after * change.everything.affected_after / change.everything.n_after
    return group.affected_after - expected < CHANCE * math.sqrt(expected)


def _excess(change: Change, group: Group) -> float:
    return change.excess_of(group.n_before, group.affected_before, group.n_after, group.affected_after)


def _sure(excess: float, share: float, contrast: float) -> Sure:
    """How sure, from how many requests, how much of the excess, and how unlike the rest."""
    if excess >= 20 and share >= 0.8 and contrast >= 10:
        return "high"
    return "moderate" if excess >= 10 and share >= 0.5 and contrast >= CONTRAST else "low"


def _sides(change: Change, group: Group) -> tuple[Side, Side]:
    side_before = Side(
        group.n_before,
        group.affected_before,
        group.bad_before,
        _in_ms(group.median_us_before),
        group.n_before / change.minutes_before,
    )
    return side_before, Side(
        group.n_after,
        group.affected_after,
        group.bad_after,
        _in_ms(group.median_us_after),
        group.n_after / change.minutes_after,
    )


def _call_sides(change: Change, calls: Calls) -> tuple[Side, Side]:
    side_before = Side(
        calls.calls_before,
        calls.affected_calls_before,
        calls.failed_before,
        _in_ms(calls.median_us_before),
        calls.calls_before / change.minutes_before,
    )
    return side_before, Side(
        calls.calls_after,
        calls.affected_calls_after,
        calls.failed_after,
        _in_ms(calls.median_us_after),
        calls.calls_after / change.minutes_after,
    )


def _others(change: Change, group: Group, kind: Kind) -> str:
    n, affected = change.everything.n_after - group.n_after, change.everything.affected_after - group.affected_after
    who = {"client": "by other clients", "process": "in other processes"}.get(kind, f"on other {kind}s")
    return f"of the requests {who} {_percent(affected, n)}"


def _without_calls(change: Change) -> str:
    """How requests fared that called no outside system: the contrast to those that did."""
    idle = next((calls for calls in change.calls if calls.name is None and calls.n_after and calls.n_before), None)
    if idle is None:
        return ""
    return (
        f"; of requests that called no outside system {_percent(idle.affected_after, idle.n_after)} {_suffered(change)}"
        f" (before {_percent(idle.affected_before, idle.n_before)})"
    )


def _of(kind: Kind, name: str) -> str:
    return f"{'by' if kind == 'client' else 'on'} {name}"


def _suffered(change: Change) -> str:
    return "failed or were aborted" if change.onset.measure == "errors" else "were slow or failed"


def _count(n: int, singular: str, plural: str) -> str:
    return f"{n} {singular if n == 1 else plural}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _in_ms(duration_us: int | None) -> float | None:
    return None if duration_us is None else duration_us / 1000


def _ms(duration_us: int | None) -> str:
    if duration_us is None:
        return "unknown"
    return f"{duration_us / 1_000_000:.1f} s" if duration_us >= 1_000_000 else f"{duration_us / 1000:.0f} ms"
