"""How our objects show themselves in a notebook: a kernel that imports this asks here for their HTML."""

from __future__ import annotations

import sys
from functools import singledispatch
from typing import Any

from incident_kit.evidence.store import Evidence
from incident_kit.logs.accounting import Accounting
from incident_kit.logs.raw import RawLines
from incident_kit.logs.reading import Records
from incident_kit.model.finding import Event, Finding, Findings, Timeline
from incident_kit.view.markup import Html, render

SHOWN_AT_ONCE = 400  # characters of a line; a longer one unfolds


@singledispatch
def as_html(value: object) -> Html:
    """An object of ours as it shows itself in a notebook."""
    raise TypeError(f"{type(value).__name__}: not shown as HTML")


@as_html.register
def _(finding: Finding) -> Html:
    return as_html(Findings([finding]))


@as_html.register
def _(findings: Findings) -> Html:
    return render("findings", findings=findings, linked=False)


@as_html.register
def _(event: Event) -> Html:
    return as_html(Timeline([event]))


@as_html.register
def _(events: Timeline) -> Html:
    return render("events", events=events)


@as_html.register
def _(accounts: Accounting) -> Html:
    remarks = [(account, remark) for account in accounts for remark in account.remarks()]
    return render("accounts", accounts=accounts, remarks=remarks)


@as_html.register
def _(lines: RawLines) -> Html:
    return render("raw_lines", lines=lines, shown_at_once=SHOWN_AT_ONCE)


@as_html.register
def _(records: Records) -> Html:
    return render("records", records=records, seen=records.extent())


@as_html.register
def _(stored: Evidence) -> Html:
    return render("evidence", notice=notice(stored), items=stored.items())


def notice(stored: Evidence) -> Html:
    """What a person must know before reading on: that this is the recorded incident. Empty for any other."""
    return render("notice") if stored.is_recorded() else Html("")


def _as_text(value: object) -> str:
    return str(as_html(value))


def register() -> None:
    """Tell the kernel how our types are shown, and nothing of any other type. Outside of a kernel: nothing."""
    ipython: Any = sys.modules.get("IPython")  # a kernel has it loaded
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for shown in as_html.registry:
        if shown is not object:
            formatter.for_type(shown, _as_text)
