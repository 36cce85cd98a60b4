"""Cells of CSV that a spreadsheet shows and does not run.

A cell that begins with = + - @ or their full-width forms is a formula to a spreadsheet, and whoever sends a request can
write one. Such a cell gets an apostrophe before it, inside a cell too where a program that splits at another separator
would see one begin. Numbers stay numbers. https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re

from incident_kit.model.visible import visible_lines

NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
# At the start of a cell, behind blanks and quotes; a tab or a carriage return there is enough.
FORMULA = re.compile(r"(?=[\s\"\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])|[\t\r]")
IS_NUMBER = re.compile(NUMBER)
# Inside of one, behind what may end a cell elsewhere.
ENDS = re.compile(r"[,;|\t\n]")
INSIDE = re.compile(rf"([,;|\t\n][ \"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])(?!{NUMBER}(?:[,;|\s\"\]}})]|\Z))")


def defused(value: object) -> object:
    """A cell as it may stand in a CSV file that people open in a spreadsheet; what is no text stays as it is.

    >>> defused("=HYPERLINK(1)"), defused("-5"), defused("a;=1+1"), defused(-5)
    ("'=HYPERLINK(1)", '-5', "a;'=1+1", -5)
    """
    if not isinstance(value, str) or value.isalnum() or IS_NUMBER.fullmatch(value):
        return value
    starts = "'" if FORMULA.match(value) else ""
    return starts + (INSIDE.sub(r"\1'", visible_lines(value)) if ENDS.search(value) else visible_lines(value))
