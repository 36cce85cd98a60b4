"""JupyterLab on a work folder: for this machine only, asking nobody outside, with this Python as its kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from incident_kit.running.work import START

# JupyterLab's own configuration: it asks nobody whether they want news, and notes when each cell was run.
CONFIGURATION = Path(__file__).parent / "jupyter"
CONFIGURATION_VARIABLE = "JUPYTER_CONFIG_PATH"


def lab_command(folder: Path, options: Sequence[str] = ()) -> list[str]:
    """The command that serves the folder and opens its start page; `options` are further ones of JupyterLab."""
    return [
        *(sys.executable, "-m", "jupyterlab"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}"),
        "--ServerApp.kernel_spec_manager_class=incident_kit.running.kernels.OurKernels",
        f"--LabApp.default_url=/lab/tree/{START}",
        # No news, no look for newer versions, no catalogue of extensions: an incident's machine may have no network.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        *options,
    ]


def lab_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment it is started in."""
    folders = [str(CONFIGURATION), environment.get(CONFIGURATION_VARIABLE, "")]
    return {**environment, CONFIGURATION_VARIABLE: os.pathsep.join(filter(None, folders))}
