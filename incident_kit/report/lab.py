"""JupyterLab on a work folder: for this machine only, asking nobody outside, with this Python as its kernel."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from incident_kit.report.work import START


def lab_command(folder: Path, options: Sequence[str] = ()) -> list[str]:
    """The command that serves the folder and opens its start page; `options` are further ones of JupyterLab."""
    return [
        sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{START}",
        # No news, no look for newer versions, no catalogue of extensions: an incident's machine may have no network.
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
        # Without folders to search, python3 is this Python: a kernel of that name in a person's home may be any other.
        "--KernelSpecManager.kernel_dirs=[]",
        *options,
    ]  # fmt: skip
