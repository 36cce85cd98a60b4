"""Text made safe to show: what a terminal would obey, or an eye not see, stands there as an escape.

A log line and a file name are written by strangers. ESC begins commands to a terminal, U+202E turns text around, and a
byte that is no UTF-8 cannot be printed at all.
"""

from __future__ import annotations

import re

# Controls (C0, DEL, C1), line and paragraph separators, what turns text around or takes no room, tags, and lone surrogates.
# The joiners U+200C and U+200D stay: writing systems and emoji need them, and they do nothing to what stands around them.
UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
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
    return IN_TEXT.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is no UTF-8, as Python hands it over
        number -= 0xDC00
    return BRIEF.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}")
