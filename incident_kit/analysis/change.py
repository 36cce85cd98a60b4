"""Requests, calls and errors before and after an onset, counted by what they have in common.

A request is affected if it failed or was aborted, and where the onset is one of latency, also if it took longer than
nineteen in twenty of its route did before; a call likewise, by its system. The excess is how many more requests are
affected after than there would be if nothing had changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from incident_kit.analysis.onset import Onset
from incident_kit.logs.reading import Records

# The onset is looked at, not all that came after it.
AFTER = timedelta(hours=1)
# A group's own share before counts for little until it has this many requests; the share of all stands in.
GUESS = 20


@dataclass(frozen=True, slots=True)
class Group:
    """Requests with the same route, host, process or client; or all of them (kind `all`)."""

    kind: str
    name: str
    n_before: int
    affected_before: int
    bad_before: int
    median_us_before: int | None
    n_after: int
    affected_after: int
    bad_after: int
    median_us_after: int | None


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls to a dependency; without a name, the requests that made no call.

    `n_` and `affected_` are of the requests that made them, `explained_` of those affected whose call was, too.
    """

    name: str | None
    n_before: int
    affected_before: int
    explained_before: int
    n_after: int
    affected_after: int
    explained_after: int
    calls_before: int
    affected_calls_before: int
    failed_before: int
    median_us_before: int | None
    calls_after: int
    affected_calls_after: int
    failed_after: int
    median_us_after: int | None


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors that were logged in one place with one pattern.

    `requests_` are those they belong to, where records tell.
    """

    dependency: str
    place: str
    kind: str
    pattern: str
    n_before: int
    requests_before: int
    n_after: int
    requests_after: int


@dataclass(frozen=True, slots=True)
class Start:
    """The application has started, as process `process` (host and pid)."""

    moment: datetime
    process: str


@dataclass(frozen=True, slots=True)
class Change:
    """What there was before and after an onset."""

    onset: Onset
    minutes_before: float
    minutes_after: float
    everything: Group
    groups: tuple[Group, ...]
    calls: tuple[Calls, ...]
    errors: tuple[Errors, ...]
    starts: tuple[Start, ...]

    @property
    def usual(self) -> float:
        """The share of requests that was affected before; none seen is not never."""
        return (self.everything.affected_before + 0.5) / (self.everything.n_before + 1)

    @property
    def expected(self) -> float:
        """How many requests would be affected after without a change."""
        return self.everything.n_after * self.usual

    @property
    def excess(self) -> float:
        """How many more are."""
        return self.everything.affected_after - self.expected

    def excess_of(self, n_before: int, affected_before: int, n_after: int, affected_after: int) -> float:
        """The excess of some of the requests."""
        return affected_after - n_after * (affected_before + GUESS * self.usual) / (n_before + GUESS)

    def share(self, excess: float) -> float:
        """The part of the whole excess that this is, 0 to 1."""
        return max(0.0, min(1.0, excess / self.excess))

    def rest(self, n_after: int, excess: float) -> float:
        """Of the other requests: the share that is affected in excess; none seen is not never."""
        others = self.everything.n_after - n_after
        return max(self.excess - excess, 0.5) / others if others > 0 else 0.0

    def of(self, kind: str) -> list[Group]:
        """The groups of a kind, the most affected first."""
        return [group for group in self.groups if group.kind == kind]

    def spread(self) -> float:
        """The part of the excess that is spread over routes as requests are.

        1 if all suffer alike, near 0 if one suffers alone.
        """
        routes = [
            (route.n_after, self.excess_of(route.n_before, route.affected_before, route.n_after, route.affected_after))
            for route in self.of("route")
        ]
        n, excess = sum(count for count, _ in routes), sum(max(more, 0.0) for _, more in routes)
        return sum(min(max(more, 0.0) / excess, count / n) for count, more in routes) if n and excess else 0.0


def change_at(records: Records, onset: Onset) -> Change | None:
    """Requests asked in the onset's normal window, and those asked from the onset to the recovery (an hour at most).

    None without both.
    """
    normal, slow = onset.normal, onset.measure != "errors"
    requests = records.query("matching_requests")[0]
    if not requests["n"] or requests["last"] <= onset.began.likeliest:
        return None
    sides = sides_of(onset, requests["last"])
    groups = [Group(**row) for row in records.query("change_by_group", slow=slow, **sides)]
    everything = next((group for group in groups if group.kind == "all"), None)
    if everything is None or not everything.n_before or not everything.n_after:
        return None
    return Change(
        onset,
        minutes_before=(normal.until - max(normal.since, requests["first"])) / timedelta(minutes=1),
        minutes_after=(sides["until"] - sides["since"]) / timedelta(minutes=1),
        everything=everything,
        groups=tuple(groups),
        calls=tuple(Calls(**row) for row in records.query("change_by_dependency", slow=slow, **sides)),
        errors=tuple(Errors(**row) for row in records.query("change_by_error", **sides)),
        starts=tuple(Start(row["ts"], _process(row)) for row in records.query("starts")),
    )


def sides_of(onset: Onset, last: datetime) -> dict[str, datetime]:
    """The normal window and what followed the onset, as the questions `change_by_...` compare them."""
    until = min(
        onset.began.likeliest + AFTER,
        onset.recovered.likeliest if onset.recovered else last + timedelta(milliseconds=1),
    )
    bounds = {
        "normal_since": onset.normal.since,
        "normal_until": onset.normal.until,
        "since": onset.began.likeliest,
        "until": until,
    }
    return {name: _naive(bound) for name, bound in bounds.items()}


def _process(row: Mapping[str, Any]) -> str:
    """As `change_by_group` names a process."""
    return " ".join(part for part in (row["host"], f"pid {row['pid']}" if row["pid"] is not None else "") if part)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
