"""`incident-kit doctor`: is everything ready for an incident? Looks, in seconds, and stores nothing."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from incident_kit.app.collect import plan_logs
from incident_kit.app.console import exit_code, show
from incident_kit.config.contacts import ROLES
from incident_kit.config.holidays import read_holidays
from incident_kit.config.request import Request
from incident_kit.errors import ConfigurationError, IncidentKitError, RunbookError
from incident_kit.evidence.store import FREE_DISK_FLOOR_BYTES
from incident_kit.live.ask import ask
from incident_kit.live.systems import systems
from incident_kit.model.answer import Answer, Status
from incident_kit.model.visible import visible
from incident_kit.runbook.data import load

BUDGET_S = 5.0


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at: whether it is `ready`, `not ready` or `not named`, and why or what to do."""

    what: str
    state: str
    why: str

    @property
    def bad(self) -> bool:
        return self.state == "not ready"

    def sentence(self) -> str:
        return f"{self.state:>10}  {visible(self.what)}: {visible(self.why)}"


def doctor(request: Request) -> int:
    """Show each thing as it is known; returns the exit code."""
    ready = look(request, os.environ, lambda looked: show(looked.sentence()))
    return exit_code(incomplete=not ready)


def look(request: Request, environment: Mapping[str, str], heard: Callable[[Look], None]) -> bool:
    """Look at everything, hand on each thing as it is known, and return whether all that is named is ready."""
    looks: list[Look] = []

    def add(looked: Look) -> None:
        looks.append(looked)
        heard(looked)

    configuration = request.configuration
    file = str(configuration.file) if configuration.file else "no incident-kit.toml is found; the defaults apply"
    add(Look("configuration", "ready", file))
    add(_folder(request.reports))
    add(_runbook(request.runbook))
    add(_contacts(request))
    if configuration.holidays:
        add(_holidays(configuration.holidays))
    for looked in _logs(request):
        add(looked)
    answers: dict[str, list[Answer]] = {}
    ask(
        systems(configuration, environment, request.sources.env_file),
        BUDGET_S,
        lambda answer: answers.setdefault(answer.system, []).append(answer),
    )
    for system, answers_of_system in answers.items():
        add(_system(system, answers_of_system))
    return not any(looked.bad for looked in looks)


def _folder(reports: Path) -> Look:
    existing = next(folder for folder in (reports.absolute(), *reports.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Look("reports", "not ready", f"{reports} cannot be written; name another place with --reports")
    free = shutil.disk_usage(existing).free
    if free <= FREE_DISK_FLOOR_BYTES:
        return Look(
            "reports",
            "not ready",
            f"only {free >> 20:,} MiB are free where {reports} lies; "
            f"{FREE_DISK_FLOOR_BYTES >> 20:,} MiB are kept free always",
        )
    return Look("reports", "ready", f"{reports}, {free >> 20:,} MiB free")


def _runbook(folder: str) -> Look:
    try:
        book = load(folder)
    except RunbookError as error:
        return Look("runbook", "not ready", str(error))
    borrowed = ", ".join(path.name for path in book.borrowed)
    without = f"; it has no {borrowed}, so that of incident-kit counts" if borrowed else ""
    rules = "; no [[rule]] is in its severity.toml, so those of incident-kit count" if book.rules_are_ours else ""
    return Look("runbook", "ready", f"{len(book.scenarios)} scenario(s){without}{rules}")


def _contacts(request: Request) -> Look:
    """Whether everybody can be reached who may have to be called."""
    contacts = request.configuration.contacts
    roles = [*contacts.levels, *ROLES, *contacts.by_role]
    called = [*ROLES, *(role for roles_of_level in contacts.levels.values() for role in roles_of_level)]
    try:
        book = load(request.runbook)
        called += [rule.to for scenario in book.scenarios for rule in scenario.rules]
        called += [dependency.name for dependency in book.dependencies]
        roles += [rule.to for scenario in book.scenarios for rule in scenario.rules]
    except RunbookError:
        pass  # said above
    faults = contacts.faults(dict.fromkeys(roles))
    if nobody := [role for role in contacts.by_role if role not in called]:
        faults.append(f"contacts.{', contacts.'.join(nobody)}: no level and no rule calls that role")
    if faults:
        return Look("contacts", "not named", f"{'; '.join(faults)}: write them into [contacts] of incident-kit.toml")
    return Look("contacts", "ready", f"{len(contacts.by_role)} role(s) can be reached, each in two ways")


def _holidays(entries: Sequence[str]) -> Look:
    try:
        holidays = read_holidays(entries)
    except ConfigurationError as error:
        return Look("holidays", "not ready", str(error))
    return Look("holidays", "ready", f"{len(holidays.dates)} day(s), and {len(holidays.yearly)} of each year")


def _logs(request: Request) -> Iterator[Look]:
    """The configured logs, looked for and opened as triage does it; what is not ready goes by its own name."""
    configuration = request.configuration
    log_files = configuration.log_files()
    folders = sorted({path for pattern in configuration.logs for path in glob.glob(pattern) if os.path.isdir(path)})
    for folder in folders:
        instead = os.path.join(folder, "*")
        yield Look(
            os.path.abspath(folder),
            "not ready",
            f"it is a folder, and `logs` in incident-kit.toml names files: nothing in it is read; write {instead}",
        )
    if not log_files and not folders:
        yield Look(
            ", ".join(configuration.logs) or "log files",
            "not ready",
            "no file of that name is there; correct `logs` in incident-kit.toml, or name logs with -l",
        )
    if not log_files:
        return
    closed = [path for path in log_files if not os.access(path, os.R_OK)]
    for path in closed:
        yield Look(
            os.path.abspath(path),
            "not ready",
            "it may not be read by this user; ask for read access, such as through the group of the log",
        )
    if closed:
        return
    written = [
        path for path in log_files if path.stat().st_size
    ]  # an empty one may have been rotated a moment ago, and is no mistake
    try:
        if written:
            plan_logs(written, request)
    except IncidentKitError as error:
        yield Look("log files", "not ready", str(error))
    else:
        yield Look("logs", "ready", f"{len(log_files)} file(s), such as {log_files[0]}")


def _system(system: str, answers: list[Answer]) -> Look:
    if all(answer.status is Status.NOT_CHECKED for answer in answers):
        return Look(system, "not named", answers[0].reason)
    troubles = [
        f"{answer.question}: {answer.reason}" for answer in answers if answer.status in (Status.FAILED, Status.PARTIAL)
    ]
    troubles += [f"WARNING {answer.question}: {warning}" for answer in answers for warning in answer.warnings]
    took = f"{len(answers)} answer(s) in {sum(answer.duration_ms for answer in answers):,.0f} ms"
    return Look(system, "not ready" if troubles else "ready", "; ".join(dict.fromkeys(troubles)) or took)
