"""The gate before the seal: what people will see is looked through once more, and a secret found is masked and named.

Everything was redacted where it left the evidence. This finds what came another way: a cell that printed something,
a sentence typed by hand, a chart's label, a part of the page that forgot to.
Marks of earlier redactions are no finding. The files keep their form: JSON stays JSON, a page a page.
The same files are masked to the same bytes, so that a run made again can be compared.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from incident_kit.evidence.run_folder import COMPARED, NOTEBOOK, PAGE, as_json, as_json_line
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.view.words import count

MOST_NAMED = 20
ATTRIBUTE = re.compile(r"""(?P<name>[^\s=/>"'<]+)(?P<equals>\s*=\s*)(?P<value>"[^"]*"|'[^']*'|[^\s>"']+)""")
# Attributes that hold nothing but geometry and looks: most of a chart.
GEOMETRY = frozenset(
    (
        "d",
        "style",
        "transform",
        "class",
        "x",
        "y",
        "width",
        "height",
        "viewbox",
        "points",
        "clip-path",
        "fill",
        "stroke",
    )
)


class Masked(NamedTuple):
    """Something that was masked: in which file, at which place, and what it looked like. Never the thing itself."""

    file: str
    place: str
    kind: str


# Gives the text at a place as it may be shown.
Look = Callable[[str, str], str]


def mask(data: Path, redaction: Redaction, by_hand: bool = False) -> list[Masked]:
    """Mask what looks like a secret in everything of a run that people will see, and return what was masked.

    A notebook worked on `by_hand` may say anything: its texts are taken for a stranger's, not for sentences of ours.
    """
    seen, page = Seen(redaction, by_hand), ""
    for path in shown_files(data):
        seen.file = path.relative_to(data).as_posix()
        text = path.read_text(encoding="utf-8")
        shown = _masked_file(path, text, seen.look, page)
        if shown != text:
            path.write_text(shown, encoding="utf-8", newline="\n")
        if path.name == PAGE:
            page = shown
    return seen.masked


def shown_files(data: Path) -> list[Path]:
    """The files of a run that are made for people: not the evidence, which stays whole."""
    patterns = (PAGE, NOTEBOOK, *COMPARED, "charts/*.svg")
    return [path for pattern in patterns for path in sorted(data.glob(pattern))]


def in_words(masked: Sequence[Masked]) -> list[str]:
    """What was masked, a short line for each file and kind.

    >>> in_words([Masked("findings.json", f"at /{number}/statement", "email") for number in (0, 1)])
    ['findings.json: 2 places that looked like: email (at /0/statement, ...)']
    """
    counts = Counter((secret.file, secret.kind) for secret in masked)
    first = {(secret.file, secret.kind): secret.place for secret in reversed(masked)}
    lines = [
        f"{file}: {count(n, 'place')} that looked like: {kind} ({first[file, kind]}{', ...' if n > 1 else ''})"
        for (file, kind), n in counts.items()
    ]
    return lines[:MOST_NAMED] + [f"... and in {len(lines) - MOST_NAMED} further ways"] * (len(lines) > MOST_NAMED)


class Seen:
    """Looks at one text after the other; remembers what was masked, and what need not be looked at twice."""

    def __init__(self, redaction: Redaction, by_hand: bool) -> None:
        self.file, self.masked = "", list[Masked]()
        self._key, self._clean = redaction.key.hex(), set[str]()
        self._spans, self._shown = (
            (redaction.spans, redaction.text) if by_hand else (redaction.spans_in_sentence, redaction.sentence)
        )

    def look(self, place: str, text: str) -> str:
        """The text as it may be shown."""
        if text in self._clean:  # a page and its notebook show the same
            return text
        kinds = ["the incident's own key"] * bool(self._key and self._key in text)
        kinds += [span.kind for span in self._spans(text)]
        if not kinds:
            self._clean.add(text)
            return text
        self.masked += [
            Masked(self.file, REDACTION.text(place), kind) for kind in kinds
        ]  # a name on the way to a place may be the secret
        return self._shown(text.replace(self._key, "[redacted:key]") if self._key else text)


def _masked_file(path: Path, text: str, look: Look, page: str) -> str:
    """The text of a file, looked at piece by piece as it was redacted: what stands in two pieces is never read as one.

    Outputs and drawings that stand in the page just as they are have been looked at there.
    """
    match path.suffix:
        case ".html":
            return _html(text, "", look)
        case ".svg":
            return text if text.strip() in page else _html(text, "", look)
        case ".ipynb":
            return _if_changed(text, lambda notebook: _notebook(notebook, look, page), _as_notebook)
        case ".json":
            return _if_changed(text, lambda tree: _tree(tree, "at ", look), as_json)
        case ".jsonl":
            lines = [
                _if_changed(line, _looked_at_line(number, look), as_json_line)
                for number, line in enumerate(text.split("\n"), start=1)
            ]
            return "\n".join(line.removesuffix("\n") for line in lines)
        case _:
            return _csv(text, look)


def _if_changed(text: str, change: Callable[[Any], Any], write: Callable[[Any], str]) -> str:
    """JSON as it was written, or written anew where something in it was changed."""
    if not text.strip():
        return text
    data = json.loads(text)
    changed = change(data)
    return text if changed == data else write(changed)


def _looked_at_line(number: int, look: Look) -> Callable[[Any], Any]:
    return lambda tree: _tree(tree, f"line {number}, at ", look)


def _as_notebook(notebook: Any) -> str:
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _csv(text: str, look: Look) -> str:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    shown = [
        [look(f"line {number}, column {column}", cell) for column, cell in enumerate(row, start=1)]
        for number, row in enumerate(rows, start=1)
    ]
    if shown == rows:
        return text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(shown)
    return out.getvalue()


def _tree(value: Any, place: str, look: Look) -> Any:
    """Nested data with its texts and names looked at, each with its pointer."""
    if isinstance(value, str):
        return look(place, value)
    if isinstance(value, dict):
        return {
            look(f"{place}/{name} (the name)", name): _tree(part, f"{place}/{name}", look)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_tree(part, f"{place}/{number}", look) for number, part in enumerate(value)]
    return value


def _notebook(notebook: Any, look: Look, page: str) -> Any:
    cells = []
    for number, cell in enumerate(notebook["cells"], start=1):
        shown = {**cell, "source": _lines(cell["source"], f"cell {number}", look)}
        if "outputs" in cell:
            shown["outputs"] = [_output(output, f"cell {number}, its output", look, page) for output in cell["outputs"]]
        cells.append(shown)
    return {**notebook, "cells": cells, "metadata": _tree(notebook.get("metadata", {}), "metadata, at ", look)}


def _output(output: dict[str, Any], place: str, look: Look, page: str) -> dict[str, Any]:
    shown = dict(output)
    for name in ("text", "evalue"):
        if name in output:
            shown[name] = _lines(output[name], place, look)
    if "traceback" in output:
        traceback = "\n".join(output["traceback"])
        masked = look(place, traceback)
        shown["traceback"] = output["traceback"] if masked == traceback else masked.split("\n")
    if data := output.get("data"):
        # Beside HTML, the plain text is the same once more as Python writes it.
        looked_at = {kind: content for kind, content in data.items() if kind != "text/plain" or "text/html" not in data}
        contents = {kind: _content(kind, content, place, look, page) for kind, content in looked_at.items()}
        shown["data"] = contents if contents != looked_at else data
    return shown


def _content(kind: str, content: Any, place: str, look: Look, page: str) -> Any:
    if kind in ("text/html", "image/svg+xml"):
        text = "".join(content)
        if text in page:
            return content
        shown = _html(text, f"{place}, ", look)
        return content if shown == text else shown
    if isinstance(content, str | list) and kind.startswith("text/"):
        return _lines(content, place, look)
    return _tree(content, f"{place}, at ", look) if kind.endswith(("xml", "json")) else content


def _lines(content: Any, place: str, look: Look) -> Any:
    """A text that a notebook may hold in pieces."""
    text = content if isinstance(content, str) else "".join(content)
    shown = look(place, text)
    return content if shown == text else shown


def _html(text: str, place: str, look: Look) -> str:
    """HTML or SVG with its texts and attributes looked at."""
    return LookedAt(text, place, look).shown()


class LookedAt(HTMLParser):
    """The texts and attributes of a page or a drawing, each with its line, put together again as they may be shown."""

    def __init__(self, text: str, place: str, look: Look) -> None:
        super().__init__(convert_charrefs=True)
        self._text, self._place, self._look, self._inside = text, place, look, ""
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        # What is written anew: from where, to where (None: to where the next piece begins), and as what.
        self._edits: list[tuple[int, int | None, str]] = []
        self.feed(text)
        self.close()

    def shown(self) -> str:
        """The whole as it may be shown."""
        texts, done = [], 0
        for start, end, shown in self._edits:
            texts += [self._text[done:start], shown]
            done = len(self._text) if end is None else end
        return "".join([*texts, self._text[done:]])

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        start, line = self._begin()
        self._inside = tag
        places = f"{self._place}line {line}, {{}} of <{tag}>"
        raw = self.get_starttag_text() or ""
        texts = {
            name: value
            for name, value in attributes
            if value and name not in GEOMETRY and not value.startswith("data:")
        }
        looked_at = {name: self._look(places.format(name), value) for name, value in texts.items()}
        changed = {name: shown for name, shown in looked_at.items() if shown != texts[name]}
        if changed:
            self._edits.append((start, start + len(raw), _with_attributes(raw, tag, changed)))

    def handle_endtag(self, tag: str) -> None:
        self._begin()
        self._inside = ""

    def handle_data(self, data: str) -> None:
        start, line = self._begin()
        if (
            self._inside != "style"
            and not data.isspace()
            and (shown := self._look(f"{self._place}line {line}", data)) != data
        ):
            self._edits.append((start, None, shown if self._inside == "script" else html.escape(shown)))

    def handle_comment(self, data: str) -> None:
        start, line = self._begin()
        if (shown := self._look(f"{self._place}line {line}, a comment", data)) != data:
            self._edits.append((start, None, f"<!--{shown.replace('--', '- -')}-->"))

    def handle_decl(self, decl: str) -> None:
        self._begin()

    def handle_pi(self, data: str) -> None:
        self._begin()

    def unknown_decl(self, data: str) -> None:
        self._begin()

    def _begin(self) -> tuple[int, int]:
        """Where the piece that is handled begins, which ends the one before it; and on which line."""
        line, column = self.getpos()
        start = self._line_starts[line - 1] + column
        if self._edits and self._edits[-1][1] is None and self._edits[-1][0] < start:
            self._edits[-1] = (self._edits[-1][0], start, self._edits[-1][2])
        return start, line


def _with_attributes(raw: str, tag: str, changed: dict[str, str]) -> str:
    """A start tag with other values of these attributes; without all of its attributes where one cannot be told."""
    done = set[str]()

    def value(match: re.Match[str]) -> str:
        name = match["name"].lower()
        if name not in changed:
            return match[0]
        done.add(name)
        return f'{match["name"]}{match["equals"]}"{html.escape(changed[name], quote=True)}"'

    shown = ATTRIBUTE.sub(value, raw)
    return shown if done == changed.keys() else f"<{tag}>"
