"""Values in columns: of a statement of SQL that inserts rows, and of tables as clients of databases print them.

A column is told by its name. A table's head is known by the line of hyphens below it, or by holding nothing but names
with as many cells as the line below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from incident_kit.model.redaction import looks
from incident_kit.model.redaction.names import hidden, kind_of_name
from incident_kit.model.redaction.span import Span

INSERTED = re.compile(
    r"\b(?:(?:INSERT|REPLACE)\b[^()]{0,200}?\((?P<columns>[^()]{1,4000})\)[^()]{0,60}?\bVALUES?\s{0,8}"
    r"|SET\s{1,4}\((?P<set>[^()]{1,4000})\)\s{0,4}=\s{0,4}(?:ROW\s{0,4})?)(?=\()",
    re.IGNORECASE,
)
COPIED = re.compile(r"\bCOPY\s[^()]{1,200}?\((?P<columns>[^()]{1,4000})\)\s{1,4}FROM\s{1,4}stdin[^\n]{0,100}\n", re.I)
VALUE = re.compile(
    r"\s{0,40}+(?:(?:\b[A-Za-z_]\w{0,11})?'(?P<text>(?:[^'\\]|''|\\[\s\S])*+)'?+"
    r"|\\{0,7}\"(?P<quoted>(?:[^\"\\]|\\(?!\"))*+)\\{0,7}\"?+"
    r"|(?P<call>[A-Za-z_][\w.]{0,60}\((?:[^()']|'(?:[^']|'')*+'?+|\([^()]{0,400}\)){0,40}+\)?+)"
    r"|(?P<bare>[^,()'\"]*+))[^,()]{0,60}+"
)
LINE_END = re.compile(r"(?:\\r)?\\n")
RULE = re.compile(r"[\s|+:=-]{3,}")
HEAD = re.compile(r"\s*\"?[A-Za-z_][\w .-]{0,100}\"?\s*")
HEAD_LINE = re.compile(r"[\w \t.\",;-]{3,1000}")
CELL_QUOTES = " \t\"'`\\"
SEPARATORS = ("|", "\t", ",", ";")


def found(text: str) -> Iterator[Span]:
    """Secrets that stand in a column of their name."""
    if "(" in text:
        upper = text.upper()
        if "INSERT" in upper or "REPLACE" in upper or "SET (" in upper:
            for statement in INSERTED.finditer(text):
                yield from _rows(text, statement.end(), _kinds((statement["columns"] or statement["set"]).split(",")))
        if "COPY" in upper:
            for copy in COPIED.finditer(text):
                yield from _copied(text, copy.end(), _kinds(copy["columns"].split(",")))
    if "|" in text or ("\n" in text and ("," in text or "\t" in text or ";" in text)):
        yield from _tables(text)


def _kinds(names: Sequence[str]) -> list[str]:
    """The kind of secret in each column, empty for most."""
    kinds = (kind_of_name(name.strip(CELL_QUOTES + "[]").split(".")[-1].strip(CELL_QUOTES)) for name in names)
    return ["" if kind in ("parameter", "redis-command") else kind for kind in kinds]


def _rows(text: str, position: int, kinds: Sequence[str]) -> Iterator[Span]:
    """The values of rows in brackets, one behind the other."""
    if not any(kinds):
        return
    while text.startswith("(", position):
        position += 1
        for kind in (*kinds, ""):
            value = VALUE.match(text, position)
            if not value:
                return
            if kind:
                part = next(name for name in ("text", "quoted", "call", "bare") if value[name] is not None)
                start, end = value.span(part)
                if part == "call":
                    start = text.index("(", start) + 1
                if span := hidden(text, start, end - (part == "bare" and _trailing(text, start, end)), kind):
                    yield span
            position = value.end()
            if not text.startswith(",", position):
                break
            position += 1
        if not text.startswith(")", position):
            return
        rest = re.compile(r"\)\s{0,40}+,?+\s{0,40}+").match(text, position)
        position = rest.end() if rest else len(text)


def _trailing(text: str, start: int, end: int) -> int:
    return end - start - len(text[start:end].rstrip())


def _copied(text: str, position: int, kinds: Sequence[str]) -> Iterator[Span]:
    for line in text[position:].split("\n"):
        if line.startswith("\\.") or not any(kinds):
            return
        yield from _cells(text, position, line.split("\t"), kinds)
        position += len(line) + 1


def _tables(text: str) -> Iterator[Span]:
    lines = list(_lines(text))
    kinds: list[str] = []
    separator, surely, columns = "", False, 0
    for (start, line), (_, below) in pairwise([*lines, (len(text), "")]):
        if separator:
            cells = line.split(separator)
            if len(cells) == columns:
                for span in _cells(text, start, cells, kinds):
                    if surely or looks.is_secret(text[span.start : span.end]):
                        yield span
                continue
            if not RULE.fullmatch(line):
                separator = ""
            else:
                continue
        if "|" in line:
            yield from _row_of_two(text, start, line)
        elif "{" in line or not HEAD_LINE.fullmatch(line):
            continue
        for mark in SEPARATORS:
            cells = line.split(mark)
            columns = len(cells)
            if columns < 2 or (below.count(mark) + 1 != columns and not RULE.fullmatch(below)):
                continue
            ruled = mark == "|" and RULE.fullmatch(below) is not None and "-" in below
            if not ruled and not all(HEAD.fullmatch(cell) for cell in cells):
                continue
            kinds = _kinds(cells)
            if any(kinds):
                separator, surely = mark, ruled
                break


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text and where each begins, those of a table within one line too."""
    start = 0
    for line in text.split("\n"):
        if "|" in line and "\\n" in line:
            begun = 0
            for line_end in LINE_END.finditer(line):
                yield start + begun, line[begun : line_end.start()]
                begun = line_end.end()
            yield start + begun, line[begun:]
        else:
            yield start, line
        start += len(line) + 1


def _cells(text: str, start: int, cells: Sequence[str], kinds: Sequence[str]) -> Iterator[Span]:
    for cell, kind in zip(cells, kinds, strict=False):
        if kind and cell.strip(CELL_QUOTES):
            begun = start + len(cell) - len(cell.lstrip(CELL_QUOTES))
            if span := hidden(text, begun, start + len(cell.rstrip(CELL_QUOTES + "}]")), kind):
                yield span
        start += len(cell) + 1


def _row_of_two(text: str, start: int, line: str) -> Iterator[Span]:
    """A name and its value beside it, and nothing more."""
    cells = line.split("|")
    # In JSON, the row is a part of a longer text.
    cells[0], cells[-1] = cells[0].rpartition('"')[2], cells[-1].partition('"')[0]
    filled = [number for number, cell in enumerate(cells) if cell.strip(CELL_QUOTES)]
    if len(filled) < 2:
        return
    name, value = filled[-2:]
    kind = kind_of_name(cells[name].strip(CELL_QUOTES)) if len(filled) == 2 else ""
    shown = cells[value].strip()
    if kind == "secret" and cells[value].startswith(" ") and " " not in shown and looks.is_secret(shown):
        place = start + sum(len(cell) + 1 for cell in line.split("|")[:value]) if value else start
        begun = place + len(cells[value]) - len(cells[value].lstrip())
        yield Span(begun, begun + len(shown), "secret")
