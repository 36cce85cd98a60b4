"""How many of customers' requests failed or did not come, in the worst span of a given length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incident_kit.logs.reading import Records
from incident_kit.model.finding import Line

QUERY = "failing_spans"
EVERYTHING = ""
# What came in so long before a span says how much was due in it.
RECENT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FailingSpan:
    """A span that begins at `since`: how many requests ended in it, and how many of them failed or were aborted.

    `name` is a feature's, or empty for all requests of customers. `due` is how many would have come as before; 0 where
    that is not known. A span that is not `whole` goes on beyond the evidence. `reached_since` is when the first whole
    span of this name began in which the share was reached that was asked for, `bad_since` when the first request ended
    that failed in it; None where there is none. `lines` are some requests of this span, those that failed first.
    """

    name: str
    whole: bool
    since: datetime
    reached_since: datetime | None
    bad_since: datetime | None
    n: int
    bad: int
    due: int
    lines: tuple[Line, ...]

    @property
    def of(self) -> int:
        """The requests that came or were due, whichever are more."""
        return max(self.n, self.due)

    @property
    def missing(self) -> int:
        return self.of - self.n

    @property
    def began(self) -> datetime:
        """When what is counted here began, as far as is known."""
        return self.bad_since or self.reached_since or self.since

    @property
    def not_well(self) -> int:
        """The requests that failed, were aborted or did not come."""
        return self.bad + self.missing


def failing_spans(
    records: Records, routes: Mapping[str, Iterable[str]], lasting: timedelta, share: float, at_least: int
) -> dict[tuple[str, bool], FailingSpan]:
    """The worst span of each name, by the name and whether it is whole. A name without requests is not there.

    `routes` are those of each name; the name `EVERYTHING` has all those that customers ask for. What may be reached is
    a `share` of `at_least` so many requests.
    """
    extent = records.query("matching_requests")[0]
    pairs = [(name, route) for name, of_name in sorted(routes.items()) for route in sorted(of_name)]
    if not extent["n"] or not pairs:
        return {}
    ends = [(account.item, _naive(account.last)) for account in records.accounting() if account.last]
    rows = records.query(
        QUERY,
        names=[name for name, _ in pairs],
        routes=[route for _, route in pairs],
        items=[item for item, _ in ends],
        last=[last for _, last in ends],
        first=_naive(extent["first"]),
        lasting_s=lasting // timedelta(seconds=1),
        share=share,
        at_least=at_least,
        recent_s=RECENT // timedelta(seconds=1),
    )
    return {(row["name"], row["whole"]): _span(**row) for row in rows}


def _span(places: list[Mapping[str, object]], **row: object) -> FailingSpan:
    lines = tuple(Line(str(place["item"]), int(str(place["line"]))) for place in places)
    return FailingSpan(**row, lines=lines)  # type: ignore[arg-type]  # the columns of the query


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
