"""Where an incident stands, and what of each stage is missing: asked for once it matters, never before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from incident_kit import runbook
from incident_kit.evidence.journal import Kind
from incident_kit.incident.deadlines import deadlines
from incident_kit.incident.facts import Facts
from incident_kit.incident.levels import level_history
from incident_kit.incident.workflow import Situation, progress, stands_in
from incident_kit.model.times import Window
from incident_kit.runbook.workflow import NEEDS
from tests.incident.played import START, Played, minute

BOOK = runbook.load()
TOKYO = ZoneInfo("Asia/Tokyo")


def situation(played: Played, now: float, looked_until: float | None = None) -> Situation:
    state, moment = played.state, minute(now)
    history = level_history(state)
    window = Window(START - timedelta(hours=1), minute(looked_until)) if looked_until is not None else None
    facts = Facts("runs/one", window) if window else Facts()
    return Situation(
        state,
        history[-1].level if history else "",
        facts,
        deadlines(state, BOOK.policy, history, moment, TOKYO),
        moment,
        TOKYO,
    )


def missing(played: Played, now: float, looked_until: float | None = None) -> dict[str, list[str]]:
    """The needs that are not met, by stage."""
    stages = progress(BOOK.workflow, situation(played, now, looked_until))
    return {stage.stage.id: [need.need for need in stage.missing] for stage in stages if stage.reached}


def test_every_need_of_the_runbook_is_decided_somewhere() -> None:
    assert sorted(need.id for need in BOOK.workflow.needs) == sorted(NEEDS)


def test_evidence_alone_is_an_incident_that_nobody_opened() -> None:
    assert stands_in(situation(Played(), 1, 0)) == "detect"
    assert missing(Played(), 1, 0) == {"detect": ["opened", "acknowledged"]}


def test_it_goes_through_its_stages_and_asks_for_what_each_needs() -> None:
    played = Played()
    played.opened(0)
    assert stands_in(situation(played, 1)) == "assess"
    assert missing(played, 1) == {"detect": ["source", "acknowledged"], "assess": ["severity", "evidence", "impact"]}
    played.severity("P2", 2)
    played.milestone("acknowledged", 3)
    played.add(Kind.IMPACT, 4, "top-ups fail")
    assert missing(played, 5, 4) == {
        "detect": ["source"],
        "assess": [],
        "respond": ["step", "internal_update", "customer_update"],
    }
    assert missing(played, 95, 4)["respond"] == ["step", "internal_update", "customer_update", "called"]
    played.add(Kind.ACTION, 10, "restarted the BFF")
    played.called("L2", 60)
    played.update("internal", 30)
    played.update("customer", 35)
    assert missing(played, 70, 4)["respond"] == []
    played.milestone("mitigated", 80)
    assert stands_in(situation(played, 81, 4)) == "resolve"
    assert missing(played, 81, 4)["resolve"] == ["rechecked", "resolved"]
    assert missing(played, 90, 88)["resolve"] == ["resolved"]
    played.milestone("resolved", 100)
    assert missing(played, 101, 88)["resolve"] == ["watched", "told"]
    played.add(Kind.COMMUNICATED, 102, "it is over", audience="customer", status="resolved")
    assert missing(played, 170, 165) == {
        "detect": [],
        "assess": [],
        "respond": [],
        "resolve": [],
        "review": ["closed", "reviewed"],
    }


def test_the_review_is_asked_for_with_its_day_where_the_people_are() -> None:
    played = Played()
    played.opened(0)
    played.severity("P1", 1)
    played.milestone("resolved", 30)
    (review,) = [
        need
        for stage in progress(BOOK.workflow, situation(played, 40))
        for need in stage.missing
        if need.need == "reviewed"
    ]
    assert review.text == "the review is due Thursday 26 Nov, 23:59"


def test_what_can_only_be_written_down_afterwards_is_asked_for_no_more() -> None:
    played = Played()
    played.opened(0)
    played.severity("P1", 1)
    played.milestone("resolved", 300)
    found = missing(played, 310)
    assert (found["detect"], found["assess"], found["respond"]) == ([], ["impact"], [])


def test_a_light_incident_owes_no_update_and_no_review() -> None:
    played = Played()
    played.opened(0)
    played.severity("P4", 1)
    played.milestone("acknowledged", 2)
    played.milestone("resolved", 30)
    found = missing(played, 200, 180)
    assert "internal_update" not in found["respond"]
    assert "customer_update" not in found["respond"]
    assert "reviewed" not in found["review"]


def test_what_was_changed_for_a_while_is_asked_for_until_it_is_put_back() -> None:
    played = Played()
    played.opened(0)
    played.severity("P3", 1)
    line = played.add(Kind.ACTION, 10, "timeout 30 s", temporary=True)
    played.milestone("mitigated", 20)
    assert "reverted" in missing(played, 30, 25)["resolve"]
    played.add(Kind.ACTION, 40, "5 s again", undoes=line)
    assert "reverted" not in missing(played, 50, 25)["resolve"]


def test_a_need_that_a_team_took_out_is_asked_for_no_more() -> None:
    workflow = replace(BOOK.workflow, needs=tuple(need for need in BOOK.workflow.needs if need.id != "source"))
    played = Played()
    played.opened(0)
    stages = progress(workflow, situation(played, 1))
    assert [need.need for need in stages[0].missing] == ["acknowledged"]
