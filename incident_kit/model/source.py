"""A source: preserved bytes that can be read as a log, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to read: `id` is what citations name, `origin` what people call it, `offset_bytes` where it began in the original.

    `written` is when the original was last written, for times that leave out their year; None: when this file was.
    """

    id: str
    path: Path
    origin: str
    offset_bytes: int = 0
    written: datetime | None = None
