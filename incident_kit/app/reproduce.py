"""A run made again from itself: the installed notebook, on the run's evidence and runbook, compared byte for byte."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from incident_kit.app.run import OUR_PARAMETERS
from incident_kit.errors import EvidenceError, NotReproduced
from incident_kit.evidence.run_folder import COMPARED
from incident_kit.evidence.store import Evidence, open_evidence
from incident_kit.evidence.untrusted import Unusable
from incident_kit.evidence.verify import read_facts, verify
from incident_kit.logs.prepare import check_sources
from incident_kit.model import places
from incident_kit.running.notebook import booting_kernel, cells_digest, execute, read_notebook
from incident_kit.view import gate


def reproduce(folder: Path, trust_notebook: bool = False) -> list[str]:
    """Verify a run, execute its notebook again, and return the names of the files that came out equal.

    The installed notebook runs, and only if its cells are the run's. With `trust_notebook` the run's own code runs
    instead: code from whoever made the run. Raises VerificationFailed, NotReproduced with each difference, EvidenceError.
    """
    verify(folder)
    data = folder / "data"
    try:
        facts = read_facts(data / "run.json")
    except Unusable as wrong:
        raise EvidenceError(
            f"{data / 'run.json'}: {wrong}. Without it the run cannot be made again; take the run from where it was sealed."
        ) from None
    theirs = data / "notebook.ipynb"
    ours, their_cells = places.notebooks() / Path(facts.notebook).name, cells_digest(read_notebook(theirs))
    if not trust_notebook and not (ours.is_file() and cells_digest(read_notebook(ours)) == their_cells):
        raise EvidenceError(
            f"{theirs}: its cells are not those of the installed {ours.name} (another version, or worked on by hand). "
            "Look at the code, then add --trust-notebook to run it."
        )
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as scratch:
        again = Path(scratch)
        stored = open_evidence(data / "evidence")
        check_sources(stored.sources())
        Evidence(again / "evidence").adopt(stored.items())
        shutil.copytree(data / "runbook", again / "runbook")
        if (data / "journal.jsonl").exists():
            shutil.copy2(data / "journal.jsonl", again)
        with booting_kernel(again) as kernel:
            error = execute(
                theirs if trust_notebook else ours,
                again / "notebook.ipynb",
                {**facts.parameters, **OUR_PARAMETERS},
                again,
                kernel,
            )
        redaction = Evidence(again / "evidence").redaction()
        error = redaction.sentence(error)
        if error != facts.error:
            raise NotReproduced(
                str(folder),
                [f"the notebook stopped with {error or 'no error'}; the run's with {facts.error or 'no error'}"],
            )
        gate.mask(again, redaction, facts.by_hand)  # as before the seal
        return compare(data, again, str(folder))


def compare(data: Path, again: Path, name: str) -> list[str]:
    """The compared files of two results, by name. Raises NotReproduced with all that differ."""
    names = sorted(
        {
            path.relative_to(base).as_posix()
            for base in (data, again)
            for pattern in COMPARED
            for path in base.glob(pattern)
        }
    )
    differences = [difference for file in names if (difference := _difference(data / file, again / file, file))]
    if differences:
        raise NotReproduced(name, differences)
    return names


def _difference(first: Path, second: Path, name: str) -> str:
    if not first.is_file() or not second.is_file():
        return f"{name}: only in {'the new result' if second.is_file() else 'the run'}"
    before, after = first.read_bytes().split(b"\n"), second.read_bytes().split(b"\n")
    if before == after:
        return ""
    line = next(
        (number for number, (old, new) in enumerate(zip(before, after, strict=False), start=1) if old != new),
        min(len(before), len(after)) + 1,
    )
    return f"{name}: differs from line {line} on"
