"""What a command was asked for: what was typed and what is configured, resolved once into one frozen request."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from incident_kit.config import settings
from incident_kit.config.settings import Configuration
from incident_kit.errors import InputError
from incident_kit.model.source import UNPACKED_LIMIT_BYTES, Hints
from incident_kit.model.times import Window, named_zone, parse_time

REPORTS_VARIABLE = "INCIDENT_KIT_REPORTS"
EVIDENCE_LIMIT_BYTES = 2 << 30
BUDGET_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command line as it was typed. What a command does not take, or nobody typed, stays at its default."""

    logs: tuple[Path, ...] = ()
    since: str = ""
    until: str = ""
    evidence: Path | None = None
    live: bool = False
    env_file: Path | None = None
    budget_s: float = BUDGET_S
    preserve: str = ""
    max_evidence_bytes: int = EVIDENCE_LIMIT_BYTES
    no_cache: bool = False
    reports: Path | None = None
    runbook: str = ""
    zone: str = ""
    log_zone: str = ""
    date_order: str = ""
    max_unpacked_bytes: int = UNPACKED_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Sources:
    """Where evidence comes from: logs, live systems, or a folder of evidence that was collected before.

    `logs` are those that were named; without any, the configured ones are meant. `whole` says whether whole logs are
    kept; None leaves that to the scenario. `limit_bytes` is how much evidence an incident may hold; `cache` whether the
    columns of its logs are kept beside it.
    """

    logs: tuple[Path, ...] = ()
    evidence: Path | None = None
    live: bool = False
    env_file: Path | None = None
    budget_s: float = BUDGET_S
    whole: bool | None = None
    limit_bytes: int = EVIDENCE_LIMIT_BYTES
    cache: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """What a command was asked for. `since` and `until` are in UTC, and None where nobody named them.

    `zone` is the people's zone: of times they type without an offset, and of times they read.
    """

    configuration: Configuration
    reports: Path
    runbook: str
    hints: Hints
    since: datetime | None = None
    until: datetime | None = None
    sources: Sources = Sources()
    zone: tzinfo = UTC

    def with_sources(self, **changes: Any) -> Request:
        """The same request, with these fields of its sources changed."""
        return replace(self, sources=replace(self.sources, **changes))


def resolve(typed: Typed) -> Request:
    """What was typed, completed by the configuration, which is read here and nowhere else.

    Raises ConfigurationError, ParameterError for times and zones, InputError for options.
    """
    configuration = settings.load()
    since, until = _bounds(typed, configuration)
    return Request(
        configuration=configuration,
        reports=typed.reports or Path(os.environ.get(REPORTS_VARIABLE) or configuration.reports),
        runbook=typed.runbook or configuration.runbook,
        hints=_hints(typed, configuration),
        since=since,
        until=until,
        sources=Sources(
            typed.logs,
            typed.evidence,
            typed.live,
            typed.env_file,
            typed.budget_s,
            _whole(typed.preserve),
            typed.max_evidence_bytes,
            not typed.no_cache,
        ),
        zone=named_zone(typed.zone or configuration.zone),
    )


def _bounds(typed: Typed, configuration: Configuration) -> tuple[datetime | None, datetime | None]:
    now, people = datetime.now(UTC), named_zone(typed.zone or configuration.zone)
    since = parse_time(typed.since, now, people) if typed.since else None
    until = parse_time(typed.until, now, people) if typed.until else None
    if since and until:
        Window(since, until)  # refuses swapped ends
    return since, until


def _hints(typed: Typed, configuration: Configuration) -> Hints:
    if typed.date_order:
        from incident_kit.logs.time_forms import DATE_ORDERS  # here, because few commands are given one

        if typed.date_order not in DATE_ORDERS:
            raise InputError(f"--date-order takes {', '.join(DATE_ORDERS)}, not {typed.date_order!r}.")
    zone = typed.log_zone or configuration.log_zone
    named_zone(zone)  # refuses an unknown one
    order = typed.date_order or configuration.date_order
    return Hints(zone, order, configuration.formats, typed.max_unpacked_bytes)


def _whole(preserve: str) -> bool | None:
    if preserve not in ("", "window", "whole"):
        raise InputError(f"--preserve takes window or whole, not {preserve!r}.")
    return preserve == "whole" if preserve else None
