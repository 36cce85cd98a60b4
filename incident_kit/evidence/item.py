"""One item of evidence: a folder with a content, an `item.json` that says where it came from, and what was sent for it.

An item's id is the first 10 hex digits of the SHA-256 of its `item.json`, which holds the SHA-256 of the content and of
the ledger. So everything of an item can be compared with its id, and every field is looked at before it is believed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from incident_kit.errors import EvidenceError
from incident_kit.evidence.untrusted import FILE, FOLDER, kind_of, read_json, read_plain, sha256_of
from incident_kit.model.answer import Answer, Outcome
from incident_kit.model.fields import Fields, Unusable, parse_json, without_halves
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.model.source import UNPACKED_LIMIT_BYTES, Hints, Source
from incident_kit.model.times import parse_iso
from incident_kit.model.visible import visible

ITEM_NAME = re.compile(r"[0-9a-f]{10}")
CONTENT, DESCRIPTION, LEDGER = "content", "item.json", "ledger.jsonl"
SLICE, ANSWER, ARCHIVE, REDACTION_KIND = "slice", "answer", "archive", "redaction"
# What an alerting system sent, and what people or programs noted elsewhere.
ALERT, IMPORTED = "alert", "import"
KINDS = (SLICE, ANSWER, ARCHIVE, REDACTION_KIND, ALERT, IMPORTED)
DATE_ORDERS = ("", "mdy", "dmy", "ymd")
MOST_DESCRIPTION_BYTES = 4 << 20
MOST_KEY_BYTES = 64  # of BLAKE2b
REMEDY = "take it from a sealed run, or collect again"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One preserved answer or slice, the archive that slices are from, or a file of another system.

    `details` says what only its kind has: of a slice, where it was cut from.
    """

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
        """Every statement and command that was sent for an answer, a JSON object a line.

        It is there only if ledger_sha256 is.
        """
        return self.folder / LEDGER

    @property
    def files(self) -> list[Path]:
        """All that belongs to the item."""
        return [self.folder / DESCRIPTION, self.content, *([self.ledger] if self.ledger_sha256 else [])]

    @property
    def secret(self) -> bool:
        """Whether nobody outside may have it: no share copy carries it."""
        return self.details.get("secret") is True

    def source(self, redaction: Redaction = REDACTION) -> Source:
        """The item as something to read."""
        written = parse_iso(str(self.details.get("modified_at") or self.asked_at))
        return Source(
            self.id,
            self.content,
            visible(self.origin),
            int(self.details.get("before_bytes", 0)),
            written,
            Hints.from_json(self.details.get("unsaid", {})),
            redaction,
            visible(self.details.get("missing", "")),
            self.sha256,
        )

    def answer(self) -> Answer:
        """What the live system answered, without its ledger. Raises EvidenceError where the content is no answer."""
        return self._read(self.content, _answer)

    def redaction(self) -> Redaction:
        """The redaction that the item keeps. Raises EvidenceError where it keeps none."""
        return self._read(self.content, _redaction)

    def ledger_text(self) -> str:
        """The ledger as it stands; empty if nothing was sent. Raises EvidenceError where it is damaged."""
        return self._read(self.ledger, _text) if self.ledger_sha256 else ""

    def sent(self) -> list[str]:
        """Every statement and command that was sent for an answer. Raises EvidenceError where the ledger is damaged."""
        return self._read(self.ledger, _sent) if self.ledger_sha256 else []

    def _read(self, path: Path, how: Callable[[Path], T]) -> T:
        try:
            return how(path)
        except Unusable as error:
            raise EvidenceError(f"{path}: {error}. The item {self.id} is damaged; {REMEDY}.") from None


class ItemFault(NamedTuple):
    """What is wrong with an item, and with which of its files (empty: the folder itself)."""

    file: str
    what: str

    def at(self, item: str) -> str:
        return f"{item}/{visible(self.file)}: {self.what}" if self.file else f"{item}: {self.what}"


def read_item(folder: Path) -> Item:
    """An item from its folder; its content is not read. Raises EvidenceError naming the file that is damaged."""
    item, faults = _described(folder, folder.name)
    if item is None or faults:
        raise EvidenceError(f"{faults[0].at(str(folder))}. The item {folder.name} is damaged; {REMEDY}.")
    return item


def item_faults(folder: Path, item_id: str = "") -> list[ItemFault]:
    """Everything in which an item is not what was collected, every byte of it read.

    `item_id` is its id where its folder is not called so yet.
    """
    item, faults = _described(folder, item_id or folder.name)
    if item is None:
        return faults
    wrong = {fault.file for fault in faults}
    content = (item.content, item.sha256, CONTENT_READERS.get(item.kind, ()))
    for path, digest, readers in (content, (item.ledger, item.ledger_sha256, (_sent,))):
        if not digest or path.name in wrong:
            continue
        try:
            if path == item.content and (size := os.lstat(path).st_size) != item.size_bytes:
                sizes = f"it has {size:,} bytes; {DESCRIPTION} says {item.size_bytes:,}"
                faults.append(ItemFault(path.name, f"changed ({sizes})"))
            elif sha256_of(path) != digest:
                faults.append(ItemFault(path.name, f"changed (its SHA-256 is not the one in {DESCRIPTION})"))
            else:
                for read in readers:
                    read(path)
        except Unusable as error:
            faults.append(ItemFault(path.name, str(error)))
    return faults


def described(item_id: str, folder: Path, data: Any) -> Item:
    """An item from the fields of its item.json. Raises Unusable naming the field."""
    fields = Fields(without_halves(data))
    details = fields.fields("details")
    kind = fields.one_of("kind", KINDS)
    if kind == SLICE:
        _check_slice(details)
        details.data["path"] = data["details"]["path"]  # of a file that may be read again, whatever its name
    elif kind == ANSWER:
        Outcome.from_json(details)
    fields.moment("asked_at")
    return Item(
        id=item_id,
        folder=folder,
        kind=kind,
        origin=fields.text("origin"),
        asked=fields.text("asked"),
        asked_at=fields.text("asked_at"),
        duration_ms=fields.number("duration_ms"),
        sha256=fields.digest("sha256"),
        size_bytes=fields.size("size_bytes"),
        details=details.data,
        ledger_sha256=fields.digest("ledger_sha256", ""),
    )


def _described(folder: Path, item_id: str) -> tuple[Item | None, list[ItemFault]]:
    """The item as its description says, and what is wrong with it and with what lies there; no content is read."""
    if (kind := kind_of(folder)) != FOLDER:
        return None, [ItemFault("", f"{kind or 'missing'}, not the folder of an item")]
    try:
        text = read_plain(folder / DESCRIPTION, MOST_DESCRIPTION_BYTES)
    except Unusable as error:
        return None, [ItemFault(DESCRIPTION, str(error))]
    try:
        item = described(item_id, folder, parse_json(text))
    except Unusable as error:
        return None, [ItemFault(DESCRIPTION, f"not an item description ({error})")]
    faults = []
    if hashlib.sha256(text).hexdigest()[:10] != item_id:
        faults.append(ItemFault(DESCRIPTION, "changed (the item is named after its hash)"))
    for name, due in ((CONTENT, True), (LEDGER, bool(item.ledger_sha256))):
        kind = kind_of(folder / name)
        if bool(kind) != due:
            faults.append(ItemFault(name, "missing" if due else "added"))
        elif kind not in ("", FILE):
            faults.append(ItemFault(name, f"{kind}, not a plain file"))
    for name in sorted(os.listdir(folder)):
        kind = kind_of(folder / name)
        desktops = kind == FILE and name.startswith(".")  # what they leave behind; it goes nowhere
        if name not in (DESCRIPTION, CONTENT, LEDGER) and not desktops:
            faults.append(ItemFault(name, f"{kind} that is no part of an item"))
    return item, faults


def _check_slice(details: Fields) -> None:
    details.text("path")
    details.window("window")
    details.texts("notes", ())
    details.size("before_bytes", 0)
    for name in ("uri", "member", "missing", "damage"):
        details.text(name, "")
    if details.data.get("modified_at"):
        details.moment("modified_at")
    hints = details.fields("unsaid", {})
    hints.zone("zone", "UTC")
    hints.one_of("date_order", DATE_ORDERS, "")
    hints.list_of_fields("formats", ())
    hints.size("unpacked_limit_bytes", UNPACKED_LIMIT_BYTES)


def _answer(content: Path) -> Answer:
    return Answer.from_json(without_halves(read_json(content)))


def _redaction(content: Path) -> Redaction:
    fields = Fields(read_json(content))
    try:
        key = bytes.fromhex(fields.text("key"))
    except ValueError:
        key = b""
    if not 0 < len(key) <= MOST_KEY_BYTES:
        raise Unusable(f"the field 'key' must be 1 to {MOST_KEY_BYTES} bytes in hex")
    return Redaction(key, fields.flag("ip_addresses"))


def _text(ledger: Path) -> str:
    try:
        return read_plain(ledger).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unusable(f"not UTF-8 at byte {error.start}") from None


def _sent(ledger: Path) -> list[str]:
    lines = _text(ledger).removesuffix("\n").split("\n")
    return [Fields(without_halves(parse_json(line.encode()))).text("sent") for line in lines]


Readers = tuple[Callable[[Path], object], ...]
CONTENT_READERS: Mapping[str, Readers] = {ANSWER: (_answer,), REDACTION_KIND: (_redaction,)}
