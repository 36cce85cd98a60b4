"""`incident-kit redact`: a text without its secrets and personal data."""

from __future__ import annotations

from pathlib import Path

from incident_kit.app.console import exit_code, say
from incident_kit.config.request import Request
from incident_kit.logs.redacting import redact_file
from incident_kit.model.redaction import Redaction
from incident_kit.model.visible import visible


def redact(request: Request, file: Path, output: Path, ip_addresses: bool) -> int:
    """Write the redacted text; returns the exit code."""
    redaction = Redaction(ip_addresses=ip_addresses or request.configuration.hide_ip_addresses)
    damage = redact_file(file, output, redaction, request.hints.unpacked_limit_bytes, say)
    if damage:
        say(f"{visible(file)}: {damage}. What came before was written.")
    return exit_code(bool(damage))
