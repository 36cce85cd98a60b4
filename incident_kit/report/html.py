"""An executed notebook as one page without any outside address: text, outputs, and the code folded away."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any

import jinja2
import mistune
from nbformat import NotebookNode

from incident_kit.model.redaction import redact

HERE = Path(__file__).parent
STYLE = re.compile(r"\s*<style>[^<]*</style>\s*")
# Drawings hold numbers in plenty and no texts of logs but those of our charts.
DRAWING = re.compile(r"(?P<drawing><svg\b.*?</svg>)|(?:(?!<svg\b).)+", re.DOTALL)


def render(notebook: NotebookNode, incident: str, sealed: str, appendix: str = "", by_hand: bool = False) -> str:
    """The page; `incident` says what it is about, `sealed` who made it, when and with what, `appendix` is HTML that follows the notebook's cells.

    `by_hand`: anything may stand in the notebook, so that all of it is redacted, not only what is not ours.
    """
    cells = [_cell(cell, by_hand) for cell in notebook.cells if cell.cell_type in ("markdown", "code")]
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((HERE / "report.html.j2").read_text(encoding="utf-8"))
    script = (HERE / "report.js").read_text(encoding="utf-8")
    return template.render(
        title=html.escape(_title(notebook)), incident=_text(incident), sealed=_text(sealed), cells=cells, appendix=appendix,
        style=(HERE / "report.css").read_text(encoding="utf-8"), script=script,
        # The one script that the page's policy lets run.
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


def _title(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.splitlines()[0][2:])
    return "Incident report"


def _cell(cell: NotebookNode, by_hand: bool) -> dict[str, Any]:
    source = redact(cell.source) if by_hand else cell.source
    if cell.cell_type == "markdown":
        return {"kind": "text", "html": mistune.html(source)}
    outputs = [_output(output, by_hand) for output in cell.get("outputs", [])]
    return {"kind": "code", "source": source, "outputs": [output for output in outputs if output]}


def _output(output: NotebookNode, by_hand: bool) -> str:
    """One output as HTML; plain text is escaped and redacted, our own HTML was made of escaped text."""
    if output.output_type == "stream":
        return f"<pre>{_text(output.text)}</pre>"
    if output.output_type == "error":
        return f"<div class='failed'><p>This cell failed, and the cells after it did not run: {_text(output.ename)}: {_text(output.evalue)}</p></div>"
    data = output.get("data", {})
    if "text/html" in data:
        shown = str(data["text/html"])
        if STYLE.fullmatch(shown):  # for JupyterLab; the page has its own
            return ""
        return DRAWING.sub(lambda part: part[0] if part["drawing"] else redact(part[0]), shown) if by_hand else shown
    if "image/png" in data:
        return f"<img alt='' src='data:image/png;base64,{html.escape(data['image/png'].strip(), quote=True)}'>"
    return f"<pre>{_text(data['text/plain'])}</pre>" if "text/plain" in data else ""


def _text(text: str) -> str:
    return html.escape(redact(str(text)))
