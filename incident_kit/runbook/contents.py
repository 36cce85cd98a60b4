"""What a runbook holds, as nouns: scenarios with their symptoms and steps, severities, documents, features.

`data` reads them from files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from incident_kit.errors import RunbookError
from incident_kit.logs.columns import Dependency
from incident_kit.logs.signs import Sign
from incident_kit.model.finding import Symptom
from incident_kit.runbook.escalation import Policy, ScenarioRule
from incident_kit.runbook.sigma_rules import Rule, rule_files
from incident_kit.runbook.workflow import Workflow

DATA_FILES = ("dependencies.toml", "documents.toml", "features.toml", "severity.toml", "signs.toml")
# Files that a folder made for an earlier version lacks: ours are taken for those.
LATER_FILES = ("escalation.toml", "workflow.toml")
# In the place of a scenario: all of them, ranked.
TRIAGE = "triage"


@dataclass(frozen=True, slots=True)
class Feature:
    """Something customers do with the portal, and the pattern of its routes."""

    name: str
    routes: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A line of the runbook's diagnosis, and what answers it here.

    `answers` are questions to live systems (`redis.ping`), `signs` are signs in logs (`whmcs.`).
    """

    text: str
    answers: tuple[str, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A resolution step: text for a person, never carried out.

    `facts` name what is known for it (see `advice`), `documents` what to read. What a `temporary` step changes has to
    be put back.
    """

    text: str
    caution: str
    facts: tuple[str, ...]
    documents: tuple[str, ...]
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """An entry of the runbook.

    `caution` is what has to be known before anything is done.
    Where there is one, severity and escalation hold on suspicion.
    `preserve` says how much of a log is kept: its `window`, or the `whole` of it.
    `rules` are its own ones of whom to call when; `escalation` says it in words.
    """

    id: str
    number: int
    title: str
    question: str
    notebook: str
    severity: str
    severity_reason: str
    caution: str
    preserve: str
    impact: str
    escalation: str
    symptoms: tuple[Symptom, ...]
    diagnoses: tuple[Diagnosis, ...]
    steps: tuple[Step, ...]
    rules: tuple[ScenarioRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Severity:
    """A level of the severity table; `respond_within` is a span such as 4h."""

    id: str
    title: str
    definition: str
    respond_within: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that the team keeps elsewhere; `address` is empty until the team says where."""

    id: str
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Runbook:
    """All of it, from one folder; the files that are `borrowed` are ours, because the folder has none of that name."""

    folder: Path
    scenarios: tuple[Scenario, ...]
    dependencies: tuple[Dependency, ...]
    signs: tuple[Sign, ...]
    features: tuple[Feature, ...]
    documents: tuple[Document, ...]
    severities: tuple[Severity, ...]
    sigma_rules: tuple[Rule, ...]
    policy: Policy
    workflow: Workflow
    borrowed: tuple[Path, ...] = ()

    def scenario(self, scenario_id: str) -> Scenario:
        """The scenario of this id. Raises RunbookError that lists the known ones."""
        for scenario in self.scenarios:
            if scenario.id == scenario_id:
                return scenario
        known_ids = ", ".join(scenario.id for scenario in self.scenarios)
        raise RunbookError(
            f"unknown scenario {scenario_id!r}. Known: {known_ids} (`incident-kit scenarios` tells more)."
        )

    def title(self, scenario_id: str) -> str:
        """The title of a scenario, or of the triage."""
        return "Triage" if scenario_id == TRIAGE else self.scenario(scenario_id).title

    def notebook(self, scenario_id: str) -> str:
        """The notebook's file name of a scenario, or of the triage."""
        return f"{TRIAGE}.ipynb" if scenario_id == TRIAGE else self.scenario(scenario_id).notebook

    def preserves_whole(self, scenario_id: str) -> bool:
        """Whether whole logs are kept for it, and not only their windows."""
        return scenario_id != TRIAGE and self.scenario(scenario_id).preserve == "whole"

    def severity(self, severity_id: str) -> Severity:
        """The severity of this id, such as P3."""
        return next(severity for severity in self.severities if severity.id == severity_id)

    def document(self, document_id: str) -> Document:
        """The document of this id."""
        return next(document for document in self.documents if document.id == document_id)

    def files(self) -> dict[Path, Path]:
        """The data files, as names relative to the folder, and where each lies: what a run keeps a copy of."""
        scenarios = sorted(path.relative_to(self.folder) for path in (self.folder / "scenarios").glob("*.toml"))
        rules = (path.relative_to(self.folder) for path in rule_files(self.folder))
        borrowed = {Path(path.name): path for path in self.borrowed}
        names = [*map(Path, (*DATA_FILES, *LATER_FILES)), *scenarios, *rules]
        return {name: borrowed.get(name, self.folder / name) for name in names}
