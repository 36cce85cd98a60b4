"""BagIt (RFC 8493), version 1.0, SHA-256: written so that stock tools accept it, and checked by ourselves.

sha256sum -c manifest-sha256.txt        or        bagit.py --validate RUN
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from incident_kit.evidence.store import flush_folder, sha256_of, write_durably

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST, INFO = "manifest-sha256.txt", "tagmanifest-sha256.txt", "bag-info.txt"
TAG_FILES = ("bagit.txt", INFO, MANIFEST)


def write(folder: Path, info: Mapping[str, str]) -> str:
    """Make the folder a bag around its `data/`; return the SHA-256 of the tag manifest, which stands for all of it."""
    payload = payload_files(folder)
    size = sum((folder / name).stat().st_size for name in payload)
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in payload]
    write_durably(folder / "bagit.txt", DECLARATION)
    described = {**info, "Payload-Oxum": f"{size}.{len(payload)}"}
    write_durably(folder / INFO, "".join(f"{name}: {one_line(value)}\n" for name, value in described.items()).encode())
    write_durably(folder / MANIFEST, "".join(lines).encode())
    tags = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in TAG_FILES).encode()
    write_durably(folder / TAG_MANIFEST, tags)
    flush_folder(folder)
    return hashlib.sha256(tags).hexdigest()


def one_line(value: str) -> str:
    return " ".join(value.split())


def payload_files(folder: Path) -> list[str]:
    """Every file below `data/`, as manifest names, sorted."""
    return sorted((Path(parent) / name).relative_to(folder).as_posix() for parent, _, names in os.walk(folder / "data") for name in names)


def read_manifest(path: Path) -> tuple[dict[str, str], list[str]]:
    """Digest by file name, and the faults of the manifest itself."""
    digests: dict[str, str] = {}
    faults = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n"), start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            faults.append(f"{path.name}, line {number}: not a manifest line")
        elif name in digests:
            faults.append(f"{path.name}, line {number}: {name} is listed twice")
        elif Path(name).is_absolute() or ".." in Path(name).parts:
            faults.append(f"{path.name}, line {number}: {name} points outside the run")
        else:
            digests[name] = digest
    return digests, faults


def faults(folder: Path) -> list[str]:
    """Everything in which the folder differs from what was sealed: each file by name."""
    missing_tags = [name for name in (*TAG_FILES, TAG_MANIFEST) if not (folder / name).is_file()]
    if missing_tags:
        return [f"{name}: missing" for name in missing_tags]
    found = []
    if (folder / "bagit.txt").read_bytes() != DECLARATION:
        found.append("bagit.txt: not the declaration of a BagIt 1.0 bag")
    for manifest, present in ((MANIFEST, payload_files(folder)), (TAG_MANIFEST, None)):
        digests, own = read_manifest(folder / manifest)
        found += own
        for name, digest in digests.items():
            path = folder / name
            if not path.is_file():
                found.append(f"{name}: missing")
            elif path.is_symlink():
                found.append(f"{name}: a link, not the file that was sealed")
            elif sha256_of(path) != digest:
                found.append(f"{name}: changed (its SHA-256 is not the sealed one)")
        found += [f"{name}: added after sealing" for name in present or () if name not in digests]
        if present is None:
            found += [f"{name}: not listed in {TAG_MANIFEST}" for name in TAG_FILES if name not in digests]
    folders = (Path(parent) / name for parent, names, _ in os.walk(folder) for name in names)
    found += [f"{path.relative_to(folder).as_posix()}: a link, not a folder that was sealed" for path in sorted(folders) if path.is_symlink()]
    known = {*TAG_FILES, TAG_MANIFEST, f"{TAG_MANIFEST}.sig", "data"}
    found += [f"{path.name}: added after sealing" for path in sorted(folder.iterdir()) if path.name not in known]
    return found
