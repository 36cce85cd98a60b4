"""The rules of severity.toml: which facts make an incident how severe. Read and checked here; `severity` applies them.

Of the rules that are met the gravest decides, and among those of a level the first. The least grave level has no rules:
it is for people to give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from incident_kit.config.toml import Table
from incident_kit.errors import ParameterError
from incident_kit.model.times import parse_duration
from incident_kit.runbook.contents import (
    Condition,
    Confirmed,
    Failing,
    Feature,
    Scenario,
    SeverityRule,
    Suspected,
    Unreachable,
)

LONGEST = timedelta(hours=1)
COMMON = ("id", "level", "title", "when")
# What a rule may say besides, by its kind.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "requests_fail": ("share", "lasting", "at_least"),
    "major_feature_fails": ("share", "lasting", "at_least"),
    "symptom_confirmed": ("symptoms",),
    "cause_confirmed": ("scenario",),
    "suspected": ("scenario", "words", "unless"),
    "unreachable": (),
}


def rules_of(
    table: Table, levels: Sequence[str], scenarios: Sequence[Scenario], features: Sequence[Feature]
) -> tuple[SeverityRule, ...]:
    """The `[[rule]]`s of severity.toml. Raises RunbookError that names what is wrong, or can never decide."""
    rules: list[SeverityRule] = []
    for entry in table.tables("rule"):
        rule = _rule(entry, levels, scenarios)
        if (
            isinstance(rule.condition, Failing)
            and rule.condition.of_features
            and not any(feature.major for feature in features)
        ):
            raise entry.fail("when", "something that can be: no feature of features.toml has major = true")
        if twin := next((earlier for earlier in rules if earlier.id == rule.id), None):
            raise entry.fail("id", f"its own; another rule of {twin.level} has it")
        rules.append(rule)
    for number, rule in enumerate(rules):
        for other_number, other in enumerate(rules):
            first = (other.level, other_number) < (rule.level, number)
            if first and _is_met_with(other.condition, rule.condition):
                entry = table.tables("rule")[number]
                raise entry.fail(
                    "when",
                    f"something that can decide; whenever it is met, rule {other.id!r} ({other.level}) decides",
                )
    return tuple(rules)


def fitting(
    rules: Iterable[SeverityRule], scenarios: Sequence[Scenario], features: Sequence[Feature]
) -> tuple[SeverityRule, ...]:
    """Our rules for a runbook that has none of its own: without what that runbook does not have."""
    kept = []
    for rule in rules:
        condition = rule.condition
        if isinstance(condition, Confirmed):
            there = tuple(name for name in condition.symptoms if name in _symptoms(scenarios))
            if there:
                kept.append(replace(rule, condition=Confirmed(there)))
        elif isinstance(condition, Failing) and condition.of_features:
            if any(feature.major for feature in features):
                kept.append(rule)
        elif not isinstance(condition, Suspected) or any(scenario.id == condition.scenario for scenario in scenarios):
            kept.append(rule)
    return tuple(kept)


def _rule(table: Table, levels: Sequence[str], scenarios: Sequence[Scenario]) -> SeverityRule:
    kind = table.text("when")
    if kind not in FIELDS:
        raise table.fail("when", f"one of {', '.join(FIELDS)}")
    table.only(*COMMON, *FIELDS[kind])
    if table.text("level") not in levels[:-1]:
        raise table.fail("level", f"one of {', '.join(levels[:-1])} ({levels[-1]} is for people to give)")
    for field in ("id", "title"):
        if not table.text(field).strip():
            raise table.fail(field, "a text that is not empty")
    return SeverityRule(table.text("id"), table.text("level"), table.text("title"), _condition(table, kind, scenarios))


def _condition(table: Table, kind: str, scenarios: Sequence[Scenario]) -> Condition:
    match kind:
        case "requests_fail" | "major_feature_fails":
            return _failing(table, of_features=kind == "major_feature_fails")
        case "symptom_confirmed":
            names = _symptoms(scenarios)
            symptoms = table.texts("symptoms")
            if not symptoms or not set(symptoms) <= set(names):
                raise table.fail("symptoms", f"a list of symptoms, each SCENARIO.SYMPTOM ({', '.join(names)})")
            return Confirmed(symptoms)
        case "cause_confirmed":
            scenario = _scenario(table, scenarios)
            causes = tuple(f"{scenario.id}.{symptom.id}" for symptom in scenario.symptoms if symptom.is_cause)
            if not causes:
                raise table.fail("scenario", "a scenario of which a symptom has is_cause = true")
            return Confirmed(causes)
        case "suspected":
            scenario = _scenario(table, scenarios)
            words = table.pattern("words")
            if not words:
                raise table.fail("words", "a regular expression that is not empty: without one every note would be met")
            return Suspected(scenario.id, words, table.pattern("unless", ""))
        case _:
            return Unreachable()


def _failing(table: Table, of_features: bool) -> Failing:
    share = table.data.get("share")
    if not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share <= 1:
        raise table.fail("share", "a number above 0 and up to 1, such as 0.5 for half")
    try:
        lasting = parse_duration(table.text("lasting"))
    except (ParameterError, OverflowError):
        raise table.fail("lasting", "a span of time such as 3m") from None
    if not timedelta(0) < lasting <= LONGEST:
        raise table.fail("lasting", "a span of time from 1s to 1h")
    at_least = table.number("at_least")
    if at_least < 1:
        raise table.fail("at_least", "a whole number from 1 on")
    return Failing(of_features, float(share), lasting, at_least)


def _scenario(table: Table, scenarios: Sequence[Scenario]) -> Scenario:
    for scenario in scenarios:
        if scenario.id == table.text("scenario"):
            return scenario
    raise table.fail("scenario", f"one of {', '.join(scenario.id for scenario in scenarios)}")


def _symptoms(scenarios: Sequence[Scenario]) -> list[str]:
    return [f"{scenario.id}.{symptom.id}" for scenario in scenarios for symptom in scenario.symptoms]


def _is_met_with(first: Condition, second: Condition) -> bool:
    """Whether the first is always met where the second is."""
    if isinstance(first, Confirmed) and isinstance(second, Confirmed):
        return set(second.symptoms) <= set(first.symptoms)
    if isinstance(first, Failing) and isinstance(second, Failing):
        same = (first.of_features, first.lasting) == (second.of_features, second.lasting)
        return same and first.share <= second.share and first.at_least <= second.at_least
    return first == second
