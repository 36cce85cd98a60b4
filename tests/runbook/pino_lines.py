"""Request lines as pino-http writes them, for logs made in a test."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from incident_kit import logs, runbook
from incident_kit.model.finding import Finding
from incident_kit.model.source import Source
from incident_kit.model.times import Window

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BUCKET = timedelta(minutes=5)
PER_BUCKET = 150


def request(
    moment: datetime,
    ms: float = 20,
    status: int = 200,
    url: str = "/api/orders",
    kind: str = "application/json",
    aborted: bool = False,
) -> str:
    line: dict[str, Any] = {
        "level": 50 if status >= 500 else 30,
        "time": int(moment.timestamp() * 1000),
        "pid": 1,
        "hostname": "vm",
        "req": {"id": f"{moment:%H%M%S%f}", "method": "GET", "url": url, "headers": {}, "remoteAddress": "127.0.0.1"},
        "res": {"statusCode": None if aborted else status, "headers": {"content-type": kind}},
        "responseTime": ms,
        "msg": "request aborted" if aborted else "request completed",
    }
    return json.dumps(line)


def bucket(number: int, count: int = PER_BUCKET, bad: int = 0, **how: Any) -> list[str]:
    """The requests of the five minutes of this number, spread evenly; the first `bad` of them as `how` says."""
    apart = BUCKET / count
    return [request(START + number * BUCKET + place * apart, **(how if place < bad else {})) for place in range(count)]


def examined(
    path: Path, lines: Iterable[str], buckets: int, book: runbook.Runbook | None = None, since: datetime = START
) -> dict[str, Finding]:
    """The findings of high_error_rate by symptom, over that many buckets from the start."""
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    book = book or runbook.load()
    window = Window(since, START + buckets * BUCKET)
    with logs.read([Source("0123456789", path, "made.log")], window, dependencies=book.dependencies) as records:
        findings = runbook.examine(book.scenario("high_error_rate"), runbook.Case(records, window, book))
    return {finding.symptom: finding for finding in findings}
