"""The journal: what people and this tool did, append-only, each line chained to the one before by its hash.

A line is a JSON object: `n` from 1, `kind`, `text`, `at` (when it happened), `written` (when it was written down),
`by`, where the kind has further fields `data`, and `previous`: the SHA-256 of the line before it (64 zeros for the
first). Changing or dropping a line breaks the chain at the next one; `faults` names the line. The seal of a run is
noted with its digest, so that a run that was sealed anew is told from the one that was sealed.

What the kinds mean for the incident, and which of their fields say so, is `incident.state`'s matter. `text` says all of
it in words too.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import re
import socket
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from incident_kit.errors import EvidenceError, ParameterError
from incident_kit.evidence.untrusted import FILE, kind_of, read_plain
from incident_kit.model.fields import Fields, Unusable, parse_json, without_halves
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.times import iso

BEGINNING = "0" * 64
# As `Journal.note_seal` writes it.
SEALED = re.compile(r"sealed run (?P<run>\S+), sha256 of its tag manifest (?P<digest>[0-9a-f]{64})")
REMEDY = "restore the file from a sealed run"


class Kind(StrEnum):
    """What an entry is about."""

    NOTE = "note"
    ACTION = "action"
    DECISION = "decision"
    COMPLAINT = "complaint"
    DEPLOY = "deploy"
    ESCALATED = "escalated"
    COMMUNICATED = "communicated"
    OBSERVATION = "observation"
    REVIEW = "review"  # that one was held, and where it is written
    # The incident's life.
    OPENED = "opened"
    ALERT = "alert"
    MILESTONE = "milestone"
    SEVERITY = "severity"
    STATUS = "status"
    IMPACT = "impact"
    STEP = "step"
    STRUCK = "struck"
    CLOSED = "closed"
    REOPENED = "reopened"
    # What was collected, taken over and sealed. This tool writes it; it is no part of what happened.
    CUSTODY = "custody"


# What a person notes in words. The other kinds have fields, and commands of their own.
NOTED = (
    Kind.NOTE,
    Kind.ACTION,
    Kind.DECISION,
    Kind.COMPLAINT,
    Kind.DEPLOY,
    Kind.ESCALATED,
    Kind.COMMUNICATED,
    Kind.OBSERVATION,
    Kind.REVIEW,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal; `line` counts from 1.

    `kind` is a text, for other versions may write kinds that this one does not know. `data` are the fields that the
    kind has besides, as JSON gives them.
    """

    line: int
    kind: str
    text: str
    happened: datetime
    written: datetime
    by: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_bookkeeping(self) -> bool:
        """Whether this tool wrote it about its own work."""
        return self.kind == Kind.CUSTODY


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that no other one struck out, without those that do the striking."""
    entries = list(entries)
    struck = struck_lines(entries)
    return [entry for entry in entries if entry.line not in struck and entry.kind != Kind.STRUCK]


def struck_lines(entries: Iterable[Entry]) -> dict[int, Entry]:
    """The lines that were struck out, each with the entry that did it."""
    struck: dict[int, Entry] = {}
    for entry in entries:
        line = entry.data.get("line") if entry.kind == Kind.STRUCK else None
        if isinstance(line, int):
            struck.setdefault(line, entry)
    return struck


class Journal:
    """The journal in one file. There need not be one yet: the first entry makes it.

    append        add an entry
    entries       all entries, redacted
    readable      those that can be read, where some cannot
    faults        where the chain is broken
    note_seal     note the digest of a run that is sealed
    noted_seal    the digest that was noted for a run
    """

    def __init__(self, path: Path, redaction: Redaction = REDACTION) -> None:
        self.path = path
        self.redaction = redaction

    def append(
        self,
        kind: str,
        text: str,
        happened: datetime | None = None,
        *,
        by: str = "",
        data: Mapping[str, Any] | None = None,
        permitted: Callable[[Sequence[Entry]], None] = lambda entries: None,
    ) -> Entry:
        """Add an entry and return it; `happened` is when, without it now; `by` is who says so.

        `permitted` gets the entries that are there while nobody else can write, and raises what forbids this one.
        Raises ParameterError for an unknown kind, EvidenceError where no journal can be written.
        """
        if kind not in list(Kind):
            raise ParameterError(f"not a kind of entry: {kind!r}. Use one of {', '.join(Kind)}.")
        if (there := kind_of(self.path)) not in ("", FILE):
            raise EvidenceError(f"{self.path}: {there}, not a journal. Nothing was noted; {REMEDY}.")
        with open(self.path, "a+b", opener=_opener) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two people may write at once; the chain needs one order
            file.seek(0)
            lines = _lines(file.read())
            permitted(self._readable(lines)[0])
            now = datetime.now(UTC)
            entry = {
                "n": len(lines) + 1,
                "kind": str(kind),
                "text": text,
                "at": iso(happened or now),
                "written": iso(now),
                "by": by or who(),
                "previous": digest(lines[-1]) if lines else BEGINNING,
                **({"data": dict(data)} if data else {}),
            }
            raw = json.dumps(entry, ensure_ascii=False, sort_keys=True).encode()
            if lines and not lines[-1].endswith(b"\n"):
                file.write(b"\n")  # a line cut short stays a line of its own, for `faults` to name
            file.write(raw + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return self._entry(len(lines) + 1, raw)

    def note_seal(self, run: str, tag_manifest_sha256: str) -> None:
        """Note the digest of a run that is being sealed."""
        self.append(Kind.CUSTODY, f"sealed run {run}, sha256 of its tag manifest {tag_manifest_sha256}")

    def noted_seal(self, run: str) -> tuple[int, str] | None:
        """The line that first noted the seal of this run, and the digest it noted; None if no line did.

        Raises EvidenceError where there is no journal to read.
        """
        for number, raw in enumerate(_lines(self._read()), start=1):
            try:
                fields = Fields(parse_json(raw))
                seal = SEALED.fullmatch(fields.text("text")) if fields.text("kind") == Kind.CUSTODY else None
            except Unusable:
                continue  # `faults` names it
            if seal and seal["run"] == run:
                return number, seal["digest"]
        return None

    def entries(self) -> list[Entry]:
        """All entries in order; none if there is no journal. Raises EvidenceError naming the first damaged line."""
        entries, faults = self.readable()
        if faults:
            raise EvidenceError(f"{faults[0]}. {REMEDY.capitalize()}.")
        return entries

    def readable(self) -> tuple[list[Entry], list[str]]:
        """The entries that can be read, and what is wrong with each other line: for whoever must go on meanwhile.

        Raises EvidenceError where the file itself cannot be read.
        """
        return self._readable(_lines(self._read())) if kind_of(self.path) else ([], [])

    def _readable(self, lines: Iterable[bytes]) -> tuple[list[Entry], list[str]]:
        entries, faults = [], []
        for number, raw in enumerate(lines, start=1):
            try:
                entries.append(self._entry(number, raw))
            except Unusable as error:
                faults.append(f"{self.path}, line {number}: not a journal entry ({error})")
        return entries, faults

    def faults(self) -> list[str]:
        """What is wrong with the chain, each fault naming its line; empty if nothing is."""
        name = self.path.name
        try:
            lines = _lines(read_plain(self.path))
        except Unusable as error:
            return [f"{name}: {error}"]
        previous, faults = BEGINNING, []
        for number, raw in enumerate(lines, start=1):
            try:
                stated, count = _link(raw)
            except Unusable:
                faults.append(f"{name}, line {number}: not a journal entry")
            else:
                if stated != previous or count != number:
                    why = "the line before was changed, added or removed"
                    faults.append(f"{name}, line {number}: the chain is broken here ({why})")
            previous = digest(raw)
        return faults

    def _entry(self, number: int, raw: bytes) -> Entry:
        fields = Fields(without_halves(parse_json(raw)))
        return Entry(
            line=number,
            kind=fields.text("kind"),
            text=self.redaction.text(fields.text("text")),
            happened=fields.moment("at"),
            written=fields.moment("written"),
            by=fields.text("by"),
            data=self.redaction.tree(fields.fields("data").data) if "data" in fields.data else {},
        )

    def _read(self) -> bytes:
        try:
            return read_plain(self.path)
        except Unusable as error:
            raise EvidenceError(f"{self.path}: {error}. The journal is damaged; {REMEDY}.") from None


def digest(line: bytes) -> str:
    """SHA-256 of a line without its line end."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def who() -> str:
    """The person at this machine, as user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _link(raw: bytes) -> tuple[str, int]:
    """The hash that a line states of the line before, and its own number. Raises Unusable for what is no entry."""
    fields = Fields(parse_json(raw))
    for name in ("kind", "text", "by"):
        fields.text(name)
    for name in ("at", "written"):
        fields.moment(name)
    return fields.text("previous"), fields.size("n")


def _lines(data: bytes) -> list[bytes]:
    """The lines with their ends. Only a line feed ends one."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [rest for rest in data.split(b"\n")[-1:] if rest]


def _opener(path: str, flags: int) -> int:
    """Open without following a link or waiting for a pipe that came since."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EvidenceError(f"{path}: not a plain file. Nothing was noted; {REMEDY}.")
    return descriptor
