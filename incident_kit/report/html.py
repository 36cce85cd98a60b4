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

from incident_kit.model.markup import escape
from incident_kit.model.redaction import redact

HERE = Path(__file__).parent
STYLE = re.compile(r"\s*<style>[^<]*</style>\s*")


def render(notebook: NotebookNode, incident: str, sealed: str, appendix: str = "", by_hand: bool = False) -> str:
    """The page; `incident` says what it is about, `sealed` who made it, when and with what, `appendix` is HTML that follows the notebook's cells.

    `by_hand`: anything may stand in the notebook, so that its texts are redacted as a stranger's are.
    """
    cells = [_cell(cell, by_hand) for cell in notebook.cells if cell.cell_type in ("markdown", "code")]
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((HERE / "report.html.j2").read_text(encoding="utf-8"))
    script = (HERE / "report.js").read_text(encoding="utf-8")
    return template.render(
        title=escape(_title(notebook)), incident=escape(incident), sealed=escape(sealed), cells=cells, appendix=appendix,
        style=(HERE / "report.css").read_text(encoding="utf-8"), script=script,
        # The one script that the page's policy lets run.
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


def _title(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.split("\n")[0][2:])
    return "Incident report"


def _cell(cell: NotebookNode, by_hand: bool) -> dict[str, Any]:
    source = redact(cell.source) if by_hand else cell.source
    if cell.cell_type == "markdown":
        return {"kind": "text", "html": mistune.html(source)}
    outputs = [_output(output, by_hand) for output in cell.get("outputs", [])]
    return {"kind": "code", "source": source, "outputs": [output for output in outputs if output]}


def _output(output: NotebookNode, by_hand: bool) -> str:
    """One output as HTML; plain text is escaped and redacted, HTML was made of escaped text and is looked at before the seal."""
    if output.output_type == "stream":
        return f"<pre>{_text(output.text, by_hand)}</pre>"
    if output.output_type == "error":
        failed = f"{_text(output.ename, by_hand)}: {_text(output.evalue, by_hand)}"
        return f"<div class='failed'><p>This cell failed, and the cells after it did not run: {failed}</p></div>"
    data = output.get("data", {})
    if "text/html" in data:
        shown = str(data["text/html"])
        return "" if STYLE.fullmatch(shown) else shown  # a style is for JupyterLab; the page has its own
    if "image/png" in data:
        return f"<img alt='' src='data:image/png;base64,{html.escape(data['image/png'].strip(), quote=True)}'>"
    return f"<pre>{_text(data['text/plain'], by_hand)}</pre>" if "text/plain" in data else ""


def _text(text: object, by_hand: bool) -> str:
    return escape(redact(str(text)) if by_hand else text)
