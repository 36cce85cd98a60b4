"""The sections of a report, one function for each question a notebook asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from incident_kit.analysis.suspects import Side
from incident_kit.logs.accounting import Account
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.logs.reading import Records
from incident_kit.model.finding import Event, Finding, Verdict
from incident_kit.model.times import Window
from incident_kit.timeline.impact import Impact, change_in_words, duration
from incident_kit.view.page.citations import MOST_EVENTS, citations, note
from incident_kit.view.page.words import Html, count, escape, framed, ms, period, table, time

VERDICT_WORDS = {
    Verdict.CONFIRMED: "● confirmed",
    Verdict.RULED_OUT: "○ ruled out",
    Verdict.INCONCLUSIVE: "◐ inconclusive",
    Verdict.NOT_CHECKED: "– not checked",
}
PHASES = ("before", "during", "after")


def findings(found: Sequence[Finding]) -> Html:
    """The symptoms of the scenario with their verdicts and what they rest on."""
    rows = []
    for finding in found:
        reason = f"<br><em>Because {escape(finding.reason)}.</em>" if finding.reason else ""
        rows.append(
            f"<tr class='{finding.verdict}'><th scope='row'>{escape(finding.title)}</th><td class='verdict'>{VERDICT_WORDS[finding.verdict]}</td>"
            f"<td>{escape(finding.statement)}{citations(finding.citations)}{reason}</td></tr>"
        )
    return table(["Symptom", "Verdict", "What was found"], rows, attributes=" class='stacked'")


def suspects(impact: Impact) -> Html:
    """Who changed at the onset, causes first, before and after side by side."""
    if impact.onset is None:
        why = (
            "there was no onset to compare before and after of"
            if impact.absence
            else "no finished request is in the evidence"
        )
        return Html(f"<p>Nobody is suspected: {why}.</p>")
    changed = f"<p>What changed: {escape(change_in_words(impact.onset))}. Compared with {period(impact.onset.normal.since, impact.onset.normal.until)}.</p>"
    if not impact.suspicions:
        return Html(
            f"{changed}<p><strong>No clear suspect</strong>: no route, outside system, host, client, error or start stands out.</p>"
        )
    rows = []
    for each in impact.suspicions:
        suspect = each.suspect
        mark = "●" if suspect.role == "cause" else "→"
        rows.append(
            f"<tr class='{suspect.role}'><th scope='row'>{escape(suspect.name)}<br><small>{suspect.kind}</small></th>"
            f"<td class='verdict'>{mark} {suspect.role}<br><small>confidence {suspect.sure}</small></td><td class='n'>{suspect.share_of_excess:.0%}</td>"
            f"{_side(suspect.before)}{_side(suspect.after)}<td class='words'>{escape(suspect.why)}{citations([each.citation])}</td></tr>"
        )
    columns = (
        "<th scope='col' class='n'>per min</th><th scope='col' class='n'>affected</th><th scope='col' class='n'>median</th>"
        * 2
    )
    head = (
        "<thead><tr><th scope='col' rowspan='2'>Who</th><th scope='col' rowspan='2'>Role</th><th scope='col' rowspan='2' class='n'>Explains</th>"
        "<th scope='colgroup' colspan='3' class='group'>Before</th><th scope='colgroup' colspan='3' class='group'>After</th><th scope='col' rowspan='2'>Why</th></tr>"
        f"<tr>{columns}</tr></thead>"
    )
    caption = (
        "Explains: its share of what is worse than before; the shares of several overlap. Affected: failed, aborted, or slower than 95 of 100 had been. "
        "Records say what came together, never why: a suspect is where to look first."
    )
    return Html(changed + framed(f"{head}<tbody>{''.join(rows)}</tbody>", caption))


def _side(side: Side) -> str:
    share = f"{side.affected / side.n:.0%}" if side.n else "–"
    return f"<td class='n'>{side.per_minute:,.1f}</td><td class='n'>{share}</td><td class='n'>{duration(side.median_ms) if side.median_ms is not None else '–'}</td>"


def phases(parts: Sequence[Bucket], impact: Impact, window: Window) -> Html:
    """All requests before, during and after: how many, how many failed, how long they took."""
    if not parts:
        return Html("<p>No finished request is in the evidence.</p>")
    spans = _spans(impact, window)
    overall = {bucket.start: bucket for bucket in parts if bucket.name is None}
    found = [(minutes, overall.get(start)) for start, minutes in spans.items()]
    rows = [
        _measure("Requests a minute", [f"{bucket.n / minutes:,.0f}" if bucket else "0" for minutes, bucket in found]),
        _measure("Failed (5xx) or aborted", [f"{bucket.bad_share:.1%}" if bucket else "–" for _, bucket in found]),
        _measure("Refused (4xx)", [f"{bucket.refused / bucket.n:.1%}" if bucket else "–" for _, bucket in found]),
        _measure("Median duration (p50)", [ms(bucket.p50_us) if bucket else "–" for _, bucket in found]),
        _measure("95 of 100 within (p95)", [ms(bucket.p95_us) if bucket else "–" for _, bucket in found]),
        _measure("99 of 100 within (p99)", [ms(bucket.p99_us) if bucket else "–" for _, bucket in found]),
        _measure("Requests in all", [f"{bucket.n:,}" if bucket else "0" for _, bucket in found]),
    ]
    columns = ["All requests", *_phase_names(spans)]
    return table(
        columns,
        rows,
        f"By when requests were asked.{_bounds(impact)}{note('requests_between')}",
        columns[1:],
        " class='narrow'",
    )


def _measure(name: str, values: Sequence[str]) -> str:
    cells = "".join(f"<td class='n'>{value}</td>" for value in values)
    return f"<tr><th scope='row'>{name}</th>{cells}</tr>"


def before_and_during(parts: Sequence[Bucket], impact: Impact, window: Window, what: str, query: str) -> Html:
    """Each route or outside system before, during and after, the most changed first."""
    if not parts:
        return Html(f"<p>None was seen: no record in the evidence tells of one that was timed.{note(query)}</p>")
    spans = _spans(impact, window)
    rows = []
    for name, group in by_name(parts).items():
        if name is not None:
            at = {bucket.start: bucket for bucket in group}
            cells = "".join(_cells(at.get(start), minutes) for start, minutes in spans.items())
            rows.append(
                (_worsening([at.get(start) for start in spans]), f"<tr><th scope='row'>{escape(name)}</th>{cells}</tr>")
            )
    ordered = [row for _, row in sorted(rows, key=lambda row: (-row[0], row[1]))]
    groups = "".join(f"<th scope='colgroup' colspan='3' class='group'>{name}</th>" for name in _phase_names(spans))
    columns = (
        "<th scope='col' class='n'>per min</th><th scope='col' class='n'>median</th><th scope='col' class='n'>bad</th>"
        * len(spans)
    )
    head = f"<thead><tr><th scope='col' rowspan='2'>{what}</th>{groups}</tr><tr>{columns}</tr></thead>"
    caption = f"By when they were asked. Bad: failed (for calls: any error) or aborted.{_bounds(impact)}{note(query)}"
    return framed(f"{head}<tbody>{''.join(ordered)}</tbody>", caption)


def _spans(impact: Impact, window: Window) -> Mapping[datetime, float]:
    """The beginning of each part of the window, and its length in minutes."""
    edges = [*impact.edges(window), window.until]
    return {since: max((until - since) / timedelta(minutes=1), 1 / 60) for since, until in pairwise(edges)}


def _phase_names(spans: Mapping[datetime, float]) -> list[str]:
    return [name.capitalize() for name, _ in zip(PHASES, spans, strict=False)] if len(spans) > 1 else ["Whole window"]


def _bounds(impact: Impact) -> str:
    if impact.onset is None:
        return " No onset was found, so there is no before and after."
    if impact.onset.recovered is None:
        return f" During: {time(impact.onset.began.at)} to the end of the evidence."
    return f" During: {period(impact.onset.began.at, impact.onset.recovered.at)}."


def _worsening(parts: Sequence[Bucket | None]) -> float:
    """By how many milliseconds requests took longer during than before; without a during, how long they took."""
    average_ms = [part.average_ms if part else 0.0 for part in parts]
    return average_ms[1] - average_ms[0] if len(parts) > 1 else average_ms[0]


def _cells(part: Bucket | None, minutes: float) -> str:
    if part is None:
        return "<td class='n'>0</td><td class='n'>–</td><td class='n'>–</td>"
    return f"<td class='n'>{part.n / minutes:,.1f}</td><td class='n'>{ms(part.p50_us)}</td><td class='n'>{part.bad_share:.1%}</td>"


def timeline(events: Sequence[Event]) -> Html:
    """The events in order; the page's script lets a person filter them by lane and words."""
    if not events:
        return Html("<p>No event is known: no symptom, no error, no start, no silence, no note.</p>")
    shown = events[:MOST_EVENTS]
    rows = [
        f"<tr data-lane='{escape(event.lane)}'><td class='time'>{_precise(event.at)}</td><td>{escape(event.lane)}</td><td class='when'>{escape(event.meaning)}</td>"
        f"<td class='words'>{escape(event.message)}{citations([event.citation])}</td></tr>"
        for event in shown
    ]
    days = sorted({f"{event.at:%Y-%m-%d}" for event in shown})
    cut = (
        f"The first {MOST_EVENTS} of {count(len(events), 'event')}; all are in timeline.jsonl. "
        if len(events) > MOST_EVENTS
        else ""
    )
    caption = f"{cut}Times in UTC, {' to '.join(dict.fromkeys((days[0], days[-1])))}."
    return table(["Time", "Lane", "Is when", "What"], rows, caption, attributes=" class='timeline stacked'")


def _precise(at: datetime) -> str:
    return f"<time datetime='{at.isoformat()}'>{at:%H:%M:%S}.{at.microsecond // 1000:03}</time>"


def accounting(accounts: Sequence[Account], records: Records) -> Html:
    """What became of every line, and what could not be seen."""
    rows, remarks = [], []
    for account in accounts:
        numbers = (
            account.lines,
            account.records,
            account.continuations,
            account.unparsed,
            account.outside,
            account.undated,
            account.repeated,
        )
        seen = period(account.first, account.last) if account.first and account.last else "none"
        rows.append(
            f"<tr><th scope='row'><span title='{escape(account.origin)}'>{escape(_file_name(account.origin))}</span><br><code>{account.item}</code></th><td>{escape(account.format) or 'unknown'}</td>"
            + "".join(f"<td class='n'>{number:,}</td>" for number in numbers)
            + f"<td>{seen}</td><td>{escape(', '.join(account.zones)) or '–'}</td></tr>"
        )
        remarks += _remarks(account)
    streams = records.query("streams")[0]
    if streams["n"]:
        remarks.append(
            f"{count(streams['n'], 'event stream')} ended; their durations are lifetimes and count in no average.{note('streams')}"
        )
    remarks.append(
        "Only what was logged can be seen: a request that never finished has no line, and a slow client looks like a slow server."
    )
    columns = [
        "File",
        "Format",
        "Lines",
        "Records",
        "Continuations",
        "Unparsed",
        "Outside the window",
        "Undated",
        "Repeated",
        "Records seen",
        "Zone",
    ]
    caption = "Lines = records + continuations + unparsed + outside the window." + note("accounting")
    return Html(
        table(columns, rows, caption, columns[2:9])
        + "<ul>"
        + "".join(f"<li>{remark}</li>" for remark in remarks)
        + "</ul>"
    )


def _file_name(origin: str) -> str:
    """Of a path; the whole path stands in the item's own description."""
    return origin.rpartition("/")[2] or origin


def _remarks(account: Account) -> list[str]:
    """What there is to know of one file; what means that evidence is missing or undated stands out."""
    name = escape(_file_name(account.origin))
    return [
        f"<strong class='warning'>{name}: {escape(remark.sentence)}.</strong>"
        if remark.is_warning
        else f"{name}: {escape(remark.sentence)}."
        for remark in account.remarks()
    ]


def how_to_verify() -> Html:
    """The commands with which anyone can check this report, ours and the stock ones."""
    return Html(
        "<p>This report lies in a BagIt bag. In the run's folder, the one that holds <code>bagit.txt</code>:</p>"
        "<pre>sha256sum -c manifest-sha256.txt        # every file as it was sealed\n"
        "bagit.py --validate .                   # the same, by the Library of Congress's tool\n"
        "incident-kit verify .                   # also the items' own hashes, the journal's chain, the noted digest\n"
        "incident-kit reproduce .                # the findings again, from the evidence alone</pre>"
        "<p>The digest printed at sealing, which is also in the incident's journal, is the SHA-256 of <code>tagmanifest-sha256.txt</code> and stands for all of it.</p>"
    )
