"""Messages on the recorded incidents, as text a person can read: during the incident, and when it is over.

`python -m tests.updates_of_recordings` writes `tests/view/updates/NAME.LANGUAGE.txt` anew; `test_messages.py` compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from incident_kit import runbook
from incident_kit.app.facts import facts_of_evidence
from incident_kit.evidence.journal import Entry, Kind
from incident_kit.evidence.store import open_evidence
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, State, state_of
from incident_kit.incident.updates import Update, for_customers, update_of
from incident_kit.model.times import Window
from incident_kit.view.messages import TARGETS, message

RECORDED = Path(__file__).parent / "recorded"
TEXTS = Path(__file__).parent / "view" / "updates"
BOOK = runbook.load()
TOKYO = ZoneInfo("Asia/Tokyo")
LANGUAGES = ("en", "ja")
# The recordings whose messages are kept as text: what they are called, and how bad people say they are.
KEPT = {
    "whmcs_refused": ("Payments fail", "P2"),
    "platform_events_silent": ("Orders stay in review", "P2"),
    "redis_gone": ("Nobody can sign in", "P1"),
}
CADENCE = {"P1": timedelta(minutes=30), "P2": timedelta(hours=1)}
# Every recording's fault begins within five minutes and lasts for five.
DURING = timedelta(minutes=8)
LINE = "\n" + "-" * 20 + " {} " + "-" * 20 + "\n"


def recordings() -> list[str]:
    return sorted(path.parent.name for path in RECORDED.glob("*/truth.json"))


@cache
def facts(recording: str, during: bool = False) -> Facts:
    """The facts of a recording: of all of it, or of its first minutes."""
    evidence = open_evidence(RECORDED / recording)
    window = evidence.window()
    return facts_of_evidence(evidence, BOOK, window=Window(window.since, window.since + DURING) if during else window)


def entry(line: int, kind: str, text: str, happened: datetime, /, **data: object) -> Entry:
    """An entry of a journal that nobody wrote to a file."""
    return Entry(line, kind, text, happened, happened, "alice", data)


def played(title: str, severity: str, until: datetime, *, over: bool) -> State:
    """The state of an incident that people worked on in the minutes before."""
    entries = [
        entry(1, Kind.OPENED, title, until - timedelta(minutes=5), source="customer"),
        entry(2, Kind.SEVERITY, "", until - timedelta(minutes=4), level=severity),
        entry(3, Kind.ACTION, "called the on-call engineer", until - timedelta(minutes=3)),
    ]
    if over:
        entries += [
            entry(4, Kind.COMMUNICATED, "...", until - timedelta(minutes=2), audience="internal"),
            entry(5, Kind.MILESTONE, "", until - timedelta(minutes=1), milestone="resolved"),
        ]
    return state_of(entries)


def update(recording: str, audience: Audience, language: str, *, over: bool, state: State | None = None) -> Update:
    """The update of a recording, one minute after its evidence ends."""
    known = facts(recording, not over)
    assert known.window
    now = known.window.until + timedelta(minutes=1)
    title, severity = KEPT.get(recording, (recording, "P2"))
    state = state or played(title, severity, now, over=over)
    made = update_of(state, known, BOOK, title, audience, severity, now, CADENCE[severity])
    if audience is Audience.CUSTOMER:
        made, _ = for_customers(made, state, language, BOOK.messages.words)
    return made


def text_of(made: Update, language: str, target: str = "text") -> str:
    return message(made, BOOK.messages.languages[language], TARGETS[target], TOKYO)


def kept_texts(recording: str, language: str) -> str:
    """The messages of a recording, one behind the other."""
    shown: Sequence[tuple[str, Audience, bool]] = (
        ("to the team, during", Audience.INTERNAL, False),
        ("to the team, over", Audience.INTERNAL, True),
        ("to customers, during", Audience.CUSTOMER, False),
        ("to customers, over", Audience.CUSTOMER, True),
    )
    return "".join(
        LINE.format(heading) + text_of(update(recording, audience, language, over=over), language)
        for heading, audience, over in shown
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    for name in KEPT:
        for language in LANGUAGES:
            (TEXTS / f"{name}.{language}.txt").write_text(kept_texts(name, language), encoding="utf-8")
            print(name, language)
