"""What every question to a system shares: its allowance of time, its ledger, and how a failure becomes an answer."""

from __future__ import annotations

import math
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from incident_kit.model.answer import Answer, Fault, Sent, ServerClock, Status
from incident_kit.model.redaction import REDACTION, Redaction

MOST_TEXT = 4000  # characters of one sentence or one statement
# Of one connection: far more than any answer here has, and far less than fills the memory.
MOST_RECEIVED_BYTES = 64 << 20


class NoAnswer(Exception):
    """A question was not answered: the message says why in plain words, `fault` whose fault that is.

    `final`: nothing more can be asked on this connection.
    """

    def __init__(self, reason: str, final: bool = False, fault: Fault = Fault.SYSTEM) -> None:
        super().__init__(reason)
        self.final, self.fault = final, fault


class Budget:
    """The seconds that a system's questions may take together, and the connections to cut when they are spent.

    A timeout of a single read does not bound a reply that comes a byte at a time. So every connection is held here, and
    `cut` shuts it down from outside, which ends whatever is waiting on it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._cut_because = ""

    @property
    def spent(self) -> bool:
        return bool(self._cut_because) or time.monotonic() >= self._end

    def left_s(self, most: float = math.inf) -> float:
        """The seconds that are left, `most` at most. Raises NoAnswer when there are none."""
        if self.spent:
            raise NoAnswer(self.reason(), final=True, fault=Fault.OURS)
        return min(most, self._end - time.monotonic())

    def remaining_s(self) -> float:
        """The seconds until the end; 0 when it is past."""
        return max(0.0, self._end - time.monotonic())

    def reason(self) -> str:
        """Why nothing more can be asked."""
        return self._cut_because or f"no complete answer within the {self.seconds:g} s allowed; it was stopped"

    @property
    def flooded(self) -> bool:
        """Whether more came on a connection than any question asks for.

        Drivers keep a reply in memory until it is whole.
        """
        with self._lock:
            return any(received_bytes(connection) > MOST_RECEIVED_BYTES for connection in self._held)

    @contextmanager
    def holding(self, descriptor: int) -> Iterator[None]:
        """Let `cut` reach the connection of this descriptor while the block runs."""
        # A duplicate of our own: the number of a descriptor closed elsewhere may by then belong to something else.
        connection = socket.socket(fileno=os.dup(descriptor))
        with self._lock:
            self._held.append(connection)
            if self._cut_because:
                shut_down(connection)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(connection)
            connection.close()

    def cut(self, because: str = "") -> None:
        """End every connection that is held, now, and refuse new ones; because of the time, if no reason is given."""
        with self._lock:
            self._cut_because = self._cut_because or because or self.reason()
            for connection in self._held:
                shut_down(connection)


def shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side may have ended it already
        connection.shutdown(socket.SHUT_RDWR)


def received_bytes(connection: socket.socket) -> int:
    """What has come on a TCP connection, as Linux counts it; 0 where nobody says.

    It is `tcpi_bytes_received` of linux/tcp.h.
    """
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
    except (OSError, AttributeError):  # no TCP, or not Linux
        return 0
    return int.from_bytes(info[128:136], sys.byteorder)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a question got: its data, the server's clock where it has one, and warnings.

    Where something is missing, the reply is partial, and `fault` says by whose fault.
    """

    data: Mapping[str, Any]
    clock: ServerClock | None = None
    warnings: tuple[str, ...] = ()
    missing: str = ""
    fault: Fault = Fault.SYSTEM


class LedgerEntry:
    """A line of the ledger while its reply is still awaited."""

    def __init__(self, text: str) -> None:
        self.sent_at, self._begun = datetime.now(UTC), time.perf_counter()
        self.text, self.outcome = text, ""
        self.duration_ms: float | None = None

    def done(self, outcome: str = "ok") -> None:
        self.duration_ms = (time.perf_counter() - self._begun) * 1000
        self.outcome = outcome


@dataclass
class Session:
    """The questions to one system: whom to ask, how long it may take, what was sent, which values never to show."""

    system: str
    target: str
    budget: Budget
    redaction: Redaction = REDACTION
    secrets: Sequence[str] = ()
    closed: bool = False
    _ledger: list[LedgerEntry] = field(default_factory=list)
    _current: tuple[str, str, datetime, float] | None = None

    def note(self, text: str) -> LedgerEntry:
        """Put into the ledger that `text` is sent now. Before it is sent: it stays known if no reply ever comes."""
        entry = LedgerEntry(text)
        self._ledger.append(entry)
        return entry

    @contextmanager
    def sending(self, text: str) -> Iterator[None]:
        """Note that `text` is sent now, and how that ends."""
        entry = self.note(text)
        try:
            yield
        except BaseException as error:
            entry.done(f"{type(error).__name__}: {error}")
            raise
        entry.done()

    def answer(self, question: str, asked: str, ask: Callable[[], Reply]) -> Answer:
        """Ask one question. What the system does, or fails to do, is in the answer; nothing of it is raised."""
        self._current = (question, asked, datetime.now(UTC), time.perf_counter())
        try:
            self.budget.left_s()
            reply = ask()
        except NoAnswer as failure:
            self.closed = self.closed or failure.final
            if self.budget.spent:  # then our own cutting of the connection is why it failed, whatever that looked like
                return self._made(Status.FAILED, self.budget.reason(), Reply({}), Fault.OURS)
            return self._made(Status.FAILED, str(failure), Reply({}), failure.fault)
        if reply.missing:
            return self._made(Status.PARTIAL, reply.missing, reply, reply.fault)
        return self._made(Status.OK, "", reply)

    def failed(self, reason: str, fault: Fault) -> Answer:
        """The failed answer to whatever is being asked at the moment."""
        if self._current is None:
            self._current = (self.system, f"Anything of {self.system}", datetime.now(UTC), time.perf_counter())
        return self._made(Status.FAILED, reason, Reply({}), fault)

    def not_checked(self, question: str, asked: str, reason: str) -> Answer:
        """The answer to a question that was not asked."""
        self._current = (question, asked, datetime.now(UTC), time.perf_counter())
        return self._made(Status.NOT_CHECKED, reason, Reply({}))

    def _made(self, status: Status, reason: str, reply: Reply, fault: Fault | None = None) -> Answer:
        assert self._current is not None  # noqa: S101 - every caller has set it
        question, asked, asked_at, begun = self._current
        entries, self._ledger = self._ledger, []
        secrets = hideable(self.secrets)

        def shown(value: Any) -> Any:
            return self.redaction.tree(value, secrets)

        return Answer(
            f"{self.system}.{question}" if question != self.system else question,
            asked,
            self.target,
            asked_at,
            (time.perf_counter() - begun) * 1000,
            status,
            bounded(shown(reason)),
            shown(reply.data),
            reply.clock,
            tuple(bounded(warning) for warning in shown(reply.warnings)),
            tuple(
                Sent(entry.sent_at, bounded(shown(entry.text)), entry.duration_ms, bounded(shown(entry.outcome)))
                for entry in entries
            ),
            fault,
        )


def bounded(text: str) -> str:
    """A text that may hold a system's own words, which may be of any length."""
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}... ({len(text) - MOST_TEXT:,} characters more)"


def hideable(secrets: Sequence[str]) -> list[str]:
    """The values to look for, the longest first. A value of one or two characters would take every text apart."""
    return sorted({secret for secret in secrets if len(secret) > 2}, key=len, reverse=True)
