"""The members of a tar or zip archive, one after the other, as they stand in it.

A tar is read from its beginning to its end, in whatever it is packed; nothing is ever written under a name that stands
in an archive, and no link in it is followed. tarfile would do, but it takes names of any length into memory.
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13
"""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from incident_kit.logs.archives import BLOCK_BYTES, Damage, TextReader, untouched

BLOCK = tarfile.BLOCKSIZE
MOST_NAME_BYTES = 1 << 16
LONG_NAME, PAX, PAX_OF_ALL, LONG_LINK = b"L", b"x", b"g", b"K"
PAX_RECORD = re.compile(rb"\d+ ([^=\n]+)=([^\n]*)\n")
ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(slots=True)
class Member:
    """One member: its name as it stands there, and its text in blocks, to be taken before the next member is.

    `not_read` says why it has none; `damage`, once the blocks are taken, what of it is missing. `may_be_log` tells
    whether what was not read could have been one.
    """

    name: str
    blocks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    written: float | None = None
    not_read: str = ""
    may_be_log: bool = True
    damage: str = ""


def is_tar(path: Path) -> bool:
    """Whether the text of a file, packed or not, begins as a tar does."""
    head = b""
    for block in TextReader(path).blocks():
        head += block
        if len(head) >= BLOCK:
            return is_tar_header(head)
    return False


def is_tar_header(head: bytes) -> bool:
    """Whether this is the header of a member, which has a checksum of its own."""
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does."""
    with open(path, "rb", opener=untouched) as file:
        return file.read(4) in ZIP


def tar_members(path: Path, limit_bytes: int) -> Generator[Member]:
    """The members of a tar. Raises Damage where it cannot be read any further."""
    reader = TextReader(path, limit_bytes)
    stream = _Blocks(reader)
    name, is_sparse = "", False
    ended = False  # by a block of zeros, behind which another tar may stand
    while head := stream.take(BLOCK):
        if len(head) == BLOCK and not head.strip(b"\x00"):
            ended = True
            continue
        ended = False
        if len(head) < BLOCK:
            break
        try:
            info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise Damage(f"the tar is damaged: {error}") from None
        if info.size < 0:
            raise Damage("the tar is damaged: a member of less than no bytes")
        padding = -info.size % BLOCK
        if info.type in (LONG_NAME, PAX, PAX_OF_ALL, LONG_LINK):
            content = stream.take(min(info.size, MOST_NAME_BYTES))
            stream.skip(info.size - len(content) + padding)
            if info.type == LONG_NAME:
                name = os.fsdecode(content.partition(b"\x00")[0])
            elif info.type == PAX:
                records = dict(PAX_RECORD.findall(content))
                name = os.fsdecode(records[b"path"]) if b"path" in records else name
                is_sparse = any(key.startswith(b"GNU.sparse") for key in records)
            continue
        member = Member(name or info.name, written=info.mtime or None)
        if info.type == tarfile.GNUTYPE_SPARSE or is_sparse:
            member.not_read = "a file with holes (sparse): unpack the archive with tar -xf and give the file"
        elif info.issym() or info.islnk():
            member.not_read, member.may_be_log = "a link, and links are not followed", False
        elif not info.isreg() and not info.isdir():
            member.not_read, member.may_be_log = "a device, a pipe or another thing that is no regular file", False
        left = [info.size if info.isreg() or info.type == tarfile.GNUTYPE_SPARSE else 0]
        name, is_sparse = "", False
        if member.not_read == "" and info.isreg():
            member.blocks = _of_tar(stream, left, member)
        if not info.isdir():
            yield member
        if not stream.skip(left[0] + (padding if info.isreg() else 0)):
            break
    if reader.damage:
        raise Damage(reader.damage)
    if not ended:
        raise Damage("the tar is cut short: it ends without the zeros that end a tar, and more members may be missing")


def _of_tar(stream: _Blocks, left: list[int], member: Member) -> Iterator[bytes]:
    while left[0]:
        block = stream.take(min(left[0], BLOCK_BYTES))
        if not block:
            member.damage = "the archive ends within it: what comes after that is missing"
            left[0] = 0
            return
        left[0] -= len(block)
        yield block


class _Blocks:
    """So many bytes at a time of a text that comes in blocks."""

    def __init__(self, reader: TextReader) -> None:
        self._blocks = reader.blocks()
        self._block, self._at = b"", 0

    def take(self, count: int) -> bytes:
        """So many bytes; fewer at the end."""
        taken = []
        while count:
            if self._at == len(self._block):
                self._block, self._at = next(self._blocks, b""), 0
                if not self._block:
                    break
            taken.append(self._block[self._at : self._at + count])
            self._at += len(taken[-1])
            count -= len(taken[-1])
        return b"".join(taken)

    def skip(self, count: int) -> bool:
        """Leave out so many bytes; whether they were all there."""
        while count and (skipped := len(self.take(min(count, BLOCK_BYTES)))):
            count -= skipped
        return not count


def zip_members(path: Path) -> Generator[Member]:
    """The members of a zip. Raises Damage if its table of contents cannot be read."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(open(path, "rb", opener=untouched))))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Damage(f"the zip is damaged or cut short: {error}") from None
        for info in archive.infolist():
            if info.is_dir():
                continue
            member = Member(info.filename, written=_written(info))
            if info.flag_bits & 1:
                member.not_read = "encrypted: unpack the archive with its password and give the file"
            elif info.create_system == 3 and info.external_attr >> 28 not in (0, 8):
                member.not_read, member.may_be_log = "a link or no regular file, and links are not followed", False
            elif info.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):  # the others zipfile unpacks into memory, however much it is
                member.not_read = (
                    f"packed by method {info.compress_type}, which is not read here:"
                    " unpack the archive with another program and give the file"
                )
            else:
                member.blocks = _of_zip(archive, info, member)
            yield member


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, member: Member) -> Iterator[bytes]:
    try:
        with cast(zipfile.ZipExtFile, archive.open(info)) as file:
            while block := file.read1(BLOCK_BYTES):
                yield block
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        member.damage = f"it is damaged or cut short in its archive: {error}"


def _written(info: zipfile.ZipInfo) -> float | None:
    """When a member was last written; a zip does not say in which zone, which a log's year can do without."""
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return None
