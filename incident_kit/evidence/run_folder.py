"""What lies where in a run's folder, and how its results are written: the same bytes for the same data."""

from __future__ import annotations

import json
from typing import Any

# What a reproduction compares, below `data/`.
COMPARED = ("onset.json", "findings.json", "timeline.jsonl", "accounting.json", "series/*.csv")


def as_json(data: Any) -> str:
    """A result as a file of JSON holds it: the same bytes for the same data."""
    return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def as_json_line(data: Any) -> str:
    """A result as a line of JSON Lines."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
