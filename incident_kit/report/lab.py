"""JupyterLab on a work folder: for this machine only, asking nobody outside, with this Python as its kernel."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from incident_kit.model.markup import Html
from incident_kit.report.work import START

# JupyterLab's own configuration: it asks nobody whether they want news, and notes in the notebook when each cell was run.
CONFIGURATION = Path(__file__).parent / "jupyter"
CONFIGURATION_VARIABLE = "JUPYTER_CONFIG_PATH"
# The page's own style, in JupyterLab's colours and without what it does to tables and lists; three classes weigh more than its two.
PLACE = ".jp-OutputArea-output.jp-RenderedHTMLCommon:not(.jp-RenderedMarkdown)"
THEIRS = """
--ink: var(--jp-content-font-color1); --paper: var(--jp-layout-color0); --soft: var(--jp-content-font-color2); --line: var(--jp-border-color2);
--tint: var(--jp-layout-color1); --link: var(--jp-content-link-color); color: var(--ink);
table { table-layout: auto } tbody tr { background: none } dl dt { float: none; width: auto; font-weight: normal } dl dd { float: none; width: auto; margin: 0 }
table.dataframe { width: auto } table.dataframe :is(td, th) { text-align: right; min-width: 0; padding-left: .9rem }
"""
NOTICE = ".jp-RenderedHTMLCommon .notice { border-left: .3em solid var(--jp-warn-color1); padding: .4em .8em }"


def lab_command(folder: Path, options: Sequence[str] = ()) -> list[str]:
    """The command that serves the folder and opens its start page; `options` are further ones of JupyterLab."""
    return [
        sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{START}", "--ServerApp.kernel_spec_manager_class=incident_kit.report.kernels.OurKernels",
        # No news, no look for newer versions, no catalogue of extensions: an incident's machine may have no network.
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
        *options,
    ]  # fmt: skip


def lab_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment it is started in."""
    folders = [str(CONFIGURATION), environment.get(CONFIGURATION_VARIABLE, "")]
    return {**environment, CONFIGURATION_VARIABLE: os.pathsep.join(filter(None, folders))}


def style() -> Html:
    """How tables and charts look in JupyterLab: as on the page. Shown once, it holds for the whole notebook."""
    light, dark, rest = _parts((Path(__file__).parent / "report.css").read_text(encoding="utf-8"))
    return Html(f"<style>{PLACE} {{ {light} {rest} {THEIRS} }}\n[data-jp-theme-light='false'] {PLACE} {{ {dark} {THEIRS} }}\n{NOTICE}</style>")


def _parts(css: str) -> tuple[str, str, str]:
    """The page's light colours, its dark ones, and its rules."""
    roots = re.compile(r":root \{([^}]*)\}")
    light, dark = roots.findall(css)[:2]
    return light, dark, roots.sub("", css)
