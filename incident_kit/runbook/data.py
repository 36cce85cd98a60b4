"""The runbook's data, read from a folder of TOML files; every mistake is named with its file and field."""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

from incident_kit.errors import ParameterError, RunbookError
from incident_kit.logs.columns import Dependency
from incident_kit.model.finding import Symptom
from incident_kit.model.times import parse_duration
from incident_kit.runbook import checks

OURS = Path(__file__).parent
DATA_FILES = ("dependencies.toml", "severity.toml")


@dataclass(frozen=True, slots=True)
class Step:
    """A resolution step: text for a person, never carried out. `shown_by` names the part of the report that helps with it."""

    text: str
    caution: str = ""
    shown_by: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """An entry of the runbook."""

    id: str
    number: int
    title: str
    notebook: str
    severity: str
    severity_reason: str
    impact: str
    escalation: str
    symptoms: tuple[Symptom, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Severity:
    """A level of the severity table; `respond_within` is a span such as 4h."""

    id: str
    title: str
    definition: str
    respond_within: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Runbook:
    """All of it, from one folder."""

    folder: Path
    scenarios: tuple[Scenario, ...]
    dependencies: tuple[Dependency, ...]
    severities: tuple[Severity, ...]

    def scenario(self, scenario_id: str) -> Scenario:
        """The scenario of this id. Raises RunbookError that lists the known ones."""
        for scenario in self.scenarios:
            if scenario.id == scenario_id:
                return scenario
        known = ", ".join(scenario.id for scenario in self.scenarios)
        raise RunbookError(f"unknown scenario {scenario_id!r}. Known: {known} (`incident-kit scenarios` tells more).")

    def severity(self, severity_id: str) -> Severity:
        """The severity of this id, such as P3."""
        return next(severity for severity in self.severities if severity.id == severity_id)

    def files(self) -> list[Path]:
        """The data files, as names relative to the folder: what a run keeps a copy of."""
        scenarios = sorted(path.relative_to(self.folder) for path in (self.folder / "scenarios").glob("*.toml"))
        return [*map(Path, DATA_FILES), *scenarios]


class _Table:
    """One TOML table, which knows its file and place and names both when a field is wrong."""

    def __init__(self, path: Path, place: str, data: Any) -> None:
        self.path, self.place = path, place
        if not isinstance(data, dict):
            raise RunbookError(f"{path}: {place or 'the file'} must be a table, not {data!r}.")
        self.data: dict[str, Any] = data

    def fail(self, field: str, expected: str) -> RunbookError:
        found = repr(self.data[field]) if field in self.data else "nothing"
        return RunbookError(f"{self.path}: {self.where(field)} must be {expected}; found {found}.")

    def where(self, field: str) -> str:
        return f"{self.place}.{field}" if self.place else field

    def text(self, field: str, default: str | None = None) -> str:
        value = self.data.get(field, default)
        if not isinstance(value, str):
            raise self.fail(field, "a text")
        return value

    def number(self, field: str) -> int:
        value = self.data.get(field)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fail(field, "a whole number")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        value = self.data.get(field, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.fail(field, "a list of texts")
        return tuple(value)

    def tables(self, field: str) -> list[_Table]:
        value = self.data.get(field, [])
        if not isinstance(value, list):
            raise self.fail(field, f"a list of tables, written [[{field}]]")
        return [_Table(self.path, f"{self.where(field)}[{number}]", entry) for number, entry in enumerate(value, start=1)]

    def only(self, *fields: str) -> None:
        for field in self.data:
            if field not in fields:
                raise RunbookError(f"{self.path}: {self.where(field)} is not known here. Known: {', '.join(fields)}.")


def load(folder: str | Path = "") -> Runbook:
    """The runbook in a folder, or ours. Raises RunbookError."""
    base = Path(folder) if folder else OURS
    if not (base / "scenarios").is_dir():
        raise RunbookError(f"{base}: no runbook (there is no folder {base / 'scenarios'}). Copy ours and edit it, or leave --runbook away.")
    dependencies = tuple(_dependency(table) for table in _read(base / "dependencies.toml").tables("dependency"))
    levels = _read(base / "severity.toml")
    severities = tuple(_severity(level, _Table(levels.path, level, data)) for level, data in levels.data.items())
    names = {severity.id for severity in severities}
    scenarios = [_scenario(_read(path), names) for path in sorted((base / "scenarios").glob("*.toml"))]
    return Runbook(base, tuple(sorted(scenarios, key=lambda scenario: scenario.number)), dependencies, severities)


def _read(path: Path) -> _Table:
    try:
        return _Table(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RunbookError(f"{path}: missing. Copy it from {OURS / path.name}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunbookError(f"{path}: not readable as TOML: {error}.") from None


def _dependency(table: _Table) -> Dependency:
    table.only("name", "title", "logger", "message")
    return Dependency(table.text("name"), table.text("title"), table.text("logger", ""), table.text("message", ""))


def _severity(level: str, table: _Table) -> Severity:
    table.only("title", "definition", "respond_within", "examples")
    span = table.text("respond_within")
    try:
        parse_duration(span)
    except ParameterError:
        raise table.fail("respond_within", "a span of time such as 15m") from None
    return Severity(level, table.text("title"), table.text("definition"), span, table.texts("examples"))


def _scenario(table: _Table, severities: set[str]) -> Scenario:
    table.only("id", "number", "title", "notebook", "severity", "severity_reason", "impact", "escalation", "symptom", "step")
    if table.text("severity") not in severities:
        raise table.fail("severity", f"one of {', '.join(sorted(severities))}")
    if table.text("id") != table.path.stem:
        raise table.fail("id", f"the file's own name, {table.path.stem!r}")
    return Scenario(
        id=table.text("id"), number=table.number("number"), title=table.text("title"), notebook=table.text("notebook"),
        severity=table.text("severity"), severity_reason=table.text("severity_reason"), impact=table.text("impact"),
        escalation=table.text("escalation"), symptoms=tuple(map(_symptom, table.tables("symptom"))), steps=tuple(map(_step, table.tables("step"))),
    )  # fmt: skip


def _step(table: _Table) -> Step:
    table.only("text", "caution", "shown_by")
    return Step(table.text("text"), table.text("caution", ""), table.text("shown_by", ""))


def _symptom(table: _Table) -> Symptom:
    table.only("id", "title", "check", "parameters")
    name = table.text("check")
    if name not in checks.__all__:
        raise table.fail("check", f"one of {', '.join(checks.__all__)}")
    parameters = _Table(table.path, table.where("parameters"), table.data.get("parameters", {}))
    kinds = parameters_of(name)
    parameters.only(*kinds)
    return Symptom(table.text("id"), table.text("title"), name, {field: _parameter(parameters, field, kind) for field, kind in kinds.items()})


def parameters_of(check: str) -> dict[str, Any]:
    """Name and type of what a check can be told: its keyword-only parameters."""
    function = getattr(checks, check)
    hints = get_type_hints(function)
    return {name: hints[name] for name, parameter in inspect.signature(function).parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}


def _parameter(table: _Table, field: str, kind: Any) -> Any:
    value = table.data.get(field)
    if kind is timedelta:
        try:
            return parse_duration(table.text(field))
        except ParameterError:
            raise table.fail(field, "a span of time such as 5m") from None
    if kind is int:
        return table.number(field)
    if kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise table.fail(field, "a number")
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise table.fail(field, "true or false")
    return table.text(field) if kind is str else table.texts(field)
