"""What a team tells once: where its systems and logs are. `incident-kit.toml`, found upward from the working directory.

Nothing in it is needed to read logs. An address is never written in it, only the NAME of the environment variable that
holds one, because addresses carry passwords and this file is meant to be committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from glob import glob
from pathlib import Path
from typing import Any

from incident_kit.config.contacts import Contacts, read_contacts
from incident_kit.config.holidays import SUFFIX
from incident_kit.config.toml import ConfigurationTable, read
from incident_kit.errors import ConfigurationError, ParameterError
from incident_kit.model.times import named_zone

FILE, VARIABLE = "incident-kit.toml", "INCIDENT_KIT_CONFIG"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HEALTH_ADDRESS = re.compile(r"(?:https?://[^\s@]+)?")
PATHS = ("reports", "runbook", "env_file")


@dataclass(frozen=True, slots=True)
class Targets:
    """Names of the environment variables that say where the systems are and how to sign in."""

    redis: str = "REDIS_URL"
    postgres: str = "DATABASE_URL"
    whmcs: str = "WHMCS_API_URL"
    whmcs_identifier: str = "WHMCS_API_IDENTIFIER"
    whmcs_secret: str = "WHMCS_API_SECRET"  # noqa: S105 - the name of a variable
    salesforce: str = "SF_LOGIN_URL"
    salesforce_client_id: str = "SF_CLIENT_ID"
    salesforce_username: str = "SF_USERNAME"
    salesforce_key_file: str = "SF_PRIVATE_KEY_PATH"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration; `file` is where it was read from, None for the defaults."""

    file: Path | None = None
    logs: tuple[str, ...] = ("/var/log/bff/*.log",)
    health_url: str = "http://localhost:4000/health"
    process: str = "node.*bff"
    env_file: str = ""
    log_zone: str = "UTC"
    date_order: str = ""
    formats: tuple[Mapping[str, Any], ...] = ()
    zone: str = "UTC"
    reports: str = "reports"
    runbook: str = ""
    hide_ip_addresses: bool = False
    targets: Targets = field(default_factory=Targets)
    holidays: tuple[str, ...] = ()
    contacts: Contacts = field(default_factory=Contacts)

    def log_files(self) -> list[Path]:
        """The logs of the patterns, as they are there now."""
        return sorted({Path(name) for pattern in self.logs for name in glob(pattern) if Path(name).is_file()})


TEMPLATE = """\
# Where this team's systems and logs are. Found upward from the working directory, or named by INCIDENT_KIT_CONFIG.
# Every line is optional; what stands here are the defaults. `incident-kit doctor` tests it in seconds.

logs = ["/var/log/bff/*.log"]                  # files and patterns
health_url = "http://localhost:4000/health"    # "" if there is none to ask
process = "node.*bff"                          # the BFF's command line here, as for pgrep -f; "" if it runs elsewhere
env_file = ""                                  # the BFF's environment file; flags are shown by value, secrets never
log_zone = "UTC"                               # of times in logs that name no zone, such as "Asia/Tokyo"
date_order = ""                                # mdy, dmy or ymd, where a log's own dates do not tell
zone = "UTC"                                   # of times that you type without one
reports = "reports"                            # the folder of the incidents
runbook = ""                                   # a folder of your own runbook: thresholds, patterns, routes
hide_ip_addresses = false                      # whether IP addresses are redacted too, in new incidents
holidays = []                                  # days such as "2027-01-01", and calendar files (.ics): no business days

# NAMES of environment variables, never an address or a secret itself.
[targets]
redis = "REDIS_URL"
postgres = "DATABASE_URL"                      # best with a role that has pg_monitor and nothing else
whmcs = "WHMCS_API_URL"
whmcs_identifier = "WHMCS_API_IDENTIFIER"
whmcs_secret = "WHMCS_API_SECRET"
salesforce = "SF_LOGIN_URL"
salesforce_client_id = "SF_CLIENT_ID"
salesforce_username = "SF_USERNAME"
salesforce_key_file = "SF_PRIVATE_KEY_PATH"

# A log format of your own: a pattern with named groups, or the keys of a JSON object, with lines that prove it.
# [[formats]]
# name = "audit"
# title = "our audit log"
# pattern = '^(?P<ts>\\S+) AUDIT (?P<user>\\S+) (?P<message>.*)$'
# [[formats.sample]]
# line = '2026-11-23T07:40:02Z AUDIT alice signed in'
# expected = { ts = "2026-11-23T07:40:02.000Z", user = "alice", message = "signed in" }

# Whom to call: a name, how to reach them ("Slack @ito", "PagerDuty: portal"), and how if that fails.
[contacts.primary_on_call]
name = ""
method = ""
backup = ""

[contacts.secondary_on_call]
name = ""
method = ""
backup = ""

[contacts.engineering_lead]
name = ""
method = ""
backup = ""

[contacts.engineering_manager]
name = ""
method = ""
backup = ""

[contacts.security_team]
name = ""
method = ""
backup = ""

[contacts.salesforce_admin]
name = ""
method = ""
backup = ""

# The company that runs the server of WHMCS.
[contacts.whmcs_hosting]
name = ""
method = ""
backup = ""

# The support of each vendor, with the number of your contract.
[contacts.salesforce]
name = ""
method = ""
backup = ""

[contacts.whmcs]
name = ""
method = ""
backup = ""

[contacts.freebit]
name = ""
method = ""
backup = ""

# Who is meant by each level of escalation.toml. L4 is the vendor whose system fails.
[contacts.levels]
L1 = ["primary_on_call", "secondary_on_call"]
L2 = ["engineering_lead"]
L3 = ["engineering_manager"]
L4 = ["salesforce", "whmcs", "freebit"]
"""


def write(path: Path) -> None:
    """Write a new configuration with all its defaults. Raises ConfigurationError where that cannot be done."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ConfigurationError(f"{path}: exists already and is left alone. Edit it, or remove it first.") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}.") from None


def find() -> Path | None:
    """The configuration file: the one INCIDENT_KIT_CONFIG names, else the first found upward from here.

    Raises ConfigurationError.
    """
    if named := os.environ.get(VARIABLE):
        if not Path(named).is_file():
            raise ConfigurationError(f"{named}: no such file. {VARIABLE} names it; correct the variable or unset it.")
        return Path(named)
    here = Path.cwd()
    return next((folder / FILE for folder in (here, *here.parents) if (folder / FILE).is_file()), None)


def load(path: Path | None = None) -> Configuration:
    """The configuration of this file, else of the one found, else the defaults. Raises ConfigurationError.

    The error names the file, the line and the field.
    """
    path = path or find()
    if path is None:
        return Configuration()
    table = read(
        path,
        ConfigurationTable,
        "Name a file that is there, or write a new one with `incident-kit init`.",
        "Mend that, or write a new file with `incident-kit init`.",
    )
    return Configuration(path, **_checked(table))


def _checked(table: ConfigurationTable) -> dict[str, Any]:
    """The settings that the file gives; paths in it are meant from the folder it lies in."""
    known = [setting.name for setting in fields(Configuration) if setting.name != "file"]
    _refuse_unknown(table, known)
    taken: dict[str, Any] = {}
    for name in table.data:
        if name == "formats":
            taken[name] = _formats(table)
        elif name == "logs":
            taken[name] = tuple(str(table.path.parent / pattern) for pattern in _patterns(table))
        elif name == "targets":
            taken[name] = _targets(_inner(table, name))
        elif name == "contacts":
            taken[name] = read_contacts(_inner(table, name))
        elif name == "holidays":
            taken[name] = _holidays(table)
        elif name == "hide_ip_addresses":
            taken[name] = table.flag(name)
        else:
            taken[name] = _text(table, name)
    _check_values(table, taken)
    placed = {name: str(table.path.parent / taken[name]) for name in PATHS if taken.get(name)}
    return taken | placed


def _formats(table: ConfigurationTable) -> tuple[Mapping[str, Any], ...]:
    """A team's own log formats, each held to its own samples."""
    from incident_kit.logs.samples import check  # here, because most commands read no log

    formats = table.data["formats"]
    if not isinstance(formats, list) or not all(isinstance(form, dict) for form in formats):
        raise ConfigurationError(f"{table.spot('formats')}: write each as a table of its own, [[formats]].")
    try:
        check(formats, table.spot("formats"))
    except ParameterError as error:
        raise ConfigurationError(str(error)) from None
    return tuple(formats)


def _check_values(table: ConfigurationTable, taken: Mapping[str, Any]) -> None:
    for name in ("zone", "log_zone"):
        try:
            named_zone(taken.get(name, "UTC"))
        except ParameterError as error:
            raise ConfigurationError(f"{table.spot(name)}: {error}") from None
    try:
        re.compile(taken.get("process", ""))
    except re.error as error:
        raise ConfigurationError(f"{table.spot('process')}: not a regular expression: {error}.") from None
    if not HEALTH_ADDRESS.fullmatch(taken.get("health_url", "")):
        raise ConfigurationError(
            f"{table.spot('health_url')}: write an http:// or https:// address without a password, "
            "such as http://localhost:4000/health, or nothing."
        )


def _targets(table: ConfigurationTable) -> Targets:
    _refuse_unknown(table, [target.name for target in fields(Targets)])
    names = {target: _text(table, target) for target in table.data}
    for target, variable in names.items():
        if not NAME.fullmatch(variable):
            # The value is not repeated: it may be an address with its password.
            raise ConfigurationError(
                f"{table.spot(target)}: write the NAME of an environment variable here, such as {target.upper()}_URL, "
                "never the address or secret itself."
            )
    return Targets(**names)


def _refuse_unknown(table: ConfigurationTable, known: Sequence[str]) -> None:
    for name in table.data:
        if name not in known:
            names = ", ".join(map(table.where, known))
            raise ConfigurationError(f"{table.spot(name)}: no such field. Known: {names}.")


def _inner(table: ConfigurationTable, name: str) -> ConfigurationTable:
    if not isinstance(table.data[name], dict):
        raise table.fail(name, f"a table, [{name}], with a line for each entry")
    return table.table(name)


def _text(table: ConfigurationTable, name: str) -> str:
    value = table.data[name]
    if not isinstance(value, str):
        raise table.fail(name, f'a text in quotes, such as {name} = "..."')
    return value


def _holidays(table: ConfigurationTable) -> tuple[str, ...]:
    """Days in ISO 8601 and paths of calendar files, which are meant from the file's folder."""
    expected = 'a list of days and calendar files, such as holidays = ["2027-01-01", "japan.ics"]'
    value = table.data["holidays"]
    if not isinstance(value, list):
        raise table.fail("holidays", expected)
    entries = []
    for entry in value:
        text = entry.isoformat() if type(entry) is date else entry
        if isinstance(text, str) and text.lower().endswith(SUFFIX):
            entries.append(str(table.path.parent / text))
            continue
        try:
            entries.append(date.fromisoformat(text).isoformat())
        except (TypeError, ValueError):
            raise table.fail("holidays", expected) from None
    return tuple(entries)


def _patterns(table: ConfigurationTable) -> list[str]:
    value = table.data["logs"]
    if not isinstance(value, list) or not all(isinstance(pattern, str) for pattern in value):
        raise table.fail("logs", 'a list of texts, such as logs = ["/var/log/bff/*.log"]')
    return value
