"""`incident-kit lab`: JupyterLab on copies of the notebooks in an incident's work folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from incident_kit.app.chosen import DEMO
from incident_kit.app.console import say, show
from incident_kit.app.demo import TITLE
from incident_kit.config.request import Request
from incident_kit.config.settings import VARIABLE
from incident_kit.errors import InputError
from incident_kit.evidence.incident import load_or_create
from incident_kit.logs.cache import FOLDER_VARIABLE
from incident_kit.model.visible import visible
from incident_kit.running.lab import lab_command, lab_environment
from incident_kit.running.work import prepare_work


def lab(request: Request, incident_id: str, prepare_only: bool, options: Sequence[str]) -> None:
    """Make the copies, then become JupyterLab; or only print their folder, for another Jupyter."""
    if incident_id and not (request.reports / incident_id).is_dir():
        raise InputError(
            f"{request.reports / incident_id}: no such incident. "
            "Make one with `incident-kit report`, or leave the id away for the recorded one."
        )
    incident = load_or_create(request.reports, incident_id or DEMO, TITLE)
    folder = prepare_work(incident, recorded=not incident_id, runbook=request.runbook, say=say)
    if prepare_only:
        show(visible(folder))
        return
    say(f"Notebooks: {folder}")
    # The folder may lie where a kernel would not find the configuration.
    file = request.configuration.file
    environment = {**os.environ, **({VARIABLE: str(file.resolve())} if file else {})}
    environment[FOLDER_VARIABLE] = str(incident.cache.resolve())
    os.execve(sys.executable, lab_command(folder, options), lab_environment(environment))
