"""A scenario's notebook: its parameters checked, then executed by papermill."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incident_kit.errors import ParameterError

# It compiles a grammar at import, 0.8 s in every process that imports nbformat, for a check notebooks never use.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None makes its import fail, which jsonschema handles

PARAMETER = re.compile(r"(?P<name>\w+): (?P<kind>str|int|float|bool) = (?P<default>.+?)  # (?P<help>.+)")
KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as its line in the notebook says it: `name: str = "..."  # help [unit]`."""

    name: str
    kind: str
    help: str


def read_notebook(path: Path) -> Any:
    """A notebook from its file, as nbformat reads it."""
    import nbformat

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def parameters_of(notebook: Any) -> list[Parameter]:
    """The parameters of a notebook, from the cell tagged `parameters`."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            found = (PARAMETER.fullmatch(line) for line in cell.source.splitlines())
            return [Parameter(match["name"], match["kind"], match["help"]) for match in found if match]
    return []


def check_parameters(notebook: Any, given: Mapping[str, Any]) -> None:
    """Raise ParameterError for a parameter the notebook does not have, or whose value has another type."""
    known = {parameter.name: parameter for parameter in parameters_of(notebook)}
    for name, value in given.items():
        if name not in known:
            listed = "; ".join(f"{parameter.name} ({parameter.kind}): {parameter.help}" for parameter in known.values())
            raise ParameterError(f"unknown parameter {name!r}. Known: {listed}.")
        kind = known[name].kind
        if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise ParameterError(f"the parameter {name} must be of type {kind}; found {value!r}, a {type(value).__name__}.")


def cells_digest(notebook: Any) -> str:
    """SHA-256 over the cells a person wrote: what papermill injects and what cells put out do not count."""
    cells = [[cell.cell_type, cell.source] for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode()).hexdigest()


def execute(path: Path, output: Path, parameters: Mapping[str, Any], folder: Path) -> str:
    """Run the notebook in `folder`, save it executed, and return the error that stopped it (empty if none did)."""
    check_parameters(read_notebook(path), parameters)
    import papermill

    try:
        papermill.execute_notebook(
            path, output, parameters=dict(parameters), cwd=folder, progress_bar=False, kernel_name="python3",
            shutdown_kernel="immediate", log_output=False,
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""
