"""Asking live systems: all side by side, each within its allowance and all within one, every answer handed on as it comes.

A system that does not answer in time gets a failed answer, and its connections are cut, so that nothing of it runs on.
Whatever ends the asking early (Ctrl-C, a full disk) leaves in the store what had come by then.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from incident_kit.configuration import Configuration
from incident_kit.diagnostics.conversation import MOST_RECEIVED_BYTES, Budget, Conversation, NoAnswer
from incident_kit.errors import EvidenceError
from incident_kit.evidence.item import Item
from incident_kit.evidence.store import Evidence
from incident_kit.model.answer import Answer, Fault
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.times import iso

BUDGET_S = 20.0
# How often it is looked whether a system sends without end.
LOOK_S = 0.2
# After its connections are cut, a diagnostic has this long to say so itself.
GRACE_S = 1.0

Heard = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class System:
    """A system to ask: its name, its target's name, the seconds it may take, and the questions."""

    name: str
    target: str
    allowance_s: float
    ask: Callable[[Conversation], Iterator[Answer]]


@dataclass
class Asked:
    """What came of asking: the items in the order of their arrival, the answers that could not be stored, and whether somebody pressed Ctrl-C."""

    items: list[Item] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False


def ask_live(evidence: Evidence, configuration: Configuration, env_file: Path | None = None, budget_s: float = BUDGET_S, heard: Heard = lambda answer: None) -> Asked:  # fmt: skip
    """Ask every system that is named, store each answer as an item, and tell `heard` of it.

    An answer for which there is no room is told too, and named in the notes. Raises nothing for what systems do.
    """
    asked = Asked()

    def keep(answer: Answer) -> None:
        try:
            item = store(evidence, answer)
        except EvidenceError as error:
            asked.notes.append(f"the answer {answer.question} ({answer.status.value}) could not be stored: {error}")
        else:
            asked.items.append(item)
        asked.answers.append(answer)
        heard(answer)

    try:
        ask(systems(configuration, os.environ, env_file), budget_s, keep, evidence.redaction())
    except KeyboardInterrupt:
        asked.interrupted = True
        asked.notes.append("the asking was interrupted by Ctrl-C: what is not among the answers was not asked or not waited for")
    return asked


def store(evidence: Evidence, answer: Answer) -> Item:
    """Store one answer with its ledger. Raises EvidenceError where there is no room."""
    return evidence.add(
        [answer.content()], kind="answer", origin=answer.question, asked=answer.asked, asked_at=iso(answer.asked_at), duration_ms=answer.duration_ms,
        details={
            "target": answer.target, "status": answer.status.value, "reason": answer.reason, "fault": answer.fault.value if answer.fault else None,
            "warnings": list(answer.warnings), "clock": answer.clock.to_json() if answer.clock else None,
        }, ledger=answer.ledger_lines(),
    )  # fmt: skip


def ask(asked: Sequence[System], budget_s: float, heard: Heard, redaction: Redaction = REDACTION) -> None:
    """Ask the systems side by side; `heard` gets each answer as it comes, in this thread. Returns when all have ended or were ended."""
    arrived: queue.SimpleQueue[tuple[Running, Answer | None]] = queue.SimpleQueue()
    running = [Running(system, budget_s, arrived, redaction) for system in asked]
    pending: Answer | None = None
    try:
        while unfinished := [one for one in running if not one.ended]:
            try:
                one, pending = arrived.get(timeout=max(0.0, min(LOOK_S, *(other.next_look_s() for other in unfinished))))
            except queue.Empty:
                for other in unfinished:
                    if (late := other.look()) is not None:
                        heard(late)
                continue
            one.ended = one.ended or pending is None
            if pending is not None and not one.given_up:
                heard(pending)
            pending = None
    finally:
        # Also on Ctrl-C: stop everything, and hand on what had come (once more, if it came in the midst of that).
        for one in running:
            one.budget.cut("it had not answered when the asking was interrupted")
        if pending is not None:
            heard(pending)
        end = time.monotonic() + GRACE_S
        while any(not one.ended for one in running) and time.monotonic() < end:
            try:
                one, answer = arrived.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            one.ended = one.ended or answer is None
            if answer is not None and not one.given_up:
                heard(answer)


class Running:
    """One system being asked, in a thread of its own."""

    def __init__(self, system: System, budget_s: float, arrived: queue.SimpleQueue[tuple[Running, Answer | None]], redaction: Redaction) -> None:
        self.system, self._arrived = system, arrived
        self.budget = Budget(min(system.allowance_s, budget_s))
        self.talk = Conversation(system.name, system.target, self.budget, redaction)
        self.ended = self.given_up = False
        self._grace_ends = 0.0
        threading.Thread(target=self._run, daemon=True, name=f"ask {system.name}").start()

    def _run(self) -> None:
        try:
            for answer in self.system.ask(self.talk):
                self._arrived.put((self, answer))
        except NoAnswer as failure:  # before any question
            self._arrived.put((self, self.talk.failed(str(failure), failure.fault)))
        except ImportError as error:
            self._arrived.put((self, self.talk.failed(f"what asks {self.system.name} is not installed here ({error}); install incident-kit again", Fault.OURS)))
        except Exception as error:  # a fault of ours in one diagnostic is a failed answer and must not cost the others theirs
            self._arrived.put((self, self.talk.failed(f"our own fault: {type(error).__name__}: {error}", Fault.OURS)))
        finally:
            self._arrived.put((self, None))

    def next_look_s(self) -> float:
        """Seconds until something has to be done about it."""
        return (self._grace_ends or time.monotonic() + self.budget.remaining_s()) - time.monotonic()

    def look(self) -> Answer | None:
        """Stop it if its time is up; the answer that says so, where it does not come by itself."""
        now = time.monotonic()
        if self._grace_ends and now >= self._grace_ends:
            self.ended = self.given_up = True
            return self.talk.failed(self.budget.words(), Fault.OURS)
        if not self._grace_ends and (self.budget.spent or self.budget.flooded):
            self.budget.cut("" if self.budget.spent else f"it sent more than {MOST_RECEIVED_BYTES >> 20} MiB for a question; it was stopped")
            self._grace_ends = now + GRACE_S
        return None


def systems(configuration: Configuration, environment: Mapping[str, str], env_file: Path | None = None) -> list[System]:
    """The systems of the configuration, with their addresses from the environment, else from the BFF's env file.

    Each diagnostic is imported in its own thread, because importing takes as long as asking.
    """
    targets = configuration.targets
    path = env_file or (Path(configuration.env_file) if configuration.env_file else None)
    values = {**_of_file(path), **environment}

    def redis(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import redis as diagnostic

        return diagnostic.ask(values[targets.redis], talk)

    def postgres(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import postgres as diagnostic

        return diagnostic.ask(values[targets.postgres], talk)

    def health(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import health as diagnostic

        if not configuration.health_url:
            return iter([talk.not_checked("health", "Anything of the BFF's health", "the configuration names no health check")])
        return diagnostic.ask(configuration.health_url, talk)

    def whmcs(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import whmcs as diagnostic

        return diagnostic.ask(values[targets.whmcs], values.get(targets.whmcs_identifier, ""), values.get(targets.whmcs_secret, ""), talk)

    def salesforce(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import salesforce as diagnostic

        names = (targets.salesforce, targets.salesforce_client_id, targets.salesforce_username, targets.salesforce_key_file)
        if unset := [name for name in names if not values.get(name)]:
            return iter([talk.not_checked("salesforce", "Anything of Salesforce", f"{', '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set")])
        return diagnostic.ask(diagnostic.Access(*(values[name] for name in names)), talk)

    def process(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import process as diagnostic

        if not configuration.process:
            return iter([talk.not_checked("process", "Anything of the BFF's process", "the configuration names no process")])
        return diagnostic.ask(configuration.process, talk)

    def settings(talk: Conversation) -> Iterator[Answer]:
        from incident_kit.diagnostics import environment as diagnostic

        if path is None:
            return iter(
                [talk.not_checked("environment", "Anything of the BFF's settings", "no environment file is named with --env-file or in the configuration")]
            )
        return diagnostic.ask(path, configuration.process, talk)

    return [
        named(System("redis", targets.redis, 15, redis), values),
        named(System("postgres", targets.postgres, 15, postgres), values),
        System("health", "health_url", 10, health),
        named(System("whmcs", targets.whmcs, 15, whmcs), values),
        System("salesforce", targets.salesforce, 15, salesforce),
        System("environment", "env_file", 5, settings),
        System("process", "process", 5, process),
    ]


def _of_file(path: Path | None) -> Mapping[str, str]:
    """The values of the env file; none where it cannot be read, which its own answer will say."""
    if path is None:
        return {}
    from incident_kit.diagnostics import environment

    try:
        return environment.read(path).values
    except NoAnswer:
        return {}


def named(system: System, values: Mapping[str, str]) -> System:
    """The system, or where its target has no value, the same with the answer that it was not asked."""
    if values.get(system.target):
        return system
    reason = f"{system.target} is set neither in this environment nor in an env file named with --env-file"
    return System(system.name, system.target, system.allowance_s, lambda talk: iter([talk.not_checked(system.name, f"Anything of {system.name}", reason)]))
