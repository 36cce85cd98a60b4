"""Triage: what is it? Collects, keeps the evidence, and ranks all scenarios, without a notebook and its kernel; asks again later.

Logs come first, because they are there at once; live systems are asked then, and all of it is ranked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from incident_kit import logs
from incident_kit.app.collect import collect, path_of
from incident_kit.config.settings import Configuration
from incident_kit.errors import EvidenceError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import Item
from incident_kit.evidence.store import Evidence
from incident_kit.live.ask import BUDGET_S
from incident_kit.logs.accounting import Account
from incident_kit.logs.columns import TYPES
from incident_kit.logs.inputs import LogFile
from incident_kit.logs.inputs import given as as_given
from incident_kit.logs.slices import NO_HINTS
from incident_kit.model.answer import Status, StoredAnswer
from incident_kit.model.finding import Finding
from incident_kit.model.source import Hints
from incident_kit.model.times import Window
from incident_kit.runbook import Case, Runbook
from incident_kit.runbook.ranking import Ranked, triage

# Columns of a record that no check looks at.
NOT_LOOKED_AT = frozenset({"ts_raw", "duration_ms", "format", "host", "pid", "request_id", "level"})
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ranking:
    """All scenarios, the likeliest first, and for which window.

    `lost` says what could not be collected, `interrupted` whether Ctrl-C ended the collecting. `accounts` say what
    became of every line of the logs, with the remarks about them.
    """

    ranked: tuple[Ranked, ...]
    window: Window
    lost: tuple[str, ...] = ()
    interrupted: bool = False
    accounts: tuple[Account, ...] = ()

    @property
    def first(self) -> Ranked:
        return self.ranked[0]

    @property
    def incomplete(self) -> bool:
        """Whether evidence is missing or undated."""
        return bool(self.lost) or any(account.has_warning for account in self.accounts)

    @property
    def remarks(self) -> list[str]:
        """What there is to know of each log."""
        return [f"{account.origin}: {remark.sentence}" for account in self.accounts for remark in account.remarks()]


def rank_evidence(
    book: Runbook, stored: Evidence, window: Window, only: Sequence[Item] | None = None, lost: Sequence[str] = ()
) -> Ranking:
    """The ranking on evidence that was collected before: all of it, or these items."""
    items = stored.items() if only is None else list(only)
    kept = {item.id for item in items}
    answers = [told for told in stored.stored_answers() if told.item in kept]
    return _rank(book, stored, [item for item in items if item.kind == "slice"], answers, window, lost)


def collect_and_rank(
    incident: Incident, book: Runbook, given: Sequence[LogFile | Path], since: datetime | None, until: datetime | None, *, live: Configuration | None, env_file: Path | None,
    budget_s: float = BUDGET_S, hints: Hints = NO_HINTS, whole: bool = False, hide_ip_addresses: bool = False, unusable: Sequence[str] = (), say: Say,
    first: Callable[[Ranking], None] = lambda ranking: None,
) -> Ranking:  # fmt: skip
    """Preserve the logs and rank by them (`first` gets that ranking), then ask the live systems, if `live` says where they are, and rank by everything.

    `unusable` says which logs could not be read before; it belongs to what was lost.
    """
    ranking: Ranking | None = None
    window: Window | None = None
    slices: tuple[Item, ...] = ()
    lost = tuple(unusable)
    for line in unusable:
        say(line)
    if given:
        collected = collect(
            incident, given, since, until, told=say, hints=hints, whole=whole, hide_ip_addresses=hide_ip_addresses
        )
        window, slices, lost = (
            collected.window,
            tuple(item for item in collected.items if item.kind == "slice"),
            (*lost, *collected.lost),
        )
        ranking = _rank(book, incident.evidence, slices, (), window, lost)
        if live:
            first(ranking)
    if live:
        asked = collect(
            incident,
            (),
            since,
            until,
            live=live,
            env_file=env_file,
            budget_s=budget_s,
            told=say,
            hide_ip_addresses=hide_ip_addresses,
        )
        lost += (
            *asked.lost,
            *(
                f"{told.answer.question}: {told.answer.reason}"
                for told in _told(incident.evidence, asked.items)
                if told.answer.status is Status.FAILED
            ),
        )
        # Earlier answers too: some things show only in the difference.
        ranking = replace(
            _rank(book, incident.evidence, slices, incident.evidence.stored_answers(), window or asked.window, lost),
            interrupted=asked.interrupted,
        )
    if ranking is None:
        raise EvidenceError(
            "nothing to rank by: give logs (-l LOG), --live, or evidence collected before (--evidence DIR)."
        )
    return ranking


def recheck(
    incident: Incident, book: Runbook, settings: Configuration, say: Say
) -> tuple[list[tuple[Finding, Finding]], Ranking]:
    """Ask again what this incident's evidence was made from: the same logs from where they ended, the same systems. Before and after, by symptom."""
    stored = incident.evidence
    stored.check()
    items = stored.items()
    if not items:
        raise EvidenceError(
            f"{incident.folder}: no evidence in it yet, so there is nothing to compare with. Begin with incident-kit triage."
        )
    slices = stored.slices()
    before = rank_evidence(book, stored, stored.window(), items)
    paths = [path for path in dict.fromkeys(map(path_of, slices)) if path and path.is_file()]
    asked = {told.answer.question: told.answer for told in stored.stored_answers()}
    env_file = asked["environment"].data.get("file") if "environment" in asked else None
    now = datetime.now(UTC)
    since = max((Window.from_json(item.details["window"]).until for item in slices), default=now - timedelta(minutes=5))
    hints = slices[-1].source(stored.redaction()).hints if slices else NO_HINTS
    with as_given(paths if since < now else (), hints, say) as given:
        after = collect_and_rank(
            incident,
            book,
            given.logs,
            since,
            now,
            live=settings if asked else None,
            env_file=Path(env_file) if env_file else None,
            hints=hints,
            say=say,
        )
    found = {(ranked.scenario.id, finding.symptom): finding for ranked in after.ranked for finding in ranked.findings}
    return [
        (finding, found[ranked.scenario.id, finding.symptom]) for ranked in before.ranked for finding in ranked.findings
    ], after


def _rank(
    book: Runbook,
    stored: Evidence,
    slices: Sequence[Item],
    answers: Sequence[StoredAnswer],
    window: Window,
    lost: Sequence[str],
) -> Ranking:
    redaction = stored.redaction()
    with logs.read(
        [item.source(redaction) for item in slices],
        window,
        dependencies=book.dependencies,
        only=TYPES.keys() - NOT_LOOKED_AT,
    ) as records:
        case = Case(records, window, stored.journal(), answers, book.signs, book.features, book.sigma_rules)
        return Ranking(tuple(triage(book, case)), window, tuple(lost), accounts=tuple(case.accounts))


def _told(stored: Evidence, items: Sequence[Item]) -> list[StoredAnswer]:
    wanted = {item.id for item in items}
    return [told for told in stored.stored_answers() if told.item in wanted]
