"""Notebooks to work on by hand: copies in an incident's work folder, renewed without touching what is a person's."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from incident_kit.evidence.incident import Incident
from incident_kit.evidence.journal import Kind
from incident_kit.evidence.store import open_evidence
from incident_kit.evidence.untrusted import kind_of
from incident_kit.model import places
from incident_kit.model.times import parse_iso
from incident_kit.runbook.contents import TRIAGE, Runbook
from incident_kit.runbook.data import load as load_runbook
from incident_kit.running.notebook import PARAMETER, defaults_of, fill_in, notebook_of, read_notebook
from incident_kit.view import page

START = "start.ipynb"
# The cell that writes the results comes after what a person found.
WRITES_RESULTS = "results.save("
OURS = "incident_kit"  # in a notebook's metadata: the cells that are ours, and the SHA-256 of each as it was written
Cell = dict[str, Any]
STYLED: Cell = {
    "cell_type": "code",
    "id": "lab-style",
    "metadata": {},
    "execution_count": None,
    "outputs": [],
    "source": "from incident_kit.view import lab_style\n\nlab_style.style()  # tables and charts look as in the report",
}
# As the kernel tells it: else JupyterLab takes the notebook for changed as soon as it is opened.
METADATA: dict[str, Any] = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    },
}


def prepare_work(
    incident: Incident, recorded: bool = False, runbook: str = "", say: Callable[[str], None] = lambda line: None
) -> Path:
    """A start page and a copy of each notebook in the incident's work folder, with its parameters filled in.

    `recorded` gives the incident the recorded evidence if it has none. Copies that are there already are renewed:
    our cells become those of this version, a person's stay.
    A copy in which one of our cells was edited is left as it is, and `say` is told so.
    """
    incident.evidence.check()
    if recorded and not incident.evidence.items():
        adopted = incident.evidence.adopt(open_evidence(places.recorded()).items())
        incident.journal.append(
            Kind.CUSTODY, f"took over the recorded incident: {', '.join(item.id for item in adopted)}"
        )
    folder = incident.folder / "work"
    folder.mkdir(mode=0o700, exist_ok=True)
    sources = _notebooks(load_runbook(runbook))
    *section, seals = _cells(places.notebooks() / "_investigation.ipynb")
    for source in sources:
        filled = {
            "evidence": "..",
            "output": source.stem,
            "runbook_folder": str(Path(runbook).resolve()) if runbook else "",
        }
        title, *rest = (_filled(cell, filled) for cell in _cells(source))
        ours = [title, STYLED, *rest]
        writes = next((number for number, cell in enumerate(ours) if WRITES_RESULTS in _text(cell)), len(ours))
        _renew(folder / source.name, ours[:writes], ours[writes:], (section, [seals]), say)
    title, *rest = _cells(places.notebooks() / "_start.ipynb")
    _renew(folder / START, [_about(title, incident, sources), STYLED, *rest], [], ([], []), say)
    return folder


def _notebooks(book: Runbook) -> list[Path]:
    """The triage's, the scenarios' in the runbook's order, and what else there is."""
    of_book = [
        notebook_of(book, scenario_id) for scenario_id in (TRIAGE, *(scenario.id for scenario in book.scenarios))
    ]
    names = {path.name for path in of_book}
    return of_book + [
        path
        for path in sorted(places.notebooks().glob("*.ipynb"))
        if path.name not in names and not path.name.startswith("_")
    ]


def _renew(
    target: Path,
    leading: list[Cell],
    trailing: list[Cell],
    theirs: tuple[list[Cell], list[Cell]],
    say: Callable[[str], None],
) -> None:
    """Write the copy: our cells, and a person's between and after them, which at first are `theirs`."""
    if kind_of(target):
        read_notebook(target)  # refuses what is none: the folder may be a stranger's
    was: dict[str, Any] | None = json.loads(target.read_text(encoding="utf-8")) if kind_of(target) else None
    metadata = METADATA
    if was:
        kept = _theirs(was, len(trailing))
        if kept is None:
            say(f"{target}: left as it is, because cells of ours were changed in it. Rename it to get a new copy.")
            return
        theirs, metadata = kept, was["metadata"]
        leading, trailing = _kept(leading, was["cells"]), _kept(trailing, was["cells"])
    metadata = {**metadata, OURS: {"ours": [[cell["id"], _digest(cell)] for cell in (*leading, *trailing)]}}
    notebook = {
        "cells": [*leading, *theirs[0], *trailing, *theirs[1]],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    if notebook != was:
        target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _theirs(notebook: dict[str, Any], last: int) -> tuple[list[Cell], list[Cell]] | None:
    """A person's cells before and after our `last` ones.

    None where our cells are not as we wrote them, all together and in order.
    """
    ours: list[list[str]] = notebook["metadata"].get(OURS, {}).get("ours", [])
    cells: list[Cell] = notebook["cells"]
    ids = {name for name, _ in ours}
    places = [number for number, cell in enumerate(cells) if cell.get("id") in ids]
    if not ours or [[cells[number]["id"], _digest(cells[number])] for number in places] != ours:
        return None
    head = len(ours) - last
    together = places[:head] == list(range(head)) and (
        not last or places[head:] == list(range(places[head], places[head] + last))
    )
    return (
        (cells[head : places[head]] if last else cells[head:], cells[places[-1] + 1 :] if last else [])
        if together
        else None
    )


def _kept(cells: Sequence[Cell], was: Sequence[Cell]) -> list[Cell]:
    """Our cells; with what they put out where they are still the same, and with the parameters that a person set."""
    same = {(cell.get("id"), _digest(cell)): cell for cell in was}
    given = {name: value for cell in was if _is_parameters(cell) for name, value in defaults_of(_text(cell)).items()}
    return [same.get((cell["id"], _digest(cell))) or _filled(cell, given) for cell in cells]


def _filled(cell: Cell, values: Mapping[str, Any]) -> Cell:
    return {**cell, "source": fill_in(_text(cell), values)} if _is_parameters(cell) else cell


def _is_parameters(cell: Cell) -> bool:
    return "parameters" in cell["metadata"].get("tags", [])


def _about(cell: Cell, incident: Incident, notebooks: Sequence[Path]) -> Cell:
    """The first cell of the start page, about this incident."""
    rows = "\n".join(f"| [{_paragraph(path, 0).lstrip('# ')}]({path.name}) | {_question(path)} |" for path in notebooks)
    text = Template(_text(cell)).safe_substitute(
        id=incident.id,
        title=incident.title,
        notice=page.notice(incident.evidence),
        notebooks=rows,
        opened=f"{parse_iso(incident.opened):%Y-%m-%d %H:%M} UTC",
    )
    return {**cell, "source": text}


def _question(notebook: Path) -> str:
    """What a notebook answers: the first sentence below its title."""
    text = _paragraph(notebook, 1)
    return text[: text.find("?") + 1] or text


def _paragraph(notebook: Path, number: int) -> str:
    """A paragraph of a notebook's first cell."""
    paragraphs = _text(_cells(notebook)[0]).split("\n\n")
    return paragraphs[number].replace("\n", " ") if number < len(paragraphs) else ""


def _cells(path: Path) -> list[Cell]:
    cells: list[Cell] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


def _digest(cell: Cell) -> str:
    """SHA-256 of what is ours in a cell: of parameters not their values, which are a person's."""
    text = PARAMETER.sub(r"\g<name>: \g<kind>  # \g<help>", _text(cell)) if _is_parameters(cell) else _text(cell)
    return hashlib.sha256(f"{cell['cell_type']}\n{text}".encode()).hexdigest()


def _text(cell: Cell) -> str:
    source: str | list[str] = cell["source"]
    return source if isinstance(source, str) else "".join(source)
