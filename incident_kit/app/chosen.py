"""Which incident a command is about: the one that is named, else the one chosen with `use`, else the only open one."""

from __future__ import annotations

import os
from pathlib import Path

from incident_kit.config.request import Request
from incident_kit.errors import EvidenceError, IncidentKitError
from incident_kit.evidence.incident import ID, Incident, load
from incident_kit.evidence.untrusted import read_plain
from incident_kit.incident.state import State, state_of
from incident_kit.model.fields import Unusable

CHOICE = ".current"
DEMO = "demo"  # the id of the recorded incident
OPEN_ONE = 'Open one with incident-kit open "title", or name one.'


def chosen(request: Request, incident_id: str = "") -> Incident:
    """The incident to work on. Raises EvidenceError that lists the open ones where it is not clear which is meant."""
    reports = request.reports
    if incident_id:
        if not ID.fullmatch(incident_id) or not (reports / incident_id / "incident.toml").is_file():
            raise EvidenceError(f"{reports / incident_id}: no such incident. {_listed(reports)}")
        return load(reports / incident_id)
    open_ones = _open_incidents(reports)
    current = current_id(reports)
    if current and (reports / current / "incident.toml").is_file():
        incident = load(reports / current)
        others = [other.id for other in open_ones if other.id != current]
        if state(incident).is_open or not others:
            return incident
        raise EvidenceError(
            f"{current}, which you chose, is closed, and {', '.join(others)} is open. "
            "Name the one you mean, or choose it with incident-kit use ID."
        )
    if len(open_ones) == 1:
        return open_ones[0]
    if not open_ones:
        raise EvidenceError(f"{reports}: no open incident. {OPEN_ONE}")
    raise EvidenceError(
        f"{len(open_ones)} incidents are open: {_titles(open_ones)}. Name one, or choose it with incident-kit use ID."
    )


def declared(request: Request) -> Incident | None:
    """The incident that new evidence belongs to where none is named: the chosen or only one that was opened.

    None where there is none, or several and none is chosen: then evidence gets an incident of its own.
    """
    open_ones = [incident for incident in _open_incidents(request.reports) if state(incident).is_declared]
    current = current_id(request.reports)
    return next(
        (incident for incident in open_ones if incident.id == current), open_ones[0] if len(open_ones) == 1 else None
    )


def use(request: Request, incident_id: str) -> Incident:
    """Choose the incident that commands without an id are about. Raises EvidenceError."""
    incident = chosen(request, incident_id)
    path = request.reports / CHOICE
    aside = path.with_name(f"{CHOICE}.{os.getpid()}")
    try:
        aside.write_text(f"{incident.id}\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be written: {error.strerror}. Name the incident each time.") from None
    return incident


def current_id(reports: Path) -> str:
    """The id that was chosen with `use`; empty where none was, or what is written there is no id."""
    try:
        text = read_plain(reports / CHOICE, 200).decode("ascii", "replace").strip()
    except (OSError, Unusable):
        return ""
    return text if ID.fullmatch(text) else ""


def state(incident: Incident) -> State:
    """The incident's state, by the entries of its journal that can be read."""
    return state_of(incident.journal.readable()[0])


def incidents(reports: Path) -> list[Incident]:
    """All incidents that can be read, the newest last; the recorded one is none."""
    loaded = []
    for path in reports.glob("*/incident.toml"):
        try:
            loaded.append(load(path.parent))
        except IncidentKitError:
            continue  # whoever names it is told what is wrong with it
    return sorted(
        (incident for incident in loaded if incident.id != DEMO), key=lambda incident: (incident.opened, incident.id)
    )


def _open_incidents(reports: Path) -> list[Incident]:
    """Those that were opened and not closed; where nobody opened any, those that evidence was collected for."""
    open_ones = [(incident, state(incident)) for incident in incidents(reports)]
    open_ones = [(incident, state) for incident, state in open_ones if state.is_open]
    declared = [incident for incident, state in open_ones if state.is_declared]
    return declared or [incident for incident, _ in open_ones]


def _listed(reports: Path) -> str:
    known = incidents(reports)
    return f"Known: {_titles(known[-5:])}." if known else f"{reports} holds none. {OPEN_ONE}"


def _titles(listed: list[Incident]) -> str:
    return ", ".join(f"{incident.id} ({incident.title})" for incident in listed)
