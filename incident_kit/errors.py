"""What can go wrong, as a tree. Every message says what was expected, what was found, where, and what to do.

IncidentKitError
├── InputError                 what was given cannot be used (exit code 2)
│   ├── LogFileError           a log: missing, binary, damaged
│   │   ├── EmptyLog           it holds nothing: normal for one beside others
│   │   └── LogForbidden       no permission to read it
│   ├── EvidenceError          an evidence folder, a run or an incident folder
│   ├── ParameterError         a parameter of a notebook, or a window
│   ├── RunbookError           a file of runbook data: names the file and the field
│   └── ConfigurationError     incident-kit.toml, or a file it names: names the file and the field
├── VerificationFailed         a run is not what was sealed; .faults lists every fault (exit code 1)
└── NotReproduced              a run made again gave something else; .differences (exit code 1)
"""

from __future__ import annotations

from collections.abc import Sequence


class IncidentKitError(Exception):
    """Anything this package reports to a person instead of raising a traceback at them."""

    exit_code = 70

    @property
    def lines(self) -> list[str]:
        """The message, a text for each of its lines."""
        return [str(self)]

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: the sentence, as a terminal does."""
        return [str(self)]


class InputError(IncidentKitError):
    """What was given cannot be used as it is."""

    exit_code = 2


class LogFileError(InputError):
    """A log cannot be read as one."""


class EmptyLog(LogFileError):
    """A log holds nothing, as the error log of a good day does."""


class LogForbidden(LogFileError):
    """Nobody but others may read a log."""


class EvidenceError(InputError):
    """A folder is not the evidence, the run or the incident it was taken for."""


class ParameterError(InputError):
    """A parameter is unknown, or its value has the wrong form."""


class RunbookError(InputError):
    """Runbook data is wrong at a named file and field."""


class ConfigurationError(InputError):
    """The configuration is wrong at a named file and field."""


class VerificationFailed(IncidentKitError):
    """A sealed run differs from what was sealed. All faults are collected before this is raised."""

    exit_code = 1

    def __init__(self, folder: str, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        self._lines = [f"{folder}: not as it was sealed, {len(self.faults)} fault(s):", *(f"  - {fault}" for fault in self.faults)]
        super().__init__("\n".join(self._lines))

    @property
    def lines(self) -> list[str]:
        return self._lines


class NotReproduced(IncidentKitError):
    """A run was made again from its own evidence and the compared files differ."""

    exit_code = 1

    def __init__(self, folder: str, differences: Sequence[str]) -> None:
        self.differences = list(differences)
        self._lines = [f"{folder}: not reproduced:", *(f"  - {difference}" for difference in self.differences)]
        super().__init__("\n".join(self._lines))

    @property
    def lines(self) -> list[str]:
        return self._lines
