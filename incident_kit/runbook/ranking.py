"""Triage: all scenarios examined, and ranked by what is confirmed, causes before what follows from them."""

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
            (finding for finding in self.findings if finding.verdict is Verdict.CONFIRMED),
            key=lambda finding: not self._is_cause(finding),
        )

    @property
    def causes(self) -> list[Finding]:
        """The confirmed findings that are causes."""
        return [finding for finding in self.confirmed if self._is_cause(finding)]

    def _is_cause(self, finding: Finding) -> bool:
        return any(symptom.id == finding.symptom and symptom.is_cause for symptom in self.scenario.symptoms)

    def order(self) -> tuple[Any, ...]:
        """What comes first: a cause before mere consequences, then the earlier cause, then more confirmed symptoms.

        Then the graver scenario, the one with more open questions, and the runbook's own order.
        """
        begun = min((finding.first_affected or NEVER for finding in self.causes), default=NEVER)
        counts = {verdict: sum(finding.verdict is verdict for finding in self.findings) for verdict in Verdict}
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
        """As `triage --json` prints it."""
        symptoms = [{"id": data.pop("symptom"), **data} for data in (finding.to_json() for finding in self.findings)]
        return {
            "scenario": self.scenario.id,
            "title": self.scenario.title,
            "severity": self.scenario.severity,
            "symptoms": symptoms,
        }


def triage(book: Runbook, case: Case) -> list[Ranked]:
    """Every scenario of the runbook on the same case, the likeliest first."""
    return rank([Ranked(scenario, examine(scenario, case)) for scenario in book.scenarios])


def rank(examined: Sequence[Ranked]) -> list[Ranked]:
    """Examined scenarios, the likeliest first."""
    return sorted(examined, key=Ranked.order)
