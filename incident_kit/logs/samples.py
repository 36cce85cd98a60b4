"""Formats held to their own samples: the lines a format file shows must give what it says of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.logs.formats import own_formats
from incident_kit.logs.reading import read
from incident_kit.model.source import Hints, Source
from incident_kit.model.times import iso

WRITTEN = datetime(2026, 12, 1, tzinfo=UTC)  # for samples that leave out their year


def first_record(line: str, hints: Hints) -> dict[str, Any] | None:
    """The first record of a sample's text, in canonical columns with its time as ISO 8601."""
    with tempfile.TemporaryDirectory(prefix="incident-kit-") as folder:
        path = Path(folder) / "sample.log"
        path.write_text(line + "\n", encoding="utf-8")
        with read([Source("sample", path, "sample.log", written=WRITTEN, hints=hints)]) as records:
            record = next(iter(records.rows()), None)
    if record:
        record["ts"] = iso(record["ts"]) if record["ts"] else None
    return record


def check(formats: Sequence[Mapping[str, Any]], where: str) -> None:
    """Raise ParameterError for the first sample that is not read as its format says."""
    hints = Hints(formats=tuple(formats))
    for place, form in enumerate(own_formats(formats, where)):
        for number, sample in enumerate(form.samples):
            place_in_file = f"{where}[{place}] ({form.name}), sample {number}"
            if not isinstance(sample.get("line"), str) or not isinstance(sample.get("expected"), dict):
                raise ParameterError(f"{place_in_file}: a sample has a `line` and what is `expected` of it.")
            record = first_record(sample["line"], hints)
            if record is None:
                raise ParameterError(
                    f"{place_in_file}: the line is not read as a record."
                    " Is the pattern, or what it is recognised by, right?"
                )
            for name, value in sample["expected"].items():
                if name not in record:
                    raise ParameterError(f"{place_in_file}: {name} is no column of a record.")
                if record[name] != value:
                    raise ParameterError(f"{place_in_file}: {name} is {record[name]!r}, expected {value!r}.")
