"""Evidence as a stranger hands it over, for the small inputs on which the product was once wrong.

The items are right, to be damaged.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import case_logs

WINDOW = {"since": "2026-11-25T09:00:00.000Z", "until": "2026-11-25T09:20:00.000Z"}
ASKED_AT = "2026-11-25T09:21:00.000Z"


def keep(folder: Path, description: dict[str, Any], content: bytes, ledger: bytes = b"") -> Path:
    """One item, named after its description."""
    return keep_text(folder, json.dumps(description, indent=1, sort_keys=True) + "\n", content, ledger)


def keep_text(folder: Path, text: str, content: bytes, ledger: bytes = b"") -> Path:
    item = folder / hashlib.sha256(text.encode()).hexdigest()[:10]
    item.mkdir(parents=True)
    (item / "item.json").write_text(text, encoding="utf-8")
    (item / "content").write_bytes(content)
    if ledger:
        (item / "ledger.jsonl").write_bytes(ledger)
    return item


def description(content: bytes, kind: str, origin: str, details: dict[str, Any], **more: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    origin_fields = {
        "kind": kind,
        "origin": origin,
        "asked": "as it was asked",
        "asked_at": ASKED_AT,
        "duration_ms": 3.5,
    }
    return {**origin_fields, "sha256": sha256, "size_bytes": len(content), "details": details, **more}


def log() -> bytes:
    """A log of a few requests."""
    return "".join(
        case_logs.request(second, url=f"/api/carts/{second}") + "\n" for second in range(0, 1200, 3)
    ).encode()


def slice_of(content: bytes, **details: Any) -> dict[str, Any]:
    return description(
        content,
        "slice",
        "/var/log/bff/app.log",
        {"path": "/var/log/bff/app.log", "window": WINDOW, "notes": [], **details},
    )


def keep_slice(folder: Path, **details: Any) -> Path:
    return keep(folder, slice_of(log(), **details), log())


def answer(**more: Any) -> dict[str, Any]:
    """The content of an answer."""
    question_fields = {
        "question": "redis.info",
        "asked": "How is it?",
        "target": "REDIS_URL",
        "asked_at": ASKED_AT,
        "duration_ms": 3.5,
    }
    return {**question_fields, "status": "ok", "reason": "", "clock": None, "warnings": [], "data": {}, **more}


def keep_answer(folder: Path, answer: object, ledger: bytes = b"", **details: Any) -> Path:
    """An answer whose hashes are right, whatever it says."""
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    about = {"target": "REDIS_URL", "status": "ok", "reason": "", "warnings": [], "clock": None, **details}
    more = {"ledger_sha256": hashlib.sha256(ledger).hexdigest()} if ledger else {}
    return keep(folder, description(content, "answer", "redis.info", about, **more), content, ledger)
