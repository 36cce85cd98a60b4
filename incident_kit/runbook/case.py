"""What checks may look at. All of it comes from evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any

from incident_kit.evidence.journal import Entry
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
class Answered:
    """How many requests on a route were answered with a status (None: aborted) in one minute; `first` and `last` are their ends."""

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
    """Records, the window, the journal, answers of live systems, and the runbook's signs, features and Sigma rules. What several checks ask is asked once."""

    def __init__(
        self, records: Records, window: Window, journal: Sequence[Entry] = (), answers: Sequence[StoredAnswer] = (), signs: Sequence[Sign] = (), features: Sequence[Feature] = (),
        sigma_rules: Sequence[Rule] = (),
    ) -> None:  # fmt: skip
        self.records, self.window, self.journal, self.answers, self.features = (
            records,
            window,
            journal,
            answers,
            features,
        )
        self._signs, self.sigma_rules = signs, sigma_rules
        self.buckets = cache(self._buckets)

    @cached_property
    def items(self) -> tuple[str, ...]:
        return tuple(source.id for source in self.records.sources)

    def _buckets(self, width: timedelta) -> list[Bucket]:
        return requests_by_bucket(self.records, width)

    @cached_property
    def calls(self) -> list[Bucket]:
        """Calls to outside systems by minute."""
        return calls_by_bucket(self.records, timedelta(minutes=1))

    @cached_property
    def accounts(self) -> list[Account]:
        return self.records.accounting()

    @cached_property
    def statuses(self) -> list[Answered]:
        return [Answered(**row) for row in self.records.query("statuses")]

    @cached_property
    def shown(self) -> list[SignCount]:
        """What records show of all signs, in the order of time."""
        return shown(self.records, self._signs)

    @cached_property
    def spoken(self) -> Mapping[str, Any]:
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
        """What records show of these signs (`redis.` are all that begin so), on the routes of a feature or everywhere."""
        return [
            one
            for one in self.shown
            if stands_for(one.sign, names) and (not feature or self.belongs(one.route, feature))
        ]

    def title(self, sign: str) -> str:
        return next(one.title for one in self._signs if one.name == sign)

    def belongs(self, route: str, feature: str) -> bool:
        """Whether a route is one of a feature's."""
        return any(compiled(one.routes, ignore_case=True).search(route) for one in self.features if one.name == feature)

    def routes(self, feature: str) -> tuple[str, ...]:
        """The routes of a feature that were asked for."""
        return tuple(sorted({one.route for one in self.statuses if self.belongs(one.route, feature)}))

    def told(self, question: str) -> list[StoredAnswer]:
        """The answers to this question, in the order of time."""
        return [one for one in self.answers if one.answer.question == question]

    def last(self, question: str) -> StoredAnswer | None:
        """The last answer to this question; None if it was never asked."""
        return next(iter(reversed(self.told(question))), None)


def stands_for(sign: str, names: Sequence[str]) -> bool:
    return any(sign == name or (name.endswith(".") and sign.startswith(name)) for name in names)
