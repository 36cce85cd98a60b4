"""DuckDB under lock: it reads evidence and nothing else, and writes nowhere but into a scratch folder.

A statement may be a person's, and a pattern in it a stranger's. So DuckDB gets no path: files that we opened are known
to it as `evidence://NUMBER`, through a file system that can only read. Settings are made, then external access ends and
the configuration is locked; what a statement could still try (COPY, ATTACH, INSTALL, SET, reading a file) fails by
DuckDB's own rules (https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview).
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from incident_kit.errors import LogFileError, ParameterError

if TYPE_CHECKING:
    import duckdb

PREFIX = "evidence://"
LOCKED = (
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",  # else a statement could read variables of this process
    "SET allowed_directories = $folders",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
ALONE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def connect(files: EvidenceFiles, scratch: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory that reads these files only.

    What does not fit into memory goes into the folder `scratch`.
    """
    import duckdb  # here, because commands that only start a kernel import this module and read nothing

    connection = duckdb.connect(config={**ALONE, "temp_directory": str(scratch / "spill")})
    connection.register_filesystem(files)
    _lock(connection, [PREFIX])
    return connection


def connect_for_extraction(files: EvidenceFiles, folder: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory that reads these files, and writes into this folder and nowhere else; for SQL of ours."""
    import duckdb

    connection = duckdb.connect(config={**ALONE, "threads": 1, "temp_directory": ""})
    connection.register_filesystem(files)
    # It would move conditions below the layers of `columns`, and compute what they are made of once for each.
    connection.execute("SET disabled_optimizers = 'filter_pushdown'")
    _lock(connection, [PREFIX, f"{folder}/"])
    return connection


def connect_for_writing(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database of its own in this folder, which may write there and nowhere else; for what leaves as a file."""
    import duckdb

    connection = duckdb.connect(str(folder / "written.db"), config=ALONE)
    _lock(connection, [f"{folder}/"])
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, folders: list[str]) -> None:
    """Let it reach nothing but these folders, from now on."""
    for setting in LOCKED:
        connection.execute(setting, {"folders": folders} if "$folders" in setting else None)


def only_select(connection: duckdb.DuckDBPyConnection, statement: str) -> str:
    """The statement, if it is one SELECT. Raises ParameterError for anything else."""
    import duckdb

    if [parsed.type for parsed in connection.extract_statements(statement)] != [duckdb.StatementType.SELECT]:
        raise ParameterError(f"records are only read here: write one SELECT, not {statement!r}.")
    return statement


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file as it was when it became known: which one it is, and how many bytes of it count."""

    path: Path
    identity: tuple[int, int]  # device and inode
    size_bytes: int


class EvidenceFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not annotated
    """What a database may read, as `evidence://0`, `evidence://1` and so on: plain files, and texts in memory.

    Opening for anything but reading fails.
    """

    protocol = "evidence"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._files: list[EvidenceFile | bytes | None] = []
        self._adding = threading.Lock()

    def add(self, path: Path) -> str:
        """Make a file known; its address. Raises LogFileError for anything that is no plain file."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LogFileError(f"{path}: not a plain file. Give a log file.")
        self._files.append(EvidenceFile(path, (status.st_dev, status.st_ino), status.st_size))
        return f"{PREFIX}{len(self._files) - 1}"

    @contextmanager
    def holding(self, text: bytes) -> Iterator[str]:
        """A text made known for a while; its address."""
        with self._adding:
            number = len(self._files)
            self._files.append(text)
        try:
            yield f"{PREFIX}{number}"
        finally:
            self._files[number] = None

    def _file(self, address: str) -> EvidenceFile | bytes:
        number = address.removeprefix(PREFIX)
        file = self._files[int(number)] if number.isdecimal() and int(number) < len(self._files) else None
        if file is None:
            raise FileNotFoundError(address)
        return file

    def _open(self, path: str, mode: str = "rb", **_: Any) -> ReadOnlyBytes | TextInMemory:
        if mode != "rb":
            raise PermissionError(f"{path}: evidence is only read")
        file = self._file(path)
        return TextInMemory(file) if isinstance(file, bytes) else ReadOnlyBytes(file)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        file = self._file(path)
        return {"name": path, "size": len(file) if isinstance(file, bytes) else file.size_bytes, "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        return path.removeprefix(PREFIX).isdecimal() and int(path.removeprefix(PREFIX)) < len(self._files)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The address itself: none stands for several files."""
        return [path] if self.exists(path) else []

    def modified(self, path: str) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC)  # what is behind an address never changes


class ReadOnlyBytes:
    """A plain file, read by position up to the size it had.

    Raises LogFileError where another file has taken its place.
    """

    def __init__(self, file: EvidenceFile) -> None:
        self._descriptor = -1
        self._descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            check_identity(file, os.fstat(self._descriptor))
        except LogFileError:
            self.close()
            raise
        self._size = file.size_bytes
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        left = max(self._size - self._at, 0)
        data = os.pread(self._descriptor, left if count < 0 else min(count, left), self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = place(offset, whence, self._at, self._size)
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        return self._descriptor < 0

    def __del__(self) -> None:
        # DuckDB lets go of what it has read, and does not close it: of ten thousand logs all would stay open.
        self.close()

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
            self._descriptor = -1


class TextInMemory:
    """A text that is held in memory, read by position."""

    closed = False

    def __init__(self, text: bytes) -> None:
        self._text = memoryview(text)
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        data = bytes(self._text[self._at :] if count < 0 else self._text[self._at : self._at + count])
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = place(offset, whence, self._at, len(self._text))
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        pass


def check_identity(file: EvidenceFile, status: os.stat_result) -> None:
    """Raise LogFileError where this is another file than the one that became known."""
    if (status.st_dev, status.st_ino) != file.identity:
        raise LogFileError(f"{file.path}: another file has taken its place while it was read. Run the command again.")


def place(offset: int, whence: int, distance: int, size: int) -> int:
    """Where a seek leads to."""
    return offset + {os.SEEK_SET: 0, os.SEEK_CUR: distance, os.SEEK_END: size}[whence]
