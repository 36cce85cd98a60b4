"""An incident's folder: `incident.toml` that people edit, the journal, the evidence and the sealed runs."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from incident_kit.errors import EvidenceError, ParameterError
from incident_kit.evidence.journal import Journal
from incident_kit.evidence.store import DEFAULT_LIMIT_BYTES, Evidence
from incident_kit.evidence.untrusted import kind_of, read_plain
from incident_kit.model.fields import Fields, Unusable
from incident_kit.model.times import iso
from incident_kit.model.visible import visible

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ID_FORM = "letters, digits, dot, dash and underscore, 64 at most"
MOST_DESCRIPTION_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: its folder, and what its `incident.toml` says."""

    folder: Path
    id: str
    title: str
    opened: str
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl")

    @property
    def description(self) -> Path:
        return self.folder / "incident.toml"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def cache(self) -> Path:
        """Where the columns of its logs are kept; whoever needs room may delete it."""
        return self.folder / "cache"

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.folder / "evidence", self.limit_bytes)


def new_id() -> str:
    """An id for a new incident: the UTC day, and four random characters."""
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(2)}"


def create(reports: Path, incident_id: str, title: str) -> Incident:
    """Make the folder of a new incident. Raises EvidenceError where it exists, ParameterError for an unusable id."""
    if not ID.fullmatch(incident_id):
        raise ParameterError(f"not an incident id: {incident_id!r}. Use {ID_FORM}.")
    folder = reports / incident_id
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise EvidenceError(
            f"{folder}: exists already. Choose another id, or use the incident that is there."
        ) from None
    except OSError as error:
        raise EvidenceError(f"{folder}: cannot be made: {error.strerror}. Name another place with --reports.") from None
    # A TOML basic string is written as JSON writes strings.
    values = {"id": incident_id, "title": title, "opened": iso(datetime.now(UTC))}
    text = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())
    (folder / "incident.toml").write_text(text, encoding="utf-8")
    return load(folder)


def load(folder: Path) -> Incident:
    """An incident from its folder. Raises EvidenceError that names the file and the line that is wrong."""
    path = folder / "incident.toml"
    if not kind_of(path):
        raise EvidenceError(
            f"{path}: missing, so {folder} is not an incident's folder. Give one that `incident-kit report` made."
        )
    try:
        described = read_description(path)
    except Unusable as error:
        raise EvidenceError(f"{path}: {error}. Mend it; the last sealed run holds a good copy.") from None
    return Incident(folder, described.id, described.title, described.opened)


class Description(NamedTuple):
    """What an incident.toml says."""

    id: str
    title: str
    opened: str


def read_description(path: Path) -> Description:
    """The fields of an incident.toml, which people edit and strangers send.

    Raises Unusable naming the line or the field.
    """
    try:
        data = tomllib.loads(read_plain(path, MOST_DESCRIPTION_BYTES).decode("utf-8"))
    except Unusable:
        raise
    except RecursionError:
        raise Unusable("not readable as TOML: nested too deep") from None
    except ValueError as error:  # of TOML, of UTF-8, of a number that is too long
        raise Unusable(f"not readable as TOML: {error}") from None
    fields = Fields(data)
    description = Description(fields.text("id"), fields.text("title"), fields.text("opened"))
    if not ID.fullmatch(description.id):
        raise Unusable(f"the field 'id' must be {ID_FORM}; found {visible(repr(description.id))}")
    fields.moment("opened")
    return description


def load_or_create(reports: Path, incident_id: str | None, title: str) -> Incident:
    """The incident of this id, made new where there is none yet; without an id always a new one."""
    if incident_id and (reports / incident_id).is_dir():
        return load(reports / incident_id)
    return create(reports, incident_id or new_id(), title)


def newest(reports: Path) -> Incident:
    """The incident that was opened last. Raises EvidenceError where there is none."""
    incidents = [load(path.parent) for path in reports.glob("*/incident.toml")]
    if not incidents:
        raise EvidenceError(
            f"{reports}: no incident in it. Begin with incident-kit triage, or name another place with --reports."
        )
    return max(incidents, key=lambda incident: (incident.opened, incident.id))
