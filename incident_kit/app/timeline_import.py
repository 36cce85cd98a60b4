"""`incident-kit timeline --import` and `--git-tags`: what was noted elsewhere, kept whole as evidence.

The file becomes an item of the incident, with a line of custody in its journal; the timeline reads it from there. What
would put nothing on the timeline, or a time that nobody can place, is refused before anything is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit.app.chosen import chosen
from incident_kit.app.console import DONE, exit_code, say, show
from incident_kit.config.request import Request
from incident_kit.errors import InputError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import IMPORTED, Item
from incident_kit.evidence.journal import Kind
from incident_kit.evidence.store import Provenance
from incident_kit.incident.entries import author
from incident_kit.model.fields import Unusable
from incident_kit.model.times import iso, named_zone
from incident_kit.model.visible import visible
from incident_kit.timeline.imports import MOST_BYTES, TAG, Imported, WithoutZone, read_import
from incident_kit.view import words

BLOCK_BYTES = 1 << 20
MOST_NAMED = 5
STDIN = "-"
GIT_S = 20.0
# One tag on a line: its name, when it was made, by whom, and the first line of what was said of it.
TAG_FORMAT = "%00".join(("%(refname:strip=2)", "%(creatordate:iso-strict)", "%(creator)", "%(contents:subject)"))
# A repository may be a stranger's: no hook, no pager, no question, no fetch of what is missing, no lock.
GIT_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "protocol.allow=never")
GIT_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C.UTF-8",
}


def import_file(request: Request, incident_id: str, path: Path, zone: str, by: str) -> int:
    """Add a file to the timeline; returns the exit code: 3 where some of its rows could not be read.

    `zone` is that of times without one, as it was typed. Raises InputError for a file that gives no row, or that has a
    time which nobody can place.
    """
    incident = chosen(request, incident_id)
    name = "standard input" if str(path) == STDIN else visible(path.name)
    content = _content(path, name)
    try:
        read = read_import(content, named_zone(zone) if zone else None)
    except WithoutZone as error:
        raise InputError(
            f"{name}: {error}. Nothing was imported. Say which zone its times are in, such as --tz Asia/Tokyo."
        ) from None
    except Unusable as error:
        raise InputError(
            f"{name}: {error}. Nothing was imported. An import is CSV with a header, JSON Lines, or JSON that holds a "
            "list; a log is taken with incident-kit report SCENARIO -l LOG."
        ) from None
    details = {"name": name, "zone": zone if read.assumed else ""}
    origin = visible(path.absolute()) if str(path) != STDIN else name
    return _keep(
        incident, content, read, Provenance(IMPORTED, origin, "imported by a person", _now(), details=details), by
    )


def import_git_tags(request: Request, incident_id: str, folder: Path, by: str) -> int:
    """Add the tags of a git repository to the timeline, as deploys; returns the exit code. Raises InputError."""
    incident = chosen(request, incident_id)
    asked_at = _now()
    content = b"".join(
        json.dumps(tag, ensure_ascii=False, sort_keys=True).encode("utf-8", "backslashreplace") + b"\n"
        for tag in git_tags(folder)
    )
    if not content:
        raise InputError(f"{visible(folder)}: a git repository without a tag. Nothing was imported.")
    try:
        read = read_import(content, None)
    except Unusable as error:
        raise InputError(f"{visible(folder)}: {error}. Nothing was imported.") from None
    name = f"tags of {visible(folder.absolute().name)}"
    provenance = Provenance(
        IMPORTED,
        visible(folder.absolute()),
        "git for-each-ref refs/tags",
        asked_at,
        details={"name": name, "zone": "", "form": TAG},
    )
    return _keep(incident, content, read, provenance, by)


def git_tags(folder: Path) -> list[Mapping[str, Any]]:
    """The tags of a git repository as rows of an import. Nothing in it is changed or run. Raises InputError."""
    git = shutil.which("git")
    if git is None:
        raise InputError("git is not installed, which --git-tags needs. Give a list of deploys with --import instead.")
    settings = [part for setting in GIT_SETTINGS for part in ("-c", setting)]
    command = [git, "--no-pager", *settings, "-C", str(folder), "for-each-ref", f"--format={TAG_FORMAT}", "refs/tags"]
    try:
        asked = subprocess.run(  # noqa: S603 - a fixed command; the folder is an argument of its own
            command,
            capture_output=True,
            timeout=GIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**_environment(), **GIT_ENVIRONMENT},
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{visible(folder)}: git did not answer within {GIT_S:g} s. Nothing was imported.") from None
    if asked.returncode:
        why = asked.stderr.decode("utf-8", "replace").strip().split("\n")[0]
        raise InputError(f"{visible(folder)}: git cannot read its tags: {visible(why)}. Name a git repository.")
    lines = asked.stdout.decode("utf-8", "backslashreplace").split("\n")
    return [_tag(*line.split("\0")) for line in lines if line.count("\0") == TAG_FORMAT.count("%00")]


def _tag(name: str, made: str, creator: str, subject: str) -> Mapping[str, Any]:
    who = creator.partition(" <")[0]
    return {"kind": TAG, "datetime": made, "message": f"{TAG} {name}" + (f": {subject}" if subject else ""), "by": who}


def _environment() -> dict[str, str]:
    """Without what tells git of another repository, or of programs to run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def _keep(incident: Incident, content: bytes, read: Imported, provenance: Provenance, by: str) -> int:
    """Keep the content as evidence, unless it is there with the same reading; say what came of it."""
    name = provenance.details["name"]
    item = _known(incident, content, provenance)
    if item:
        say(f"{name}: imported before, as item {item.id}. Nothing was added.")
        return DONE
    blocks = (content[start : start + BLOCK_BYTES] for start in range(0, len(content), BLOCK_BYTES))
    item = incident.evidence.add(blocks, provenance)
    zone = provenance.details["zone"]
    assumed = f"; {words.count(read.assumed, 'time')} without a zone taken as {zone}" if zone else ""
    counted = words.count(len(read.noted), "row")
    custody = f"imported {name} as item {item.id}: {counted}, {len(read.unread):,} not read{assumed}"
    incident.journal.append(Kind.CUSTODY, custody, by=author(by))
    show(f"{incident.id}: {counted} of {name} on the timeline, kept as item {item.id}{assumed}")
    if read.damaged_bytes:
        say(f"{name}: not all of it is UTF-8; such bytes are shown as escapes. The item holds them as they are.")
    if read.unread:
        say(f"{words.count(len(read.unread), 'row')} could not be read; the item holds them:")
        for unread in read.unread[:MOST_NAMED]:
            say(f"  {unread}")
        if len(read.unread) > MOST_NAMED:
            say(f"  and {len(read.unread) - MOST_NAMED:,} more")
    return exit_code(bool(read.unread or read.damaged_bytes))


def _known(incident: Incident, content: bytes, provenance: Provenance) -> Item | None:
    """The item that holds the same bytes, read in the same way, and that no later one replaced."""
    digest = hashlib.sha256(content).hexdigest()
    same = [item for item in incident.evidence.items() if item.kind == IMPORTED and item.sha256 == digest]
    newest = max(same, key=lambda item: item.asked_at, default=None)
    return newest if newest and newest.details.get("zone") == provenance.details["zone"] else None


def _content(path: Path, name: str) -> bytes:
    try:
        if str(path) == STDIN:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with open(path, "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}. Name the file to import.") from None


def _now() -> str:
    return iso(datetime.now(UTC))
