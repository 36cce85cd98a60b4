"""Sealed runs that can be damaged, and sealed anew as a forger would.

What is sealed has no write bits, which its owner minds and root does not.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")


def writable(folder: Path) -> Path:
    """Give everything in a folder its write bits again."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def copy_of(run: Path, target: Path) -> Path:
    """A copy of a sealed run that can be damaged."""
    return writable(Path(shutil.copytree(run, target)))


def sha256(path: Path) -> str:
    """The digest of a file, as a manifest writes it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def seal_anew(run: Path) -> str:
    """Make the seal fit what lies there now, as anybody can: manifest, sizes, tag manifest. Gives the seal's digest."""
    payload = sorted(path for path in (run / "data").rglob("*") if path.is_file())
    (run / "manifest-sha256.txt").write_text(
        "".join(f"{sha256(path)}  {path.relative_to(run).as_posix()}\n" for path in payload), encoding="utf-8"
    )
    facts = (run / "bag-info.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in facts if not line.startswith("Payload-Oxum")]
    oxum = f"Payload-Oxum: {sum(path.stat().st_size for path in payload)}.{len(payload)}"
    (run / "bag-info.txt").write_text("\n".join([*kept, oxum]) + "\n", encoding="utf-8")
    seal_tags_anew(run)
    return sha256(run / "tagmanifest-sha256.txt")


def seal_tags_anew(run: Path) -> None:
    """Make the tag manifest fit the tag files that lie there now."""
    tags = "".join(f"{sha256(run / name)}  {name}\n" for name in TAGS)
    (run / "tagmanifest-sha256.txt").write_text(tags, encoding="utf-8")
