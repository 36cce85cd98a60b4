"""Text made safe to show: what a terminal would obey, or an eye not see, stands there as an escape.

A log line and a file name are written by strangers. ESC begins commands to a terminal, U+202E turns text around, and a
byte that is no UTF-8 cannot be printed at all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

# Controls (C0, DEL, C1), line and paragraph separators, what turns text around or takes no room, tags, lone surrogates.
# The joiners U+200C and U+200D stay: writing systems and emoji need them, and they do nothing to what is around them.
UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
IN_TEXT, ON_A_LINE = re.compile(f"[{UNSAFE}]"), re.compile(f"[\t\n{UNSAFE}]")
BRIEF = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: object) -> str:
    r"""The text on one line, with every unsafe character as an escape; for values, names and paths.

    >>> import os
    >>> visible("no\x1b[31m.log")
    'no\\x1b[31m.log'
    >>> visible(os.fsdecode(b"caf\xe9.log"))
    'caf\\xe9.log'
    """
    return ON_A_LINE.sub(_escape, str(text))


def visible_lines(text: str) -> str:
    """The same for text whose line ends and tabs are its own, such as a whole message of ours."""
    if text.isprintable():  # most values are, and it costs nothing
        return text
    return IN_TEXT.sub(_escape, text)


def visible_json(text: str) -> str:
    r"""The same for text that is JSON, with JSON's own escapes: what it says stays the same.

    >>> visible_json('{"file": "a\u202eb"}')
    '{"file": "a\\u202eb"}'
    """
    if text.isascii() and "\x7f" not in text:  # JSON has escaped the other controls already
        return text
    return IN_TEXT.sub(lambda match: "".join(f"\\u{unit:04x}" for unit in _utf_16(match[0])), text)


def _utf_16(character: str) -> Iterator[int]:
    units = character.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(units[position : position + 2]) for position in range(0, len(units), 2))


class VisibleStream(io.TextIOWrapper):
    """A standard stream on which nothing of a stranger's is a command: controls stand there as escapes."""

    as_it_is = False

    def write(self, text: str, /) -> int:
        super().write(text if self.as_it_is else visible_lines(text))
        return len(text)


def visible_stream(stream: io.TextIOWrapper, encoding: str) -> VisibleStream:
    """A stream in place of this one, which is of no use afterwards."""
    by_line = stream.line_buffering or stream.isatty()
    return VisibleStream(stream.detach(), encoding, errors="backslashreplace", line_buffering=by_line)


@contextmanager
def as_it_is(stream: TextIO) -> Iterator[None]:
    """For so long the stream takes text unchanged: controls of our own, or what was made safe before."""
    if not isinstance(stream, VisibleStream):
        yield
        return
    stream.as_it_is = True
    try:
        yield
    finally:
        stream.as_it_is = False


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is no UTF-8, as Python hands it over
        number -= 0xDC00
    return BRIEF.get(character) or (
        f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    )
