"""Pieces of HTML that stand in a notebook and on a page alike. Every text that goes into one is redacted and escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

from incident_kit.model.redaction import REDACTION
from incident_kit.model.visible import visible_lines


class Html(str):
    """A piece of HTML that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return str(self)


def escape(text: object) -> str:
    """A sentence of ours, or a value in it, as it may stand in HTML, between tags or in an attribute."""
    # Values were redacted when they left the evidence. This catches what did not come from there, and shows controls as escapes.
    return html.escape(visible_lines(REDACTION.sentence(str(text))), quote=True)


def table(columns: Sequence[str], rows: Sequence[str], caption: str = "", numbers: Sequence[str] = (), attributes: str = "") -> Html:
    """A table of rows that are HTML already, which scrolls in itself; `numbers` are those of its columns whose cells are right-aligned numbers."""
    right = " class='n'"
    head_row = "".join(f"<th scope='col'{right if column in numbers else ''}>{column}</th>" for column in columns)
    return framed(f"<thead><tr>{head_row}</tr></thead><tbody>{''.join(rows)}</tbody>", caption, attributes)


def framed(body: str, caption: str = "", attributes: str = "") -> Html:
    """A table around its head and body."""
    note = f"<caption>{caption}</caption>" if caption else ""
    return Html(f"<div class='scroll' tabindex='0' role='group' aria-label='table'><table{attributes}>{note}{body}</table></div>")


def time(at: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time, for people and for programs."""
    return f"<time datetime='{at.isoformat()}'>{at.strftime(form)} UTC</time>"


def period(since: datetime, until: datetime) -> str:
    """From when until when; the day once, if it is the same."""
    if since.date() != until.date():
        return f"{time(since)} to {time(until)}"
    return f"<time datetime='{since.isoformat()}'>{since:%Y-%m-%d %H:%M:%S}</time> to {time(until, '%H:%M:%S')}"
