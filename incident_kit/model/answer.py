"""Answers: what a live system was asked and what came back. A failure is an answer too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from incident_kit.model.fields import MOST_MS, Fields, Unusable
from incident_kit.model.finding import Pointer
from incident_kit.model.times import Window, iso
from incident_kit.model.visible import visible

# Half a character, as a system may send one, is written as the escape that JSON has for it.
LONE_SURROGATES: Any = {"encoding": "utf-8", "errors": "backslashreplace"}


class Status(StrEnum):
    """How far a question was answered. `not_checked`: nothing was asked, for the reason given."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


class Fault(StrEnum):
    """Whose fault it is that a question was not answered, or not wholly.

    It is set where the failure happened, never read from its sentence. Only what is the system's own tells of the
    system. The others tell of where and with what it was asked.
    """

    SYSTEM = "system"  # it answered badly, refuses everybody, or took the connection and then said nothing
    NETWORK = "network"  # its name is not found, no way leads there, or TLS between here and there fails
    CREDENTIALS = "credentials"  # it does not admit us: a password, a right or a permission that this machine lacks
    OURS = "ours"  # an address that cannot be asked, a missing driver, a bug, an interruption, a budget that is spent


@dataclass(frozen=True, slots=True)
class ServerClock:
    """A server's own time beside ours: `offset_ms` is theirs minus ours, and wrong by at most `error_ms`."""

    server: datetime
    offset_ms: float
    error_ms: float
    round_trip_ms: float

    @classmethod
    def compared(
        cls, server: datetime, asked_at: datetime, round_trip_ms: float, resolution_ms: float = 0.0
    ) -> ServerClock:
        """From a time that a server gave in one round trip.

        It read its clock somewhere within the round trip, so half of that bounds the error. A clock that tells only
        whole steps of `resolution_ms` (an HTTP Date: seconds) was somewhere within its step: half a step more.
        """
        theirs = server + timedelta(milliseconds=resolution_ms / 2)
        ours = asked_at + timedelta(milliseconds=round_trip_ms / 2)
        return cls(
            server, (theirs - ours) / timedelta(milliseconds=1), (round_trip_ms + resolution_ms) / 2, round_trip_ms
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "server": iso(self.server),
            "offset_ms": round(self.offset_ms, 3),
            "error_ms": round(self.error_ms, 3),
            "round_trip_ms": round(self.round_trip_ms, 3),
        }

    @classmethod
    def from_json(cls, data: Any) -> ServerClock:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        server, offset_ms = fields.moment("server"), fields.number("offset_ms", least=-MOST_MS)
        return cls(server, offset_ms, fields.number("error_ms"), fields.number("round_trip_ms"))


@dataclass(frozen=True, slots=True)
class Sent:
    """One statement or command that was sent, without its secrets; `outcome` is empty where no reply was seen."""

    sent_at: datetime
    text: str
    duration_ms: float | None = None
    outcome: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "at": iso(self.sent_at),
            "sent": self.text,
            "duration_ms": None if self.duration_ms is None else round(self.duration_ms, 3),
            "outcome": self.outcome,
        }


class Outcome(NamedTuple):
    """What both an answer and the description of its item say: how it went."""

    target: str
    status: Status
    reason: str
    fault: Fault | None
    clock: ServerClock | None
    warnings: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Any) -> Outcome:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        status = Status(fields.one_of("status", list(Status)))
        reason = fields.text("reason")
        if status is not Status.OK and not reason:
            raise Unusable(f"the field 'reason' must say why the status is {status.value}; it is empty")
        # Answers stored before there was this field have none: `Answer.blamed` says how they are read.
        fault = Fault(fields.one_of("fault", list(Fault))) if fields.data.get("fault") is not None else None
        clock = ServerClock.from_json(fields.fields("clock")) if fields.data.get("clock") is not None else None
        return cls(fields.text("target"), status, reason, fault, clock, fields.texts("warnings"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one question.

    `question` is its name (`redis.info`), `asked` the question in words, `target` the NAME of the environment variable
    that says where the system is, never its value. `reason` says in plain words why it is not `ok`, and `fault` whose
    fault that is. `warnings` are what a person must know before trusting or using the answer. `ledger` holds everything
    that was sent for it.
    """

    question: str
    asked: str
    target: str
    asked_at: datetime
    duration_ms: float
    status: Status
    reason: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    clock: ServerClock | None = None
    warnings: tuple[str, ...] = ()
    ledger: tuple[Sent, ...] = ()
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if self.status is not Status.OK and not self.reason:
            raise ValueError(f"{self.question}: {self.status} needs its reason")

    @property
    def system(self) -> str:
        """The system that was asked: `redis` of `redis.info`."""
        return self.question.partition(".")[0]

    @property
    def blamed(self) -> Fault | None:
        """Whose fault it is that the answer is not whole; None if it is, or if nothing was asked.

        Answers stored by versions before this field do not say. They are read as those versions read nearly all of
        them: as the system's fault.
        """
        if self.status in (Status.OK, Status.NOT_CHECKED):
            return None
        return self.fault or Fault.SYSTEM

    def to_json(self) -> dict[str, Any]:
        """Everything but the ledger, which is kept beside it."""
        return {
            "question": self.question,
            "asked": self.asked,
            "target": self.target,
            "asked_at": iso(self.asked_at),
            "duration_ms": round(self.duration_ms, 3),
            "status": self.status.value,
            "reason": self.reason,
            "fault": self.fault.value if self.fault else None,
            "clock": self.clock.to_json() if self.clock else None,
            "warnings": list(self.warnings),
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, data: Any) -> Answer:
        """An answer from its content, without its ledger. Raises Unusable naming the field.

        A field that is not known is left alone: other versions collected evidence too.
        """
        fields = Fields.of(data)
        outcome = Outcome.from_json(fields)
        return cls(
            question=fields.text("question"),
            asked=fields.text("asked"),
            target=outcome.target,
            asked_at=fields.moment("asked_at"),
            duration_ms=fields.number("duration_ms"),
            status=outcome.status,
            reason=outcome.reason,
            data=fields.fields("data").data,
            clock=outcome.clock,
            warnings=outcome.warnings,
            fault=outcome.fault,
        )

    def content(self) -> bytes:
        """The answer as it is stored: JSON, one field a line, for a person to read and a pointer to cite."""
        return (
            json.dumps(self.to_json(), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode(
                **LONE_SURROGATES
            )
            + b"\n"
        )

    def ledger_lines(self) -> bytes:
        """The ledger as it is stored: a JSON object a line, in the order of sending."""
        return b"".join(
            json.dumps(sent.to_json(), ensure_ascii=False, sort_keys=True).encode(**LONE_SURROGATES) + b"\n"
            for sent in self.ledger
        )

    def sentence(self) -> str:
        """The answer in a line, for a terminal."""
        remarks = [self.reason] if self.reason else []
        remarks += [f"WARNING: {warning}" for warning in self.warnings]
        remarks += [self.momentary] if self.momentary else []
        line = f"{self.status.value:>11}  {self.question}  {self.duration_ms:,.0f} ms"
        return line + (f"  {visible('; '.join(remarks))}" if remarks else "")

    @property
    def momentary(self) -> str:
        """Of an answer without rows, that it tells of its moment only; empty for any other.

        Nobody is to take it for the state of the whole incident.
        """
        empty = self.status is Status.OK and self.data.get("rows") == []
        return f"none at {self.asked_at:%H:%M:%S} UTC, which tells of that moment only" if empty else ""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer and the item that holds it."""

    item: str
    answer: Answer

    @property
    def moment(self) -> Window:
        """The time it speaks of: that of the asking."""
        return Window(
            self.answer.asked_at, self.answer.asked_at + timedelta(milliseconds=max(1.0, self.answer.duration_ms))
        )

    def at(self, pointer: str) -> Pointer:
        """The citation of a place in it, such as `/data/memory`."""
        return Pointer(self.item, pointer)
