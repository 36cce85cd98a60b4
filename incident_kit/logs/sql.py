"""Texts and names in SQL."""

from __future__ import annotations

import re

PLAIN = re.compile(r"[A-Za-z0-9 _.:/]*")


def quoted(text: str) -> str:
    """A text as an SQL literal.

    Anything but a plain word is spelled in hexadecimal, so that nothing of it can be SQL.
    """
    return f"'{text}'" if PLAIN.fullmatch(text) else f"decode(from_hex('{text.encode().hex()}'))"


def quoted_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
