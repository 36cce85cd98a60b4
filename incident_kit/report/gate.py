"""The gate before the seal: what people will see is looked through for secrets once more, by itself, and a leak is refused.

Everything was redacted where it left the evidence. This finds what came another way: a cell that printed something, a
sentence typed by hand, a chart's label, a part of the page that forgot to. Marks of earlier redactions are no finding.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from incident_kit.errors import LeakFound
from incident_kit.model.redaction import REDACTION, Redaction
from incident_kit.report.results import COMPARED

PAGE = "report.html"


class Shown(NamedTuple):
    """A text that people will see, and where: the place is one a person can find."""

    place: str
    text: str


def check(data: Path, redaction: Redaction) -> None:
    """Raise LeakFound, naming file and place but never the secret, if anything that people will see holds one."""
    leaks, clean = [], set[str]()
    key = redaction.key.hex()
    page = (data / PAGE).read_text(encoding="utf-8") if (data / PAGE).exists() else ""
    for path in shown_files(data):
        for place, text in texts_of(path, page):
            if text in clean:  # a page and its notebook show the same
                continue
            spans = redaction.spans(text)
            found = [f"{span.end - span.start} characters that look like: {span.kind}" for span in spans] + ["the incident's own key"] * bool(
                key and key in text
            )
            # A name on the way to a place may be the secret.
            leaks += [f"{path.relative_to(data)}, {REDACTION.text(place)}: {what}" for what in found]
            if not found:
                clean.add(text)
    if leaks:
        raise LeakFound(str(data.parent), leaks)


def shown_files(data: Path) -> list[Path]:
    """The files of a run that are made for people: not the evidence, which stays whole."""
    patterns = (PAGE, "notebook.ipynb", *COMPARED, "charts/*.svg")
    return [path for pattern in patterns for path in sorted(data.glob(pattern))]


def texts_of(path: Path, page: str) -> Iterator[Shown]:
    """The texts of a file, piece by piece as they were redacted: what stands in two pieces is never read as one.

    Outputs and drawings that stand in the page just as they are have been looked at there.
    """
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".html":
            yield from _of_html(text)
        case ".svg":
            yield from _of_html("" if text.strip() in page else text)
        case ".ipynb":
            yield from _of_notebook(json.loads(text), page)
        case ".json":
            yield from _of_tree(json.loads(text), "at ")
        case ".jsonl":
            for number, line in enumerate(text.splitlines(), start=1):
                yield from _of_tree(json.loads(line), f"line {number}, at ")
        case ".csv":
            for number, row in enumerate(csv.reader(io.StringIO(text)), start=1):
                yield from (Shown(f"line {number}, column {column}", cell) for column, cell in enumerate(row, start=1))


def _of_tree(value: Any, place: str) -> Iterator[Shown]:
    """The texts and names in nested data, each with its pointer."""
    if isinstance(value, str):
        yield Shown(place, value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield Shown(f"{place}/{name} (the name)", name)
            yield from _of_tree(part, f"{place}/{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _of_tree(part, f"{place}/{number}")


def _of_notebook(notebook: Any, page: str) -> Iterator[Shown]:
    for number, cell in enumerate(notebook["cells"], start=1):
        yield Shown(f"cell {number}", "".join(cell["source"]))
        for output in cell.get("outputs", ()):
            yield from _of_output(output, f"cell {number}, its output", page)


def _of_output(output: Any, place: str, page: str) -> Iterator[Shown]:
    texts = {"": output.get("text", ""), "error": [output.get("evalue", ""), "\n", *("\n".join(output.get("traceback", ())),)]}
    data = output.get("data", {})
    if "text/html" in data:  # then its plain text is the same once more, as Python writes it
        data = {kind: content for kind, content in data.items() if kind != "text/plain"}
    texts |= {kind: content for kind, content in data.items() if kind.startswith("text/") or kind.endswith(("xml", "json"))}
    for kind, content in texts.items():
        text = "".join(content) if isinstance(content, list) else content
        if kind in ("text/html", "image/svg+xml"):
            text = "" if text in page else text
            yield from (Shown(f"{place}, {piece.place}", piece.text) for piece in _of_html(text))
        elif isinstance(text, str):
            yield Shown(place, text)
        else:
            yield from _of_tree(text, f"{place}, at ")


def _of_html(text: str) -> Iterator[Shown]:
    parser = Pieces()
    parser.feed(text)
    parser.close()
    yield from parser.found


class Pieces(HTMLParser):
    """The texts and the attributes of a page or a drawing, each with its line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Shown] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.found += [
            Shown(f"line {self.getpos()[0]}, {name} of <{tag}>", value)
            for name, value in attributes
            if value and name not in DRAWN and not value.startswith("data:")
        ]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside != "style" and not data.isspace():
            self.found.append(Shown(f"line {self.getpos()[0]}", data))

    def handle_comment(self, data: str) -> None:
        self.found.append(Shown(f"line {self.getpos()[0]}, a comment", data))


# Attributes that hold nothing but geometry and looks: most of a chart.
DRAWN = frozenset(("d", "style", "transform", "class", "x", "y", "width", "height", "viewbox", "points", "clip-path", "fill", "stroke"))
