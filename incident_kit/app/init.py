"""`incident-kit init`: a configuration file for a team to edit."""

from __future__ import annotations

from pathlib import Path

from incident_kit.app.console import show
from incident_kit.config import settings
from incident_kit.model.visible import visible


def init(path: Path) -> None:
    """Write a configuration with every setting and its default."""
    settings.write(path)
    show(f"{visible(path)}: written. Edit it, then try it with: incident-kit doctor")
