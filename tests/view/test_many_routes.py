"""Of many routes a page shows those that suffer most; the others are counted, none is lost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from incident_kit.logs import rates
from incident_kit.logs.reading import read
from incident_kit.model.source import Source
from incident_kit.model.times import Window
from incident_kit.timeline.impact import impact_of
from incident_kit.view import page
from tests.runbook.pino_lines import request

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_of_thousands_of_routes_the_failing_ones_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    lines = [
        request(NINE + timedelta(milliseconds=20 * n), status=500 if n in (77, 2777) else 200, url=f"/p{n:x}q/r")
        for n in range(3000)
    ]
    path = tmp_path / "app.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    window = Window(NINE, NINE + timedelta(minutes=1))
    with read([Source("a", path, "app.log")], window) as records:
        impact = impact_of(records, window)
        requests = rates.requests_between(records, impact.edges(window))
        shown = str(page.before_and_during(requests, impact, window, "Route", "requests_between"))
    assert "/p4dq/r" in shown
    assert "/pad9q/r" in shown
    assert "2,950 others together" in shown
    assert len(re.findall(r"<th scope='row'>", shown)) == 51
    assert len(shown) < 50_000
