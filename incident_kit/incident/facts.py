"""What evidence says of an incident, as the people's side takes it: updates, the brief, severities, deadlines."""

from __future__ import annotations

from dataclasses import dataclass, field

from incident_kit.model.finding import Finding
from incident_kit.model.severity import Assessment
from incident_kit.model.times import Window
from incident_kit.runbook.ranking import Ranked
from incident_kit.timeline.impact import Impact


@dataclass(frozen=True, slots=True)
class Facts:
    """Findings and impact, and where they are from. An incident without evidence has `source` empty, and the rest too.

    `source` names it: a run's folder, or the stored evidence. `window` is what was looked at; what came after it is not
    known. `ranked` are the scenarios that were examined, the likeliest first: all of them, or of a run the one that it
    reports on. `by_hand` are findings that a person kept. `assessment` is the severity by the runbook's rules, without
    what people set; what people suspect counts even without evidence. `doubts` say which evidence could not be used.
    """

    source: str = ""
    window: Window | None = None
    ranked: tuple[Ranked, ...] = ()
    impact: Impact | None = None
    by_hand: tuple[Finding, ...] = ()
    doubts: tuple[str, ...] = ()
    assessment: Assessment = field(default_factory=Assessment)

    @property
    def confirmed(self) -> list[Finding]:
        """What is confirmed of all scenarios, the likeliest first, causes before what follows from them."""
        return [finding for place in self.ranked for finding in place.confirmed]

    @property
    def first(self) -> Ranked | None:
        """The likeliest scenario, if a symptom of any is confirmed."""
        return self.ranked[0] if self.ranked and self.ranked[0].confirmed else None

    def is_confirmed(self, scenario_id: str) -> bool:
        """Whether a cause of this scenario is confirmed."""
        return any(place.causes for place in self.ranked if place.scenario.id == scenario_id)
