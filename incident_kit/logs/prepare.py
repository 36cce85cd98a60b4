"""What is known of a source before it is read: how it is packed, which formats it has, and how it can be read."""

from __future__ import annotations

import codecs
import os
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from incident_kit.logs.archives import TextReader, packing_of_head, untouched
from incident_kit.logs.formats import Format, own_formats
from incident_kit.logs.recognise import Recognition, recognise
from incident_kit.logs.scan import PLACE_BYTES, Sample, sample_of
from incident_kit.logs.time_forms import Zones
from incident_kit.model.source import Source
from incident_kit.model.visible import visible


@dataclass(frozen=True, eq=False, slots=True)
class PreparedSource:
    """A source that is recognised, at the size it had then.

    `normalised`: its records are put together line by line first, see `normalise`. `identity` is its device and inode.
    """

    source: Source
    packing: str
    size_bytes: int
    identity: tuple[int, int]
    recognition: Recognition
    normalised: bool
    has_carriage_returns: bool

    @property
    def span(self) -> tuple[int, int]:
        """The bytes of the file that are read."""
        return self.source.span or (0, self.size_bytes)

    @property
    def alike(self) -> Hashable:
        """What is equal of sources that one SELECT can read."""
        recognition = self.recognition
        zones = replace(recognition.zones, written=None)
        return recognition.formats, recognition.wrappers, zones, self.normalised, self.has_carriage_returns


def prepare(source: Source) -> PreparedSource:
    """Look at lines from all over a source, and recognise it."""
    descriptor = untouched(str(source.path), os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        packing = packing_of_head(os.pread(descriptor, 8, 0))
        lines = (
            sample_of_packed(source)
            if packing
            else sample_of(
                lambda length, offset: os.pread(descriptor, length, offset), *_sampled(source, status.st_size)
            )
        )
    finally:
        os.close(descriptor)
    recognition = recognise(lines, zones_of(source), formats_of(source))
    in_place = recognition.is_plain or not (recognition.formats or recognition.wrappers)
    # A mark of byte order is left out by Python only; blanks in its place do no harm to JSON.
    if recognition.formats and not recognition.formats[0].is_json and lines[0].startswith(codecs.BOM_UTF8):
        in_place = False
    return PreparedSource(
        source,
        packing,
        status.st_size,
        (status.st_dev, status.st_ino),
        recognition,
        not in_place,
        any(line.endswith(b"\r") for line in lines),
    )


def _sampled(source: Source, size: int) -> tuple[int, int]:
    """The end and the beginning of what a plain log is recognised by: where nothing of it is read, a little."""
    start, end = source.span or (0, size)
    return (end, start) if start < end else (min(size, PLACE_BYTES), 0)


def sample_of_packed(source: Source) -> list[bytes]:
    """Lines from all over the text of a packed source."""
    sample = Sample()
    for block in TextReader.of(source).blocks():
        sample.take(block)
    return sample.lines


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
