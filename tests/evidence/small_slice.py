"""What is written beside a small slice of a log, for the tests of what keeps it and of what checks it."""

from __future__ import annotations

from incident_kit.evidence.store import Provenance

CUT = {"path": "/var/log/app.log", "window": {"since": "2026-11-23T06:00:00.000Z", "until": "2026-11-23T07:00:00.000Z"}}
ASKED = Provenance(
    kind="slice",
    origin="app.log",
    asked="the bytes",
    asked_at="2026-11-23T07:00:00.000Z",
    details=CUT,
)
