"""The journal: what people and this tool did, append-only, each line chained to the one before by its hash.

A line is a JSON object: `n` from 1, `kind`, `text`, `at` (when it happened), `written` (when it was written down),
`by`, and `previous`: the SHA-256 of the line before it (64 zeros for the first). Changing or dropping a line breaks
the chain at the next one; `faults` names the line. The seal of a run is noted with its digest, so that a run that was
sealed anew is told from the one that was sealed.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from incident_kit.errors import EvidenceError
from incident_kit.evidence.untrusted import FILE, kind_of, read_plain
from incident_kit.model.fields import Fields, Unusable, parse_json, without_halves
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.times import iso

BEGINNING = "0" * 64
CUSTODY = "custody"
# As `note_seal` writes it.
SEALED = re.compile(r"sealed run (?P<run>\S+), sha256 of its tag manifest (?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal; `line` counts from 1."""

    line: int
    kind: str
    text: str
    at: datetime
    written: datetime
    by: str


def append(path: Path, kind: str, text: str, at: datetime | None = None) -> None:
    """Add a line; `at` is when it happened (now, if not given). Raises EvidenceError where no journal can be written there."""
    now = datetime.now(UTC)
    if (found := kind_of(path)) not in ("", FILE):
        raise EvidenceError(f"{path}: {found}, not a journal. Nothing was noted; restore the file from a sealed run.")
    with open(path, "a+b", opener=_opener) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two people may write at once; the chain needs one order
        file.seek(0)
        lines = _lines(file.read())
        entry = {
            "n": len(lines) + 1, "kind": kind, "text": text, "at": iso(at or now), "written": iso(now),
            "by": who(), "previous": digest(lines[-1]) if lines else BEGINNING,
        }  # fmt: skip
        if lines and not lines[-1].endswith(b"\n"):
            file.write(b"\n")  # a line cut short stays a line of its own, for `faults` to name
        file.write(json.dumps(entry, ensure_ascii=False, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def note_seal(path: Path, run: str, tag_manifest_sha256: str) -> None:
    """Note the digest of a run that is being sealed."""
    append(path, CUSTODY, f"sealed run {run}, sha256 of its tag manifest {tag_manifest_sha256}")


def noted_seal(path: Path, run: str) -> tuple[int, str] | None:
    """The line that first noted the seal of this run, and the digest it noted; None if none did. Raises EvidenceError where there is no journal to read."""
    for number, raw in enumerate(_lines(_read(path)), start=1):
        try:
            fields = Fields(parse_json(raw))
            noted = SEALED.fullmatch(fields.text("text")) if fields.text("kind") == CUSTODY else None
        except Unusable:
            continue  # `faults` names it
        if noted and noted["run"] == run:
            return number, noted["digest"]
    return None


def entries(path: Path, redaction: Redaction = REDACTION) -> list[Entry]:
    """All lines, in order, redacted; none if there is no journal. Raises EvidenceError naming the first damaged line."""
    if not kind_of(path):
        return []
    found = []
    for number, raw in enumerate(_lines(_read(path)), start=1):
        try:
            fields = Fields(without_halves(parse_json(raw)))
            text = redaction.text(fields.text("text"))
            found.append(
                Entry(
                    number, fields.text("kind"), text, fields.moment("at"), fields.moment("written"), fields.text("by")
                )
            )
        except Unusable as error:
            raise EvidenceError(
                f"{path}, line {number}: not a journal entry ({error}). Restore the file from a sealed run."
            ) from None
    return found


def faults(path: Path) -> list[str]:
    """What is wrong with the chain, each fault naming its line; empty if nothing is."""
    try:
        lines = _lines(read_plain(path))
    except Unusable as error:
        return [f"{path.name}: {error}"]
    previous, found = BEGINNING, []
    for number, raw in enumerate(lines, start=1):
        try:
            fields = Fields(parse_json(raw))
            stated, count = fields.text("previous"), fields.size("n")
            for name in ("kind", "text", "by"):
                fields.text(name)
            for name in ("at", "written"):
                fields.moment(name)
        except Unusable:
            found.append(f"{path.name}, line {number}: not a journal entry")
        else:
            if stated != previous or count != number:
                found.append(
                    f"{path.name}, line {number}: the chain is broken here (the line before was changed, added or removed)"
                )
        previous = digest(raw)
    return found


def digest(line: bytes) -> str:
    """SHA-256 of a line without its line end."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def who() -> str:
    """The person at this machine, as user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _read(path: Path) -> bytes:
    try:
        return read_plain(path)
    except Unusable as error:
        raise EvidenceError(f"{path}: {error}. The journal is damaged; restore the file from a sealed run.") from None


def _lines(data: bytes) -> list[bytes]:
    """The lines with their ends. Only a line feed ends one."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + [rest for rest in data.split(b"\n")[-1:] if rest]


def _opener(path: str, flags: int) -> int:
    """Open without following a link or waiting for a pipe that came since."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EvidenceError(f"{path}: not a plain file. Nothing was noted; restore the journal from a sealed run.")
    return descriptor
