"""What checks may look at. All of it comes from evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any

from incident_kit.evidence.journal import Entry, standing
from incident_kit.logs.accounting import Account
from incident_kit.logs.rates import Bucket, calls_by_bucket, requests_by_bucket
from incident_kit.logs.reading import Records
from incident_kit.logs.signs import Sign, SignCount, shown
from incident_kit.model.answer import StoredAnswer
from incident_kit.model.finding import Finding
from incident_kit.model.patterns import compiled
from incident_kit.model.times import Window
from incident_kit.runbook.contents import Feature
from incident_kit.runbook.sigma_rules import Rule
from incident_kit.timeline.impact import Impact, impact_of


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

    Beside it stand the runbook's signs, features and Sigma rules. What several checks ask is asked once.
    """

    def __init__(
        self,
        records: Records,
        window: Window,
        journal: Sequence[Entry] = (),
        answers: Sequence[StoredAnswer] = (),
        signs: Sequence[Sign] = (),
        features: Sequence[Feature] = (),
        sigma_rules: Sequence[Rule] = (),
    ) -> None:
        self.records, self.window, self.journal, self.answers, self.features = (
            records,
            window,
            standing(journal),
            answers,
            features,
        )
        self._signs, self.sigma_rules = signs, sigma_rules
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
    def sign_counts(self) -> list[SignCount]:
        """What records show of all signs, in the order of time."""
        return shown(self.records, self._signs)

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

    def answers_to(self, question: str) -> list[StoredAnswer]:
        """The answers to this question, in the order of time."""
        return [stored for stored in self.answers if stored.answer.question == question]

    def last(self, question: str) -> StoredAnswer | None:
        """The last answer to this question; None if it was never asked."""
        return next(iter(reversed(self.answers_to(question))), None)


def stands_for(sign: str, names: Sequence[str]) -> bool:
    """Whether a sign is one of these; a name that ends with a dot stands for all that begin so."""
    return any(sign == name or (name.endswith(".") and sign.startswith(name)) for name in names)
