"""Checks of how many requests, how slow, and how many of them fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from incident_kit.analysis.thresholds import Exceedance, Measure, exceedances, stretch_above
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.model.finding import Figure, Finding, Line, Symptom, Verdict
from incident_kit.runbook.checks.parts import EXEMPLARS, confirmed, figure, inconclusive, not_checked, not_in_logs
from incident_kit.runbook.checks.systems import named_by
from incident_kit.runbook.ground import Ground

FINE = timedelta(minutes=1)
NEVER_US = 1 << 62
BUCKETS_TO_COMPARE = 4
# So many requests of which so nearly all failed are no chance that a neighbouring bucket would have to rule out.
CERTAIN_REQUESTS, CERTAIN_SHARE = 100, 0.95


def average_duration(
    ground: Ground, symptom: Symptom, *, average_ms: float, bucket: timedelta, min_requests: int, in_a_row: int, by_route: bool, ignore_routes: Sequence[str]
) -> Finding:  # fmt: skip
    """Whether requests took longer than `average_ms` on average in enough neighbouring buckets."""
    rule = _Rule(lambda found: found.average_ms, average_ms, bucket, min_requests, in_a_row, by_route, frozenset(ignore_routes), faults=False)
    return _decide(ground, symptom, rule, lambda found: f"{found.average_ms / 1000:.1f} s on average", "average_ms")


def error_share(
    ground: Ground, symptom: Symptom, *, share: float, bucket: timedelta, min_requests: int, in_a_row: int, by_route: bool, ignore_routes: Sequence[str], feature: str, named: Sequence[str]
) -> Finding:  # fmt: skip
    """Whether more than `share` of the requests (of one feature, if it is named) failed (5xx) or were aborted in enough neighbouring buckets.

    Where signs are `named`, only together with one of them, or a failing answer of that system.
    """
    rule = _Rule(lambda found: found.bad_share, share, bucket, min_requests, in_a_row, by_route, frozenset(ignore_routes), faults=True, feature=feature)
    return named_by(ground, _decide(ground, symptom, rule, lambda found: f"{found.bad_share:.1%} failed or aborted", "error_share"), named)


def traffic_spike(ground: Ground, symptom: Symptom, *, factor: float, bucket: timedelta, least: int) -> Finding:
    """Whether a bucket has `factor` times the requests of the buckets before it."""
    if not ground.items:
        return not_checked(symptom, "no log is in the evidence")
    # The first and the last bucket may be cut by the window.
    whole = [one for one in ground.buckets(bucket) if one.name is None and one.start >= ground.window.since and one.start + bucket <= ground.window.until]
    if len(whole) < BUCKETS_TO_COMPARE:
        return inconclusive(
            symptom, "Cannot be said.", f"fewer than {BUCKETS_TO_COMPARE} whole buckets of {_span(bucket)} lie in the window: take an earlier --since"
        )
    judged = [(one.n / max(1.0, median(before.n for before in whole[:place])), one) for place, one in enumerate(whole) if place >= BUCKETS_TO_COMPARE - 1]
    times, most = max(judged, key=lambda pair: (pair[0], pair[1].n))
    statement = f"{most.n:,} requests in {_span(bucket)} from {most.start:%H:%M} UTC, {times:.1f} times as many as was usual before."
    if times < factor or most.n < least:
        return not_in_logs(ground, symptom, f"At most {statement[0].lower()}{statement[1:]}", sum(one.n for one in whole), "requests_by_bucket")
    first = next(one for share, one in judged if share >= factor and one.n >= least)
    cited = figure(ground, "requests_by_bucket", most.n, (), bucket_us=bucket // timedelta(microseconds=1), route=None)
    return confirmed(symptom, statement, [cited], first.start, times_as_many=times)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A threshold over buckets of requests (of one feature, if it is named). `faults`: whether a failed request is what it counts, or a slow one."""

    measure: Measure
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
        return self.faults and any(one.n >= CERTAIN_REQUESTS and one.bad_share >= CERTAIN_SHARE for one in stretch.buckets)

    def named(self, route: str | None) -> str:
        """What a bucket is of, in words."""
        return route or self.feature or "all requests"


def _decide(ground: Ground, symptom: Symptom, rule: _Rule, wording: Callable[[Bucket], str], measure_name: str) -> Finding:
    if not ground.items:
        return not_checked(symptom, "no log is in the evidence")
    buckets = _buckets(ground, rule, rule.bucket)
    examined = sum(bucket.n for bucket in buckets if bucket.name is None)
    if not examined:
        reason = f"no finished request{f' of {rule.feature}' if rule.feature else ''} is in the evidence for this window"
        return inconclusive(symptom, "Cannot be said.", reason)
    looked_at = [bucket for bucket in buckets if bucket.name is None or (rule.by_route and bucket.name not in rule.ignore_routes)]
    stretches = [stretch for group in by_name(looked_at).values() for stretch in exceedances(group, rule.measure, rule.limit, rule.min_requests, rule.bucket)]
    long_enough = [stretch for stretch in stretches if len(stretch.buckets) >= rule.in_a_row or rule.certain(stretch)]
    if long_enough:
        return _confirmed(ground, symptom, rule, long_enough, wording, measure_name)
    if stretches:
        worst = max(stretches, key=lambda stretch: rule.measure(stretch.worst))
        reason = (
            f"{rule.named(worst.name)}: above the limit in {len(worst.buckets)} bucket(s) of {_span(rule.bucket)}, "
            f"and the runbook asks for {rule.in_a_row} in a row"
        )
        return inconclusive(symptom, f"{wording(worst.worst)} at worst.", reason, _figures(ground, rule, [worst]))
    if max((bucket.n for bucket in buckets if bucket.name is None), default=0) < rule.min_requests:
        reason = f"no bucket of {_span(rule.bucket)} holds {rule.min_requests} requests: too few to judge"
        return inconclusive(symptom, f"{examined} requests in the window.", reason)
    overall = max((bucket for bucket in buckets if bucket.name is None and bucket.n >= rule.min_requests), key=rule.measure)
    return not_in_logs(ground, symptom, f"At worst {wording(overall)}, over {overall.n} requests.", examined, "requests_by_bucket")


def _confirmed(ground: Ground, symptom: Symptom, rule: _Rule, stretches: Sequence[Exceedance], wording: Callable[[Bucket], str], measure_name: str) -> Finding:  # fmt: skip
    worst = max(stretches, key=lambda stretch: rule.measure(stretch.worst))
    names = sorted({rule.named(stretch.name) for stretch in stretches})
    others = f"; also {', '.join(name for name in names if name != rule.named(worst.name))}" if len(names) > 1 else ""
    named = rule.named(worst.name)
    statement = (
        f"{named[0].upper()}{named[1:]}: {wording(worst.worst)} in the worst {_span(rule.bucket)} "
        f"(from {worst.worst.start:%H:%M} UTC, {worst.worst.n} requests){others}."
    )
    spans = [span for stretch in stretches if (span := _affected(ground, rule, stretch))]
    ends = [end for _, end in spans]
    # Recovered only if requests were seen being well afterwards.
    _, last = _requests_between(ground)
    recovered = max(ends) if ends and last is not None and last - max(ends) >= FINE else None
    return Finding(
        symptom.id, symptom.title, Verdict.CONFIRMED, statement, _figures(ground, rule, stretches),
        first_affected=min((start for start, _ in spans), default=None), recovered=recovered,
        measures={measure_name: rule.measure(worst.worst), "limit": rule.limit, "requests": worst.worst.n},
    )  # fmt: skip


def _affected(ground: Ground, rule: _Rule, stretch: Exceedance) -> tuple[datetime, datetime] | None:
    """When the first affected request started and the last one ended, by the limit, minute by minute."""
    fine = [bucket for bucket in _buckets(ground, rule, FINE) if bucket.name == stretch.name]
    span = stretch_above(fine, rule.measure, rule.limit, stretch)
    rows = _bad_requests(ground, rule, stretch.name, span or (stretch.start, stretch.end))
    return (min(row["started"] for row in rows), max(row["ts"] for row in rows)) if rows else None


def _figures(ground: Ground, rule: _Rule, stretches: Sequence[Exceedance]) -> tuple[Figure, ...]:
    figures = []
    for stretch in sorted(stretches, key=lambda stretch: (stretch.start, stretch.name or "")):
        rows = _bad_requests(ground, rule, stretch.name, (stretch.start, stretch.end))
        exemplars = tuple(Line(row["item"], row["line"]) for row in rows[:EXEMPLARS])
        parameters = {"bucket_us": rule.bucket // timedelta(microseconds=1), "route": stretch.name}
        figures.append(Figure(ground.items, "requests_by_bucket", sum(bucket.n for bucket in stretch.buckets), exemplars, parameters))
    return tuple(figures)


def _buckets(ground: Ground, rule: _Rule, width: timedelta) -> list[Bucket]:
    """The buckets over all and by route; of a feature, its routes' alone, with their sums as the whole."""
    if not rule.feature:
        return ground.buckets(width)
    routes = [bucket for bucket in ground.buckets(width) if bucket.name is not None and ground.belongs(bucket.name, rule.feature)]
    sums: dict[datetime, Bucket] = {}
    for one in routes:
        so_far = sums.get(one.start, replace(one, name=None, n=0, failed=0, aborted=0, refused=0, total_us=0, timed=0, p50_us=None, p95_us=None, p99_us=None))
        counts = ("n", "failed", "aborted", "refused", "total_us", "timed")
        sums[one.start] = replace(so_far, **{name: getattr(so_far, name) + getattr(one, name) for name in counts})
    return sorted([*sums.values(), *routes], key=lambda bucket: (bucket.start, bucket.name or ""))


def _bad_requests(ground: Ground, rule: _Rule, route: str | None, span: tuple[datetime, datetime]) -> list[dict[str, Any]]:
    since, until = (moment.astimezone(UTC).replace(tzinfo=None) for moment in span)
    limit_us = NEVER_US if rule.faults else round(rule.limit * 1000)
    routes = [route] if route else list(ground.routes(rule.feature)) if rule.feature else []
    return ground.records.query("bad_requests", since=since, until=until, routes=routes, faults=rule.faults, limit_us=limit_us)


def _requests_between(ground: Ground) -> tuple[datetime | None, datetime | None]:
    row = ground.records.query("matching_requests")[0]
    return row["first"], row["last"]


def _span(width: timedelta) -> str:
    seconds = int(width.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
