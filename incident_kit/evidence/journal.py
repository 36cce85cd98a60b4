"""The journal: what people and this tool did, append-only, each line chained to the one before by its hash.

A line is a JSON object: `n` from 1, `kind`, `text`, `at` (when it happened), `written` (when it was written down),
`by`, and `previous`: the SHA-256 of the line before it (64 zeros for the first). Changing or dropping a line breaks
the chain at the next one; `faults` names the line.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit.errors import EvidenceError
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.times import iso, parse_iso

BEGINNING = "0" * 64


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
    """Add a line; `at` is when it happened (now, if not given)."""
    now = datetime.now(UTC)
    with open(path, "a+b") as file:
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


def entries(path: Path, redaction: Redaction = REDACTION) -> list[Entry]:
    """All lines, in order, redacted; none if there is no journal. Raises EvidenceError naming the first damaged line."""
    if not path.exists():
        return []
    found = []
    for number, data in _parsed(path):
        try:
            found.append(Entry(number, data["kind"], redaction.text(data["text"]), parse_iso(data["at"]), parse_iso(data["written"]), data["by"]))
        except (KeyError, TypeError) as error:
            raise EvidenceError(f"{path}, line {number}: not a journal entry (missing {error}). Restore the file from a sealed run.") from None
    return found


def faults(path: Path) -> list[str]:
    """What is wrong with the chain, each fault naming its line; empty if nothing is."""
    previous, found = BEGINNING, []
    for number, raw in enumerate(_lines(path.read_bytes()), start=1):
        try:
            data = json.loads(raw)
            stated, count = data["previous"], data["n"]
        except (ValueError, KeyError, TypeError):
            found.append(f"{path.name}, line {number}: not a journal entry")
        else:
            if stated != previous or count != number:
                found.append(f"{path.name}, line {number}: the chain is broken here (the line before was changed, added or removed)")
        previous = digest(raw)
    return found


def digest(line: bytes) -> str:
    """SHA-256 of a line without its line end."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def who() -> str:
    """The person at this machine, as user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _lines(content: bytes) -> list[bytes]:
    """The lines with their ends, which are line feeds and nothing else."""
    *whole, rest = content.split(b"\n")
    return [line + b"\n" for line in whole] + [rest] * bool(rest)


def _parsed(path: Path) -> Iterator[tuple[int, Any]]:
    for number, raw in enumerate(_lines(path.read_bytes()), start=1):
        try:
            yield number, json.loads(raw)
        except ValueError:
            raise EvidenceError(f"{path}, line {number}: not JSON. The journal is damaged; restore it from a sealed run.") from None
