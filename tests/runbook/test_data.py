"""Runbook data that a team edits: a mistake is named with its file and field, a new threshold decides."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from pino_lines import bucket, examined

from incident_kit import runbook
from incident_kit.errors import RunbookError
from incident_kit.model.finding import Verdict
from incident_kit.runbook.data import OURS
from tests.command import Kit

SCENARIO = "scenarios/high_error_rate.toml"
MISTAKES = [
    pytest.param(SCENARIO, "number = 5", 'number = "five"', "number", id="a text for a number"),
    pytest.param(SCENARIO, "number = 5", "number = true", "number", id="true for a number"),
    pytest.param(SCENARIO, 'severity = "P3"', 'severity = "P9"', "severity", id="unknown severity"),
    pytest.param(SCENARIO, 'id = "high_error_rate"', 'id = "other"', "id", id="an id that is not the file's"),
    pytest.param(SCENARIO, 'title = "High', 'titel = "High', "titel", id="a field misspelt"),
    pytest.param(SCENARIO, 'escalation = "P3', '# escalation = "P3', "escalation", id="a field missing"),
    pytest.param(
        SCENARIO, 'check = "average_duration"', 'check = "open_evidence"', "symptom[1].check", id="unknown check"
    ),
    pytest.param(
        SCENARIO, "average_ms = 2000", 'average_ms = "2 s"', "symptom[1].parameters.average_ms", id="a text for a limit"
    ),
    pytest.param(
        SCENARIO, "average_ms = 2000", "average = 2000", "symptom[1].parameters.average", id="unknown parameter"
    ),
    pytest.param(SCENARIO, "average_ms = 2000", "", "symptom[1].parameters.average_ms", id="parameter missing"),
    pytest.param(SCENARIO, 'within = "1m"', "within = 5", "symptom[4].parameters.within", id="a number for a span"),
    pytest.param(
        SCENARIO, 'within = "1m"', 'within = "5 minutes"', "symptom[4].parameters.within", id="a span in words"
    ),
    pytest.param(SCENARIO, '"4 s for 5m"', '"four seconds"', "symptom[1].parameters.rules_out", id="a fault in words"),
    pytest.param(SCENARIO, "by_route = true", "by_route = 1", "symptom[1].parameters.by_route", id="1 for true"),
    pytest.param(
        SCENARIO,
        "least = 300",
        "least = 0.5",
        "symptom[6].parameters.least",
        id="a fraction for a count",
    ),
    pytest.param(
        SCENARIO,
        "ignore_routes = []",
        'ignore_routes = "all"',
        "symptom[1].parameters.ignore_routes",
        id="a text for a list",
    ),
    pytest.param(
        SCENARIO, 'caution = "A longer', 'caution = 2 # "A longer', "step[4].caution", id="a number for a text"
    ),
    pytest.param(SCENARIO, 'facts = ["limits_set"]', 'facts = ["weather"]', "step[4].facts", id="unknown fact"),
    pytest.param(
        SCENARIO, 'documents = ["logging"]', 'documents = ["nowhere"]', "step[4].documents", id="unknown document"
    ),
    pytest.param(
        SCENARIO, 'signs = ["breaker."]', 'signs = ["braker."]', "diagnosis[3].signs", id="unknown sign of a diagnosis"
    ),
    pytest.param(
        SCENARIO,
        'signs = ["freebit."]',
        'signs = ["fribit."]',
        "symptom[4].parameters.signs",
        id="unknown sign of a symptom",
    ),
    pytest.param(
        SCENARIO, 'feature = ""', 'feature = "Bilking"', "symptom[2].parameters.feature", id="unknown feature"
    ),
    pytest.param(SCENARIO, "is_cause = true", "is_cause = 1", "symptom[4].is_cause", id="1 for a flag"),
    pytest.param("signs.toml", "OOM command", "(OOM command", "sign[1].pattern", id="a pattern that is none"),
    pytest.param(
        "signs.toml", "OOM command", "(?=OOM) command", "sign[1].pattern", id="a pattern that RE2 does not have"
    ),
    pytest.param("features.toml", "routes = ", "route = ", "feature[1].route", id="a feature's field misspelt"),
    pytest.param("documents.toml", 'address = ""', "address = 1", "document[1].address", id="a number for an address"),
    pytest.param(
        "scenarios/security_incident.toml", 'preserve = "whole"', 'preserve = "all"', "preserve", id="an unknown extent"
    ),
    pytest.param(SCENARIO, "id = ", "id == ", "line 2", id="broken TOML"),
    pytest.param("dependencies.toml", "name = ", "nmae = ", "dependency[1].nmae", id="a dependency's field misspelt"),
    pytest.param(
        "severity.toml",
        "respond_within = ",
        "respond_within = 1 # ",
        ".respond_within",
        id="a number for a time to respond",
    ),
    pytest.param("escalation.toml", 'after = "30m"', "after = 30", "level[2].after", id="a number for an escalation"),
    pytest.param("escalation.toml", 'after = "30m"', "# after", "level[2].after", id="a level without its time"),
    pytest.param("escalation.toml", 'of = ["P1", "P2"]', 'of = ["P0"]', "level[2].of", id="a severity nobody has"),
    pytest.param("escalation.toml", 'of = ["P1", "P2"]', "of = []", "level[2].of", id="a rule that never holds"),
    pytest.param("escalation.toml", 'id = "L3"', 'id = "L9"', "level[3].id", id="an unknown level"),
    pytest.param("escalation.toml", 'id = "L3"', 'id = "L2"', "level[3].id", id="a level twice"),
    pytest.param(
        "escalation.toml", 'scope = "outside', 'scop = "outside', "level[4].scop", id="a level's field misspelt"
    ),
    pytest.param("escalation.toml", '"acknowledged"', '"onset"', "level[2].counted_from", id="a clock from the onset"),
    pytest.param("escalation.toml", 'system = "whmcs"', 'system = "acme"', "vendor[2].system", id="an unknown system"),
    pytest.param(
        "escalation.toml", '["whmcs_fails"]', '["whmcs_falls"]', "vendor[2].symptoms", id="an unknown symptom"
    ),
    pytest.param("escalation.toml", '["whmcs_fails"]', "[]", "vendor[2].symptoms", id="a vendor that is never called"),
    pytest.param("escalation.toml", '"whmcs.html"', '"whmcs.htm"', "vendor[2].signs", id="an unknown sign of a vendor"),
    pytest.param(
        "escalation.toml",
        "symptoms = [\n",
        'symptoms = ["slow",\n',
        "customers.symptoms",
        id="what customers never notice",
    ),
    pytest.param("escalation.toml", 'P2 = "1h"', 'P5 = "1h"', "updates.internal.P5", id="updates of no severity"),
    pytest.param("escalation.toml", "within =", "withn =", "revert.withn", id="a revert misspelt"),
    pytest.param("escalation.toml", "business_days = 3", "business_days = 0", "review.business_days", id="no days"),
    pytest.param("escalation.toml", "[review]", "[revue]", "revue", id="a table misspelt"),
    pytest.param(
        "scenarios/platform_events.toml", 'after = "30m"', 'after = "soon"', "escalate[1].after", id="an unknown span"
    ),
    pytest.param(
        "scenarios/whmcs_unavailable.toml",
        'symptoms = ["whmcs_fails"]',
        'symptoms = ["prisma_errors"]',
        "escalate[1].symptoms",
        id="a symptom of another scenario",
    ),
    pytest.param("workflow.toml", 'id = "assess"', 'id = "assess2"', "stage[2].id", id="a stage nobody knows"),
    pytest.param("workflow.toml", 'id = "severity"', 'id = "severty"', "need[4].id", id="a need nobody can see"),
    pytest.param("workflow.toml", 'id = "severity"', 'id = "opened"', "need[4].id", id="a need twice"),
    pytest.param("workflow.toml", 'stage = "respond"', 'stage = "react"', "need[7].stage", id="a need of no stage"),
    pytest.param("workflow.toml", 'until = "review"', 'until = "detect"', "need[2].until", id="a need never asked for"),
    pytest.param("workflow.toml", "is due {due}", "is due {when}", "need[18].missing", id="an unknown place"),
    pytest.param(
        "workflow.toml", 'missing = "nobody has set', 'mising = "nobody has set', "need[4].mising", id="a need misspelt"
    ),
]


@pytest.fixture
def book_folder(tmp_path: Path) -> Path:
    """A copy of our runbook data, as a team would make it."""
    return shutil.copytree(OURS, tmp_path / "book", ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def edit(path: Path, old: str, new: str) -> int:
    """Change the first such place, and say in which line it stands."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(("file", "old", "new", "place"), MISTAKES)
def test_mistake_is_named_with_file_and_field(book_folder: Path, file: str, old: str, new: str, place: str) -> None:
    line = edit(book_folder / file, old, new)
    with pytest.raises(RunbookError) as caught:
        runbook.load(str(book_folder))
    assert str(book_folder / file) in str(caught.value)
    assert place in str(caught.value)
    missing = not new or new.startswith("#")
    assert missing or f"line {line}" in str(caught.value)


@pytest.mark.parametrize(
    "file", ["dependencies.toml", "documents.toml", "features.toml", "severity.toml", "signs.toml"]
)
def test_missing_file_is_named_with_where_to_copy_it_from(book_folder: Path, file: str) -> None:
    (book_folder / file).unlink()
    with pytest.raises(RunbookError, match=r"missing\. Copy it from") as caught:
        runbook.load(str(book_folder))
    assert str(book_folder / file) in str(caught.value)


def test_a_folder_without_the_later_files_is_read_with_ours_and_a_check_says_so(book_folder: Path, kit: Kit) -> None:
    (book_folder / "escalation.toml").unlink()
    edit(book_folder / "severity.toml", 'respond_within = "15m"', 'respond_within = "5m"')
    levels, _, _ = (book_folder / "severity.toml").read_text(encoding="utf-8").partition("[[rule]]")
    (book_folder / "severity.toml").write_text(levels, encoding="utf-8")
    # As a team has it that took a scenario out of which ours speaks.
    for path in (book_folder / "scenarios").glob("*.toml"):
        if path.stem == "whmcs_unavailable":
            path.unlink()
    book = runbook.load(str(book_folder))
    assert [path.name for path in book.borrowed] == ["escalation.toml"]
    assert book.files()[Path("escalation.toml")] == OURS / "escalation.toml"
    assert book.policy.levels == runbook.load().policy.levels
    assert book.policy.respond_within["P1"] == timedelta(minutes=5)
    finished = kit("scenario", "check", book_folder)
    assert f"{book_folder}: no escalation.toml, so that of incident-kit counts" in finished.stdout
    assert finished.returncode == 0


def test_mistake_reaches_the_terminal_as_a_sentence(book_folder: Path, kit: Kit) -> None:
    edit(book_folder / SCENARIO, "average_ms = 2000", 'average_ms = "2 s"')
    finished = kit("scenarios", "--runbook", book_folder)
    assert finished.returncode == 2
    assert (
        f"{book_folder / SCENARIO}, line 18: symptom[1].parameters.average_ms must be a number; found '2 s'."
        in finished.stderr
    )
    assert "Traceback" not in finished.stderr


def test_runbook_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match="nowhere"):
        runbook.load(str(tmp_path / "nowhere"))


def test_threshold_in_a_copied_runbook_changes_the_verdict(book_folder: Path, tmp_path: Path) -> None:
    lines = [line for number in range(4) for line in bucket(number, bad=150, ms=1500)]
    assert examined(tmp_path / "log", lines, 4)["slow_responses"].verdict is Verdict.RULED_OUT
    edit(book_folder / SCENARIO, "average_ms = 2000", "average_ms = 1000")
    assert (
        examined(tmp_path / "log", lines, 4, runbook.load(str(book_folder)))["slow_responses"].verdict
        is Verdict.CONFIRMED
    )


def test_route_that_is_ignored_is_not_blamed(book_folder: Path, tmp_path: Path) -> None:
    slow = [line for number in range(4) for line in bucket(number, bad=60, ms=4000, url="/api/exports/7")]
    fast = [line for number in range(4) for line in bucket(number, count=600)]
    assert examined(tmp_path / "log", slow + fast, 4)["slow_responses"].verdict is Verdict.CONFIRMED
    edit(book_folder / SCENARIO, "ignore_routes = []", 'ignore_routes = ["GET /api/exports/:id"]')
    assert (
        examined(tmp_path / "log", slow + fast, 4, runbook.load(str(book_folder)))["slow_responses"].verdict
        is Verdict.RULED_OUT
    )
