"""One pass over a log's bytes, before DuckDB reads it.

DuckDB's line reader drops lines without a word where it meets invalid UTF-8, its delimiter or a lone CR. So the bytes
are looked at first. A clean file is read in place; of an unclean one a working copy is made in which the offending
bytes are replaced one for one: line numbers stay true, and what was replaced is counted. Two things have no end and are
left out of the copy, counted too: what a line has beyond MOST_LINE_BYTES, and NULs before a line and in long runs,
which copytruncate leaves where the writer keeps its place. Where a line begins in the original is told by
`line_offsets`. Evidence itself is never touched.
"""

from __future__ import annotations

import codecs
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from incident_kit.logs.archives import BLOCK_BYTES, TextReader
from incident_kit.model.source import Source

DELIMITER = b"\x01"  # a byte no log line has a use for; a line that has it all the same is cleaned
REPLACED = {"nul": (b"\x00", b" "), "separator": (DELIMITER, b" "), "carriage_return": (b"\r", b" ")}
MOST_LINE_BYTES = 4 << 20  # of a line that is read; a request with its body is seldom a tenth of it
LONG_RUN = 1 << 16  # of NULs within a line; shorter ones are blanks
NULS = re.compile(rb"(?:\A|(?<=\n))\x00+|\x00{%d,}" % LONG_RUN)
MOST_AT_ONCE_BYTES = 256 << 20  # of a container that has to be in memory as a whole
HEAD_BYTES, PLACE_BYTES, PLACES = 1 << 20, 1 << 16, 32
MOST_SAMPLED_BYTES = 1 << 18  # of a line; longer ones are no help and many of them much memory
HEAD_LINES, LINES_OF_A_BLOCK, MOST_LINES = 200, 3, 200


@dataclass(frozen=True, slots=True)
class Scan:
    """What a log's bytes are like: how it is packed, how much text it holds, whether it can be read in place.

    `longest_line_bytes` is no less than the longest line that is read, and no more than a bound.
    """

    packing: str
    size_bytes: int
    text_bytes: int
    longest_line_bytes: int
    has_escapes: bool
    ends_with_newline: bool
    clean: bool
    sample: tuple[bytes, ...]
    damage: str = ""


def scan(source: Source) -> Scan:
    """Look at every byte once; take lines from all over the file to recognise it by."""
    reader = TextReader.of(source)
    text_bytes = 0
    run = longest_run = 0  # bytes of neighbouring blocks between two line ends, rounded up to whole blocks
    has_escapes = ends_with_newline = unclean = False
    decoder = codecs.getincrementaldecoder("utf-8")()
    undecided = False  # whether the block before ended within a character
    sample, sampled = Sample(), 0
    for number, block in enumerate(reader.blocks()):
        text_bytes += len(block)
        run += len(block)
        longest_run = max(longest_run, run)
        if b"\n" in block:
            run = len(block)
        has_escapes = has_escapes or b"\x1b" in block
        ends_with_newline = block.endswith(b"\n")
        if sampled or (begun := block.lstrip(b"\x00")):  # the first line is the one behind what copytruncate left
            sample.take(sampled, block if sampled else begun)
            sampled += 1
        if not unclean:
            unclean = (number == 0 and block.startswith(codecs.BOM_UTF8)) or any(
                byte in block for byte, _ in REPLACED.values()
            )
            if undecided or not block.isascii():
                try:
                    decoder.decode(block)
                    undecided = bool(decoder.getstate()[0])
                except UnicodeDecodeError:
                    unclean = True
    return Scan(
        packing=reader.packing,
        size_bytes=source.path.stat().st_size,
        text_bytes=text_bytes,
        longest_line_bytes=min(longest_run, MOST_LINE_BYTES) + BLOCK_BYTES,
        has_escapes=has_escapes,
        ends_with_newline=ends_with_newline,
        clean=not unclean and not undecided and longest_run <= MOST_LINE_BYTES,
        sample=sample.lines,
        damage=reader.damage,
    )


class Sample:
    """The first lines of a log and a few from all over the rest, never more than MOST_LINES."""

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._rest: list[bytes] = []
        self._stride = 1
        self._begun = b""  # the line that the block before has begun, as far as it is worth keeping

    def take(self, number: int, block: bytes) -> None:
        if number == 0:
            self._head = block.split(b"\n", HEAD_LINES)[:HEAD_LINES]
            begun = sum(map(len, self._head)) + HEAD_LINES
            for place in range(1, PLACES):
                line_start = block.find(b"\n", begun + (len(block) - begun) * place // PLACES) + 1
                if len(self._head) == HEAD_LINES and line_start:
                    self._rest += block[line_start : line_start + PLACE_BYTES].split(b"\n")[:-1][:LINES_OF_A_BLOCK]
        elif number % self._stride == 0:
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
        self._begun = block[block.rfind(b"\n") + 1 :]

    @property
    def lines(self) -> tuple[bytes, ...]:
        return (*self._head, *self._rest)


def sample_of(descriptor: int, size: int, begins_at: int = 0) -> list[bytes]:
    """Lines to recognise a plain log by, without reading all of it.

    Its first ones, and a few from places all over it.
    """
    lines = os.pread(descriptor, HEAD_BYTES, begins_at).split(b"\n", HEAD_LINES)[:HEAD_LINES]
    begun = begins_at + sum(map(len, lines)) + HEAD_LINES
    for place in range(1, PLACES + 1):
        sample_start = size * place // PLACES - PLACE_BYTES
        if sample_start > begun:
            lines += os.pread(descriptor, PLACE_BYTES, sample_start).split(b"\n")[1 : LINES_OF_A_BLOCK + 1]
    return lines


def clean_lines(reader: TextReader, counts: Counter[str]) -> Iterator[bytes]:
    """The text, in pieces of whole lines, with offending bytes replaced; counts how many of each kind."""
    for number, lines in enumerate(bounded_lines(reader.blocks(), counts)):
        if number == 0 and lines.startswith(codecs.BOM_UTF8):
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
        if count := lines.count(byte):
            counts[kind] += count
            lines = lines.replace(byte, replacement)
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        mended, count = re.subn("[\udc80-\udcff]", "?", lines.decode("utf-8", "surrogateescape"))
        counts["invalid_utf8"] += count
        lines = mended.encode("utf-8")
    return lines
