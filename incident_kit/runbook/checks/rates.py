"""Checks of how many requests, how slow, and how many of them fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from incident_kit.analysis.episodes import Episode, Series, failing, is_slow, slow_stretch, slow_windows
from incident_kit.analysis.faults import fault, would_be_seen
from incident_kit.model.finding import Figure, Finding, Line, Symptom, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.systems import attributed_to
from incident_kit.runbook.checks.verdicts import (
    EXEMPLARS,
    confirmed,
    figure,
    inconclusive,
    missing,
    needs,
    not_checked,
    ruled_out_by_logs,
)
from incident_kit.runbook.coverage import Capability

MINUTE = timedelta(minutes=1)
NEVER_US = 1 << 62
# So many windows of a route are looked at closely.
CLOSELY = 3
# A spike is judged against so many minutes before it.
MINUTES_TO_COMPARE = 3
MOST_NAMED = 4
# So many requests before or after a slow time say that it was not so, or is over.
OVER_AFTER = 5


@needs(Capability.REQUESTS, Capability.DURATIONS)
def average_duration(
    case: Case,
    symptom: Symptom,
    *,
    average_ms: float,
    by_route: bool,
    ignore_routes: Sequence[str],
    rules_out: Sequence[str],
) -> Finding:
    """Whether requests took longer than `average_ms` on average, by more than chance, over two minutes to an hour.

    It must be so without the worst minute, too, and without the slowest hundredth. `rules_out` are the smallest faults
    for which it is ruled out: "4 s for 5m".
    """
    if reason := missing(case, [Capability.REQUESTS, Capability.DURATIONS]):
        return not_checked(symptom, reason)
    looked_at = _series(case, "", by_route, ignore_routes)
    judged = [_slow(case, series, average_ms) for series in looked_at]
    slow = [stretch for stretches, _ in judged for stretch in stretches]
    if slow:
        return _confirmed(case, symptom, _Limit(average_ms, ""), slow, "average_ms")
    unsure = [candidate for _, candidate in judged if candidate]
    if unsure:
        worst = max(unsure, key=lambda stretch: stretch.level)
        return inconclusive(
            symptom,
            f"{_named(worst.name)}: {worst.level / 1000:.1f} s on average from {worst.since:%H:%M:%S} to "
            f"{worst.until:%H:%M:%S} UTC ({worst.n} requests).",
            "without its worst minute or its slowest requests it is not above the limit by more than chance",
            _figures(case, _Limit(average_ms, ""), [worst]),
        )
    every = case.traffic[None]
    mean_ms = sum(step.total_us for step in every.steps) / every.timed / 1000
    statement = f"{mean_ms / 1000:.1f} s on average over {every.timed} requests, and no time above the limit."
    return _ruled_out(case, symptom, every, average_ms, rules_out, statement)


@needs(Capability.REQUESTS, Capability.STATUSES)
def error_share(
    case: Case,
    symptom: Symptom,
    *,
    share: float,
    route_share: float,
    ignore_routes: Sequence[str],
    feature: str,
    named: Sequence[str],
    rules_out: Sequence[str],
) -> Finding:
    """Whether more than `share` of the requests failed (5xx) or were aborted, by more than chance.

    Windows of two minutes to an hour are looked at, wherever they begin; without its worst minute, too, at least five
    must fail. Single routes count above `route_share` (1: they are not looked at). If a `feature` is named, only its
    requests count. If signs are `named`, it counts only together with one of them, or with a failing answer of that
    system. `rules_out` are the smallest faults for which it is ruled out: "20% for 5m".
    """
    if reason := missing(case, [Capability.REQUESTS, Capability.STATUSES]):
        return not_checked(symptom, reason)
    every = case.traffic_of(feature)
    if every is None:
        reason = f"no finished request{f' of {feature}' if feature else ''} is in the evidence for this window"
        return inconclusive(symptom, "Cannot be said.", reason)
    limit = _Limit(share, feature)
    episodes = failing(every, share)
    if route_share < 1:
        for series in _series(case, feature, True, ignore_routes)[1:]:
            episodes += failing(series, max(share, route_share))
    if episodes:
        return attributed_to(case, _confirmed(case, symptom, limit, episodes, "error_share"), named)
    statement = f"{every.bad} of {every.n} requests{f' of {feature}' if feature else ''} failed or were aborted."
    if blips := failing(every, share, without_worst=False):
        worst = max(blips, key=lambda episode: episode.bad)
        return inconclusive(
            symptom,
            f"{worst.bad} of {worst.n} requests failed or were aborted from {worst.since:%H:%M:%S} to "
            f"{worst.until:%H:%M:%S} UTC.",
            "without its worst minute it may be chance",
            _figures(case, limit, [worst]),
        )
    if feature and (refused := _refusals(case, feature)):
        return inconclusive(symptom, statement, refused)
    return _ruled_out(case, symptom, every, share, rules_out, statement)


def _refusals(case: Case, feature: str) -> str:
    """Why a feature may be gone though nothing fails: its requests are refused (4xx) as never before; or nothing."""
    for change in case.changes:
        if change.kind == "refusals" and (change.name is None or case.belongs(change.name, feature)):
            return (
                f"{change.after:.0%} of the requests {f'on {change.name}' if change.name else 'of all routes'} were "
                f"refused (4xx) from {change.since:%H:%M:%S} UTC on, before {change.before:.1%}"
            )
    return ""


def _ruled_out(
    case: Case, symptom: Symptom, series: Series, limit: float, rules_out: Sequence[str], statement: str
) -> Finding:
    """Ruled out, if the smallest fault that matters would have been seen; else there are too few requests."""
    faults = [fault(text) for text in rules_out]
    seen = would_be_seen(series, limit, faults)
    decided = ruled_out_by_logs(
        case, symptom, f"{statement} {str(seen).capitalize()} would have been seen.", series.n, "requests_by_step"
    )
    if decided.verdict is Verdict.RULED_OUT and seen is None:
        reason = f"too few requests to judge: {faults[0]} might not be seen among them"
        return inconclusive(symptom, statement, reason)
    return decided


@dataclass(frozen=True, slots=True)
class _Limit:
    """What requests are compared with: a share, or milliseconds; of one feature, if it is named."""

    value: float
    feature: str

    @property
    def of_durations(self) -> bool:
        return self.value > 1

    def wording(self, episode: Episode) -> str:
        if self.of_durations:
            return f"{episode.level / 1000:.1f} s on average"
        return f"{episode.level:.1%} failed or were aborted"


def _named(route: str | None, feature: str = "") -> str:
    return route or feature or "All requests"


def _series(case: Case, feature: str, by_route: bool, ignore_routes: Sequence[str]) -> list[Series]:
    """The series to look at: of all requests first, then by route."""
    every = case.traffic_of(feature)
    routes = [
        series
        for name, series in case.traffic.items()
        if name and name not in ignore_routes and (not feature or case.belongs(name, feature))
    ]
    return [*([every] if every else []), *(routes if by_route else [])]


def _slow(case: Case, series: Series, limit_ms: float) -> tuple[list[Episode], Episode | None]:
    """The times in which a series is slow, and else the likeliest in which it might be."""
    slow: list[Episode] = []
    unsure: Episode | None = None
    for since, until in slow_windows(series, limit_ms, CLOSELY):
        minutes = _minutes(case, series.name, since, until)
        if is_slow(minutes, limit_ms):
            begun, ended = slow_stretch(series, limit_ms, since, until)
            slow.append(_slow_episode(case, series, limit_ms, min(begun, since) if begun > until else begun, ended))
        elif unsure is None:
            unsure = _slow_episode(case, series, limit_ms, since, until)
    return _apart(slow), unsure


def _apart(episodes: Iterable[Episode]) -> list[Episode]:
    """Each stretch once: windows side by side lead to the same one."""
    kept: list[Episode] = []
    for episode in episodes:
        if all(episode.since >= other.until or episode.until <= other.since for other in kept):
            kept.append(episode)
    return kept


def _slow_episode(case: Case, series: Series, limit_ms: float, since: datetime, until: datetime) -> Episode:
    begin, end = (round((bound - series.first) / series.width) for bound in (since, until))
    inside, after = series.steps[max(0, begin) : end], series.steps[end:]
    timed, total = sum(step.timed for step in inside), sum(step.total_us for step in inside)
    timed_after, total_after = sum(step.timed for step in after), sum(step.total_us for step in after)
    well_after = timed_after >= OVER_AFTER and total_after <= limit_ms * 1000 * timed_after
    before = sum(step.timed for step in series.steps[: max(0, begin)])
    return Episode(
        series.name,
        since,
        until,
        sum(step.n for step in inside),
        timed,
        total / timed / 1000 if timed else 0.0,
        standing=before < OVER_AFTER,
        over=well_after,
        after=timed_after,
    )


def _minutes(case: Case, route: str | None, since: datetime, until: datetime) -> list[dict[str, Any]]:
    return case.records.query(
        "durations_by_minute", route=route or "", probes=case.probes, since=_naive(since), until=_naive(until)
    )


def _confirmed(case: Case, symptom: Symptom, limit: _Limit, episodes: Sequence[Episode], measure_name: str) -> Finding:
    """Confirmed: of all requests if these are among the episodes, else of the worst route; with since and until."""
    worst = max(episodes, key=lambda episode: (episode.name is None, episode.bad * episode.level, episode.name or ""))
    others = [episode for episode in episodes if episode.name != worst.name]
    also = ""
    if others and worst.name is not None:
        # One more is enough in a sentence: all routes stand in tables of their own.
        names = list(dict.fromkeys(_named(e.name) for e in sorted(others, key=lambda e: -e.bad * e.level)))
        also = f"; also {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    spans = [(episode, span) for episode in episodes if (span := _affected(case, limit, episode))]
    first, last = (
        min((span[0] for _, span in spans), default=worst.since),
        max((span[1] for _, span in spans), default=worst.until),
    )
    ending = max((episode for episode in episodes), key=lambda episode: episode.until)
    over = all(episode.over for episode in episodes if episode.until == ending.until)
    standing = worst.standing
    statement = (
        f"{_named(worst.name, limit.feature)}: {limit.wording(worst)} from {worst.since:%H:%M:%S} to "
        f"{worst.until:%H:%M:%S} UTC ({worst.n} requests){also}."
    )
    if standing:
        statement += " It was so when the evidence begins, or earlier: take an earlier --since to see since when."
    if not over and ending.after:
        counted = f"{ending.after} requests since {last:%H:%M:%S} UTC" if ending.after > 1 else "one request since"
        statement += f" It was not so in the {counted}: too soon to call it over."
    return Finding(
        symptom.id,
        symptom.title,
        Verdict.CONFIRMED,
        statement,
        _figures(case, limit, episodes),
        first_affected=first,
        recovered=last if over else None,
        measures={
            measure_name: worst.level,
            "limit": limit.value,
            "requests": worst.n,
            **({"standing": 1.0} if standing else {}),
        },
    )


def _affected(case: Case, limit: _Limit, episode: Episode) -> tuple[datetime, datetime] | None:
    """When the first affected request of an episode started and the last one ended."""
    rows = _bad_requests(case, limit, episode)
    return (min(row["started"] for row in rows), max(row["ts"] for row in rows)) if rows else None


def _figures(case: Case, limit: _Limit, episodes: Sequence[Episode]) -> tuple[Figure, ...]:
    figures = []
    for episode in sorted(episodes, key=lambda episode: (episode.since, episode.name or ""))[: MOST_NAMED + 1]:
        exemplars = tuple(Line(row["item"], row["line"]) for row in _bad_requests(case, limit, episode)[:EXEMPLARS])
        parameters = {"since": episode.since.isoformat(), "until": episode.until.isoformat(), "route": episode.name}
        figures.append(Figure(case.items, "requests_by_step", episode.n, exemplars, parameters))
    return tuple(figures)


def _bad_requests(case: Case, limit: _Limit, episode: Episode) -> list[dict[str, Any]]:
    limit_us = round(limit.value * 1000) if limit.of_durations else NEVER_US
    feature = limit.feature
    routes = [episode.name] if episode.name else list(case.routes(feature)) if feature else list(case.asked_routes)
    return case.records.query(
        "bad_requests",
        since=_naive(episode.since),
        until=_naive(episode.until),
        routes=routes,
        faults=not limit.of_durations,
        limit_us=limit_us,
    )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


@needs(Capability.REQUESTS)
def traffic_spike(case: Case, symptom: Symptom, *, factor: float, least: int) -> Finding:
    """Whether a minute has `factor` times the requests of the minutes before it, and `least` or more."""
    if reason := missing(case, [Capability.REQUESTS]):
        return not_checked(symptom, reason)
    every = case.traffic.get(None)
    minutes = _whole_minutes(every) if every else []
    if every is None or len(minutes) <= MINUTES_TO_COMPARE:
        return inconclusive(
            symptom, "Cannot be said.", "fewer than four whole minutes lie in the window: take an earlier --since"
        )
    judged = [
        (n / max(1.0, median(minutes[:place])), place, n)
        for place, n in enumerate(minutes)
        if place >= MINUTES_TO_COMPARE
    ]
    times, place, most = max(judged, key=lambda row: (row[0], row[2]))
    begun = every.first + place * MINUTE
    statement = (
        f"{most:,} requests in the minute from {begun:%H:%M:%S} UTC, {times:.1f} times as many as was usual before."
    )
    if times < factor or most < least:
        return ruled_out_by_logs(
            case, symptom, f"At most {statement[0].lower()}{statement[1:]}", sum(minutes), "requests_by_step"
        )
    first = next(place for share, place, n in judged if share >= factor and n >= least)
    cited = figure(case, "requests_by_step", most, (), since=begun.isoformat(), route=None)
    return confirmed(symptom, statement, [cited], every.first + first * MINUTE, times_as_many=times)


def _whole_minutes(series: Series) -> list[int]:
    """Requests in each whole minute from the first request on."""
    minute = series.per_minute
    counts = [step.n for step in series.steps]
    return [sum(counts[place : place + minute]) for place in range(0, len(counts) - minute + 1, minute)]
