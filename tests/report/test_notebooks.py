"""Every scenario's notebook is the template with the runbook's words in it, and runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import notebooks
from incident_kit import runbook
from incident_kit.model.finding import Verdict

Kit = Callable[..., subprocess.CompletedProcess[str]]
WRITTEN = notebooks.written(runbook.load())
RECORDED = Path(__file__).parents[1] / "recorded" / "freebit_slow"


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_notebook_is_what_the_template_and_the_runbook_make_of_it(name: str) -> None:
    """If not: python tests/notebooks.py."""
    assert (notebooks.NOTEBOOKS / name).read_text(encoding="utf-8") == WRITTEN[name]


def test_there_is_no_other_notebook() -> None:
    assert {path.name for path in notebooks.NOTEBOOKS.glob("*.ipynb") if not path.name.startswith("_")} == set(WRITTEN)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [runbook.TRIAGE, *(one.id for one in runbook.load().scenarios if one.id != "high_error_rate")])
def test_the_notebook_runs_to_a_report_that_can_be_reproduced(kit: Kit, tmp_path: Path, scenario: str) -> None:
    finished = kit("report", scenario, "x", "--evidence", RECORDED, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "The notebook stopped" not in finished.stderr
    run = (tmp_path / finished.stdout.strip()).parents[1]
    verdicts = {finding["verdict"] for finding in json.loads((run / "data" / "findings.json").read_text(encoding="utf-8"))}
    assert ("confirmed" in verdicts) == (scenario == runbook.TRIAGE)  # its first scenario is the right one; no other's symptom is confirmed
    assert verdicts <= {verdict.value for verdict in Verdict}
    reproduced = kit("reproduce", run, cwd=tmp_path)
    assert reproduced.returncode == 0, reproduced.stderr
