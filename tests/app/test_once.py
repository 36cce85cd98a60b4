"""Before its kernel boots, a report reads the configuration once and no log more often than it must."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "recorded" / "freebit_slow" / "evidence" / "ac9d2e20a1" / "content"
# The command in this process, up to the moment when the kernel would be started.
CODE = """
import os, sys
from jupyter_client.manager import KernelManager
from incident_kit import cli
from incident_kit.config import settings
from incident_kit.logs import prepare, slices

counts = {"configuration": 0, "recognised": 0}

def counted(module, name, key):
    function = getattr(module, name)
    def call(*arguments):
        counts[key] += 1
        return function(*arguments)
    setattr(module, name, call)

def stop(self, *arguments, **options):
    os.write(1, repr(counts).encode())
    os._exit(0)

counted(settings, "load", "configuration")
counted(slices, "recognise", "recognised")
counted(prepare, "recognise", "recognised")
KernelManager.start_kernel = stop
cli.main()
"""


def test_a_report_loads_the_configuration_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, "report", "high_error_rate", "x", "-l", str(RECORDED)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    counts = ast.literal_eval(finished.stdout)
    assert counts["configuration"] == 1
    # When it is planned, when it is preserved, and twice when the slice's lateness is measured.
    assert counts["recognised"] <= 4
