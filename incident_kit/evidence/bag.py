"""BagIt (RFC 8493), version 1.0, SHA-256: written so that stock tools accept it, and checked by ourselves.

sha256sum -c manifest-sha256.txt        or        bagit.py --validate RUN
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from incident_kit.errors import EvidenceError
from incident_kit.evidence.copies import make_read_only
from incident_kit.evidence.store import flush_folder, write_durably
from incident_kit.evidence.untrusted import FILE, FOLDER, LINK, kind_of, read_plain, sha256_of, walk
from incident_kit.model.fields import DIGEST, Unusable
from incident_kit.model.visible import visible

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST, INFO = "manifest-sha256.txt", "tagmanifest-sha256.txt", "bag-info.txt"
TAG_FILES = ("bagit.txt", INFO, MANIFEST)
SIGNATURE = f"{TAG_MANIFEST}.sig"


def write(folder: Path, info: Mapping[str, str]) -> str:
    """Make the folder a bag around its `data/`, all of it read-only.

    Returns the SHA-256 of the tag manifest, which stands for all of it. The folder itself keeps its write bit, because
    it may have to be renamed. Raises EvidenceError for what is no plain file.
    """
    _drop_empty_folders(folder / "data")
    payload = payload_files(folder)
    size = sum((folder / name).stat().st_size for name in payload)
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in payload]
    write_durably(folder / "bagit.txt", DECLARATION)
    described = {**info, "Payload-Oxum": f"{size}.{len(payload)}"}
    write_durably(folder / INFO, "".join(f"{name}: {one_line(value)}\n" for name, value in described.items()).encode())
    write_durably(folder / MANIFEST, "".join(lines).encode())
    tags = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in TAG_FILES).encode()
    write_durably(folder / TAG_MANIFEST, tags)
    make_read_only(folder)
    flush_folder(folder)
    return hashlib.sha256(tags).hexdigest()


def one_line(value: str) -> str:
    return " ".join(value.split())


def _drop_empty_folders(folder: Path) -> None:
    """A bag lists files: a folder without one would look as if it was added after sealing."""
    for parent, _, _ in os.walk(folder, topdown=False):
        if Path(parent) != folder and not os.listdir(parent):
            os.rmdir(parent)


def payload_files(folder: Path) -> list[str]:
    """Every file below `data/`, as manifest names, sorted. Raises EvidenceError for what cannot be sealed."""
    names = []
    for name, kind in walk(folder / "data"):
        if kind == FILE:
            names.append(f"data/{name}")
        elif kind != FOLDER:
            raise EvidenceError(
                f"{folder}/data/{visible(name)}: {kind}, which cannot be sealed. "
                "Put a plain file in its place, and make the run again."
            )
    return sorted(names)


def read_manifest(path: Path) -> tuple[dict[str, str], list[str]]:
    """Digest by file name, and the faults of the manifest itself. Raises Unusable."""
    digests: dict[str, str] = {}
    faults = []
    for number, line in enumerate(read_plain(path).decode("utf-8", "replace").removesuffix("\n").split("\n"), start=1):
        digest, _, name = line.partition("  ")
        if not DIGEST.fullmatch(digest) or not name:
            faults.append(f"{path.name}, line {number}: not a manifest line")
        elif name in digests:
            faults.append(f"{path.name}, line {number}: {visible(name)} is listed twice")
        elif Path(name).is_absolute() or ".." in Path(name).parts:
            faults.append(f"{path.name}, line {number}: {visible(name)} points outside the run")
        else:
            digests[name] = digest.lower()  # written either way by other tools
    return digests, faults


def faults(folder: Path) -> list[str]:
    """Everything in which the folder differs from what was sealed, each thing by name.

    Nothing but a plain file is opened.
    """
    present = dict(walk(folder))
    differences = [
        f"{visible(name)}: {kind}, not the file that was sealed"
        for name, kind in present.items()
        if kind not in (FILE, FOLDER)
    ]
    tags = [name for name in (*TAG_FILES, TAG_MANIFEST) if present.get(name) != FILE]
    if tags:
        return [
            f"{name}: {present[name] + ', not the file that was sealed' if name in present else 'missing'}"
            for name in tags
        ]
    if read_plain(folder / "bagit.txt") != DECLARATION:
        differences.append("bagit.txt: not the declaration of a BagIt 1.0 bag")
    for manifest, of in (
        (MANIFEST, [name for name, kind in present.items() if kind == FILE and name.startswith("data/")]),
        (TAG_MANIFEST, TAG_FILES),
    ):
        try:
            digests, own = read_manifest(folder / manifest)
        except Unusable as error:
            differences.append(f"{manifest}: {error}")
            continue
        differences += own
        for name, digest in digests.items():
            differences += [f"{visible(name)}: {fault}" for fault in _changed(folder, name, digest)]
        differences += [
            f"{visible(name)}: {'added after sealing' if manifest == MANIFEST else f'not listed in {TAG_MANIFEST}'}"
            for name in of
            if name not in digests
        ]
    expected = {*TAG_FILES, TAG_MANIFEST, SIGNATURE, "data"}
    differences += [
        f"{visible(name)}: added after sealing"
        for name in present
        if "/" not in name and name not in expected and present[name] == FILE
    ]
    if present.get("data") == FILE:
        differences.append("data: a plain file, not the folder that was sealed")
    if present.get(SIGNATURE) == FOLDER:
        differences.append(f"{SIGNATURE}: a folder, not a signature")
    return differences + [
        f"{visible(name)}: an empty folder, added after sealing"
        for name in _empty_folders(present)
        if name not in ("data", SIGNATURE)
    ]


def _changed(folder: Path, name: str, digest: str) -> list[str]:
    """What is wrong with a file that a manifest lists. It is reached through plain folders only."""
    path = folder / name
    if any(
        kind_of(parent) == LINK
        for parent in (folder.joinpath(*Path(name).parts[:depth]) for depth in range(1, len(Path(name).parts)))
    ):
        return []  # the link is named
    kind = kind_of(path)
    if not kind:
        return ["missing"]
    if kind != FILE:
        return [f"{kind}, not the file that was sealed"]
    try:
        return [] if sha256_of(path) == digest else ["changed (its SHA-256 is not the sealed one)"]
    except Unusable as error:
        return [str(error)]


def _empty_folders(present: Mapping[str, str]) -> list[str]:
    """The outermost folders that hold nothing but folders."""
    filled = {
        name[:place]
        for name, kind in present.items()
        if kind != FOLDER
        for place in range(len(name))
        if name[place] == "/"
    }
    empty = {name for name, kind in present.items() if kind == FOLDER and name not in filled}
    return [name for name in empty if name.rpartition("/")[0] not in empty]
