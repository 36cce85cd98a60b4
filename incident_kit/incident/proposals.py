"""When it began and when it was over, as the evidence says: proposed, for a person to decide.

`started` is the onset, with its interval. `resolved` is the recovery, once it has held for a quarter of an hour after
the mitigation in records that go so far; it is watched for an hour then. A proposal is kept beside what the person
says: see `entries.milestone`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Milestone, State
from incident_kit.model.finding import Citation
from incident_kit.model.times import iso

STABLE = timedelta(minutes=15)
WATCH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A milestone that the evidence suggests: the likeliest moment, and the interval it lies in.

    `watch_until` is until when a recurrence is looked for; None where there is nothing to watch.
    """

    milestone: Milestone
    likeliest: datetime
    earliest: datetime
    latest: datetime
    why: str
    citation: Citation
    watch_until: datetime | None = None

    def to_data(self) -> dict[str, Any]:
        """As it is kept in the entry of a person's own milestone."""
        return {
            "at": iso(self.likeliest),
            "earliest": iso(self.earliest),
            "latest": iso(self.latest),
            "why": self.why,
            "citation": self.citation.to_json(),
        }


def proposals(state: State, facts: Facts) -> tuple[Proposal, ...]:
    """What the evidence suggests, whether or not a person has said something else."""
    return tuple(filter(None, (_started(facts), _resolved(state, facts))))


def open_proposals(state: State, facts: Facts) -> tuple[Proposal, ...]:
    """The proposals for milestones that nobody has noted."""
    return tuple(proposal for proposal in proposals(state, facts) if proposal.milestone not in state.milestones)


def _started(facts: Facts) -> Proposal | None:
    impact = facts.impact
    if impact is None or impact.onset is None or impact.began is None:
        return None
    began = impact.onset.began
    why = "the first limit of the runbook was exceeded then" if impact.by_limits else "requests changed then"
    return Proposal(Milestone.STARTED, began.likeliest, began.earliest, began.latest, why, impact.began)


def _resolved(state: State, facts: Facts) -> Proposal | None:
    """The recovery, if it held for `STABLE` after the mitigation and no confirmed symptom goes on."""
    impact, mitigated = facts.impact, state.moment(Milestone.MITIGATED)
    if impact is None or impact.onset is None or impact.recovered is None or impact.last is None or mitigated is None:
        return None
    recovered = impact.onset.recovered
    if recovered is None or any(finding.recovered is None for finding in facts.confirmed if finding.first_affected):
        return None
    held = impact.last - max(mitigated, recovered.latest)
    if held < STABLE:
        return None
    why = f"requests were as before for {held // timedelta(minutes=1)} minutes, as far as the records go"
    watch_until = max(mitigated, recovered.latest) + WATCH
    return Proposal(
        Milestone.RESOLVED,
        max(mitigated, recovered.likeliest),
        max(mitigated, recovered.earliest),
        max(mitigated, recovered.latest),
        why,
        impact.recovered,
        watch_until if impact.last < watch_until else None,
    )
