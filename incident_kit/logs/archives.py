"""The text of a log file in blocks, whatever it is packed with: plain, gzip, zstd, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BLOCK_BYTES = 1 << 20
STANDARD_INPUT = STANDARD_OUTPUT = Path("-")
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
# A log of the same line over and over packs a thousandfold; what unpacks to more than this much is a bomb, not a log.
MOST_TIMES, ALWAYS_BYTES = 1100, 1 << 30


class TextReader:
    """The text bytes of a file in blocks, unpacked where needed; remembers why it had to stop early."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packing = packing_of(path)
        self.damage = ""

    def blocks(self) -> Iterator[bytes]:
        limit = max(ALWAYS_BYTES, MOST_TIMES * self.path.stat().st_size) if self.packing else None
        done = 0
        with open(self.path, "rb") as raw:
            stream = unpacked(raw, self.packing)
            try:
                # read1 hands over what it has before it finds an archive cut short; read would drop it.
                while block := stream.read1(BLOCK_BYTES):
                    yield block
                    done += len(block)
                    if limit and done > limit:
                        self.damage = f"the archive unpacks to more than {limit:,} bytes: no log does, and the rest was left alone"
                        return
            except damages() as error:
                self.damage = f"the archive is damaged or cut short: {error}"


def unpacked(raw: io.BufferedReader, packing: str) -> Any:
    """The stream of what is packed in a stream."""
    match packing:
        case "gzip":
            return gzip.GzipFile(fileobj=raw)
        case "bzip2":
            return bz2.BZ2File(raw)
        case "xz":
            return lzma.LZMAFile(raw)
        case "zstd":
            import zstandard

            return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True), BLOCK_BYTES)
    return raw


def damages() -> tuple[type[Exception], ...]:
    """What unpacking raises for an archive that is damaged or cut short."""
    import zstandard

    return (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError)


@contextmanager
def spooled(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """The same paths, with standard input (`-`) written to a private file first: it can be read only once."""
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as folder:
        target = Path(folder) / "stdin"
        if STANDARD_INPUT in paths:
            with open(target, "wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy, BLOCK_BYTES)
        yield [target if path == STANDARD_INPUT else path for path in paths]


def packing_of(path: Path) -> str:
    """How a file is packed, by how it begins and whatever its name says; empty if it is not."""
    with open(path, "rb") as file:
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
