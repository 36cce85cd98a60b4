"""Signs: what log records say when something fails, or works, in a way that has a name.

The text a pattern looks at is `dependency | level | logger | error type | error code | message | error message` of a
record; the first sign whose pattern matches is the record's. Completions of requests are looked at only where they
carry an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incident_kit.model.finding import Line


@dataclass(frozen=True, slots=True)
class Sign:
    """A named thing that records may say: an RE2 pattern over their text.

    The name begins with the system it is about: `redis.memory`.
    """

    name: str
    title: str
    pattern: str


@dataclass(frozen=True, slots=True)
class SignCount:
    """A sign in one minute on one route (empty where records name none).

    In how many records, from when to when, and the first of them.
    """

    sign: str
    route: str
    start: datetime
    n: int
    first: datetime
    last: datetime
    lines: tuple[Line, ...]
