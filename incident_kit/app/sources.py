"""The way from the sources of a request to evidence, which `report` and `triage` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from incident_kit.app.chosen import declared
from incident_kit.app.collect import LogPlan, Say, plan_logs
from incident_kit.config.request import Request
from incident_kit.errors import InputError, LogFileError
from incident_kit.evidence.incident import Incident, load_or_create
from incident_kit.evidence.run_folder import RunFolder
from incident_kit.evidence.store import Evidence, open_evidence
from incident_kit.logs.cache import Cache
from incident_kit.logs.inputs import log_files_of
from incident_kit.logs.prepare import check_sources
from incident_kit.model.times import Window, iso

EXAMPLE = "Example: incident-kit triage -l combined.log --since -30m --live"


@dataclass(frozen=True, slots=True)
class Planned:
    """The logs to preserve, None where there are none; and what of them could not be had."""

    logs: LogPlan | None = None
    lost: tuple[str, ...] = ()


def check_choice(request: Request) -> None:
    """Refuse sources that do not go together. Raises InputError."""
    sources = request.sources
    if sources.evidence and (sources.logs or sources.live):
        raise InputError(f"give either log files (-l LOG, repeatable), --live or both, or --evidence DIR. {EXAMPLE}")
    if sources.env_file and not sources.live:
        raise InputError("--env-file is read only when live systems are asked: add --live.")


def stored_evidence(request: Request) -> Evidence | None:
    """The evidence that was collected before, if the request names it. A damaged item is named here, and raised."""
    if request.sources.evidence is None:
        return None
    evidence = open_evidence(request.sources.evidence)
    check_sources(evidence.sources())
    return evidence


def is_of_an_incident(evidence: Evidence) -> bool:
    """Whether it is the open evidence of an incident, and no run's or copy's."""
    folder = evidence.folder.parent
    return (folder / "incident.toml").is_file() and folder.name != RunFolder(folder).data.name


def kept_columns(request: Request, evidence: Evidence, say: Say) -> Cache | None:
    """Where the columns of evidence are kept: beside the evidence of an incident, and nowhere in a run or a copy."""
    is_kept = request.sources.cache and is_of_an_incident(evidence)
    return Cache(evidence.folder.parent / "cache", say) if is_kept else None


def stored_window(request: Request, evidence: Evidence) -> Window:
    """The window of a request, completed by that of the evidence."""
    return evidence.window(*(iso(bound) if bound else "" for bound in (request.since, request.until)))


@contextmanager
def planned_logs(request: Request, say: Say) -> Iterator[Planned]:
    """The logs of a request, unpacked and looked at: before an incident's folder is made for what cannot be used.

    Configured logs that cannot be used are noted where systems can be asked all the same: nobody named them.
    """
    named, live = request.sources.logs, request.sources.live
    paths = list(named) or request.configuration.log_files()
    patterns = ", ".join(request.configuration.logs)
    if not paths and not live:
        raise InputError(
            f"no log: {patterns or '(none configured)'} names none here. "
            "Give them with -l LOG, ask --live, take --evidence DIR, or name them in incident-kit.toml. "
            f"{EXAMPLE}"
        )
    if not named:
        listed = ", ".join(map(str, paths))
        say(f"Logs, as configured: {listed}" if paths else f"No log, as configured: {patterns} names none here.")
    with ExitStack() as stack:
        planned = Planned()
        try:
            files = stack.enter_context(log_files_of(paths, request.hints, say))
            planned = replace(planned, lost=tuple(files.lost))
            if files.logs:
                planned = replace(planned, logs=plan_logs(files.logs, request))
        except LogFileError as error:
            if named or not live:
                raise
            planned = Planned(lost=(*planned.lost, f"the configured logs could not be preserved: {error}"))
        else:
            for line in files.notes:
                say(line)
        for line in planned.lost:
            say(line)
        yield planned


def incident_for(request: Request, incident_id: str, title: str, say: Say) -> Incident:
    """The incident that evidence is collected for: the one of this id, else the one that is open, else a new one."""
    opened = None if incident_id else declared(request)
    if opened:
        say(f"Incident {opened.id}, which is open: {opened.title}")
    incident = opened or load_or_create(request.reports, incident_id or None, title)
    return replace(incident, limit_bytes=request.sources.limit_bytes)
