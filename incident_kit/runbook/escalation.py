"""Whom to call when, how often to write, when what was changed for a while goes back: the policy, as a team's data.

`incident.deadlines` makes due times of it. Who the people are is the configuration's matter ([contacts]).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from incident_kit.config.toml import Table
from incident_kit.errors import ParameterError
from incident_kit.model.finding import Figure, Finding, Pointer, Verdict
from incident_kit.model.times import parse_duration

FILE = "escalation.toml"
FIRST = "L1"
LEVELS = (FIRST, "L2", "L3", "L4")
DETECTED, ACKNOWLEDGED = "detected", "acknowledged"
AUDIENCES = ("internal", "customer")


@dataclass(frozen=True, slots=True)
class EscalationLevel:
    """A level of the escalation matrix.

    It is called `after` so long without resolution, at the severities `of`, counted from `counted_from`; and at once at
    those of `at_once_of` where it is confirmed that customers are hit. `after` is None where no time is set.
    """

    id: str
    scope: str
    of: tuple[str, ...] = ()
    after: timedelta | None = None
    counted_from: str = DETECTED
    at_once_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What shows that a system itself fails: one of `symptoms` is confirmed, and mostly by one of `signs`.

    Without signs the symptom is enough.
    """

    symptoms: tuple[str, ...]
    signs: tuple[str, ...] = ()

    def shown_by(self, finding: Finding) -> bool:
        """Whether this finding shows it: a suspect alone never does."""
        if finding.verdict is not Verdict.CONFIRMED or finding.symptom not in self.symptoms:
            return False
        counted = [cited for cited in finding.citations if isinstance(cited, Figure) and "sign" in cited.parameters]
        if not self.signs or not counted:
            # A confirmed finding without signs of logs rests on the system's own answer.
            return not self.signs or any(isinstance(cited, Pointer) for cited in finding.citations)
        theirs = sum(cited.n for cited in counted if cited.parameters["sign"] in self.signs)
        return 2 * theirs > sum(cited.n for cited in counted)


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor that is called when the failure of its system is confirmed; `system` is its name in [contacts] too."""

    system: str
    title: str
    level: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class ScenarioRule:
    """A rule of a scenario's own: call `to` (a level or a role) `after` so long without resolution.

    `failure` narrows it to where that is shown; without one it holds wherever the scenario does.
    `because` says why, as the end of a sentence.
    """

    to: str
    after: timedelta
    because: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it. `updates` maps an audience to the time between updates by severity."""

    levels: tuple[EscalationLevel, ...]
    vendors: tuple[Vendor, ...]
    customers: tuple[str, ...]
    updates: Mapping[str, Mapping[str, timedelta]]
    revert_within: timedelta
    review_of: tuple[str, ...]
    review_business_days: int
    respond_within: Mapping[str, timedelta]

    def level(self, level_id: str) -> EscalationLevel:
        """The level of this id, such as L2."""
        return next(level for level in self.levels if level.id == level_id)


@dataclass(frozen=True, slots=True)
class Known:
    """What the policy may refer to by name; `systems` maps a dependency to its title."""

    severities: Mapping[str, timedelta]
    symptoms: Sequence[str]
    signs: Sequence[str]
    systems: Mapping[str, str]


def read_policy(table: Table, known: Known) -> Policy:
    """The policy of an escalation.toml. Raises RunbookError naming file, line and field; also for what never holds."""
    table.only("level", "vendor", "customers", "updates", "revert", "review")
    levels = [_level(entry, known) for entry in table.tables("level")]
    vendors = tuple(_vendor(entry, known, [level.id for level in levels]) for entry in table.tables("vendor"))
    for number, (entry, level) in enumerate(zip(table.tables("level"), levels, strict=True)):
        if any(other.id == level.id for other in levels[:number]):
            raise entry.fail("id", "another one for each level")
        is_called = level.after is not None or level.at_once_of or any(vendor.level == level.id for vendor in vendors)
        if level.id != FIRST and not is_called:
            raise entry.fail("of", "the severities of a rule (with `after`, or at_once_of): nothing ever calls it")
    customers, revert, review = table.table("customers"), table.table("revert"), table.table("review")
    customers.only("symptoms")
    revert.only("within")
    review.only("of", "business_days")
    if review.number("business_days") < 1:
        raise review.fail("business_days", "a number of days, 1 or more")
    updates = table.table("updates")
    updates.only(*AUDIENCES)
    return Policy(
        levels=tuple(levels),
        vendors=vendors,
        customers=_names(customers, "symptoms", known.symptoms, "symptoms of the scenarios"),
        updates={audience: _spans(updates.table(audience), known) for audience in AUDIENCES},
        revert_within=span(revert, "within"),
        review_of=_names(review, "of", tuple(known.severities), "severities"),
        review_business_days=review.number("business_days"),
        respond_within=known.severities,
    )


def read_scenario_rules(tables: Iterable[Table], known: Known, own_symptoms: Sequence[str]) -> tuple[ScenarioRule, ...]:
    """The rules of a scenario's own. Raises RunbookError."""
    return tuple(_scenario_rule(table, known, own_symptoms) for table in tables)


def span(table: Table, field: str) -> timedelta:
    """A span of time such as 30m. Raises RunbookError."""
    try:
        return parse_duration(table.text(field))
    except ParameterError:
        raise table.fail(field, "a span of time such as 30m") from None


def _level(table: Table, known: Known) -> EscalationLevel:
    table.only("id", "scope", "of", "after", "counted_from", "at_once_of")
    if table.text("id") not in LEVELS:
        raise table.fail("id", f"one of {', '.join(LEVELS)}")
    severities = tuple(known.severities)
    timed = [field for field in ("of", "after", "counted_from") if field in table.data]
    if timed and len(timed) < 3:
        missing = next(field for field in ("of", "after", "counted_from") if field not in timed)
        raise table.fail(missing, f"there beside {' and '.join(timed)}: only together they are a rule")
    if timed and not table.texts("of"):
        raise table.fail("of", f"a list of {', '.join(severities)}: with none of them the rule never holds")
    if timed and table.text("counted_from") not in (DETECTED, ACKNOWLEDGED):
        raise table.fail("counted_from", f"{DETECTED} or {ACKNOWLEDGED}")
    return EscalationLevel(
        id=table.text("id"),
        scope=table.text("scope"),
        of=_names(table, "of", severities, "severities"),
        after=span(table, "after") if timed else None,
        counted_from=table.text("counted_from") if timed else DETECTED,
        at_once_of=_names(table, "at_once_of", severities, "severities"),
    )


def _vendor(table: Table, known: Known, levels: Sequence[str]) -> Vendor:
    table.only("system", "level", "symptoms", "signs")
    if table.text("system") not in known.systems:
        raise table.fail("system", f"a name of dependencies.toml ({', '.join(known.systems)})")
    if table.text("level") not in levels:
        raise table.fail("level", f"one of the levels above ({', '.join(levels)})")
    system = table.text("system")
    return Vendor(system, known.systems[system], table.text("level"), _failure(table, known, known.symptoms))


def _scenario_rule(table: Table, known: Known, own_symptoms: Sequence[str]) -> ScenarioRule:
    table.only("to", "after", "because", "symptoms", "signs")
    if not table.text("to"):
        raise table.fail("to", f"a level ({', '.join(LEVELS)}) or a role of [contacts], such as salesforce_admin")
    narrowed = "symptoms" in table.data or "signs" in table.data
    return ScenarioRule(
        to=table.text("to"),
        after=span(table, "after"),
        because=table.text("because"),
        failure=_failure(table, known, own_symptoms) if narrowed else None,
    )


def _failure(table: Table, known: Known, symptoms: Sequence[str]) -> Failure:
    if not table.texts("symptoms"):
        raise table.fail("symptoms", "a list of symptoms: with none of them the rule never holds")
    return Failure(
        _names(table, "symptoms", symptoms, "symptoms that it can hold for"),
        _names(table, "signs", known.signs, "signs of signs.toml"),
    )


def _spans(table: Table, known: Known) -> dict[str, timedelta]:
    table.only(*known.severities)
    return {level: span(table, level) for level in table.data}


def _names(table: Table, field: str, names: Sequence[str], kind: str) -> tuple[str, ...]:
    for name in table.texts(field):
        if name not in names:
            raise table.fail(field, f"a list of {kind} ({', '.join(names)})")
    return table.texts(field)
