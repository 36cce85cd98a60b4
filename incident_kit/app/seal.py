"""The seal of a notebook worked on by hand: a run like any other, which says how it was worked on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit.app import run as runs
from incident_kit.app.console import exit_code
from incident_kit.app.report import show_run
from incident_kit.app.run import OUR_PARAMETERS, Run, begin, snapshot
from incident_kit.errors import EvidenceError
from incident_kit.evidence.incident import Incident, load
from incident_kit.evidence.item import Item
from incident_kit.evidence.run_folder import Results, RunFolder
from incident_kit.evidence.store import RECORDED, Evidence, open_evidence
from incident_kit.evidence.untrusted import FOLDER, kind_of
from incident_kit.model.fields import Unusable
from incident_kit.model.times import iso, parse_iso
from incident_kit.runbook.data import load as load_runbook
from incident_kit.running.executed import doubts, session_of
from incident_kit.running.notebook import cells_digest, defaults_of, read_notebook
from incident_kit.timeline.results import check_result


def seal(folder: Path) -> int:
    """Seal a notebook of a work folder and say what it found; returns the exit code."""
    return exit_code(show_run(seal_work(folder)))


def seal_work(folder: Path, name: str = "") -> Run:
    """Make a sealed run of a notebook in a work folder: the one of this name, else the one whose results are newest.

    Names in run.json, and in the report's head, the cells to doubt: not run, not in order, edited since. Raises
    EvidenceError for any other folder, and for a notebook that was not run to its end or not saved since.
    """
    folder = folder.resolve()  # of `.`, too, there is a folder above
    if (folder / "bagit.txt").is_file():
        raise EvidenceError(
            f"{folder}: a sealed run already, and a seal is never broken. To work on, use the incident's work folder."
        )
    if not (folder.parent / "incident.toml").is_file():
        raise EvidenceError(
            f"{folder}: not a work folder of an incident. "
            "Give one such as reports/<id>/work, made by `incident-kit lab`."
        )
    incident = load(folder.parent)
    path, results = _worked_on(folder, name)
    notebook = read_notebook(path)
    session = session_of(notebook, folder)
    written = Results(results).findings.stat().st_mtime
    if path.stat().st_mtime < max(written, session.ended):
        raise EvidenceError(f"{path}: not saved since it was last run. Save it (Ctrl+S), then seal again.")
    given = parameters_in(notebook)
    items = open_evidence(
        RECORDED if given.get("evidence") == RECORDED else folder / str(given.get("evidence", ".."))
    ).items()
    read = [item for item in items if parse_iso(item.asked_at).timestamp() <= written]
    made = _results_in(results)
    partial = begin(incident, path.stem)
    run = RunFolder(partial)
    evidence = Evidence(run.evidence)
    evidence.adopt(read)
    snapshot(incident, load_runbook(given.get("runbook_folder", "")), run)
    shutil.copy2(path, run.notebook)
    for result in made:
        target = run.data / result.relative_to(results)
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(result, target)
    window = evidence.window(given.get("since", ""), given.get("until", ""))
    facts = {
        "scenario": path.stem,
        "notebook": path.name,
        "notebook_cells_sha256": cells_digest(notebook),
        "by_hand": True,
        "parameters": {**given, **OUR_PARAMETERS, "since": iso(window.since), "until": iso(window.until)},
        "window": window.to_json(),
        "started": iso(datetime.now(UTC)),
        "error": "",
        "cells_to_doubt": [
            *doubts(notebook, session.ran),
            *_later([item for item in items if item not in read and not item.secret], incident, written),
        ],
    }
    return runs.seal(incident, partial, facts)


def _results_in(folder: Path) -> list[Path]:
    """The results of a notebook that was run, looked at before they are sealed: a work folder may be a stranger's.

    Raises EvidenceError.
    """
    results = Results(folder).compared()
    for path in results:
        try:
            if kind_of(path.parent) != FOLDER:
                raise Unusable(f"its folder is {kind_of(path.parent)}")
            check_result(path)
        except Unusable as error:
            raise EvidenceError(
                f"{path}: not a result of a notebook ({error}). Run All, save, and seal again."
            ) from None
    return results


def _later(items: Sequence[Item], incident: Incident, written: float) -> list[str]:
    """What came after the results were written, and so is not in them."""
    noted = [
        entry
        for entry in incident.journal.entries()
        if not entry.is_bookkeeping and entry.written.timestamp() > written
    ]
    return [
        *(
            f"item {item.id} ({item.origin}) was collected after the results were written: it is not part of this run"
            for item in items
        ),
        *(
            f"line {entry.line} of the journal was noted after the results were written: the timeline does not have it"
            for entry in noted
        ),
    ]


def _worked_on(folder: Path, name: str) -> tuple[Path, Path]:
    """The notebook to seal, and the folder its results were written to."""
    notebooks = [
        path
        for path in folder.glob("*.ipynb")
        if Results(folder / path.stem).findings.is_file() and name in ("", path.name)
    ]
    if not notebooks:
        raise EvidenceError(
            f"{folder / name}: {'it' if name else 'no notebook in it'} has not been run to its end. "
            "Run All, save, and seal again."
        )
    path = max(notebooks, key=lambda path: Results(folder / path.stem).findings.stat().st_mtime)
    return path, folder / path.stem


def parameters_in(notebook: Any) -> dict[str, Any]:
    """The parameters a notebook was run with by hand: the values in its parameters cell."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            return defaults_of(cell.source)
    return {}
