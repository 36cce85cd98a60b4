"""The page's style for JupyterLab, where the same tables and charts stand in outputs."""

from __future__ import annotations

import re

from incident_kit.view.markup import TEMPLATES, Html, already_html, render

# The page's own style, in JupyterLab's colours and without what it does to tables and lists.
# Three classes weigh more than its two.
PLACE = ".jp-OutputArea-output.jp-RenderedHTMLCommon:not(.jp-RenderedMarkdown)"
NOTICE = ".jp-RenderedHTMLCommon .notice { border-left: .3em solid var(--jp-warn-color1); padding: .4em .8em }"


def style() -> Html:
    """How tables and charts look in JupyterLab: as on the page. Shown once, it holds for the whole notebook."""
    light, dark, rest = _rules((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    theirs = (TEMPLATES / "lab.css").read_text(encoding="utf-8")
    rules = [
        f"{PLACE} {{ {light} {rest} {theirs} }}",
        f"[data-jp-theme-light='false'] {PLACE} {{ {dark} {theirs} }}",
        NOTICE,
    ]
    return render("style", style=already_html("\n".join(rules)))


def _rules(css: str) -> tuple[str, str, str]:
    """The page's light colours, its dark ones, and its rules."""
    roots = re.compile(r":root \{([^}]*)\}")
    light, dark = roots.findall(css)[:2]
    return light, dark, roots.sub("", css)
