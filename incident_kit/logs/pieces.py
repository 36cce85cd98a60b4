"""Sources in pieces of whole lines, each small enough to be held in memory and cleaned as it is read.

A plain log is cut at byte offsets, so that each piece can be read by itself, anywhere and in any order. What is packed
is unpacked once from its beginning, and what has to be normalised is normalised once. Sources of less than a megabyte
go into pieces together: of ten thousand small logs each alone would cost more than its lines.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from incident_kit.errors import LogFileError
from incident_kit.logs.archives import BLOCK_BYTES, TextReader, untouched, whole_lines
from incident_kit.logs.containers import ALL_AT_ONCE
from incident_kit.logs.normalise import normalise
from incident_kit.logs.prepare import PreparedSource
from incident_kit.logs.scan import at_once, clean, clean_lines, line_offsets

PIECE_BYTES = 32 << 20
SMALL_BYTES = 1 << 20  # of a source that shares a piece with others
MOST_SEGMENTS = 1 << 16  # of one piece
SHRUNK = "the file shrank while it was read: what stood behind its new end is missing"
LOOK_BYTES = 1 << 14  # at first, to find the end of a line


@dataclass(frozen=True, slots=True)
class Text:
    """Whole lines, cleaned; the line after them stands behind them, in `after_bytes`, where there is one.

    `numbered`: each line begins with its segment, its number and its offset. `cleaned` counts what was replaced, by
    segment.
    """

    lines: bytes
    numbered: bool = False
    after_bytes: int = 0
    cleaned: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    damage: str = ""


@dataclass(frozen=True, slots=True)
class FileRange:
    """The bytes [start, end) of a plain file, whole lines; the line after them ends at `after_end`."""

    path: Path
    identity: tuple[int, int]  # device and inode
    start: int
    end: int
    after_end: int

    def load(self) -> Text:
        """Read and clean it. Raises LogFileError where another file has taken its place."""
        counts: Counter[str] = Counter()
        with opened(self.path, self.identity) as file:
            damage = SHRUNK if os.fstat(file).st_size < self.end else ""
            lines = list(clean_lines(blocks_of(file, self.start, self.end), counts, begins=self.start == 0))
            if is_shorter(counts):
                offsets = line_offsets(blocks_of(file, self.start, self.end))
                rows = zip(single_lines(lines), offsets, strict=False)
                text = b"".join(b"0 %d %d %b\n" % (line, *row[::-1]) for line, row in enumerate(rows, start=1))
                return Text(text, True, 0, {0: counts}, damage)
            after = b"".join(clean_lines(blocks_of(file, self.end, self.after_end), Counter(), begins=False))
        return Text(b"".join([*lines, after]), False, len(after), {0: counts}, damage)


@dataclass(frozen=True, slots=True)
class Segment:
    """What of which source stands in a piece: it begins `start` bytes into the source's text."""

    source: int
    start: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of sources that are read alike, or the range to read it from."""

    like: PreparedSource
    text: Text | FileRange
    segments: tuple[Segment, ...]


@dataclass(slots=True)
class Reading:
    """What became known of a source when its bytes were read."""

    damage: str = ""
    ends_with_newline: bool = True


Row = tuple[int, Counter[str], bytes, int]  # the number of a source, what was cleaned of it, a line, its offset


def pieces_of(sources: Sequence[PreparedSource], readings: Sequence[Reading]) -> Iterator[Piece]:
    """The pieces of all sources; the numbers of sources are their places. `readings` learn of them."""
    together: dict[object, list[int]] = {}
    for number, prepared in enumerate(sources):
        if prepared.size_bytes < SMALL_BYTES and not prepared.source.span:
            together.setdefault(prepared.alike, []).append(number)
        elif prepared.normalised:
            yield from _by_line(prepared, _rows(number, prepared, readings[number]))
        elif prepared.packing:
            yield from _unpacked(number, prepared, readings[number])
        else:
            yield from _ranges(number, prepared, readings[number])
    for numbers in together.values():
        rows = (_rows(number, sources[number], readings[number]) for number in numbers)
        yield from _by_line(sources[numbers[0]], chain.from_iterable(rows))


def _ranges(number: int, prepared: PreparedSource, reading: Reading) -> Iterator[Piece]:
    """The pieces of a plain log, found by looking for line ends at some places of it only."""
    path, (start, size) = prepared.source.path, prepared.span
    with opened(path, prepared.identity) as file:
        reading.ends_with_newline = os.pread(file, 1, max(size - 1, 0)) == b"\n"
        while start < size:
            end = line_end(file, start + PIECE_BYTES, size)
            text = FileRange(path, prepared.identity, start, end, line_end(file, end, size))
            yield Piece(prepared, text, (Segment(number, start),))
            start = end


def _unpacked(number: int, prepared: PreparedSource, reading: Reading) -> Iterator[Piece]:
    """The pieces of a packed log, which is unpacked from its beginning."""
    counts: Counter[str] = Counter()
    texts = texts_of(prepared, reading, counts)
    waiting: list[bytes] = []
    start = lines_before = size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if is_shorter(counts):
            offsets = islice(line_offsets(TextReader.of(prepared.source).blocks()), lines_before, None)
            lines = zip(single_lines(chain(waiting, texts)), offsets, strict=False)
            yield from _by_line(prepared, ((number, counts, line, offset) for line, offset in lines))
            return
        if size >= PIECE_BYTES:
            lines_read = b"".join(waiting)
            cut = lines_read.rfind(b"\n", 0, size - 1) + 1
            yield Piece(prepared, Text(lines_read, False, size - cut, {0: taken(counts)}), (Segment(number, start),))
            lines_before += lines_read.count(b"\n", 0, cut)
            waiting, start, size = [lines_read[cut:]], start + cut, size - cut
    if size:
        yield Piece(prepared, Text(b"".join(waiting), cleaned={0: taken(counts)}), (Segment(number, start),))


def _rows(number: int, prepared: PreparedSource, reading: Reading) -> Iterator[Row]:
    """Each line of a source as it is to be read, cleaned or normalised, with its offset in the source's text."""
    counts: Counter[str] = Counter()
    lines = single_lines(texts_of(prepared, reading, counts))
    if prepared.normalised:
        ends = b" " if prepared.has_carriage_returns else b""  # what cleaning made of CR LF
        lines = normalise((line.removesuffix(ends) for line in lines), prepared.recognition)
    for line, offset in zip(lines, line_offsets(blocks_in(prepared, TextReader.of(prepared.source))), strict=False):
        yield number, counts, line, offset + prepared.span[0]


def _by_line(like: PreparedSource, rows: Iterable[Row]) -> Iterator[Piece]:
    """Pieces in which each line is numbered: of sources that are put together, normalised, or hold long lines."""
    lines: list[bytes] = []
    segments: list[Segment] = []
    counts_of: list[Counter[str]] = []
    number = -1
    count = start = size = 0

    def piece() -> Piece:
        cleaned = {segment: taken(counts) for segment, counts in enumerate(counts_of)}
        return Piece(like, Text(b"".join(lines), True, 0, cleaned), tuple(segments))

    for source, counts, line, offset in rows:
        if size >= PIECE_BYTES or len(segments) == MOST_SEGMENTS:
            yield piece()
            lines, segments, counts_of, number, size = [], [], [], -1, 0
        if source != number:
            number, count, start = source, 0, offset
            segments.append(Segment(source, start))
            counts_of.append(counts)
        count += 1
        lines.append(b"%d %d %d %b\n" % (len(segments) - 1, count, offset - start, line))
        size += len(lines[-1])
    if lines:
        yield piece()


def texts_of(prepared: PreparedSource, reading: Reading, counts: Counter[str]) -> Iterator[bytes]:
    """The text of a source in whole lines, cleaned; `reading` learns at its end what was missing."""
    with opened(prepared.source.path, prepared.identity):
        reader = TextReader.of(prepared.source)
    last = b"\n"

    def watched(blocks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal last
        for block in blocks:
            last = block[-1:]
            yield block

    container = prepared.recognition.container
    if container and container.spread in ALL_AT_ONCE:
        texts = whole_lines(watched(at_once(reader)))
        # journald's export counts bytes, NULs too
        yield from texts if prepared.recognition.counts_bytes else (clean(lines, counts) for lines in texts)
    else:
        blocks = blocks_in(prepared, reader)
        yield from clean_lines(watched(blocks), counts, begins=prepared.span[0] == 0)
    reading.damage, reading.ends_with_newline = reader.damage, last == b"\n"


def blocks_in(prepared: PreparedSource, reader: TextReader) -> Iterator[bytes]:
    """The text of a source in blocks, as much of it as is to be read."""
    if prepared.source.span is None:
        yield from reader.blocks()
        return
    with opened(prepared.source.path, prepared.identity) as file:
        yield from blocks_of(file, *prepared.span)


def is_shorter(counts: Mapping[str, int]) -> bool:
    """Whether something was left out of lines, so that their lengths do not tell where they begin."""
    return bool(counts.get("lines_cut") or counts.get("nul"))


def taken(counts: Counter[str]) -> Counter[str]:
    """What was counted so far; counting begins anew."""
    copy = Counter(counts)
    counts.clear()
    return copy


def single_lines(texts: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of texts that are cut at line ends, without them."""
    for text in texts:
        yield from text.removesuffix(b"\n").split(b"\n")


@contextmanager
def opened(path: Path, identity: tuple[int, int]) -> Iterator[int]:
    """A descriptor of a plain file. Raises LogFileError where another file has taken its place."""
    file = untouched(str(path), os.O_RDONLY)
    try:
        status = os.fstat(file)
        if (status.st_dev, status.st_ino) != identity:
            raise LogFileError(f"{path}: another file has taken its place while it was read. Run the command again.")
        yield file
    finally:
        os.close(file)


def blocks_of(file: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes [start, end) of a file in blocks; fewer where it has shrunk."""
    while start < end and (block := os.pread(file, min(BLOCK_BYTES, end - start), start)):
        yield block
        start += len(block)


def line_end(file: int, start: int, size: int) -> int:
    """Where the line that goes on at `start` ends, behind its line end; at the end of the file at last."""
    length = LOOK_BYTES
    while start < size and (block := os.pread(file, min(length, size - start), start)):
        if (end := block.find(b"\n")) >= 0:
            return start + end + 1
        start += len(block)
        length = BLOCK_BYTES
    return size


def lines_at(prepared: PreparedSource, offsets: Sequence[int]) -> Iterator[bytes]:
    """The lines that begin at these offsets of a source's text, in their order, cleaned."""
    if prepared.packing:
        lines = zip(line_offsets(TextReader.of(prepared.source).blocks()), _rows_of_text(prepared), strict=False)
        wanted = iter(offsets)
        next_offset = next(wanted, None)
        for offset, line in lines:
            if offset == next_offset:
                yield line
                if (next_offset := next(wanted, None)) is None:
                    return
        return
    with opened(prepared.source.path, prepared.identity) as file:
        for offset in offsets:
            blocks = blocks_of(file, offset, line_end(file, offset, prepared.size_bytes))
            yield next(single_lines(clean_lines(blocks, Counter(), begins=offset == 0)), b"")


def _rows_of_text(prepared: PreparedSource) -> Iterator[bytes]:
    return single_lines(clean_lines(TextReader.of(prepared.source).blocks(), Counter()))
