"""What a notebook's cells show of the runbook: its diagnoses, its steps with what is known, and the ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from incident_kit.evidence.store import Evidence
from incident_kit.model.answer import Status
from incident_kit.model.finding import Verdict
from incident_kit.runbook.advice import Advice
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.runbook.ranking import Ranked
from incident_kit.view.markup import Html, render

MOST_COMMANDS = 4


def diagnoses(scenario: Scenario, case: Case) -> Html:
    """Each line of the runbook's diagnosis, with what answers it here and how it was answered."""
    rows = [
        (
            diagnosis.text,
            [(question, case.last(question)) for question in diagnosis.answers],
            _signs(case, diagnosis.signs) if diagnosis.signs else None,
        )
        for diagnosis in scenario.diagnoses
    ]
    nothing = "nothing of it in the logs" if case.items else "no log is in the evidence"
    return render("diagnoses", diagnoses=rows, nothing=nothing, not_asked=Status.NOT_CHECKED)


def _signs(case: Case, names: Iterable[str]) -> list[tuple[str, int]]:
    """How often each of these signs was seen, the most frequent first."""
    counts = Counter[str]()
    for seen in case.signs(tuple(names)):
        counts[seen.sign] += seen.n
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(case.title(sign), n) for sign, n in ordered]


def steps(book: Runbook, scenario: Scenario, advice: Sequence[Advice]) -> Html:
    """What the runbook advises, with what is known for each step. Text for a person; nothing is carried out."""
    documented = [(advised, [book.document(name) for name in advised.step.documents]) for advised in advice]
    return render("steps", scenario=scenario, steps=documented)


def footprint(stored: Evidence) -> Html:
    """What this investigation itself opened and sent."""
    answers = []
    for item in stored.answers():
        sent = item.sent()
        commands = Counter(statement.partition(" ")[0] for statement in sent)
        answers.append((item, len(sent), commands.most_common(MOST_COMMANDS)))
    return render("footprint", slices=stored.slices(), answers=answers)


def ranking(ranked: Sequence[Ranked]) -> Html:
    """All scenarios, the likeliest first, with their confirmed symptoms."""
    rows = []
    for scenario in ranked:
        verdicts = (finding.verdict for finding in scenario.findings)
        others = Counter(verdict for verdict in verdicts if verdict is not Verdict.CONFIRMED)
        rows.append((scenario, list(others.items())))
    return render("ranking", ranking=rows)
