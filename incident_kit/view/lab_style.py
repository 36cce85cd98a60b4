"""The page's style for JupyterLab, where the same tables and charts stand in outputs."""

from __future__ import annotations

import re

from incident_kit.view.markup import TEMPLATES, Html, already_html, render

# The page's own style, in JupyterLab's colours and without what it does to tables and lists; three classes weigh more than its two.
PLACE = ".jp-OutputArea-output.jp-RenderedHTMLCommon:not(.jp-RenderedMarkdown)"
THEIRS = """
--ink: var(--jp-content-font-color1); --paper: var(--jp-layout-color0); --soft: var(--jp-content-font-color2); --line: var(--jp-border-color2);
--tint: var(--jp-layout-color1); --link: var(--jp-content-link-color); color: var(--ink);
table { table-layout: auto } tbody tr { background: none } dl dt { float: none; width: auto; font-weight: normal } dl dd { float: none; width: auto; margin: 0 }
table.dataframe { width: auto } table.dataframe :is(td, th) { text-align: right; min-width: 0; padding-left: .9rem }
"""
NOTICE = ".jp-RenderedHTMLCommon .notice { border-left: .3em solid var(--jp-warn-color1); padding: .4em .8em }"


def style() -> Html:
    """How tables and charts look in JupyterLab: as on the page. Shown once, it holds for the whole notebook."""
    light, dark, rest = _parts((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    rules = [
        f"{PLACE} {{ {light} {rest} {THEIRS} }}",
        f"[data-jp-theme-light='false'] {PLACE} {{ {dark} {THEIRS} }}",
        NOTICE,
    ]
    return render("style", style=already_html("\n".join(rules)))


def _parts(css: str) -> tuple[str, str, str]:
    """The page's light colours, its dark ones, and its rules."""
    roots = re.compile(r":root \{([^}]*)\}")
    light, dark = roots.findall(css)[:2]
    return light, dark, roots.sub("", css)
