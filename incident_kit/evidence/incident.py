"""An incident's folder: `incident.toml` that people edit, the journal, the evidence and the sealed runs."""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from incident_kit.errors import EvidenceError, ParameterError
from incident_kit.evidence.store import DEFAULT_LIMIT_BYTES, Evidence
from incident_kit.model.times import iso

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
REPORTS_VARIABLE = "INCIDENT_KIT_REPORTS"


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: its folder, and what its `incident.toml` says."""

    folder: Path
    id: str
    title: str
    opened: str
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @property
    def description(self) -> Path:
        return self.folder / "incident.toml"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.folder / "evidence", self.limit_bytes)


def reports_folder(given: Path | None = None, configured: str = "reports") -> Path:
    """Where incidents live: as given, or INCIDENT_KIT_REPORTS, or as configured."""
    return given or Path(os.environ.get(REPORTS_VARIABLE) or configured)


def new_id() -> str:
    """An id for a new incident: the UTC day, and four random characters."""
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(2)}"


def create(reports: Path, incident_id: str, title: str) -> Incident:
    """Make the folder of a new incident. Raises EvidenceError where it exists, ParameterError for an unusable id."""
    if not ID.fullmatch(incident_id):
        raise ParameterError(f"not an incident id: {incident_id!r}. Use letters, digits, dot, dash and underscore, 64 at most.")
    folder = reports / incident_id
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise EvidenceError(f"{folder}: exists already. Choose another id, or use the incident that is there.") from None
    except OSError as error:
        raise EvidenceError(f"{folder}: cannot be made: {error.strerror}. Name another place with --reports.") from None
    # A TOML basic string is written as JSON writes strings.
    text = f"id = {json.dumps(incident_id)}\ntitle = {json.dumps(title, ensure_ascii=False)}\nopened = {json.dumps(iso(datetime.now(UTC)))}\n"
    (folder / "incident.toml").write_text(text, encoding="utf-8")
    return load(folder)


def load(folder: Path) -> Incident:
    """An incident from its folder. Raises EvidenceError that names the file and the line that is wrong."""
    path = folder / "incident.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EvidenceError(f"{path}: missing, so {folder} is not an incident's folder. Give one that `incident-kit report` made.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{path}: not readable as TOML: {error}. Mend that line; the last sealed run holds a good copy.") from None
    for field in ("id", "title", "opened"):
        if not isinstance(data.get(field), str):
            raise EvidenceError(f'{path}: the field {field!r} is missing or not a text. Add a line such as {field} = "...".')
    return Incident(folder, data["id"], data["title"], data["opened"])


def load_or_create(reports: Path, incident_id: str | None, title: str) -> Incident:
    """The incident of this id, made new where there is none yet; without an id always a new one."""
    if incident_id and (reports / incident_id).is_dir():
        return load(reports / incident_id)
    return create(reports, incident_id or new_id(), title)


def newest(reports: Path) -> Incident:
    """The incident that was opened last. Raises EvidenceError where there is none."""
    found = [load(path.parent) for path in reports.glob("*/incident.toml")]
    if not found:
        raise EvidenceError(f"{reports}: no incident in it. Begin with incident-kit triage, or name another place with --reports.")
    return max(found, key=lambda incident: (incident.opened, incident.id))
