"""An executed notebook as one page without any outside address: text, outputs, and the code folded away."""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from typing import Any

import jinja2
import mistune
from nbformat import NotebookNode

from incident_kit.model.redaction import redact

HERE = Path(__file__).parent


def render(notebook: NotebookNode, incident: str, sealed: str, appendix: str = "") -> str:
    """The page; `incident` says what it is about, `sealed` who made it, when and with what, `appendix` is HTML that follows the notebook's cells."""
    cells = [_cell(cell) for cell in notebook.cells if cell.cell_type in ("markdown", "code")]
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


def _cell(cell: NotebookNode) -> dict[str, Any]:
    if cell.cell_type == "markdown":
        return {"kind": "text", "html": mistune.html(cell.source)}
    outputs = [_output(output) for output in cell.get("outputs", [])]
    return {"kind": "code", "source": cell.source, "outputs": [output for output in outputs if output]}


def _output(output: NotebookNode) -> str:
    """One output as HTML; plain text is escaped and redacted, our own HTML was made of escaped text."""
    if output.output_type == "stream":
        return f"<pre>{_text(output.text)}</pre>"
    if output.output_type == "error":
        return f"<div class='failed'><p>This cell failed, and the cells after it did not run: {_text(output.ename)}: {_text(output.evalue)}</p></div>"
    data = output.get("data", {})
    if "text/html" in data:
        return str(data["text/html"])
    if "image/png" in data:
        return f"<img alt='' src='data:image/png;base64,{html.escape(data['image/png'].strip(), quote=True)}'>"
    return f"<pre>{_text(data['text/plain'])}</pre>" if "text/plain" in data else ""


def _text(text: str) -> str:
    return html.escape(redact(str(text)))
