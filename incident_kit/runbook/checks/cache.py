"""Checks of what customers notice when Redis fails: sign-in, the cache, rate limits, event streams, the token blacklist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import Status
from incident_kit.model.finding import Absence, Citation, Finding, Line, Symptom, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.case import Answered, Case
from incident_kit.runbook.checks.parts import (
    cannot_speak,
    confirmed,
    figure,
    in_words,
    inconclusive,
    not_checked,
    not_in_logs,
    of_signs,
    recovered_at,
    together,
)  # fmt: skip
from incident_kit.runbook.checks.systems import answered, named_by

MINUTE = timedelta(minutes=1)
TOO_MANY = 429
REFUSED = (401, 403)


def authentication_failing(
    case: Case, symptom: Symptom, *, feature: str, share: float, min_requests: int, in_a_row: int, named: Sequence[str]
) -> Finding:
    """Whether more than `share` of requests are refused (401, 403) beyond what is usual, or sign-ins fail (5xx), in minutes in a row."""
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    everything, sign_ins = (
        _by_minute(case.statuses),
        _by_minute([one for one in case.statuses if case.belongs(one.route, feature)]),
    )
    refused = {
        start: _share(rows, lambda one: one.status in REFUSED)
        for start, rows in everything.items()
        if _n(rows) >= min_requests
    }
    failed = {
        start: _share(rows, lambda one: one.bad) for start, rows in sign_ins.items() if _n(rows) >= min(min_requests, 3)
    }
    usual = median(refused.values()) if refused else 0.0
    stretches = [
        (
            _in_a_row({start for start, found in refused.items() if found > usual + share}, in_a_row),
            "requests are refused with 401 or 403",
            refused,
            REFUSED,
            (),
        ),
        (
            _in_a_row({start for start, found in failed.items() if found > share}, in_a_row),
            "sign-ins fail",
            failed,
            tuple(range(500, 600)),
            case.routes(feature),
        ),
    ]
    parts = []
    for minutes, what, shares, statuses, routes in stretches:
        if minutes:
            worst = max(shares[start] for start in minutes)
            lines = _lines(case, minutes, statuses, routes)
            n = sum(_n(everything[start]) for start in minutes)
            usually = f" (usually {usual:.0%})" if statuses == REFUSED else ""
            parts.append(confirmed(
                symptom, f"Up to {worst:.0%} of {what}{usually}, from {minutes[0]:%H:%M} to {minutes[-1] + MINUTE:%H:%M} UTC.",
                [figure(case, "statuses", n, lines, routes=list(routes))], minutes[0], recovered_at(case, minutes[-1] + MINUTE), worst_share=worst,
            ))  # fmt: skip
    if parts:
        return named_by(case, together(case, symptom, parts), named)
    n = sum(_n(rows) for rows in everything.values())
    if not refused:
        return inconclusive(
            symptom, f"{n} requests in the window.", f"no minute holds {min_requests} requests: too few to judge"
        )
    worst = max(refused.values())
    return not_in_logs(
        case,
        symptom,
        f"At most {worst:.0%} of requests were refused (usually {usual:.0%}), and sign-ins did not fail in a row.",
        n,
        "statuses",
    )


def cache_misses(
    case: Case,
    symptom: Symptom,
    *,
    share: float,
    least: int,
    signs: Sequence[str],
    hits: Sequence[str],
    misses: Sequence[str],
    bucket: timedelta,
) -> Finding:
    """Whether nearly every read misses the cache: by Redis's own counters between two answers, by the log's words, or because Redis fails."""
    parts = [_counters(case, symptom, share, least), _words(case, symptom, share, least, hits, misses)]
    down = answered(case, symptom, "redis.ping")
    if down.verdict is Verdict.CONFIRMED:
        parts.append(confirmed(symptom, f"Nothing can be read: {down.statement}", down.citations, down.first_affected))
    found = case.signs(signs)
    dense: dict[datetime, int] = defaultdict(int)
    for one in found:
        dense[one.start] += one.n
    if dense and max(dense.values()) >= least / (bucket / MINUTE):
        parts.append(confirmed(
            symptom, f"Reads failed, so nothing came from the cache: {in_words(case, found)}.", of_signs(case, found), found[0].first,
            recovered_at(case, max(one.last for one in found)),
        ))  # fmt: skip
    return together(case, symptom, parts)


def _counters(case: Case, symptom: Symptom, share: float, least: int) -> Finding:
    told = [one for one in case.told("redis.info") if one.answer.status in (Status.OK, Status.PARTIAL)]
    counts = [one.answer.data.get("stats", {}) for one in told]
    if not told or "keyspace_misses" not in counts[-1]:
        return not_checked(symptom, "Redis was not asked for its counters")
    if len(told) < 2:
        hits, misses = counts[-1]["keyspace_hits"], counts[-1]["keyspace_misses"]
        said = f"{misses:,} of {hits + misses:,} reads missed since Redis started"
        return inconclusive(
            symptom,
            f"{said}.",
            "its counters tell of now only by their difference: ask again with incident-kit recheck",
            [told[-1].at("/data/stats/keyspace_misses")],
        )
    (hits, misses) = (counts[-1][name] - counts[-2][name] for name in ("keyspace_hits", "keyspace_misses"))
    first, last = told[-2], told[-1]
    between = f"between {first.answer.asked_at:%H:%M:%S} and {last.answer.asked_at:%H:%M:%S} UTC"
    cited: list[Citation] = [one.at("/data/stats/keyspace_misses") for one in (first, last)]
    if hits < 0 or misses < 0 or hits + misses < least:
        reason = (
            "Redis was started again in between"
            if hits < 0 or misses < 0
            else f"fewer than {least} reads, too few to judge"
        )
        return inconclusive(symptom, f"{max(0, hits + misses)} reads {between}.", reason, cited)
    statement = f"{misses:,} of {hits + misses:,} reads missed {between}."
    if misses / (hits + misses) >= share:
        return confirmed(symptom, statement, cited, first.answer.asked_at, miss_share=misses / (hits + misses))
    absence = Absence((first.item, last.item), Window(first.answer.asked_at, last.moment.until), 1, "redis.info")
    return Finding(symptom.id, symptom.title, Verdict.RULED_OUT, statement, (absence,))


def _words(
    case: Case, symptom: Symptom, share: float, least: int, hits: Sequence[str], misses: Sequence[str]
) -> Finding:
    """What the log itself says of hits and misses, where it says both."""
    if reason := cannot_speak(case):
        return not_checked(symptom, reason)
    found, missed = case.signs(hits), case.signs(misses)
    n, bad = sum(one.n for one in (*found, *missed)), sum(one.n for one in missed)
    if not n:
        return not_checked(symptom, "the logs do not speak of hits and misses")
    worst = max(
        (rows for rows in _signs_by_minute(found, missed).values() if sum(rows) >= least),
        key=lambda rows: rows[1] / sum(rows),
        default=(0, 0),
    )
    if sum(worst) and worst[1] / sum(worst) >= share and found:
        return confirmed(
            symptom,
            f"In a minute {worst[1]:,} of {sum(worst):,} reads missed.",
            of_signs(case, missed),
            missed[0].first,
            recovered_at(case, missed[-1].last),
        )
    return not_in_logs(case, symptom, f"{bad:,} of {n:,} reads missed.", n, "signs")


def rate_limit_gone(
    case: Case, symptom: Symptom, *, signs: Sequence[str], failing: Sequence[str], least: int
) -> Finding:
    """Whether nobody is limited any more: errors of the throttler, or 429s that stopped under the same load while `failing` signs show."""
    if reason := cannot_speak(case):
        return not_checked(symptom, reason)
    errors = case.signs(signs)
    if sum(one.n for one in errors) >= least:
        statement = f"The rate limiter fails: {in_words(case, errors)}."
        return confirmed(
            symptom, statement, of_signs(case, errors), errors[0].first, recovered_at(case, errors[-1].last)
        )
    limited = [one for one in case.statuses if one.status == TOO_MANY]
    n = sum(one.n for one in limited)
    if not limited:
        return inconclusive(
            symptom,
            "No request was answered with 429.",
            "either nobody asked too much, or nobody is limited: without a 429 before there is nothing to compare with",
        )
    trouble = case.signs(failing)
    since = min((one.first for one in trouble), default=None)
    before, after = (
        [one for one in case.statuses if since and (one.start >= since) is later] for later in (False, True)
    )
    limited_before, limited_after = (sum(one.n for one in part if one.status == TOO_MANY) for part in (before, after))
    due = limited_before * (_n(after) / _n(before)) if before else 0.0
    lines = _lines(case, [limited[0].start], (TOO_MANY,), ())
    if since and not limited_after and due >= least:
        statement = f"{limited_before} requests were limited before {since:%H:%M:%S} UTC, when Redis began to fail, and none after it, when {due:.0f} were due."
        return confirmed(
            symptom, statement, [figure(case, "statuses", n, lines, status=TOO_MANY), *of_signs(case, trouble)], since
        )
    if since and not limited_after:
        return inconclusive(
            symptom,
            f"{n} requests were limited, none since Redis began to fail.",
            "too few before to expect one",
            [figure(case, "statuses", n, lines, status=TOO_MANY)],
        )
    return not_in_logs(
        case, symptom, f"{n} requests were limited with 429, so it works.", _n(case.statuses), "statuses"
    )


def streams_dropping(
    case: Case, symptom: Symptom, *, feature: str, times: float, least: int, signs: Sequence[str], named: Sequence[str]
) -> Finding:
    """Whether event streams end `times` as often a minute as usual and after less than half of their usual life, or cannot be opened."""
    return named_by(case, _streams(case, symptom, feature, times, least, signs), named)


def _streams(case: Case, symptom: Symptom, feature: str, times: float, least: int, signs: Sequence[str]) -> Finding:
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    rows = case.records.query("streams_by_minute")
    errors, refused = (
        case.signs(signs),
        [one for one in case.statuses if one.bad and one.status and case.belongs(one.route, feature)],
    )
    ended = sum(row["n"] for row in rows)
    if not ended and not errors and not refused:
        return inconclusive(
            symptom,
            "No event stream ended in the window.",
            "streams leave a line only when they end: none may be open, or all of them",
        )
    usual_n, usual_s = (
        median(values) if values else 0.0
        for values in (
            [row["n"] for row in rows],
            [row["median_us"] / 1e6 for row in rows if row["median_us"] is not None],
        )
    )
    bad = [
        row
        for row in rows
        if row["n"] >= max(least, times * usual_n)
        and row["median_us"] is not None
        and row["median_us"] / 1e6 < usual_s / 2
    ]
    if bad:
        worst = max(bad, key=lambda row: row["n"])
        statement = (
            f"{worst['n']} streams ended in the minute from {worst['start']:%H:%M} UTC, half of them within {worst['median_us'] / 1e6:.0f} s; "
            f"usually {usual_n:.0f} a minute, after {usual_s:.0f} s."
        )
        lines = [Line(place["item"], place["line"]) for row in bad for place in row["places"]]
        return confirmed(
            symptom,
            statement,
            [figure(case, "streams_by_minute", ended, lines)],
            min(row["first"] for row in bad),
            recovered_at(case, max(row["last"] for row in bad)),
        )
    if _n(refused) >= least:
        minutes, statuses = (
            sorted({one.start for one in refused}),
            sorted({one.status for one in refused if one.status}),
        )
        cited = figure(
            case, "statuses", _n(refused), _lines(case, minutes, statuses, case.routes(feature)), feature=feature
        )
        statement = f"{_n(refused)} event streams could not be opened (5xx) from {refused[0].first:%H:%M:%S} UTC on."
        return confirmed(
            symptom, statement, [cited], refused[0].first, recovered_at(case, max(one.last for one in refused))
        )
    if sum(one.n for one in errors) >= least:
        return confirmed(
            symptom,
            f"{in_words(case, errors)}.",
            of_signs(case, errors),
            errors[0].first,
            recovered_at(case, errors[-1].last),
        )
    return not_in_logs(
        case,
        symptom,
        f"{ended} streams ended, half of them after {usual_s:.0f} s or more, evenly over time.",
        ended,
        "streams_by_minute",
    )


def blacklist_open(case: Case, symptom: Symptom, *, setting: str, failing: Sequence[str], least: int) -> Finding:
    """Whether revoked tokens are let in: the setting says to let in what cannot be checked, and Redis fails."""
    told = case.last("environment")
    if told is None or told.answer.status in (Status.NOT_CHECKED, Status.FAILED):
        return not_checked(symptom, f"{setting} is not known: name the BFF's environment file with --env-file")
    found = told.answer.data["settings"].get(setting, {"set": False})
    cited = told.at(f"/data/settings/{setting}")
    if not found["set"]:
        return inconclusive(
            symptom, f"{setting} is not set.", "its default is the portal's own, which is not known here", [cited]
        )
    if str(found.get("value", "")).lower() != "false":
        absence = Absence((told.item,), case.window, 1, "environment")
        return Finding(
            symptom.id,
            symptom.title,
            Verdict.RULED_OUT,
            f"{setting} is {found.get('value')}: what cannot be checked is refused.",
            (absence,),
        )
    trouble = case.signs(failing)
    down = answered(case, symptom, "redis.ping")
    statement = f"{setting} is false in {told.answer.data['file']}"
    if sum(one.n for one in trouble) >= least or down.verdict is Verdict.CONFIRMED:
        first = min([one.first for one in trouble] + ([down.first_affected] if down.first_affected else []))
        last = (
            recovered_at(case, max(one.last for one in trouble))
            if trouble and down.verdict is not Verdict.CONFIRMED
            else None
        )
        return confirmed(
            symptom,
            f"{statement}, and Redis failed: revoked tokens were let in meanwhile.",
            [cited, *of_signs(case, trouble), *down.citations],
            first,
            last,
        )
    return inconclusive(
        symptom, f"{statement}.", "it lets revoked tokens in while Redis fails, which was not seen here", [cited]
    )


def _by_minute(rows: Sequence[Answered]) -> dict[datetime, list[Answered]]:
    minutes: dict[datetime, list[Answered]] = defaultdict(list)
    for one in rows:
        minutes[one.start].append(one)
    return minutes


def _signs_by_minute(*groups: Sequence[SignCount]) -> dict[datetime, tuple[int, int]]:
    counts: dict[datetime, list[int]] = defaultdict(lambda: [0, 0])
    for place, group in enumerate(groups):
        for one in group:
            counts[one.start][place] += one.n
    return {start: (pair[0], pair[1]) for start, pair in counts.items()}


def _n(rows: Sequence[Answered]) -> int:
    return sum(one.n for one in rows)


def _share(rows: Sequence[Answered], wanted: Callable[[Answered], bool]) -> float:
    return sum(one.n for one in rows if wanted(one)) / _n(rows)


def _in_a_row(minutes: set[datetime], least: int) -> list[datetime]:
    """The minutes that stand in a row with enough others, in order."""
    runs: list[list[datetime]] = []
    for minute in sorted(minutes):
        if runs and runs[-1][-1] + MINUTE == minute:
            runs[-1].append(minute)
        else:
            runs.append([minute])
    return [minute for run in runs if len(run) >= least for minute in run]


def _lines(case: Case, minutes: Sequence[datetime], statuses: Sequence[int], routes: Sequence[str]) -> list[Line]:
    since, until = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (minutes[0], minutes[-1] + MINUTE))
    return [
        Line(row["item"], row["line"])
        for row in case.records.query(
            "requests_with", since=since, until=until, statuses=list(statuses), routes=list(routes)
        )
    ]
