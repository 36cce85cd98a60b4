"""Whom to call, as a team writes it into incident-kit.toml: roles with ways to reach them, placeholders named."""

from __future__ import annotations

from pathlib import Path

import pytest

from incident_kit.config import settings
from incident_kit.config.contacts import Contact, Contacts
from incident_kit.errors import ConfigurationError
from tests.command import Kit

OURS = """\
[contacts.primary_on_call]
name = "Aki Ito"
method = "PagerDuty: portal-primary"
backup = "phone 555-0101"

[contacts.engineering_lead]
method = "[Slack/Email]"
backup = "phone 555-0102"

[contacts.carrier]
title = "Duty desk of the carrier"
method = "phone 555-0103"
backup = "duty@carrier.example"

[contacts.levels]
L3 = ["engineering_lead", "carrier"]
"""


def contacts_of(folder: Path, text: str) -> Contacts:
    (folder / "incident-kit.toml").write_text(text, encoding="utf-8")
    return settings.load(folder / "incident-kit.toml").contacts


def test_each_level_means_roles_and_a_team_may_mean_others(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, OURS)
    assert [contact.role for contact in contacts.of("L1")] == ["primary_on_call", "secondary_on_call"]
    assert [contact.sentence() for contact in contacts.of("L3")] == [
        "Engineering lead: phone 555-0102",
        "Duty desk of the carrier: phone 555-0103, else duty@carrier.example",
    ]
    assert (
        contacts.of("L1")[0].sentence() == "Primary on call (Aki Ito): PagerDuty: portal-primary, else phone 555-0101"
    )
    assert contacts.of("whmcs_hosting")[0].sentence() == "Hosting provider of WHMCS: nobody has said how to reach them"
    assert contacts.of("nobody_in_particular")[0].title == "Nobody in particular"


def test_what_is_missing_is_named_by_its_field(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, OURS)
    assert contacts.faults(["L1", "L2", "carrier"]) == [
        "contacts.secondary_on_call has no way to reach anybody (Secondary on call)",
        "contacts.engineering_lead has no method (Engineering lead)",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "[Slack/PagerDuty]",
        "[Phone]",
        "Slack/PagerDuty",
        "<phone>",
        "TODO",
        "tbd: ask Aki",
        "???",
        "xxx",
        "n/a",
    ],
)
def test_a_placeholder_is_no_way_to_reach_anybody(text: str) -> None:
    assert Contact("a", "A", method=text).ways == ()


@pytest.mark.parametrize(
    "text", ["Slack @ito", "#portal-oncall", "PagerDuty: portal", "+81 3-5550-0101", "ito@portal.example"]
)
def test_what_a_team_writes_is_a_way(text: str) -> None:
    assert Contact("a", "A", method=text).ways == (text,)


def test_a_contact_as_one_text_is_still_taken(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, '[contacts]\non_call = "PagerDuty: portal"\nlegal = "legal@portal.example"\n')
    assert contacts.of("primary_on_call")[0].ways == ("PagerDuty: portal",)
    assert contacts.of("legal")[0].sentence() == "Legal: legal@portal.example"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[contacts.primary_on_call]\nphone = "1"', "line 2: contacts.primary_on_call.phone is not known here"),
        ("[contacts.primary_on_call]\nmethod = 5550101", "line 2: contacts.primary_on_call.method must be a text"),
        ('[contacts.levels]\nL9 = ["x"]', "line 2: contacts.levels.L9 is not known here"),
        ('[contacts.levels]\nL2 = ["lead"]', "line 2: contacts.levels.L2 must be a list of roles of [contacts]"),
        ('contacts = "Aki"', "line 1: contacts must be a table"),
    ],
)
def test_a_mistake_is_named_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        contacts_of(tmp_path, text)
    assert words in str(raised.value)


def test_doctor_points_out_who_cannot_be_reached(tmp_path: Path, kit: Kit) -> None:
    (tmp_path / "incident-kit.toml").write_text(OURS, encoding="utf-8")
    finished = kit("doctor", cwd=tmp_path)
    lines = finished.stdout.split("\n")
    (named,) = [line for line in lines if "contacts:" in line]
    assert "not named" in named
    assert "contacts.secondary_on_call has no way to reach anybody (Secondary on call)" in named
    assert "contacts.primary_on_call" not in named
