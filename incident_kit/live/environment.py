"""The BFF's environment file: which settings are set, flags by their value, secrets never.

A file says what the file says. The BFF read it when it started, so its running value is known only if the file has not
changed since; the answer says whether that is so, where the process can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit.live import process
from incident_kit.live.addresses import split_url
from incident_kit.live.session import NoAnswer, Reply, Session
from incident_kit.model.answer import Answer, Fault
from incident_kit.model.redaction import kind_of_name
from incident_kit.model.times import iso

# Settings of the runbook. Of FLAGS the value is shown if it looks like one of a flag; of ADDRESSES where they lead;
# of SECRETS only whether they are set.
FLAGS = (
    "SF_EVENTS_ENABLED",
    "SF_EVENTS_REPLAY",
    "AUTH_BLACKLIST_FAIL_CLOSED",
    "NODE_ENV",
    "PORT",
    "LOG_LEVEL",
    "DATABASE_CONNECTION_LIMIT",
)
ADDRESSES = ("REDIS_URL", "DATABASE_URL", "WHMCS_API_URL", "SF_LOGIN_URL", "SF_INSTANCE_URL", "FREEBIT_API_URL")
SECRETS = (
    "WHMCS_API_IDENTIFIER",
    "WHMCS_API_SECRET",
    "SF_CLIENT_ID",
    "SF_USERNAME",
    "SF_PRIVATE_KEY",
    "SF_PRIVATE_KEY_PATH",
    "FREEBIT_OEM_KEY",
    "JWT_SECRET",
)
NAMED = (*FLAGS, *ADDRESSES, *SECRETS)
FLAG_VALUE = re.compile(
    r"true|false|yes|no|on|off|all|latest|earliest|none|production|staging|development|test"
    r"|trace|debug|info|warn|error|fatal|-?\d{1,6}",
    re.I,
)
# Settings of any name that bound something; of these too only a number or a flag's word is shown.
LIMITS = re.compile(r"TIMEOUT|BREAKER|RETR(?:Y|IES)|POOL|THROTTLE|RATE_LIMIT")
LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*=[ \t]*(?P<rest>.*)", re.S)
QUOTES = ("'", '"', "`")
MOST_BYTES = 1 << 20
MOST_NAMES = 300


@dataclass(frozen=True, slots=True)
class EnvFile:
    """An environment file: its values by name (the last of a name counts), when it changed, and what is odd in it."""

    path: Path
    values: Mapping[str, str]
    modified_at: datetime
    oddities: tuple[str, ...]


def read(path: Path) -> EnvFile:
    """An environment file as dotenv reads it: NAME=value, quotes, comments, values over several lines in quotes.

    Raises NoAnswer.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
        modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        fault = Fault.CREDENTIALS if isinstance(error, PermissionError) else Fault.OURS
        raise NoAnswer(f"{path} cannot be read: {error.strerror}", fault=fault) from None
    if len(raw) > MOST_BYTES:
        raise NoAnswer(f"{path} is larger than {MOST_BYTES:,} bytes: is it an environment file?", fault=Fault.OURS)
    values: dict[str, str] = {}
    oddities = []
    for name, value, oddity in entries(raw.decode("utf-8-sig", "replace")):
        if name in values:
            oddities.append(f"{name} stands in it more than once; the last one counts")
        if oddity:
            oddities.append(f"{name} {oddity}")
        values[name] = value
    return EnvFile(path, values, modified_at, tuple(oddities))


def entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, value, and what is odd about the value, for each entry."""
    lines = iter(text.replace("\r\n", "\n").split("\n"))
    for line in lines:
        entry = LINE.fullmatch(line)
        if not entry or line.lstrip().startswith("#"):
            continue
        name, rest = entry["name"], entry["rest"]
        if rest.startswith(QUOTES):
            quote = rest[0]
            while quote not in rest[1:] and (next_line := next(lines, None)) is not None:
                rest += "\n" + next_line
            end = rest.find(quote, 1)
            yield (name, rest[1:end], "") if end > 0 else (name, rest[1:], "has a quote that is not closed")
            continue
        value = re.split(r"\s#", rest, maxsplit=1)[0].strip()
        yield name, value, "has a quote within its value" if value.endswith(("'", '"')) else ""


def ask(path: Path, pattern: str, session: Session) -> Iterator[Answer]:
    """What this file says; `pattern` finds the BFF's process, to tell whether the file changed since its start."""
    yield session.answer(
        "environment",
        "Which settings of the BFF are set in its environment file?",
        lambda: environment(path, pattern, session),
    )


def environment(path: Path, pattern: str, session: Session) -> Reply:
    with session.sending(f"(read {path})"):
        file = read(path)
    secret_names = {name for name in file.values if kind_of_name(name) == "secret"}
    session.secrets = [value for name, value in file.values.items() if name in secret_names or name in SECRETS]
    started_at = [running.started_at for running in process.running(pattern)] if pattern else []
    unchanged = file.modified_at < min(started_at) if started_at else None
    data: dict[str, Any] = {
        "file": str(path),
        "modified_at": iso(file.modified_at),
        "unchanged_since_the_process_started": unchanged,
        "settings": {name: setting(name, file.values.get(name)) for name in NAMED},
        "limits": {
            name: value
            for name, value in sorted(file.values.items())
            if LIMITS.search(name) and name not in secret_names and FLAG_VALUE.fullmatch(value)
        },
        "other_names": sorted(name for name in file.values if name not in NAMED)[:MOST_NAMES],
        "oddities": list(file.oddities),
    }
    warnings = [f"{path}: {oddity}" for oddity in file.oddities]
    if unchanged is False:
        warnings.append(f"{path} was changed after the BFF started, so the BFF may run with other values")
    return Reply(data, warnings=tuple(warnings))


def setting(name: str, value: str | None) -> dict[str, Any]:
    """What may be shown of one setting."""
    if value is None:
        return {"set": False}
    if not value:
        return {"set": True, "empty": True}
    if name in ADDRESSES:
        return {"set": True, "leads_to": leads_to(value)}
    if name not in FLAGS:
        return {"set": True}
    if FLAG_VALUE.fullmatch(value):
        return {"set": True, "value": value}
    return {"set": True, "value": None, "note": "not a flag's value, so not shown"}


def leads_to(url: str) -> str:
    """Scheme, host and port of an address, without anything else."""
    parts = split_url(url)
    if parts is None:
        return "not an address"
    socket = parts.path if "unix" in parts.scheme else ""
    return f"{parts.scheme}://{parts.place}{socket}" if parts.place or socket else "not an address"
