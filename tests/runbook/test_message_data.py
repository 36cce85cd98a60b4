"""The words and templates of messages are data of the team: a mistake is named with its file, line and field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from incident_kit import runbook
from incident_kit.errors import RunbookError
from incident_kit.runbook.contents import NOTICED
from incident_kit.runbook.messages import TEMPLATES, internal_words_in

OURS = Path(runbook.__file__).parent
EN = "messages/en/words.toml"
INTERNAL = "messages/internal_words.toml"


@pytest.fixture
def team_folder(tmp_path: Path) -> Path:
    """A copy of our runbook, as a team has it."""
    return shutil.copytree(OURS, tmp_path / "book", ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def change(path: Path, old: str, new: str) -> int:
    """Change the first such place, and say in which line it stands."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("file", "old", "new", "place"),
    [
        pytest.param(EN, "apology =", "apolgy =", "apolgy", id="a misspelt field"),
        pytest.param(EN, 'minutes = "every {n} minutes"', "", "every.minutes", id="a missing word"),
        pytest.param(EN, "every {n} minutes", "every {count} minutes", "every.minutes", id="an unknown name in braces"),
        pytest.param(EN, 'service = "the Customer Portal"', "service = 1", "service", id="a number for a text"),
        pytest.param(EN, '"December"]', "]", "time.months", id="eleven months"),
        pytest.param(EN, 'resolved = "Resolved"', 'closed = "Closed"', "status.closed", id="an unknown status"),
        pytest.param(INTERNAL, "words = [", "wrods = [", "wrods", id="a misspelt list"),
        pytest.param(INTERNAL, '"[a-z]+[0-9]+-[a-z0-9-]+"', '"(?=x)"', "patterns", id="a pattern that RE2 lacks"),
        pytest.param(INTERNAL, '"[a-z]+[0-9]+-[a-z0-9-]+"', '"x*"', "patterns", id="a pattern that fits everything"),
        pytest.param("features.toml", 'title = "billing"', 'titel = "billing"', "titel", id="a misspelt title"),
        pytest.param(
            "features.toml", 'title = "billing"', 'title = "WHMCS"', "title", id="a name of a system for customers"
        ),
        pytest.param(
            "features.toml", "see your bills", "reach the server", "fails", id="a word of the trade for customers"
        ),
        pytest.param(
            "scenarios/platform_events.toml", 'delays = "Ordering"', 'delays = "Orders"', "delays", id="no such feature"
        ),
        pytest.param("features.toml", "[feature.customers.en]", "[feature.customers.de]", "de", id="no such language"),
    ],
)
def test_a_mistake_in_the_words_is_named(team_folder: Path, file: str, old: str, new: str, place: str) -> None:
    line = change(team_folder / file, old, new)
    with pytest.raises(RunbookError) as caught:
        runbook.load(team_folder)
    assert str(team_folder / file) in str(caught.value)
    assert place in str(caught.value)
    if new and place not in ("patterns",):
        assert f"line {line}" in str(caught.value)


@pytest.mark.parametrize("name", ["messages/ja/customer.j2", EN, INTERNAL])
def test_a_missing_file_of_messages_is_named_with_where_to_copy_it_from(team_folder: Path, name: str) -> None:
    (team_folder / name).unlink()
    with pytest.raises(RunbookError, match=r"missing\. Copy it from"):
        runbook.load(team_folder)


def test_a_template_that_is_no_text_is_named(team_folder: Path) -> None:
    path = team_folder / "messages" / "en" / "internal.j2"
    path.write_bytes(b"one\n\xff\n")
    with pytest.raises(RunbookError, match=r"internal\.j2: line 2 is not UTF-8"):
        runbook.load(team_folder)


def test_a_language_of_the_teams_own_is_a_folder(team_folder: Path) -> None:
    shutil.copytree(team_folder / "messages" / "en", team_folder / "messages" / "de")
    change(team_folder / "messages" / "de" / "words.toml", "the Customer Portal", "das Kundenportal")
    book = runbook.load(team_folder)
    assert list(book.messages.languages) == ["de", "en", "ja"]
    assert book.messages.languages["de"].words["service"] == "das Kundenportal"


def test_a_runbook_without_messages_has_ours(team_folder: Path) -> None:
    shutil.rmtree(team_folder / "messages")
    book = runbook.load(team_folder)
    assert book.messages.languages["en"].folder == OURS / "messages" / "en"
    assert OURS / "messages" in book.borrowed
    assert book.files()[Path(EN)] == OURS / EN


def test_a_run_keeps_the_messages_of_its_runbook(team_folder: Path) -> None:
    names = {str(path) for path in runbook.load(team_folder).files()}
    assert {
        INTERNAL,
        EN,
        *(f"messages/{language}/{name}.j2" for language in ("en", "ja") for name in TEMPLATES),
    } <= names


def test_the_vendors_of_a_team_are_not_named_to_customers(team_folder: Path) -> None:
    change(team_folder / "dependencies.toml", 'title = "Freebit"', 'title = "Kanagawa Mobile"')
    words = runbook.load(team_folder).messages.words
    assert internal_words_in("Kanagawa Mobile does not answer", words) == ["Kanagawa Mobile"]


def test_every_feature_has_a_title_for_customers_in_every_language() -> None:
    book = runbook.load()
    for feature in book.features:
        assert list(feature.customers) == list(book.messages.languages)
        for customers in feature.customers.values():
            assert customers.title
            assert set(customers.noticed) <= set(NOTICED)
