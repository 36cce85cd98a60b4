"""Checks of what customers notice when Redis fails.

These are sign-in, the cache, rate limits, event streams and the token blacklist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from incident_kit.analysis.changes import usual_share
from incident_kit.analysis.episodes import Series, failing
from incident_kit.analysis.faults import fault, would_be_seen
from incident_kit.logs.signs import SignCount
from incident_kit.model.answer import Status
from incident_kit.model.finding import Absence, Citation, Finding, Line, Symptom, Verdict
from incident_kit.model.times import Window, parse_iso
from incident_kit.runbook.case import Case, StatusCount
from incident_kit.runbook.checks.systems import answered, attributed_to, bursts_of
from incident_kit.runbook.checks.verdicts import (
    EXEMPLARS,
    combined,
    confirmed,
    figure,
    inconclusive,
    missing,
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

MINUTE = timedelta(minutes=1)
TOO_MANY = 429
REFUSED = (401, 403)
FAILED = tuple(range(500, 600))


@needs(Capability.REQUESTS, Capability.STATUSES)
def authentication_failing(
    case: Case, symptom: Symptom, *, feature: str, share: float, named: Sequence[str], rules_out: Sequence[str]
) -> Finding:
    """Whether more than `share` of requests are refused (401 or 403) beyond what is usual, or of sign-ins fail (5xx).

    By more than chance, also without the worst minute, wherever it begins. `rules_out` are the smallest faults for
    which it is ruled out.
    """
    if reason := missing(case, [Capability.REQUESTS, Capability.STATUSES]):
        return not_checked(symptom, reason)
    refused, sign_ins = case.refusals(REFUSED).get(None), case.traffic_of(feature)
    if refused is None:
        return inconclusive(symptom, "Cannot be said.", "no finished request is in the evidence for this window")
    usual = usual_share(refused)
    looked_at: list[tuple[Series, float, str, tuple[int, ...], tuple[str, ...]]] = [
        (refused, usual + share, "requests are refused with 401 or 403", REFUSED, ())
    ]
    if sign_ins is not None:
        looked_at.append((sign_ins, share, "sign-ins fail", FAILED, case.routes(feature)))
    findings = []
    for series, limit, event, statuses, routes in looked_at:
        episodes = failing(series, limit)
        if episodes:
            worst = max(episodes, key=lambda episode: episode.level)
            first, last = episodes[0].since, max(episode.until for episode in episodes)
            usually = f" (usually {usual:.0%})" if statuses == REFUSED else ""
            findings.append(
                confirmed(
                    symptom,
                    f"Up to {worst.level:.0%} of {event}{usually}, from {first:%H:%M:%S} to {last:%H:%M:%S} UTC.",
                    [
                        figure(
                            case,
                            "requests_by_step",
                            sum(episode.n for episode in episodes),
                            _lines(case, first, last, statuses, routes),
                            routes=list(routes),
                        )
                    ],
                    first,
                    last if episodes[-1].over else None,
                    worst_share=worst.level,
                )
            )
    if findings:
        return attributed_to(case, combined(case, symptom, findings), named)
    for change in case.changes:
        if change.kind == "refusals" and change.name is None:
            return inconclusive(
                symptom,
                f"{change.after:.0%} of all requests were refused (4xx) from {change.since:%H:%M:%S} UTC on, before "
                f"{change.before:.1%}.",
                "they are not all 401 or 403: see which they are",
                [figure(case, "refusals_by_step", change.n, ())],
            )
    seen = would_be_seen(refused, usual + share, [fault(text) for text in rules_out])
    if seen is None:
        return inconclusive(
            symptom, f"{refused.n} requests in the window.", f"too few requests to judge: {rules_out[0]} might not show"
        )
    return ruled_out_by_logs(
        case,
        symptom,
        f"{refused.bad} of {refused.n} requests were refused with 401 or 403 (usually {usual:.0%}), at no time "
        f"{share:.0%} more than usual, and sign-ins did not fail. {str(seen).capitalize()} would have been seen.",
        refused.n,
        "refusals_by_step",
    )


def slow_commands(case: Case, symptom: Symptom, *, longer_ms: float, least: int, busy: float) -> Finding:
    """Whether commands that take `longer_ms` hold Redis up, by its slow log: it does nothing else meanwhile.

    `least` of them in the window, and together `busy` as a part of the time from the first to the last.
    """
    stored = case.last("redis.slowlog")
    if stored is None or stored.answer.status in (Status.NOT_CHECKED, Status.FAILED):
        return not_checked(symptom, f"Redis's slow log was not read{f': {stored.answer.reason}' if stored else ''}")
    entries = [
        (place, parse_iso(entry["at"]), entry["duration_ms"], entry["command"])
        for place, entry in enumerate(stored.answer.data.get("entries", []))
        if entry["duration_ms"] >= longer_ms and parse_iso(entry["at"]) >= case.window.since
    ]
    if not entries:
        return ruled_out_by_answer(
            symptom, stored, f"Its slow log held no command of the window that took {longer_ms:g} ms"
        )
    first, last = (pick(at for _, at, _, _ in entries) for pick in (min, max))
    together = sum(took for _, _, took, _ in entries) / 1000
    worst = max(entries, key=lambda entry: entry[2])
    statement = (
        f"{len(entries)} slow commands from {first:%H:%M:%S} to {last:%H:%M:%S} UTC took {together:.0f} s together, "
        f"the longest {worst[2] / 1000:.1f} s ({worst[3]}): Redis answers nobody else meanwhile."
    )
    cited = [stored.at(f"/data/entries/{place}") for place, _, _, _ in entries[:EXEMPLARS]]
    lasted = (last - first).total_seconds() + entries[0][2] / 1000
    if len(entries) < least or together < busy * lasted:
        return inconclusive(symptom, statement, "so few may be chance", cited)
    return confirmed(symptom, statement, cited, first, slow_commands=len(entries), together_s=together)


def cache_misses(
    case: Case,
    symptom: Symptom,
    *,
    share: float,
    least: int,
    signs: Sequence[str],
    hits: Sequence[str],
    misses: Sequence[str],
    within: timedelta,
) -> Finding:
    """Whether nearly every read misses the cache.

    Redis's own counters between two answers say so, or the log, or that Redis fails.
    """
    findings = [_counters(case, symptom, share, least), _words(case, symptom, share, least, hits, misses)]
    down = answered(case, symptom, "redis.ping")
    if down.verdict is Verdict.CONFIRMED:
        findings.append(
            confirmed(symptom, f"Nothing can be read: {down.statement}", down.citations, down.first_affected)
        )
    counts = case.signs(signs)
    if counts and bursts_of(case, counts, round(least / (within / MINUTE)), MINUTE, ordinary=0.0)[0]:
        findings.append(
            confirmed(
                symptom,
                f"Reads failed, so nothing came from the cache: {sign_summary(case, counts)}.",
                sign_figures(case, counts),
                counts[0].first,
                recovered_at(case, max(count.last for count in counts)),
            )
        )
    return combined(case, symptom, findings)


def _counters(case: Case, symptom: Symptom, share: float, least: int) -> Finding:
    answers = [
        stored for stored in case.answers_to("redis.info") if stored.answer.status in (Status.OK, Status.PARTIAL)
    ]
    counts = [stored.answer.data.get("stats", {}) for stored in answers]
    if not answers or "keyspace_misses" not in counts[-1]:
        return not_checked(symptom, "Redis was not asked for its counters")
    if len(answers) < 2:
        hits, misses = counts[-1]["keyspace_hits"], counts[-1]["keyspace_misses"]
        missed_so_far = f"{misses:,} of {hits + misses:,} reads missed since Redis started"
        return inconclusive(
            symptom,
            f"{missed_so_far}.",
            "its counters tell of now only by their difference: ask again with incident-kit recheck",
            [answers[-1].at("/data/stats/keyspace_misses")],
        )
    (hits, misses) = (counts[-1][name] - counts[-2][name] for name in ("keyspace_hits", "keyspace_misses"))
    first, last = answers[-2], answers[-1]
    between = f"between {first.answer.asked_at:%H:%M:%S} and {last.answer.asked_at:%H:%M:%S} UTC"
    cited: list[Citation] = [stored.at("/data/stats/keyspace_misses") for stored in (first, last)]
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
    if reason := why_logs_cannot_tell(case):
        return not_checked(symptom, reason)
    hit_counts, miss_counts = case.signs(hits), case.signs(misses)
    n, bad = sum(count.n for count in (*hit_counts, *miss_counts)), sum(count.n for count in miss_counts)
    if not n:
        return not_checked(symptom, "the logs do not speak of hits and misses")
    worst = max(
        (rows for rows in _signs_by_minute(hit_counts, miss_counts).values() if sum(rows) >= least),
        key=lambda rows: rows[1] / sum(rows),
        default=(0, 0),
    )
    if sum(worst) and worst[1] / sum(worst) >= share and hit_counts:
        return confirmed(
            symptom,
            f"In a minute {worst[1]:,} of {sum(worst):,} reads missed.",
            sign_figures(case, miss_counts),
            miss_counts[0].first,
            recovered_at(case, miss_counts[-1].last),
        )
    return ruled_out_by_logs(case, symptom, f"{bad:,} of {n:,} reads missed.", n, "signs_by_second")


def rate_limit_gone(
    case: Case, symptom: Symptom, *, signs: Sequence[str], failing: Sequence[str], least: int
) -> Finding:
    """Whether nobody is limited any more.

    Errors of the throttler say so, or 429s that stopped under the same load while `failing` signs show.
    """
    if reason := why_logs_cannot_tell(case):
        return not_checked(symptom, reason)
    errors = case.signs(signs)
    if sum(row.n for row in errors) >= least:
        statement = f"The rate limiter fails: {sign_summary(case, errors)}."
        return confirmed(
            symptom, statement, sign_figures(case, errors), errors[0].first, recovered_at(case, errors[-1].last)
        )
    limited = [row for row in case.statuses if row.status == TOO_MANY]
    n = sum(row.n for row in limited)
    if not limited:
        return inconclusive(
            symptom,
            "No request was answered with 429.",
            "either nobody asked too much, or nobody is limited: without a 429 before there is nothing to compare with",
        )
    trouble = case.signs(failing)
    since = min((row.first for row in trouble), default=None)
    rows_before, rows_after = (
        [row for row in case.statuses if since and (row.start >= since) is later] for later in (False, True)
    )
    limited_before, limited_after = (
        sum(row.n for row in rows if row.status == TOO_MANY) for rows in (rows_before, rows_after)
    )
    due = limited_before * (_n(rows_after) / _n(rows_before)) if rows_before else 0.0
    lines = _lines(case, limited[0].start, limited[0].start + MINUTE, (TOO_MANY,), ())
    if since and not limited_after and due >= least:
        statement = (
            f"{limited_before} requests were limited before {since:%H:%M:%S} UTC, when Redis began to fail, "
            f"and none after it, when {due:.0f} were due."
        )
        return confirmed(
            symptom,
            statement,
            [figure(case, "statuses", n, lines, status=TOO_MANY), *sign_figures(case, trouble)],
            since,
        )
    if since and not limited_after:
        return inconclusive(
            symptom,
            f"{n} requests were limited, none since Redis began to fail.",
            "too few before to expect one",
            [figure(case, "statuses", n, lines, status=TOO_MANY)],
        )
    return ruled_out_by_logs(
        case, symptom, f"{n} requests were limited with 429, so it works.", _n(case.statuses), "statuses"
    )


def streams_dropping(
    case: Case, symptom: Symptom, *, feature: str, times: float, least: int, signs: Sequence[str], named: Sequence[str]
) -> Finding:
    """Whether event streams cannot be opened, or end too often and too soon.

    That is `times` as often a minute as usual, after less than half of their usual life.
    """
    return attributed_to(case, _streams(case, symptom, feature, times, least, signs), named)


def _streams(case: Case, symptom: Symptom, feature: str, times: float, least: int, signs: Sequence[str]) -> Finding:
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    rows = case.records.query("streams_by_minute")
    errors, refused = (
        case.signs(signs),
        [row for row in case.statuses if row.bad and row.status and case.belongs(row.route, feature)],
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
            f"{worst['n']} streams ended in the minute from {worst['start']:%H:%M} UTC, "
            f"half of them within {worst['median_us'] / 1e6:.0f} s; "
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
            sorted({row.start for row in refused}),
            sorted({row.status for row in refused if row.status}),
        )
        cited = figure(
            case,
            "statuses",
            _n(refused),
            _lines(case, minutes[0], minutes[-1] + MINUTE, statuses, case.routes(feature)),
            feature=feature,
        )
        statement = f"{_n(refused)} event streams could not be opened (5xx) from {refused[0].first:%H:%M:%S} UTC on."
        return confirmed(
            symptom, statement, [cited], refused[0].first, recovered_at(case, max(row.last for row in refused))
        )
    if sum(row.n for row in errors) >= least:
        return confirmed(
            symptom,
            f"{sign_summary(case, errors)}.",
            sign_figures(case, errors),
            errors[0].first,
            recovered_at(case, errors[-1].last),
        )
    return ruled_out_by_logs(
        case,
        symptom,
        f"{ended} streams ended, half of them after {usual_s:.0f} s or more, evenly over time.",
        ended,
        "streams_by_minute",
    )


def blacklist_open(case: Case, symptom: Symptom, *, setting: str, failing: Sequence[str], least: int) -> Finding:
    """Whether revoked tokens are let in: the setting says to let in what cannot be checked, and Redis fails."""
    stored = case.last("environment")
    if stored is None or stored.answer.status in (Status.NOT_CHECKED, Status.FAILED):
        return not_checked(symptom, f"{setting} is not known: name the BFF's environment file with --env-file")
    entry = stored.answer.data["settings"].get(setting, {"set": False})
    cited = stored.at(f"/data/settings/{setting}")
    if not entry["set"]:
        return inconclusive(
            symptom, f"{setting} is not set.", "its default is the portal's own, which is not known here", [cited]
        )
    if str(entry.get("value", "")).lower() != "false":
        absence = Absence((stored.item,), case.window, 1, "environment")
        return Finding(
            symptom.id,
            symptom.title,
            Verdict.RULED_OUT,
            f"{setting} is {entry.get('value')}: what cannot be checked is refused.",
            (absence,),
        )
    trouble = case.signs(failing)
    down = answered(case, symptom, "redis.ping")
    statement = f"{setting} is false in {stored.answer.data['file']}"
    if sum(count.n for count in trouble) >= least or down.verdict is Verdict.CONFIRMED:
        first = min([count.first for count in trouble] + ([down.first_affected] if down.first_affected else []))
        last = (
            recovered_at(case, max(count.last for count in trouble))
            if trouble and down.verdict is not Verdict.CONFIRMED
            else None
        )
        return confirmed(
            symptom,
            f"{statement}, and Redis failed: revoked tokens were let in meanwhile.",
            [cited, *sign_figures(case, trouble), *down.citations],
            first,
            last,
        )
    return inconclusive(
        symptom, f"{statement}.", "it lets revoked tokens in while Redis fails, which was not seen here", [cited]
    )


def _signs_by_minute(*groups: Sequence[SignCount]) -> dict[int, tuple[int, int]]:
    """How often each group's signs are shown, by minute from the first of them on."""
    first = min(count.first for group in groups for count in group)
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for place, group in enumerate(groups):
        for count in group:
            counts[(count.first - first) // MINUTE][place] += count.n
    return {minute: (pair[0], pair[1]) for minute, pair in counts.items()}


def _n(rows: Sequence[StatusCount]) -> int:
    return sum(row.n for row in rows)


def _lines(case: Case, since: datetime, until: datetime, statuses: Sequence[int], routes: Sequence[str]) -> list[Line]:
    since, until = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (since, until))
    return [
        Line(row["item"], row["line"])
        for row in case.records.query(
            "requests_with", since=since, until=until, statuses=list(statuses), routes=list(routes)
        )
    ]
