"""Checks of sign-ins, of attacks, and of how much is taken away.

What a log does not hold (accounts, clients, sizes) is named in the finding.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from statistics import median
from typing import Any

from incident_kit.analysis.bursts import Occurrence, dense
from incident_kit.analysis.chance import ONE_IN_A_MILLION, at_least_poisson
from incident_kit.model.finding import Finding, Line, Symptom
from incident_kit.runbook.case import Case, StatusCount
from incident_kit.runbook.checks.verdicts import (
    confirmed,
    figure,
    inconclusive,
    missing,
    needs,
    not_checked,
    recovered_at,
    ruled_out_by_logs,
)
from incident_kit.runbook.coverage import Capability

REFUSED = (400, 401, 403)
MINUTE = timedelta(minutes=1)
# Slow spraying: so many refused sign-ins, within one of these times.
SPRAYING_LEAST = 20
SPRAYING_WITHIN = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
# So few addresses, of so many sign-ins together and each, are those of proxies; or one with so many accounts.
MOST_PROXIES, LEAST_TRIES, TRIES_OF_A_PROXY, ACCOUNTS_OF_A_PROXY = 8, 20, 5, 5
PRIVATE = tuple(
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1")
)
# An account name has at least a letter or a digit; a log may have dashes in its place.
ANY_NAME = re.compile(r"\w")
# A person mistypes a password so often; who moves about signs in from many addresses, and gets in.
MOST_TYPOS = 3


@needs(Capability.REQUESTS, Capability.STATUSES)
def sign_in_burst(
    case: Case, symptom: Symptom, *, feature: str, method: str, within: timedelta, least: int, times: float
) -> Finding:
    """Whether `least` sign-ins or more are refused `within` some time, wherever it begins, and `times` the usual.

    Usual is the median of the quieter half of such times. Slower spraying, of accounts by clients that are only ever
    refused, is inconclusive: it is no chance, but may be something else.
    """
    attempts = _attempts(case, feature, method)
    if reason := _no_attempts(case, attempts):
        return (
            not_checked(symptom, reason) if not case.items else inconclusive(symptom, "No sign-in in the logs.", reason)
        )
    routes = sorted({row.route for row in attempts})
    rows = [row for row in case.records.query("sign_ins_by_second", routes=routes) if row["refused"]]
    n = sum(row.n for row in attempts)
    if not rows:
        return ruled_out_by_logs(case, symptom, f"None of {n} sign-ins was refused.", n, "sign_ins_by_second")
    refused = [Occurrence(row["first"], row["last"], row["refused"]) for row in rows]
    usual = _usual(refused, within, case.extent["first"], case.extent["last"])
    span = f"{within / MINUTE:g} min"
    bursts = dense(refused, math.ceil(max(least, times * max(usual, 1.0))), within)
    if bursts:
        worst = max(bursts, key=lambda burst: burst.n)
        cited = figure(
            case,
            "sign_ins_by_second",
            sum(burst.n for burst in bursts),
            _exemplars(case, routes, bursts[0].since, bursts[-1].until),
        )
        return confirmed(
            symptom,
            f"{worst.n} sign-ins were refused from {worst.since:%H:%M:%S} to {worst.until:%H:%M:%S} UTC, usually "
            f"{usual:g} in {span}.",
            [cited],
            bursts[0].since,
            recovered_at(case, bursts[-1].until),
            refused=worst.n,
        )
    return _spraying(case, symptom, refused, routes) or ruled_out_by_logs(
        case,
        symptom,
        f"{sum(o.n for o in refused)} of {n} sign-ins were refused, at most {_most_within(refused, within)} in {span}, "
        f"usually {usual:g}.",
        n,
        "sign_ins_by_second",
    )


def _usual(refused: Sequence[Occurrence], within: timedelta, first: datetime, last: datetime) -> float:
    """The median of the quieter half of the times, counted from the first record: an attack may fill the other half."""
    counts = [0] * max(1, math.ceil((last - first) / within))
    for occurrence in refused:
        counts[min(len(counts) - 1, max(0, (occurrence.first - first) // within))] += occurrence.n
    return float(median(sorted(counts)[: (len(counts) + 1) // 2]))


def _most_within(refused: Sequence[Occurrence], within: timedelta) -> int:
    return max(
        sum(other.n for other in refused if timedelta(0) <= other.last - occurrence.first <= within)
        for occurrence in refused
    )


def _spraying(case: Case, symptom: Symptom, refused: Sequence[Occurrence], routes: Sequence[str]) -> Finding | None:
    """Inconclusive, if far more sign-ins than chance gives are refused to clients that never got in; else None."""
    for length in SPRAYING_WITHIN:
        for burst in dense(refused, SPRAYING_LEAST, length):
            n, lasted = burst.n, max(burst.until - burst.since, MINUTE)
            around = (case.extent["last"] - case.extent["first"]) - lasted
            outside = sum(o.n for o in refused) - n
            due = max(0.5, outside) * (lasted / max(around, MINUTE))
            if at_least_poisson(n, due) >= ONE_IN_A_MILLION:
                continue
            since, until = (_naive(moment) for moment in (burst.since, burst.until + timedelta(milliseconds=1)))
            (row,) = case.records.query("sign_ins_refused_once", routes=list(routes), since=since, until=until)
            if row["n"] < n / 2:
                continue
            accounts = f" for {row['accounts']} accounts" if row["accounts"] else ""
            return inconclusive(
                symptom,
                f"{n} sign-ins were refused from {burst.since:%H:%M:%S} to {burst.until:%H:%M:%S} UTC, where {due:.0f} "
                f"were due; {row['n']} of them to {row['clients']} addresses{accounts}, not seen before, that never "
                "got in.",
                "no single address stands out: it may be somebody who tries one password on many accounts",
                [figure(case, "sign_ins_refused_once", row["n"], _places(row["places"]))],
            )
    return None


@needs(Capability.REQUESTS, Capability.STATUSES, Capability.CLIENTS)
def guessing(case: Case, symptom: Symptom, *, feature: str, method: str, least: int, success_share: float) -> Finding:
    """Whether one client was refused `least` times or more and got in on fewer than `success_share` of its tries."""
    rows, reason = _by_client(case, feature, method)
    if reason:
        return not_checked(symptom, reason) if not case.items else inconclusive(symptom, "Not known.", reason)
    bad = [row for row in rows if row["refused"] >= least and row["taken"] < success_share * row["n"]]
    n = sum(row["n"] for row in rows)
    if not bad:
        return ruled_out_by_logs(
            case,
            symptom,
            f"Of {len(rows)} clients that signed in, the most refused one was refused {rows[0]['refused']} times.",
            n,
            "sign_ins",
        )
    worst = bad[0]
    accounts = f"for {worst['accounts']} accounts" if worst["accounts"] else "for accounts that this log does not name"
    others = f"; {len(bad) - 1} more clients did so" if len(bad) > 1 else ""
    statement = (
        f"{worst['client']} was refused {worst['refused']} times in {worst['n']} sign-ins, {accounts}, "
        f"and got in {worst['taken']} times{others}."
    )
    cited = figure(
        case, "sign_ins", sum(row["refused"] for row in bad), (line for row in bad for line in _places(row["places"]))
    )
    return confirmed(
        symptom,
        statement,
        [cited],
        min(row["first"] for row in bad),
        recovered_at(case, max(row["last"] for row in bad)),
        refused=worst["refused"],
    )


@needs(Capability.REQUESTS, Capability.STATUSES, Capability.CLIENTS)
def success_after_refusals(case: Case, symptom: Symptom, *, feature: str, method: str, run: int) -> Finding:
    """Whether a client got in after `run` or more refusals in a row: somebody may have found a password."""
    rows, reason = _by_client(case, feature, method, run)
    if reason:
        return not_checked(symptom, reason) if not case.items else inconclusive(symptom, "Not known.", reason)
    bad = [row for row in rows if row["success_at"] is not None]
    n = sum(row["n"] for row in rows)
    if not bad:
        longest = max((row["run_before"] or 0 for row in rows), default=0)
        return ruled_out_by_logs(
            case,
            symptom,
            f"No client got in after {run} refusals in a row; at most {longest} came before a success.",
            n,
            "sign_ins",
        )
    bad.sort(key=lambda row: (row["success_at"], row["client"]))
    first = bad[0]
    others = f"; so did {len(bad) - 1} more" if len(bad) > 1 else ""
    statement = (
        f"{first['client']} got in at {first['success_at']:%H:%M:%S} UTC after {first['run_before']} refusals in "
        f"a row{others}. Whose account it is, the authentication's own records tell."
    )
    cited = figure(case, "sign_ins", len(bad), (Line(row["success"]["item"], row["success"]["line"]) for row in bad))
    return confirmed(symptom, statement, [cited], first["success_at"], refusals_before=first["run_before"])


@needs(Capability.REQUESTS, Capability.STATUSES, Capability.CLIENTS, Capability.ACCOUNTS)
def one_account_many_clients(case: Case, symptom: Symptom, *, feature: str, method: str, clients: int) -> Finding:
    """Whether one account was tried from `clients` or more addresses."""
    attempts = _attempts(case, feature, method)
    if reason := _no_attempts(case, attempts):
        return (
            not_checked(symptom, reason) if not case.items else inconclusive(symptom, "No sign-in in the logs.", reason)
        )
    routes = sorted({row.route for row in attempts})
    if reason := _behind_proxies(case.records.query("sign_ins", routes=routes, run=10)):
        return not_checked(symptom, reason)
    rows = [row for row in case.records.query("sign_ins_by_account", routes=routes) if ANY_NAME.search(row["account"])]
    if not rows:
        return not_checked(
            symptom, "sign-ins in these logs name no account, so those of one account cannot be told from others"
        )
    bad = [row for row in rows if row["clients"] >= clients and row["refused"] >= max(MOST_TYPOS, row["taken"])]
    if not bad:
        return ruled_out_by_logs(
            case,
            symptom,
            f"No account of {len(rows)} was tried in vain from {clients} addresses; the most that used one are "
            f"{rows[0]['clients']}.",
            sum(row["n"] for row in rows),
            "sign_ins_by_account",
        )
    worst = bad[0]
    statement = (
        f"One account was tried from {worst['clients']} addresses, {worst['refused']} times in vain and "
        f"{worst['taken']} times with success" + (f"; {len(bad) - 1} more like it." if len(bad) > 1 else ".")
    )
    cited = figure(
        case,
        "sign_ins_by_account",
        sum(row["n"] for row in bad),
        (line for row in bad for line in _places(row["places"])),
    )
    return confirmed(symptom, statement, [cited], min(row["first"] for row in bad), clients=worst["clients"])


@needs(Capability.REQUESTS, Capability.STATUSES, Capability.CLIENTS)
def new_clients(
    case: Case, symptom: Symptom, *, feature: str, method: str, known_for: timedelta, least: int, times: float
) -> Finding:
    """Whether many more addresses than usual signed in that were not seen before.

    `known_for` is how long a log has to be to know who is usual.
    """
    rows, reason = _by_client(case, feature, method)
    if reason:
        return not_checked(symptom, reason) if not case.items else inconclusive(symptom, "Not known.", reason)
    covered = case.extent["last"] - case.extent["first"]
    taken = [row for row in rows if row["taken"]]
    if covered < known_for:
        reason = (
            f"the logs cover {covered / timedelta(hours=1):.1f} h, and who is usual shows only over "
            f"{known_for / timedelta(hours=1):g} h or more"
        )
        return inconclusive(symptom, f"{len(taken)} addresses signed in.", reason)
    hours: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    begun = case.extent["first"]
    for row in taken:
        hours[int((row["first"] - begun) / timedelta(hours=1))].append(row)
    later = {hour: newcomers for hour, newcomers in hours.items() if hour >= known_for / timedelta(hours=2)}
    usual = median(len(hours.get(hour, [])) for hour in range(1, int(covered / timedelta(hours=1)) + 1))
    worst = max(later, key=lambda hour: (len(later[hour]), -hour), default=None)
    if worst is None or len(later[worst]) < max(least, times * usual):
        most = len(later[worst]) if worst is not None else 0
        return ruled_out_by_logs(
            case,
            symptom,
            f"At most {most} new addresses signed in within an hour, usually {usual:g}.",
            sum(row["n"] for row in rows),
            "sign_ins",
        )
    newcomers = later[worst]
    statement = (
        f"{len(newcomers)} addresses that were not seen before signed in within the hour from "
        f"{begun + worst * timedelta(hours=1):%H:%M} UTC, usually {usual:g}."
    )
    cited = figure(
        case, "sign_ins", len(newcomers), (line for row in newcomers for line in _places(row["places"] or []))
    )
    return confirmed(symptom, statement, [cited], min(row["first"] for row in newcomers), new_clients=len(newcomers))


@needs(Capability.REQUESTS, Capability.STATUSES)
def attacks_answered(case: Case, symptom: Symptom, *, pattern: str) -> Finding:
    """Whether requests that look like attacks were answered otherwise than by a refusal (4xx).

    Refused ones are the noise of any open port.
    """
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    n = sum(row.n for row in case.statuses)
    if not n:
        return inconclusive(symptom, "No request in the logs.", "the logs hold no completed request in the window")
    rows = case.records.query("attacks", pattern=f"(?i){pattern}")
    tries, clients = sum(row["n"] for row in rows), len(rows)
    answered = [row for row in rows if row["answered"]]
    if not answered:
        summary = (
            f"{tries} requests that look like attacks, from {clients} clients, all refused"
            if tries
            else "No request looks like an attack"
        )
        return ruled_out_by_logs(case, symptom, f"{summary}.", n, "attacks")
    first = min(answered, key=lambda row: (row["first_answered"], row["client"]))
    shown = first["answered_places"][0]
    statement = (
        f"{sum(row['answered'] for row in answered)} of {tries} requests that look like attacks were not refused, "
        f"the first from {first['client'] or 'an unknown client'}: {shown['url'][:160]} "
        f"({shown['status'] or 'aborted'})."
    )
    cited = figure(
        case,
        "attacks",
        sum(row["answered"] for row in answered),
        (line for row in answered for line in _places(row["answered_places"])),
    )
    return confirmed(
        symptom, statement, [cited], first["first_answered"], answered=sum(row["answered"] for row in answered)
    )


@needs(Capability.REQUESTS)
def sigma_rules(case: Case, symptom: Symptom) -> Finding:
    """Whether requests meet the team's own Sigma rules.

    A rule that could not be used is named, whatever the others say.
    """
    rules = [rule for rule in case.sigma_rules if not rule.unusable]
    unusable = "; ".join(f"{rule.title} ({rule.file}): {rule.unusable}" for rule in case.sigma_rules if rule.unusable)
    left_out = f" Not used: {unusable}." if unusable else ""
    if not rules:
        return not_checked(
            symptom,
            f"no Sigma rule can be used: {unusable}"
            if unusable
            else "no Sigma rules are in the runbook's folder sigma",
        )
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    n = sum(row.n for row in case.statuses)
    if not n:
        return inconclusive(symptom, "No request in the logs.", "the logs hold no completed request in the window")
    numbers = ",\n".join(f"CASE WHEN {rule.condition} THEN {number} END" for number, rule in enumerate(rules))
    rows = case.records.query_with("sigma_rules", {"NUMBERS_OF_RULES_MET": numbers})
    if not rows:
        if unusable:
            return inconclusive(
                symptom, f"No request of {n:,} meets {_counted(len(rules))}.", f"not all could be used: {unusable}"
            )
        return ruled_out_by_logs(case, symptom, f"No request of {n:,} meets {_counted(len(rules))}.", n, "sigma_rules")
    matches = "; ".join(
        f"{rules[row['rule']].title}: {row['n']:,} requests ({row['answered']:,} of them not refused) from "
        f"{row['clients']} clients, the first from "
        f"{row['client'] or 'an unknown one'}, {row['first']:%H:%M:%S} to {row['last']:%H:%M:%S} UTC"
        for row in rows
    )
    cited = [
        figure(case, "sigma_rules", row["n"], _places(row["places"]), rule=rules[row["rule"]].title) for row in rows
    ]
    first, last = min(row["first"] for row in rows), max(row["last"] for row in rows)
    return confirmed(symptom, f"{matches}.{left_out}", cited, first, recovered_at(case, last), rules_met=len(rows))


@needs(Capability.REQUESTS, Capability.CLIENTS)
def large_volumes(case: Case, symptom: Symptom, *, times: float, least_bytes: int, least_requests: int) -> Finding:
    """Whether one client got `times` as much as others do by their median.

    It has to be at least `least_bytes`, or at least `least_requests` requests. Machines that watch the portal are no
    clients, nor are addresses that stand for many accounts.
    """
    if reason := missing(case, [Capability.REQUESTS, Capability.CLIENTS]):
        return not_checked(symptom, reason)
    rows = _people(case)
    if len(rows) < 5:
        reason = "the logs tell fewer than five clients apart: behind a proxy its address may stand for all"
        return inconclusive(symptom, "Cannot be said.", reason)
    n, sized = sum(row["n"] for row in rows), sum(row["sized"] for row in rows)
    usual_bytes, usual_n = median(row["bytes"] for row in rows), median(row["n"] for row in rows)
    bad = [
        row
        for row in rows
        if (row["bytes"] >= least_bytes and row["bytes"] > times * usual_bytes)
        or (row["n"] >= least_requests and row["n"] > times * usual_n)
    ]
    typical = (
        f"{rows[0]['bytes'] / 1e6:,.1f} MB at most to one client, {usual_bytes / 1e6:,.2f} MB to half of {len(rows)}"
        if sized
        else f"{max(row['n'] for row in rows):,} requests at most by one client"
    )
    if bad:
        worst = bad[0]
        size = f"{worst['bytes'] / 1e6:,.1f} MB" if worst["sized"] else "an unknown size"
        usual = f"{usual_bytes / 1e6:,.2f} MB or less" if sized else "an unknown size"
        statement = (
            f"{worst['client']} got {size} in {worst['n']:,} requests; half of {len(rows)} clients got {usual} in "
            f"{usual_n:g}" + (f". {len(bad) - 1} more stand out." if len(bad) > 1 else ".")
        )
        cited = figure(
            case, "clients", sum(row["n"] for row in bad), (line for row in bad for line in _places(row["places"]))
        )
        return confirmed(
            symptom, statement, [cited], min(row["first"] for row in bad), bytes=worst["bytes"], requests=worst["n"]
        )
    if sized < n / 2:
        return inconclusive(
            symptom,
            f"{typical}.",
            f"only {sized:,} of {n:,} requests tell the size of their answer, so a large one may not show",
        )
    return ruled_out_by_logs(case, symptom, f"{typical[0].upper()}{typical[1:]}.", n, "clients")


@needs(Capability.REQUESTS, Capability.STATUSES, Capability.CLIENTS)
def guessed_addresses(case: Case, symptom: Symptom, *, least: int, share: float, times: float) -> Finding:
    """Whether one client asks for `least` different addresses or more that are not there, or not for it.

    More than `share` of its requests are refused (4xx), and `times` as many as of others by their median.
    """
    if reason := missing(case, [Capability.REQUESTS, Capability.STATUSES, Capability.CLIENTS]):
        return not_checked(symptom, reason)
    rows = _people(case)
    n = sum(row["n"] for row in rows)
    usual = median(row["refused"] for row in rows) if rows else 0
    bad = sorted(
        (
            row
            for row in rows
            if row["refused_urls"] >= least and row["refused"] > max(share * row["n"], times * max(usual, 1))
        ),
        key=lambda row: (-row["refused_urls"], row["client"]),
    )
    if not bad:
        most = max((row["refused_urls"] for row in rows), default=0)
        return ruled_out_by_logs(
            case, symptom, f"No client of {len(rows)} was refused more than {most} addresses.", n, "clients"
        )
    worst = bad[0]
    others = f"; {len(bad) - 1} more do so" if len(bad) > 1 else ""
    statement = (
        f"{worst['client']} was refused {worst['refused']:,} of {worst['n']:,} requests (4xx), for "
        f"{worst['refused_urls']:,} different addresses, from {worst['first_refused']:%H:%M:%S} to "
        f"{worst['last_refused']:%H:%M:%S} UTC; half of {len(rows)} clients {usual:g} times or less{others}."
    )
    cited = figure(
        case,
        "clients",
        sum(row["refused"] for row in bad),
        (line for row in bad for line in _places(row["refused_places"])),
    )
    return confirmed(
        symptom,
        statement,
        [cited],
        min(row["first_refused"] for row in bad),
        recovered_at(case, max(row["last_refused"] for row in bad)),
        refused=worst["refused"],
    )


def _people(case: Case) -> list[dict[str, Any]]:
    """Clients by their requests, without those that stand for many accounts."""
    rows = case.records.query("clients", probes=case.probes)
    return [row for row in rows if row["accounts"] < ACCOUNTS_OF_A_PROXY]


def _attempts(case: Case, feature: str, method: str) -> list[StatusCount]:
    return [row for row in case.statuses if row.route.startswith(f"{method} ") and case.belongs(row.route, feature)]


def _no_attempts(case: Case, attempts: Sequence[StatusCount]) -> str:
    if not case.items:
        return "no log is in the evidence"
    return (
        "" if attempts else "no sign-in is in the logs of this window, or its route is not among the runbook's features"
    )


def _by_client(case: Case, feature: str, method: str, run: int = 10) -> tuple[list[dict[str, Any]], str]:
    """Sign-ins by client, and why that says nothing (empty if it does)."""
    attempts = _attempts(case, feature, method)
    if reason := _no_attempts(case, attempts):
        return [], reason
    rows = case.records.query("sign_ins", routes=sorted({row.route for row in attempts}), run=run)
    if not rows:
        return [], "sign-ins in these logs name no client"
    if shared := _behind_proxies(rows):
        return [], shared
    return rows, ""


def _behind_proxies(rows: Sequence[Mapping[str, Any]]) -> str:
    """Why the clients of these sign-ins are no people's; empty if they are.

    Few addresses that everybody comes from are those of proxies: one, or a handful that is private, or that each got
    many accounts in.
    """
    tries = sum(row["n"] for row in rows)
    if tries < LEAST_TRIES or len(rows) > MOST_PROXIES or tries / len(rows) < TRIES_OF_A_PROXY:
        return ""
    taken = sum(row["taken"] for row in rows)
    if len(rows) == 1:
        return (
            f"all {tries} sign-ins come from one address ({rows[0]['client']}), likely a proxy's: "
            "no client can be told from another"
        )
    if taken < tries / 2 or not all(
        is_private(row["client"]) or row["accounts"] >= ACCOUNTS_OF_A_PROXY for row in rows
    ):
        return ""
    return (
        f"all {tries} sign-ins come from {len(rows)} addresses, likely those of proxies: "
        "no client can be told from another"
    )


def is_private(client: str) -> bool:
    """Whether an address is one that only a network of one's own uses.

    >>> is_private("10.0.3.11"), is_private("203.0.113.7"), is_private("shop.example:443")
    (True, False, False)
    """
    try:
        address = ip_address(client)
    except ValueError:
        return False
    return any(address in network for network in PRIVATE if network.version == address.version)


def _exemplars(case: Case, routes: Sequence[str], since: datetime, until: datetime) -> list[Line]:
    requests = case.records.query(
        "requests_with",
        since=_naive(since),
        until=_naive(until + timedelta(milliseconds=1)),
        routes=list(routes),
        statuses=list(REFUSED),
    )
    return [Line(row["item"], row["line"]) for row in requests]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _counted(rules: int) -> str:
    return "the one Sigma rule" if rules == 1 else f"any of {rules} Sigma rules"


def _places(places: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [Line(place["item"], place["line"]) for place in places or ()]
