"""The add-only store of evidence: a folder of items, each its content and an `item.json` that says where it came from.

An item's id is the first 10 hex digits of the SHA-256 of its `item.json`, which holds the SHA-256 of the content: the id
names what was collected and how. Items are written aside, flushed to disk and renamed into place, so an item is there
whole or not at all. Nothing here changes or removes one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit import places
from incident_kit.errors import EvidenceError
from incident_kit.evidence.journal import Entry, entries
from incident_kit.model.answer import Answer, ServerClock, Told
from incident_kit.model.markup import Html, escape, table, time
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.source import Source, Unsaid
from incident_kit.model.times import Window, iso, parse_iso
from incident_kit.model.visible import visible

DEFAULT_LIMIT_BYTES = 2 << 30
FREE_DISK_FLOOR_BYTES = 256 << 20
ITEM_NAME = re.compile(r"[0-9a-f]{10}")
RECORDED = "recorded"
CONTENT, DESCRIPTION, LEDGER = "content", "item.json", "ledger.jsonl"
BLOCK_BYTES = 1 << 20
REDACTION_KIND = "redaction"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Item:
    """One preserved answer or slice. `details` says what only its kind has: for a slice, where it was cut from."""

    id: str
    folder: Path
    kind: str
    origin: str
    asked: str
    asked_at: str
    duration_ms: float
    sha256: str
    size_bytes: int
    details: Mapping[str, Any]
    ledger_sha256: str = ""

    @property
    def content(self) -> Path:
        return self.folder / CONTENT

    @property
    def ledger(self) -> Path:
        """Every statement and command that was sent for an answer, a JSON object a line; there only if ledger_sha256 is."""
        return self.folder / LEDGER

    @property
    def secret(self) -> bool:
        """Whether nobody outside may have it: no share copy carries it."""
        return self.details.get("secret") is True

    def source(self, redaction: Redaction = REDACTION) -> Source:
        """The item as something to read."""
        written = parse_iso(str(self.details.get("modified_at") or self.asked_at))
        return Source(
            self.id, self.content, visible(self.origin), int(self.details.get("before_bytes", 0)), written, Unsaid.from_json(self.details.get("unsaid", {})),
            redaction, visible(self.details.get("missing", "")),
        )  # fmt: skip


class Evidence:
    """The store in one folder. Opening a folder that has none gives an empty store; the folder is made by the first item."""

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def items(self) -> list[Item]:
        """All items, in the order they were asked for. Raises EvidenceError for one that cannot be read."""
        if not self.folder.is_dir():
            return []
        found = [read_item(path) for path in self.folder.iterdir() if ITEM_NAME.fullmatch(path.name)]
        return sorted(found, key=lambda item: (item.asked_at, item.id))

    def slices(self) -> list[Item]:
        """The items that are slices of logs."""
        return [item for item in self.items() if item.kind == "slice"]

    def answers(self) -> list[Item]:
        """The items that are answers of live systems."""
        return [item for item in self.items() if item.kind == "answer"]

    def told(self) -> list[Told]:
        """What live systems answered, in the order they were asked."""
        return [Told(item.id, Answer.from_json(json.loads(item.content.read_bytes()))) for item in self.answers()]

    def sources(self) -> list[Source]:
        """The slices as things to read."""
        redaction = self.redaction()
        return [item.source(redaction) for item in self.slices()]

    def redaction(self) -> Redaction:
        """How texts of this evidence are redacted: with the key that is kept in it; evidence without one has no hashes."""
        kept = next((item for item in self.items() if item.kind == REDACTION_KIND), None)
        return Redaction.from_json(json.loads(kept.content.read_bytes())) if kept else REDACTION

    def keep_redaction(self, ip_addresses: bool = False) -> Redaction:
        """The redaction of this evidence; where it has none yet, a new key is made and kept. Raises EvidenceError where there is no room."""
        if (known := self.redaction()) != REDACTION:
            return known
        made = Redaction(secrets.token_bytes(KEY_BYTES), ip_addresses)
        self.add(
            [json.dumps(made.to_json(), sort_keys=True).encode() + b"\n"], kind=REDACTION_KIND, origin="incident_kit", asked_at=iso(datetime.now(UTC)),
            asked="a new key: what is redacted with it is recognisable within this incident and nowhere else", details={"secret": True},
        )  # fmt: skip
        return made

    def window(self, since: str = "", until: str = "") -> Window:
        """The window as given (ISO 8601 with offset), else as the slices were collected for, else the time in which live systems answered.

        Raises ParameterError, EvidenceError.
        """
        windows = [Window.from_json(item.details["window"]) for item in self.slices()]
        if not windows:
            windows = [told.moment for told in self.told()]
        if not windows and not (since and until):
            raise EvidenceError(f"{self.folder}: no slice of a log and no answer in it. Collect some with `incident-kit report SCENARIO -l LOG --live`.")
        return Window(
            parse_iso(since) if since else min(window.since for window in windows),
            parse_iso(until) if until else max(window.until for window in windows),
        )

    def journal(self) -> list[Entry]:
        """The journal that lies beside the evidence; empty if there is none."""
        return entries(self.folder.parent / "journal.jsonl", self.redaction())

    def is_recorded(self) -> bool:
        """Whether all of it is the recorded incident that travels with the package, wherever it lies now."""
        recorded = {path.name for path in (places.recorded() / "evidence").iterdir()}
        return bool(items := self.items()) and {item.id for item in items} <= recorded

    def notice(self) -> Html:
        """What a person must know before reading on: that this is the recorded incident. Empty for any other."""
        text = "The recorded incident: nothing here is about your systems."
        return Html(f"<p class='notice'><strong>{text}</strong></p>" if self.is_recorded() else "")

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><th scope='row'>{escape(item.origin)}<br><code>{item.id}</code></th><td>{escape(item.kind)}</td><td>{escape(item.asked)}</td>"
            f"<td class='time'>{time(parse_iso(item.asked_at))}</td><td class='n'>{item.size_bytes:,}</td><td><code>{escape(item.sha256[:16])}…</code></td></tr>"
            for item in self.items()
        ]
        return self.notice() + table(["Item", "Kind", "How it was asked", "Asked at", "Bytes", "SHA-256"], rows, numbers=["Bytes"])

    def clocks(self) -> list[tuple[Item, ServerClock]]:
        """The clocks of the servers that told theirs, each compared with this machine's while it answered."""
        return [(item, ServerClock.from_json(item.details["clock"])) for item in self.answers() if item.details.get("clock")]

    def add(self, blocks: Iterable[bytes], *, kind: str, origin: str, asked: str, asked_at: str, duration_ms: float = 0.0, details: Mapping[str, Any] | None = None, ledger: bytes = b"") -> Item:  # fmt: skip
        """Store the bytes as a new item, with the ledger of what was sent for them, or return the item that already is exactly this."""
        incoming = self.receive(blocks)
        try:
            return self.keep(incoming, kind=kind, origin=origin, asked=asked, asked_at=asked_at, duration_ms=duration_ms, details=details or {}, ledger=ledger)
        finally:
            shutil.rmtree(incoming.folder, ignore_errors=True)

    def receive(self, blocks: Iterable[bytes]) -> Incoming:
        """Write bytes aside, within the store's limit. Raises EvidenceError where it or the disk is full."""
        aside = self.folder / f".incoming-{secrets.token_hex(4)}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            room = self.room_bytes()
            aside.mkdir(mode=0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        digest, size = hashlib.sha256(), 0
        try:
            with open(aside / CONTENT, "xb") as file:
                for block in blocks:
                    size += len(block)
                    if size > room:
                        raise EvidenceError(
                            f"{self.folder}: no room for more evidence (over {room:,} bytes). Narrow the window with --since and --until, "
                            "raise --max-evidence, or free disk space."
                        )
                    digest.update(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
                raise self._unwritable(error) from error
            raise
        return Incoming(aside, digest.hexdigest(), size)

    def keep(self, incoming: Incoming, *, kind: str, origin: str, asked: str, asked_at: str, duration_ms: float, details: Mapping[str, Any], ledger: bytes = b"") -> Item:  # fmt: skip
        """Describe received bytes and rename them into place. Raises EvidenceError where the disk is full."""
        description = {
            "kind": kind, "origin": origin, "asked": asked, "asked_at": asked_at, "duration_ms": round(duration_ms, 3),
            "sha256": incoming.sha256, "size_bytes": incoming.size_bytes, "details": dict(details),
        }  # fmt: skip
        if ledger:
            description["ledger_sha256"] = hashlib.sha256(ledger).hexdigest()
        text = json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        item_id = hashlib.sha256(text).hexdigest()[:10]
        target = self.folder / item_id
        if not target.exists():
            try:
                write_durably(incoming.folder / DESCRIPTION, text)
                if ledger:
                    write_durably(incoming.folder / LEDGER, ledger)
                    os.chmod(incoming.folder / LEDGER, 0o400)
                os.chmod(incoming.folder / CONTENT, 0o400)
                os.rename(incoming.folder, target)
                flush_folder(self.folder)
            except OSError as error:
                raise self._unwritable(error) from error
        return read_item(target)

    def adopt(self, items: Iterable[Item]) -> list[Item]:
        """Take over items of another store as they are: hard links where the disk allows, else copies."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        adopted = []
        for item in items:
            target = self.folder / item.id
            if not target.exists():
                aside = self.folder / f".incoming-{secrets.token_hex(4)}"
                aside.mkdir(mode=0o700)
                for path in sorted(item.folder.iterdir()):
                    link_or_copy(path, aside / path.name)
                os.rename(aside, target)
            adopted.append(read_item(target))
        flush_folder(self.folder)
        return adopted

    def _unwritable(self, error: OSError) -> EvidenceError:
        return EvidenceError(f"{self.folder}: cannot be written: {error.strerror}. Free disk space, or name another place with --reports.")

    def room_bytes(self) -> int:
        """How many more bytes may be stored: the smaller of the store's limit and what the disk can spare."""
        held = sum(item.size_bytes for item in self.items())
        return max(0, min(self.limit_bytes - held, shutil.disk_usage(self.folder).free - FREE_DISK_FLOOR_BYTES))


@dataclass(frozen=True, slots=True)
class Incoming:
    """Bytes written aside that are not yet an item."""

    folder: Path
    sha256: str
    size_bytes: int

    @property
    def content(self) -> Path:
        return self.folder / CONTENT

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def read_item(folder: Path) -> Item:
    """An item from its folder. Raises EvidenceError naming the file that is damaged."""
    path = folder / DESCRIPTION
    try:
        data = json.loads(path.read_bytes())
        item = Item(
            id=folder.name, folder=folder, kind=data["kind"], origin=data["origin"], asked=data["asked"], asked_at=data["asked_at"],
            duration_ms=data["duration_ms"], sha256=data["sha256"], size_bytes=data["size_bytes"], details=data["details"],
            ledger_sha256=data.get("ledger_sha256", ""),
        )  # fmt: skip
    except FileNotFoundError:
        raise EvidenceError(f"{path}: missing. The item {folder.name} is damaged; take it from a sealed run, or collect again.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"{path}: not an item description ({error}). The item is damaged; take it from a sealed run, or collect again.") from None
    if not item.content.is_file():
        raise EvidenceError(f"{item.content}: missing. The item {folder.name} is damaged; take it from a sealed run, or collect again.")
    return item


def open_evidence(folder: str | Path) -> Evidence:
    """The evidence in an incident's folder, an evidence folder, a sealed run or its data. `recorded` is the incident that travels with the package. Raises EvidenceError if there is none."""
    base = places.recorded() if folder == RECORDED else Path(folder)
    for candidate in (base / "data" / "evidence", base / "evidence", base):
        if candidate.is_dir() and any(ITEM_NAME.fullmatch(path.name) for path in candidate.iterdir()):
            return Evidence(candidate)
    if not base.exists():
        raise EvidenceError(f"{base}: no such folder. Give an incident's folder, a run, or a folder of evidence items.")
    raise EvidenceError(f"{base}: no evidence in it (looked for evidence/<item>/item.json). Give an incident's folder, a run, or a folder of items.")


def link_or_copy(source: Path, target: Path) -> None:
    """The same file at another place: a hard link on the same disk, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and flush it to disk before anything refers to it."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
