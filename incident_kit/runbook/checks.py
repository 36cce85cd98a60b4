"""The checks: each decides one symptom from evidence, with parameters that a team sets in its runbook files.

A check is a function of the `Ground`, the `Symptom` and its keyword-only parameters; their names and types are what
the runbook file may say under `[symptom.parameters]`. To add one, write it here, name it in `__all__`, and test it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from incident_kit.analysis.thresholds import Exceedance, Measure, exceedances, stretch_above
from incident_kit.evidence.journal import Entry
from incident_kit.logs.rates import Bucket, by_name, requests_by_bucket
from incident_kit.logs.reading import Records
from incident_kit.model.finding import Absence, Figure, Finding, Line, Symptom, Verdict
from incident_kit.model.times import Window

__all__ = ["average_duration", "error_share", "noted"]

FINE = timedelta(minutes=1)
EXEMPLARS = 5
# The edge of the evidence may miss the edge of the window by this much and still cover it.
EDGE_TOLERANCE = timedelta(seconds=60)
NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Ground:
    """What checks may look at: records, the window, the journal. All of it comes from evidence."""

    records: Records
    window: Window
    journal: Sequence[Entry] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(source.id for source in self.records.sources)


def average_duration(
    ground: Ground, symptom: Symptom, *, average_ms: float, bucket: timedelta, min_requests: int, in_a_row: int, by_route: bool, ignore_routes: Sequence[str]
) -> Finding:  # fmt: skip
    """Whether requests took longer than `average_ms` on average in enough neighbouring buckets."""
    rule = _Rule(lambda found: found.average_ms, average_ms, bucket, min_requests, in_a_row, by_route, frozenset(ignore_routes), faults=False)
    return _decide(ground, symptom, rule, lambda found: f"{found.average_ms / 1000:.1f} s on average", "average_ms")


def error_share(
    ground: Ground, symptom: Symptom, *, share: float, bucket: timedelta, min_requests: int, in_a_row: int, by_route: bool, ignore_routes: Sequence[str]
) -> Finding:  # fmt: skip
    """Whether more than `share` of the requests failed (5xx) or were aborted in enough neighbouring buckets."""
    rule = _Rule(lambda found: found.bad_share, share, bucket, min_requests, in_a_row, by_route, frozenset(ignore_routes), faults=True)
    return _decide(ground, symptom, rule, lambda found: f"{found.bad_share:.1%} failed or aborted", "error_share")


def noted(ground: Ground, symptom: Symptom, *, kind: str) -> Finding:
    """Whether people have noted an entry of this kind in the journal; without one, it was not checked."""
    entries = [entry for entry in ground.journal if entry.kind == kind]
    if not entries:
        reason = f"no {kind} is noted in the journal, and logs cannot tell: ask those who hear from customers"
        return Finding(symptom.id, symptom.title, Verdict.NOT_CHECKED, "Not known from here.", reason=reason)
    statement = f"{len(entries)} noted, first: {entries[0].text}"
    citations = tuple(Line("journal", entry.line) for entry in entries)
    return Finding(symptom.id, symptom.title, Verdict.CONFIRMED, statement, citations, first_affected=min(entry.at for entry in entries))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A threshold over buckets of requests. `faults`: whether a failed request is what it counts, or a slow one."""

    measure: Measure
    limit: float
    bucket: timedelta
    min_requests: int
    in_a_row: int
    by_route: bool
    ignore_routes: frozenset[str]
    faults: bool


def _decide(ground: Ground, symptom: Symptom, rule: _Rule, wording: Callable[[Bucket], str], measure_name: str) -> Finding:
    buckets = requests_by_bucket(ground.records, rule.bucket)
    examined = sum(bucket.n for bucket in buckets if bucket.name is None)
    if not examined:
        reason = "no finished request is in the evidence for this window"
        return Finding(symptom.id, symptom.title, Verdict.INCONCLUSIVE, "Cannot be said.", reason=reason)
    looked_at = [bucket for bucket in buckets if bucket.name is None or (rule.by_route and bucket.name not in rule.ignore_routes)]
    stretches = [stretch for group in by_name(looked_at).values() for stretch in exceedances(group, rule.measure, rule.limit, rule.min_requests, rule.bucket)]
    long_enough = [stretch for stretch in stretches if len(stretch.buckets) >= rule.in_a_row]
    if long_enough:
        return _confirmed(ground, symptom, rule, long_enough, wording, measure_name)
    if stretches:
        worst = max(stretches, key=lambda stretch: rule.measure(stretch.worst))
        reason = (
            f"{worst.name or 'all requests'}: above the limit in {len(worst.buckets)} bucket(s) of {_span(rule.bucket)}, "
            f"and the runbook asks for {rule.in_a_row} in a row"
        )
        return Finding(symptom.id, symptom.title, Verdict.INCONCLUSIVE, f"{wording(worst.worst)} at worst.", _figures(ground, rule, [worst]), reason)
    if max((bucket.n for bucket in buckets if bucket.name is None), default=0) < rule.min_requests:
        reason = f"no bucket of {_span(rule.bucket)} holds {rule.min_requests} requests: too few to judge"
        return Finding(symptom.id, symptom.title, Verdict.INCONCLUSIVE, f"{examined} requests in the window.", reason=reason)
    if gap := uncovered(ground):
        return Finding(symptom.id, symptom.title, Verdict.INCONCLUSIVE, "Not seen in what there is.", reason=gap)
    overall = max((bucket for bucket in buckets if bucket.name is None and bucket.n >= rule.min_requests), key=rule.measure)
    absence = Absence(ground.items, ground.window, examined, "requests_by_bucket")
    return Finding(symptom.id, symptom.title, Verdict.RULED_OUT, f"At worst {wording(overall)}, over {overall.n} requests.", (absence,))


def _confirmed(ground: Ground, symptom: Symptom, rule: _Rule, stretches: Sequence[Exceedance], wording: Callable[[Bucket], str], measure_name: str) -> Finding:  # fmt: skip
    worst = max(stretches, key=lambda stretch: rule.measure(stretch.worst))
    names = sorted({stretch.name or "all requests" for stretch in stretches})
    others = f"; also {', '.join(name for name in names if name != (worst.name or 'all requests'))}" if len(names) > 1 else ""
    statement = (
        f"{worst.name or 'All requests'}: {wording(worst.worst)} in the worst {_span(rule.bucket)} "
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
    fine = [bucket for bucket in requests_by_bucket(ground.records, FINE) if bucket.name == stretch.name]
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


def _bad_requests(ground: Ground, rule: _Rule, route: str | None, span: tuple[datetime, datetime]) -> list[dict[str, Any]]:
    since, until = (moment.astimezone(UTC).replace(tzinfo=None) for moment in span)
    limit_us = NEVER_US if rule.faults else round(rule.limit * 1000)
    return ground.records.query("bad_requests", since=since, until=until, route=route, faults=rule.faults, limit_us=limit_us)


def _requests_between(ground: Ground) -> tuple[datetime | None, datetime | None]:
    row = ground.records.query("matching_requests")[0]
    return row["first"], row["last"]


def uncovered(ground: Ground) -> str:
    """Why the evidence does not cover the window; empty if it does. Nothing can be ruled out over what was not seen."""
    dated = [account for account in ground.records.accounting() if account.first and account.last]
    if not dated:
        return "the evidence holds no dated record in the window"
    first = min(account.first for account in dated if account.first)
    last = max(account.last for account in dated if account.last)
    if first - ground.window.since > EDGE_TOLERANCE:
        return f"the evidence begins at {first:%H:%M:%S} UTC, after the window does ({ground.window.since:%H:%M:%S})"
    if ground.window.until - last > EDGE_TOLERANCE:
        return f"the evidence ends at {last:%H:%M:%S} UTC, before the window does ({ground.window.until:%H:%M:%S})"
    return next((f"{account.origin}: {account.damage}" for account in dated if account.damage), "")


def _span(width: timedelta) -> str:
    seconds = int(width.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
