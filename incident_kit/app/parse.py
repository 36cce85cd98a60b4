"""`incident-kit parse`: the records of log files in canonical columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from incident_kit.app.console import control, exit_code, say
from incident_kit.config.request import Request
from incident_kit.errors import InputError
from incident_kit.logs.export import FORMS, RAW_FORMS, export
from incident_kit.logs.inputs import log_files_of, readable
from incident_kit.model.redaction import Redaction
from incident_kit.model.visible import as_it_is
from incident_kit.runbook.data import load

RED, PLAIN, NEW_LINE = "\033[31m", "\033[0m", "\r\033[K"


def parse(request: Request, files: Sequence[Path], form: str, raw: bool) -> int:
    """Write the records to stdout, redacted, and what became of every line to stderr; returns the exit code."""
    if form not in FORMS:
        raise InputError(f"--to takes {', '.join(FORMS)}, not {form!r}.")
    if form == "parquet" and sys.stdout.isatty():
        raise InputError("Parquet is no text for a terminal: write it to a file, with > records.parquet.")
    redaction = Redaction(ip_addresses=request.configuration.hide_ip_addresses)
    with log_files_of(files, request.hints, say) as inputs:
        logs = readable(inputs, request.hints)
        for line in (*inputs.notes, *inputs.lost):
            say(line)
        with as_it_is(sys.stdout):  # the export has its own escapes
            accounts, notes = export(
                logs,
                sys.stdout,
                (RAW_FORMS if raw else FORMS)[form],
                (request.since, request.until),
                load(request.runbook).dependencies,
                request.hints,
                lambda count: control(f"\r{count:,} records"),
                redaction,
            )
    control(NEW_LINE)
    for note in notes:
        say(note)
    for account in accounts:
        red = account.has_warning
        control(RED if red else "")
        say(account.sentence())
        control(PLAIN if red else "")
    return exit_code(bool(inputs.lost) or any(account.has_warning for account in accounts))
