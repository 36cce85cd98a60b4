"""The command for the timeline: everything in one order, and what was noted elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incident_kit.cli.incident import By, IncidentId
from incident_kit.cli.options import Reports, RunbookFolder, Since, Until
from incident_kit.config.request import Typed, resolve

app = typer.Typer(rich_markup_mode=None)


@app.command()
def timeline(
    incident_id: IncidentId = "",
    to: Annotated[
        str, typer.Option("--to", help="table, md, csv, jsonl, timesketch, ics, or svg (two charts).")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where it goes: a new file [stdout].")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="In CSV, cells as they are: for programs, never for a spreadsheet.")
    ] = False,
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import",
            metavar="FILE",
            help="Add what was noted elsewhere: CSV, JSON Lines or JSON, such as a chat export; - is stdin.",
        ),
    ] = None,
    git_tags: Annotated[
        Path | None, typer.Option("--git-tags", metavar="DIR", help="Add the tags of a git repository, as deploys.")
    ] = None,
    since: Since = "",
    until: Until = "",
    by: By = "",
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Annotated[
        str, typer.Option("--tz", help="The zone you read times in; with --import, that of its times without one.")
    ] = "",
) -> int:
    """All that is known of an incident in one order: what systems, people and other tools say happened.

    Each row says when it happened and when that was learned, in the people's zone and in UTC.

    Example: incident-kit timeline --import slack-channel.json
    """
    request = resolve(Typed(since=since, until=until, reports=reports, runbook=runbook, zone=tz))
    if import_ or git_tags:
        from incident_kit.app import timeline_import

        if import_ and git_tags:
            raise typer.BadParameter("give one of --import and --git-tags.")
        if import_:
            return timeline_import.import_file(request, incident_id, import_, tz, by)
        return timeline_import.import_git_tags(request, incident_id, git_tags or Path(), by)
    from incident_kit.app.timeline import timeline

    return timeline(request, incident_id, to, output, raw)
