"""Extracted columns kept beside an incident, so that its logs are read once and not for every question.

An entry is a folder of Parquet files with an index. Its name is the digest of all that they depend on: the content of
the logs, what people said of them, the runbook's patterns, and how logs are read here. The index holds the digest of
each file and is signed with a key of this user, because a folder of evidence may come from a stranger. An entry that is
not as it was written is made anew. Nothing is lost with the cache: whoever needs room may delete it at any time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from incident_kit.errors import LogFileError
from incident_kit.logs.columns import Dependency
from incident_kit.logs.extract import Extracted, Part, Stretch, extract_all
from incident_kit.logs.pieces import PIECE_BYTES, SMALL_BYTES, Reading
from incident_kit.logs.prepare import PreparedSource
from incident_kit.model.times import iso

FOLDER_VARIABLE = "INCIDENT_KIT_CACHE"  # where the kernel of a report keeps its columns
KEY_FILE = Path("incident-kit") / "cache.key"
INDEX = "index.json"
MOST_BYTES = 8 << 30  # of one incident; the entries that were not used for longest go first


class Cache:
    """The cache in one folder. `say` is told once, where it cannot be used, why."""

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.folder = folder
        self._say = say
        self._refused = False

    @classmethod
    def of_environment(cls) -> Cache | None:
        """The cache that the command which started this process named, if it did."""
        folder = os.environ.get(FOLDER_VARIABLE)
        return cls(Path(folder)) if folder else None

    def extracted(
        self, sources: Sequence[PreparedSource], dependencies: Sequence[Dependency], scratch: Path
    ) -> Extracted:
        """The columns of all sources, taken from here where they are here, else extracted and kept.

        Where they cannot be kept they lie in the folder `scratch`. Raises LogFileError where there is no room there.
        """
        if self._refused or not all(prepared.source.sha256 for prepared in sources):
            return extract_all(sources, dependencies, scratch)
        groups = _together(sources)
        entries = [self.folder / digest_of([sources[number] for number in group], dependencies) for group in groups]
        kept = {place: columns for place, entry in enumerate(entries) if (columns := _read(entry))}
        missing = [number for place, group in enumerate(groups) if place not in kept for number in group]
        try:
            if missing:
                with self._aside() as aside:
                    fresh = extract_all([sources[number] for number in missing], dependencies, aside)
                    for place, group in enumerate(groups):
                        if place not in kept:
                            own = fresh.only([missing.index(number) for number in group])
                            kept[place] = _keep(own, aside / f"entry-{place}", entries[place])
        except (OSError, LogFileError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._say(f"{self.folder}: what was read from the logs is not kept there, and is read again: {reason}")
            self._refused = True
            return extract_all(sources, dependencies, scratch)
        self._make_room(entries)
        return Extracted.joined(len(sources), [(group, kept[place]) for place, group in enumerate(groups)])

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """A folder to write into, which is gone at the end. Raises OSError where nothing can be kept."""
        _key()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        aside = self.folder / f".new-{secrets.token_hex(4)}"
        aside.mkdir(mode=0o700)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _make_room(self, used: Sequence[Path]) -> None:
        """Remove the entries that were not used for longest, where there are too many."""
        try:
            entries = sorted(self.folder.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
            held = 0
            for entry in entries:
                held += sum(file.stat().st_size for file in entry.iterdir())
                if held > MOST_BYTES and entry not in used:
                    shutil.rmtree(entry, ignore_errors=True)
        except OSError:  # another process makes room at the same time
            return


def _together(sources: Sequence[PreparedSource]) -> list[list[int]]:
    """Which sources share an entry: the small ones, which share pieces too."""
    small = [number for number, prepared in enumerate(sources) if prepared.size_bytes < SMALL_BYTES]
    return [*([number] for number in range(len(sources)) if number not in set(small)), *([small] if small else [])]


def digest_of(sources: Sequence[PreparedSource], dependencies: Sequence[Dependency]) -> str:
    """The digest of all that the columns of these sources depend on."""
    described = {
        "reading": reading_digest(),
        "piece_bytes": PIECE_BYTES,
        "dependencies": [asdict(dependency) for dependency in dependencies],
        "sources": [_described(prepared) for prepared in sources],
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]


def _described(prepared: PreparedSource) -> dict[str, Any]:
    recognition = prepared.recognition
    yearless = any("yearless" in form.times for form in (*recognition.formats, *recognition.wrappers))
    written = recognition.zones.written
    return {
        "sha256": prepared.source.sha256,
        "hints": prepared.source.hints.to_json(),
        "written": iso(written) if yearless and written else None,
    }


@cache
def reading_digest() -> str:
    """The digest of how logs are read here: the code and the formats of this room, and the version of DuckDB."""
    import duckdb

    folder = Path(__file__).parent
    digest = hashlib.sha256(duckdb.__version__.encode())
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.toml")]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _keep(extracted: Extracted, folder: Path, entry: Path) -> Extracted:
    """Put columns into a folder, and rename it into an entry; what is kept there then. Raises OSError."""
    folder.mkdir(mode=0o700)
    files = []
    for part in extracted.parts:
        os.chmod(part.path, 0o600)
        stretches = [asdict(stretch) for stretch in part.stretches]
        files.append({"name": part.path.name, "sha256": _sha256(part.path), "stretches": stretches})
        part.path.rename(folder / part.path.name)
    index = {
        "parts": files,
        "readings": [asdict(reading) for reading in extracted.readings],
        "cleaned": [dict(counts) for counts in extracted.cleaned],
    }
    text = json.dumps(index, sort_keys=True).encode()
    descriptor = os.open(folder / INDEX, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_signature(text) + b"\n" + text)
    if entry.exists() and not _read(entry):  # damaged; else another process was faster
        shutil.rmtree(entry)
    with suppress(OSError):
        folder.rename(entry)
    if kept := _read(entry):
        return kept
    raise OSError(f"{entry.name} was changed by somebody else")


def _signature(text: bytes) -> bytes:
    return hmac.digest(_key(), text, "sha256").hex().encode()


def _read(entry: Path) -> Extracted | None:
    """What an entry holds; None where it is not there, or not as it was written here."""
    try:
        signature, _, text = (entry / INDEX).read_bytes().partition(b"\n")
        if not hmac.compare_digest(signature, _signature(text)):
            return None
        index = json.loads(text)
        for file in index["parts"]:
            if _sha256(entry / file["name"]) != file["sha256"]:
                return None
        os.utime(entry)
    except (OSError, ValueError):
        return None
    parts = [
        Part(entry / file["name"], tuple(Stretch(**stretch) for stretch in file["stretches"]))
        for file in index["parts"]
    ]
    return Extracted(parts, [Reading(**reading) for reading in index["readings"]], list(map(Counter, index["cleaned"])))


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key() -> bytes:
    """The key of this user by which an entry is known to be written here. Raises OSError where none can be kept."""
    try:
        path = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / KEY_FILE
    except RuntimeError:
        raise OSError("this user has no home for the cache's key; set XDG_STATE_HOME") from None
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(new, path)  # of two processes one is first, and both go on with its key
        except FileExistsError:
            pass
        finally:
            new.unlink()
        return path.read_bytes()
