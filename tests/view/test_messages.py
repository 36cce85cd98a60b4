"""Messages say what a person could send: in two languages, for three places, and nothing noted is markup there."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import mistune
import pytest
import updates_of_recordings as recorded
from updates_of_recordings import BOOK, KEPT, LANGUAGES, TEXTS, entry, text_of, utc

from incident_kit.errors import RunbookError
from incident_kit.evidence.journal import Kind
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, state_of
from incident_kit.incident.updates import Update, update_of
from incident_kit.runbook.contents import Language
from incident_kit.view.messages import TARGETS, message, template_faults

NOW = utc("2026-11-23T16:40:30")
BERLIN = ZoneInfo("Europe/Berlin")
RENDERED = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "task_lists", "footnotes"])
OURS = {"p", "strong", "ul", "li", "br"}
HOSTILE = (
    "*bold* _it_ **b** __u__ ~~gone~~ `code` ``c``",
    "[click](http://evil.example) ![x](http://evil.example/x.png) [ref]: x",
    "<script>alert(1)</script> <b>b</b> &lt; &amp; <!-- c -->",
    "# heading",
    "- item\n- item\n\n1. one",
    "1. one",
    "> quoted",
    "| a | b |\n|---|---|",
    "--- \n===",
    "\\* \\",
    "    indented code",
    "[ ] task [^1]",
    "<!channel> <!here> <@U012> <#C012|general> <https://evil.example|pay>",
    "@here @channel @everyone @alice",
    "line\u2028one\u2029two\x85three\rfour",
)


def noted(text: str, audience: Audience = Audience.INTERNAL) -> Update:
    """An update of an incident whose every field that people write is this text."""
    state = state_of(
        [
            entry(1, Kind.OPENED, text, NOW),
            entry(2, Kind.IMPACT, text, NOW),
            entry(3, Kind.ACTION, text, NOW),
            entry(4, Kind.STEP, text, NOW, scenario="whmcs_unavailable", step=2, outcome="done"),
        ]
    )
    return update_of(state, Facts(), BOOK, text, audience, "P2", NOW, timedelta(hours=1))


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("recording", KEPT)
def test_a_message_says_what_it_said(recording: str, language: str) -> None:
    kept = (TEXTS / f"{recording}.{language}.txt").read_text(encoding="utf-8")
    assert recorded.kept_texts(recording, language) == kept


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_person_noted_is_markup_in_markdown(text: str) -> None:
    page = str(RENDERED(text_of(noted(text), "en", "md")))
    assert set(re.findall(r"</?([a-z0-9]+)", page)) <= OURS
    words = plain(html.unescape(re.sub(r"<[^>]+>", "", page)))
    assert plain(text).replace("@", "\uff20").strip() in words


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_person_noted_is_a_mention_or_a_link_in_slack(text: str) -> None:
    shown = text_of(noted(text), "en", "slack")
    assert "<" not in shown
    assert ">" not in shown
    assert "@" not in shown
    assert plain(text).replace("@", "\uff20").strip() in plain(html.unescape(shown))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\u202eb", "a\u200bb", "a\x00b", "a\x07b"])
def test_what_a_terminal_would_obey_or_an_eye_not_see_is_shown_as_an_escape(text: str, target: str) -> None:
    shown = text_of(noted(text), "en", target)
    assert not set(text) - {"a", "b", "[", "2", "J"} & set(shown)
    assert "x1b" in shown or "u20" in shown or "x0" in shown


@pytest.mark.parametrize("target", TARGETS)
def test_a_note_of_many_lines_stands_on_one(target: str) -> None:
    shown = text_of(noted("first\nStatus: Resolved\n\nNext update: never"), "en", target)
    assert not [line for line in shown.split("\n") if line.startswith(("Status: Resolved", "Next update: never"))]


def test_a_secret_in_a_note_is_masked() -> None:
    shown = text_of(noted("the key is password=hunter2hunter2"), "en")
    assert "hunter2" not in shown
    assert "password=[redacted:secret]" in shown


def test_in_markdown_a_list_does_not_take_in_the_line_behind_it() -> None:
    page = str(RENDERED(text_of(noted("restarted"), "en", "md")))
    assert re.search(r"</ul>\s*<p><strong>Next update:</strong>", page)


def test_labels_are_strong_in_markdown_in_japanese_too() -> None:
    page = str(RENDERED(text_of(noted("restarted"), "ja", "md")))
    assert page.count("<strong>") == 8
    assert "**" not in page


def test_what_is_not_known_is_said_to_be_not_known() -> None:
    made = update_of(state_of([]), Facts(), BOOK, "Payments fail", Audience.INTERNAL, "", NOW, None)
    assert text_of(made, "en") == (
        "Incident update, severity not set: Payments fail\n\n"
        "Severity: Not set.\n"
        "Status: Investigating\n"
        "Impact: Not known yet.\n"
        "- How many requests are affected is not known: no evidence is collected yet.\n"
        "Started: Not known yet.\n"
        "Last update: 2026-11-23 16:40 UTC (2026-11-24 01:40 JST); this is the first\n"
        "Current actions: None noted.\n"
        "Next update: No time is set.\n"
    )


def internal(zone: ZoneInfo, next_update: str) -> str:
    made = replace(noted("restarted"), next_update=utc(next_update))
    text = message(made, BOOK.messages.languages["en"], TARGETS["text"], zone)
    return next(line for line in text.split("\n") if line.startswith("Next update:"))


def test_the_hour_that_comes_twice_is_told_by_its_zone() -> None:
    assert internal(BERLIN, "2026-10-25T00:30:00") == "Next update: 2026-10-25 00:30 UTC (02:30 CEST)"
    assert internal(BERLIN, "2026-10-25T01:30:00") == "Next update: 2026-10-25 01:30 UTC (02:30 CET)"


def test_a_zone_without_letters_is_told_by_its_offset() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    assert internal(zone, "2026-11-23T17:00:00") == "Next update: 2026-11-23 17:00 UTC (14:00 UTC-03:00)"


def test_in_utc_a_time_is_written_once() -> None:
    assert internal(ZoneInfo("UTC"), "2026-11-23T17:00:00") == "Next update: 2026-11-23 17:00 UTC"


def test_a_span_over_the_night_that_clocks_are_put_back_tells_both_hours() -> None:
    hit = recorded.update("whmcs_refused", Audience.INTERNAL, "en", over=True)
    made = replace(hit, affected_from=utc("2026-10-25T00:30:00"), affected_until=utc("2026-10-25T01:30:00"))
    text = message(made, BOOK.messages.languages["en"], TARGETS["text"], BERLIN)
    assert "2026-10-25 00:30 to 01:30 UTC (02:30 CEST to 02:30 CET)" in text


def test_customers_read_their_own_time_alone() -> None:
    text = text_of(recorded.update("whmcs_refused", Audience.CUSTOMER, "en", over=False), "en")
    assert "Since: About 01:27 JST on 24 November 2026\n" in text
    assert "UTC" not in text


def test_customers_are_not_told_that_it_is_over_beyond_what_was_seen() -> None:
    made = recorded.update("whmcs_refused", Audience.CUSTOMER, "en", over=True)
    monitoring = replace(made, status=recorded.played("x", "P2", NOW, over=False).status, ended=None)
    assert "No such problems were seen from then until 01:35 JST." in text_of(monitoring, "en")


def with_template(name: str, text: str) -> Language:
    english = BOOK.messages.languages["en"]
    return replace(english, templates={**english.templates, name: text})


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("one\n{{ update.status", "line 2: not a template"),
        ("one\n{% for %}", "line 2: not a template"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ update.nothing }}", "has no attribute 'nothing'"),
        ("{{ moment(update.title) }}", "does not fit"),
        ("{{ 1 / 0 }}", "division by zero"),
    ],
)
def test_a_mistake_in_a_template_is_named_with_its_file(template: str, fault: str) -> None:
    with pytest.raises(RunbookError) as caught:
        message(noted("restarted"), with_template("internal", template), TARGETS["text"], recorded.TOKYO)
    assert "en/internal.j2" in str(caught.value)
    assert fault in str(caught.value)


def test_a_template_that_fits_only_some_updates_is_named_before_an_incident() -> None:
    assert template_faults(BOOK) == []
    english = with_template("customer", "{% if update.recovered %}{{ nobody }}{% endif %}")
    book = replace(BOOK, messages=replace(BOOK.messages, languages={"en": english}))
    assert [fault.partition("en/customer.j2")[2] for fault in template_faults(book)] == [
        ": the template does not fit what is known of an update: 'nobody' is undefined."
    ]


@pytest.mark.parametrize(
    "template",
    [
        "{{ update.__class__.__mro__ }}",
        "{{ moment.__globals__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ words.update({'service': 'x'}) }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_a_template_reaches_nothing_but_what_it_is_given(template: str) -> None:
    """The runbook of a run that came from elsewhere may hold one."""
    with pytest.raises(RunbookError):
        message(noted("restarted"), with_template("internal", template), TARGETS["text"], recorded.TOKYO)
