"""Writes the notebooks of our scenarios anew: `python tests/notebooks.py`.

For a team's own: `incident-kit scenario check`.
"""

from __future__ import annotations

from pathlib import Path

from incident_kit import runbook
from incident_kit.running.template import notebooks_of

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

if __name__ == "__main__":
    for name, content in notebooks_of(runbook.load()).items():
        (NOTEBOOKS / name).write_text(content, encoding="utf-8")
        print(NOTEBOOKS / name)
