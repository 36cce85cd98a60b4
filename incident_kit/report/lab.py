"""JupyterLab on a work folder: for this machine only, asking nobody outside, with this Python as its kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from incident_kit.model.markup import Html
from incident_kit.report.work import START

# JupyterLab's own configuration: it asks nobody whether they want news, and notes in the notebook when each cell was run.
CONFIGURATION = Path(__file__).parent / "jupyter"
CONFIGURATION_VARIABLE = "JUPYTER_CONFIG_PATH"
# JupyterLab aligns every cell of a table to the right, and leaves figures without a ground in its dark theme.
STYLE = """<style>
.jp-RenderedHTMLCommon .scroll { overflow-x: auto }
.jp-RenderedHTMLCommon .scroll table, .jp-RenderedHTMLCommon table.head { margin: 0 0 1em; font-size: var(--jp-ui-font-size1) }
.jp-RenderedHTMLCommon .scroll :is(td, th), .jp-RenderedHTMLCommon table.head :is(td, th) { text-align: left; vertical-align: top }
.jp-RenderedHTMLCommon .scroll td.n { text-align: right; font-variant-numeric: tabular-nums }
.jp-RenderedHTMLCommon .scroll caption { caption-side: bottom; text-align: left; padding: .5em; color: var(--jp-content-font-color2) }
.jp-RenderedHTMLCommon .scroll :is(td.time, td.verdict), .jp-RenderedHTMLCommon table.head th { white-space: nowrap }
.jp-RenderedHTMLCommon .cite, .jp-RenderedHTMLCommon .cite a { color: var(--jp-content-font-color2) }
.jp-RenderedHTMLCommon tr.confirmed td.verdict, .jp-RenderedHTMLCommon .warning { color: var(--jp-error-color0); font-weight: bold }
.jp-RenderedHTMLCommon .notice { border-left: .3em solid var(--jp-warn-color1); padding: .4em .8em }
.jp-RenderedHTMLCommon figure { margin: 0 }
.jp-RenderedHTMLCommon figure svg { background: white; width: 100%; height: auto; max-width: 75em }
.jp-RenderedHTMLCommon details pre { white-space: pre-wrap; overflow-wrap: anywhere }
</style>"""


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
    """How tables and charts look in JupyterLab; shown once, it holds for the whole notebook."""
    return Html(STYLE)
