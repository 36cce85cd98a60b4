"""Silences: whether something that happened now and then has stopped, by how often it had happened before.

Where things happen independently of each other, at a rate of r a minute, a silence of t minutes is as likely as
exp(-r t). So the number of events that were expected in the silence says how unusual it is: 12 expected and none seen
is one in 160,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Fewer events before it tell no rhythm.
LEAST_BEFORE = 10


@dataclass(frozen=True, slots=True)
class Silence:
    """A time without events, and how many were expected in it.

    `ended` is False if it lasts to the end of what was seen.
    """

    since: datetime
    until: datetime
    expected: float
    ended: bool

    @property
    def length(self) -> timedelta:
        return self.until - self.since


def longest_silence(bursts: Sequence[tuple[datetime, datetime, int]], until: datetime) -> Silence | None:
    """The most unusual silence between bursts of events (first, last, how many), up to `until`.

    None if no rhythm is known. Each silence is compared with the rate from the first event to its own beginning.
    """
    worst: Silence | None = None
    n = 0
    for place, (_, last, count) in enumerate(bursts):
        n += count
        begun = bursts[0][0]
        if n < LEAST_BEFORE or last <= begun:
            continue
        ended = place + 1 < len(bursts)
        end = bursts[place + 1][0] if ended else max(until, last)
        expected = (n - 1) * ((end - last) / (last - begun))
        if worst is None or expected > worst.expected:
            worst = Silence(last, end, expected, ended)
    return worst
