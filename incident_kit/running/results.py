"""A run's results as files. A reproduction compares them, so nothing in them depends on when or where it ran."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from incident_kit.evidence.run_folder import (
    ACCOUNTING,
    FINDINGS,
    IMPACT,
    SEVERITY,
    TIMELINE,
    Results,
    as_json,
    as_json_line,
)
from incident_kit.logs.accounting import Account
from incident_kit.logs.rates import Bucket
from incident_kit.model.finding import Event, Finding
from incident_kit.model.redaction import REDACTION
from incident_kit.model.severity import Severity
from incident_kit.model.spreadsheet import defused
from incident_kit.model.times import iso
from incident_kit.timeline.impact import Impact


def save(
    output: str,
    impact: Impact,
    severity: Severity,
    findings: Sequence[Finding],
    events: Sequence[Event],
    accounts: Sequence[Account],
    series: dict[str, Sequence[Bucket]],
) -> str:
    """Write the results below the folder `output` (none if it is empty) and say so in a sentence."""
    if not output:
        return "Nothing was written: the parameter output is empty."
    results = Results(Path(output))
    (results.data / "series").mkdir(parents=True, exist_ok=True)
    _write(results.impact, as_json(at_rest(impact.to_json())))
    _write(results.severity, as_json(at_rest(severity.to_json())))
    _write(results.findings, as_json(at_rest([finding.to_json() for finding in findings])))
    _write(results.timeline, "".join(as_json_line(at_rest(event.to_json())) for event in events))
    _write(results.accounting, as_json(at_rest([account.to_json() for account in accounts])))
    for name, buckets in series.items():
        _write(results.series(name), series_csv(buckets))
    return f"Written: {IMPACT}, {SEVERITY}, {FINDINGS}, {TIMELINE}, {ACCOUNTING} and {len(series)} series."


def series_csv(buckets: Sequence[Bucket]) -> str:
    """Buckets as CSV: UTC, durations in milliseconds with three decimals, an empty field where there is no value.

    No name is one that a spreadsheet would run.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["start", "name", "n", "failed", "aborted", "refused", "average_ms", "p50_ms", "p95_ms", "p99_ms"])
    for bucket in buckets:
        quantiles = [
            "" if value is None else f"{value / 1000:.3f}" for value in (bucket.p50_us, bucket.p95_us, bucket.p99_us)
        ]
        writer.writerow(
            [
                iso(bucket.start),
                defused(bucket.name or ""),
                bucket.n,
                bucket.failed,
                bucket.aborted,
                bucket.refused,
                f"{bucket.average_ms:.3f}",
                *quantiles,
            ]
        )
    return text.getvalue()


def at_rest(data: Any) -> Any:
    """Results without what looks like a secret since sentences were made of their values, and values were cut short."""
    if isinstance(data, str):
        return REDACTION.sentence(data)
    if isinstance(data, dict):
        return {name: at_rest(part) for name, part in data.items()}
    return [at_rest(part) for part in data] if isinstance(data, list) else data


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
