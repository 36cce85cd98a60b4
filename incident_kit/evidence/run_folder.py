"""What lies where in a run's folder, how its results are written, and what its run.json says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incident_kit.evidence.untrusted import read_json
from incident_kit.model.fields import Fields, Unusable
from incident_kit.model.visible import visible

FINDINGS, TIMELINE, ACCOUNTING, IMPACT = "findings.json", "timeline.jsonl", "accounting.json", "impact.json"
SEVERITY = "severity.json"
SERIES = "series/*.csv"
PAGE, NOTEBOOK, CHARTS = "report.html", "notebook.ipynb", "charts/*.svg"
# The form of each results file, counted up where one is changed. A run keeps the numbers it was made with.
FORMATS: Mapping[str, int] = {IMPACT: 1, SEVERITY: 1, FINDINGS: 1, TIMELINE: 1, ACCOUNTING: 1, SERIES: 1}
# What a reproduction compares, below `data/`.
COMPARED = tuple(FORMATS)


class Results:
    """The files that a notebook writes below its output: a run's `data/`, or a folder of its own in a work folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    @property
    def findings(self) -> Path:
        return self.data / FINDINGS

    @property
    def timeline(self) -> Path:
        return self.data / TIMELINE

    @property
    def accounting(self) -> Path:
        return self.data / ACCOUNTING

    @property
    def impact(self) -> Path:
        return self.data / IMPACT

    @property
    def severity(self) -> Path:
        return self.data / SEVERITY

    def series(self, name: str) -> Path:
        """The series of this name, such as requests_by_minute."""
        return self.data / SERIES.replace("*", name)

    def compared(self) -> list[Path]:
        """All of them that are there."""
        return [path for pattern in COMPARED for path in self.data.glob(pattern)]


class RunFolder(Results):
    """The paths of a run. `folder` is the bag, `data` what is sealed in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "data")
        self.folder = folder

    @property
    def description(self) -> Path:
        """How it was made: its run.json."""
        return self.data / "run.json"

    @property
    def incident(self) -> Path:
        """The incident's description as it was."""
        return self.data / "incident.toml"

    @property
    def journal(self) -> Path:
        """The incident's journal as it was."""
        return self.data / "journal.jsonl"

    @property
    def runbook(self) -> Path:
        """The runbook's data as it was."""
        return self.data / "runbook"

    @property
    def evidence(self) -> Path:
        return self.data / "evidence"

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.data / NOTEBOOK

    @property
    def page(self) -> Path:
        """The report as a page."""
        return self.data / PAGE

    def chart(self, number: int) -> Path:
        """The chart of this number, counted from 1 as they come in the notebook."""
        return self.data / CHARTS.replace("*", f"{number:02}")

    def shown(self) -> list[Path]:
        """The files that are made for people: not the evidence, which stays whole."""
        patterns = (PAGE, NOTEBOOK, *COMPARED, CHARTS)
        return [path for pattern in patterns for path in sorted(self.data.glob(pattern))]


@dataclass(frozen=True, slots=True)
class RunDescription:
    """What a run.json says that is needed to make the run again.

    `version` is that of incident_kit; it is empty where none is told. `formats` are those of its results files; a run
    made before version 0.2.0 tells none.
    """

    notebook: str
    parameters: Mapping[str, Any]
    error: str
    by_hand: bool
    version: str
    formats: Mapping[str, int]


def read_run_description(path: Path) -> RunDescription:
    """The description in a run.json. Raises Unusable naming the field."""
    fields = Fields(read_json(path))
    parameters = fields.fields("parameters").data
    for name, value in parameters.items():
        if not isinstance(value, str | int | float):
            raise Unusable(f"the field 'parameters.{visible(name)}' must be a text, a number, true or false")
    fields.texts("cells_to_doubt", ())
    return RunDescription(
        notebook=fields.text("notebook"),
        parameters=parameters,
        error=fields.text("error"),
        by_hand=fields.data.get("by_hand") is True,
        version=fields.fields("packages", {}).text("incident-kit", ""),
        formats=fields.sizes("formats", {}),
    )


def as_json(data: Any) -> str:
    """A result as a file of JSON holds it: the same bytes for the same data."""
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def as_json_line(data: Any) -> str:
    """A result as a line of JSON Lines."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
