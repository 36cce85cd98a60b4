"""What live systems answered, what could not be collected, and how a notebook was worked on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from incident_kit.evidence.item import Item
from incident_kit.model.answer import Answer, Status
from incident_kit.model.redaction import redact, redact_tree
from incident_kit.view.markup import Html, render

MOST_SHOWN = 20_000  # characters of one answer's data on the page


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer with its item, what came back as JSON, and what was sent for it."""

    item: Item
    answer: Answer
    data: str
    sent: str

    @property
    def wanting(self) -> bool:
        return self.answer.status in (Status.FAILED, Status.PARTIAL)


def notes(lost: Sequence[str]) -> Html:
    """What could not be collected; empty if all could."""
    return _listed("What could not be collected?", lost) if lost else Html("")


def contacts(sentences: Sequence[str]) -> Html:
    """Whom to call and how, as the team had configured it; empty if nothing was."""
    return _listed("Whom to call?", sentences, "contacts") if sentences else Html("")


def masked(places: Sequence[str]) -> Html:
    """What was masked before the seal; empty if nothing was."""
    lead = "What looked like a secret in what this report shows was masked. The evidence in the run is whole."
    return _listed("What was masked?", places, "masked", lead) if places else Html("")


def worked(doubts: Sequence[str]) -> Html:
    """What a reader has to know of a notebook worked on by hand."""
    lead = "" if doubts else "By hand. Every cell was run in order, as it stands."
    return _listed("How was this notebook worked on?", doubts, "worked", lead)


def _listed(title: str, remarks: Sequence[str], anchor: str = "", lead: str = "") -> Html:
    return render("listed", title=title, id=anchor, lead=lead, remarks=remarks)


def answers(items: Sequence[Item]) -> Html:
    """What the live systems answered, each with its clock and everything that was sent; empty if none was asked."""
    if not items:
        return Html("")
    shown = [_shown(item) for item in items]
    clocks = [(answered.answer.target, answered.answer.clock) for answered in shown if answered.answer.clock]
    return render("answers", answers=shown, clocks=clocks)


def _shown(item: Item) -> ShownAnswer:
    # They were redacted when they were stored; a stranger's bag may hold others.
    answer = item.answer()
    data = json.dumps(redact_tree(answer.data), indent=1, ensure_ascii=False)
    if len(data) > MOST_SHOWN:
        data = f"{data[:MOST_SHOWN]}\n... and {len(data) - MOST_SHOWN:,} characters more in the evidence"
    return ShownAnswer(item, answer, data, redact(item.ledger_text()) or "nothing")
