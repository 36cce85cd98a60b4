"""Where the things that travel with the package lie: in the checkout, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CHECKOUT = PACKAGE.parent


def notebooks() -> Path:
    """The folder of the scenario notebooks."""
    return _first(PACKAGE / "_notebooks", CHECKOUT / "notebooks")


def recorded() -> Path:
    """The recorded incident of the demo."""
    return _first(PACKAGE / "_recorded", CHECKOUT / "tests" / "recorded" / "freebit_slow")


def _first(*places: Path) -> Path:
    return next((place for place in places if place.is_dir()), places[-1])
