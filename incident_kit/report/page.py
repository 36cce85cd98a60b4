"""What a notebook's cells show: pieces of HTML that stand in JupyterLab and in the report alike.

Every value goes through `_escape`; text from logs was redacted when it left the records. Citations are links to the
cited lines, which `cited_lines` shows at the end.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from incident_kit.evidence.store import Item
from incident_kit.logs.accounting import Account
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.logs.reading import QUERIES, Records, question, question_title
from incident_kit.model.answer import Answer, Status
from incident_kit.model.finding import Absence, Citation, Event, Figure, Finding, Line, Pointer, Verdict
from incident_kit.model.redaction import redact
from incident_kit.model.times import Window
from incident_kit.runbook.data import Runbook, Scenario

VERDICT_WORDS = {
    Verdict.CONFIRMED: "● confirmed",
    Verdict.RULED_OUT: "○ ruled out",
    Verdict.INCONCLUSIVE: "◐ inconclusive",
    Verdict.NOT_CHECKED: "– not checked",
}
MOST_EVENTS = 200
MOST_SHOWN = 20_000  # characters of one answer's data on the page


class Html(str):
    """A piece of HTML that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return str(self)


def head(book: Runbook, scenario: Scenario, findings: Sequence[Finding], minutes: Sequence[Bucket], window: Window) -> Html:
    """What happened, since when, how bad: the first thing a person reads."""
    confirmed = [finding for finding in findings if finding.verdict is Verdict.CONFIRMED]
    undecided = [finding for finding in findings if finding.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_CHECKED)]
    begun = min((finding.first_affected for finding in confirmed if finding.first_affected), default=None)
    ends = [finding.recovered for finding in confirmed if finding.first_affected]
    last = max((end for end in ends if end), default=None)
    over = bool(ends) and all(ends)
    if confirmed:
        what = f"{_escape(scenario.title)}: <strong>{len(confirmed)} of {len(findings)} symptoms confirmed</strong>"
    elif undecided:
        what = f"{_escape(scenario.title)}: <strong>not confirmed</strong>, and {len(undecided)} of {len(findings)} symptoms could not be decided"
    else:
        what = f"{_escape(scenario.title)}: <strong>ruled out</strong> in this window"
    rows = [("First", f"<strong class='warning'>{_escape(scenario.caution)}</strong>")] if scenario.caution else []
    rows.append(("What", what))
    rows.append(("Window", f"{_time(window.since)} to {_time(window.until)}"))
    if begun:
        rows.append(("Since", f"{_time(begun)}, when the first affected request began"))
        if over and last:
            rows.append(("Until", f"{_time(last)}, when the last affected request ended ({_span(begun, last)})"))
        else:
            rows.append(("Until", "<strong>not over</strong> at the end of the evidence"))
    rows.append(("How bad", _how_bad(confirmed, minutes)))
    if confirmed or scenario.caution:  # where caution comes first, suspicion is enough
        severity = book.severity(scenario.severity)
        rows.append(
            (
                "Severity",
                f"{severity.id} ({_escape(severity.title.lower())}) is usual for this: {_escape(scenario.severity_reason)}; respond within {severity.respond_within}",
            )
        )
        rows.append(("Escalate", _escape(scenario.escalation)))
    body = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in rows)
    return Html(f"<table class='head'>{body}</table>")


def _how_bad(confirmed: Sequence[Finding], minutes: Sequence[Bucket]) -> str:
    overall = [bucket for bucket in minutes if bucket.name is None]
    total, bad = sum(bucket.n for bucket in overall), sum(bucket.failed + bucket.aborted for bucket in overall)
    if not total:
        return "no finished request is in the evidence"
    counted = f"{bad:,} of {total:,} requests failed or were aborted ({bad / total:.2%}){_note('requests_by_bucket')}"
    return "<br>".join([*(f"{_escape(finding.statement)}{citations(finding.citations)}" for finding in confirmed), counted])


def findings(found: Sequence[Finding]) -> Html:
    """The symptoms of the scenario with their verdicts and what they rest on."""
    rows = []
    for finding in found:
        reason = f"<br><em>Because {_escape(finding.reason)}.</em>" if finding.reason else ""
        rows.append(
            f"<tr class='{finding.verdict}'><th scope='row'>{_escape(finding.title)}</th><td class='verdict'>{VERDICT_WORDS[finding.verdict]}</td>"
            f"<td>{_escape(finding.statement)}{citations(finding.citations)}{reason}</td></tr>"
        )
    return table(["Symptom", "Verdict", "What was found"], rows)


def chart(minutes: Sequence[Bucket], events: Sequence[Event], window: Window) -> Html:
    """The timeline chart, as inline SVG with its description beside it."""
    from incident_kit.timeline import charts  # matplotlib takes a second to import; only a chart needs it

    overall = [bucket for bucket in minutes if bucket.name is None]
    words = charts.describe(overall, window)
    figure = charts.incident_chart(overall, events, window)
    return Html(f"<figure>{charts.as_svg(figure, words)}<figcaption>{_escape(words)}{_note('requests_by_bucket')}</figcaption></figure>")


def before_and_during(buckets: Sequence[Bucket], found: Sequence[Finding], what: str, query: str) -> Html:
    """Each route or dependency before the first affected request and from then to recovery, the most changed first."""
    begun = min((finding.first_affected for finding in found if finding.first_affected), default=None)
    if begun is None:
        return table([what, "Requests", "Average", "Failed or aborted"], [_totals(name, group) for name, group in sorted(by_name(buckets).items(), key=str) if name])  # fmt: skip
    ended = max((finding.recovered for finding in found if finding.recovered), default=None)
    rows = []
    for name, group in by_name(buckets).items():
        if name is None:
            continue
        before = _sum([bucket for bucket in group if bucket.start < begun.replace(second=0, microsecond=0)])
        during = _sum([bucket for bucket in group if bucket.start >= begun.replace(second=0, microsecond=0) and (ended is None or bucket.start < ended)])
        rows.append((during[1] - before[1], f"<tr><th scope='row'>{_escape(name)}</th>{_cells(before)}{_cells(during)}</tr>"))
    ordered = [row for _, row in sorted(rows, key=lambda row: (-row[0], row[1]))]
    columns = [what, "Before", "average", "bad", "During", "average", "bad"]
    caption = f"By minute; during is from {_time(begun)}{f' to {_time(ended)}' if ended else ''}. Bad: failed (for calls: any error) or aborted.{_note(query)}"
    return table(columns, ordered, caption)


def _sum(group: Sequence[Bucket]) -> tuple[int, float, float]:
    n, timed = sum(bucket.n for bucket in group), sum(bucket.timed for bucket in group)
    bad = sum(bucket.failed + bucket.aborted for bucket in group)
    return n, sum(bucket.total_us for bucket in group) / timed / 1000 if timed else 0.0, bad / n if n else 0.0


def _cells(totals: tuple[int, float, float]) -> str:
    n, average_ms, bad = totals
    return (
        f"<td class='n'>{n:,}</td><td class='n'>{average_ms:,.0f} ms</td><td class='n'>{bad:.1%}</td>"
        if n
        else "<td class='n'>0</td><td class='n'>–</td><td class='n'>–</td>"
    )


def _totals(name: str, group: Sequence[Bucket]) -> str:
    return f"<tr><th scope='row'>{_escape(name)}</th>{_cells(_sum(group))}</tr>"


def timeline(events: Sequence[Event]) -> Html:
    """The events in order."""
    rows = [
        f"<tr><td class='time'>{_time(event.at)}</td><td>{_escape(event.meaning)}</td><td>{_escape(event.lane)}</td>"
        f"<td>{_escape(event.message)}{citations([event.citation])}</td></tr>"
        for event in events[:MOST_EVENTS]
    ]
    caption = f"The first {MOST_EVENTS} of {len(events)} events; all are in timeline.jsonl." if len(events) > MOST_EVENTS else ""
    return table(["Time", "Is when", "Lane", "What"], rows, caption)


def accounting(accounts: Sequence[Account], records: Records) -> Html:
    """What became of every line, and what could not be seen."""
    rows, remarks = [], []
    for account in accounts:
        numbers = (account.lines, account.records, account.continuations, account.unparsed, account.outside, account.undated, account.repeated)
        seen = f"{_time(account.first)} to {_time(account.last)}" if account.first and account.last else "none"
        rows.append(
            f"<tr><th scope='row'>{_escape(account.origin)}<br><code>{account.item}</code></th><td>{_escape(account.format) or 'unknown'}</td>"
            + "".join(f"<td class='n'>{number:,}</td>" for number in numbers)
            + f"<td>{seen}</td><td>{_escape(', '.join(account.zones)) or '–'}</td></tr>"
        )
        remarks += _remarks(account)
    streams = records.query("streams")[0]
    if streams["n"]:
        remarks.append(f"{streams['n']} event streams ended; their durations are lifetimes and count in no average.{_note('streams')}")
    remarks.append("Only what was logged can be seen: a request that never finished has no line, and a slow client looks like a slow server.")
    columns = ["File", "Format", "Lines", "Records", "Continuations", "Unparsed", "Outside the window", "Undated", "Repeated", "Records seen", "Zone"]
    caption = "Lines = records + continuations + unparsed + outside the window." + _note("accounting")
    return Html(table(columns, rows, caption) + "<ul>" + "".join(f"<li>{remark}</li>" for remark in remarks) + "</ul>")


def _remarks(account: Account) -> list[str]:
    name = _escape(account.origin)
    remarks = []
    if not account.records:
        remarks.append(f"<strong class='warning'>{name}: not one record was read in the window.</strong>")
    if account.damage:
        remarks.append(f"<strong class='warning'>{name}: {_escape(account.damage)}. What follows the damage is lost.</strong>")
    if account.unparsed:
        examples = "".join(f"<br>line {line}: <code>{_escape(text)}</code>" for line, text in account.unparsed_examples)
        remarks.append(f"{name}: {account.unparsed:,} lines could not be read.{examples}")
    if account.unfinished:
        remarks.append(f"{name}: the last line is unfinished.")
    if account.cleaned:
        kinds = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in account.cleaned.items())
        remarks.append(f"{name}: bytes replaced in a working copy so that no line is lost: {kinds}. The evidence is as it was.")
    return remarks


def notes(lost: Sequence[str]) -> Html:
    """What could not be collected; empty if all could."""
    listed = "".join(f"<li>{_escape(note)}</li>" for note in lost)
    return Html(f"<h2>What could not be collected?</h2><ul class='warning'>{listed}</ul>" if lost else "")


STATUS_WORDS = {
    Status.OK: "answered",
    Status.PARTIAL: "answered in part",
    Status.FAILED: "not answered",
    Status.NOT_CHECKED: "– not asked",
}


def answers(items: Sequence[Item]) -> Html:
    """What the live systems answered, each with its clock and everything that was sent; empty if none was asked."""
    rows, details, clocks = [], [], []
    for item in items:
        answer = Answer.from_json(json.loads(item.content.read_bytes()))
        told = [f"Because {_escape(answer.reason)}"] if answer.reason else []
        told += [f"<strong class='warning'>{_escape(warning)}</strong>" for warning in answer.warnings]
        told += [f"<a href='#a-{item.id}'>what came back</a>"] if answer.data else []
        name = f"{_escape(answer.question)}<br><small class='cite'>{_escape(answer.asked)}</small>"
        shade = " class='confirmed'" if answer.status in (Status.FAILED, Status.PARTIAL) else ""
        rows.append(
            f"<tr{shade}><th scope='row'>{name}</th><td class='verdict'>{STATUS_WORDS[answer.status]}</td><td>{'<br>'.join(told)}</td>"
            f"<td class='time'>{_time(answer.asked_at)}</td><td class='n'>{answer.duration_ms:,.0f} ms</td></tr>"
        )
        if answer.clock:
            clocks.append(f"{_escape(answer.target)}: {answer.clock.offset_ms:+,.0f} ms, give or take {answer.clock.error_ms:,.0f} ms")
        sent = item.ledger.read_text(encoding="utf-8") if item.ledger_sha256 else "nothing"
        shown = json.dumps(answer.data, indent=1, ensure_ascii=False)
        cut = f"\n... and {len(shown) - MOST_SHOWN:,} characters more in the evidence" if len(shown) > MOST_SHOWN else ""
        details.append(
            f"<details id='a-{item.id}'><summary>item <code>{item.id}</code>, {_escape(answer.question)}</summary><pre>{_escape(shown[:MOST_SHOWN] + cut)}</pre>"
            f"<p>Sent for it:</p><pre>{_escape(sent)}</pre></details>"
        )
    if not rows:
        return Html("")
    caption = f"The servers' clocks against this machine's, which nothing here was corrected by: {'; '.join(clocks)}." if clocks else ""
    columns = ["Question", "Answer", "What a person should know", "Asked", "Took"]
    return Html(f"<h2>What did the live systems answer?</h2>{table(columns, rows, caption)}{''.join(details)}")


def cited_lines(found: Sequence[Finding], events: Sequence[Event], records: Records) -> Html:
    """The lines behind the figures, as they stand in the evidence (redacted), and the queries that gave the figures."""
    cited: dict[Line, None] = {}
    for citation in [citation for finding in found for citation in finding.citations] + [event.citation for event in events[:MOST_EVENTS]]:
        for line in _lines_of(citation):
            cited[line] = None
    raw = records.raw_lines(cited)  # redacted there; once is enough for lines of many kilobytes
    shown = "".join(
        f"<details id='{_anchor(line)}'><summary>item <code>{_escape(line.item)}</code>, line {line.line:,}</summary><pre>{html.escape(raw[line])}</pre></details>"
        for line in cited
        if line in raw
    )
    cited_queries = {
        citation.query for finding in found for citation in finding.citations if isinstance(citation, Figure | Absence) and not _is_answer(citation)
    }
    names = dict.fromkeys(("requests_by_bucket", "calls_by_bucket", "errors", "signs", "streams", "accounting", *sorted(cited_queries), "requests", "calls"))
    queries = "".join(
        f"<details id='q-{name}'><summary>{_escape(question_title(name))} (<code>{name}.sql</code>)</summary><pre>{_escape(question(name))}</pre></details>"
        for name in names
    )
    return Html(f"<h3>Lines</h3>{shown}<h3>Queries</h3>{queries}")


def citations(cited: Iterable[Citation]) -> str:
    """Small links from a statement to what it rests on."""
    parts = []
    for citation in cited:
        if isinstance(citation, Figure):
            lines = " ".join(f"<a href='#{_anchor(line)}'>{line.line}</a>" for line in citation.exemplars)
            parts.append(f"<a href='#q-{_escape(citation.query)}'>{citation.n:,} records</a>{', such as line ' + lines if lines else ''}")
        elif isinstance(citation, Absence) and _is_answer(citation):
            parts.append(", ".join(f"<a href='#a-{_escape(item)}'>{_escape(citation.query)}, item {_escape(item)}</a>" for item in citation.items))
        elif isinstance(citation, Absence):
            parts.append(f"<a href='#q-{_escape(citation.query)}'>none among {citation.examined:,} records</a>")
        elif isinstance(citation, Pointer):
            parts.append(f"<a href='#a-{_escape(citation.item)}'>item {_escape(citation.item)}</a> at {_escape(citation.pointer)}")
        elif citation.item == "journal":
            parts.append(f"journal, line {citation.line}")
        else:
            parts.append(f"<a href='#{_anchor(citation)}'>line {citation.line}</a>")
    return f" <small class='cite'>[{'; '.join(parts)}]</small>" if parts else ""


def how_to_verify() -> Html:
    """The commands with which anyone can check this report, ours and the stock ones."""
    return Html(
        "<p>This report lies in a BagIt bag. In the run's folder, the one that holds <code>bagit.txt</code>:</p>"
        "<pre>sha256sum -c manifest-sha256.txt        # every file as it was sealed\n"
        "bagit.py --validate .                   # the same, by the Library of Congress's tool\n"
        "incident-kit verify .                   # also the items' own hashes and the journal's chain\n"
        "incident-kit reproduce .                # the findings again, from the evidence alone</pre>"
        "<p>The digest printed at sealing, which is also in the incident's journal, is the SHA-256 of <code>tagmanifest-sha256.txt</code> and stands for all of it.</p>"
    )


def _note(query: str) -> str:
    return f" <small class='cite'>[<a href='#q-{query}'>{query}.sql</a>]</small>"


def _lines_of(citation: Citation) -> tuple[Line, ...]:
    if isinstance(citation, Figure):
        return citation.exemplars
    return (citation,) if isinstance(citation, Line) else ()


def _is_answer(citation: Figure | Absence) -> bool:
    """Whether it rests on a live system's answer, and not on a query over records."""
    return not (QUERIES / f"{citation.query}.sql").is_file()


def _anchor(line: Line) -> str:
    return f"l-{_escape(line.item)}-{line.line}"


def table(columns: Sequence[str], rows: Sequence[str], caption: str = "") -> Html:
    head_row = "".join(f"<th scope='col'>{column}</th>" for column in columns)
    note = f"<caption>{caption}</caption>" if caption else ""
    return Html(f"<div class='scroll'><table>{note}<thead><tr>{head_row}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>")


def _time(at: datetime) -> str:
    return f"<time datetime='{at.isoformat()}'>{at:%Y-%m-%d %H:%M:%S} UTC</time>"


def _span(since: datetime, until: datetime) -> str:
    seconds = int((until - since).total_seconds())
    return f"{seconds // 3600} h {seconds // 60 % 60} min" if seconds >= 3600 else f"{seconds // 60} min {seconds % 60} s"


def _escape(text: object) -> str:
    # Redacting again what was redacted changes nothing, and catches text that did not come from the records.
    return html.escape(redact(str(text)), quote=True)
