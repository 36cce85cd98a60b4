"""Whom to call, as the team says in [contacts]: each role with a method and a backup, and which roles a level means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from incident_kit.config.toml import ConfigurationTable

# The roles that the runbook speaks of. A vendor's role is the name of its system in dependencies.toml.
ROLES: Mapping[str, str] = {
    "primary_on_call": "Primary on call",
    "secondary_on_call": "Secondary on call",
    "engineering_lead": "Engineering lead",
    "engineering_manager": "Engineering manager",
    "security_team": "Security team",
    "salesforce_admin": "Salesforce administrator",
    "whmcs_hosting": "Hosting provider of WHMCS",
    "salesforce": "Support of Salesforce",
    "whmcs": "Support of WHMCS",
    "freebit": "Support of Freebit",
}
LEVELS: Mapping[str, tuple[str, ...]] = {
    "L1": ("primary_on_call", "secondary_on_call"),
    "L2": ("engineering_lead",),
    "L3": ("engineering_manager",),
    "L4": ("salesforce", "whmcs", "freebit"),
}
ON_CALL = "on_call"  # how the role was called when a contact was one text
FIELDS = ("name", "title", "method", "backup")
# What stands where nobody has written anything yet.
PLACEHOLDER = re.compile(
    r"(?i)\s*(?:|\[.*\]|<.*>|\{.*\}|\.+|…|-+|–|\?+|x{2,}|none|n/?a"
    r"|(?:to ?do|tbd|tba|fixme|change ?me|example|your|insert)\b.*"
    r"|(?:phone|slack|e-?mail|pagerduty)(?:\s*/\s*(?:phone|slack|e-?mail|pagerduty))*)\s*"
)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody in a role. `method` and `backup` say how they are reached, such as `PagerDuty: portal`."""

    role: str
    title: str
    name: str = ""
    method: str = ""
    backup: str = ""

    @property
    def ways(self) -> tuple[str, ...]:
        """How they are reached, the usual way first; none where only placeholders stand."""
        return tuple(way for way in (self.method, self.backup) if not PLACEHOLDER.fullmatch(way))

    @property
    def person(self) -> str:
        """The name, if there is one."""
        return "" if PLACEHOLDER.fullmatch(self.name) else self.name

    def sentence(self) -> str:
        """Who and how: `Engineering lead (Ito): Slack @ito, else 03-5550-0101`."""
        who = f"{self.title} ({self.person})" if self.person else self.title
        return f"{who}: {', else '.join(self.ways) or 'nobody has said how to reach them'}"

    def fault(self) -> str:
        """What is missing, for whoever can add it; empty where nothing is."""
        if not self.ways:
            return f"contacts.{self.role} has no way to reach anybody ({self.title})"
        if len(self.ways) == 1:
            return f"contacts.{self.role} has no {'backup' if self.ways[0] == self.method else 'method'} ({self.title})"
        return ""


@dataclass(frozen=True, slots=True)
class Contacts:
    """All contacts by role, and the roles that each level means."""

    by_role: Mapping[str, Contact] = field(
        default_factory=lambda: {role: Contact(role, title) for role, title in ROLES.items()}
    )
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(LEVELS))

    def of(self, whom: str) -> tuple[Contact, ...]:
        """Who is meant by a level (L2), a role or a vendor's system. Whom nobody named cannot be reached."""
        return tuple(
            self.by_role.get(role) or Contact(role, role.replace("_", " ").capitalize())
            for role in self.levels.get(whom, (whom,))
        )

    def reachable(self) -> tuple[Contact, ...]:
        """Those that somebody has said how to reach, in the order of the runbook's roles."""
        return tuple(contact for contact in self.by_role.values() if contact.ways)

    def level_of(self, whom: str) -> str:
        """The level that this is, or that means this role; empty where none does."""
        return whom if whom in LEVELS else next((level for level, roles in self.levels.items() if whom in roles), "")

    def faults(self, whom: Iterable[str]) -> list[str]:
        """What is missing of those who may have to be called."""
        contacts = {contact.role: contact for name in whom for contact in self.of(name)}
        return [fault for contact in contacts.values() if (fault := contact.fault())]


def read_contacts(table: ConfigurationTable) -> Contacts:
    """The contacts of a [contacts] table. Raises ConfigurationError naming file, line and field."""
    by_role = {role: Contact(role, title) for role, title in ROLES.items()}
    for name, value in table.data.items():
        if name == "levels":
            continue
        role = "primary_on_call" if name == ON_CALL else name
        title = ROLES.get(role, role.replace("_", " ").capitalize())
        if isinstance(value, str):
            by_role[role] = Contact(role, title, method=value)
        elif isinstance(value, dict):
            by_role[role] = _contact(table.table(name), role, title)
        else:
            raise table.fail(name, f"a table, [contacts.{name}], with name, method and backup, or a text in quotes")
    return Contacts(by_role, {**LEVELS, **_levels(table.table("levels"), by_role)})


def _contact(table: ConfigurationTable, role: str, title: str) -> Contact:
    table.only(*FIELDS)
    return Contact(
        role,
        table.text("title", "") or title,
        table.text("name", ""),
        table.text("method", ""),
        table.text("backup", ""),
    )


def _levels(table: ConfigurationTable, by_role: Mapping[str, Contact]) -> dict[str, tuple[str, ...]]:
    table.only(*LEVELS)
    for level in table.data:
        for role in table.texts(level):
            if role not in by_role:
                raise table.fail(level, f"a list of roles of [contacts] ({', '.join(by_role)})")
    return {level: table.texts(level) for level in table.data}
