"""Every row, field and bullet of the team's runbook beside its scenarios has its place here."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incident_kit.config.contacts import LEVELS, ROLES
from incident_kit.incident.state import SOURCES, Audience, Milestone, Status
from incident_kit.runbook.data import load

BOOK = load()
HOUR = timedelta(hours=1)
# The severity table: how soon somebody responds, and the rules that stand for its examples.
SEVERITIES = {
    "P1": ("15m", {"all_requests_fail", "unreachable", "data_damaged"}),
    "P2": ("1h", {"major_feature_fails"}),
    "P3": ("4h", set()),
    "P4": ("24h", set()),
}
# The escalation table: level, to which severities and after how long, and whom it means.
ESCALATION = {
    "L1": ((), None, "primary_on_call"),
    "L2": (("P1", "P2"), HOUR / 2, "engineering_lead"),
    "L3": (("P1",), HOUR, "engineering_manager"),
    "L4": ((), None, "salesforce"),
}
# The bullets of the workflow: stage, and the need that asks for it.
WORKFLOW = {
    ("detect", "an alert, a customer or a colleague"): "source",
    ("assess", "the severity"): "severity",
    ("assess", "which systems"): "evidence",
    ("assess", "what customers notice"): "impact",
    ("respond", "the scenario's steps"): "step",
    ("respond", "say how it stands, inside"): "internal_update",
    ("respond", "say how it stands, to customers"): "customer_update",
    ("respond", "call more people"): "called",
    ("resolve", "put it right"): "mitigated",
    ("resolve", "see that it is right"): "rechecked",
    ("resolve", "watch whether it comes back"): "watched",
    ("review", "within three business days"): "reviewed",
}
# The fields of the messages, and what of an update stands for each in the template.
INTERNAL = {
    "severity and what it is": ("update.severity", "update.title"),
    "status": ("update.status",),
    "impact": ("update.impact_noted",),
    "since when": ("update.started",),
    "last update": ("update.now", "update.previous"),
    "current actions": ("update.actions",),
    "next update": ("update.next_update",),
}
CUSTOMER = {
    "of what": ("features()",),
    "what is happening": ("words.happening",),
    "impact": ("impacts",),
    "status": ("words.status_for_customers",),
    "how often we write": ("update.cadence",),
    "an apology": ("words.apology",),
}


@pytest.mark.parametrize("level", SEVERITIES)
def test_a_severity_has_its_definition_its_time_its_examples_and_its_rules(level: str) -> None:
    severity = BOOK.severity(level)
    within, rules = SEVERITIES[level]
    assert severity.respond_within == within
    assert severity.definition
    assert severity.examples
    assert rules <= {rule.id for rule in BOOK.severity_rules if rule.level == level}


def test_no_fact_makes_an_incident_a_p4() -> None:
    assert not [rule for rule in BOOK.severity_rules if rule.level == "P4"]


@pytest.mark.parametrize("level", ESCALATION)
def test_an_escalation_level_is_called_when_the_table_says_and_means_somebody(level: str) -> None:
    severities, after, role = ESCALATION[level]
    row = BOOK.policy.level(level)
    assert (row.of, row.after) == (severities, after)
    assert role in LEVELS[level]
    assert role in ROLES


def test_customers_being_hit_calls_management_at_once() -> None:
    assert BOOK.policy.level("L3").at_once_of == ("P1", "P2")
    assert "error_rate" in BOOK.policy.customers


def test_each_vendor_of_the_table_is_called_when_its_system_fails() -> None:
    assert {vendor.system for vendor in BOOK.policy.vendors if vendor.level == "L4"} == {
        "salesforce",
        "whmcs",
        "freebit",
    }


@pytest.mark.parametrize("role", ["primary_on_call", "secondary_on_call", "engineering_lead"])
def test_each_row_of_the_contacts_has_a_role(role: str) -> None:
    assert role in ROLES


@pytest.mark.parametrize(("bullet", "need"), WORKFLOW.items(), ids=[f"{stage}: {text}" for stage, text in WORKFLOW])
def test_each_bullet_of_the_workflow_is_asked_for(bullet: tuple[str, str], need: str) -> None:
    assert need in [asked.id for asked in BOOK.workflow.of(bullet[0])]


def test_who_noticed_it_can_be_said_in_the_three_ways_of_the_workflow() -> None:
    assert SOURCES == ("alert", "customer", "internal")


@pytest.mark.parametrize("language", BOOK.messages.languages)
@pytest.mark.parametrize(
    ("template", "fields"), [("internal", INTERNAL), ("customer", CUSTOMER)], ids=["internal", "customer"]
)
def test_each_field_of_a_message_is_in_its_template(
    language: str, template: str, fields: dict[str, tuple[str, ...]]
) -> None:
    text = BOOK.messages.languages[language].templates[template]
    missing = {field: name for field, names in fields.items() for name in names if name not in text}
    assert missing == {}


def test_the_words_for_how_it_stands_are_those_of_the_messages() -> None:
    assert list(Status) == ["investigating", "identified", "monitoring", "resolved"]


@pytest.mark.parametrize("audience", list(Audience))
def test_messages_come_every_half_hour_or_hour(audience: Audience) -> None:
    assert BOOK.policy.updates[audience] == {"P1": HOUR / 2, "P2": HOUR}


def test_a_review_is_owed_of_p1_and_p2_within_three_business_days() -> None:
    assert (BOOK.policy.review_of, BOOK.policy.review_business_days) == (("P1", "P2"), 3)


def test_the_moments_that_a_review_asks_for_are_milestones() -> None:
    assert {"detected", "acknowledged", "resolved", "started"} <= set(Milestone)


@pytest.mark.parametrize(
    ("scenario", "to", "after"),
    [
        ("platform_events", "salesforce_admin", HOUR / 2),
        ("whmcs_unavailable", "whmcs_hosting", timedelta(0)),
        ("security_incident", "engineering_lead", timedelta(0)),
        ("security_incident", "engineering_manager", timedelta(0)),
        ("security_incident", "security_team", timedelta(0)),
    ],
)
def test_a_scenario_calls_whom_it_says(scenario: str, to: str, after: timedelta) -> None:
    rules = {(rule.to, rule.after) for rule in BOOK.scenario(scenario).rules}
    levels = {role: level for level, roles in LEVELS.items() for role in roles}
    assert (to, after) in rules or (levels.get(to), after) in rules
