"""Checks of how many requests, how slow, and how many of them fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from incident_kit.analysis.thresholds import BucketValue, Exceedance, exceedances, stretch_above
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.model.finding import Figure, Finding, Line, Symptom, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.systems import attributed_to
from incident_kit.runbook.checks.verdicts import (
    EXEMPLARS,
    confirmed,
    figure,
    inconclusive,
    not_checked,
    ruled_out_by_logs,
)

FINE = timedelta(minutes=1)
NEVER_US = 1 << 62
BUCKETS_TO_COMPARE = 4
# So many requests of which so nearly all failed are no chance that a neighbouring bucket would have to rule out.
CERTAIN_REQUESTS, CERTAIN_SHARE = 100, 0.95


def average_duration(
    case: Case,
    symptom: Symptom,
    *,
    average_ms: float,
    bucket: timedelta,
    min_requests: int,
    in_a_row: int,
    by_route: bool,
    ignore_routes: Sequence[str],
) -> Finding:
    """Whether requests took longer than `average_ms` on average in enough neighbouring buckets."""
    threshold = _Threshold(
        lambda requests: requests.average_ms,
        average_ms,
        bucket,
        min_requests,
        in_a_row,
        by_route,
        frozenset(ignore_routes),
        faults=False,
    )
    return _decide(
        case, symptom, threshold, lambda requests: f"{requests.average_ms / 1000:.1f} s on average", "average_ms"
    )


def error_share(
    case: Case,
    symptom: Symptom,
    *,
    share: float,
    bucket: timedelta,
    min_requests: int,
    in_a_row: int,
    by_route: bool,
    ignore_routes: Sequence[str],
    feature: str,
    named: Sequence[str],
) -> Finding:
    """Whether more than `share` of the requests failed (5xx) or were aborted in enough neighbouring buckets.

    If a `feature` is named, only its requests count.
    If signs are `named`, it counts only together with one of them, or with a failing answer of that system.
    """
    threshold = _Threshold(
        lambda requests: requests.bad_share,
        share,
        bucket,
        min_requests,
        in_a_row,
        by_route,
        frozenset(ignore_routes),
        faults=True,
        feature=feature,
    )
    return attributed_to(
        case,
        _decide(
            case, symptom, threshold, lambda requests: f"{requests.bad_share:.1%} failed or aborted", "error_share"
        ),
        named,
    )


def traffic_spike(case: Case, symptom: Symptom, *, factor: float, bucket: timedelta, least: int) -> Finding:
    """Whether a bucket has `factor` times the requests of the buckets before it."""
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    # The first and the last bucket may be cut by the window.
    whole = [
        requests
        for requests in case.buckets(bucket)
        if requests.name is None
        and requests.start >= case.window.since
        and requests.start + bucket <= case.window.until
    ]
    if len(whole) < BUCKETS_TO_COMPARE:
        return inconclusive(
            symptom,
            "Cannot be said.",
            f"fewer than {BUCKETS_TO_COMPARE} whole buckets of {_span(bucket)} lie in the window: "
            "take an earlier --since",
        )
    judged = [
        (requests.n / max(1.0, median(earlier.n for earlier in whole[:place])), requests)
        for place, requests in enumerate(whole)
        if place >= BUCKETS_TO_COMPARE - 1
    ]
    times, most = max(judged, key=lambda pair: (pair[0], pair[1].n))
    statement = (
        f"{most.n:,} requests in {_span(bucket)} from {most.start:%H:%M} UTC, "
        f"{times:.1f} times as many as was usual before."
    )
    if times < factor or most.n < least:
        return ruled_out_by_logs(
            case,
            symptom,
            f"At most {statement[0].lower()}{statement[1:]}",
            sum(requests.n for requests in whole),
            "requests_by_bucket",
        )
    first = next(requests for share, requests in judged if share >= factor and requests.n >= least)
    cited = figure(case, "requests_by_bucket", most.n, (), bucket_us=bucket // timedelta(microseconds=1), route=None)
    return confirmed(symptom, statement, [cited], first.start, times_as_many=times)


@dataclass(frozen=True, slots=True)
class _Threshold:
    """A threshold over buckets of requests, of one feature if it is named.

    `faults` says whether it counts failed requests or slow ones.
    """

    measure: BucketValue
    limit: float
    bucket: timedelta
    min_requests: int
    in_a_row: int
    by_route: bool
    ignore_routes: frozenset[str]
    faults: bool
    feature: str = ""

    def certain(self, stretch: Exceedance) -> bool:
        """Whether one bucket of a stretch needs no second: nearly all of many requests failed in it."""
        return self.faults and any(
            bucket.n >= CERTAIN_REQUESTS and bucket.bad_share >= CERTAIN_SHARE for bucket in stretch.buckets
        )

    def named(self, route: str | None) -> str:
        """What a bucket is of, in words."""
        return route or self.feature or "all requests"


def _decide(
    case: Case, symptom: Symptom, threshold: _Threshold, wording: Callable[[Bucket], str], measure_name: str
) -> Finding:
    if not case.items:
        return not_checked(symptom, "no log is in the evidence")
    buckets = _buckets(case, threshold, threshold.bucket)
    examined = sum(bucket.n for bucket in buckets if bucket.name is None)
    if not examined:
        reason = (
            f"no finished request{f' of {threshold.feature}' if threshold.feature else ''} is in the evidence for "
            "this window"
        )
        return inconclusive(symptom, "Cannot be said.", reason)
    looked_at = [
        bucket
        for bucket in buckets
        if bucket.name is None or (threshold.by_route and bucket.name not in threshold.ignore_routes)
    ]
    stretches = [
        stretch
        for group in by_name(looked_at).values()
        for stretch in exceedances(group, threshold.measure, threshold.limit, threshold.min_requests, threshold.bucket)
    ]
    long_enough = [
        stretch for stretch in stretches if len(stretch.buckets) >= threshold.in_a_row or threshold.certain(stretch)
    ]
    if long_enough:
        return _confirmed(case, symptom, threshold, long_enough, wording, measure_name)
    if stretches:
        worst = max(stretches, key=lambda stretch: threshold.measure(stretch.worst))
        reason = (
            f"{threshold.named(worst.name)}: above the limit in {len(worst.buckets)} bucket(s) of "
            f"{_span(threshold.bucket)}, "
            f"and the runbook asks for {threshold.in_a_row} in a row"
        )
        return inconclusive(symptom, f"{wording(worst.worst)} at worst.", reason, _figures(case, threshold, [worst]))
    if max((bucket.n for bucket in buckets if bucket.name is None), default=0) < threshold.min_requests:
        reason = f"no bucket of {_span(threshold.bucket)} holds {threshold.min_requests} requests: too few to judge"
        return inconclusive(symptom, f"{examined} requests in the window.", reason)
    overall = max(
        (bucket for bucket in buckets if bucket.name is None and bucket.n >= threshold.min_requests),
        key=threshold.measure,
    )
    return ruled_out_by_logs(
        case, symptom, f"At worst {wording(overall)}, over {overall.n} requests.", examined, "requests_by_bucket"
    )


def _confirmed(
    case: Case,
    symptom: Symptom,
    threshold: _Threshold,
    stretches: Sequence[Exceedance],
    wording: Callable[[Bucket], str],
    measure_name: str,
) -> Finding:
    worst = max(stretches, key=lambda stretch: threshold.measure(stretch.worst))
    names = sorted({threshold.named(stretch.name) for stretch in stretches})
    others = (
        f"; also {', '.join(name for name in names if name != threshold.named(worst.name))}" if len(names) > 1 else ""
    )
    named = threshold.named(worst.name)
    statement = (
        f"{named[0].upper()}{named[1:]}: {wording(worst.worst)} in the worst {_span(threshold.bucket)} "
        f"(from {worst.worst.start:%H:%M} UTC, {worst.worst.n} requests){others}."
    )
    spans = [span for stretch in stretches if (span := _affected(case, threshold, stretch))]
    ends = [end for _, end in spans]
    # Recovered only if requests were seen being well afterwards.
    _, last = _requests_between(case)
    recovered = max(ends) if ends and last is not None and last - max(ends) >= FINE else None
    return Finding(
        symptom.id,
        symptom.title,
        Verdict.CONFIRMED,
        statement,
        _figures(case, threshold, stretches),
        first_affected=min((start for start, _ in spans), default=None),
        recovered=recovered,
        measures={measure_name: threshold.measure(worst.worst), "limit": threshold.limit, "requests": worst.worst.n},
    )


def _affected(case: Case, threshold: _Threshold, stretch: Exceedance) -> tuple[datetime, datetime] | None:
    """When the first affected request started and the last one ended, by the limit, minute by minute."""
    fine = [bucket for bucket in _buckets(case, threshold, FINE) if bucket.name == stretch.name]
    span = stretch_above(fine, threshold.measure, threshold.limit, stretch)
    rows = _bad_requests(case, threshold, stretch.name, span or (stretch.start, stretch.end))
    return (min(row["started"] for row in rows), max(row["ts"] for row in rows)) if rows else None


def _figures(case: Case, threshold: _Threshold, stretches: Sequence[Exceedance]) -> tuple[Figure, ...]:
    figures = []
    for stretch in sorted(stretches, key=lambda stretch: (stretch.start, stretch.name or "")):
        rows = _bad_requests(case, threshold, stretch.name, (stretch.start, stretch.end))
        exemplars = tuple(Line(row["item"], row["line"]) for row in rows[:EXEMPLARS])
        parameters = {"bucket_us": threshold.bucket // timedelta(microseconds=1), "route": stretch.name}
        figures.append(
            Figure(case.items, "requests_by_bucket", sum(bucket.n for bucket in stretch.buckets), exemplars, parameters)
        )
    return tuple(figures)


def _buckets(case: Case, threshold: _Threshold, width: timedelta) -> list[Bucket]:
    """The buckets over all and by route; of a feature, its routes' alone, with their sums as the whole."""
    if not threshold.feature:
        return case.buckets(width)
    routes = [
        bucket
        for bucket in case.buckets(width)
        if bucket.name is not None and case.belongs(bucket.name, threshold.feature)
    ]
    sums: dict[datetime, Bucket] = {}
    for route_bucket in routes:
        so_far = sums.get(
            route_bucket.start,
            replace(
                route_bucket,
                name=None,
                n=0,
                failed=0,
                aborted=0,
                refused=0,
                total_us=0,
                timed=0,
                p50_us=None,
                p95_us=None,
                p99_us=None,
            ),
        )
        counts = ("n", "failed", "aborted", "refused", "total_us", "timed")
        sums[route_bucket.start] = replace(
            so_far, **{name: getattr(so_far, name) + getattr(route_bucket, name) for name in counts}
        )
    return sorted([*sums.values(), *routes], key=lambda bucket: (bucket.start, bucket.name or ""))


def _bad_requests(
    case: Case, threshold: _Threshold, route: str | None, span: tuple[datetime, datetime]
) -> list[dict[str, Any]]:
    since, until = (moment.astimezone(UTC).replace(tzinfo=None) for moment in span)
    limit_us = NEVER_US if threshold.faults else round(threshold.limit * 1000)
    routes = [route] if route else list(case.routes(threshold.feature)) if threshold.feature else []
    return case.records.query(
        "bad_requests", since=since, until=until, routes=routes, faults=threshold.faults, limit_us=limit_us
    )


def _requests_between(case: Case) -> tuple[datetime | None, datetime | None]:
    row = case.records.query("matching_requests")[0]
    return row["first"], row["last"]


def _span(width: timedelta) -> str:
    seconds = int(width.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
