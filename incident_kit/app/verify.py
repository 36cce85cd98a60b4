"""`incident-kit verify`: whether a sealed run is as it was sealed."""

from __future__ import annotations

from pathlib import Path

from incident_kit.app.console import say, show
from incident_kit.evidence import verify as seals


def verify(folder: Path, digest: str) -> None:
    """Compare a run with its seal, and with the digest that was noted or told. Raises VerificationFailed."""
    verified = seals.verify(folder, digest)
    show(f"{folder}: as it was sealed. Digest {verified.digest}")
    if verified.compared:
        say(f"That is the digest noted at sealing, by {verified.compared}.")
    else:
        say(
            "No journal lies beside it that noted the digest at sealing: "
            "compare it with the one you were told, or give that with --digest."
        )
