"""Statements without what they are about: what a database is doing, and slow statements, hold people's data."""

from __future__ import annotations

import re

# Names in double quotes and $1 stay; texts, numbers and comments may hold anything.
# What is cut off in the middle runs to the end.
SQL_PARTS = re.compile(
    r"(?P<name>\"(?:[^\"]|\"\")*\"|\$\d+|\b[A-Za-z_]\w*\b(?!'))"
    r"|[eE]'(?:[^'\\]|\\.|'')*(?:'|\\?$)|(?:\b[bBxXnN])?'(?:[^']|'')*(?:'|$)|"
    r"(?P<tag>\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?(?:(?P=tag)|$)|(?P<comment>--[^\n]*|/\*[\s\S]*?(?:\*/|$))|\b\d[\w.]*"
)


def without_literals(sql: str) -> str:
    """A statement with every text and number in it as `?` and without comments: what it does, not to whom.

    >>> without_literals("select * from users where email = 'a@x.jp' and id = 42 limit $1 -- mine")
    'select * from users where email = ? and id = ? limit $1 '
    """
    return SQL_PARTS.sub(lambda match: match[0] if match["name"] else "" if match["comment"] else "?", sql)
