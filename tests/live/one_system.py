"""Asking one system in a test, as the kit does: in a thread, within a budget, with its ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from incident_kit.live.ask import ask
from incident_kit.live.session import Session
from incident_kit.live.systems import System
from incident_kit.model.answer import Answer, Sent, Status

# Far above what any fault may take and far below what a hang would.
BUDGET_S = 8.0


@dataclass
class Outcome:
    """What was answered: by question, and the whole ledger in the order of sending."""

    answers: dict[str, Answer]
    took_s: float

    @property
    def ledger(self) -> list[Sent]:
        return [sent for answer in self.answers.values() for sent in answer.ledger]

    @property
    def words(self) -> str:
        """Every reason and warning."""
        return "\n".join(text for answer in self.answers.values() for text in (answer.reason, *answer.warnings) if text)

    @property
    def complete(self) -> bool:
        return all(answer.status is Status.OK and not answer.warnings for answer in self.answers.values())


def ask_one(
    name: str, questions: Callable[[Session], Iterator[Answer]], budget_s: float = BUDGET_S, target: str = "TARGET"
) -> Outcome:
    """Ask one system and wait for its end. Fails if it takes longer than its budget, or leaves a thread behind."""
    heard: list[Answer] = []
    begun = time.monotonic()
    ask([System(name, target, budget_s, questions)], budget_s, heard.append)
    took_s = time.monotonic() - begun
    assert took_s < budget_s + 2, f"{name} took {took_s:.1f} s of {budget_s} s"
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("ask ")]
    assert left == [], "a diagnostic is still running"
    return Outcome({answer.question: answer for answer in heard}, took_s)
