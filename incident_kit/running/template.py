"""The notebooks of scenarios, written from `_template.ipynb` and a runbook.

What a notebook says is the template's; its title and its question are the runbook's. triage.ipynb is the same with the
ranking of all scenarios in front, and shows the likeliest of them.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from incident_kit.model import places
from incident_kit.runbook.contents import TRIAGE, Runbook

TEMPLATE = "_template.ipynb"
TITLE, QUESTION, SCENARIO = "TITLE OF THE SCENARIO", "QUESTION OF THE SCENARIO", "SCENARIO_ID"
TRIAGE_QUESTION = "Which scenario of the runbook is it?"
PICKS_SCENARIO = f'\nscenario = book.scenario("{SCENARIO}")'
EXAMINES = re.compile(r"findings = runbook\.examine\(scenario, (\w+)\)")
RANKS = r"ranking = runbook.triage(book, \1)\nscenario, findings = ranking[0].scenario, ranking[0].findings"
# Only a report on one scenario was chosen by somebody.
CHOSEN, RANKED = "severity_of(book, case, chosen=scenario)", "severity_of(book, case, ranking)"
RANKING = ("## Which scenario is it?", "page.ranking(ranking)")


def notebooks_of(book: Runbook) -> dict[str, str]:
    """The text of each notebook of a runbook, by its file name; the triage's too."""
    template = json.loads((places.notebooks() / TEMPLATE).read_text(encoding="utf-8"))
    notebooks = {
        scenario.notebook: _text(
            _filled(template, {TITLE: scenario.title, QUESTION: scenario.question, SCENARIO: scenario.id})
        )
        for scenario in book.scenarios
    }
    words = {TITLE: book.title(TRIAGE), QUESTION: TRIAGE_QUESTION, PICKS_SCENARIO: "", CHOSEN: RANKED}
    ranking = _filled(template, words)
    for cell in ranking["cells"]:
        cell["source"] = EXAMINES.sub(RANKS, cell["source"])
    place = next(number for number, cell in enumerate(ranking["cells"]) if cell["source"].startswith("## "))
    ranking["cells"][place:place] = [
        {"cell_type": "markdown", "metadata": {}, "source": RANKING[0]},
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": RANKING[1]},
    ]
    notebooks[book.notebook(TRIAGE)] = _text(ranking)
    return notebooks


def _filled(template: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The template with these words in the place of its own."""
    notebook = copy.deepcopy(dict(template))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        for word, value in words.items():
            cell["source"] = cell["source"].replace(word, value)
    return notebook


def _text(notebook: dict[str, Any]) -> str:
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number:02}"
        if cell["cell_type"] == "code":  # a list of lines, as the formatter writes it: it reads well in a diff
            cell["source"] = cell["source"].replace("\n", "\n\0").split("\0")
    notebook["cells"] = [dict(sorted(cell.items())) for cell in notebook["cells"]]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
