"""The text of a log file in blocks, whatever it is packed with: plain, gzip, zstd, bzip2 or xz.

Packed text is unpacked as it is read, never more than a block at a time, and never more of it than a limit: a few
megabytes may hold a terabyte. All streams (members, frames) of a file are read, with the zeros that pad them. What is
damaged, cut short, or no stream at all ends the reading, and is remembered.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from incident_kit.model.source import UNPACKED_LIMIT_BYTES, Source

BLOCK_BYTES = 1 << 20
PACKED_BLOCK_BYTES = 1 << 13  # some 100 KB of text: from each block come lines that a log is recognised by
STANDARD_INPUT = STANDARD_OUTPUT = Path("-")
# zstd files may begin with a skippable frame: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2
SKIPPABLE = tuple(bytes([0x50 + number, 0x2A, 0x4D, 0x18]) for number in range(16))
ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
MAGIC = {
    b"\x1f\x8b": "gzip",
    ZSTD_FRAME: "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    **dict.fromkeys(SKIPPABLE, "zstd"),
}
# What unpacking one stream may keep in memory. xz -9 needs 65 MiB,
# zstd --ultra -22 128 MiB; more is asked for by options only.
MOST_WINDOW_BYTES = 1 << 27


class Damage(Exception):
    """What ends the reading of an archive early, in words."""


class TextReader:
    """The text bytes of a file in blocks, unpacked where needed; remembers in `damage` why it had to stop early."""

    def __init__(self, path: Path, limit_bytes: int = UNPACKED_LIMIT_BYTES) -> None:
        self.path = path
        self.packing = packing_of(path)
        self.damage = ""
        self._limit_bytes = limit_bytes

    @classmethod
    def of(cls, source: Source) -> TextReader:
        """The text of a source, as much of it as may be unpacked there."""
        return cls(source.path, source.hints.unpacked_limit_bytes)

    def blocks(self) -> Iterator[bytes]:
        with open(self.path, "rb", opener=untouched) as raw:
            try:
                yield from unpacked(raw, self.packing, self._limit_bytes)
            except Damage as error:
                self.damage = str(error)


def unpacked(raw: io.BufferedReader, packing: str, limit_bytes: int = UNPACKED_LIMIT_BYTES) -> Iterator[bytes]:
    """The text of a stream in blocks of at most BLOCK_BYTES. Raises Damage behind the last block that could be read."""
    if not packing:
        while block := raw.read1(BLOCK_BYTES):
            yield block
        return
    done = 0
    for block in _zstd(raw) if packing == "zstd" else _streams(raw, packing):
        if done + len(block) > limit_bytes:
            yield block[: limit_bytes - done]
            raise Damage(
                f"it unpacks to more than {limit_bytes:,} bytes, and what is beyond them was not read:"
                " a log that large is rare, a trap is not. "
                f"Where it is a log, raise the limit: --max-unpacked {4 * limit_bytes}"
            )
        done += len(block)
        yield block


def untouched(path: str, flags: int) -> int:
    """Open a file without changing when it was last read, where the system allows it.

    And wait for nobody if it is a pipe.
    """
    flags |= os.O_NONBLOCK
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return os.open(path, flags)  # O_NOATIME is the owner's privilege


def packing_of(path: Path) -> str:
    """How a file is packed, by how it begins and whatever its name says; empty if it is not."""
    with open(path, "rb", opener=untouched) as file:
        return packing_of_head(file.read(8))


def packing_of_head(head: bytes) -> str:
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "")


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


class _Decompressor(Protocol):
    """One stream being unpacked, as bz2 and lzma have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class _Gzip:
    """One member of a gzip file, in the manner of bz2 and lzma."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


BEGIN: dict[str, tuple[bytes, Callable[[], _Decompressor]]] = {
    "gzip": (b"\x1f\x8b", _Gzip),
    "bzip2": (b"BZh", bz2.BZ2Decompressor),
    "xz": (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_WINDOW_BYTES)),
}


def _streams(raw: io.BufferedReader, packing: str) -> Iterator[bytes]:
    """All streams of a gzip, bzip2 or xz file, one after the other, with padding of zeros between and behind them."""
    magic, begin = BEGIN[packing]
    data = _at_next_stream(raw, b"", magic, packing, first=True)
    while data:
        stream = begin()
        while not stream.eof:
            if stream.needs_input and not data and not (data := raw.read(PACKED_BLOCK_BYTES)):
                raise Damage("the archive is damaged or cut short: it ends before its end is marked")
            try:
                block = stream.decompress(data, BLOCK_BYTES)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
                raise Damage(f"the archive is damaged or cut short: {error}") from None
            data = b""
            if block:
                yield block
        data = _at_next_stream(raw, stream.unused_data, magic, packing)


def _at_next_stream(raw: io.BufferedReader, data: bytes, magic: bytes, packing: str, first: bool = False) -> bytes:
    """What a stream begins with, behind the padding; nothing at the end of the file.

    Raises Damage for anything else.
    """
    while True:
        data = data if first else data.lstrip(b"\x00")
        if len(data) >= len(magic):
            break
        if not (more := raw.read(PACKED_BLOCK_BYTES)):
            break
        data += more
    if data and not data.startswith(magic):
        raise Damage(
            f"the archive is damaged or cut short: behind the end of a {packing} stream is something else,"
            " which was not read"
        )
    return data


def _zstd(raw: io.BufferedReader) -> Iterator[bytes]:
    """All frames of a zstd file. https://www.rfc-editor.org/rfc/rfc8878

    The library is fed block by block, of which each holds 128 KiB of text at most: fed more at once, it would unpack
    all of that into memory, and it does not tell where a frame ends.
    """
    import zstandard

    read = _Exactly(raw)
    while magic := read.padding_then(4):
        if magic in SKIPPABLE:
            read.skip(int.from_bytes(read(4), "little"))
            continue
        if magic != ZSTD_FRAME:
            raise Damage(
                "the archive is damaged or cut short: behind the end of a zstd frame is something else,"
                " which was not read"
            )
        described = read(1)[0]
        single_segment, has_checksum = bool(described & 0x20), bool(described & 0x04)
        size_bytes = (1 if single_segment else 0, 2, 4, 8)[described >> 6]
        head = magic + bytes([described]) + read((not single_segment) + (0, 1, 2, 4)[described & 3] + size_bytes)
        frame = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES).decompressobj()
        try:
            frame.decompress(head)
            last = False
            while not last:
                block = read(3)
                header = int.from_bytes(block, "little")
                last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
                text = frame.decompress(
                    block + read(1 if kind == 1 else length) + (read(4) if last and has_checksum else b"")
                )
                if text:
                    yield text
        except zstandard.ZstdError as error:
            raise Damage(f"the archive is damaged or cut short: {error}") from None


class _Exactly:
    """Reads just so many bytes of a stream. Raises Damage where it ends before."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw = raw

    def __call__(self, count: int) -> bytes:
        data = self._raw.read(count)
        if len(data) < count:
            raise Damage("the archive is damaged or cut short: it ends before its end is marked")
        return data

    def padding_then(self, count: int) -> bytes:
        """So many bytes behind any zeros; fewer at the end of the stream."""
        while zeros := len(ahead := self._raw.peek(PACKED_BLOCK_BYTES)) - len(ahead.lstrip(b"\x00")):
            self._raw.read(zeros)
        return self._raw.read(count)

    def skip(self, count: int) -> None:
        while count:
            count -= len(self(min(count, BLOCK_BYTES)))
