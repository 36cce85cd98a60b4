"""Sealed runs that can be damaged.

What is sealed has no write bits, which its owner minds and root does not.
"""

from __future__ import annotations

import shutil
from pathlib import Path


def writable(folder: Path) -> Path:
    """Give everything in a folder its write bits again."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def copy_of(run: Path, target: Path) -> Path:
    """A copy of a sealed run that can be damaged."""
    return writable(Path(shutil.copytree(run, target)))
