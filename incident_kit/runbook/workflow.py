"""The stages of an incident as a team words them, and what each needs. `incident.workflow` decides what is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from incident_kit.config.toml import Table

FILE = "workflow.toml"
STAGES = ("detect", "assess", "respond", "resolve", "review")
# What `incident.workflow` can find in the journal.
NEEDS = (
    "opened",
    "source",
    "acknowledged",
    "severity",
    "evidence",
    "impact",
    "step",
    "internal_update",
    "customer_update",
    "called",
    "mitigated",
    "rechecked",
    "resolved",
    "reverted",
    "watched",
    "told",
    "closed",
    "reviewed",
)
WITH_DUE = ("reverted", "reviewed")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the workflow: `text` says what is done in it."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a stage needs: what to say where it is `missing`, and what to type.

    `{due}` in the sentence is when it is due. From the stage `until` on, if there is such, it is asked for no more.
    """

    id: str
    stage: str
    missing: str
    command: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """All stages in their order, and all needs."""

    stages: tuple[Stage, ...]
    needs: tuple[Need, ...]

    def of(self, stage: str) -> Sequence[Need]:
        """What this stage needs."""
        return [need for need in self.needs if need.stage == stage]


def read_workflow(table: Table) -> Workflow:
    """The workflow of a workflow.toml. Raises RunbookError naming file, line and field."""
    table.only("stage", "need")
    tables = table.tables("stage")
    stages = tuple(map(_stage, tables))
    ids = tuple(stage.id for stage in stages)
    if ids != STAGES:
        wrong = next((place for place, id_ in enumerate(ids) if id_ != (*STAGES, *ids)[place]), len(ids) - 1)
        raise (tables[wrong] if tables else table).fail("id" if tables else "stage", f"the stages {', '.join(STAGES)}")
    needs: list[Need] = []
    for entry in table.tables("need"):
        needs.append(_need(entry, [need.id for need in needs]))
    return Workflow(stages, tuple(needs))


def _stage(table: Table) -> Stage:
    table.only("id", "title", "text")
    return Stage(table.text("id"), table.text("title"), table.text("text"))


def _need(table: Table, earlier: Sequence[str]) -> Need:
    table.only("id", "stage", "until", "missing", "command")
    need = Need(
        table.text("id"),
        table.text("stage"),
        table.text("missing"),
        table.text("command", ""),
        table.text("until", ""),
    )
    if need.id not in NEEDS or need.id in earlier:
        raise table.fail("id", f"one of {', '.join(NEEDS)}, each once")
    if need.stage not in STAGES:
        raise table.fail("stage", f"one of {', '.join(STAGES)}")
    if need.until and need.until not in STAGES[STAGES.index(need.stage) + 1 :]:
        raise table.fail("until", f"a stage after {need.stage}: else it is never asked for")
    without = need.missing.replace("{due}", "") if need.id in WITH_DUE else need.missing
    if not need.missing or "{" in without or "}" in without:
        raise table.fail("missing", f"a sentence, in which {', '.join(WITH_DUE)} may have {{due}}")
    return need
