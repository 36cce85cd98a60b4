"""Triage: all symptoms of all scenarios, the scenarios ranked by what is confirmed, causes before what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from incident_kit.model.finding import Finding, Findings, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.runbook.examine import examine

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A scenario and its findings, in the order of its symptoms."""

    scenario: Scenario
    findings: Findings

    @property
    def confirmed(self) -> list[Finding]:
        """The confirmed findings, causes first."""
        return sorted(
            (one for one in self.findings if one.verdict is Verdict.CONFIRMED), key=lambda one: not self._is_cause(one)
        )

    @property
    def causes(self) -> list[Finding]:
        return [one for one in self.confirmed if self._is_cause(one)]

    def _is_cause(self, finding: Finding) -> bool:
        return any(symptom.id == finding.symptom and symptom.is_cause for symptom in self.scenario.symptoms)

    def order(self) -> tuple[Any, ...]:
        """What comes first: a cause before mere consequences, the earlier cause, the graver scenario, more confirmed, less ruled out."""
        begun = min((one.first_affected or NEVER for one in self.causes), default=NEVER)
        counts = {verdict: sum(one.verdict is verdict for one in self.findings) for verdict in Verdict}
        unclear = counts[Verdict.INCONCLUSIVE] / len(self.findings) if self.findings else 0.0
        return (
            not self.causes,
            begun,
            not self.confirmed,
            -counts[Verdict.CONFIRMED],
            self.scenario.severity,
            -unclear,
            self.scenario.number,
        )

    def to_json(self) -> dict[str, Any]:
        found = [{"id": data.pop("symptom"), **data} for data in (finding.to_json() for finding in self.findings)]
        return {
            "scenario": self.scenario.id,
            "title": self.scenario.title,
            "severity": self.scenario.severity,
            "symptoms": found,
        }


def triage(book: Runbook, case: Case) -> list[Ranked]:
    """Every scenario of the runbook on the same ground, the likeliest first."""
    return rank([Ranked(scenario, examine(scenario, case)) for scenario in book.scenarios])


def rank(examined: Sequence[Ranked]) -> list[Ranked]:
    return sorted(examined, key=Ranked.order)
