"""`incident-kit scenario`: a scenario of a team's own, begun from one of ours, and checked while it is written."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from incident_kit.app.console import DONE, show
from incident_kit.config.toml import line_of
from incident_kit.errors import InputError
from incident_kit.model import places
from incident_kit.runbook.contents import TRIAGE, Runbook
from incident_kit.runbook.data import load
from incident_kit.running.template import notebooks_of
from incident_kit.view.messages import template_faults
from incident_kit.view.terminal import short_path

ID = re.compile(r"[a-z][a-z0-9_]*")
BAD = 1  # exit code: the answer is bad


def new(folder: Path, scenario_id: str, copied_id: str) -> None:
    """Begin a scenario: its file, copied from one that is there, and its notebook.

    A folder that holds no runbook gets all of ours first. Raises InputError where the scenario cannot be begun.
    """
    if not ID.fullmatch(scenario_id) or scenario_id == TRIAGE:
        raise InputError(f"not an id for a scenario: {scenario_id!r}. Use small letters, digits and underscores.")
    path = folder / "scenarios" / f"{scenario_id}.toml"
    if path.exists():
        raise InputError(f"{path}: exists already and is left alone. Edit it, or choose another id.")
    source = load(folder) if (folder / "scenarios").is_dir() else load()
    copied = source.scenario(copied_id)
    text = (source.folder / "scenarios" / f"{copied_id}.toml").read_text(encoding="utf-8")
    changes: dict[str, str | int] = {
        "id": scenario_id,
        "number": max(scenario.number for scenario in source.scenarios) + 1,
        "title": scenario_id.replace("_", " ").capitalize(),
        "notebook": f"{scenario_id}.ipynb",
    }
    try:
        if source.folder != folder:
            _copy(source, folder)
        path.write_text(_with_fields(text, changes), encoding="utf-8")
        show(f"{path}: written, as a copy of {copied.title!r}. Edit it.")
        for line in _write_missing(load(folder)):
            show(line)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}. Name another folder.") from None
    show(f"Next: incident-kit scenario check {folder}")


def check(folder: Path) -> int:
    """Name what is wrong in a runbook, and write the notebooks that are missing; returns the exit code.

    Raises RunbookError with file, line and field of a mistake in its data.
    """
    book = load(folder)
    try:
        for line in _write_missing(book):
            show(line)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}.") from None
    for borrowed in book.borrowed:
        show(
            f"{folder}: no {borrowed.name}, so that of incident-kit counts. "
            f"To change it, copy {short_path(str(borrowed))} there."
        )
    if book.rules_are_ours:
        show(f"{folder}: no [[rule]] in severity.toml, so those of incident-kit say how severe what is.")
    faults = [*_doubled(book), *_differing(book), *template_faults(book)]
    for fault in faults:
        show(fault)
    if faults:
        return BAD
    show(f"{folder}: {len(book.scenarios)} scenario(s), without a mistake.")
    return DONE


def _copy(book: Runbook, folder: Path) -> None:
    for name, path in book.files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            shutil.copyfile(path, folder / name)


def _with_fields(text: str, values: dict[str, str | int]) -> str:
    """A scenario's file with other values for fields of its first table."""
    head, bracket, tables = text.partition("\n[")
    for field, value in values.items():
        line = f"{field} = {json.dumps(value, ensure_ascii=False)}"  # TOML writes texts and numbers as JSON does
        head = re.sub(rf"(?m)^{field} = .*$", lambda match, line=line: line, head)  # type: ignore[misc]
    return head + bracket + tables


def _write_missing(book: Runbook) -> Iterator[str]:
    """Write the notebooks that are neither the folder's nor ours, and say so."""
    for name, text in notebooks_of(book).items():
        path = book.folder / "notebooks" / name
        if not path.exists() and not (places.notebooks() / name).is_file():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            yield f"{path}: written from the template and the runbook."


def _doubled(book: Runbook) -> Iterator[str]:
    for field in ("number", "notebook"):
        counts = Counter(getattr(scenario, field) for scenario in book.scenarios)
        for scenario in book.scenarios:
            value = getattr(scenario, field)
            if counts[value] > 1:
                path = book.folder / "scenarios" / f"{scenario.id}.toml"
                yield f"{path}, line {line_of(path, '', field)}: {field} must be its own; {value!r} is another's too."


def _differing(book: Runbook) -> Iterator[str]:
    for name, text in notebooks_of(book).items():
        path = book.folder / "notebooks" / name
        if path.is_file() and path.read_text(encoding="utf-8", errors="replace") != text:
            yield (
                f"{path}: differs from what the template and the runbook make of it. "
                "Remove it and check again to have it written anew."
            )
