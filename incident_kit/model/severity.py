"""How severe an incident is: by the facts, by which rule of the runbook, and as people have set it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_kit.model.fields import Fields
from incident_kit.model.finding import Citation, citation_from_json
from incident_kit.model.times import iso


@dataclass(frozen=True, slots=True)
class RuleMet:
    """A rule of the runbook that the facts meet, in a sentence that says how, with what that rests on.

    `since` is when it began, where that is known. `rounded_up`: what was measured is below the rule's limit, and so
    near that chance may be why.
    """

    rule: str
    level: str
    sentence: str
    citations: tuple[Citation, ...] = ()
    since: datetime | None = None
    rounded_up: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "level": self.level,
            "sentence": self.sentence,
            "citations": [citation.to_json() for citation in self.citations],
            "since": iso(self.since) if self.since else None,
            "rounded_up": self.rounded_up,
        }

    @classmethod
    def from_json(cls, data: Any) -> RuleMet:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        met = cls(
            rule=fields.text("rule"),
            level=fields.text("level"),
            sentence=fields.text("sentence"),
            citations=tuple(map(citation_from_json, fields.list_of_fields("citations"))),
            since=fields.moment_or_none("since"),
            rounded_up=fields.flag("rounded_up"),
        )
        fields.nothing_else()
        return met


@dataclass(frozen=True, slots=True)
class RuleUnknown:
    """A rule that the evidence cannot decide, or not wholly, and why. It does not count."""

    rule: str
    level: str
    why: str

    def to_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "level": self.level, "why": self.why}

    @classmethod
    def from_json(cls, data: Any) -> RuleUnknown:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        unknown = cls(fields.text("rule"), fields.text("level"), fields.text("why"))
        fields.nothing_else()
        return unknown


@dataclass(frozen=True, slots=True)
class Assessment:
    """The severity by the facts. `met` are the rules that are met, the one that decides first; without any, no level.

    `worse_if` and `better_if` say what would change it, `unknown` what could not be looked at.
    """

    met: tuple[RuleMet, ...] = ()
    worse_if: tuple[str, ...] = ()
    better_if: tuple[str, ...] = ()
    unknown: tuple[RuleUnknown, ...] = ()

    @property
    def rule(self) -> RuleMet | None:
        """The rule that decides; None where none is met."""
        return self.met[0] if self.met else None

    @property
    def level(self) -> str:
        """The level, such as P2; empty where no rule is met."""
        return self.met[0].level if self.met else ""

    @property
    def sentence(self) -> str:
        """Why it is this level."""
        return self.met[0].sentence if self.met else ""

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the level rests on."""
        return self.met[0].citations if self.met else ()

    @property
    def could_be_worse(self) -> tuple[RuleUnknown, ...]:
        """Of what could not be looked at, that which would make it graver."""
        return tuple(unknown for unknown in self.unknown if not self.level or unknown.level < self.level)

    def to_json(self) -> dict[str, Any]:
        return {
            "level": self.level or None,
            "met": [met.to_json() for met in self.met],
            "worse_if": list(self.worse_if),
            "better_if": list(self.better_if),
            "unknown": [unknown.to_json() for unknown in self.unknown],
        }

    @classmethod
    def from_json(cls, data: Any) -> Assessment:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        assessment = cls(
            met=tuple(map(RuleMet.from_json, fields.list_of_fields("met"))),
            worse_if=fields.texts("worse_if"),
            better_if=fields.texts("better_if"),
            unknown=tuple(map(RuleUnknown.from_json, fields.list_of_fields("unknown"))),
        )
        level = None if fields.is_null("level") else fields.text("level")
        if (level or "") != assessment.level:
            raise fields.refused(
                f"the level is that of the first rule met, {assessment.level or 'none'}; found {level}"
            )
        fields.nothing_else()
        return assessment


@dataclass(frozen=True, slots=True)
class LevelSet:
    """A level that a person set, from `since` on, with what they said; `line` is that of the journal."""

    level: str
    since: datetime
    by: str
    why: str
    line: int

    def to_json(self) -> dict[str, Any]:
        return {"level": self.level, "since": iso(self.since), "by": self.by, "why": self.why, "line": self.line}

    @classmethod
    def from_json(cls, data: Any) -> LevelSet:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        level_set = cls(
            fields.text("level"), fields.moment("since"), fields.text("by"), fields.text("why"), fields.size("line")
        )
        fields.nothing_else()
        return level_set


@dataclass(frozen=True, slots=True)
class LevelChange:
    """The level that held from `since` on: set `by` somebody, or by the facts (then `by` is empty), and why."""

    level: str
    since: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Severity:
    """The severity of an incident: by the facts, and as people have set it, in the order of time.

    What a person set holds from its time on, whatever the facts say; both are kept.
    """

    by_facts: Assessment
    by_people: tuple[LevelSet, ...] = ()

    @property
    def set_last(self) -> LevelSet | None:
        """What a person set last, and holds; None where nobody did."""
        return self.by_people[-1] if self.by_people else None

    @property
    def level(self) -> str:
        """The level that holds, such as P2; empty where nobody set one and no rule is met."""
        return self.by_people[-1].level if self.by_people else self.by_facts.level

    @property
    def history(self) -> tuple[LevelChange, ...]:
        """Each change of the level: as the facts made it graver, until a person set one, and then as people set it.

        Rules without a time of their own are not in it.
        """
        first_set = self.by_people[0].since if self.by_people else None
        dated = sorted(
            ((met.since, met) for met in self.by_facts.met if met.since), key=lambda pair: (pair[0], pair[1].level)
        )
        changes: list[LevelChange] = []
        for since, met in dated:
            graver = not changes or met.level < changes[-1].level
            if graver and (first_set is None or since < first_set):
                changes.append(LevelChange(met.level, since, "", met.sentence))
        by_people = (LevelChange(entry.level, entry.since, entry.by, entry.why) for entry in self.by_people)
        return (*changes, *by_people)

    def to_json(self) -> dict[str, Any]:
        return {
            "level": self.level or None,
            "by_facts": self.by_facts.to_json(),
            "by_people": [entry.to_json() for entry in self.by_people],
        }

    @classmethod
    def from_json(cls, data: Any) -> Severity:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        severity = cls(
            Assessment.from_json(fields.fields("by_facts")),
            tuple(map(LevelSet.from_json, fields.list_of_fields("by_people"))),
        )
        level = None if fields.is_null("level") else fields.text("level")
        if (level or "") != severity.level:
            raise fields.refused(f"the level that holds is {severity.level or 'none'}; found {level}")
        fields.nothing_else()
        return severity
