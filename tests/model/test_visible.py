"""What strangers write is shown and never obeyed."""

from __future__ import annotations

import os
import unicodedata

import pytest

from incident_kit.model.visible import visible, visible_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no\x1b[31m.log", "no\\x1b[31m.log"),
        ("title\x1b]0;owned\x07", "title\\x1b]0;owned\\x07"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("a\u2028b\u0085c", "a\\u2028b\\x85c"),
        (os.fsdecode(b"caf\xe9.log"), "caf\\xe9.log"),
        ("\U000e0041", "\\U000e0041"),
        ("料金 🙂 naïve", "料金 🙂 naïve"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_no_control_character_of_unicode_comes_through() -> None:
    controls = [
        chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) in ("Cc", "Zl", "Zp", "Cs")
    ]
    assert [hex(ord(each)) for each in controls if each in visible(f"a{each}b")] == []


def test_lines_of_our_own_stay_lines() -> None:
    assert visible_lines("first\n\tsecond \x1b[2J") == "first\n\tsecond \\x1b[2J"


def test_what_is_shown_can_be_encoded_anywhere() -> None:
    visible("".join(map(chr, range(0xD800, 0xE000)))).encode("ascii")
