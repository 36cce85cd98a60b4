"""An executed notebook as one page without any outside address: text, outputs, and the code folded away."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import mistune
from markupsafe import escape
from nbformat import NotebookNode

from incident_kit.model.redaction import redact
from incident_kit.view.markup import TEMPLATES, Html, already_html, render

STYLE = re.compile(r"\s*<style>[^<]*</style>\s*")


def report(notebook: NotebookNode, incident: str, sealed: str, appendix: Html, by_hand: bool = False) -> Html:
    """The page: what it is about (`incident`), who made it, when and with what (`sealed`), the cells, and an appendix.

    `by_hand`: anything may stand in the notebook, so that its texts are redacted as a stranger's are.
    """
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return render(
        "report",
        title=_title(notebook),
        incident=incident,
        sealed=sealed,
        cells=[_cell(cell, by_hand) for cell in notebook.cells if cell.cell_type in ("markdown", "code")],
        appendix=appendix,
        style=already_html((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=already_html(script),
        # The one script that the page's policy lets run.
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _title(notebook: NotebookNode) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.split("\n")[0][2:])
    return "Incident report"


def _cell(cell: NotebookNode, by_hand: bool) -> dict[str, Any]:
    # The source of a cell of ours is not redacted: it is the same in every notebook.
    source = redact(cell.source) if by_hand else cell.source
    if cell.cell_type == "markdown":
        return {"kind": "text", "text": already_html(str(mistune.html(source)))}
    outputs = [_output(output, by_hand) for output in cell.get("outputs", [])]
    return {"kind": "code", "source": source, "outputs": [output for output in outputs if output]}


def _output(output: NotebookNode, by_hand: bool) -> Html:
    """One output as HTML; what is HTML already was made of escaped text, and is looked at before the seal."""
    if output.output_type == "stream":
        return render("output_text", text=_text(output.text, by_hand))
    if output.output_type == "error":
        return render("output_error", name=_text(output.ename, by_hand), text=_text(output.evalue, by_hand))
    data = output.get("data", {})
    if "text/html" in data:
        shown = str(data["text/html"])
        return already_html("" if STYLE.fullmatch(shown) else shown)  # a style is for JupyterLab; the page has its own
    if "image/png" in data:
        return render("output_image", image=escape(data["image/png"].strip()))
    return render("output_text", text=_text(data["text/plain"], by_hand)) if "text/plain" in data else already_html("")


def _text(text: object, by_hand: bool) -> str:
    return redact(str(text)) if by_hand else str(text)
