"""Triage: all scenarios examined, and ranked by what is confirmed, causes before what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from incident_kit.model.finding import Finding, Findings, Pointer, Symptom, Verdict
from incident_kit.runbook.case import Case
from incident_kit.runbook.checks.verdicts import DEPENDENCY_OF
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.runbook.examine import examine
from incident_kit.timeline.impact import Impact

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

    def order(self, impact: Impact) -> tuple[Any, ...]:
        """What comes first: a cause before mere consequences, then one of the system that changed at the onset.

        What was so when the evidence began did not begin with the onset, and comes after what did. Then the earlier
        cause, more confirmed symptoms, the graver scenario, the one with more open questions, and the runbook's own
        order.
        """
        causes = self.causes
        begun = min((_begun(finding, impact) for finding in causes), default=NEVER)
        counts = {verdict: sum(finding.verdict is verdict for finding in self.findings) for verdict in Verdict}
        unclear = counts[Verdict.INCONCLUSIVE] / len(self.findings) if self.findings else 0.0
        return (
            not causes,
            not (causes and self._is_suspected(impact)),
            impact.onset is not None and bool(causes) and all("standing" in finding.measures for finding in causes),
            begun,
            not self.confirmed,
            -counts[Verdict.CONFIRMED],
            self.scenario.severity,
            -unclear,
            self.scenario.number,
        )

    def _is_suspected(self, impact: Impact) -> bool:
        """Whether a confirmed cause is of the system that is suspected first, with some confidence."""
        first = impact.first_cause
        if first is None or first.suspect.kind != "dependency" or first.suspect.sure == "low":
            return False
        confirmed = {finding.symptom for finding in self.causes}
        return any(
            symptom.id in confirmed and first.suspect.name in _systems(symptom) for symptom in self.scenario.symptoms
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
    examined = [Ranked(scenario, examine(scenario, case)) for scenario in book.scenarios]
    findings = [finding for ranked in examined for finding in ranked.findings]
    return rank(examined, case.impact_with(findings))


def rank(examined: Sequence[Ranked], impact: Impact) -> list[Ranked]:
    """Examined scenarios, the likeliest first."""
    return sorted(examined, key=lambda ranked: ranked.order(impact))


def _begun(finding: Finding, impact: Impact) -> datetime:
    """When a cause began. What only a live system told began when the requests show it, not when we asked."""
    begun = finding.first_affected or NEVER
    only_told = all(isinstance(citation, Pointer) for citation in finding.citations)
    return min(begun, impact.onset.began.likeliest) if only_told and impact.onset else begun


def _systems(symptom: Symptom) -> set[str]:
    """The outside systems that a symptom is about, as records name them."""
    names = {str(sign).partition(".")[0] for sign in symptom.parameters.get("signs", ())}
    return {DEPENDENCY_OF.get(name, name) for name in names}
