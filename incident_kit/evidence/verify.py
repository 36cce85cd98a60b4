"""Whether a sealed run is what was sealed: the bag, the items' own hashes, the journal's chain, and the noted digest.

Anybody can write manifests that fit a changed run: only a digest kept elsewhere tells. The incident's journal keeps it,
beside the folder of its runs; of a run that was handed over, whoever hands it over can tell it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from incident_kit.errors import EvidenceError, ParameterError, VerificationFailed
from incident_kit.evidence import bag
from incident_kit.evidence.incident import read_description
from incident_kit.evidence.item import ITEM_NAME, item_faults
from incident_kit.evidence.journal import Journal
from incident_kit.evidence.run_folder import RunFolder, read_run_description
from incident_kit.evidence.untrusted import FOLDER, kind_of, sha256_of
from incident_kit.model.fields import DIGEST, Unusable
from incident_kit.model.visible import visible

LINE = re.compile(r"[^,]+, line (\d+): ")


@dataclass(frozen=True, slots=True)
class Verified:
    """A run that is as it was sealed: the SHA-256 of its tag manifest, and what that was compared with, if anything."""

    digest: str
    compared: str = ""


def verify(folder: Path, digest: str = "") -> Verified:
    """Check a sealed run; where a digest is given, or the incident's journal lies beside the run, against that too.

    Raises VerificationFailed with all faults, EvidenceError for a folder that is no sealed run at all, ParameterError
    for what is no digest.
    """
    if digest and not DIGEST.fullmatch(digest):
        raise ParameterError(
            f"not a digest: {digest!r}. Give the 64 hex digits that were noted when the run was sealed."
        )
    if not folder.is_dir():
        raise EvidenceError(f"{folder}: no such folder. Give a run, such as reports/<id>/runs/<time>_<scenario>.")
    if not kind_of(folder / "bagit.txt") and kind_of(folder / "data") != FOLDER:
        raise EvidenceError(
            f"{folder}: not a sealed run (no bagit.txt and no data folder). "
            "Give a run, such as reports/<id>/runs/<time>_<scenario>."
        )
    all_faults = bag.faults(folder)
    if kind_of(folder / "data") == FOLDER:
        all_faults += _faults_inside(RunFolder(folder))
    try:
        sealed = sha256_of(folder / bag.TAG_MANIFEST)
    except Unusable:
        sealed = ""  # named above
    compared = []
    if digest and sealed:
        compared.append("the digest given")
        if sealed != digest.lower():
            all_faults.append(
                f"{bag.TAG_MANIFEST}: its digest is {sealed}, not the one given: sealed anew, or another run"
            )
    if sealed and (beside := journal_beside(folder)):
        line, faults = _compare(beside, folder.resolve().name.removesuffix(".partial"), sealed)
        all_faults += faults
        compared.append(f"the incident's journal, line {line}")
    if all_faults:
        raise VerificationFailed(str(folder), list(dict.fromkeys(all_faults)))
    return Verified(sealed, " and ".join(compared))


def check_files(folder: Path, paths: Sequence[Path]) -> None:
    """Compare a few files of an incident's run with its seal, and the seal with the journal: quick, for all else waits.

    Raises EvidenceError naming the first that is not what was sealed.
    """
    try:
        sealed = sha256_of(folder / bag.TAG_MANIFEST)
        tags, _ = bag.read_manifest(folder / bag.TAG_MANIFEST)
        manifest = folder / bag.MANIFEST
        faults = _compare(Journal(folder.parent.parent / "journal.jsonl"), folder.name, sealed)[1]
        if tags.get(manifest.name) != sha256_of(manifest):
            faults.append(f"{manifest.name}: changed (its SHA-256 is not the sealed one)")
        digests, _ = bag.read_manifest(manifest)
        for path in paths:
            name = path.relative_to(folder).as_posix()
            if name not in digests:
                faults.append(f"{name}: not in the run")
            elif digests[name] != sha256_of(path):
                faults.append(f"{name}: changed (its SHA-256 is not the sealed one)")
    except Unusable as error:
        faults = [str(error)]
    if faults:
        raise EvidenceError(f"{folder}: not used: {faults[0]}. `incident-kit verify` names all that is wrong.")


def journal_beside(folder: Path) -> Journal | None:
    """The journal of the incident in whose `runs/` the run lies; None where it lies elsewhere."""
    runs = folder.resolve().parent
    path = runs.parent / "journal.jsonl"
    return Journal(path) if runs.name == "runs" and (kind_of(path) or kind_of(runs.parent / "incident.toml")) else None


def _compare(journal: Journal, run: str, digest: str) -> tuple[int, list[str]]:
    """Compare a run's digest with the one noted when it was sealed: the line that noted it, and what is wrong."""
    try:
        seal = journal.noted_seal(run)
    except EvidenceError as error:
        return 0, [f"the incident's journal, which notes the digest of each run: {error}"]
    if seal is None:
        return 0, [
            f"{journal.path}: the incident's journal does not know the run: cut off, or the run was sealed elsewhere"
        ]
    line, sealed = seal
    faults = []
    if sealed != digest:
        faults.append(
            f"{bag.TAG_MANIFEST}: its digest is {digest}, not {sealed}, "
            f"which the incident's journal noted at sealing (line {line}): the run was sealed anew"
        )
    # The chain up to the line after it is what shows that the line is as it was written.
    for fault in journal.faults():
        if (match := LINE.match(fault)) and int(match[1]) <= line + 1:
            faults.append(f"the incident's {fault}")
    return line, faults


def _faults_inside(run: RunFolder) -> list[str]:
    """What is wrong with the items, the journal and the descriptions in a run, whatever its manifests say."""
    faults = _item_faults(run.evidence)
    if kind_of(run.journal):
        faults += [f"data/{fault}" for fault in Journal(run.journal).faults()]
    for path, read in ((run.description, read_run_description), (run.incident, read_description)):
        if kind_of(path):
            try:
                read(path)
            except Unusable as error:
                faults.append(f"data/{path.name}: {error}")
    return faults


def _item_faults(folder: Path) -> list[str]:
    """Items whose description does not give their name, or whose content is not what the description says."""
    faults = []
    for path in sorted(folder.iterdir()) if kind_of(folder) == FOLDER else ():
        name = f"data/evidence/{visible(path.name)}"
        if ITEM_NAME.fullmatch(path.name):
            faults += [fault.at(name) for fault in item_faults(path)]
        else:
            faults.append(f"{name}: not an item")
    return faults
