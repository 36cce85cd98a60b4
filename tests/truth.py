"""What triage says of the recorded incidents, beside what was done to them: `python3 run.py truth [RECORDINGS]`.

Prints the table of the README:
Named first: the scenario that triage ranks first, if a symptom of it is confirmed.
Onset error: the onset by the requests, else by the first confirmed symptom, minus when the first request or attempt
was affected.
Suspect: the likeliest cause by the requests.
False: confirmed symptoms of scenarios that the truth does not name.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_kit import logs, runbook
from incident_kit.evidence.store import open_evidence
from incident_kit.runbook.ranking import Ranked

RECORDED = Path(__file__).parent / "recorded"
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording: what is true of it, and what was said."""

    name: str
    truth: dict[str, Any]
    ranked: list[Ranked]
    began: datetime | None
    suspect: str | None

    @property
    def named_first(self) -> str:
        return self.ranked[0].scenario.id if self.ranked[0].confirmed else NOTHING

    @property
    def wanted(self) -> str:
        return self.truth["scenario"] or NOTHING

    @property
    def onset_error_s(self) -> float | None:
        if self.began is None or not self.truth["scenario"]:
            return None
        return (self.began - datetime.fromisoformat(self.truth["from"])).total_seconds()

    @property
    def false(self) -> list[str]:
        right = {self.truth["scenario"], *self.truth["also"]}
        return [
            f"{ranked.scenario.id}.{finding.symptom}"
            for ranked in self.ranked
            if ranked.scenario.id not in right
            for finding in ranked.confirmed
        ]

    def row(self) -> list[str]:
        wrong = "" if self.named_first == self.wanted else f" (wrong: {self.wanted})"
        suspect = self.truth["suspect"]
        named = (
            "–"
            if suspect is None
            else "yes"
            if self.suspect == suspect
            else f"no: {self.suspect or 'nobody'} ({suspect})"
        )
        error = "–" if self.onset_error_s is None else f"{round(self.onset_error_s, 1) + 0.0:+.1f}"
        return [self.name, self.named_first + wrong, error, named, ", ".join(self.false) or "0"]


def judge(folder: Path) -> Judged:
    """Triage on one recording, and what its requests say of onset and suspects."""
    book, stored = runbook.load(), open_evidence(folder)
    window = stored.window()
    with logs.read(stored.sources(), window, dependencies=book.dependencies) as records:
        case = runbook.case_of(book, stored, records, window)
        ranked = runbook.triage(book, case)
        impact = case.impact
    begun = (
        impact.onset.began.likeliest
        if impact.onset
        else min((finding.first_affected for finding in ranked[0].confirmed if finding.first_affected), default=None)
    )
    cause = impact.first_cause
    return Judged(
        folder.name,
        json.loads((folder / "truth.json").read_text(encoding="utf-8")),
        ranked,
        begun,
        cause.suspect.name if cause else None,
    )


def recordings(base: Path = RECORDED) -> list[Path]:
    return sorted(path.parent for path in base.glob("*/truth.json"))


def main(base: str = str(RECORDED)) -> None:
    print(
        "| recording | named first | onset error [s] | first suspect right | false confirmations "
        "|\n|---|---|--:|---|---|"
    )
    for folder in recordings(Path(base)):
        print(f"| {' | '.join(judge(folder).row())} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
