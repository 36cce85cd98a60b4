"""One pass over a log's bytes, before DuckDB reads it.

DuckDB's line reader drops lines without a word where it meets invalid UTF-8, its delimiter or a lone CR, and its JSON
reader refuses lone surrogates. So the bytes are looked at first. A clean file is read in place; of an unclean one a
working copy is made in which the offending bytes are replaced one for one: line numbers and offsets stay true, and
what was replaced is counted. Evidence itself is never touched.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BLOCK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
DELIMITER = b"\x01"  # a byte no log line has a use for; a line that has it all the same is cleaned
LONE_SURROGATE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u(?:[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F][0-9a-fA-F]{2})")
REPLACED = {"nul": (b"\x00", b" "), "separator": (DELIMITER, b" "), "carriage_return": (b"\r", b" ")}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a log's bytes are like. `path` is what to read: the file itself, or its cleaned working copy."""

    path: Path
    compressed: bool
    size_bytes: int
    text_bytes: int
    longest_line_bytes: int
    has_escapes: bool
    ends_with_newline: bool
    cleaned: Mapping[str, int] = field(default_factory=dict)
    damage: str = ""


class TextReader:
    """The text bytes of a file in blocks, decompressed where needed; remembers why it had to stop early."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.compressed = is_gzip(path)
        self.damage = ""

    def blocks(self) -> Iterator[bytes]:
        with open(self.path, "rb") as raw:
            stream: gzip.GzipFile | io.BufferedReader = gzip.GzipFile(fileobj=raw) if self.compressed else raw
            try:
                # read1 hands over what it has before it finds an archive cut short; read would drop it.
                while block := stream.read1(BLOCK_BYTES):
                    yield block
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.damage = f"the archive is damaged or cut short: {error}"


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does, whatever its name says."""
    with open(path, "rb") as file:
        return file.read(2) == GZIP_MAGIC


def scan(path: Path, scratch: Path) -> Scan:
    """Look at every byte once; write a working copy into the folder `scratch` only if something must be replaced."""
    reader = TextReader(path)
    text_bytes = 0
    run = longest_run = 0  # bytes of neighbouring blocks between two line ends, rounded up to whole blocks
    has_escapes = ends_with_newline = unclean = False
    decoder = codecs.getincrementaldecoder("utf-8")()
    carry = b""
    first = True
    for block in reader.blocks():
        text_bytes += len(block)
        run += len(block)
        longest_run = max(longest_run, run)
        if b"\n" in block:
            run = len(block)
        has_escapes = has_escapes or b"\x1b" in block
        ends_with_newline = block.endswith(b"\n")
        if not unclean:
            unclean = (first and block.startswith(codecs.BOM_UTF8)) or any(byte in block for byte, _ in REPLACED.values())
            overlap = carry + block
            unclean = unclean or (b"\\u" in overlap and LONE_SURROGATE.search(overlap) is not None)
            carry = block[-24:]
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                unclean = True
        first = False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        unclean = True
    cleaned: Counter[str] = Counter()
    readable = path
    # DuckDB cannot read a cut archive to its end: what can be had of it is read from a working copy.
    if unclean or reader.damage:
        readable = scratch / f"{len(list(scratch.iterdir()))}.log"
        cleaned = write_cleaned(TextReader(path), readable)
    return Scan(
        path=readable,
        compressed=reader.compressed,
        size_bytes=path.stat().st_size,
        text_bytes=text_bytes,
        longest_line_bytes=longest_run + BLOCK_BYTES,
        has_escapes=has_escapes,
        ends_with_newline=ends_with_newline,
        cleaned=dict(sorted(cleaned.items())),
        damage=reader.damage,
    )


def write_cleaned(reader: TextReader, target: Path) -> Counter[str]:
    """Write the text with offending bytes replaced one for one; return how many of each kind were replaced."""
    counts: Counter[str] = Counter()
    with open(target, "wb") as copy:
        for number, lines in enumerate(whole_lines(reader.blocks())):
            if number == 0 and lines.startswith(codecs.BOM_UTF8):
                lines = b"   " + lines[3:]
                counts["byte_order_mark"] += 1
            copy.write(clean(lines, counts))
    return counts


def clean(lines: bytes, counts: Counter[str]) -> bytes:
    """The same number of bytes, of which DuckDB drops nothing."""
    for kind, (byte, replacement) in REPLACED.items():
        if found := lines.count(byte):
            counts[kind] += found
            lines = lines.replace(byte, replacement)
    if b"\\u" in lines:
        lines, found = LONE_SURROGATE.subn(rb"\g<1>\\ufffd", lines)
        if found:
            counts["lone_surrogate"] += found
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        mended = lines.decode("utf-8", "surrogateescape")
        replaced = re.sub("[\udc80-\udcff]", "?", mended)
        counts["invalid_utf8"] += sum(1 for before, after in zip(mended, replaced, strict=True) if before != after)
        lines = replaced.encode("utf-8")
    return lines


def whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut only after a line end, so that no character or escape is cut in two."""
    rest: list[bytes] = []
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*rest, block[:cut]])
            rest = [block[cut:]]
        else:
            rest.append(block)
    last = b"".join(rest)
    if last:
        yield last
