"""A source: preserved bytes that can be read as a log, wherever they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_kit.model.redaction import REDACTION, Redaction

# What one file may unpack to. A portal's log of a week has some gigabytes.
# A megabyte of zstd may hold thirty of them, one of bzip2 a thousand.
UNPACKED_LIMIT_BYTES = 16 << 30


@dataclass(frozen=True, slots=True)
class Hints:
    """What a log does not say and people tell: the zone of its times, the order of day and month, formats of their own.

    `unpacked_limit_bytes` is how much text an archive may hold. `date_order` is `mdy`, `dmy`, `ymd`, or empty: as the
    log itself shows. `formats` are formats as data (see `logs.formats`).
    """

    zone: str = "UTC"
    date_order: str = ""
    formats: tuple[Mapping[str, Any], ...] = ()
    unpacked_limit_bytes: int = UNPACKED_LIMIT_BYTES

    def to_json(self) -> dict[str, Any]:
        hints = {"zone": self.zone, "date_order": self.date_order, "formats": list(map(dict, self.formats))}
        if self.unpacked_limit_bytes == UNPACKED_LIMIT_BYTES:
            return hints
        return {**hints, "unpacked_limit_bytes": self.unpacked_limit_bytes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Hints:
        limit_bytes = int(data.get("unpacked_limit_bytes", UNPACKED_LIMIT_BYTES))
        return cls(data.get("zone", "UTC"), data.get("date_order", ""), tuple(data.get("formats", ())), limit_bytes)


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to read.

    `id` is what citations name, `origin` what people call it, `offset_bytes` where it began in the original.
    `written` is when the original was last written, for times that leave out their year; None: when this file was.
    `redaction` is how its text is shown. `missing` says what of the original these bytes lack, if anything. `sha256` is
    that of the bytes, where they were compared with it. `span` is the part of the file that is read; None: all of it.
    """

    id: str
    path: Path
    origin: str
    offset_bytes: int = 0
    written: datetime | None = None
    hints: Hints = Hints()
    redaction: Redaction = REDACTION
    missing: str = ""
    sha256: str = ""
    span: tuple[int, int] | None = None
