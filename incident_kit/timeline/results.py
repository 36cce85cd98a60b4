"""The results of a run read back from its files, whoever made them. `incident_kit.running.results` writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from incident_kit.errors import EvidenceError
from incident_kit.evidence.run_folder import ACCOUNTING, FINDINGS, IMPACT, SEVERITY, TIMELINE, Results
from incident_kit.evidence.untrusted import read_json, read_plain
from incident_kit.logs.accounting import Account
from incident_kit.model.fields import Fields, Unusable, parse_json
from incident_kit.model.finding import Event, Finding
from incident_kit.model.severity import Severity
from incident_kit.timeline.impact import Impact

Result = TypeVar("Result")
Listed = TypeVar("Listed")


def read_findings(results: Results) -> list[Finding]:
    """Raises EvidenceError naming the file and the field that is wrong."""
    return _read(results.findings, _findings)


def read_timeline(results: Results) -> list[Event]:
    """Raises EvidenceError naming the file and the field that is wrong."""
    return _read(results.timeline, _timeline)


def read_accounting(results: Results) -> list[Account]:
    """Raises EvidenceError naming the file and the field that is wrong."""
    return _read(results.accounting, _accounting)


def read_impact(results: Results) -> Impact:
    """Raises EvidenceError naming the file and the field that is wrong."""
    return _read(results.impact, _impact)


def read_severity(results: Results) -> Severity:
    """Raises EvidenceError naming the file and the field that is wrong."""
    return _read(results.severity, _severity)


def check_result(path: Path) -> None:
    """Raises Unusable for what is not a results file of this version."""
    READERS.get(path.name, read_plain)(path)


def _findings(path: Path) -> list[Finding]:
    return _listed("findings", read_json(path), Finding.from_json)


def _timeline(path: Path) -> list[Event]:
    lines = read_plain(path).split(b"\n")
    if lines.pop():
        raise Unusable("its last line has no end")
    return _listed("lines", list(map(parse_json, lines)), Event.from_json)


def _accounting(path: Path) -> list[Account]:
    return _listed("accounts", read_json(path), Account.from_json)


def _impact(path: Path) -> Impact:
    return Impact.from_json(read_json(path))


def _severity(path: Path) -> Severity:
    return Severity.from_json(read_json(path))


READERS: Mapping[str, Callable[[Path], Any]] = {
    FINDINGS: _findings,
    TIMELINE: _timeline,
    ACCOUNTING: _accounting,
    IMPACT: _impact,
    SEVERITY: _severity,
}


def _listed(name: str, data: Any, read: Callable[[Fields], Listed]) -> list[Listed]:
    return [read(fields) for fields in Fields({name: data}).list_of_fields(name)]


def _read(path: Path, read: Callable[[Path], Result]) -> Result:
    try:
        return read(path)
    except Unusable as error:
        raise EvidenceError(f"{path}: not a result of this version ({error}). Make the run again.") from None
