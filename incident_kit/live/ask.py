"""Asking live systems side by side: each within its allowance, all within one, every answer handed on as it comes.

A system that does not answer in time gets a failed answer, and its connections are cut: nothing of it runs on.
Whatever ends this early (Ctrl-C, a full disk) leaves in the store what had come by then.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from incident_kit.config.settings import Configuration
from incident_kit.errors import EvidenceError
from incident_kit.evidence.item import ANSWER, Item
from incident_kit.evidence.store import Evidence, Provenance
from incident_kit.live.session import MOST_RECEIVED_BYTES, Budget, NoAnswer, Session
from incident_kit.live.systems import System, systems
from incident_kit.model.answer import Answer, Fault
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.times import iso

BUDGET_S = 20.0
# How often it is looked whether a system sends without end.
LOOK_S = 0.2
# After its connections are cut, a diagnostic has this long to say so itself.
GRACE_S = 1.0
INTERRUPTED = "the asking was interrupted by Ctrl-C: what is not among the answers was not asked or not waited for"

OnAnswer = Callable[[Answer], None]


@dataclass
class LiveAnswers:
    """What live systems answered, in the order of arrival: all of it, what was stored of it, and what went wrong."""

    items: list[Item] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False


def ask_live(
    evidence: Evidence,
    configuration: Configuration,
    env_file: Path | None = None,
    budget_s: float = BUDGET_S,
    on_answer: OnAnswer = lambda answer: None,
) -> LiveAnswers:
    """Ask every system that is named, store each answer as an item, and hand it to `on_answer`.

    An answer for which there is no room is handed on too, and named in the notes. Raises nothing for what systems do.
    """
    live = LiveAnswers()

    def keep(answer: Answer) -> None:
        try:
            item = store(evidence, answer)
        except EvidenceError as error:
            live.notes.append(f"the answer {answer.question} ({answer.status.value}) could not be stored: {error}")
        else:
            live.items.append(item)
        live.answers.append(answer)
        on_answer(answer)

    try:
        ask(systems(configuration, os.environ, env_file), budget_s, keep, evidence.redaction())
    except KeyboardInterrupt:
        live.interrupted = True
        live.notes.append(INTERRUPTED)
    return live


def store(evidence: Evidence, answer: Answer) -> Item:
    """Store one answer with its ledger. Raises EvidenceError where there is no room."""
    return evidence.add(
        [answer.content()],
        Provenance(
            ANSWER,
            origin=answer.question,
            asked=answer.asked,
            asked_at=iso(answer.asked_at),
            duration_ms=answer.duration_ms,
            details={
                "target": answer.target,
                "status": answer.status.value,
                "reason": answer.reason,
                "fault": answer.fault.value if answer.fault else None,
                "warnings": list(answer.warnings),
                "clock": answer.clock.to_json() if answer.clock else None,
            },
        ),
        ledger=answer.ledger_lines(),
    )


def ask(
    to_ask: Sequence[System],
    budget_s: float,
    on_answer: OnAnswer,
    redaction: Redaction = REDACTION,
) -> None:
    """Ask the systems side by side; `on_answer` gets each answer as it comes, in this thread.

    Returns when all have ended or were ended.
    """
    arrived: queue.SimpleQueue[tuple[RunningSystem, Answer | None]] = queue.SimpleQueue()
    running = [RunningSystem(system, budget_s, arrived, redaction) for system in to_ask]
    pending: Answer | None = None
    try:
        while unfinished := [system for system in running if not system.ended]:
            next_look_s = min(LOOK_S, *(system.next_look_s() for system in unfinished))
            try:
                sender, pending = arrived.get(timeout=max(0.0, next_look_s))
            except queue.Empty:
                for system in unfinished:
                    if (late := system.look()) is not None:
                        on_answer(late)
                continue
            sender.ended = sender.ended or pending is None
            if pending is not None and not sender.given_up:
                on_answer(pending)
            pending = None
    finally:
        # Also on Ctrl-C: stop everything, and hand on what had come (once more, if it came in the midst of that).
        for system in running:
            system.budget.cut("it had not answered when the asking was interrupted")
        if pending is not None:
            on_answer(pending)
        end = time.monotonic() + GRACE_S
        while any(not system.ended for system in running) and time.monotonic() < end:
            try:
                sender, answer = arrived.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            sender.ended = sender.ended or answer is None
            if answer is not None and not sender.given_up:
                on_answer(answer)


class RunningSystem:
    """One system being asked, in a thread of its own."""

    def __init__(
        self,
        system: System,
        budget_s: float,
        arrived: queue.SimpleQueue[tuple[RunningSystem, Answer | None]],
        redaction: Redaction,
    ) -> None:
        self.system, self._arrived = system, arrived
        self.budget = Budget(min(system.allowance_s, budget_s))
        self.session = Session(system.name, system.target, self.budget, redaction)
        self.ended = self.given_up = False
        self._grace_ends = 0.0
        threading.Thread(target=self._run, daemon=True, name=f"ask {system.name}").start()

    def _run(self) -> None:
        try:
            for answer in self.system.ask(self.session):
                self._arrived.put((self, answer))
        except NoAnswer as failure:  # before any question
            self._fail(str(failure), failure.fault)
        except ImportError as error:
            self._fail(f"what asks {self.system.name} is not installed here ({error}); install incident-kit again")
        # A fault of ours in one diagnostic is a failed answer and must not cost the others theirs.
        except Exception as error:
            self._fail(f"our own fault: {type(error).__name__}: {error}")
        finally:
            self._arrived.put((self, None))

    def _fail(self, reason: str, fault: Fault = Fault.OURS) -> None:
        self._arrived.put((self, self.session.failed(reason, fault)))

    def next_look_s(self) -> float:
        """Seconds until something has to be done about it."""
        return (self._grace_ends or time.monotonic() + self.budget.remaining_s()) - time.monotonic()

    def look(self) -> Answer | None:
        """Stop it if its time is up; the answer that says so, where it does not come by itself."""
        now = time.monotonic()
        if self._grace_ends and now >= self._grace_ends:
            self.ended = self.given_up = True
            return self.session.failed(self.budget.reason(), Fault.OURS)
        if not self._grace_ends and (self.budget.spent or self.budget.flooded):
            flood = f"it sent more than {MOST_RECEIVED_BYTES >> 20} MiB for a question; it was stopped"
            self.budget.cut("" if self.budget.spent else flood)
            self._grace_ends = now + GRACE_S
        return None
