"""What live systems answered, what could not be collected, and how a notebook was worked on."""

from __future__ import annotations

import json
from collections.abc import Sequence

from incident_kit.evidence.item import Item
from incident_kit.model.answer import Fault, Status
from incident_kit.model.redaction import redact, redact_tree
from incident_kit.report.page.pieces import Html, escape, table, time

MOST_SHOWN = 20_000  # characters of one answer's data on the page


def notes(lost: Sequence[str]) -> Html:
    """What could not be collected; empty if all could."""
    listed = "".join(f"<li>{escape(note)}</li>" for note in lost)
    return Html(f"<h2>What could not be collected?</h2><ul class='warning'>{listed}</ul>" if lost else "")


def masked(found: Sequence[str]) -> Html:
    """What was masked before the seal; empty if nothing was."""
    listed = "".join(f"<li>{escape(line)}</li>" for line in found)
    told = "<p>What looked like a secret in what this report shows was masked. The evidence in the run is whole.</p>"
    return Html(f"<h2 id='masked'>What was masked?</h2>{told}<ul class='warning'>{listed}</ul>" if found else "")


def worked(doubted: Sequence[str]) -> Html:
    """What a reader has to know of a notebook worked on by hand."""
    listed = "".join(f"<li>{escape(doubt)}</li>" for doubt in doubted)
    told = f"<ul class='warning'>{listed}</ul>" if doubted else "<p>By hand. Every cell was run in order, as it stands.</p>"
    return Html(f"<h2 id='worked'>How was this notebook worked on?</h2>{told}")


STATUS_WORDS = {
    Status.OK: "answered",
    Status.PARTIAL: "answered in part",
    Status.FAILED: "not answered",
    Status.NOT_CHECKED: "– not asked",
}

FAULT_WORDS = {
    Fault.SYSTEM: "a fault of the system",
    Fault.NETWORK: "a fault of the way there",
    Fault.CREDENTIALS: "this machine may not ask that",
    Fault.OURS: "a fault of the asking",
}


def answers(items: Sequence[Item]) -> Html:
    """What the live systems answered, each with its clock and everything that was sent; empty if none was asked."""
    rows, details, clocks = [], [], []
    for item in items:
        answer = item.answer()
        told = [f"Because {escape(redact(answer.reason))}" + (f" ({FAULT_WORDS[answer.fault]})" if answer.fault else "")] if answer.reason else []
        told += [f"<strong class='warning'>{escape(redact(warning))}</strong>" for warning in answer.warnings]
        told += [answer.momentary] if answer.momentary else []
        told += [f"<a href='#a-{item.id}'>what came back</a>"] if answer.data else []
        name = f"{escape(answer.question)}<br><small class='cite'>{escape(answer.asked)}</small>"
        shade = " class='confirmed'" if answer.status in (Status.FAILED, Status.PARTIAL) else ""
        rows.append(
            f"<tr{shade}><th scope='row'>{name}</th><td class='verdict'>{STATUS_WORDS[answer.status]}</td><td>{'<br>'.join(told)}</td>"
            f"<td class='time'>{time(answer.asked_at)}</td><td class='n'>{answer.duration_ms:,.0f} ms</td></tr>"
        )
        if answer.clock:
            clocks.append(f"{escape(answer.target)}: {answer.clock.offset_ms:+,.0f} ms, give or take {answer.clock.error_ms:,.0f} ms")
        # They were redacted when they were stored; a stranger's bag may hold others.
        sent = redact(item.ledger_text()) or "nothing"
        shown = json.dumps(redact_tree(answer.data), indent=1, ensure_ascii=False)
        cut = f"\n... and {len(shown) - MOST_SHOWN:,} characters more in the evidence" if len(shown) > MOST_SHOWN else ""
        details.append(
            f"<details id='a-{item.id}'><summary>item <code>{item.id}</code>, {escape(answer.question)}</summary><pre>{escape(shown[:MOST_SHOWN] + cut)}</pre>"
            f"<p>Sent for it:</p><pre>{escape(sent)}</pre></details>"
        )
    if not rows:
        return Html("")
    caption = f"The servers' clocks against this machine's, which nothing here was corrected by: {'; '.join(clocks)}." if clocks else ""
    columns = ["Question", "Answer", "What a person should know", "Asked", "Took"]
    return Html(f"<h2>What did the live systems answer?</h2>{table(columns, rows, caption, columns[4:])}{''.join(details)}")
