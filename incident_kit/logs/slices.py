"""Where in a log a window begins and ends.

Logs are mostly in time order, so the window is found by bisection over byte offsets and only its neighbourhood is read.
Files are opened for reading only, without touching their access time where the system allows it, and their size is
taken once: what is written to a growing log afterwards belongs to a later question.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from incident_kit.errors import EmptyLog, LogFileError, LogForbidden
from incident_kit.logs.archives import TextReader, packing_of_head, untouched
from incident_kit.logs.formats import own_formats
from incident_kit.logs.reading import read
from incident_kit.logs.recognise import Recognition, recognise
from incident_kit.logs.scan import HEAD_LINES, MOST_LINE_BYTES, sample_of
from incident_kit.logs.time_forms import Zones, hours_twice
from incident_kit.model.source import Hints, Source
from incident_kit.model.times import Window
from incident_kit.model.visible import visible

MARGIN = timedelta(seconds=60)
BLOCK_BYTES = 1 << 14
PLACES, PLACE_BYTES = 16, 1 << 12  # at which a log is asked whether its times only go forward
HEAD_BYTES = 1 << 16
TEXT_BLOCK_BYTES = 1 << 20
NO_HINTS = Hints()


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes [start, end) of a file of `size` bytes (as it was when opened)."""

    start: int
    end: int
    size: int


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A log that is open for reading, at the size it had then.

    Times are found by looking at some places of it, except in archives and containers, which have to be read whole.
    """

    path: Path
    descriptor: int
    size: int
    packing: str
    recognition: Recognition
    hints: Hints
    begins_at: int = 0  # behind what copytruncate leaves: NULs, maybe many more than there is text
    endless: list[tuple[int, int]] = field(
        default_factory=list
    )  # stretches without a line end that were read through once

    @property
    def must_be_read_whole(self) -> bool:
        return bool(self.packing) or any(
            item.begins for item in (*self.recognition.formats, *self.recognition.wrappers)
        )

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at a place, without moving anything."""
        return os.pread(self.descriptor, length, offset)

    def times(self) -> tuple[datetime, datetime] | None:
        """The times of the oldest and the newest record, as some places all over it show them; None without any."""
        if self.must_be_read_whole:
            return self._times_of_all()
        newest = self._newest_time()
        moments = [*self._times_here_and_there(), *([newest] if newest else [])]
        return (min(moments), max(moments)) if moments else None

    def _times_here_and_there(self) -> list[datetime]:
        """The times of the records at some places all over the log, the first record's first."""
        if not self.size:
            return []
        length = self.size - self.begins_at
        places = [
            next(self.dated_lines(self.begins_at + length * place // PLACES, PLACE_BYTES), None)
            for place in range(PLACES)
        ]
        return [dated[1] for dated in places if dated]

    def has_times_going_back(self, window: Window, margin: timedelta) -> bool:
        """Whether times go back by more than the margin.

        A clock that was set, logs put together, an hour that comes twice.
        """
        moments = self._times_here_and_there()
        hour = timedelta(hours=1)
        return any(earlier - later > margin for earlier, later in pairwise(moments)) or bool(
            hours_twice(self.hints.zone, window.since - margin - hour, window.until + margin + hour)
        )

    def _newest_time(self) -> datetime | None:
        end, rest, block_bytes = self.size, b"", BLOCK_BYTES
        while end > self.begins_at:
            start = max(self.begins_at, end - block_bytes)
            lines = (self.read(start, end - start) + rest).split(b"\n")
            for line in reversed(lines[1:] if start > self.begins_at else lines):
                if moment := self.recognition.time_of(line):
                    return moment
            if len(lines) == 1:
                block_bytes = min(2 * block_bytes, MOST_LINE_BYTES)
            rest, end = lines[0].strip(b"\x00")[:MOST_LINE_BYTES], start
        return None

    def _times_of_all(self) -> tuple[datetime, datetime] | None:
        """Both times of an archive or a container, as far as it is whole."""
        with read([Source("whole", self.path, str(self.path), hints=self.hints)]) as records:
            [row] = records.query("extent")
        return (row["first"], row["last"]) if row["first"] else None

    def span(self, window: Window, margin: timedelta) -> ByteRange:
        """Where the window lies in a log: all of it for an archive, and where no line is dated."""
        everything = ByteRange(0, self.size, self.size)
        if self.must_be_read_whole:
            return everything
        span = self.find(window, margin)
        return everything if span.start == span.end == self.size and self.times() is None else span

    def find(self, window: Window, margin: timedelta = MARGIN) -> ByteRange:
        """The bytes of the records from `since - margin` to `until + margin`, in whole records.

        By bisection, if times allow it.
        """
        if self.has_times_going_back(window, margin):
            return self._find_by_reading(window, margin)
        start = self.first_record_at(window.since - margin, self.begins_at)
        return ByteRange(start, self.first_record_at(window.until + margin, start), self.size)

    def _find_by_reading(self, window: Window, margin: timedelta) -> ByteRange:
        start = end = self.size
        for offset, moment in self.dated_lines(self.begins_at):
            if window.since - margin <= moment < window.until + margin:
                start, end = min(start, offset), self.size
            elif end == self.size and start < offset:
                end = offset
        return ByteRange(start, end, self.size)

    def first_record_at(self, moment: datetime, low: int) -> int:
        """The offset of the first record from `low` on that is not before `moment`, or the size, by bisection."""
        high = self.size
        while low < high:
            middle = (low + high) // 2
            offset, dated = next(self.dated_lines(middle), (self.size, None))
            if dated is not None and dated < moment:
                low = offset + 1
            else:
                high = middle
        return next(self.dated_lines(low), (self.size, None))[0]

    def dated_lines(self, start: int, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, datetime]]:
        """Offset and time of each dated line that begins at or after `start`, read in blocks of that size."""
        start = next((end for begin, end in self.endless if begin <= start < end), start)
        partial = start > self.begins_at
        offset = position = max(
            0, start - partial
        )  # one earlier, so that a line beginning exactly at `start` is seen whole
        begun: list[bytes] = []  # of the line at `offset`, as much as is read of it
        kept = 0
        while position < self.size:
            block = self.read(position, min(block_bytes, self.size - position))
            if not block:
                return
            *lines, rest = block.split(b"\n")
            for line in lines:
                if not partial and (moment := self.recognition.time_of(b"".join([*begun, line]))):
                    yield offset, moment
                partial = False
                end = position + len(line) + 1
                if end - offset > MOST_LINE_BYTES:
                    self.endless.append((offset + 1, end))
                offset = position = end
                begun, kept = [], 0
            position += len(rest)
            if kept < MOST_LINE_BYTES and (rest := rest if kept else rest.lstrip(b"\x00")):
                begun.append(rest)
                kept += len(rest)
            if not lines:
                block_bytes = min(2 * block_bytes, MOST_LINE_BYTES)
        if begun and not partial and (moment := self.recognition.time_of(b"".join(begun))):
            yield offset, moment
        if position - offset > MOST_LINE_BYTES:
            self.endless.append((offset + 1, self.size))


@contextmanager
def open_log(path: Path, hints: Hints = NO_HINTS, origin: str = "") -> Iterator[OpenLog]:
    """A log opened for reading only; `origin` is what people call it.

    Raises LogFileError that names what is wrong with it and what to do.
    """
    name = origin or visible(path)
    try:
        if path.is_dir():
            raise LogFileError(f"{name}: a folder, not a log file. Name the files in it, such as {name}/combined.log.")
        descriptor = untouched(str(path), os.O_RDONLY)
    except FileNotFoundError:
        raise LogFileError(
            f"{name}: no such file. Check the name; -l takes one log file and can be repeated."
        ) from None
    except PermissionError:
        raise LogForbidden(
            f"{name}: no permission to read it. Run as a user who may (often the group adm), or copy the log first."
        ) from None
    except OSError as error:
        raise LogFileError(f"{name}: cannot be opened: {error.strerror}.") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise LogFileError(
                f"{name}: no file, and where a pipe is no longer one. Give a log file, or - for standard input."
            )
        size = os.fstat(descriptor).st_size
        if size == 0:
            raise EmptyLog(
                f"{name}: the file is empty. Was the log rotated? Look for {name}.1 or {name}.1.gz beside it."
            )
        packing = packing_of_head(os.pread(descriptor, 8, 0))
        begins_at, head = _text_begins(path, descriptor, size, packing, hints)
        if not head:
            raise EmptyLog(f"{name}: the file holds nothing but NULs and line ends, so it is as good as empty.")
        if not packing and looks_binary(head):
            raise LogFileError(
                f"{name}: not a text log (binary bytes at its beginning)."
                " Give a log file: plain, gzip, zstd, bzip2 or xz."
            )
        written = datetime.fromtimestamp(os.fstat(descriptor).st_mtime, UTC)
        zones, own = Zones(hints.zone, hints.date_order, written), own_formats(hints.formats)
        recognition = recognise(head.split(b"\n")[:HEAD_LINES], zones, own)
        # A banner, a long stack; a date that may be November or December: then it is worth reading more.
        if not packing and (not (recognition.formats or recognition.wrappers) or recognition.undecided):
            lines = sample_of(lambda length, offset: os.pread(descriptor, length, offset), size, begins_at)
            recognition = recognise(lines, zones, own)
        yield OpenLog(path, descriptor, size, packing, recognition, hints, 0 if packing else begins_at)
    finally:
        os.close(descriptor)


def _text_begins(path: Path, descriptor: int, size: int, packing: str, hints: Hints) -> tuple[int, bytes]:
    """Where, behind NULs and line ends, the text of a log begins, and its first bytes; nothing if it has none.

    Of an archive that is damaged before any text came, these are its own: it is not empty.
    """
    reader = TextReader(path, hints.unpacked_limit_bytes)
    offset = 0
    for block in reader.blocks() if packing else _plain_blocks(descriptor, size):
        if begun := block.lstrip(b"\x00\r\n"):
            offset += len(block) - len(begun)
            return offset, begun[:HEAD_BYTES] if packing or len(begun) == HEAD_BYTES else os.pread(
                descriptor, HEAD_BYTES, offset
            )
        offset += len(block)
    return 0, reader.damage.encode()


def _plain_blocks(descriptor: int, size: int) -> Iterator[bytes]:
    """What a plain log holds: its head, and then large blocks."""
    yield os.pread(descriptor, HEAD_BYTES, 0)
    yield from (os.pread(descriptor, TEXT_BLOCK_BYTES, start) for start in range(HEAD_BYTES, size, TEXT_BLOCK_BYTES))


def looks_binary(head: bytes) -> bool:
    """Whether this cannot be a text log: many control bytes.

    NULs are left out of the count: copytruncate leaves runs of them.
    """
    visible = head.replace(b"\x00", b"")[:4096]
    control = sum(byte < 9 or 13 < byte < 27 for byte in visible)
    return control > len(visible) // 20 if visible else True
