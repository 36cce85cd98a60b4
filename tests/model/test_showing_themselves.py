"""Objects that show themselves in a notebook: redacted and escaped, whatever stands in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from incident_kit.errors import ParameterError
from incident_kit.evidence.store import Evidence, Provenance, open_evidence
from incident_kit.logs.accounting import Account, Accounting
from incident_kit.logs.raw import RawLines
from incident_kit.model import places
from incident_kit.model.finding import Event, Findings, Line, Timeline
from incident_kit.view.display import as_html, notice

NASTY = "<script>alert(1)</script> redis://:hunter2@cache:6379"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LINE = Line("0123456789", 1)


def findings() -> Findings:
    found = Findings()
    found.keep(NASTY, [LINE])
    return found


def evidence(folder: Any) -> Evidence:
    stored = Evidence(folder / "evidence")
    stored.add([b"what it said"], Provenance("answer", NASTY, NASTY, "2026-11-23T09:00:00Z"))
    return stored


def accounting() -> Accounting:
    return Accounting(
        [
            Account(
                "0123456789",
                NASTY,
                NASTY,
                "",
                1,
                1,
                1,
                0,
                0,
                0,
                0,
                "",
                0,
                False,
                NOW,
                NOW,
                (),
                (NASTY,),
                (),
                {},
                NASTY,
                (),
            )
        ]
    )


@pytest.mark.parametrize(
    "shown",
    [
        lambda _: findings(),
        lambda _: findings()[0],
        lambda _: Timeline([Event(NOW, NASTY, NASTY, NASTY, LINE)]),
        lambda _: Event(NOW, NASTY, NASTY, NASTY, LINE),
        lambda _: accounting(),
        lambda _: RawLines({LINE: NASTY}, {LINE: NASTY}, 1),
        evidence,
    ],
    ids=["findings", "finding", "timeline", "event", "accounting", "lines", "evidence"],
)
def test_it_shows_no_secret_and_no_foreign_markup(shown: Any, tmp_path: Any) -> None:
    html = as_html(shown(tmp_path))
    assert "&lt;script&gt;" in html
    assert "[redacted:credentials]" in html
    assert "<script" not in html
    assert "hunter2" not in html


def test_a_finding_of_ones_own_needs_something_to_rest_on() -> None:
    found = Findings()
    with pytest.raises(ParameterError, match="needs a citation"):
        found.keep("It was Freebit")
    with pytest.raises(ParameterError, match="needs its reason"):
        found.keep("It was Freebit", verdict="inconclusive")
    with pytest.raises(ParameterError, match="perhaps"):
        found.keep("It was Freebit", verdict="perhaps")
    assert found == []
    found.keep("It was Freebit", verdict="inconclusive", reason="its own log is not here")
    assert found[0].to_json()["verdict"] == "inconclusive"


def test_a_finding_kept_again_is_kept_once() -> None:
    """A cell is run many times."""
    found = Findings()
    found.keep("It was Freebit", [LINE])
    found.keep("It was not Redis", [LINE])
    found.keep("It was Freebit", [LINE, Line("0123456789", 2)])
    assert [(one.statement, len(one.citations)) for one in found] == [("It was not Redis", 1), ("It was Freebit", 2)]


def test_recorded_evidence_says_so_and_other_evidence_does_not(tmp_path: Any) -> None:
    recorded = open_evidence(places.recorded())
    assert "recorded incident" in notice(recorded)
    copied = Evidence(tmp_path / "copied")
    copied.adopt(recorded.items())
    assert notice(copied) == notice(recorded)
    assert notice(evidence(tmp_path)) == ""
    assert notice(Evidence(tmp_path / "empty")) == ""
