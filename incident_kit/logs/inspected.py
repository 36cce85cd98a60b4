"""Objects as Node prints them for people.

`util.inspect` (console.log, winston's prettyPrint, Nest with colours) and pino-pretty's indented fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`)|(?P<mark>[{}\[\]:,+])"
    r"|(?P<word>[^\s{}\[\]:,'\"`+][^{}\[\],\n:]*|[+-]?\d[^\s,}\]]*))",
    re.S,
)
NAMED = re.compile(
    r"<ref \*\d+>\s*|[\w$.]+(?:\(\d+\))?\s*(?=[{\[])|"
    r"\[(?:Object|Array|Function[^\]]*|Circular[^\]]*|Getter[^\]]*|\w+)\]"
)
ERROR = re.compile(
    r"\s*(?P<stack>(?P<name>[A-Za-z_$][\w$.]*)(?: \[(?P<own>\w+)\])?: (?P<message>[^\n]*)(?:\n[ \t]+at [^\n]*?)+)"
    r"(?P<more> \{)?(?=,?(?:\n|$))"
)
ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.S)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
FIELD = re.compile(r" {4}(?P<name>[\w.@-]+):(?: (?P<value>.*))?$")
INSIDE = re.compile(
    r'\s*"(?P<name>type|message|name|code|statusCode|method|url|id)":\s*'
    r'(?P<value>"(?:[^"\\]|\\.)*"|[\d.]+|null|true|false),?\s*$'
)
DEEPEST = 40


def read(text: str) -> Any:
    """The object that a text shows, as far as it can be told: what is no JSON value stays text.

    None if it shows none.
    """
    try:
        value, _ = _value(text, 0, 0)
    except ValueError:
        return None
    return value


def _value(text: str, place: int, depth: int) -> tuple[Any, int]:
    if error := ERROR.match(text, place):  # as its stack, which is no value of JavaScript, and its own fields
        own, place = (
            _items(text, error.end(), depth + 1, True) if error["more"] and depth < DEEPEST else ({}, error.end())
        )
        return {
            "name": error["own"] or error["name"],
            "message": error["message"],
            "stack": error["stack"],
            **own,
        }, place
    while name := NAMED.match(text, _blank(text, place)):  # `Error {`, `Object(3) {`, `[Object]`
        place = name.end()
        if name[0].startswith("["):
            return name[0], place
    token = _token(text, place)
    if token["mark"] in ("{", "["):
        if depth > DEEPEST:
            raise ValueError("too deep")
        return _items(text, token.end(), depth + 1, token["mark"] == "{")
    if token["quoted"]:
        parts, place = [_unquoted(token["quoted"])], token.end()
        while (
            (plus := TOKEN.match(text, place))
            and plus["mark"] == "+"
            and (more := TOKEN.match(text, plus.end()))
            and more["quoted"]
        ):
            parts.append(_unquoted(more["quoted"]))
            place = more.end()
        return "".join(parts), place
    word = text[token.start() : token.end()].strip()
    place = token.end()
    while place < len(text) and text[place] not in ",}]\n":  # a bare date, a symbol with blanks: up to the next mark
        word, place = word + text[place], place + 1
    return _plain(word.strip()), place


def _items(text: str, place: int, depth: int, named: bool) -> tuple[Any, int]:
    named_items: dict[str, Any] = {}
    listed: list[Any] = []
    while True:
        place = _blank(text, place)
        if place >= len(text) or text[place] in "}]":  # a text cut short gives what it had
            return (named_items if named else listed), place + 1
        if text[place] == ",":
            place += 1
            continue
        key = re.compile(r"(?:'((?:[^'\\]|\\.)*)'|\[?([\w$.@()-]+)\]?)\s*:", re.S).match(text, place) if named else None
        if named and not key:
            end = min(
                (end_mark for end_mark in (text.find(mark, place) for mark in ",}\n") if end_mark >= 0),
                default=len(text),
            )
            place = max(end, place + 1)
            continue
        value, place = _value(text, key.end() if key else place, depth)
        if key:
            named_items.setdefault(key[1] or key[2], value)
        else:
            listed.append(value)


def _token(text: str, place: int) -> re.Match[str]:
    match = TOKEN.match(text, place)
    if not match:
        raise ValueError(f"nothing at {place}")
    return match


def _blank(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _unquoted(text: str) -> str:
    return ESCAPED.sub(
        lambda match: ESCAPES.get(match[1]) or (chr(int(match[1][1:], 16)) if len(match[1]) > 1 else match[1]),
        text[1:-1],
    )


def _plain(word: str) -> Any:
    if word in ("undefined", "null"):
        return None
    try:
        return json.loads(word)
    except ValueError:
        return word


def indented(lines: Iterable[str]) -> dict[str, Any]:
    """The fields that pino-pretty writes below a record, indented: a name and its value.

    Values are JSON, stacks are laid out over many lines.
    """
    fields: dict[str, Any] = {}
    blocks: list[tuple[str, list[str]]] = []
    for line in lines:
        if match := FIELD.match(line):
            blocks.append((match["name"], [match["value"] or ""]))
        elif blocks:
            blocks[-1][1].append(line)
    for name, block in blocks:
        try:
            value = json.loads("\n".join(block))
        except ValueError:  # a stack stands in it as it is
            parts = (INSIDE.match(line) for line in block)
            value = {}
            for part in parts:
                if part:
                    value.setdefault(part["name"], json.loads(part["value"]))
            value = value or block[0].strip()
        fields.setdefault(name, value)
    return fields
