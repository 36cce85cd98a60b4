"""Pieces of HTML that stand in a notebook and on a page alike. Every text that goes into one is redacted and escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime

from incident_kit.model.redaction import redact


class Html(str):
    """A piece of HTML that shows itself in a notebook."""

    def _repr_html_(self) -> str:
        return str(self)


def escape(text: object) -> str:
    """Text as it may stand in HTML, between tags or in an attribute."""
    # Redacting again what was redacted changes nothing, and catches text that did not come from the records.
    return html.escape(redact(str(text)), quote=True)


def moment(at: datetime) -> str:
    """A time, for people and for programs."""
    return f"<time datetime='{at.isoformat()}'>{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC</time>"


def table(columns: Sequence[str], rows: Sequence[str], caption: str = "") -> Html:
    """A table of rows that are HTML already."""
    head = "".join(f"<th scope='col'>{column}</th>" for column in columns)
    note = f"<caption>{caption}</caption>" if caption else ""
    return Html(f"<div class='scroll'><table>{note}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>")
