"""Logs as they are given: files, pipes, and the members of archives, each as a file that can be read more than once.

What can be read only once (standard input, a FIFO, `<(...)`) is written to a private file first. Of a tar or a zip each
regular member becomes such a file, numbered, and is called ARCHIVE!MEMBER. All of it is bounded, and gone afterwards.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from incident_kit.errors import EmptyLog, LogFileError, LogForbidden
from incident_kit.logs.archives import BLOCK_BYTES, STANDARD_INPUT, Damage, TextReader, untouched
from incident_kit.logs.members import Member, is_tar, is_zip, tar_members, zip_members
from incident_kit.logs.slices import looks_binary, open_log
from incident_kit.model.source import Hints
from incident_kit.model.visible import visible

MOST_MEMBERS = 1000
OWN_DESCRIPTOR = re.compile(r"/dev/(?:stdin|fd/(\d+))|/proc/self/fd/(\d+)")
SAID_AFTER_S, REFUSED_AFTER_S = 2, 60  # that nobody writes to a FIFO
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log: where its bytes can be read now, what people call it, and what of it could not be had.

    `named` is the file that was named for it: itself, or the archive whose `member` it is; None for a pipe.
    """

    path: Path
    origin: str
    named: Path | None
    archive: Path | None = None
    member: str = ""
    missing: str = ""

    @classmethod
    def of(cls, path: Path) -> LogFile:
        return cls(path, visible(path), path)


@dataclass(slots=True)
class LogInputs:
    """The logs, what else there is to know of what was given, and what could not be had."""

    logs: list[LogFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class UnusableLog:
    """Logs that cannot be read and do not hold up the others: empty ones, and those we have no right to read."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.lost: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note it if the log opened here is such a one.

        What is wrong in another way, as a name mistyped, is mended at once: it is raised.
        """
        try:
            yield
        except EmptyLog as error:
            self.notes.append(str(error))
        except LogForbidden as error:
            self.lost.append(str(error))

    def refuse(self) -> LogFileError:
        """What to raise where no other log is there."""
        return LogFileError("\n".join([*self.lost, *self.notes]))


def readable(inputs: LogInputs, hints: Hints) -> list[LogFile]:
    """Those of the logs that can be read; the others are noted in `inputs`. Raises LogFileError if there is none."""
    logs, unusable = list[LogFile](), UnusableLog()
    for log in inputs.logs:
        with unusable.noted(), open_log(log.path, hints, log.origin):
            logs.append(log)
    if not logs:
        raise unusable.refuse()
    inputs.notes += unusable.notes
    inputs.lost += unusable.lost
    return logs


@contextmanager
def log_files_of(paths: Sequence[Path], hints: Hints, say: Callable[[str], None]) -> Iterator[LogInputs]:
    """The logs at these paths; `-` is standard input. `say` is told what is waited for.

    Raises LogFileError for what is no file and no pipe, for an archive without a log, and where there is no room.
    """
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as folder:
        inputs, spool = LogInputs(), _Spool(Path(folder), hints.unpacked_limit_bytes)
        pipes: dict[object, LogFile] = {}
        for path in paths:
            log = LogFile.of(path)
            if (which := _pipe(path)) is not None:
                if which not in pipes:
                    with open_once(path, say) as pipe:
                        copied, missing = spool.copy(iter(lambda: pipe.read1(BLOCK_BYTES), b""))
                    pipes[which] = LogFile(
                        copied, "standard input" if path == STANDARD_INPUT else visible(path), None, missing=missing
                    )
                log = pipes[which]
            inputs.logs += _unpacked(log, spool, inputs)
        yield inputs


def _pipe(path: Path) -> object | None:
    """What tells a pipe from another; None for what is no pipe.

    Raises LogFileError for what is neither that nor a file.
    """
    if path == STANDARD_INPUT:
        return "-"
    try:
        status = path.stat()
    except OSError:
        return None  # opening it as a log says what is wrong
    for is_kind, name in KINDS:
        if is_kind(status.st_mode):
            hint = (
                f"Name the files in it, such as {visible(path)}/combined.log."
                if name == "a folder"
                else "Give a file, a pipe, or - for standard input."
            )
            raise LogFileError(f"{visible(path)}: {name}, not a log file. {hint}")
    return (status.st_dev, status.st_ino) if stat.S_ISFIFO(status.st_mode) else None


@contextmanager
def open_once(path: Path, say: Callable[[str], None]) -> Iterator[io.BufferedReader]:
    """A file or a pipe, to be read from beginning to end; `-` is standard input. `say` is told what is waited for."""
    own = OWN_DESCRIPTOR.fullmatch(str(path))
    if path == STANDARD_INPUT or own:
        descriptor = os.dup(int(own[1] or own[2] or 0) if own else 0)
    else:
        _pipe(path)
        descriptor = untouched(str(path), os.O_RDONLY)  # which waits for nobody
    with open(descriptor, "rb") as file:
        if path != STANDARD_INPUT and not own and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            _await_writer(file, path, say)
            os.set_blocking(descriptor, True)
        yield file


def _await_writer(pipe: io.BufferedReader, path: Path, say: Callable[[str], None]) -> None:
    """Wait until somebody writes to a FIFO, or has been there and gone. Raises LogFileError if nobody comes."""
    events = select.poll()
    events.register(pipe, select.POLLIN)
    if events.poll(SAID_AFTER_S * 1000):
        return
    say(f"{visible(path)}: a pipe to which nothing was written yet; waiting")
    # An open end for writing tells that somebody may take as long as it takes:
    # then there is nothing, but no end either.
    if not events.poll(REFUSED_AFTER_S * 1000) and _has_ended(pipe):
        raise LogFileError(
            f"{visible(path)}: a pipe that nobody opened for writing within {REFUSED_AFTER_S} seconds."
            " Begin what writes to it first."
        )


def _has_ended(pipe: io.BufferedReader) -> bool:
    """Whether nobody has a pipe open for writing. What came in this moment stays to be read."""
    return not pipe.peek(1) and pipe.raw.read(1) is not None


def _unpacked(log: LogFile, spool: _Spool, inputs: LogInputs) -> list[LogFile]:
    """The members of a log that is an archive of files; else itself."""
    try:
        if is_zip(log.path):
            members: Generator[Member] = zip_members(log.path)
        elif is_tar(log.path):
            members = tar_members(log.path, spool.limit_bytes)
        else:
            return [log]
    except OSError:
        return [log]  # opening it as a log says what is wrong
    logs: list[LogFile] = []
    times: Counter[str] = Counter()
    left_bytes = spool.limit_bytes
    with closing(members):
        try:
            for number, member in enumerate(members):
                if number == MOST_MEMBERS or left_bytes <= 0:
                    inputs.lost.append(
                        f"{log.origin}: what comes behind its file {number} was not read."
                        " Unpack it and give the logs you need"
                    )
                    break
                name = f"{log.origin}!{visible(member.name)}"
                times[name] += 1
                name += f"#{times[name]}" if times[name] > 1 else ""
                if member.not_read:
                    (inputs.lost if member.may_be_log else inputs.notes).append(f"{name}: not read: {member.not_read}")
                    continue
                path, missing = spool.copy(member.blocks, left_bytes, member.written)
                left_bytes -= path.stat().st_size
                missing = member.damage or missing
                if is_zip(path) or is_tar(path):
                    inputs.lost.append(
                        f"{name}: not read: an archive within an archive. Unpack the outer one and give it"
                    )
                elif not path.stat().st_size and not missing:
                    inputs.notes.append(f"{name}: empty")
                elif _is_binary(path):
                    inputs.notes.append(f"{name}: not read: not a text")
                else:
                    logs.append(LogFile(path, name, log.named, log.path, member.name, missing))
        except Damage as error:
            inputs.lost.append(f"{log.origin}: {error}")
    if not logs:
        reasons = "; ".join([*inputs.lost, *inputs.notes]) or "it holds no file"
        raise LogFileError(f"{log.origin}: an archive without a log in it that can be read: {reasons}.")
    return logs


def _is_binary(path: Path) -> bool:
    """Whether the text of a file, packed or not, is none."""
    for block in TextReader(path).blocks():
        if begun := block.lstrip(b"\x00"):
            return looks_binary(begun)
    return False


class _Spool:
    """A private folder of numbered files."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self.limit_bytes, self._count = folder, limit_bytes, 0

    def copy(
        self, blocks: Iterable[bytes], limit_bytes: int | None = None, written: float | None = None
    ) -> tuple[Path, str]:
        """A file of these bytes, up to a limit; and what is missing of them.

        Raises LogFileError where there is no room.
        """
        limit_bytes = self.limit_bytes if limit_bytes is None else limit_bytes
        path, done, missing = self._folder / f"{self._count}", 0, ""
        self._count += 1
        try:
            with open(path, "xb") as file:
                for block in blocks:
                    file.write(block[: limit_bytes - done])
                    done += len(block)
                    if done > limit_bytes:
                        missing = (
                            f"only its first {limit_bytes:,} bytes were read."
                            f" To read more of it: --max-unpacked {4 * self.limit_bytes}"
                        )
                        break
            if written is not None:
                os.utime(path, (written, written))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise LogFileError(
                f"no room in {self._folder.parent} for what pipes and archives hold ({error.strerror})."
                " Free disk space, or name another folder in TMPDIR."
            ) from None
        return path, missing
