"""The bytes of a log, before DuckDB reads them: lines to recognise it by, and what has to be cleaned.

DuckDB's line reader drops lines without a word where it meets invalid UTF-8, its delimiter or a lone CR. So each piece
of text is cleaned as it is read: the offending bytes are replaced one for one, so that line numbers stay true, and what
was replaced is counted. Two things have no end and are left out, counted too: what a line has beyond MOST_LINE_BYTES,
and NULs before a line and in long runs, which copytruncate leaves where the writer keeps its place. Where a line begins
in the original is told by `line_offsets`. Evidence itself is never touched.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from incident_kit.logs.archives import BLOCK_BYTES, TextReader

DELIMITER = b"\x01"  # a byte no log line has a use for; a line that has it all the same is cleaned
REPLACED = {"nul": (b"\x00", b" "), "separator": (DELIMITER, b" "), "carriage_return": (b"\r", b" ")}
MOST_LINE_BYTES = 4 << 20  # of a line that is read; a request with its body is seldom a tenth of it
LONG_RUN = 1 << 16  # of NULs within a line; shorter ones are blanks
NULS = re.compile(rb"(?:\A|(?<=\n))\x00+|\x00{%d,}" % LONG_RUN)
MOST_AT_ONCE_BYTES = 256 << 20  # of a container that has to be in memory as a whole
HEAD_BYTES, PLACE_BYTES, LEAST_PLACE_BYTES, PLACES = BLOCK_BYTES, 1 << 16, 1 << 13, 32
MOST_SAMPLED_BYTES = 1 << 18  # of a line; longer ones are no help and many of them much memory
HEAD_LINES, LINES_OF_A_BLOCK, MOST_LINES = 200, 3, 200


class Sample:
    """The first lines of a text and a few from all over the rest, never more than MOST_LINES of these."""

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._rest: list[bytes] = []
        self._blocks = 0
        self._stride = 1
        self._begun = b""  # the line that the block before has begun, as far as it is worth keeping

    def take(self, block: bytes) -> None:
        """Look at the next block. The first line is the one behind what copytruncate left."""
        if not self._blocks:
            block = block.lstrip(b"\x00")
            if not block:
                return
            self._head, self._rest = lines_of_head(block)
        elif self._blocks % self._stride == 0:
            begin = 0
            for _ in range(LINES_OF_A_BLOCK):  # split would copy the rest of the block
                end = block.find(b"\n", begin)
                line = (self._begun if begin == 0 else b"") + (block[begin:end] if end >= 0 else block[begin:])
                if len(line) <= MOST_SAMPLED_BYTES:
                    self._rest.append(line)
                begin = end + 1
                if begin == 0:
                    break
            if len(self._rest) > MOST_LINES:
                self._rest = self._rest[::2]
                self._stride *= 2
        self._blocks += 1
        self._begun = block[block.rfind(b"\n") + 1 :]

    @property
    def lines(self) -> list[bytes]:
        return [*self._head, *self._rest]


def lines_of_head(block: bytes) -> tuple[list[bytes], list[bytes]]:
    """The first lines of a text's first block, and a few from all over the rest of it."""
    head, rest = block.split(b"\n", HEAD_LINES)[:HEAD_LINES], list[bytes]()
    begun = sum(map(len, head)) + HEAD_LINES
    for place in range(1, PLACES):
        line_start = block.find(b"\n", begun + (len(block) - begun) * place // PLACES) + 1
        if len(head) == HEAD_LINES and line_start:
            rest += block[line_start : line_start + PLACE_BYTES].split(b"\n")[:-1][:LINES_OF_A_BLOCK]
    return head, rest


def sample_of(read: Callable[[int, int], bytes], size: int, begins_at: int = 0) -> list[bytes]:
    """Lines to recognise a plain log by, without reading all of it: its first ones, and a few from all over it.

    `read` gives so many bytes from an offset on. The first line is the one behind what copytruncate left.
    """
    while begins_at < size and not (block := read(min(HEAD_BYTES, size - begins_at), begins_at).lstrip(b"\x00")):
        begins_at += HEAD_BYTES
    if begins_at >= size:
        return []
    head, rest = lines_of_head(block)
    begun = min(begins_at + HEAD_BYTES, size)
    if begun < size:  # the line that goes on behind the first block, and those after it
        line_start = begun - (len(block) - (block.rfind(b"\n") + 1))
        rest += read(PLACE_BYTES, line_start).split(b"\n")[:LINES_OF_A_BLOCK]
    length = min(PLACE_BYTES, max(LEAST_PLACE_BYTES, (size - begun) // (8 * PLACES)))  # an eighth of it at most
    for place in range(1, PLACES + 1):
        start = begun + (size - begun) * place // PLACES - length
        if start > begun:
            rest += read(length, start).split(b"\n")[1 : LINES_OF_A_BLOCK + 1]
    return [*head, *rest]


def clean_lines(blocks: Iterable[bytes], counts: Counter[str], *, begins: bool = True) -> Iterator[bytes]:
    """The text, in pieces of whole lines, with offending bytes replaced; counts how many of each kind.

    `begins`: it is read from its beginning.
    """
    for number, lines in enumerate(bounded_lines(blocks, counts)):
        if number == 0 and begins and lines.startswith(codecs.BOM_UTF8):
            lines = b"   " + lines[3:]
            counts["byte_order_mark"] += 1
        yield clean(lines, counts)


def at_once(reader: TextReader) -> Iterator[bytes]:
    """The blocks of a text that has to be in memory as a whole, as far as that may be.

    The reader remembers where it ended earlier.
    """
    done = 0
    for block in reader.blocks():
        done += len(block)
        if done > MOST_AT_ONCE_BYTES:
            reader.damage = (
                f"a log of this kind is read as a whole, and only its first {MOST_AT_ONCE_BYTES:,} bytes were:"
                " export it in smaller parts"
            )
            return
        yield block


def bounded_lines(blocks: Iterable[bytes], counts: Counter[str]) -> Iterator[bytes]:
    """The text in blocks of whole lines, without what has no end; counts what was left out.

    That is NULs before lines and long runs of them, and what a line has beyond MOST_LINE_BYTES.
    """
    waiting: list[bytes] = []  # of a line that has not ended yet
    kept = 0
    for block in blocks:
        if b"\x00" in block:
            block = _without_nuls(block, not kept, counts)
        cut = block.rfind(b"\n") + 1
        first_end = block.find(b"\n") if cut else len(block)
        if kept + first_end > MOST_LINE_BYTES:  # only a line that began in an earlier block can be that long
            fits = max(0, MOST_LINE_BYTES - kept)
            counts["lines_cut"] += kept <= MOST_LINE_BYTES
            counts["bytes_cut_off"] += first_end - fits
            kept = MOST_LINE_BYTES + 1  # it is counted once
            waiting.append(block[:fits])
            block, cut = block[first_end:], cut - first_end if cut else 0
        if cut:
            yield b"".join([*waiting, block[:cut]])
            waiting, kept = [block[cut:]], len(block) - cut
        elif block:
            waiting.append(block)
            kept += len(block)
    if last := b"".join(waiting):
        yield last


def _without_nuls(block: bytes, begins_line: bool, counts: Counter[str]) -> bytes:
    """A block without NULs at the beginning of lines, where they would hide what a line is.

    Of long runs within one a single NUL stays.
    """

    def left(run: re.Match[bytes]) -> bytes:
        if begins_line if run.start() == 0 else block[run.start() - 1] == 10:
            return b""
        return b"\x00" if len(run[0]) >= LONG_RUN else run[0]

    shorter = NULS.sub(left, block)
    if len(shorter) < len(block):
        counts["nul"] += block.count(b"\x00") - shorter.count(b"\x00")
    return shorter


def line_offsets(blocks: Iterable[bytes]) -> Iterator[int]:
    """Where each line begins in a text."""
    yield 0
    block_start = 0
    for block in blocks:
        end = block.find(b"\n")
        while end >= 0:
            yield block_start + end + 1
            end = block.find(b"\n", end + 1)
        block_start += len(block)


def clean(lines: bytes, counts: Counter[str]) -> bytes:
    """The same number of bytes, of which DuckDB drops nothing."""
    for kind, (byte, replacement) in REPLACED.items():
        if byte in lines:  # which is many times faster than to count
            counts[kind] += lines.count(byte)
            lines = lines.replace(byte, replacement)
    if lines.isascii():
        return lines
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        mended, count = re.subn("[\udc80-\udcff]", "?", lines.decode("utf-8", "surrogateescape"))
        counts["invalid_utf8"] += count
        lines = mended.encode("utf-8")
    return lines
