"""The head of a report: what a person has to know, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from incident_kit.analysis.onset import Moment
from incident_kit.logs.rates import Bucket
from incident_kit.model.finding import Figure, Finding, Verdict
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.timeline.impact import Impact
from incident_kit.view.page.citations import citations, note
from incident_kit.view.page.words import Html, count, escape, period, span, time

KIND_WORDS = {"dependency": "outside system", "error": "error", "deploy": "deploy"}
MOST_ROUTES = 3
MOST_STATED = 2  # the head has to fit one screen; the symptoms stand below it


def head(
    book: Runbook,
    scenario: Scenario,
    findings: Sequence[Finding],
    impact: Impact,
    minutes: Sequence[Bucket],
    window: Window,
) -> Html:
    """What happened, since when, until when, how bad, to whom, and who is suspected."""
    confirmed = [finding for finding in findings if finding.verdict is Verdict.CONFIRMED]
    facts = [
        ("Since", "pair", _since(impact, confirmed)),
        ("Until", "pair", _until(impact, confirmed)),
        ("Suspect", "", _suspect(impact)),
        ("How bad", "", _how_bad(confirmed, minutes)),
        ("Affected", "pair", _affected(impact)),
        (
            "Severity",
            "pair",
            _severity(book, scenario) if confirmed or scenario.caution else "none proposed: no symptom is confirmed",
        ),
    ]
    body = "".join(f"<div class='{place}'><dt>{name}</dt><dd>{value}</dd></div>" for name, place, value in facts)
    looked = f"Looked at: {period(window.since, window.until)} ({span(window.since, window.until)})."
    caution = f"<p class='warning'>{escape(scenario.caution)}</p>" if scenario.caution else ""
    return Html(
        f"{caution}<div class='head'><p class='what'>{_what(scenario, findings, confirmed)}</p><dl>{body}</dl><p class='looked'>{looked}</p></div>"
    )


def _what(scenario: Scenario, findings: Sequence[Finding], confirmed: Sequence[Finding]) -> str:
    undecided = [finding for finding in findings if finding.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_CHECKED)]
    if confirmed:
        listed = "; ".join(escape(finding.title) for finding in confirmed)
        return f"<strong class='confirmed'>● Confirmed</strong> {len(confirmed)} of {len(findings)} symptoms: {listed}."
    if undecided:
        others = "; the others are ruled out" if len(undecided) < len(findings) else ""
        return f"<strong class='inconclusive'>◐ Not confirmed</strong> {len(undecided)} of {count(len(findings), 'symptom')} could not be decided{others}."
    return f"<strong class='ruled_out'>○ Ruled out</strong> No symptom of “{escape(scenario.title)}” is there in this window."


def _since(impact: Impact, confirmed: Sequence[Finding]) -> str:
    if impact.onset and impact.began and impact.by_limits:
        return f"{_clock(impact.onset.began.at)}<br><small>when the first affected request began, by the runbook's limits{citations([impact.began], most=1)}</small>"
    if impact.onset and impact.began:
        return _moment(impact.onset.began, impact.began)
    begun = min((finding.first_affected for finding in confirmed if finding.first_affected), default=None)
    if begun:
        return f"{_clock(begun)}<br><small>by the runbook's limits; no change for the worse was found</small>"
    if impact.absence:
        why = (
            "fewer than eight minutes of requests are too few to find one"
            if impact.too_short
            else "in what was seen, nothing changed for the worse and stayed so"
        )
        return f"<b>no onset found</b><br><small>{why}{citations([impact.absence])}</small>"
    return "<b>unknown</b><br><small>no finished request is in the evidence</small>"


def _until(impact: Impact, confirmed: Sequence[Finding]) -> str:
    if impact.onset and impact.onset.recovered and impact.recovered:
        lasted = span(impact.onset.began.at, impact.onset.recovered.at)
        if impact.by_limits:
            return f"{_clock(impact.onset.recovered.at)}<br><small>after <strong>{lasted}</strong>, by the runbook's limits{citations([impact.recovered], most=1)}</small>"
        return _moment(impact.onset.recovered, impact.recovered, f"after <strong>{lasted}</strong>, ")
    ends = [finding.recovered for finding in confirmed if finding.first_affected]
    if impact.onset is None and not ends:
        return "–"
    if impact.onset is None and all(ends):
        return f"{_clock(max(end for end in ends if end))}<br><small>by the runbook's limits</small>"
    at = f" at {impact.last:%H:%M:%S} UTC" if impact.last else ""
    lasting = (
        f", after <strong>{span(impact.onset.began.at, impact.last)}</strong>" if impact.onset and impact.last else ""
    )
    return f"<b class='confirmed'>still going on</b><br><small>when the evidence ends{at}{lasting}</small>"


def _how_bad(confirmed: Sequence[Finding], minutes: Sequence[Bucket]) -> str:
    overall = [bucket for bucket in minutes if bucket.name is None]
    total, bad = sum(bucket.n for bucket in overall), sum(bucket.failed + bucket.aborted for bucket in overall)
    if not total:
        return "<b>unknown</b><br><small>no finished request is in the evidence</small>"
    worst = [
        f"<br><small>{escape(finding.statement)}{citations(finding.citations[:1], most=1)}</small>"
        for finding in confirmed
        if finding.first_affected
    ][:MOST_STATED]
    return f"<b>{bad / total:.1%}</b> failed or were aborted: {bad:,} of {total:,}{note('requests_by_bucket', 'query')}{''.join(worst)}"


def _affected(impact: Impact) -> str:
    hit = impact.affected
    if hit is None or impact.began is None:
        return "–"
    who = [
        *([count(hit.users, "user")] if hit.users else []),
        *([count(hit.clients, "client address", "client addresses")] if hit.clients else []),
    ]
    people = f" of {' and '.join(who)}" if who else ""
    routes = ", ".join(escape(route) for route in hit.routes[:MOST_ROUTES]) or "all routes"
    more = f" and {len(hit.routes) - MOST_ROUTES} more" if len(hit.routes) > MOST_ROUTES else ""
    slow = "" if impact.onset and impact.onset.measure == "errors" else " or were slower than 95 of 100 had been"
    return f"<b>{hit.n:,} of {count(hit.of, 'request')}</b>{people}<br><small>on {routes}{more}: they failed{slow}{citations([impact.began], most=1)}</small>"


def _suspect(impact: Impact) -> str:
    first = impact.first_cause
    if first is None:
        return "<b>no clear suspect</b>" if impact.onset else "–"
    suspect = first.suspect
    kind = KIND_WORDS.get(suspect.kind, suspect.kind)
    return f"<b class='big'>{escape(suspect.name)}</b> {kind}, confidence {suspect.sure}<br><small>{escape(suspect.why)}{citations([first.citation], most=1)}</small>"


def _severity(book: Runbook, scenario: Scenario) -> str:
    severity = book.severity(scenario.severity)
    return (
        f"<b>{escape(severity.id)}, {escape(severity.title.lower())}</b>: respond within {escape(severity.respond_within)}"
        f"<br><small>Usual for this scenario: {escape(scenario.severity_reason)}. {escape(scenario.escalation) if scenario.caution else ''}</small>"
    )


def _moment(moment: Moment, citation: Figure, lead: str = "") -> str:
    return f"{_clock(moment.at)}<br><small>{lead}between {moment.earliest:%H:%M:%S} and {moment.latest:%H:%M:%S}{citations([citation], most=1)}</small>"


def _clock(at: datetime) -> str:
    return f"<b class='big'>{time(at, '%H:%M:%S')}</b> on {at:%Y-%m-%d}"
