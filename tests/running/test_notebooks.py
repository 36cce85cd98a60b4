"""Every scenario's notebook is the template with the runbook's words in it, and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import truth

from incident_kit import runbook
from incident_kit.model import places
from incident_kit.running.template import notebooks_of
from tests.command import Kit

WRITTEN = notebooks_of(runbook.load())


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_the_notebook_is_what_the_template_and_the_runbook_make_of_it(name: str) -> None:
    """If not: python tests/notebooks.py."""
    assert (places.notebooks() / name).read_text(encoding="utf-8") == WRITTEN[name]


def test_there_is_no_other_notebook() -> None:
    assert {path.name for path in places.notebooks().glob("*.ipynb") if not path.name.startswith("_")} == set(WRITTEN)


@pytest.mark.slow
@pytest.mark.parametrize("recording", truth.recordings(), ids=lambda path: path.name)
def test_the_notebook_runs_on_its_own_recording_to_a_report_that_can_be_reproduced(
    kit: Kit, tmp_path: Path, recording: Path
) -> None:
    """Of a recording of nothing, the triage's."""
    scenario = json.loads((recording / "truth.json").read_text(encoding="utf-8"))["scenario"] or runbook.TRIAGE
    finished = kit("report", scenario, "x", "--evidence", recording, cwd=tmp_path)
    assert finished.returncode in (0, 3), finished.stderr  # 3: some system did not answer, as it should not have
    assert "The notebook stopped" not in finished.stderr
    run = (tmp_path / finished.stdout.strip()).parents[1]
    verdicts = {
        finding["verdict"] for finding in json.loads((run / "data" / "findings.json").read_text(encoding="utf-8"))
    }
    assert ("confirmed" in verdicts) == (scenario != runbook.TRIAGE)
    reproduced = kit("reproduce", run, cwd=tmp_path)
    assert reproduced.returncode == 0, reproduced.stderr


@pytest.mark.slow
def test_the_triage_notebook_shows_the_likeliest_scenario(kit: Kit, tmp_path: Path) -> None:
    finished = kit("report", "triage", "x", "--evidence", truth.RECORDED / "redis_gone", cwd=tmp_path)
    page = (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")
    ranking = page[page.index("Which scenario is it?") : page.index("What happened, since when, how bad?")]
    assert ranking.index("Redis fails") < ranking.index("WHMCS is unavailable")
    assert "Redis refuses, or does not answer" in page[page.index("Which symptoms of the runbook are there?") :]
    touched = page[page.index("What did this investigation itself touch?") :]
    assert "redis.ping (REDIS_URL)" in touched
    assert "opened for reading" in touched
