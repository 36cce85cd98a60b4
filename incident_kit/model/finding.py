"""Findings, their citations, and events: what the analysis claims and what each claim rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.model.fields import Fields
from incident_kit.model.times import Window, iso


class Verdict(StrEnum):
    """Whether a symptom is there. Not checked is never green."""

    CONFIRMED = "confirmed"
    RULED_OUT = "ruled_out"
    INCONCLUSIVE = "inconclusive"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a preserved item, counted from 1."""

    item: str
    line: int

    def to_json(self) -> dict[str, Any]:
        return {"item": self.item, "line": self.line}

    @classmethod
    def from_json(cls, data: Any) -> Line:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        citation = cls(fields.text("item"), fields.size("line"))
        fields.nothing_else()
        return citation


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in a preserved JSON item, as an RFC 6901 pointer."""

    item: str
    pointer: str

    def to_json(self) -> dict[str, Any]:
        return {"item": self.item, "pointer": self.pointer}

    @classmethod
    def from_json(cls, data: Any) -> Pointer:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        citation = cls(fields.text("item"), fields.text("pointer"))
        fields.nothing_else()
        return citation


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over many lines: which query gave it, over how many records, and some of them to look at."""

    items: tuple[str, ...]
    query: str
    n: int
    exemplars: tuple[Line, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "items": list(self.items),
            "query": self.query,
            "parameters": dict(self.parameters),
            "n": self.n,
            "exemplars": [line.to_json() for line in self.exemplars],
        }

    @classmethod
    def from_json(cls, data: Any) -> Figure:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        exemplars = tuple(map(Line.from_json, fields.list_of_fields("exemplars")))
        citation = cls(
            fields.texts("items"), fields.text("query"), fields.size("n"), exemplars, fields.fields("parameters").data
        )
        fields.nothing_else()
        return citation


@dataclass(frozen=True, slots=True)
class Absence:
    """Nothing matched: in which items, over which window, and how many records were examined."""

    items: tuple[str, ...]
    window: Window
    examined: int
    query: str

    def to_json(self) -> dict[str, Any]:
        return {
            "items": list(self.items),
            "window": self.window.to_json(),
            "examined": self.examined,
            "matched": 0,
            "query": self.query,
        }

    @classmethod
    def from_json(cls, data: Any) -> Absence:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        citation = cls(fields.texts("items"), fields.window("window"), fields.size("examined"), fields.text("query"))
        if fields.size("matched"):
            raise fields.refused("an absence of what matched")
        fields.nothing_else()
        return citation


Citation = Line | Pointer | Figure | Absence
# A field that only this kind of citation has.
TOLD_BY: Mapping[str, type[Citation]] = {"line": Line, "pointer": Pointer, "exemplars": Figure, "examined": Absence}
FOUND_BY_HAND = "found_by_hand"


def citation_from_json(data: Any) -> Citation:
    """A citation of whichever kind. Raises Unusable naming the field."""
    fields = Fields.of(data)
    for name, kind in TOLD_BY.items():
        if name in fields.data:
            return kind.from_json(fields)
    raise fields.refused(f"a citation has one of the fields {', '.join(TOLD_BY)}")


@dataclass(frozen=True, slots=True)
class Symptom:
    """A symptom of the runbook: decided by the check of that name with these parameters.

    `is_cause`: where it is there it says what is wrong, and not only what follows from something that is.
    `delays` is the feature that still works then, but takes longer to be completed; empty for none.
    """

    id: str
    title: str
    check: str
    parameters: Mapping[str, Any]
    is_cause: bool = False
    delays: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim about one symptom, with its verdict and what it rests on.

    `confirmed` needs a citation and `ruled_out` an Absence; `inconclusive` and `not_checked` need a reason.
    `measures` maps a name with its unit to a number (`average_ms`, `error_share`).
    """

    symptom: str
    title: str
    verdict: Verdict
    statement: str
    citations: tuple[Citation, ...] = ()
    reason: str = ""
    first_affected: datetime | None = None
    recovered: datetime | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verdict is Verdict.CONFIRMED and not self.citations:
            raise ValueError(f"{self.symptom}: a confirmed symptom needs a citation")
        if self.verdict is Verdict.RULED_OUT and not any(isinstance(citation, Absence) for citation in self.citations):
            raise ValueError(f"{self.symptom}: a symptom is ruled out only by an absence that covers the window")
        if self.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_CHECKED) and not self.reason:
            raise ValueError(f"{self.symptom}: {self.verdict} needs its reason")

    def to_json(self) -> dict[str, Any]:
        return {
            "symptom": self.symptom,
            "title": self.title,
            "verdict": self.verdict.value,
            "statement": self.statement,
            "reason": self.reason,
            "first_affected": iso(self.first_affected) if self.first_affected else None,
            "recovered": iso(self.recovered) if self.recovered else None,
            "measures": {name: round(value, 4) for name, value in self.measures.items()},
            "citations": [citation.to_json() for citation in self.citations],
        }

    @classmethod
    def from_json(cls, data: Any) -> Finding:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        values: dict[str, Any] = {
            "symptom": fields.text("symptom"),
            "title": fields.text("title"),
            "verdict": Verdict(fields.one_of("verdict", list(Verdict))),
            "statement": fields.text("statement"),
            "citations": tuple(map(citation_from_json, fields.list_of_fields("citations"))),
            "reason": fields.text("reason"),
            "first_affected": fields.moment_or_none("first_affected"),
            "recovered": fields.moment_or_none("recovered"),
            "measures": fields.numbers("measures"),
        }
        fields.nothing_else()
        try:
            return cls(**values)
        except ValueError as error:
            raise fields.refused(error) from None


class Findings(list[Finding]):
    """Findings in the runbook's order, and after them what a person found; a notebook shows them as a table."""

    def keep(
        self, statement: str, cited: Iterable[Citation] = (), verdict: str = Verdict.CONFIRMED, reason: str = ""
    ) -> Finding:
        """Keep a finding of your own among those that are saved and sealed.

        Keeping the same statement again replaces it.

        What is `confirmed` rests on lines; `inconclusive` and `not_checked` need a reason instead.
        Raises ParameterError.

        cited = records.zoom("09:53").lines("dependency = 'freebit' AND status >= 500")
        findings.keep("Freebit timed out before orders failed", cited)
        """
        try:
            kept = Finding(FOUND_BY_HAND, "Found by hand", Verdict(verdict), statement, tuple(cited), reason)
        except ValueError as error:
            raise ParameterError(
                f"{error}. Give the lines it rests on, such as records.zoom('09:53').lines('status >= 500'), "
                "or say verdict='inconclusive', reason='...'."
            ) from None
        self[:] = [
            finding for finding in self if (finding.symptom, finding.statement) != (FOUND_BY_HAND, statement)
        ] + [kept]
        return kept


@dataclass(frozen=True, slots=True)
class Event:
    """Something at a time. `meaning` says what that time is (Timesketch calls it `timestamp_desc`)."""

    moment: datetime
    meaning: str
    message: str
    lane: str
    citation: Citation

    def to_json(self) -> dict[str, Any]:
        """The three fields that Timesketch requires, and ours."""
        return {
            "message": self.message,
            "datetime": self.moment.isoformat(timespec="microseconds"),
            "timestamp_desc": self.meaning,
            "lane": self.lane,
            "citation": self.citation.to_json(),
        }

    @classmethod
    def from_json(cls, data: Any) -> Event:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        event = cls(
            moment=fields.moment("datetime"),
            meaning=fields.text("timestamp_desc"),
            message=fields.text("message"),
            lane=fields.text("lane"),
            citation=citation_from_json(fields.fields("citation")),
        )
        fields.nothing_else()
        return event


class Timeline(list[Event]):
    """Events in order, which a notebook shows as a table."""
