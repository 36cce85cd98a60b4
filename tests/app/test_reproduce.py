"""Made again: an honest run comes out equal, a changed one does not, even if its seal was made anew."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from unsealed import copy_of, seal_anew, sha256

from incident_kit.evidence.run_folder import RunFolder, as_json, as_json_line
from incident_kit.timeline.results import read_accounting, read_findings, read_impact, read_severity, read_timeline
from tests.command import COMMAND, Kit

ON_ONE_PROCESSOR = (
    "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); os.execv(sys.argv[1], sys.argv[1:])"
)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def contents(run: Path) -> dict[str, str]:
    return {path.relative_to(run).as_posix(): sha256(path) for path in run.rglob("*") if path.is_file()}


@pytest.fixture
def run(demo_run: Path, tmp_path: Path) -> Path:
    return copy_of(demo_run, tmp_path / demo_run.name)


def test_honest_run_is_reproduced(kit: Kit, run: Path) -> None:
    finished = kit("reproduce", run)
    assert finished.returncode == 0, finished.stderr
    for name in (
        "impact.json",
        "severity.json",
        "findings.json",
        "timeline.jsonl",
        "accounting.json",
        "series/calls_by_minute.csv",
        "series/requests_by_minute.csv",
    ):
        assert name in finished.stdout
    assert kit("verify", run).returncode == 0  # nothing was left behind in it


def test_honest_run_is_reproduced_on_another_machine(demo_run: Path, tmp_path: Path) -> None:
    """Another folder that may only be read, another zone, language, home, umask, hash seed and number of processors."""
    run = shutil.copytree(demo_run, tmp_path / "Störung 障害" / "handed over")
    before = contents(run)
    for path in [run, *run.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    other = {
        "TZ": "Asia/Kathmandu",
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONHASHSEED": "4711",
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home" / "cache"),
    }
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "JUPYTER", "IPYTHON", "MPL"))
    }
    command = [sys.executable, "-c", ON_ONE_PROCESSOR] if hasattr(os, "sched_setaffinity") else []
    finished = subprocess.run(
        [*command, str(COMMAND), "reproduce", str(run)],
        cwd=run,
        env={**kept, **other},
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "7 files are equal" in finished.stdout
    assert contents(run) == before


def test_changed_finding_breaks_the_seal(kit: Kit, run: Path) -> None:
    change(run / "data" / "findings.json", '"confirmed"', '"ruled_out"')
    for command in ("verify", "reproduce"):
        finished = kit(command, run)
        assert finished.returncode == 1
        assert "data/findings.json: changed" in finished.stderr


def test_changed_finding_under_a_new_seal_is_not_reproduced(kit: Kit, run: Path) -> None:
    change(run / "data" / "findings.json", '"confirmed"', '"ruled_out"')
    seal_anew(run)
    assert kit("verify", run).returncode == 0  # the forged seal fits: only its digest tells
    finished = kit("reproduce", run)
    assert finished.returncode == 1
    assert "findings.json: differs from line" in finished.stderr
    assert "timeline.jsonl" not in finished.stderr
    assert "Traceback" not in finished.stderr


def test_changed_severity_under_a_new_seal_is_not_reproduced(kit: Kit, run: Path) -> None:
    change(run / "data" / "severity.json", '"level": "P3"', '"level": "P4"')
    seal_anew(run)
    finished = kit("reproduce", run)
    assert finished.returncode == 1
    assert "severity.json: differs from line" in finished.stderr


def test_removed_series_under_a_new_seal_is_named(kit: Kit, run: Path) -> None:
    (run / "data" / "series" / "calls_by_minute.csv").unlink()
    seal_anew(run)
    finished = kit("reproduce", run)
    assert finished.returncode == 1
    assert "series/calls_by_minute.csv: only in the new result" in finished.stderr


def test_evidence_changed_under_a_new_seal_is_named_by_its_item(kit: Kit, run: Path) -> None:
    content = next((run / "data" / "evidence").glob("*/content"))
    content.chmod(0o600)
    text = gzip.decompress(content.read_bytes())
    assert b'"statusCode":503' in text
    content.write_bytes(gzip.compress(text.replace(b'"statusCode":503', b'"statusCode":200')))
    seal_anew(run)
    finished = kit("reproduce", run)
    assert finished.returncode == 1
    assert content.parent.name in finished.stderr


def as_made_before_formats(run: Path) -> None:
    """The run as version 0.1.0 would have made it: no `formats`, and the impact in another file and form."""
    data = run / "data"
    description = json.loads((data / "run.json").read_text(encoding="utf-8"))
    del description["formats"]
    description["packages"]["incident-kit"] = "0.1.0"
    (data / "run.json").write_text(json.dumps(description), encoding="utf-8")
    impact = json.loads((data / "impact.json").read_text(encoding="utf-8"))
    impact["citations"] = [citation for citation in impact["citations"].values() if citation]
    (data / "onset.json").write_text(json.dumps(impact), encoding="utf-8")
    (data / "impact.json").unlink()
    seal_anew(run)


def test_run_of_an_older_version_verifies_and_names_the_version_that_can_make_it_again(kit: Kit, run: Path) -> None:
    as_made_before_formats(run)
    assert kit("verify", run).returncode == 0
    finished = kit("reproduce", run)
    assert finished.returncode == 2
    assert "made by incident_kit 0.1.0" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_run_says_the_form_of_each_of_its_results(run: Path) -> None:
    data = run / "data"
    formats = json.loads((data / "run.json").read_text(encoding="utf-8"))["formats"]
    assert all(list(data.glob(pattern)) for pattern in formats)
    assert {path for pattern in formats for path in data.glob(pattern)} >= {
        *data.glob("series/*"),
        data / "impact.json",
    }


def test_results_of_a_run_are_read_back_as_they_were_written(run: Path) -> None:
    results = RunFolder(run)
    for path, read in (
        (results.findings, [finding.to_json() for finding in read_findings(results)]),
        (results.accounting, [account.to_json() for account in read_accounting(results)]),
        (results.impact, read_impact(results).to_json()),
        (results.severity, read_severity(results).to_json()),
    ):
        assert as_json(read) == path.read_text(encoding="utf-8")
    lines = "".join(as_json_line(event.to_json()) for event in read_timeline(results))
    assert lines == results.timeline.read_text(encoding="utf-8")


def test_edited_notebook_runs_only_if_it_is_trusted(kit: Kit, run: Path, tmp_path: Path) -> None:
    path = run / "data" / "notebook.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if "timedelta" in "".join(cell["source"]))
    witness = tmp_path / "witness"
    cell["source"] = "".join(cell["source"]) + f"\nopen({str(witness)!r}, 'w').close()"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    seal_anew(run)
    finished = kit("reproduce", run)
    assert finished.returncode == 2
    assert "notebook.ipynb" in finished.stderr
    assert "--trust-notebook" in finished.stderr
    assert not witness.exists()
    trusted = kit("reproduce", run, "--trust-notebook")
    assert trusted.returncode == 0, trusted.stderr
    assert witness.exists()
