"""A run: one executed notebook, sealed with everything it read and made.

While it is made it is called `<utc>_<scenario>.partial`. The seal is its last act: a folder without that ending is
whole.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from incident_kit import __version__
from incident_kit.errors import EvidenceError
from incident_kit.evidence import bag
from incident_kit.evidence.copies import FOLDER_READ_ONLY, copy_files
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import Item
from incident_kit.evidence.journal import who
from incident_kit.evidence.run_folder import FORMATS, RunFolder
from incident_kit.evidence.store import Evidence
from incident_kit.evidence.untrusted import kind_of
from incident_kit.logs.accounting import Account
from incident_kit.model.answer import Status
from incident_kit.model.fields import Unusable
from incident_kit.model.finding import Finding
from incident_kit.model.times import Window, iso
from incident_kit.model.visible import visible
from incident_kit.runbook.contents import Runbook
from incident_kit.running.notebook import (
    booting_kernel,
    cells_digest,
    check_parameters,
    execute,
    notebook_of,
    read_notebook,
)
from incident_kit.timeline.results import read_accounting, read_findings

OUR_PARAMETERS = {"evidence": ".", "output": ".", "runbook_folder": "runbook"}
# What the results are made with; their versions stand in run.json.
PACKAGES = ("duckdb", "matplotlib", "papermill", "ipykernel", "nbformat", "mistune", "jinja2")


@dataclass(frozen=True, slots=True)
class Run:
    """A sealed run: its folder, the digest that stands for all of it, and what stopped its notebook, if anything."""

    folder: Path
    digest: str
    error: str

    @property
    def report(self) -> Path:
        return RunFolder(self.folder).page

    @property
    def lost(self) -> bool:
        """Whether something was masked, or evidence is missing, undated or to be doubted.

        It is where a file has a warning among its remarks, or an answer failed or came with one.
        """
        answers = Evidence(RunFolder(self.folder).evidence).answers()
        doubted = any(
            item.details["status"] in (Status.FAILED, Status.PARTIAL) or item.details["warnings"] for item in answers
        )
        warned = any(remark.is_warning for account in self._accounts() for remark in account.remarks())
        return doubted or bool(self.masked) or warned

    @property
    def remarks(self) -> list[str]:
        """What there is to know of each file, as its page says it."""
        return [f"{account.origin}: {remark.sentence}" for account in self._accounts() for remark in account.remarks()]

    @property
    def doubts(self) -> list[str]:
        """What is to doubt of a notebook worked on by hand: cells not run, run out of order, edited since."""
        return [str(doubt) for doubt in self._facts().get("cells_to_doubt", ())]

    @property
    def masked(self) -> list[str]:
        """What looked like a secret in what people see, and was masked before the seal."""
        return [str(line) for line in self._facts().get("masked", ())]

    def headlines(self) -> list[str]:
        """The verdicts, a line each, for a terminal."""
        return [
            f"{finding.verdict.value:>12}  {finding.title}. {finding.statement}"
            + (f" Because {finding.reason}." if finding.reason else "")
            for finding in self._findings()
        ]

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(RunFolder(self.folder).description.read_text(encoding="utf-8"))
        return facts

    def _findings(self) -> list[Finding]:
        run = RunFolder(self.folder)
        return read_findings(run) if run.findings.exists() else []

    def _accounts(self) -> list[Account]:
        run = RunFolder(self.folder)
        return read_accounting(run) if run.accounting.exists() else []


def make_run(
    incident: Incident,
    book: Runbook,
    scenario_id: str,
    items: Sequence[Item],
    window: Window,
    given: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    *,
    contacts: Sequence[str] = (),
    cache: bool = True,
) -> Run:
    """Execute the scenario's notebook on the items and seal the result below the incident's `runs/`.

    `given` are further parameters of the notebook; `notes` say what could not be collected, `contacts` whom to call and
    how; `cache` whether the columns of the logs are kept. Raises ParameterError, RunbookError and EvidenceError.
    """
    source = notebook_of(book, scenario_id)
    parameters = {**OUR_PARAMETERS, "since": iso(window.since), "until": iso(window.until), **(given or {})}
    check_parameters(source, parameters)
    partial = begin(incident, scenario_id)
    run = RunFolder(partial)
    started = datetime.now(UTC)
    with booting_kernel(run.data, incident.cache if cache else None) as kernel:
        try:
            Evidence(run.evidence).adopt(items)
        except (
            EvidenceError
        ):  # damaged since it was looked at, or no room: then nothing was made yet that anybody could want
            shutil.rmtree(partial)
            raise
        snapshot(incident, book, run)
        cells = cells_digest(read_notebook(source))  # while the kernel boots
        error = execute(source, run.notebook, parameters, run.data, kernel)
    facts = {
        "scenario": scenario_id,
        "notebook": source.name,
        "notebook_cells_sha256": cells,
        "parameters": parameters,
        "window": window.to_json(),
        "started": iso(started),
        "error": error,
        "notes": list(notes),
        "contacts": list(contacts),
    }
    return seal(incident, partial, facts)


def begin(incident: Incident, scenario_id: str) -> Path:
    """The folder of a new run, still called partial. Raises EvidenceError where that run exists."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}_{scenario_id}"
    partial = incident.runs / f"{name}.partial"
    if (incident.runs / name).exists() or partial.exists():
        raise EvidenceError(
            f"{incident.runs / name}: exists already. A sealed run is never changed; try again in a second."
        )
    RunFolder(partial).data.mkdir(mode=0o700, parents=True)
    return partial


def snapshot(incident: Incident, book: Runbook, run: RunFolder) -> None:
    """Copy what the run needs besides its evidence: the incident's description, its journal, the runbook's data."""
    sources = ((incident.description, run.incident), (incident.journal.path, run.journal))
    try:
        copy_files([(path, copy) for path, copy in sources if kind_of(path)])
    except Unusable as error:
        raise EvidenceError(
            f"{incident.folder}: its description or its journal cannot be kept with the run: {error}. "
            "The last sealed run holds a good copy."
        ) from None
    for name, path in book.files().items():
        target = run.runbook / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def seal(incident: Incident, partial: Path, facts: Mapping[str, Any]) -> Run:
    """Write the page and run.json, make the folder a bag, and give it its final name.

    What looks like a secret in sight is masked, and named.
    """
    from incident_kit.view import gate  # only now: what it imports would delay the kernel

    run = RunFolder(partial)
    evidence = Evidence(run.evidence)
    redaction, by_hand = evidence.redaction(), bool(facts.get("by_hand"))
    shorten_paths(run.notebook)
    sealed_at, by = iso(datetime.now(UTC)), who()
    described = {
        **facts,
        "error": redaction.sentence(facts.get("error", "")),
        "notes": redaction.tree(list(facts.get("notes", ()))),
        "contacts": [redaction.sentence(visible(contact)) for contact in facts.get("contacts", ())],
        "incident": incident.id,
        "sealed": sealed_at,
        "by": by,
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "formats": dict(FORMATS),
        "packages": {"incident-kit": __version__, **{name: metadata.version(name) for name in PACKAGES}},
        "items": [item.id for item in evidence.items()],
    }
    write_page(incident, run, described)
    if masked := gate.mask(run.data, redaction, by_hand):
        described["masked"] = gate.in_words(masked)
        write_page(incident, run, described)
        gate.mask(run.data, redaction, by_hand)
    run.description.write_text(
        json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    digest = bag.write(
        partial,
        {
            "Bag-Software-Agent": f"incident_kit {__version__}",
            "Bagging-Date": sealed_at[:10],
            "External-Identifier": partial.name.removesuffix(".partial"),
            "External-Description": visible(redaction.sentence(f"Incident {incident.id}: {incident.title}")),
        },
    )
    folder = partial.with_name(partial.name.removesuffix(".partial"))
    # Noted first: whoever stops us in between leaves a run that the journal knows, still called partial.
    incident.journal.note_seal(folder.name, digest)
    partial.rename(folder)
    os.chmod(folder, FOLDER_READ_ONLY)
    return Run(folder, digest, described["error"])


def write_page(incident: Incident, run: RunFolder, facts: Mapping[str, Any]) -> None:
    """The page of a run from its notebook and what is said in run.json, and its charts."""
    from incident_kit.view import page, report_page

    notebook = read_notebook(run.notebook)
    by_hand = bool(facts.get("by_hand"))
    # Not as user@host, which would be taken for an address of e-mail.
    name, _, host = facts["by"].rpartition("@")
    about = f"Incident {incident.id}: {incident.title}"
    made = f"Sealed {facts['sealed'][:19].replace('T', ' ')} UTC by {name} on {host}, incident_kit {__version__}"
    if by_hand:
        made += "; worked on by hand" + (", with doubts that stand at the end" if facts["cells_to_doubt"] else "")
    doubted = page.worked(facts["cells_to_doubt"]) if by_hand else page.Html("")
    appendix = (
        doubted
        + page.contacts(facts.get("contacts", ()))
        + page.answers(Evidence(run.evidence).answers())
        + page.notes(facts["notes"])
        + page.masked(facts.get("masked", ()))
    )
    run.page.write_text(report_page.report(notebook, about, made, appendix, by_hand), encoding="utf-8")
    save_charts(notebook, run)


def shorten_paths(path: Path) -> None:
    """Where the notebook lay on this machine is nobody's matter: of the paths that papermill writes, the names stay."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    written = notebook.get("metadata", {}).get("papermill")
    if not isinstance(written, dict):  # it was worked on by hand
        return
    if paths := {
        name: Path(written[name]).name for name in ("input_path", "output_path") if isinstance(written.get(name), str)
    }:
        written.update(paths)
        path.write_text(json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def save_charts(notebook: Any, run: RunFolder) -> None:
    """Each chart of the notebook as a file of its own, for slides and tickets."""
    from incident_kit.view.page import drawings

    shown = [
        output.get("data", {}).get("text/html", "") for cell in notebook.cells for output in cell.get("outputs", [])
    ]
    for number, drawing in enumerate((drawing for text in shown for drawing in drawings(text)), start=1):
        run.chart(number).parent.mkdir(exist_ok=True)
        run.chart(number).write_text(drawing + "\n", encoding="utf-8")
