"""Signs: what log records say when something fails, or works, in a way that has a name.

The text a pattern looks at is `dependency | level | logger | error type | error code | message | error message` of a
record; the first sign whose pattern matches is the record's. Completions of requests are looked at only where they
carry an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incident_kit.logs.reading import Records
from incident_kit.logs.sql import quoted
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


def shown(records: Records, signs: Sequence[Sign]) -> list[SignCount]:
    """The signs that records show, in the order of time. None without signs."""
    if not signs:
        return []
    patterns = [f"(?is){sign.pattern}" for sign in signs]
    cases = " ".join(
        f"WHEN regexp_matches(said, {quoted(pattern)}) THEN {quoted(sign.name)}"
        for sign, pattern in zip(signs, patterns, strict=True)
    )
    rows = records.query_with(
        "signs",
        {"SIGN_OF_IT": f"CASE {cases} END", "ANY_OF_THEM": quoted("|".join(f"(?:{pattern})" for pattern in patterns))},
    )
    return [
        SignCount(
            row["sign"],
            row["route"],
            row["start"],
            row["n"],
            row["first"],
            row["last"],
            tuple(Line(place["item"], place["line"]) for place in row["places"]),
        )
        for row in rows
    ]
