"""Writes the notebooks of all scenarios from `notebooks/_template.ipynb` and the runbook: `python tests/notebooks.py [RUNBOOK]`.

With a runbook folder of a team's own: into its `notebooks/`, those of scenarios that are not ours.

A test holds them to that: what a notebook says is the template's, its title and question are the runbook's. triage.ipynb is the
same with the ranking of all scenarios in front, and shows the likeliest of them.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

from incident_kit import runbook

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PICKS = 'scenario = book.scenario("SCENARIO_ID")'
EXAMINES = "findings = runbook.examine(scenario, case)"
RANKS = "ranking = runbook.triage(book, case)\nscenario, findings = ranking[0].scenario, ranking[0].findings"
RANKING = ("## Which scenario is it?", "page.ranking(ranking)")


def written(book: runbook.Runbook) -> dict[str, str]:
    """The text of each notebook by its name."""
    template = json.loads((NOTEBOOKS / "_template.ipynb").read_text(encoding="utf-8"))
    made = {
        scenario.notebook: filled(
            template,
            {
                "TITLE OF THE SCENARIO": scenario.title,
                "QUESTION OF THE SCENARIO": scenario.question,
                "SCENARIO_ID": scenario.id,
            },
        )
        for scenario in book.scenarios
    }
    ranked = filled(
        template,
        {
            "TITLE OF THE SCENARIO": book.title(runbook.TRIAGE),
            "QUESTION OF THE SCENARIO": "Which scenario of the runbook is it?",
            f"\n{PICKS}": "",
            EXAMINES: RANKS,
        },
    )
    place = next(number for number, cell in enumerate(ranked["cells"]) if cell["source"].startswith("## "))
    ranked["cells"][place:place] = [
        {"cell_type": "markdown", "metadata": {}, "source": RANKING[0]},
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": RANKING[1]},
    ]
    made[book.notebook(runbook.TRIAGE)] = ranked
    return {name: text(notebook) for name, notebook in made.items()}


def filled(template: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The template with these words in the place of its own."""
    notebook = copy.deepcopy(template)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        for word, value in values.items():
            cell["source"] = cell["source"].replace(word, value)
    return notebook


def text(notebook: dict[str, Any]) -> str:
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number:02}"
        if cell["cell_type"] == "code":  # as `ruff format` writes them
            cell["source"] = cell["source"].splitlines(keepends=True)
    notebook["cells"] = [dict(sorted(cell.items())) for cell in notebook["cells"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(folder: str = "") -> None:
    target = Path(folder) / "notebooks" if folder else NOTEBOOKS
    target.mkdir(exist_ok=True)
    for name, content in written(runbook.load(folder)).items():
        if not folder or not (NOTEBOOKS / name).exists():
            (target / name).write_text(content, encoding="utf-8")
            print(target / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
