"""What checks may look at. All of it comes from evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from incident_kit.analysis.changes import Change, drifts, failures, refusals, traffic
from incident_kit.analysis.episodes import NOTHING, Series, Step, added, step_width
from incident_kit.evidence.journal import Entry, standing
from incident_kit.logs.accounting import Account
from incident_kit.logs.rates import Bucket, calls_by_bucket, requests_by_bucket
from incident_kit.logs.reading import Records
from incident_kit.logs.signs import SignCount
from incident_kit.logs.sql import quoted
from incident_kit.model.answer import StoredAnswer
from incident_kit.model.finding import Finding, Line
from incident_kit.model.patterns import compiled
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Runbook
from incident_kit.runbook.coverage import Coverage, coverage_of
from incident_kit.timeline.impact import Impact, impact_of

NO_ROUTE = "[^\\s\\S]"


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many requests on a route ended with a status in one minute.

    `status` is None for aborted ones. `first` and `last` are when the first and the last of them ended.
    """

    start: datetime
    route: str
    status: int | None
    n: int
    first: datetime
    last: datetime

    @property
    def bad(self) -> bool:
        """Failed or aborted."""
        return self.status is None or self.status >= 500


class Case:
    """The evidence of one incident, as checks ask it: records, window, journal and stored answers.

    Beside it stand the runbook's signs, features, probes and Sigma rules. What several checks ask is asked once.
    """

    def __init__(
        self,
        records: Records,
        window: Window,
        book: Runbook,
        journal: Sequence[Entry] = (),
        answers: Sequence[StoredAnswer] = (),
    ) -> None:
        self.records, self.window, self.journal, self.answers = records, window, standing(journal), answers
        self.features, self.sigma_rules, self._signs = book.features, book.sigma_rules, book.signs
        # The pattern of routes that only machines ask for, which watch the portal: they are no customers.
        self.probes = f"(?i){book.probes}" if book.probes else NO_ROUTE
        # The questions that the check asks for the answers to: `examine` empties it before each.
        self.asked: set[str] = set()
        self.buckets = cache(self._buckets)

    @cached_property
    def items(self) -> tuple[str, ...]:
        """The ids of the logs in the evidence."""
        return tuple(source.id for source in self.records.sources)

    def _buckets(self, width: timedelta) -> list[Bucket]:
        return requests_by_bucket(self.records, width)

    @cached_property
    def calls(self) -> list[Bucket]:
        """Calls to outside systems by minute."""
        return calls_by_bucket(self.records, timedelta(minutes=1))

    @cached_property
    def accounts(self) -> list[Account]:
        """What became of every line, for each log."""
        return self.records.accounting()

    @cached_property
    def statuses(self) -> list[StatusCount]:
        """Finished requests by minute, route and status."""
        return [StatusCount(**row) for row in self.records.query("statuses")]

    @cached_property
    def coverage(self) -> Coverage:
        """What the logs could have shown, and what not."""
        return coverage_of(self.records, self.window, self.accounts)

    @cached_property
    def customers(self) -> Mapping[str, Any]:
        """How many requests customers made, how many are timed, and the times of the first and the last."""
        return self.records.query("requests_of_customers", probes=self.probes)[0]

    @cached_property
    def traffic(self) -> Mapping[str | None, Series]:
        """Requests of customers in steps from the first of them on: of all routes (None) and by route."""
        first, last = self.customers["first"], self.customers["last"]
        if first is None:
            return {}
        width = step_width(last - first)
        rows = self.records.query("requests_by_step", probes=self.probes, step_us=width // timedelta(microseconds=1))
        return _series(rows, first, width, (last - first) // width + 1)

    def traffic_of(self, feature: str) -> Series | None:
        """The requests of a feature's routes, or of all routes; None if there are none."""
        if not feature:
            return self.traffic.get(None)
        return added([series for name, series in self.traffic.items() if name and self.belongs(name, feature)])

    @cached_property
    def calls_in_steps(self) -> Mapping[str | None, Series]:
        """Timed calls to outside systems in the steps of `traffic`, by system."""
        every = self.traffic.get(None)
        if every is None:
            return {}
        rows = self.records.query(
            "calls_by_step",
            first=every.first.astimezone(UTC).replace(tzinfo=None),
            step_us=every.width // timedelta(microseconds=1),
        )
        return _series([row for row in rows if row["step"] >= 0], every.first, every.width, len(every.steps))

    @cached_property
    def changes(self) -> list[Change]:
        """What differs from the logs' own past, whether or not the runbook has a name for it."""
        every = self.traffic.get(None)
        if every is None:
            return []
        routes = [series for name, series in self.traffic.items() if name]
        return [
            *traffic(every, self.coverage.request_holes, self.window),
            *refusals(self.refusals(()).values()),
            *failures([*routes, *self._asked_in_steps("clients_by_step").values()]),
            *drifts([every, *routes]),
        ]

    def refusals(self, statuses: Sequence[int]) -> Mapping[str | None, Series]:
        """Requests of customers in steps, those that were refused with one of these statuses (or 4xx) as bad ones."""
        return self._asked_in_steps("refusals_by_step", statuses=list(statuses)) if self.traffic else {}

    def _asked_in_steps(self, query: str, **parameters: object) -> Mapping[str | None, Series]:
        every = self.traffic[None]
        rows = self.records.query(
            query,
            probes=self.probes,
            first=every.first.astimezone(UTC).replace(tzinfo=None),
            step_us=every.width // timedelta(microseconds=1),
            **parameters,
        )
        return _series(rows, every.first, every.width, len(every.steps))

    @cached_property
    def sign_counts(self) -> list[SignCount]:
        """What records show of all signs, by second, in the order of time."""
        if not self._signs:
            return []
        patterns = [f"(?is){sign.pattern}" for sign in self._signs]
        cases = " ".join(
            f"WHEN regexp_matches(said, {quoted(pattern)}) THEN {quoted(sign.name)}"
            for sign, pattern in zip(self._signs, patterns, strict=True)
        )
        insert = {"SIGN_OF_IT": f"CASE {cases} END", "ANY_OF_THEM": self._any_sign}
        rows = self.records.query_with("signs_by_second", insert)
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

    @property
    def _any_sign(self) -> str:
        return quoted("|".join(f"(?:(?is){sign.pattern})" for sign in self._signs) or NO_ROUTE)

    @cached_property
    def unclassified(self) -> list[Mapping[str, Any]]:
        """Errors that no sign names, by where and what; the most frequent first."""
        return list(self.records.query_with("unclassified_errors", {"ANY_OF_THEM": self._any_sign}))

    @cached_property
    def extent(self) -> Mapping[str, Any]:
        """How many records are no completions of requests, and the times of the first and last of all."""
        return self.records.query("spoken")[0]

    @cached_property
    def impact(self) -> Impact:
        """Since when, until when and who is suspected, as the requests say."""
        return impact_of(self.records, self.window)

    def impact_with(self, findings: Sequence[Finding]) -> Impact:
        """The same, of which findings tell what is too young to be an onset."""
        if self.impact.onset is None:
            self.impact = impact_of(self.records, self.window, findings)
        return self.impact

    def signs(self, names: Sequence[str], feature: str = "") -> list[SignCount]:
        """What records show of these signs, on the routes of a feature or everywhere.

        `redis.` stands for all signs that begin so.
        """
        return [
            count
            for count in self.sign_counts
            if stands_for(count.sign, names) and (not feature or self.belongs(count.route, feature))
        ]

    def title(self, name: str) -> str:
        """The title of a sign."""
        return next(sign.title for sign in self._signs if sign.name == name)

    def belongs(self, route: str, feature: str) -> bool:
        """Whether a route is one of a feature's."""
        return any(
            compiled(candidate.routes, ignore_case=True).search(route)
            for candidate in self.features
            if candidate.name == feature
        )

    def routes(self, feature: str) -> tuple[str, ...]:
        """The routes of a feature that were asked for."""
        return tuple(sorted({row.route for row in self.statuses if self.belongs(row.route, feature)}))

    @cached_property
    def asked_routes(self) -> tuple[str, ...]:
        """The routes that customers asked for."""
        return tuple(sorted(name for name in self.traffic if name))

    def answers_to(self, question: str) -> list[StoredAnswer]:
        """The answers to this question, in the order of time."""
        self.asked.add(question)
        return [stored for stored in self.answers if stored.answer.question == question]

    def last(self, question: str) -> StoredAnswer | None:
        """The last answer to this question; None if it was never asked."""
        return next(iter(reversed(self.answers_to(question))), None)


def stands_for(sign: str, names: Sequence[str]) -> bool:
    """Whether a sign is one of these; a name that ends with a dot stands for all that begin so."""
    return any(sign == name or (name.endswith(".") and sign.startswith(name)) for name in names)


def _series(
    rows: Sequence[Mapping[str, Any]], first: datetime, width: timedelta, count: int
) -> Mapping[str | None, Series]:
    """Rows of `..._by_step` as series of `count` steps, by name."""
    steps: dict[str | None, list[Step]] = {}
    for row in rows:
        series = steps.setdefault(row["name"], [NOTHING] * count)
        if row["step"] < count:
            series[row["step"]] = Step(row["n"], row["bad"], row["total_us"], row["timed"])
    return {name: Series(name, first, width, tuple(series)) for name, series in steps.items()}
