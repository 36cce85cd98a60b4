"""Notebooks worked on by hand: copies with their parameters filled in, and the seal that makes a run of one."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit import places
from incident_kit.errors import EvidenceError
from incident_kit.evidence.incident import Incident, load
from incident_kit.evidence.store import RECORDED, Evidence, open_evidence
from incident_kit.model.times import iso
from incident_kit.report.notebook import PARAMETER, cells_digest, notebook_of, read_notebook
from incident_kit.report.results import COMPARED
from incident_kit.report.run import Run, begin, seal, snapshot
from incident_kit.runbook.data import TRIAGE, Runbook
from incident_kit.runbook.data import load as load_runbook


def prepare_work(incident: Incident, recorded: bool = False) -> Path:
    """A copy of each notebook in the incident's work folder, with its parameters filled in. What is there is left alone."""
    folder = incident.folder / "work"
    folder.mkdir(mode=0o700, exist_ok=True)
    book = load_runbook()
    for scenario_id in _all(book):
        target = folder / book.notebook(scenario_id)
        if not target.exists():
            notebook = json.loads(notebook_of(book, scenario_id).read_text(encoding="utf-8"))
            for cell in notebook["cells"]:
                if "parameters" in cell["metadata"].get("tags", []):
                    cell["source"] = fill_in(_text(cell["source"]), {"evidence": RECORDED if recorded else "..", "output": scenario_id})
            target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder


def fill_in(source: str, values: dict[str, str]) -> str:
    """The parameters cell with new defaults, each on its line as before."""
    lines = []
    for line in source.splitlines():
        match = PARAMETER.fullmatch(line)
        if match and match["name"] in values:
            line = f"{match['name']}: {match['kind']} = {json.dumps(values[match['name']])}  # {match['help']}"
        lines.append(line)
    return "\n".join(lines)


def seal_work(folder: Path) -> Run:
    """Make a sealed run of the notebook in a work folder: the newest one that has been run.

    Names in run.json the cells that were not run, or not in order. Raises EvidenceError for any other folder.
    """
    if (folder / "bagit.txt").is_file():
        raise EvidenceError(f"{folder}: a sealed run already, and a seal is never broken. To work on, use the incident's work folder.")
    if not (folder.parent / "incident.toml").is_file():
        raise EvidenceError(f"{folder}: not a work folder of an incident. Give one such as reports/<id>/work, made by `incident-kit lab`.")
    incident, book = load(folder.parent), load_runbook()
    worked_on = [scenario_id for scenario_id in _all(book) if (folder / scenario_id / "findings.json").is_file()]
    if not worked_on:
        raise EvidenceError(f"{folder}: no notebook in it has been run to its end and saved. Run All, save, and seal again.")
    scenario_id = max(worked_on, key=lambda scenario_id: (folder / scenario_id / "findings.json").stat().st_mtime)
    notebook = read_notebook(folder / book.notebook(scenario_id))
    store = Evidence(incident.folder / "evidence")
    if not store.items():
        store = open_evidence(places.recorded())
    window = store.window()
    partial = begin(incident, scenario_id)
    data = partial / "data"
    Evidence(data / "evidence").adopt(store.items())
    snapshot(incident, book, data)
    shutil.copy2(folder / book.notebook(scenario_id), data / "notebook.ipynb")
    for pattern in COMPARED:
        for path in (folder / scenario_id).glob(pattern):
            target = data / path.relative_to(folder / scenario_id)
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(path, target)
    facts = {
        "scenario": scenario_id, "notebook": book.notebook(scenario_id), "notebook_cells_sha256": cells_digest(notebook), "by_hand": True,
        "parameters": {"since": iso(window.since), "until": iso(window.until)}, "window": window.to_json(),
        "started": iso(datetime.now(UTC)), "error": "", "cells_to_doubt": doubtful_cells(notebook),
    }  # fmt: skip
    return seal(incident, partial, facts)


def _all(book: Runbook) -> list[str]:
    """What there is a notebook of: each scenario, and the triage."""
    return [TRIAGE, *(scenario.id for scenario in book.scenarios)]


def doubtful_cells(notebook: Any) -> list[str]:
    """Code cells that were not run, or not after the one above them."""
    doubts, before = [], 0
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        count = cell.get("execution_count")
        if count is None:
            doubts.append(f"cell {number} was not run")
        elif count < before:
            doubts.append(f"cell {number} was run before the cell above it")
        before = max(before, count or 0)
    return doubts


def _text(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
