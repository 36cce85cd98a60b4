"""Evidence made in a test: lines as pino writes them, answers as diagnostics store them, and the finding of a check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from incident_kit import logs, runbook
from incident_kit.evidence.journal import Entry
from incident_kit.model.answer import Answer, Fault, Status, StoredAnswer
from incident_kit.model.finding import Finding
from incident_kit.model.source import Source
from incident_kit.model.times import Window

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BOOK = runbook.load()
WELL_KNOWN = "203.0.113.7"


def time_at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def request_line(
    minute: float,
    route: str,
    status: int | None = 200,
    client: str = WELL_KNOWN,
    size_bytes: int = 400,
    ms: float = 20,
    stream: bool = False,
    user: str = "",
) -> str:
    """A completed request; status None: aborted."""
    method, _, url = route.partition(" ")
    moment = time_at(minute)
    line: dict[str, Any] = {
        "level": 30,
        "time": round(moment.timestamp() * 1000),
        "pid": 1,
        "hostname": "vm",
        "req": {
            "id": f"{moment:%H%M%S%f}",
            "method": method,
            "url": url,
            "headers": {"x-forwarded-for": client},
            "remoteAddress": "127.0.0.1",
        },
        "res": {
            "statusCode": status,
            "headers": {
                "content-type": "text/event-stream" if stream else "application/json",
                "content-length": str(size_bytes),
            },
        },
        "responseTime": ms,
        "msg": "request aborted" if status is None else "request completed",
    }
    return json.dumps({**line, **({"userId": user} if user else {})})


def portal_line(
    minute: float,
    context: str,
    message: str,
    error: str = "",
    code: str = "",
    level: int = 50,
    url: str = "",
    ms: float | None = None,
) -> str:
    """What a part of the portal logs; `error` is the text of the error behind it."""
    line: dict[str, Any] = {
        "level": level,
        "time": round(time_at(minute).timestamp() * 1000),
        "pid": 1,
        "hostname": "vm",
        "context": context,
    }
    if url:
        line["req"] = {"id": f"r{minute}", "method": url.partition(" ")[0], "url": url.partition(" ")[2]}
    if error:
        line["err"] = {"type": "Error", "message": error, **({"code": code} if code else {})}
    return json.dumps({**line, **({"durationMs": ms} if ms is not None else {}), "msg": message})


def healthy(minutes: int, per_minute: int = 30, since: int = 0) -> list[str]:
    """An ordinary portal: its start, and requests of many clients that go well."""
    lines = [portal_line(since, "NestApplication", "Nest application successfully started", level=30)]
    lines += [
        request_line(since + place / per_minute, "GET /api/orders", client=f"198.51.100.{place % 40}")
        for place in range(minutes * per_minute)
    ]
    return lines


def stored_answer(
    question: str,
    data: dict[str, Any] | None = None,
    status: Status = Status.OK,
    reason: str = "",
    warnings: Sequence[str] = (),
    minute: float = 20,
    fault: Fault | None = None,
) -> StoredAnswer:
    """A stored answer."""
    answer = Answer(
        question, "?", "TARGET", time_at(minute), 12.0, status, reason, data or {}, None, tuple(warnings), fault=fault
    )
    return StoredAnswer(f"a{abs(hash((question, minute))) % 10**9:09}", answer)


def finding_of(
    path: Path,
    symptom: str,
    lines: Iterable[str] = (),
    answers: Sequence[StoredAnswer] = (),
    minutes: float = 20,
    journal: Sequence[Entry] = (),
) -> Finding:
    """What the check of this symptom (`scenario.symptom`) finds in these lines and answers, over so many minutes."""
    scenario_id, _, symptom_id = symptom.partition(".")
    with case_of(path, lines, answers, minutes, journal) as case:
        return next(
            finding for finding in runbook.examine(BOOK.scenario(scenario_id), case) if finding.symptom == symptom_id
        )


class case_of:  # noqa: N801  # a function that is used in a `with`
    """The case of these lines and answers; a log that is not given is not there."""

    def __init__(
        self,
        path: Path,
        lines: Iterable[str] = (),
        answers: Sequence[StoredAnswer] = (),
        minutes: float = 20,
        journal: Sequence[Entry] = (),
        book: runbook.Runbook = BOOK,
    ) -> None:
        ordered = sorted(lines, key=lambda line: json.loads(line)["time"])
        sources = []
        if ordered:
            path.write_text("".join(line + "\n" for line in ordered), encoding="utf-8")
            sources = [Source("0123456789", path, "made.log")]
        self.window = (
            Window(START, time_at(minutes))
            if ordered
            else Window(min(stored.moment.since for stored in answers), max(stored.moment.until for stored in answers))
        )
        self.records = logs.read(sources, self.window, dependencies=book.dependencies)
        self.case = runbook.Case(self.records, self.window, book, journal, answers)

    def __enter__(self) -> runbook.Case:
        return self.case

    def __exit__(self, *_: object) -> None:
        self.records.close()
