"""Checks of sign-ins, of attacks, and of how much is taken away.

What a log does not hold (accounts, clients, sizes) is named in the finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from incident_kit.model.finding import Finding, Line, Symptom
from incident_kit.runbook.case import Case, StatusCount
from incident_kit.runbook.checks.verdicts import (
    confirmed,
    figure,
    inconclusive,
    not_checked,
    recovered_at,
    ruled_out_by_logs,
)

REFUSED = (400, 401, 403)


def sign_in_burst(
    case: Case, symptom: Symptom, *, feature: str, method: str, bucket: timedelta, least: int, times: float
) -> Finding:
    """Whether sign-ins refused in a bucket are at least `least`, and `times` as many as usual.

    Usual is the median of the quieter half of the buckets.
    """
    attempts = _attempts(case, feature, method)
    if reason := _no_attempts(case, attempts):
        return (
            not_checked(symptom, reason) if not case.items else inconclusive(symptom, "No sign-in in the logs.", reason)
        )
    width = bucket // timedelta(microseconds=1)
    counts: dict[int, int] = defaultdict(int)
    edges = [round(moment.timestamp() * 1e6) // width for moment in (case.extent["first"], case.extent["last"])]
    for row in attempts:
        if row.status in REFUSED:
            counts[round(row.start.timestamp() * 1e6) // width] += row.n
    everything = [counts.get(place, 0) for place in range(edges[0], edges[1] + 1)]
    n, refused = sum(row.n for row in attempts), sum(everything)
    if not refused:
        return ruled_out_by_logs(case, symptom, f"None of {n} sign-ins was refused.", n, "statuses")
    place = max(counts, key=lambda place: (counts[place], -place))
    start = datetime.fromtimestamp(place * width / 1e6, UTC)
    usual = median(sorted(everything)[: (len(everything) + 1) // 2])  # an attack may fill half of the window
    burst = (
        f"{counts[place]} sign-ins were refused in {bucket / timedelta(minutes=1):g} min from {start:%H:%M} UTC, "
        f"usually {usual:g}"
    )
    if counts[place] < least or counts[place] < times * max(usual, 1):
        return ruled_out_by_logs(case, symptom, f"At most {burst}.", n, "statuses")
    many = [
        row
        for row in attempts
        if row.status in REFUSED
        and counts[round(row.start.timestamp() * 1e6) // width] >= max(least, times * max(usual, 1))
    ]
    rows = _exemplars(case, many)
    return confirmed(
        symptom,
        f"{burst}.",
        [figure(case, "statuses", sum(row.n for row in many), rows)],
        many[0].first,
        recovered_at(case, many[-1].last),
        refused=counts[place],
    )


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


def one_account_many_clients(case: Case, symptom: Symptom, *, feature: str, method: str, clients: int) -> Finding:
    """Whether one account was tried from `clients` or more addresses."""
    attempts = _attempts(case, feature, method)
    if reason := _no_attempts(case, attempts):
        return (
            not_checked(symptom, reason) if not case.items else inconclusive(symptom, "No sign-in in the logs.", reason)
        )
    rows = case.records.query("sign_ins_by_account", routes=sorted({row.route for row in attempts}))
    if not rows:
        return not_checked(
            symptom, "sign-ins in these logs name no account, so those of one account cannot be told from others"
        )
    bad = [row for row in rows if row["clients"] >= clients]
    if not bad:
        return ruled_out_by_logs(
            case,
            symptom,
            f"No account of {len(rows)} was tried from more than {rows[0]['clients']} addresses.",
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


def large_volumes(case: Case, symptom: Symptom, *, times: float, least_bytes: int, least_requests: int) -> Finding:
    """Whether one client got `times` as much as others do by their median.

    It has to be at least `least_bytes`, or at least `least_requests` requests.
    """
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    rows = case.records.query("volumes")
    if len(rows) < 5:
        reason = (
            "the logs tell fewer than five clients apart: behind a proxy its address may stand for all"
            if rows
            else "the logs name no client"
        )
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
        statement = (
            f"{worst['client']} got {worst['bytes'] / 1e6:,.1f} MB in {worst['n']:,} requests; "
            f"half of {len(rows)} clients got {usual_bytes / 1e6:,.2f} MB or less in {usual_n:g}"
            + (f". {len(bad) - 1} more stand out." if len(bad) > 1 else ".")
        )
        cited = figure(
            case, "volumes", sum(row["n"] for row in bad), (line for row in bad for line in _places(row["places"]))
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
    return ruled_out_by_logs(case, symptom, f"{typical[0].upper()}{typical[1:]}.", n, "volumes")


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
    tries = sum(row.n for row in attempts)
    if len(rows) == 1 and tries >= 20:
        return (
            [],
            f"all {tries} sign-ins come from one address ({rows[0]['client']}), likely a proxy's: "
            "no client can be told from another",
        )
    return rows, ""


def _exemplars(case: Case, rows: Sequence[StatusCount]) -> list[Line]:
    since, until = (
        moment.astimezone(UTC).replace(tzinfo=None)
        for moment in (rows[0].first, rows[-1].last + timedelta(milliseconds=1))
    )
    requests = case.records.query(
        "requests_with", since=since, until=until, routes=sorted({row.route for row in rows}), statuses=list(REFUSED)
    )
    return [Line(row["item"], row["line"]) for row in requests]


def _counted(rules: int) -> str:
    return "the one Sigma rule" if rules == 1 else f"any of {rules} Sigma rules"


def _places(places: Sequence[Mapping[str, Any]]) -> list[Line]:
    return [Line(place["item"], place["line"]) for place in places or ()]
