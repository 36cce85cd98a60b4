"""What all sections are made of: escaped text, times, numbers and tables."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from incident_kit.model.redaction import redact


class Html(str):
    """A piece of HTML that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return str(self)


def escape(text: object) -> str:
    # Redacting again what was redacted changes nothing, and catches text that did not come from the records.
    return html.escape(redact(str(text)), quote=True)


def table(columns: Sequence[str], rows: Sequence[str], caption: str = "", numbers: Sequence[str] = (), attributes: str = "") -> Html:
    """A table that scrolls in itself; `numbers` are those of its columns whose cells are right-aligned numbers."""
    right = " class='n'"
    head_row = "".join(f"<th scope='col'{right if column in numbers else ''}>{column}</th>" for column in columns)
    return framed(f"<thead><tr>{head_row}</tr></thead><tbody>{''.join(rows)}</tbody>", caption, attributes)


def framed(body: str, caption: str = "", attributes: str = "") -> Html:
    """A table around its head and body."""
    note = f"<caption>{caption}</caption>" if caption else ""
    return Html(f"<div class='scroll' tabindex='0' role='group' aria-label='table'><table{attributes}>{note}{body}</table></div>")


def time(at: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return f"<time datetime='{at.isoformat()}'>{at.strftime(form)} UTC</time>"


def period(since: datetime, until: datetime) -> str:
    """From when until when; the day once, if it is the same."""
    if since.date() != until.date():
        return f"{time(since)} to {time(until)}"
    return f"<time datetime='{since.isoformat()}'>{since:%Y-%m-%d %H:%M:%S}</time> to {time(until, '%H:%M:%S')}"


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
