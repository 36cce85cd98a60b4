"""Logs of the small inputs on which the product was once wrong: pino-http lines of a quarter of an hour or so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

BEGAN_MS = 1_795_597_200_000  # 2026-11-25T09:00:00Z


def record(second: float, message: str, level: int = 30, **fields: object) -> str:
    """One pino line, so many seconds after the beginning."""
    fields_of_line = {
        "level": level,
        "time": BEGAN_MS + round(second * 1000),
        "pid": 80,
        "hostname": "portal-1",
        **fields,
        "msg": message,
    }
    return json.dumps(fields_of_line, ensure_ascii=False, separators=(",", ":"))


def request(
    second: float,
    method: str = "GET",
    url: str = "/api/orders/7",
    status: int = 200,
    took_ms: float = 12,
    client: str = "203.0.113.9",
) -> str:
    """One finished request, as pino-http writes it."""
    asked = {"id": f"r{second}", "method": method, "url": url, "remoteAddress": client}
    return record(second, "request completed", req=asked, res={"statusCode": status}, responseTime=took_ms)


def incident(method: str = "POST", url: str = "/api/orders", client: str = "203.0.113.9") -> list[str]:
    """Twenty minutes, two requests a second; of one route half fail slowly from the tenth minute on."""
    lines = []
    for second in range(1200):
        bad = second > 600
        lines.append(request(second, url=f"/api/orders/{second}"))
        lines.append(
            request(second + 0.2, method, url, 500 if bad and second % 2 else 200, 4000 if bad else 30, client)
        )
    return lines


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_bytes("".join(line + "\n" for line in lines).encode())
    return path
