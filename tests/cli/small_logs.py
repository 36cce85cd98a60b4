"""A small log as pino-http writes it, for tests that need any log at all."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BEARER = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLW5vLXdvcnRo"
EMAIL = "hanako.invented@example.jp"


def request_line(at: datetime, number: int) -> str:
    return json.dumps({
        "level": 30, "time": int(at.timestamp() * 1000), "pid": 7, "hostname": "vm",
        "req": {
            "id": hashlib.sha256(str(number).encode()).hexdigest(), "method": "GET",
            "url": f"/api/orders/{number}?email={EMAIL}",
            "headers": {"authorization": f"Bearer {BEARER}"}, "remoteAddress": "127.0.0.1",
        },
        "res": {"statusCode": 200, "headers": {"content-length": "94"}}, "responseTime": 13,
        "msg": f"request completed for {EMAIL}",
    }, separators=(",", ":"))  # fmt: skip


def write_log(path: Path, count: int = 360, apart: timedelta = timedelta(seconds=5)) -> Path:
    """Requests that went well, one every five seconds; gzip if the name ends so."""
    text = "".join(request_line(START + number * apart, number) + "\n" for number in range(count)).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path
