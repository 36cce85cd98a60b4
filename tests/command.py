"""The installed command, as the tests and their tools start it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

COMMAND = Path(sys.executable).parent / "incident-kit"
# The fixture `kit`: runs the command with these arguments.
Kit = Callable[..., subprocess.CompletedProcess[str]]
# No system to ask, whatever the environment and the configuration of this machine name.
NO_SYSTEMS = {"REDIS_URL": "", "DATABASE_URL": "", "WHMCS_API_URL": "", "SF_LOGIN_URL": ""}
# A configuration without a health check and without a process to look at.
NO_BFF = 'health_url = ""\nprocess = ""\n'
