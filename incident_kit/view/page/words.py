"""What all sections are made of: escaped text, times, numbers and tables."""

from __future__ import annotations

from datetime import datetime

from incident_kit.model.markup import Html, escape, framed, period, table, time

__all__ = ["Html", "count", "escape", "framed", "ms", "period", "span", "table", "time"]


def span(since: datetime, until: datetime) -> str:
    seconds = int((until - since).total_seconds())
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds // 60 % 60} min"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def count(n: int, one: str, many: str = "") -> str:
    """
    >>> count(1, "record"), count(2048, "record")
    ('1 record', '2,048 records')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def ms(duration_us: int | None) -> str:
    """
    >>> ms(422_400), ms(5_367_300), ms(None)
    ('422 ms', '5.4 s', '–')
    """
    if duration_us is None:
        return "–"
    return f"{duration_us / 1e6:,.1f} s" if duration_us >= 1_000_000 else f"{duration_us / 1000:,.0f} ms"
