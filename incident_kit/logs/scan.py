"""One pass over a log's bytes, before DuckDB reads it.

DuckDB's line reader drops lines without a word where it meets invalid UTF-8, its delimiter or a lone CR. So the bytes are
looked at first. A clean file is read in place; of an unclean one a working copy is made in which the offending bytes are
replaced one for one: line numbers stay true, and what was replaced is counted. Evidence itself is never touched.
"""

from __future__ import annotations

import codecs
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from incident_kit.logs.archives import BLOCK_BYTES, TextReader, whole_lines

DELIMITER = b"\x01"  # a byte no log line has a use for; a line that has it all the same is cleaned
REPLACED = {"nul": (b"\x00", b" "), "separator": (DELIMITER, b" "), "carriage_return": (b"\r", b" ")}
HEAD_BYTES, PLACE_BYTES, PLACES = 1 << 20, 1 << 16, 32
HEAD_LINES, LINES_OF_A_BLOCK, MOST_LINES = 200, 3, 200


@dataclass(frozen=True, slots=True)
class Scan:
    """What a log's bytes are like: how it is packed, how much text it holds, whether it can be read in place."""

    packing: str
    size_bytes: int
    text_bytes: int
    longest_line_bytes: int
    has_escapes: bool
    ends_with_newline: bool
    clean: bool
    sample: tuple[bytes, ...]
    damage: str = ""


def scan(path: Path) -> Scan:
    """Look at every byte once; take lines from all over the file to recognise it by."""
    reader = TextReader(path)
    text_bytes = 0
    run = longest_run = 0  # bytes of neighbouring blocks between two line ends, rounded up to whole blocks
    has_escapes = ends_with_newline = unclean = False
    decoder = codecs.getincrementaldecoder("utf-8")()
    undecided = False  # whether the block before ended within a character
    sample = Sample()
    for number, block in enumerate(reader.blocks()):
        text_bytes += len(block)
        run += len(block)
        longest_run = max(longest_run, run)
        if b"\n" in block:
            run = len(block)
        has_escapes = has_escapes or b"\x1b" in block
        ends_with_newline = block.endswith(b"\n")
        sample.take(number, block)
        if not unclean:
            unclean = (number == 0 and block.startswith(codecs.BOM_UTF8)) or any(byte in block for byte, _ in REPLACED.values())
            if undecided or not block.isascii():
                try:
                    decoder.decode(block)
                    undecided = bool(decoder.getstate()[0])
                except UnicodeDecodeError:
                    unclean = True
    return Scan(
        packing=reader.packing,
        size_bytes=path.stat().st_size,
        text_bytes=text_bytes,
        longest_line_bytes=longest_run + BLOCK_BYTES,
        has_escapes=has_escapes,
        ends_with_newline=ends_with_newline,
        clean=not unclean and not undecided,
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
                at = block.find(b"\n", begun + (len(block) - begun) * place // PLACES) + 1
                if len(self._head) == HEAD_LINES and at:
                    self._rest += block[at : at + PLACE_BYTES].split(b"\n")[:-1][:LINES_OF_A_BLOCK]
        elif number % self._stride == 0:
            begin = 0
            for _ in range(LINES_OF_A_BLOCK):  # split would copy the rest of the block
                end = block.find(b"\n", begin)
                self._rest.append((self._begun if begin == 0 else b"") + (block[begin:end] if end >= 0 else block[begin:]))
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


def sample_of(descriptor: int, size: int) -> list[bytes]:
    """Lines to recognise a plain log by, without reading all of it: its first ones, and a few from places all over it."""
    lines = os.pread(descriptor, HEAD_BYTES, 0).split(b"\n", HEAD_LINES)[:HEAD_LINES]
    begun = sum(map(len, lines)) + HEAD_LINES
    for place in range(1, PLACES + 1):
        at = size * place // PLACES - PLACE_BYTES
        if at > begun:
            lines += os.pread(descriptor, PLACE_BYTES, at).split(b"\n")[1 : LINES_OF_A_BLOCK + 1]
    return lines


def clean_lines(reader: TextReader, counts: Counter[str]) -> Iterator[bytes]:
    """The text, in pieces of whole lines, with offending bytes replaced one for one; counts how many of each kind."""
    for number, lines in enumerate(whole_lines(reader.blocks())):
        if number == 0 and lines.startswith(codecs.BOM_UTF8):
            lines = b"   " + lines[3:]
            counts["byte_order_mark"] += 1
        yield clean(lines, counts)


def clean(lines: bytes, counts: Counter[str]) -> bytes:
    """The same number of bytes, of which DuckDB drops nothing."""
    for kind, (byte, replacement) in REPLACED.items():
        if found := lines.count(byte):
            counts[kind] += found
            lines = lines.replace(byte, replacement)
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        mended = lines.decode("utf-8", "surrogateescape")
        replaced = re.sub("[\udc80-\udcff]", "?", mended)
        counts["invalid_utf8"] += sum(1 for before, after in zip(mended, replaced, strict=True) if before != after)
        lines = replaced.encode("utf-8")
    return lines
