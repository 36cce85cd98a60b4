"""What a runbook holds, as nouns: scenarios with their symptoms and steps, severities, documents, features.

`data` reads them from files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

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
# What customers may notice of a feature.
NOTICED = ("fails", "slow", "slow_or_fails", "delayed")
# In the place of a scenario: all of them, ranked.
TRIAGE = "triage"


@dataclass(frozen=True, slots=True)
class CustomersWords:
    """What customers call a feature in one language, and what they notice: `noticed` has a sentence by `NOTICED`."""

    title: str
    noticed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Feature:
    """Something customers do with the portal, and the pattern of its routes.

    `customers` has the words for customers by language. Where a
    `major` one does not work, the incident is more severe.
    """

    name: str
    routes: str
    customers: Mapping[str, CustomersWords] = field(default_factory=dict)
    major: bool = False


@dataclass(frozen=True, slots=True)
class Language:
    """The words and the templates of messages in one language.

    `words` is as its words.toml; `templates` has the text of each template by its name, `folder` holds them.
    """

    id: str
    folder: Path
    words: Mapping[str, Any]
    templates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InternalWords:
    """What customers are not told, and what makes an incident a matter of security: patterns over normalised text.

    A sentence in which `not_security` fits says that it is none.
    """

    internal: tuple[str, ...]
    security: tuple[str, ...]
    not_security: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Messages:
    """The data of messages to people; `files` are those it was read from."""

    languages: Mapping[str, Language]
    words: InternalWords
    files: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """The runbook's folder they were read from."""
        return self.files[0].parents[1]


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
class Failing:
    """At least `share` of requests fail or are aborted for as long as `lasting`.

    They are those of any feature that is `major`, or all of customers; of all, those that do not come count too. Fewer
    than `at_least` in that time are too few to say it by.
    """

    of_features: bool
    share: float
    lasting: timedelta
    at_least: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One of these symptoms is confirmed; each is named SCENARIO.SYMPTOM."""

    symptoms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspected:
    """A person suspects this scenario: by choosing it, working by its steps, or noting `words` (a pattern).

    What also fits `unless` is no suspicion.
    """

    scenario: str
    words: str
    unless: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The portal cannot be reached from outside."""


Condition = Failing | Confirmed | Suspected | Unreachable


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """What makes an incident this severe; `title` says it in a phrase that follows an `if`."""

    id: str
    level: str
    title: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Document:
    """A document that the team keeps elsewhere; `address` is empty until the team says where."""

    id: str
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Runbook:
    """All of it, from one folder; the files that are `borrowed` are ours, because the folder has none of that name.

    `probes` is the pattern of routes that no customer asks for; empty where there are none. `severity_rules` say what
    is how severe; `rules_are_ours` where the folder has none of its own.
    """

    folder: Path
    scenarios: tuple[Scenario, ...]
    dependencies: tuple[Dependency, ...]
    signs: tuple[Sign, ...]
    features: tuple[Feature, ...]
    documents: tuple[Document, ...]
    severities: tuple[Severity, ...]
    sigma_rules: tuple[Rule, ...]
    messages: Messages
    policy: Policy
    workflow: Workflow
    probes: str = ""
    severity_rules: tuple[SeverityRule, ...] = ()
    rules_are_ours: bool = False
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
        files = {name: borrowed.get(name, self.folder / name) for name in names}
        return files | {path.relative_to(self.messages.folder): path for path in self.messages.files}
