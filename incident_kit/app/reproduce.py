"""A run made again from itself: the installed notebook, on the run's evidence and runbook, compared byte for byte."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from incident_kit import __version__
from incident_kit.app.run import OUR_PARAMETERS
from incident_kit.errors import EvidenceError, NotReproduced
from incident_kit.evidence.run_folder import (
    FORMATS,
    Results,
    RunDescription,
    RunFolder,
    read_run_description,
)
from incident_kit.evidence.store import Evidence, open_evidence
from incident_kit.evidence.verify import verify
from incident_kit.logs.prepare import check_sources
from incident_kit.model import places
from incident_kit.model.fields import Unusable
from incident_kit.running.notebook import booting_kernel, cells_digest, execute, read_notebook
from incident_kit.view import gate


def reproduce(folder: Path, trust_notebook: bool = False) -> list[str]:
    """Verify a run, execute its notebook again, and return the names of the files that came out equal.

    The installed notebook runs, and only if its cells are the run's. With `trust_notebook` the run's own code runs
    instead: code from whoever made the run. Raises VerificationFailed, EvidenceError, and NotReproduced with each
    difference.
    """
    verify(folder)
    run = RunFolder(folder)
    try:
        made = read_run_description(run.description)
    except Unusable as fault:
        raise EvidenceError(
            f"{run.description}: {fault}. Without it the run cannot be made again; "
            "take the run from where it was sealed."
        ) from None
    check_version(run, made)
    ours, their_cells = places.notebooks() / Path(made.notebook).name, cells_digest(read_notebook(run.notebook))
    if not trust_notebook and not (ours.is_file() and cells_digest(read_notebook(ours)) == their_cells):
        raise EvidenceError(
            f"{run.notebook}: its cells are not those of the installed {ours.name} "
            "(another version, or worked on by hand). Look at the code, then add --trust-notebook to run it."
        )
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as scratch:
        again = Path(scratch)
        stored = open_evidence(run.evidence)
        check_sources(stored.sources())
        Evidence(again / "evidence").adopt(stored.items())
        shutil.copytree(run.runbook, again / run.runbook.name)
        if run.journal.exists():
            shutil.copy2(run.journal, again)
        with booting_kernel(again) as kernel:
            error = execute(
                run.notebook if trust_notebook else ours,
                again / run.notebook.name,
                {**made.parameters, **OUR_PARAMETERS},
                again,
                kernel,
            )
        redaction = Evidence(again / "evidence").redaction()
        error = redaction.sentence(error)
        if error != made.error:
            raise NotReproduced(
                str(folder),
                [f"the notebook stopped with {error or 'no error'}; the run's with {made.error or 'no error'}"],
            )
        gate.mask(again, redaction, made.by_hand)  # as before the seal
        return compare(run, Results(again), str(folder))


def check_version(run: RunFolder, made: RunDescription) -> None:
    """Raises EvidenceError for a run of another version: its results cannot come out equal here."""
    if made.formats == FORMATS and made.version == __version__:
        return
    maker = f"incident_kit {made.version}" if made.version else "a version of incident_kit that is not told"
    difference = "" if made.formats == FORMATS else " Its results have another form."
    raise EvidenceError(
        f"{run.folder}: made by {maker}; this is {__version__}.{difference} "
        f"The seal is whole. To make the run again, install {maker}."
    )


def compare(run: Results, again: Results, name: str) -> list[str]:
    """The compared files of two results, by name. Raises NotReproduced with all that differ."""
    names = sorted(
        {path.relative_to(results.data).as_posix() for results in (run, again) for path in results.compared()}
    )
    differences = [
        difference for file in names if (difference := _difference(run.data / file, again.data / file, file))
    ]
    if differences:
        raise NotReproduced(name, differences)
    return names


def _difference(first: Path, second: Path, name: str) -> str:
    if not first.is_file() or not second.is_file():
        return f"{name}: only in {'the new result' if second.is_file() else 'the run'}"
    old_lines, new_lines = first.read_bytes().split(b"\n"), second.read_bytes().split(b"\n")
    if old_lines == new_lines:
        return ""
    line = next(
        (number for number, (old, new) in enumerate(zip(old_lines, new_lines, strict=False), start=1) if old != new),
        min(len(old_lines), len(new_lines)) + 1,
    )
    return f"{name}: differs from line {line} on"
