"""A source prepared for DuckDB: scanned, recognised, and copied where it cannot be read in place."""

from __future__ import annotations

import codecs
import errno
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from incident_kit.errors import LogFileError
from incident_kit.logs.archives import TextReader, packing_of, whole_lines
from incident_kit.logs.columns import ANSI_ESCAPE
from incident_kit.logs.containers import ALL_AT_ONCE
from incident_kit.logs.formats import Format, own_formats
from incident_kit.logs.normalise import normalise
from incident_kit.logs.recognise import Recognition, recognise
from incident_kit.logs.scan import Scan, at_once, clean, clean_lines, sample_of, scan
from incident_kit.logs.sql import quoted
from incident_kit.logs.time_forms import Zones
from incident_kit.model.source import Source
from incident_kit.model.visible import visible

if TYPE_CHECKING:
    from incident_kit.logs.engine import EvidenceFiles

LONGEST_LINE_BYTES = 16 << 20  # of a log that has not been scanned yet
BUFFER_BYTES = 32 << 20  # DuckDB would take sixteen times the longest line


@dataclass(frozen=True, eq=False, slots=True)
class PreparedSource:
    """A prepared source: what is known of it, and the address of what DuckDB reads.

    The source itself or a working copy.
    """

    source: Source
    scan: Scan
    recognition: Recognition
    address: str
    normalised: bool
    cleaned: Mapping[str, int]

    def reads_like(self, other: PreparedSource) -> bool:
        """Whether what was read by this one is what the other one would have read."""
        mine, theirs = self.scan, other.scan
        return (self.address, self.recognition, mine.has_escapes) == (
            other.address,
            other.recognition,
            theirs.has_escapes,
        )

    @property
    def lines(self) -> str:
        """The SELECT of its lines as they are: `line`, `raw`, `next`."""
        # Only an error told in text may go on in the next line.
        after = (
            f"lead({self._text}) OVER ()"
            if any("level" in form.fields and not form.is_json for form in self.recognition.formats)
            else "NULL::VARCHAR"
        )
        return f"SELECT row_number() OVER () AS line, {self._text} AS raw, {after} AS next FROM {self._file}"

    @property
    def lines_are_raw(self) -> bool:
        """Whether `lines` has them just as they stand in the source."""
        return not self.normalised and self._text == "raw"

    @property
    def damage(self) -> str:
        """What of the source is missing or could not be read."""
        return "; ".join(filter(None, (self.source.missing, self.scan.damage)))

    @property
    def is_shorter(self) -> bool:
        """Whether something was left out of its lines, so that their lengths do not tell where they begin."""
        return "lines_cut" in self.cleaned or "nul" in self.cleaned

    @property
    def unnumbered(self) -> str:
        """The same without their numbers and what follows them: numbering takes the order, and so one thread."""
        return f"SELECT NULL::BIGINT AS line, {self._text} AS raw, NULL::VARCHAR AS next FROM {self._file}"

    @property
    def _text(self) -> str:
        text = (
            f"regexp_replace(raw, {quoted(ANSI_ESCAPE)}, '', 'g')"
            if self.scan.has_escapes and not self.normalised
            else "raw"
        )
        return f"rtrim({text})" if "carriage_return" in self.cleaned else text

    @property
    def _file(self) -> str:
        longest = self.scan.longest_line_bytes * (3 if self.normalised else 1)
        return (
            f"read_csv({quoted(self.address)}, "
            "columns = {'raw': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false, "
            "auto_detect = false, new_line = '\\n', "
            f"max_line_size = {longest}, buffer_size = {max(BUFFER_BYTES, 2 * longest)}, compression = 'none')"
        )

    @property
    def objects(self) -> str:
        """Its JSON objects, read without going through lines; what is no object is left out.

        COLUMNS stands for their types.
        """
        longest = max(self.scan.longest_line_bytes, 16 << 20)
        return (
            f"read_ndjson({quoted(self.address)}, ignore_errors = true, columns = {{COLUMNS}},"
            f" maximum_object_size = {longest}, compression = 'none')"
        )


def prepare(source: Source, scratch: Path, files: EvidenceFiles) -> PreparedSource:
    """Scan and recognise a source, and write a working copy into the folder `scratch` if it cannot be read in place.

    `files` learns of what is to be read.
    """
    scanned = scan(source)
    recognition = recognise(scanned.sample, zones_of(source), formats_of(source))
    plain = recognition.is_plain or not (recognition.formats or recognition.wrappers)
    plain = plain and not (
        recognition.formats and not recognition.formats[0].is_json and scanned.sample[0].startswith(codecs.BOM_UTF8)
    )
    if plain and scanned.clean and not scanned.damage:
        address = files.add(source.path, scanned.text_bytes if scanned.packing else None)
        return PreparedSource(source, scanned, recognition, address, False, {})
    counts: Counter[str] = Counter()
    copy = scratch / f"{len(list(scratch.iterdir()))}.log"
    reader = TextReader.of(source)
    if recognition.container and recognition.container.spread in ALL_AT_ONCE:
        blocks = at_once(reader)
        # journald's export counts bytes, NULs too
        pieces = (
            whole_lines(blocks) if recognition.counts_bytes else (clean(lines, counts) for lines in whole_lines(blocks))
        )
    else:
        pieces = clean_lines(reader, counts)
    try:
        with open(copy, "wb") as out:
            if plain:
                out.writelines(pieces)
            else:
                # What cleaning made of CR LF.
                ends = b" " if any(line.endswith(b"\r") for line in scanned.sample) else b""
                normalise((line.removesuffix(ends) for line in single_lines(pieces)), recognition, out)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise LogFileError(
            f"{source.origin}: no room for a working copy of its {scanned.text_bytes:,} bytes of text"
            f" in {scratch.parent} ({error.strerror}). "
            "Free disk space, or name another folder in TMPDIR."
        ) from None
    scanned = replace(scanned, damage=scanned.damage or reader.damage)
    return PreparedSource(source, scanned, recognition, files.add(copy), not plain, dict(sorted(counts.items())))


def glance(source: Source, files: EvidenceFiles) -> PreparedSource | None:
    """A source as its look from afar promises: plain, clean, of one format. None if not even that.

    Reading may begin with it while `prepare` looks at every byte.
    """
    if packing_of(source.path):
        return None
    size = source.path.stat().st_size
    with open(source.path, "rb") as file:
        lines = sample_of(file.fileno(), size)
    recognition = recognise(lines, zones_of(source), formats_of(source))
    scanned = Scan(
        "",
        size,
        size,
        LONGEST_LINE_BYTES,
        has_escapes=any(b"\x1b" in line for line in lines),
        ends_with_newline=True,
        clean=True,
        sample=tuple(lines),
    )
    if not recognition.is_plain:
        return None
    return PreparedSource(source, scanned, recognition, files.add(source.path), False, {})


def check_sources(sources: Iterable[Source]) -> None:
    """Raise ParameterError for a source that comes with formats which cannot be used, before anything is read."""
    for source in sources:
        formats_of(source)


def formats_of(source: Source) -> tuple[Format, ...]:
    """The formats of its own that a source comes with."""
    return own_formats(source.hints.formats, f"{visible(source.origin)} (item {source.id}): formats")


def zones_of(source: Source) -> Zones:
    """What its times do not tell."""
    written = source.written or datetime.fromtimestamp(source.path.stat().st_mtime, UTC)
    return Zones(source.hints.zone, source.hints.date_order, written)


def single_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of pieces that are cut at line ends, without them."""
    for piece in pieces:
        yield from piece.removesuffix(b"\n").split(b"\n")
