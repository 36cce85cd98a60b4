"""What a kernel ran, cell by cell, kept beside the notebook: a seal says which cells were not run as they now stand.

A notebook file does not tell whether a cell was edited after it was run, or what was run and taken out again.
So a work folder keeps, for every kernel that opened the incident, the SHA-256 of the text of each cell by its number,
in `.executed/<start>-<process>.json`. The text itself is not kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from incident_kit.errors import EvidenceError
from incident_kit.evidence.untrusted import read_json
from incident_kit.model.fields import Fields
from incident_kit.model.redaction import redact

FOLDER = ".executed"
# A cell of this tag asks a live system; whoever executes a notebook from end to end leaves it out.
COLLECT = "collect"
# A person runs these at any time; the latter is nbclient's word, which stock papermill goes by.
NOT_EXPECTED = {COLLECT, "skip-execution"}
LONGEST_SHOWN = 60


def keep_executed(folder: Path) -> None:
    """From now on keep what this kernel runs, and what it has run so far. Outside of a kernel: nothing."""
    ipython: Any = sys.modules.get("IPython")  # a kernel has it loaded
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return
    # The same function for the same folder, which IPython registers once however often the cell is run.
    shell.events.register("post_run_cell", _keeper(folder.resolve(), shell))


@cache
def _keeper(folder: Path, shell: Any) -> Callable[[Any], None]:
    target = folder / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.json"
    ran = {number: text for number, text in enumerate(shell.history_manager.input_hist_raw) if number}

    def keep(result: Any) -> None:
        if result.execution_count is None:  # run silently, by a tool
            return
        ran[result.execution_count] = result.info.raw_cell
        target.parent.mkdir(mode=0o700, exist_ok=True)
        aside = target.with_suffix(".partial")
        aside.write_text(
            json.dumps({str(number): digest(text) for number, text in ran.items()}, indent=1) + "\n", encoding="utf-8"
        )
        aside.rename(target)

    return keep


def digest(text: str) -> str:
    """SHA-256 of a cell's text; what runs nothing, blank or comments only, is as good as empty."""
    if all(line.strip() == "" or line.lstrip().startswith("#") for line in text.split("\n")):
        text = ""
    return hashlib.sha256(text.rstrip("\n").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KernelSession:
    """What one kernel ran: the digest of each cell's text by its number, and when it ran the last (in Unix time)."""

    ran: Mapping[int, str]
    ended: float


def session_of(notebook: Any, folder: Path) -> KernelSession:
    """The session of a kernel in which most cells of the notebook, as they stand, were last run; else an empty one."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sessions = []
    for path in sorted((folder / FOLDER).glob("*.json")):
        try:
            ran = {int(number): str(text) for number, text in Fields(read_json(path)).data.items()}
        except ValueError as error:
            raise EvidenceError(
                f"{path}: not what a kernel kept ({error}). "
                "Move the file away; the report says then that it was not kept."
            ) from None
        sessions.append(KernelSession(ran, path.stat().st_mtime))

    def agreeing(session: KernelSession) -> int:
        return sum(session.ran.get(cell.get("execution_count")) == digest(cell.source) for cell in cells)

    best = max(reversed(sessions), key=agreeing, default=KernelSession({}, 0.0))
    return best if agreeing(best) else KernelSession({}, 0.0)


def doubts(notebook: Any, ran: Mapping[int, str]) -> list[str]:
    """What a reader has to know of a notebook worked on by hand: cells not run, out of order, or edited since."""
    cells = [
        (number, cell)
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and cell.source.strip()
    ]
    doubted, last_run = [], 0
    for number, cell in cells:
        count = cell.get("execution_count")
        name = f"cell {number} (`{_beginning(cell.source)}`)"
        if NOT_EXPECTED & set(cell.metadata.get("tags", [])):
            continue
        if count is None:
            doubted.append(f"{name} was not run")
            continue
        if count < last_run:
            doubted.append(f"{name} was run before a cell above it")
        if count in ran and ran[count] != digest(cell.source):
            doubted.append(f"{name} was edited after it was run")
        elif ran and count not in ran:
            doubted.append(f"{name} was run in another session of the kernel")
        last_run = max(last_run, count)
    if not ran:
        doubted.append("what the kernel ran was not kept, so cells may have been edited after they were run")
    standing = {digest(cell.source) for _, cell in cells}
    gone = sorted(number for number, text in ran.items() if text not in standing and text != digest(""))
    if gone:
        doubted.append(
            f"{len(gone)} cell(s) were run that are not in the notebook as they were: "
            + ", ".join(f"[{number}]" for number in gone)
        )
    return doubted


def _beginning(source: str) -> str:
    first = redact(source.strip().split("\n")[0])
    return first if len(first) <= LONGEST_SHOWN else first[: LONGEST_SHOWN - 1] + "…"
