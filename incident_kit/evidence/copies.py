"""Copies of files that share nothing with their original, so that an accident to one is none to the other.

Where the file system can, a copy shares its blocks until one of the two is changed (a clone, in no time and no room).
Hard links are no copies: a byte appended to one is appended to all.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from incident_kit.errors import EvidenceError
from incident_kit.evidence.untrusted import open_plain

# linux/fs.h: _IOW(0x94, 9, int). Where it has another number, or the file system no clones, the request fails and
# bytes are copied.
FICLONE = 0x40049409
BLOCK_BYTES = 1 << 20
READ_ONLY, FOLDER_READ_ONLY = 0o400, 0o500


def copy_files(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Copy each plain file to a new place, read-only and flushed to disk.

    Raises EvidenceError where there is not the room for all, Unusable for what is no plain file.
    """
    sizes = [os.lstat(source).st_size for source, _ in pairs]
    looked = False
    for number, (source, target) in enumerate(pairs):
        with open_plain(source) as original, open(target, "xb") as copy:
            if not _cloned(original, copy):
                if not looked:
                    _look_for_room(target.parent, sum(sizes[number:]))
                    looked = True
                shutil.copyfileobj(original, copy, BLOCK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
            os.fchmod(copy.fileno(), READ_ONLY)


def _cloned(original: BinaryIO, copy: BinaryIO) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(copy.fileno(), FICLONE, original.fileno())
    except OSError:
        return False
    return True


def _look_for_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise EvidenceError(
            f"{folder}: no room for a copy of the evidence: {needed:,} bytes are needed, {free:,} are free there. "
            "Free disk space, or name another place with --reports."
        )


def make_read_only(folder: Path) -> None:
    """Take the write bits of all files and folders in a folder: nothing is changed by accident then."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.chmod(os.path.join(parent, name), READ_ONLY)
        for name in folders:
            os.chmod(os.path.join(parent, name), FOLDER_READ_ONLY)
