"""The sections of a report, one function for each question a notebook asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from incident_kit.analysis.changes import Change
from incident_kit.logs.accounting import Account
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.logs.reading import Records
from incident_kit.model.finding import Event, Finding
from incident_kit.model.severity import Severity
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.coverage import Capability, Coverage
from incident_kit.timeline.impact import Impact, change_in_words
from incident_kit.view import words
from incident_kit.view.answer import in_words
from incident_kit.view.markup import Html, render
from incident_kit.view.page.citations import MOST_EVENTS

Row = tuple[str, list[tuple[float, Bucket | None]]]  # in each phase: its minutes, and what happened in them
PHASES = ("before", "during", "after")
# What is said of all requests in each phase: of a bucket, and of how many minutes it is.
MEASURES: Mapping[str, Callable[[Bucket, float], str]] = {
    "Requests a minute": lambda bucket, minutes: f"{bucket.n / minutes:,.0f}",
    "Failed (5xx) or aborted": lambda bucket, _: words.share(bucket.bad_share),
    "Refused (4xx)": lambda bucket, _: words.share(bucket.refused / bucket.n),
    "Median duration (p50)": lambda bucket, _: words.took_us(bucket.p50_us),
    "95 of 100 within (p95)": lambda bucket, _: words.took_us(bucket.p95_us),
    "99 of 100 within (p99)": lambda bucket, _: words.took_us(bucket.p99_us),
    "Requests in all": lambda bucket, _: words.number(bucket.n),
}
MOST_ROWS = 50  # of a table by route: those that suffer most; the others are summed up
COUNTED = ("Requests a minute", "Requests in all")  # where there was none, these are 0
COMMANDS = (
    ("sha256sum -c manifest-sha256.txt", "every file as it was sealed"),
    ("bagit.py --validate .", "the same, by the Library of Congress's tool"),
    ("incident-kit verify .", "also the items' own hashes, the journal's chain, the noted digest"),
    ("incident-kit reproduce .", "the findings again, from the evidence alone"),
)

MOST_CHANGES = 12


def findings(symptoms: Sequence[Finding]) -> Html:
    """The symptoms of the scenario with their verdicts and what they rest on."""
    return render("findings", findings=symptoms, linked=True)


def severity(book: Runbook, of_incident: Severity) -> Html:
    """The severity, the rules that are met, what would make it worse or better, and what is not known."""
    return render("severity", severity=of_incident, levels={level.id: level for level in book.severities})


def suspects(impact: Impact) -> Html:
    """Who changed at the onset, causes first, before and after side by side."""
    changed = change_in_words(impact.onset) if impact.onset else ""
    return render("suspects", impact=impact, onset=impact.onset, changed=changed)


def phases(buckets: Sequence[Bucket], impact: Impact, window: Window) -> Html:
    """All requests before, during and after: how many, how many failed, how long they took."""
    spans = _spans(impact, window)
    overall = {bucket.start: bucket for bucket in buckets if bucket.name is None}
    measures = [
        (name, [_measured(name, overall.get(start), minutes) for start, minutes in spans.items()]) for name in MEASURES
    ]
    return render("phases", measures=measures if buckets else [], names=_phase_names(spans), onset=impact.onset)


def _measured(name: str, bucket: Bucket | None, minutes: float) -> str:
    if bucket is None:
        return "0" if name in COUNTED else words.NONE
    return MEASURES[name](bucket, minutes)


def before_and_during(buckets: Sequence[Bucket], impact: Impact, window: Window, what: str, query: str) -> Html:
    """Each route or outside system before, during and after, the most changed first.

    Where there are more than MOST_ROWS, those with the most bad requests and the most time lost, and the sum of all
    others.
    """
    spans = _spans(impact, window)
    rows: list[Row] = []
    for name, group in by_name(buckets).items():
        if name is not None:
            starts = {bucket.start: bucket for bucket in group}
            rows.append((name, [(minutes, starts.get(start)) for start, minutes in spans.items()]))
    rows.sort(key=_suffering)
    rows, others = rows[:MOST_ROWS], rows[MOST_ROWS:]
    rows.sort(key=lambda row: (-_worsening([bucket for _, bucket in row[1]]), row[0]))
    if others:
        columns = zip(*(phases for _, phases in others), strict=True)
        sums = [
            (minutes, _sum([phase[1] for phase in column]))
            for column, minutes in zip(columns, spans.values(), strict=True)
        ]
        rows.append((f"{len(others):,} others together", sums))
    names = _phase_names(spans)
    return render(
        "before_and_during", seen=bool(buckets), rows=rows, what=what, names=names, onset=impact.onset, query=query
    )


def _suffering(row: Row) -> tuple[int, float, str]:
    """By what the rows that a person should see come first: bad requests during the incident, and the time lost."""
    phases = [bucket for _, bucket in row[1]]
    during = phases[1] if len(phases) > 1 else phases[0]
    return (-(during.failed + during.aborted), -_worsening(phases) * during.n, row[0]) if during else (0, 0.0, row[0])


def _sum(buckets: Sequence[Bucket | None]) -> Bucket | None:
    """What happened in all of these together; of their durations no quantile is known."""
    parts = [bucket for bucket in buckets if bucket]
    if not parts:
        return None
    names = ("n", "failed", "aborted", "refused", "total_us", "timed")
    sums = {name: sum(getattr(bucket, name) for bucket in parts) for name in names}
    return Bucket(start=parts[0].start, name=None, p50_us=None, p95_us=None, p99_us=None, **sums)


def _spans(impact: Impact, window: Window) -> Mapping[datetime, float]:
    """The beginning of each part of the window, and its length in minutes."""
    edges = [*impact.edges(window), window.until]
    return {since: max((until - since) / timedelta(minutes=1), 1 / 60) for since, until in pairwise(edges)}


def _phase_names(spans: Mapping[datetime, float]) -> list[str]:
    return [name.capitalize() for name, _ in zip(PHASES, spans, strict=False)] if len(spans) > 1 else ["Whole window"]


def _worsening(phases: Sequence[Bucket | None]) -> float:
    """By how many milliseconds requests took longer during than before; without a during, how long they took."""
    average_ms = [bucket.average_ms if bucket else 0.0 for bucket in phases]
    return average_ms[1] - average_ms[0] if len(phases) > 1 else average_ms[0]


def timeline(events: Sequence[Event]) -> Html:
    """The events in order; the page's script lets a person filter them by lane and words."""
    shown = events[:MOST_EVENTS]
    days = sorted({words.day(event.moment) for event in shown})
    return render("timeline", events=shown, of=len(events), days=dict.fromkeys((*days[:1], *days[-1:])))


def accounting(accounts: Sequence[Account], records: Records) -> Html:
    """What became of every line, and what could not be seen."""
    return render("accounting", accounts=accounts, streams=records.query("streams")[0]["n"])


def coverage(covered: Coverage) -> Html:
    """What the logs could have shown, by file; what none of them holds, and when nothing came."""
    missing = [(capability.value, reason) for capability in Capability if (reason := covered.missing(capability))]
    return render("coverage", coverage=covered, missing=missing)


def changes(differing: Sequence[Change]) -> Html:
    """What differs from the time before, whether or not the runbook has a name for it."""
    return render("changes", sentences=[in_words(change) for change in differing[:MOST_CHANGES]])


def how_to_verify() -> Html:
    """The commands with which anyone can check this report, ours and the stock ones."""
    return render("how_to_verify", commands=COMMANDS)
