"""Reads the runbook's data from a folder of TOML files; every mistake is named with its file, line and field."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

from incident_kit.analysis.faults import fault
from incident_kit.config.toml import Table, read
from incident_kit.errors import ParameterError, RunbookError
from incident_kit.logs.columns import Dependency
from incident_kit.logs.signs import Sign
from incident_kit.model.finding import Symptom
from incident_kit.model.times import parse_duration
from incident_kit.runbook import checks
from incident_kit.runbook.advice import FACTS
from incident_kit.runbook.contents import (
    DATA_FILES,
    LATER_FILES,
    NOTICED,
    CustomersWords,
    Diagnosis,
    Document,
    Feature,
    Messages,
    Runbook,
    Scenario,
    Severity,
    SeverityRule,
    Step,
)
from incident_kit.runbook.escalation import FILE as ESCALATION
from incident_kit.runbook.escalation import Known, read_policy, read_scenario_rules
from incident_kit.runbook.messages import FOLDER as MESSAGES
from incident_kit.runbook.messages import INTERNAL_WORDS, internal_words_in, load_messages
from incident_kit.runbook.severity_rules import fitting, rules_of
from incident_kit.runbook.sigma_rules import load_rules
from incident_kit.runbook.workflow import FILE as WORKFLOW
from incident_kit.runbook.workflow import read_workflow

OURS = Path(__file__).parent
PRESERVE = ("window", "whole")
# The tables of severity.toml that are no levels.
RULE = "rule"
# Parameters of checks that name signs.
SIGN_PARAMETERS = ("signs", "named", "errors", "failing", "hits", "keepalive", "misses")


@dataclass(frozen=True, slots=True)
class _Names:
    """What scenarios may refer to by name."""

    severities: tuple[str, ...]
    signs: tuple[str, ...]
    features: tuple[str, ...]
    documents: tuple[str, ...]


def load(folder: str | Path = "") -> Runbook:
    """The runbook in a folder, or ours. Raises RunbookError."""
    base = Path(folder) if folder else OURS
    if not (base / "scenarios").is_dir():
        raise RunbookError(
            f"{base}: no runbook (there is no folder {base / 'scenarios'}). Copy ours and edit it, "
            "or leave --runbook away."
        )
    borrowed = tuple(OURS / name for name in (*LATER_FILES, MESSAGES) if not (base / name).exists())
    places = {name: base / name for name in (*DATA_FILES, *LATER_FILES)} | {
        path.name: path for path in borrowed if path.name != MESSAGES
    }
    files = {name: read(path, Table, f"Copy it from {OURS / name}.") for name, path in places.items()}
    dependencies = tuple(map(_dependency, files["dependencies.toml"].tables("dependency")))
    documents = tuple(map(_document, files["documents.toml"].tables("document")))
    messages = load_messages(base, OURS, dependencies)
    features = tuple(_feature(table, messages) for table in files["features.toml"].tables("feature"))
    probes = _probes(files["features.toml"].table("probes"))
    signs = tuple(map(_sign, files["signs.toml"].tables("sign")))
    levels = files["severity.toml"]
    severities = tuple(
        _severity(level, Table(levels.path, level, data)) for level, data in levels.data.items() if level != RULE
    )
    names = _Names(
        tuple(severity.id for severity in severities),
        tuple(sign.name for sign in signs),
        tuple(feature.name for feature in features),
        tuple(document.id for document in documents),
    )
    known = Known(
        severities={severity.id: parse_duration(severity.respond_within) for severity in severities},
        symptoms=(),
        signs=names.signs,
        systems={dependency.name: dependency.title for dependency in dependencies},
    )
    paths = sorted((base / "scenarios").glob("*.toml"))
    scenarios = sorted(
        (_scenario(read(path, Table, f"Copy it from {OURS / 'scenarios'}."), names, known) for path in paths),
        key=lambda scenario: scenario.number,
    )
    has_rules = RULE in levels.data
    if has_rules:
        severity_rules = rules_of(levels, names.severities, scenarios, features)
    else:
        severity_rules = fitting(_our_severity_rules(), scenarios, features)
    known = replace(known, symptoms=tuple(symptom.id for scenario in scenarios for symptom in scenario.symptoms))
    policy = (
        replace(load().policy, respond_within=known.severities)  # ours speaks of our scenarios, which theirs may lack
        if OURS / ESCALATION in borrowed
        else read_policy(files[ESCALATION], known)
    )
    return Runbook(
        base,
        tuple(scenarios),
        dependencies,
        signs,
        features,
        documents,
        severities,
        load_rules(base),
        messages,
        policy,
        read_workflow(files[WORKFLOW]),
        probes,
        severity_rules,
        rules_are_ours=not has_rules,
        borrowed=borrowed,
    )


def _our_severity_rules() -> tuple[SeverityRule, ...]:
    """Our rules of severity, for a runbook made before there were any."""
    return load().severity_rules


def _dependency(table: Table) -> Dependency:
    table.only("name", "title", "logger", "message")
    return Dependency(
        table.text("name"), table.text("title"), table.pattern("logger", ""), table.pattern("message", "")
    )


def _document(table: Table) -> Document:
    table.only("id", "title", "address")
    return Document(table.text("id"), table.text("title"), table.text("address", ""))


def _feature(table: Table, messages: Messages) -> Feature:
    table.only("name", "routes", "customers", "major")
    customers = table.table("customers")
    customers.only(*messages.languages)
    words = {language: _customers_words(customers.table(language), messages) for language in customers.data}
    return Feature(table.text("name"), table.pattern("routes"), words, table.flag("major"))


def _customers_words(table: Table, messages: Messages) -> CustomersWords:
    table.only("title", *NOTICED)
    for field in table.data:
        if named := internal_words_in(table.text(field), messages.words):
            expected = f"words that customers know, without {', '.join(named)} (see {INTERNAL_WORDS})"
            raise table.fail(field, expected)
    return CustomersWords(table.text("title"), {how: table.text(how) for how in NOTICED if how in table.data})


def _probes(table: Table) -> str:
    table.only("routes")
    return table.pattern("routes", "")


def _sign(table: Table) -> Sign:
    table.only("name", "title", "pattern")
    return Sign(table.text("name"), table.text("title"), table.pattern("pattern"))


def _severity(level: str, table: Table) -> Severity:
    table.only("title", "definition", "respond_within", "examples")
    span = table.text("respond_within")
    try:
        parse_duration(span)
    except ParameterError:
        raise table.fail("respond_within", "a span of time such as 15m") from None
    return Severity(level, table.text("title"), table.text("definition"), span, table.texts("examples"))


def _scenario(table: Table, names: _Names, known: Known) -> Scenario:
    table.only(
        "id",
        "number",
        "title",
        "question",
        "notebook",
        "severity",
        "severity_reason",
        "caution",
        "preserve",
        "impact",
        "escalation",
        "symptom",
        "diagnosis",
        "step",
        "escalate",
    )
    if table.text("severity") not in names.severities:
        raise table.fail("severity", f"one of {', '.join(names.severities)}")
    if table.text("id") != table.path.stem:
        raise table.fail("id", f"the file's own name, {table.path.stem!r}")
    if table.text("preserve", "window") not in PRESERVE:
        raise table.fail("preserve", " or ".join(PRESERVE))
    symptoms = tuple(_symptom(entry, names) for entry in table.tables("symptom"))
    return Scenario(
        id=table.text("id"),
        number=table.number("number"),
        title=table.text("title"),
        question=table.text("question"),
        notebook=table.text("notebook"),
        severity=table.text("severity"),
        severity_reason=table.text("severity_reason"),
        caution=table.text("caution", ""),
        preserve=table.text("preserve", "window"),
        impact=table.text("impact"),
        escalation=table.text("escalation"),
        symptoms=symptoms,
        diagnoses=tuple(_diagnosis(entry, names) for entry in table.tables("diagnosis")),
        steps=tuple(_step(entry, names) for entry in table.tables("step")),
        rules=read_scenario_rules(table.tables("escalate"), known, [symptom.id for symptom in symptoms]),
    )


def _diagnosis(table: Table, names: _Names) -> Diagnosis:
    table.only("text", "answers", "signs")
    return Diagnosis(table.text("text"), table.texts("answers"), _known(table, "signs", names.signs))


def _step(table: Table, names: _Names) -> Step:
    table.only("text", "caution", "facts", "documents", "temporary")
    for fact in table.texts("facts"):
        if fact.partition(" ")[0] not in FACTS:
            raise table.fail("facts", f"a list of {', '.join(FACTS)}, each with what it is about behind it")
    return Step(
        table.text("text"),
        table.text("caution", ""),
        table.texts("facts"),
        _known(table, "documents", names.documents),
        table.flag("temporary"),
    )


def _symptom(table: Table, names: _Names) -> Symptom:
    table.only("id", "title", "check", "is_cause", "delays", "parameters")
    if table.text("delays", "") not in ("", *names.features):
        raise table.fail("delays", f"a feature of features.toml ({', '.join(names.features)}), or nothing")
    name = table.text("check")
    if name not in checks.__all__:
        raise table.fail("check", f"one of {', '.join(checks.__all__)}")
    parameters = Table(table.path, table.where("parameters"), table.data.get("parameters", {}))
    kinds = check_parameters(name)
    parameters.only(*kinds)
    values = {field: _parameter(parameters, field, kind, names) for field, kind in kinds.items()}
    return Symptom(
        table.text("id"), table.text("title"), name, values, table.flag("is_cause"), table.text("delays", "")
    )


def check_parameters(check: str) -> dict[str, Any]:
    """Name and type of what a runbook file sets for a check: its keyword-only parameters."""
    function = getattr(checks, check)
    hints = get_type_hints(function)
    return {
        name: hints[name]
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _parameter(table: Table, field: str, kind: Any, names: _Names) -> Any:
    value = table.data.get(field)
    if field in SIGN_PARAMETERS:
        return _known(table, field, names.signs)
    if field == "feature" and table.text(field) not in ("", *names.features):
        raise table.fail(field, f"a feature of features.toml ({', '.join(names.features)}), or nothing for all")
    if field == "rules_out":
        return _faults(table, field)
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
        if field not in table.data:
            raise table.fail(field, "true or false")
        return table.flag(field)
    return table.text(field) if kind is str else table.texts(field)


def _faults(table: Table, field: str) -> tuple[str, ...]:
    """The smallest faults that a check has to see before it rules anything out."""
    texts = table.texts(field)
    try:
        if texts and all(map(fault, texts)):
            return texts
    except (ValueError, ParameterError):
        pass
    raise table.fail(field, "a list of faults such as '20% for 5m' or '4 s for 5m'")


def _known(table: Table, field: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names from elsewhere in the runbook; one that ends with a dot stands for all that begin so."""
    for wanted in table.texts(field):
        if not any(name == wanted or (wanted.endswith(".") and name.startswith(wanted)) for name in names):
            raise table.fail(field, f"a list of names that the runbook has ({', '.join(names)})")
    return table.texts(field)
