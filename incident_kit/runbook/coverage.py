"""Coverage: what the evidence could have shown, by source, kind and time. No verdict outruns it.

A check names the capabilities it needs; `Coverage.missing` says why they are not there. What the logs do not hold is
never ruled out by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from incident_kit.analysis.episodes import step_width
from incident_kit.analysis.holes import Hole, holes
from incident_kit.logs.accounting import Account
from incident_kit.logs.reading import Records
from incident_kit.model.times import Window, iso


class Capability(StrEnum):
    """Something that evidence can show."""

    REQUESTS = "completed requests"
    STATUSES = "the statuses of requests"
    DURATIONS = "the durations of requests"
    CLIENTS = "the clients of requests"
    ACCOUNTS = "the accounts of sign-ins"
    SIZES = "the sizes of answers"
    APPLICATION = "what the portal itself logs"


# The counts of `coverage.sql` that a capability rests on, and what a log without it is.
COUNTED = {
    Capability.REQUESTS: "requests",
    Capability.STATUSES: "answered",
    Capability.DURATIONS: "timed",
    Capability.CLIENTS: "with_client",
    Capability.ACCOUNTS: "with_account",
    Capability.SIZES: "with_size",
}
ABSENT = {
    Capability.REQUESTS: "the logs hold no completed request in the window",
    Capability.STATUSES: "the logs do not say how requests were answered",
    Capability.DURATIONS: "the logs say no durations of requests: give a log that does",
    Capability.CLIENTS: "the logs name no client",
    Capability.ACCOUNTS: "sign-ins in these logs name no account, so those of one account cannot be told from others",
    Capability.SIZES: "the logs do not say how large answers were",
}
# Loggers of Node: what they write may be the portal's. Proxies, mail servers and sshd write in other forms.
OF_APPLICATIONS = (
    "bunyan", "debug", "ecs", "log4js", "logstash", "nest", "node", "pino", "pm2", "prisma", "winston",
)  # fmt: skip
# So many of a hundred requests must say it, before anything is ruled out by what they say.
MOST_OF_THEM = 0.5
# A log of which more than this nobody could read rules out nothing.
MOST_UNPARSED = 0.02
MOST_HOLES_NAMED = 2
# Shorter than this, the end of a log may miss the end of the window without being noticed.
EDGE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """What one source says: counts by kind, from when to when, and how much of it nobody could read."""

    item: str
    origin: str
    formats: tuple[str, ...]
    first: datetime
    last: datetime
    counts: Mapping[str, int]
    unparsed: int
    lines: int

    @property
    def speaks(self) -> bool:
        """Whether it says what goes on inside the portal, and not only which requests were completed."""
        return (
            any(name.split("-")[0] in OF_APPLICATIONS for name in self.formats)
            and self.counts["spoken"] > 0
            and any(self.counts[name] for name in ("of_systems", "with_logger", "with_error", "with_id"))
        )

    @property
    def per_minute(self) -> float:
        """How many records a minute it has."""
        return self.counts["records"] / max(1.0, (self.last - self.first) / timedelta(minutes=1))

    def to_json(self) -> dict[str, Any]:
        """As `triage --json` prints it."""
        return {
            "item": self.item,
            "origin": self.origin,
            "formats": list(self.formats),
            "first": iso(self.first),
            "last": iso(self.last),
            "per_minute": round(self.per_minute, 1),
            "of_the_portal": self.speaks,
            "unparsed": self.unparsed,
            "lines": self.lines,
            **self.counts,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the logs could have shown over a window.

    `request_holes` are times without requests where some were due, `portal_holes` times without any record of the
    portal. `damages` say what of a source could not be read.
    """

    window: Window
    sources: tuple[SourceCoverage, ...]
    request_holes: tuple[Hole, ...]
    portal_holes: tuple[Hole, ...]
    damages: tuple[str, ...]

    def count(self, name: str) -> int:
        """How many records of a kind there are in all sources."""
        return sum(source.counts[name] for source in self.sources)

    def missing(self, capability: Capability) -> str:
        """Why the logs could not show it, whatever happened; empty if they could."""
        if not self.sources:
            return "the evidence holds no dated record in the window"
        if capability is Capability.APPLICATION:
            if any(source.speaks for source in self.sources):
                return ""
            if self.count("spoken"):
                return "the logs are not those of the portal: give the log that the BFF itself writes"
            return "the logs hold only completed requests, and say nothing of what goes on inside the portal"
        counted = self.count(COUNTED[capability])
        if not counted:
            return ABSENT[capability]
        requests = self.count("requests")
        if capability in (Capability.STATUSES, Capability.DURATIONS) and counted < MOST_OF_THEM * requests:
            return f"only {counted:,} of {requests:,} requests say it: {capability}"
        return ""

    def gap(self, capability: Capability) -> str:
        """Why the logs do not cover the whole window with it; empty if they do."""
        relevant = [
            source
            for source in self.sources
            if (source.speaks if capability is Capability.APPLICATION else source.counts[COUNTED[capability]])
        ]
        if not relevant:
            return self.missing(capability)
        holes_in_it = self.portal_holes if capability is Capability.APPLICATION else self.request_holes
        if holes_in_it:
            return "; ".join(map(self._named, holes_in_it[:MOST_HOLES_NAMED]))
        if self.damages:
            return self.damages[0]
        for source in relevant:
            if source.unparsed > MOST_UNPARSED * source.lines:
                return f"{source.origin}: {source.unparsed:,} of {source.lines:,} lines could not be read"
        return ""

    def _named(self, hole: Hole) -> str:
        window, due = hole.window, f"where about {hole.expected:.0f} were due"
        if window.since <= self.window.since:
            return (
                f"the evidence begins at {window.until:%H:%M:%S} UTC, after the window does "
                f"({self.window.since:%H:%M:%S})"
            )
        if window.until >= self.window.until:
            return (
                f"the evidence ends at {window.since:%H:%M:%S} UTC, before the window does "
                f"({self.window.until:%H:%M:%S})"
            )
        return f"nothing was logged from {window.since:%H:%M:%S} to {window.until:%H:%M:%S} UTC, {due}"

    def to_json(self) -> dict[str, Any]:
        """As `triage --json` prints it."""
        return {
            "window": self.window.to_json(),
            "sources": [source.to_json() for source in self.sources],
            "missing": {capability.name.lower(): self.missing(capability) for capability in Capability},
            "request_holes": [_hole_json(hole) for hole in self.request_holes],
            "portal_holes": [_hole_json(hole) for hole in self.portal_holes],
            "damages": list(self.damages),
        }


def coverage_of(records: Records, window: Window, accounts: Sequence[Account]) -> Coverage:
    """What these records could show over a window."""
    rows = [row for row in records.query("coverage") if row["first"]]
    by_item = {account.item: account for account in accounts}
    sources = tuple(_source(row, by_item[row["item"]]) for row in rows)
    if not rows:
        return Coverage(window, sources, (), (), _damages(accounts))
    first, last = min(row["first"] for row in rows), max(row["last"] for row in rows)
    width = step_width(last - first)
    portal = [row["source"] for row, source in zip(rows, sources, strict=True) if source.speaks]
    steps = records.query("records_by_step", step_us=width // timedelta(microseconds=1), sources=portal)
    of_requests, of_portal = (
        tuple(holes({row["step"]: row[name] for row in steps}, first, width, window))
        for name in ("requests", "records")
    )
    return Coverage(window, sources, of_requests, of_portal, _damages(accounts))


def _source(row: Mapping[str, Any], account: Account) -> SourceCoverage:
    names = [name for name, value in row.items() if isinstance(value, int) and name != "source"]
    return SourceCoverage(
        item=row["item"],
        origin=account.origin,
        formats=tuple(row["formats"]),
        first=row["first"],
        last=row["last"],
        counts={name: row[name] for name in names},
        unparsed=account.unparsed,
        lines=account.lines,
    )


def _damages(accounts: Iterable[Account]) -> tuple[str, ...]:
    return tuple(f"{account.origin}: {account.damage}" for account in accounts if account.damage)


def _hole_json(hole: Hole) -> dict[str, Any]:
    return {**hole.window.to_json(), "expected": round(hole.expected)}
