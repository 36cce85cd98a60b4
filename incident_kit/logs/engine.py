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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from incident_kit.errors import LogFileError, ParameterError
from incident_kit.logs.archives import TextReader

if TYPE_CHECKING:
    import duckdb

PREFIX = "evidence://"
SETTINGS = (
    "SET TimeZone = 'UTC'",
    # It moves conditions below the layers of `columns` and then computes what they are made of once for each:
    # three times the work.
    "SET disabled_optimizers = 'filter_pushdown'",
    "SET python_enable_replacements = false",  # else a statement could read variables of this process
    f"SET allowed_directories = ['{PREFIX}']",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def connect(files: EvidenceFiles, scratch: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory that reads these files only.

    What does not fit into memory goes into the folder `scratch`.
    """
    import duckdb  # here, because commands that only start a kernel import this module and read nothing

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": str(scratch / "spill"),
        }
    )
    connection.register_filesystem(files)
    for setting in SETTINGS:
        connection.execute(setting)
    return connection


def connect_for_writing(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database of its own in this folder, which may write there and nowhere else; for what leaves as a file."""
    import duckdb

    connection = duckdb.connect(
        str(folder / "written.db"), config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    connection.execute("SET allowed_directories = $folders", {"folders": [f"{folder}/"]})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


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
    size_bytes: int  # of its text, unpacked
    packed: bool


class EvidenceFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not annotated
    """The files that a database may read, as `evidence://0`, `evidence://1` and so on.

    Opening for anything but reading fails.
    """

    protocol = "evidence"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._files: list[EvidenceFile] = []
        self._numbers: dict[EvidenceFile, int] = {}
        self._adding = threading.Lock()

    def add(self, path: Path, text_bytes: int | None = None) -> str:
        """Make a file known; its address. What is packed is read as its text, which has so many bytes.

        Raises LogFileError for anything that is no plain file.
        """
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LogFileError(f"{path}: not a plain file. Give a log file.")
        packed = text_bytes is not None
        file = EvidenceFile(
            path, (status.st_dev, status.st_ino), status.st_size if text_bytes is None else text_bytes, packed
        )
        with self._adding:
            number = self._numbers.setdefault(file, len(self._files))
            if number == len(self._files):
                self._files.append(file)
        return f"{PREFIX}{number}"

    def _file(self, address: str) -> EvidenceFile:
        number = address.removeprefix(PREFIX)
        if not number.isdecimal() or int(number) >= len(self._files):
            raise FileNotFoundError(address)
        return self._files[int(number)]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> ReadOnlyBytes | UnpackedText:
        if mode != "rb":
            raise PermissionError(f"{path}: evidence is only read")
        file = self._file(path)
        return UnpackedText(file) if file.packed else ReadOnlyBytes(file)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self._file(path).size_bytes, "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        return path.removeprefix(PREFIX).isdecimal() and int(path.removeprefix(PREFIX)) < len(self._files)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The address itself: none stands for several files."""
        return [path] if self.exists(path) else []

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(self._file(path).path.stat().st_mtime, UTC)


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


class UnpackedText:
    """The text of a packed file, read from its beginning on; going back unpacks it again.

    Raises LogFileError where another file has taken its place.
    """

    def __init__(self, file: EvidenceFile) -> None:
        self._file = file
        self.closed = False
        self._begin()

    def _begin(self) -> None:
        check_identity(self._file, self._file.path.stat())
        self._blocks: Iterator[bytes] = TextReader(self._file.path, self._file.size_bytes).blocks()
        self._rest, self._at = memoryview(b""), 0

    def read(self, count: int = -1) -> bytes:
        parts, wanted = [], self._file.size_bytes if count < 0 else count
        while wanted:
            if not self._rest:
                self._rest = memoryview(next(self._blocks, b""))
                if not self._rest:
                    break
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            parts.append(part)
            wanted -= len(part)
        data = b"".join(parts)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        target = place(offset, whence, self._at, self._file.size_bytes)
        if target < self._at:
            self._begin()
        while self._at < target and self.read(min(target - self._at, 1 << 20)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True
        self._blocks = iter(())  # which lets go of the file


def check_identity(file: EvidenceFile, status: os.stat_result) -> None:
    """Raise LogFileError where this is another file than the one that became known."""
    if (status.st_dev, status.st_ino) != file.identity:
        raise LogFileError(f"{file.path}: another file has taken its place while it was read. Run the command again.")


def place(offset: int, whence: int, distance: int, size: int) -> int:
    """Where a seek leads to."""
    return offset + {os.SEEK_SET: 0, os.SEEK_CUR: distance, os.SEEK_END: size}[whence]
