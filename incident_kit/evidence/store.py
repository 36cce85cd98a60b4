"""The add-only store of evidence: a folder of items, each a content and an `item.json` that says where it is from.

An item's id is the first 10 hex digits of the SHA-256 of its `item.json`, which holds the SHA-256 of the content: the
id names what was collected and how. Items are written aside, flushed to disk and renamed into place, so an item is
there whole or not at all. Nothing here changes or removes one.

Evidence may come from a stranger. `open_evidence` is the door: it compares every item with its hashes before anything
of it is read or sealed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit.errors import EvidenceError
from incident_kit.evidence.copies import READ_ONLY, copy_files
from incident_kit.evidence.item import (
    ANSWER,
    CONTENT,
    DESCRIPTION,
    ITEM_NAME,
    LEDGER,
    REDACTION_KIND,
    REMEDY,
    SLICE,
    Item,
    item_faults,
    read_item,
)
from incident_kit.evidence.journal import Entry, Journal
from incident_kit.evidence.untrusted import FILE, FOLDER, LINK, kind_of
from incident_kit.model import places
from incident_kit.model.answer import ServerClock, StoredAnswer
from incident_kit.model.fields import Unusable
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.source import Source
from incident_kit.model.times import Window, iso, parse_iso
from incident_kit.model.visible import visible

DEFAULT_LIMIT_BYTES = 2 << 30
FREE_DISK_FLOOR_BYTES = 256 << 20
RECORDED = "recorded"
BLOCK_BYTES = 1 << 20
KEY_BYTES = 32


class Evidence:
    """The store in one folder. A folder that is not there is an empty store; the first item makes it."""

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        # What was read or written already, so that no item is read for each one that is kept.
        self._items_read: dict[str, tuple[FileStates, Item]] = {}

    def items(self) -> list[Item]:
        """All items, in the order they were asked for. Raises EvidenceError for one that cannot be read."""
        if not self.folder.is_dir():
            return []
        items = [self._item(path) for path in self.folder.iterdir() if ITEM_NAME.fullmatch(path.name)]
        return sorted(items, key=lambda item: (item.asked_at, item.id))

    def _item(self, folder: Path) -> Item:
        """An item, read where it is not known, or not as it was."""
        states, read = states_of(folder), self._items_read.get(folder.name)
        if read is None or states is None or read[0] != states:
            item = read_item(folder)
            if states is None:
                return item
            self._items_read[folder.name] = read = (states, item)
        return read[1]

    def check(self) -> None:
        """Compare every item with its hashes, and look that nothing but plain files lies among them.

        Before evidence is used: what is no longer what was collected must not be read, or sealed anew. Raises
        EvidenceError that names all that is wrong.
        """
        faults = []
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if ITEM_NAME.fullmatch(path.name):
                faults += [fault.at(path.name) for fault in item_faults(path)]
            elif (kind := kind_of(path)) not in (FILE, FOLDER):
                faults.append(f"{visible(path.name)}: {kind}, which is no evidence")
        if faults:
            listed = "\n".join(f"  - {fault}" for fault in faults)
            raise EvidenceError(
                f"{self.folder}: damaged, so nothing of it was used:\n{listed}\n"
                f"Of an item that is named, {REMEDY}; what is no evidence, move away."
            )

    def slices(self) -> list[Item]:
        """The items that are slices of logs."""
        return [item for item in self.items() if item.kind == SLICE]

    def answers(self) -> list[Item]:
        """The items that are answers of live systems."""
        return [item for item in self.items() if item.kind == ANSWER]

    def stored_answers(self) -> list[StoredAnswer]:
        """What live systems answered, in the order they were asked."""
        return [StoredAnswer(item.id, item.answer()) for item in self.answers()]

    def sources(self) -> list[Source]:
        """The slices as things to read."""
        redaction = self.redaction()
        return [item.source(redaction) for item in self.slices()]

    def redaction(self) -> Redaction:
        """How texts of this evidence are redacted: with the key that is kept in it. Without one there are no hashes."""
        kept = next((item for item in self.items() if item.kind == REDACTION_KIND), None)
        return kept.redaction() if kept else REDACTION

    def keep_redaction(self, ip_addresses: bool = False) -> Redaction:
        """The redaction of this evidence; where it has none yet, a new key is made and kept.

        Raises EvidenceError where there is no room.
        """
        if (kept := self.redaction()) != REDACTION:
            return kept
        made = Redaction(secrets.token_bytes(KEY_BYTES), ip_addresses)
        self.add(
            [json.dumps(made.to_json(), sort_keys=True).encode() + b"\n"],
            Provenance(
                REDACTION_KIND,
                origin="incident_kit",
                asked="a new key: what is redacted with it is recognisable within this incident and nowhere else",
                asked_at=iso(datetime.now(UTC)),
                details={"secret": True},
            ),
        )
        return made

    def window(self, since: str = "", until: str = "") -> Window:
        """The window as given (ISO 8601 with offset), else as the slices were collected for.

        Without slices: the time in which live systems answered. Raises ParameterError, EvidenceError.
        """
        windows = [Window.from_json(item.details["window"]) for item in self.slices()]
        if not windows:
            windows = [answer.moment for answer in self.stored_answers()]
        if not windows and not (since and until):
            raise EvidenceError(
                f"{self.folder}: no slice of a log and no answer in it. "
                "Collect some with `incident-kit report SCENARIO -l LOG --live`."
            )
        return Window(
            parse_iso(since) if since else min(window.since for window in windows),
            parse_iso(until) if until else max(window.until for window in windows),
        )

    def journal(self) -> list[Entry]:
        """The journal that lies beside the evidence; empty if there is none."""
        return Journal(self.folder.parent / "journal.jsonl", self.redaction()).entries()

    def is_recorded(self) -> bool:
        """Whether all of it is the recorded incident that travels with the package, wherever it lies now."""
        recorded = {path.name for path in (places.recorded() / "evidence").iterdir()}
        return bool(items := self.items()) and {item.id for item in items} <= recorded

    def clocks(self) -> list[tuple[Item, ServerClock]]:
        """The clocks of the servers that told theirs, each compared with this machine's while it answered."""
        return [
            (item, ServerClock.from_json(item.details["clock"])) for item in self.answers() if item.details.get("clock")
        ]

    def add(
        self,
        blocks: Iterable[bytes],
        provenance: Provenance,
        ledger: bytes = b"",
    ) -> Item:
        """Store the bytes as a new item, with the ledger of what was sent for them.

        Returns the item that is there where one already is exactly this.
        """
        incoming = self.receive(blocks)
        try:
            return self.keep(incoming, provenance, ledger)
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
                            f"{self.folder}: no room for more evidence (over {room:,} bytes). "
                            "Narrow the window with --since and --until, raise --max-evidence, or free disk space."
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

    def keep(
        self,
        incoming: Incoming,
        provenance: Provenance,
        ledger: bytes = b"",
    ) -> Item:
        """Describe received bytes and rename them into place. Raises EvidenceError where the disk is full."""
        description = {
            "kind": provenance.kind,
            "origin": provenance.origin,
            "asked": provenance.asked,
            "asked_at": provenance.asked_at,
            "duration_ms": round(provenance.duration_ms, 3),
            "sha256": incoming.sha256,
            "size_bytes": incoming.size_bytes,
            "details": dict(provenance.details),
        }
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
                    os.chmod(incoming.folder / LEDGER, READ_ONLY)
                os.chmod(incoming.folder / CONTENT, READ_ONLY)
                os.rename(incoming.folder, target)
                flush_folder(self.folder)
            except OSError as error:
                raise self._unwritable(error) from error
            # As it would be read, without reading it: its fields as JSON gives them back.
            if states := states_of(target):
                self._items_read[item_id] = states, Item(item_id, target, **json.loads(text))
        return self._item(target)

    def adopt(self, items: Iterable[Item]) -> list[Item]:
        """Take over items of another store as they are, in files of their own.

        Each is compared with its hashes as it arrives. Raises EvidenceError for a damaged item, and where there is no
        room for all of them.
        """
        items = list(items)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = [
            (item, self.folder / f".incoming-{secrets.token_hex(4)}")
            for item in items
            if not (self.folder / item.id).exists()
        ]
        try:
            for _, aside in new:
                aside.mkdir(mode=0o700)
            copy_files([(path, aside / path.name) for item, aside in new for path in item.files])
            for item, aside in new:
                if faults := item_faults(aside, item.id):
                    raise EvidenceError(f"{faults[0].at(str(item.folder))}. The item {item.id} is damaged; {REMEDY}.")
                flush_folder(aside)
                os.rename(aside, self.folder / item.id)
        except Unusable as error:
            raise EvidenceError(
                f"{self.folder}: an item could not be taken over: {error}. {REMEDY.capitalize()}."
            ) from None
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            for _, aside in new:
                shutil.rmtree(aside, ignore_errors=True)
        flush_folder(self.folder)
        return [self._item(self.folder / item.id) for item in items]

    def _unwritable(self, error: OSError) -> EvidenceError:
        return EvidenceError(
            f"{self.folder}: cannot be written: {error.strerror}. "
            "Free disk space, or name another place with --reports."
        )

    def room_bytes(self) -> int:
        """How many more bytes may be stored: the smaller of the store's limit and what the disk can spare."""
        held = sum(item.size_bytes for item in self.items())
        return max(0, min(self.limit_bytes - held, shutil.disk_usage(self.folder).free - FREE_DISK_FLOOR_BYTES))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where bytes come from: what was asked of `origin`, when (ISO 8601), and how long the answer took.

    `details` says what only this kind of item has: of a slice, where it was cut from.
    """

    kind: str
    origin: str
    asked: str
    asked_at: str
    duration_ms: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)


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


FileStates = tuple[tuple[int, int, int], ...]


def states_of(folder: Path) -> FileStates | None:
    """What tells that an item's files are the same as before, without reading them; None where one is missing."""
    try:
        states = [os.lstat(folder / name) for name in (DESCRIPTION, CONTENT)]
    except OSError:
        return None
    return tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in states)


def open_evidence(folder: str | Path) -> Evidence:
    """The evidence in an incident's folder, an evidence folder, a sealed run or its data.

    `recorded` is the incident that travels with the package. All evidence is compared with its hashes. Raises
    EvidenceError if there is none, or if it is damaged.
    """
    base = places.recorded() if folder == RECORDED else Path(folder)
    for parts in (("data", "evidence"), ("evidence",), ()):
        candidate = base.joinpath(*parts)
        for place in (base.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)):
            if kind_of(place) == LINK:
                raise EvidenceError(f"{place}: a link, which evidence is not read through. Give the folder itself.")
        if candidate.is_dir() and any(ITEM_NAME.fullmatch(path.name) for path in candidate.iterdir()):
            evidence = Evidence(candidate)
            evidence.check()
            return evidence
    if not base.exists():
        raise EvidenceError(f"{base}: no such folder. Give an incident's folder, a run, or a folder of evidence items.")
    raise EvidenceError(
        f"{base}: no evidence in it (looked for evidence/<item>/item.json). "
        "Give an incident's folder, a run, or a folder of items."
    )


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
