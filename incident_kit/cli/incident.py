"""Commands for the people's side: open an incident, and note what is done, decided and said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incident_kit.cli.options import Reports, RunbookFolder, Zone
from incident_kit.config.request import Typed, resolve

app = typer.Typer(rich_markup_mode=None)

At = Annotated[
    str,
    typer.Option("--at", help="When it happened: -10m, 14:05 or ISO 8601, in the people's zone [now]."),
]
By = Annotated[str, typer.Option("--by", help="Who says so [INCIDENT_KIT_BY, else git's user.name, else user@host].")]
Why = Annotated[str, typer.Option("--why", help="Why, or what there is to say about it.")]
IncidentId = Annotated[str, typer.Argument(metavar="[ID]", help="The incident [the only open one, or as chosen].")]
Temporary = Annotated[
    bool, typer.Option("--temporary", help="It is changed for a while only: a deadline reminds of putting it back.")
]
RevertBy = Annotated[str, typer.Option("--revert-by", help="When it has to be put back: 2h, 14:05 or ISO 8601.")]
Undoes = Annotated[
    int | None, typer.Option("--undoes", help="The line of the journal whose change is put back by this.", min=1)
]


@app.command("open")
def open_(
    title: Annotated[str, typer.Argument(metavar="[TITLE]", help="What it is, in a few words [the alert's].")] = "",
    source: Annotated[str, typer.Option("--source", help="Who noticed: alert, customer or internal.")] = "",
    at: Annotated[str, typer.Option("--at", help="When it was noticed [the alert's time, else now].")] = "",
    alert: Annotated[
        Path | None,
        typer.Option(
            "--alert",
            help="What an alerting system sent, as JSON: Alertmanager, Grafana, PagerDuty, Opsgenie; - is stdin.",
        ),
    ] = None,
    by: By = "",
    reports: Reports = None,
    tz: Zone = "",
) -> int:
    """Open an incident; prints its id. An alert that is known already joins the incident it belongs to.

    Example: incident-kit open "Payments fail" --source customer --at -10m
    """
    from incident_kit.app.open import open_incident

    return open_incident(resolve(Typed(reports=reports, zone=tz)), title, source, at, alert, by)


@app.command()
def use(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="The incident.")],
    reports: Reports = None,
) -> None:
    """Choose the incident that commands are about where several are open.

    Example: incident-kit use 20261123-a1b2
    """
    from incident_kit.app.chosen import use
    from incident_kit.app.console import show

    incident = use(resolve(Typed(reports=reports)), incident_id)
    show(f"{incident.id}: {incident.title}")


@app.command()
def note(
    words: Annotated[list[str], typer.Argument(metavar="[ID] TEXT", help="What there is to note, in quotes.")],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="note, action, decision, complaint, deploy, escalated, communicated, observation or review.",
        ),
    ] = "note",
    level: Annotated[str, typer.Option("--level", help="Of an escalation: L1, L2, L3 or L4.")] = "",
    to: Annotated[
        str, typer.Option("--to", help="Of an escalation: who was called, a role of [contacts] or a vendor.")
    ] = "",
    at: At = "",
    by: By = "",
    temporary: Temporary = False,
    revert_by: RevertBy = "",
    undoes: Undoes = None,
    reports: Reports = None,
    tz: Zone = "",
) -> int:
    """Note what was done, decided or seen. Nothing that is noted is ever changed or removed.

    Example: incident-kit note "restarted the BFF" --kind action --at 14:05
    """
    from incident_kit.app import journal

    typed = journal.Typed(at, by, temporary, revert_by, undoes)
    return journal.note(resolve(Typed(reports=reports, zone=tz)), words, kind, level, to, typed)


@app.command()
def milestone(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[ID] NAME", help="started, detected, acknowledged, mitigated or resolved."),
    ],
    why: Why = "",
    at: At = "",
    by: By = "",
    reports: Reports = None,
    tz: Zone = "",
) -> int:
    """Note a milestone. One that is noted again is corrected by the later entry.

    Example: incident-kit milestone acknowledged
    """
    from incident_kit.app import journal

    return journal.milestone(resolve(Typed(reports=reports, zone=tz)), words, why, journal.Typed(at, by))


@app.command("set")
def set_(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[ID] WHAT VALUE",
            help="severity P1 to P4; status investigating, identified, monitoring or resolved; impact TEXT.",
        ),
    ],
    why: Why = "",
    at: At = "",
    by: By = "",
    reports: Reports = None,
    tz: Zone = "",
) -> int:
    """Set the severity, the status of the work, or what customers notice.

    Example: incident-kit set severity P2 --why "payments fail for everybody"
    """
    from incident_kit.app import journal

    return journal.set_value(resolve(Typed(reports=reports, zone=tz)), words, why, journal.Typed(at, by))


@app.command()
def strike(
    words: Annotated[
        list[str], typer.Argument(metavar="[ID] LINE WHY", help="The line of the journal, and why it does not count.")
    ],
    by: By = "",
    reports: Reports = None,
) -> int:
    """Strike out an entry of the journal: it stays there, and counts no more.

    Example: incident-kit strike 7 "that was the other incident"
    """
    from incident_kit.app import journal

    return journal.strike(resolve(Typed(reports=reports)), words, by)


@app.command()
def step(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[ID] STEP done|skipped RESULT", help="A step of the runbook, and what came of it."),
    ],
    scenario: Annotated[str, typer.Option("--scenario", help="The scenario [that of the newest report].")] = "",
    at: At = "",
    by: By = "",
    temporary: Temporary = False,
    revert_by: RevertBy = "",
    undoes: Undoes = None,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
) -> int:
    """Mark a step of the runbook as done or skipped.

    Example: incident-kit step 2 done "the credentials are right" --scenario whmcs_unavailable
    """
    from incident_kit.app import journal

    typed = journal.Typed(at, by, temporary, revert_by, undoes)
    return journal.step(resolve(Typed(reports=reports, runbook=runbook, zone=tz)), words, scenario, typed)


@app.command()
def close(
    incident_id: IncidentId = "", why: Why = "", at: At = "", by: By = "", reports: Reports = None, tz: Zone = ""
) -> int:
    """Close an incident. Notes are still taken, and marked as late.

    Example: incident-kit close --why "stable for an hour"
    """
    from incident_kit.app import journal

    return journal.close(resolve(Typed(reports=reports, zone=tz)), incident_id, why, journal.Typed(at, by))


@app.command()
def reopen(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="The incident.")],
    why: Why = "",
    at: At = "",
    by: By = "",
    reports: Reports = None,
    tz: Zone = "",
) -> int:
    """Open a closed incident again, because it has come back.

    Example: incident-kit reopen 20261123-a1b2 --why "orders wait again"
    """
    from incident_kit.app import journal

    return journal.reopen(resolve(Typed(reports=reports, zone=tz)), incident_id, why, journal.Typed(at, by))


@app.command()
def update(
    incident_id: IncidentId = "",
    audience: Annotated[str, typer.Option("--audience", help="internal or customer.")] = "internal",
    lang: Annotated[str, typer.Option("--lang", help="en, ja, or another that the runbook has messages in.")] = "en",
    to: Annotated[str, typer.Option("--to", help="text, md (Markdown) or slack (mrkdwn).")] = "text",
    next_update: Annotated[
        str, typer.Option("--next", help="When the next one comes: 30m, 14:05 or ISO 8601 [by the severity].")
    ] = "",
    sent: Annotated[
        bool, typer.Option("--sent", help="It went out: note the text in the journal, which restarts the clock.")
    ] = False,
    text: Annotated[
        str,
        typer.Option("--text", metavar="FILE", help="With --sent: the text as it was sent, if edited; - is stdin."),
    ] = "",
    approved_by: Annotated[
        str, typer.Option("--approved-by", metavar="NAME", help="Who approved it; needed for matters of security.")
    ] = "",
    by: By = "",
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
) -> int:
    """A message to the team or to customers, from what is known; prints it. Customers are written to of P1 and P2.

    Example: incident-kit update --audience customer --lang ja
    """
    from incident_kit.app.update import Typed as TypedUpdate
    from incident_kit.app.update import update

    typed = TypedUpdate(audience, lang, to, next_update, sent, text, approved_by, by)
    return update(resolve(Typed(reports=reports, runbook=runbook, zone=tz)), incident_id, typed)


@app.command()
def status(
    incident_id: IncidentId = "",
    markdown: Annotated[bool, typer.Option("--md", help="All of it as Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it for a program.")] = False,
    ics: Annotated[bool, typer.Option("--ics", help="The deadlines as a calendar (iCalendar).")] = False,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
) -> int:
    """The hand-off brief on one screen: how bad, what it is, what was tried, what is next, by when, whom to call.

    Example: incident-kit status
    """
    from incident_kit.app.status import Form, status

    forms = [form for form, is_wanted in zip(Form, (False, markdown, as_json, ics), strict=True) if is_wanted]
    if len(forms) > 1:
        raise typer.BadParameter("give one of --md, --json and --ics.")
    request = resolve(Typed(reports=reports, runbook=runbook, zone=tz))
    return status(request, incident_id, forms[0] if forms else Form.SCREEN)
