"""The head of a report: what a person has to know, on one screen."""

from __future__ import annotations

from collections.abc import Sequence

from incident_kit.logs.rates import Bucket
from incident_kit.model.finding import Finding, Verdict
from incident_kit.model.severity import Severity
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.timeline.impact import Impact
from incident_kit.view import words
from incident_kit.view.markup import Html, render

MOST_ROUTES = 3
MOST_STATED = 2  # the head has to fit one screen; the symptoms stand below it


def head(
    book: Runbook,
    scenario: Scenario,
    findings: Sequence[Finding],
    impact: Impact,
    minutes: Sequence[Bucket],
    window: Window,
    severity: Severity,
) -> Html:
    """What happened, since when, until when, how bad, to whom, and who is suspected."""
    confirmed = [finding for finding in findings if finding.verdict is Verdict.CONFIRMED]
    undecided = [finding for finding in findings if finding.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_CHECKED)]
    dated = [finding for finding in confirmed if finding.first_affected]
    overall = [bucket for bucket in minutes if bucket.name is None]
    return render(
        "head",
        scenario=scenario,
        severity=severity,
        levels={level.id: level for level in book.severities},
        findings=findings,
        confirmed=confirmed,
        undecided=undecided,
        stated=dated[:MOST_STATED],
        first_affected=min((finding.first_affected for finding in dated if finding.first_affected), default=None),
        recoveries=[finding.recovered for finding in dated],
        impact=impact,
        onset=impact.onset,
        total=sum(bucket.n for bucket in overall),
        bad=sum(bucket.failed + bucket.aborted for bucket in overall),
        window=window,
        suspect_kinds=words.SUSPECT_KINDS,
        most_routes=MOST_ROUTES,
    )
