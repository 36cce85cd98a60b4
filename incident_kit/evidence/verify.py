"""Whether a sealed run is what was sealed: the bag, the items' own hashes, the journal's chain."""

from __future__ import annotations

import hashlib
from pathlib import Path

from incident_kit.errors import EvidenceError, VerificationFailed
from incident_kit.evidence import bag, journal
from incident_kit.evidence.store import DESCRIPTION, ITEM_NAME, LEDGER, read_item, sha256_of


def verify(folder: Path) -> str:
    """Check a sealed run; return the SHA-256 of its tag manifest, for comparison with the one noted at sealing.

    Raises VerificationFailed with all faults, EvidenceError for a folder that is no sealed run at all.
    """
    if not folder.is_dir():
        raise EvidenceError(f"{folder}: no such folder. Give a run, such as reports/<id>/runs/<time>_<scenario>.")
    if not (folder / "bagit.txt").is_file() and not (folder / "data").is_dir():
        raise EvidenceError(f"{folder}: not a sealed run (no bagit.txt and no data folder). Give a run, such as reports/<id>/runs/<time>_<scenario>.")
    found = bag.faults(folder)
    found += item_faults(folder / "data" / "evidence")
    if (path := folder / "data" / "journal.jsonl").is_file():
        found += [f"data/{fault}" for fault in journal.faults(path)]
    if found:
        raise VerificationFailed(str(folder), list(dict.fromkeys(found)))
    return sha256_of(folder / bag.TAG_MANIFEST)


def item_faults(folder: Path) -> list[str]:
    """Items whose description does not give their name, or whose content is not what the description says."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = f"data/evidence/{path.name}"
        if not ITEM_NAME.fullmatch(path.name):
            found.append(f"{name}: not an item")
            continue
        try:
            item = read_item(path)
        except EvidenceError as error:
            found.append(f"{name}: {str(error).removeprefix(str(path))[1:]}")
            continue
        if hashlib.sha256((path / DESCRIPTION).read_bytes()).hexdigest()[:10] != path.name:
            found.append(f"{name}/{DESCRIPTION}: changed (the item is named after its hash)")
        if sha256_of(item.content) != item.sha256:
            found.append(f"{name}/content: changed (its SHA-256 is not the one in {DESCRIPTION})")
        if item.ledger.is_file() != bool(item.ledger_sha256):
            found.append(f"{name}/{LEDGER}: {'added' if item.ledger.is_file() else 'missing'}")
        elif item.ledger_sha256 and sha256_of(item.ledger) != item.ledger_sha256:
            found.append(f"{name}/{LEDGER}: changed (its SHA-256 is not the one in {DESCRIPTION})")
    return found
