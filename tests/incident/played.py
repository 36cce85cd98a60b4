"""An incident played through in a test: entries at minutes after its beginning, and the state they make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from incident_kit.evidence.journal import Entry, Kind
from incident_kit.incident.state import State, state_of
from incident_kit.model.times import iso

# A Monday.
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


class Played:
    """A journal in memory; each function adds an entry at a minute and returns its line."""

    def __init__(self, start: datetime = START) -> None:
        self.entries: list[Entry] = []
        self.start = start

    def add(self, kind: Kind, at_minute: float, text: str = "", **data: Any) -> int:
        line = len(self.entries) + 1
        moment = self.start + timedelta(minutes=at_minute)
        self.entries.append(Entry(line, kind, text, moment, moment, "Aki", data))
        return line

    def opened(self, at_minute: float = 0, text: str = "Top-ups fail") -> int:
        return self.add(Kind.OPENED, at_minute, text)

    def milestone(self, name: str, at_minute: float) -> int:
        return self.add(Kind.MILESTONE, at_minute, milestone=name)

    def severity(self, level: str, at_minute: float) -> int:
        return self.add(Kind.SEVERITY, at_minute, level=level)

    def called(self, level: str, at_minute: float, text: str = "called", to: str = "") -> int:
        return self.add(Kind.ESCALATED, at_minute, text, level=level, to=to)

    def update(self, audience: str, at_minute: float, next_minute: float | None = None) -> int:
        promised = {} if next_minute is None else {"next_update": iso(self.start + timedelta(minutes=next_minute))}
        return self.add(Kind.COMMUNICATED, at_minute, "an update", audience=audience, **promised)

    @property
    def state(self) -> State:
        return state_of(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)
