"""Reading what a stranger may have made: plain files only, and their JSON strictly.

A bag, an incident's folder or an item that was handed over can hold anything: a link to a private file, a pipe that
waits for a writer for ever, JSON that is nested a hundred thousand deep. Nothing here follows a link, waits, or
believes a field. `Unusable` says what is wrong in a few words; who catches it adds the file and what to do.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from incident_kit.model.fields import Unusable, parse_json

FILE, FOLDER, LINK = "a plain file", "a folder", "a link"
KINDS = (
    (stat.S_ISREG, FILE),
    (stat.S_ISDIR, FOLDER),
    (stat.S_ISLNK, LINK),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)
# What our own files are far below of.
MOST_JSON_BYTES = 64 << 20


def kind_of(path: Path) -> str:
    """What lies there, in words, no link followed; empty where nothing does."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):  # a name with a NUL, or one too long for any disk, is no file's
        return ""
    return next((words for test, words in KINDS if test(mode)), "a device")


def open_plain(path: Path) -> io.BufferedReader:
    """Open a plain file for reading. Raises Unusable for anything else, which is never opened."""
    kind = kind_of(path)
    if not kind:
        raise Unusable("missing")
    if kind != FILE:
        raise Unusable(f"{kind}, not a plain file")
    try:
        # It may have been exchanged since: a link is not followed, a pipe not waited for, and it is looked at again.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable("not a plain file")
    return io.BufferedReader(io.FileIO(descriptor))


def read_plain(path: Path, most_bytes: int = MOST_JSON_BYTES) -> bytes:
    """The bytes of a plain file of a size that such a file may have. Raises Unusable."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise Unusable(f"{size:,} bytes, more than the {most_bytes:,} that such a file may have")
        return file.read(most_bytes)


def sha256_of(path: Path) -> str:
    """SHA-256 of a plain file, in hex. Raises Unusable."""
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Everything below a folder: its name from there on and what it is. No link is followed, no depth too deep."""
    waiting = [""]
    while waiting:
        within = waiting.pop()
        try:
            with os.scandir(folder / within) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            yield within or ".", f"a folder that cannot be read ({error.strerror})"
            continue
        for name in names:
            place = f"{within}/{name}" if within else name
            kind = kind_of(folder / place) or "something that cannot be looked at"
            yield place, kind
            if kind == FOLDER:
                waiting.append(place)


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """The value of a JSON file. Raises Unusable."""
    return parse_json(read_plain(path, most_bytes))
