"""Rules of severity that a team edits: a mistake is named with its line and field; what cannot decide is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command import Kit

from incident_kit import runbook
from incident_kit.errors import RunbookError
from incident_kit.runbook.contents import Confirmed, Suspected
from incident_kit.runbook.data import OURS

FAILING = """
[[rule]]
id = "down"
level = "P1"
title = "nearly everything fails"
when = "requests_fail"
share = 0.9
lasting = "3m"
at_least = 20
"""
CONFIRMED = """
[[rule]]
id = "slow"
level = "P3"
title = "responses are slow"
when = "symptom_confirmed"
symptoms = ["high_error_rate.slow_responses"]
"""
SUSPECTED = """
[[rule]]
id = "breach"
level = "P1"
title = "somebody suspects a breach"
when = "suspected"
scenario = "security_incident"
words = "breach"
"""
MAJOR = FAILING.replace("requests_fail", "major_feature_fails")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of our runbook data without its rules of severity, as a team would make it."""
    copied: Path = shutil.copytree(OURS, tmp_path / "book", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = copied / "severity.toml"
    path.write_text(path.read_text(encoding="utf-8").partition("\n# What makes")[0] + "\n", encoding="utf-8")
    return copied


def with_rules(folder: Path, *rules: str) -> runbook.Runbook:
    with open(folder / "severity.toml", "a", encoding="utf-8") as file:
        file.write("".join(rules))
    return runbook.load(folder)


@pytest.mark.parametrize(
    ("rule", "old", "new", "field"),
    [
        pytest.param(FAILING, "share = 0.9", "share = 0", "share", id="a share of nothing"),
        pytest.param(FAILING, "share = 0.9", "share = 1.01", "share", id="more than all"),
        pytest.param(FAILING, "share = 0.9", "share = 90", "share", id="a share in percent"),
        pytest.param(FAILING, "share = 0.9", "share = true", "share", id="true for a share"),
        pytest.param(FAILING, "share = 0.9", "share = nan", "share", id="no number"),
        pytest.param(FAILING, 'lasting = "3m"', "lasting = 3", "lasting", id="a number for a span"),
        pytest.param(FAILING, 'lasting = "3m"', 'lasting = "0m"', "lasting", id="no time at all"),
        pytest.param(FAILING, 'lasting = "3m"', 'lasting = "61m"', "lasting", id="longer than an hour"),
        pytest.param(FAILING, 'lasting = "3m"', 'lasting = "99999999999999d"', "lasting", id="longer than time"),
        pytest.param(FAILING, "at_least = 20", "at_least = 0", "at_least", id="not even one request"),
        pytest.param(FAILING, "at_least = 20", "at_least = 2.5", "at_least", id="a fraction of a request"),
        pytest.param(FAILING, 'level = "P1"', 'level = "P4"', "level", id="the level that people give"),
        pytest.param(FAILING, 'level = "P1"', 'level = "P0"', "level", id="an unknown level"),
        pytest.param(FAILING, 'when = "requests_fail"', 'when = "it_rains"', "when", id="an unknown condition"),
        pytest.param(FAILING, 'id = "down"', 'id = " "', "id", id="an empty id"),
        pytest.param(FAILING, "share = 0.9", 'share = 0.9\nsymptoms = ["a.b"]', "symptoms", id="another one's field"),
        pytest.param(FAILING, "share = 0.9", "shar = 0.9", "shar", id="a field misspelt"),
        pytest.param(CONFIRMED, "slow_responses", "slow_answers", "symptoms", id="an unknown symptom"),
        pytest.param(CONFIRMED, '["high_error_rate.slow_responses"]', "[]", "symptoms", id="no symptom"),
        pytest.param(CONFIRMED, "high_error_rate.slow", "slow", "symptoms", id="a symptom without its scenario"),
        pytest.param(SUSPECTED, "security_incident", "burglary", "scenario", id="an unknown scenario"),
        pytest.param(SUSPECTED, 'words = "breach"', 'words = "(breach"', "words", id="a pattern that is none"),
        pytest.param(SUSPECTED, 'words = "breach"', 'words = ""', "words", id="a pattern that fits everything"),
        pytest.param(SUSPECTED, 'words = "breach"', 'words = "b"\nunless = "(?!x)"', "unless", id="a look ahead"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_line_and_field(
    folder: Path, rule: str, old: str, new: str, field: str
) -> None:
    assert old in rule
    with pytest.raises(RunbookError) as caught:
        with_rules(folder, rule.replace(old, new))
    assert f"{folder / 'severity.toml'}, line " in str(caught.value)
    assert f"rule[1].{field} " in str(caught.value)


def test_the_line_of_the_mistake_is_that_of_its_field(folder: Path) -> None:
    with pytest.raises(RunbookError) as caught:
        with_rules(folder, FAILING, CONFIRMED.replace('"P3"', '"P4"'))
    lines = (folder / "severity.toml").read_text(encoding="utf-8").split("\n")
    line = lines.index('level = "P4"') + 1
    assert f"line {line}: rule[2].level" in str(caught.value)
    assert "one of P1, P2, P3 (P4 is for people to give); found 'P4'" in str(caught.value)


def test_two_rules_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(RunbookError, match=r"rule\[2\].id must be its own"):
        with_rules(folder, FAILING, CONFIRMED.replace('"slow"', '"down"'))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(FAILING, FAILING.replace('"P1"', '"P2"').replace("0.9", "0.95"), id="more fails, less severe"),
        pytest.param(FAILING, FAILING, id="the same again"),
        pytest.param(CONFIRMED.replace('"P3"', '"P2"'), CONFIRMED, id="a symptom that decides a graver one"),
        pytest.param(SUSPECTED, SUSPECTED.replace('"P1"', '"P2"'), id="a suspicion, less severe"),
    ],
)
def test_a_rule_that_can_never_decide_is_refused_wherever_it_stands(folder: Path, first: str, second: str) -> None:
    second = second.replace('id = "', 'id = "other_')
    text = (folder / "severity.toml").read_text(encoding="utf-8")
    for rules in ((first, second), (second, first)):
        (folder / "severity.toml").write_text(text, encoding="utf-8")
        with pytest.raises(RunbookError, match=r"when must be something that can decide; whenever it is met, rule"):
            with_rules(folder, *rules)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(FAILING.replace('"P1"', '"P2"').replace("0.9", "0.5"), id="less fails, less severe"),
        pytest.param(FAILING.replace('"P1"', '"P2"').replace("3m", "1m"), id="shorter, less severe"),
        pytest.param(FAILING.replace('"P1"', '"P2"').replace("20", "5"), id="fewer requests, less severe"),
        pytest.param(MAJOR.replace('"P1"', '"P2"'), id="of a feature, less severe"),
    ],
)
def test_a_rule_that_a_graver_one_leaves_room_for_is_taken(folder: Path, second: str) -> None:
    book = with_rules(folder, FAILING, second.replace('id = "', 'id = "other_'))
    assert [rule.id for rule in book.severity_rules] == ["down", "other_down"]
    assert not book.rules_are_ours


def test_a_rule_about_major_features_is_refused_where_no_feature_is_major(folder: Path) -> None:
    features = folder / "features.toml"
    features.write_text(features.read_text(encoding="utf-8").replace("major = true\n", ""), encoding="utf-8")
    with pytest.raises(RunbookError, match=r"no feature of features.toml has major = true"):
        with_rules(folder, MAJOR)


def test_a_rule_about_causes_is_refused_where_the_scenario_has_none(folder: Path) -> None:
    path = folder / "scenarios" / "whmcs_unavailable.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("is_cause = true\n", ""), encoding="utf-8")
    rule = SUSPECTED.replace('"suspected"', '"cause_confirmed"').replace('words = "breach"\n', "")
    with pytest.raises(RunbookError, match="a scenario of which a symptom has is_cause = true"):
        with_rules(folder, rule.replace("security_incident", "whmcs_unavailable"))


def test_a_rule_about_causes_is_about_each_cause_of_its_scenario(folder: Path) -> None:
    rule = SUSPECTED.replace('"suspected"', '"cause_confirmed"').replace('words = "breach"\n', "")
    book = with_rules(folder, rule.replace("security_incident", "whmcs_unavailable"))
    assert book.severity_rules[0].condition == Confirmed(("whmcs_unavailable.whmcs_fails",))


def test_a_runbook_without_rules_gets_ours_without_what_it_does_not_have(folder: Path) -> None:
    for name in ("scenarios/security_incident.toml", "scenarios/database_issues.toml", "escalation.toml"):
        (folder / name).unlink()
    features = folder / "features.toml"
    features.write_text(features.read_text(encoding="utf-8").replace("major = true\n", ""), encoding="utf-8")
    book, ours = runbook.load(folder), runbook.load()
    assert book.rules_are_ours
    assert {rule.id for rule in ours.severity_rules} - {rule.id for rule in book.severity_rules} == {
        "data_damaged",
        "breach",
        "breach_suspected",
        "major_feature_fails",
    }
    partial = next(rule for rule in book.severity_rules if rule.id == "partial_outage")
    assert partial.condition == Confirmed(("redis_failures.redis_errors",))


def test_that_the_rules_are_ours_is_said_when_a_runbook_is_checked(kit: Kit, folder: Path) -> None:
    checked = kit("scenario", "check", folder)
    assert "no [[rule]] in severity.toml, so those of incident-kit say how severe what is" in checked.stdout
    assert checked.returncode == 0, checked.stdout
    with_rules(folder, FAILING)
    assert "[[rule]]" not in kit("scenario", "check", folder).stdout


def test_ours_has_a_rule_for_every_level_but_the_one_that_people_give() -> None:
    book = runbook.load()
    assert {rule.level for rule in book.severity_rules} == {"P1", "P2", "P3"}
    assert any(isinstance(rule.condition, Suspected) for rule in book.severity_rules)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("major = true", "major = 1", "feature[1].major must be true or false"),
        ("[probes]\nroutes", "[probes]\npaths", "probes.paths is not known here"),
        ('[probes]\nroutes = "', '[probes]\nroutes = "(', "probes.routes must be a regular expression"),
    ],
)
def test_a_mistake_about_what_customers_ask_for_is_named(folder: Path, old: str, new: str, place: str) -> None:
    path = folder / "features.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RunbookError) as caught:
        runbook.load(folder)
    assert f"{path}, line " in str(caught.value)
    assert place in str(caught.value)
