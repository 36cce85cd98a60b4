"""A scenario's notebook: its parameters checked, then executed by papermill."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incident_kit.errors import EvidenceError, ParameterError, RunbookError
from incident_kit.evidence.untrusted import read_plain
from incident_kit.logs.cache import FOLDER_VARIABLE
from incident_kit.model import places
from incident_kit.model.fields import Fields, Unusable
from incident_kit.runbook.contents import Runbook
from incident_kit.running.executed import COLLECT

PARAMETER = re.compile(r"(?P<name>\w+): (?P<kind>str|int|float|bool) = (?P<default>.+?)  # (?P<help>.+)")
# Imported without binding a name, so a notebook still has to say what it uses.
# In a thread of its own: the first cells read logs, which DuckDB does beside it, and do not draw yet.
# Packages come before their modules: a thread that imports a module first waits for its package,
# while another that imports the package waits for the module.
PRELOADED = (
    "duckdb",
    "incident_kit.logs",
    "incident_kit.runbook",
    "incident_kit.view.page",
    "incident_kit.running.results",
    "incident_kit.view.charts",
)
# A collector that looks at everything again after each few hundred new objects takes a tenth of the time.
# Little of it is garbage.
PRELOAD = (
    "__import__('gc').set_threshold(50_000); "
    f"__import__('threading').Thread(target=lambda: [__import__(name) for name in {PRELOADED!r}]).start()"
)
MOST_NOTEBOOK_BYTES = 256 << 20
LONGEST_SOCKET_FOLDER = 75  # bytes; a socket's whole name may have 103 on some systems, and ours adds some twenty
KINDS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as its line in the notebook says it: `name: str = "..."  # help [unit]`."""

    name: str
    kind: str
    help: str


def read_notebook(path: Path) -> Any:
    """A notebook from its file, which a stranger may have made. Raises EvidenceError for what nbformat cannot read."""
    import nbformat

    try:
        text = read_plain(path, MOST_NOTEBOOK_BYTES).decode("utf-8")
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        cells = Fields(notebook).list_of_fields("cells", ())
        for cell in cells:
            cell.one_of("cell_type", ("code", "markdown", "raw"))
            cell.text("source")
            cell.fields("metadata").texts("tags", ())
            for output in cell.list_of_fields("outputs", ()):
                output.text("output_type")
        if not cells:
            raise Unusable("no cell in it")
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
        nbformat.ValidationError,
    ) as error:  # nbformat has no one way to say that it is none
        fault = str(error) if isinstance(error, Unusable) else f"{type(error).__name__}, says nbformat"
        raise EvidenceError(
            f"{path}: not a notebook ({fault}). Take it from where it was made, or make the run again."
        ) from None
    return notebook


def notebook_of(book: Runbook, scenario_id: str) -> Path:
    """The notebook of a scenario, or of the triage: the runbook folder's own if it has one, else ours."""
    name = book.notebook(scenario_id)
    for path in (book.folder / "notebooks" / name, places.notebooks() / name):
        if path.is_file():
            return path
    raise RunbookError(
        f"{name}: no such notebook in {book.folder / 'notebooks'} or {places.notebooks()}. "
        f"Make one from _template.ipynb for {scenario_id}."
    )


def parameters_of(path: Path) -> list[Parameter]:
    """The parameters of a notebook file, from the cell tagged `parameters`."""
    # Read as the JSON it is: nbformat would take a third of a second, in which the kernel could be booting.
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            matches = (PARAMETER.fullmatch(line) for line in "".join(cell["source"]).split("\n"))
            return [Parameter(match["name"], match["kind"], match["help"]) for match in matches if match]
    return []


def defaults_of(source: str) -> dict[str, Any]:
    """The values in a parameters cell; without those that are expressions, which only running it would tell."""
    values = {}
    for match in filter(None, map(PARAMETER.fullmatch, source.split("\n"))):
        with suppress(ValueError, SyntaxError):
            values[match["name"]] = ast.literal_eval(match["default"])
    return values


def fill_in(source: str, values: Mapping[str, Any]) -> str:
    """The parameters cell with new defaults, each on its line as before."""
    lines = []
    for line in source.split("\n"):
        match = PARAMETER.fullmatch(line)
        if match and match["name"] in values:
            value = values[match["name"]]
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
            line = f"{match['name']}: {match['kind']} = {shown}  # {match['help']}"
        lines.append(line)
    return "\n".join(lines)


def check_parameters(path: Path, values: Mapping[str, Any]) -> None:
    """Raise ParameterError for a parameter the notebook does not have, or whose value has another type."""
    parameters = {parameter.name: parameter for parameter in parameters_of(path)}
    for name, value in values.items():
        if name not in parameters:
            listed = "; ".join(f"{own.name} ({own.kind}): {own.help}" for own in parameters.values())
            raise ParameterError(f"unknown parameter {name!r}. Known: {listed}.")
        kind = parameters[name].kind
        if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise ParameterError(
                f"the parameter {name} must be of type {kind}; found {value!r}, a {type(value).__name__}."
            )


def cells_digest(notebook: Any) -> str:
    """SHA-256 over the cells a person wrote: what papermill injects and what cells put out do not count."""
    cells = [
        [cell.cell_type, cell.source]
        for cell in notebook.cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode()).hexdigest()


def execute(path: Path, output: Path, parameters: Mapping[str, Any], folder: Path, kernel: Any) -> str:
    """Run the notebook in `folder` on a booting kernel and save it; the error that stopped it, or an empty text."""
    check_parameters(path, parameters)
    # These imports take most of a second, in which the kernel boots; the page is needed right after it.
    import papermill

    import incident_kit.view.gate
    import incident_kit.view.report_page  # noqa: F401

    try:
        papermill.execute_notebook(
            path,
            output,
            parameters=dict(parameters),
            cwd=folder,
            kernel_name="python3",
            km=kernel,
            progress_bar=False,
            request_save_on_cell_execute=False,  # it is saved once, at the end or at the error, not twice a cell
            skip_cells_with_tag=COLLECT,
        )
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""


@contextmanager
def booting_kernel(folder: Path, cache: Path | None = None) -> Iterator[Any]:
    """A kernel that is still booting, and importing what every notebook imports; ended at the end.

    It listens on sockets in a private folder instead of ports. It is killed in the end: one orderly shutdown in nine
    takes seconds, and there is nothing in it to keep. What it put aside lies in a folder that goes with it, but for the
    columns of logs, which are kept in the folder `cache`, if there is one.
    """
    from jupyter_client.manager import KernelManager

    from incident_kit.running.kernels import OurKernels

    too_long = len(os.fsencode(tempfile.gettempdir())) > LONGEST_SOCKET_FOLDER
    short = "/tmp" if too_long else None  # noqa: S108  # only for a private folder in it
    with (
        tempfile.TemporaryDirectory(prefix="ik-", dir=short) as sockets,
        tempfile.TemporaryDirectory(prefix="incident-kit-") as scratch,
    ):
        kernel = KernelManager(
            kernel_name="python3",
            kernel_spec_manager=OurKernels(),
            transport="ipc",
            connection_file=f"{sockets}/k.json",
        )
        kernel.client_class = "jupyter_client.asynchronous.AsyncKernelClient"  # what papermill's client expects
        environment = {**os.environ, "TMPDIR": scratch, FOLDER_VARIABLE: str(cache.resolve()) if cache else ""}
        options = [f"--IPKernelApp.exec_lines={PRELOAD}", "--HistoryManager.enabled=False"]
        kernel.start_kernel(cwd=str(folder), env=environment, extra_arguments=options)
        try:
            yield kernel
        finally:
            local: Any = kernel.provisioner  # the base class knows no process
            local.process.kill()
            local.process.wait()  # else shutdown_kernel would look once, find it dying, and sleep a tenth of a second
            kernel.shutdown_kernel(now=True)
            kernel.cleanup_resources()
