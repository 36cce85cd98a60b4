"""Commands that collect, read, judge, report and seal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from incident_kit.cli.options import (
    BudgetS,
    DateOrder,
    EnvFile,
    EvidenceFolder,
    Live,
    Log,
    LogZone,
    MaxEvidence,
    MaxUnpacked,
    NoCache,
    Preserve,
    Reports,
    RunbookFolder,
    Since,
    Until,
    Zone,
)
from incident_kit.config.request import BUDGET_S, EVIDENCE_LIMIT_BYTES, Typed, resolve
from incident_kit.model.source import UNPACKED_LIMIT_BYTES

app = typer.Typer(rich_markup_mode=None)
scenario_app = typer.Typer(rich_markup_mode=None, help="A scenario of your own: begun from one of ours, and checked.")
app.add_typer(scenario_app, name="scenario")


@app.command()
def demo(reports: Reports = None) -> int:
    """A recorded incident, end to end: prints the path of report.html. No server, no network.

    Example: incident-kit demo
    """
    from incident_kit.app.demo import demo

    return demo(resolve(Typed(reports=reports)))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write it.")] = Path("incident-kit.toml"),
) -> None:
    """A configuration file with every setting and its default, for a team to edit.

    Example: incident-kit init
    """
    from incident_kit.app.init import init

    init(path)


@app.command()
def doctor(
    env_file: Annotated[Path | None, typer.Option("--env-file", help="The BFF's environment file.")] = None,
    reports: Reports = None,
    runbook: RunbookFolder = "",
) -> int:
    """Is everything ready for an incident? Asks each system, reads what is named, stores nothing; five seconds.

    Example: incident-kit doctor --env-file /srv/bff/.env
    """
    from incident_kit.app.doctor import doctor

    return doctor(resolve(Typed(env_file=env_file, reports=reports, runbook=runbook)))


@app.command()
def scenarios(runbook: RunbookFolder = "") -> None:
    """The scenarios of the runbook and their symptoms.

    Example: incident-kit scenarios
    """
    from incident_kit.app.scenarios import scenarios

    scenarios(runbook)


@scenario_app.command("new")
def scenario_new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The runbook folder; a new one gets a copy of ours.")],
    scenario_id: Annotated[str, typer.Argument(metavar="ID", help="Of the new scenario, such as carrier_down.")],
    copied: Annotated[str, typer.Option("--from", help="The scenario to begin from.")] = "high_error_rate",
) -> None:
    """A scenario of your own: its file to edit, copied from another, and its notebook.

    Example: incident-kit scenario new runbook carrier_down
    """
    from incident_kit.app.scenario import new

    new(folder, scenario_id, copied)


@scenario_app.command("check")
def scenario_check(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The runbook folder.")]) -> int:
    """Mistakes in a runbook, by file, line and field; writes the notebooks that are missing, names those that differ.

    Example: incident-kit scenario check runbook
    """
    from incident_kit.app.scenario import check

    return check(folder)


@app.command()
def report(
    scenario: Annotated[str, typer.Argument(help="A scenario, as `incident-kit scenarios` lists them.")],
    incident_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="The incident [the open one, else a new one].")
    ] = "",
    log: Log = None,
    since: Since = "",
    until: Until = "",
    evidence: EvidenceFolder = None,
    live: Live = False,
    env_file: EnvFile = None,
    budget: BudgetS = BUDGET_S,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, a further parameter of the notebook.")
    ] = None,
    preserve: Preserve = "",
    max_evidence: MaxEvidence = EVIDENCE_LIMIT_BYTES,
    no_cache: NoCache = False,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
    log_tz: LogZone = "",
    date_order: DateOrder = "",
    max_unpacked: MaxUnpacked = UNPACKED_LIMIT_BYTES,
) -> int:
    """A sealed report on one scenario, from logs, live systems, or evidence collected before.

    Example: incident-kit report high_error_rate -l /var/log/bff/combined.log --since -30m --live --env-file .env
    """
    from incident_kit.app.report import report

    typed = Typed(
        logs=tuple(log or ()),
        since=since,
        until=until,
        evidence=evidence,
        live=live,
        env_file=env_file,
        budget_s=budget,
        preserve=preserve,
        max_evidence_bytes=max_evidence,
        no_cache=no_cache,
        reports=reports,
        runbook=runbook,
        zone=tz,
        log_zone=log_tz,
        date_order=date_order,
        max_unpacked_bytes=max_unpacked,
    )
    return report(resolve(typed), scenario, incident_id, parameter or ())


@app.command()
def triage(
    incident_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="The incident [the open one, else a new one].")
    ] = "",
    log: Log = None,
    since: Since = "",
    until: Until = "",
    evidence: EvidenceFolder = None,
    live: Live = False,
    env_file: EnvFile = None,
    budget: BudgetS = BUDGET_S,
    preserve: Preserve = "",
    as_json: Annotated[bool, typer.Option("--json", help="The ranking as JSON.")] = False,
    max_evidence: MaxEvidence = EVIDENCE_LIMIT_BYTES,
    no_cache: NoCache = False,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
    log_tz: LogZone = "",
    date_order: DateOrder = "",
    max_unpacked: MaxUnpacked = UNPACKED_LIMIT_BYTES,
) -> int:
    """What is it? All symptoms of all scenarios, ranked, in seconds; without sources, from the configured logs.

    Example: incident-kit triage -l /var/log/bff/combined.log --since -30m --live --env-file .env
    """
    from incident_kit.app.triage import triage

    typed = Typed(
        logs=tuple(log or ()),
        since=since,
        until=until,
        evidence=evidence,
        live=live,
        env_file=env_file,
        budget_s=budget,
        preserve=preserve,
        max_evidence_bytes=max_evidence,
        no_cache=no_cache,
        reports=reports,
        runbook=runbook,
        zone=tz,
        log_zone=log_tz,
        date_order=date_order,
        max_unpacked_bytes=max_unpacked,
    )
    return triage(resolve(typed), incident_id, as_json)


@app.command()
def recheck(
    incident_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="The incident [the open one, else the newest].")
    ] = "",
    every: Annotated[str, typer.Option("--every", help="Again and again, so far apart: 30s, 5m.")] = "",
    within: Annotated[str, typer.Option("--for", help="For so long.")] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Before and after as JSON.")] = False,
    reports: Reports = None,
    runbook: RunbookFolder = "",
) -> int:
    """The same symptoms again, from the same logs and systems: before, and after.

    Example: incident-kit recheck 20261123-a1b2 --every 5m --for 1h
    """
    from incident_kit.app.recheck import recheck

    return recheck(resolve(Typed(reports=reports, runbook=runbook)), incident_id, every, within, as_json)


@app.command()
def seal(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A work folder with a notebook worked on by hand, such as reports/<id>/work."
        ),
    ],
) -> int:
    """A sealed run of a notebook worked on by hand.

    Example: incident-kit seal reports/20261123-a1b2/work
    """
    from incident_kit.app.seal import seal

    return seal(folder)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A sealed run.")],
    digest: Annotated[
        str,
        typer.Option(
            "--digest", help="The digest that was told when the run was sealed, for a run that was handed over."
        ),
    ] = "",
) -> None:
    """Whether a sealed run is as it was sealed; names every fault (exit code 1).

    Its digest is compared with the incident's journal too.

    Example: incident-kit verify reports/demo/runs/20261123T094846Z_high_error_rate
    """
    from incident_kit.app.verify import verify

    verify(folder, digest)


@app.command()
def reproduce(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A sealed run.")],
    trust_notebook: Annotated[
        bool, typer.Option("--trust-notebook", help="Run the code of the run's own notebook. Look at it first.")
    ] = False,
) -> None:
    """Make a run's results again from its own evidence, and compare them byte for byte.

    Example: incident-kit reproduce reports/demo/runs/20261123T094846Z_high_error_rate
    """
    from incident_kit.app.console import show
    from incident_kit.app.reproduce import reproduce

    names = reproduce(folder, trust_notebook)
    show(f"{folder}: reproduced, {len(names)} files are equal: {', '.join(names)}")


@app.command()
def parse(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Log files, plain or packed (gzip, zstd, bzip2, xz), or a tar or zip of them; - is standard input.",
        ),
    ],
    to: Annotated[str, typer.Option("--to", help="jsonl, csv or parquet.")] = "jsonl",
    since: Annotated[str, typer.Option(help="Start of the window: -30m, 14:05 or ISO 8601.")] = "",
    until: Annotated[str, typer.Option(help="End of the window.")] = "",
    runbook: RunbookFolder = "",
    tz: Zone = "",
    log_tz: LogZone = "",
    date_order: DateOrder = "",
    max_unpacked: MaxUnpacked = UNPACKED_LIMIT_BYTES,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="CSV for programs: cells that a spreadsheet would run, and control characters, stay as they are.",
        ),
    ] = False,
) -> int:
    """The records of log files in canonical columns on stdout, redacted; what became of every line on stderr.

    CSV is for people: a cell that a spreadsheet would take for a formula gets an apostrophe before it
    (=1+1 becomes '=1+1), and control characters are shown as escapes. In JSON lines they are JSON's own escapes.

    Example: incident-kit parse combined.log error.log.1.gz --to csv > records.csv
    """
    from incident_kit.app.parse import parse

    typed = Typed(
        since=since,
        until=until,
        runbook=runbook,
        zone=tz,
        log_zone=log_tz,
        date_order=date_order,
        max_unpacked_bytes=max_unpacked,
    )
    return parse(resolve(typed), files, to, raw)


@app.command()
def redact(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A text, plain or packed (gzip, zstd, bzip2, xz); - is standard input."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where the redacted text goes: a new file; - is standard output."
        ),
    ] = Path("-"),
    ip_addresses: Annotated[
        bool, typer.Option("--ip-addresses", help="IP addresses too [hide_ip_addresses of the configuration].")
    ] = False,
    max_unpacked: MaxUnpacked = UNPACKED_LIMIT_BYTES,
) -> int:
    """A text without its secrets and personal data, unpacked and as it streams by: a log to hand on, or a pipe.

    In a file or a pipe everything else stays as it is, byte for byte. On a terminal control characters are shown
    as escapes.

    Example: incident-kit redact combined.log.1.gz -o combined.log.redacted
    """
    from incident_kit.app.redact import redact

    return redact(resolve(Typed(max_unpacked_bytes=max_unpacked)), file, output, ip_addresses)


@app.command()
def lab(
    incident_id: Annotated[str, typer.Argument(metavar="[ID]", help="The incident [the recorded one].")] = "",
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make the copies and print their folder, for another Jupyter or VS Code.")
    ] = False,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    arguments: Annotated[
        list[str] | None, typer.Option("--option", help="A further option for jupyter lab. Repeatable.")
    ] = None,
) -> None:
    """JupyterLab on copies of the notebooks in the incident's work folder, with their parameters filled in.

    Example: incident-kit lab 20261123-a1b2
    """
    from incident_kit.app.lab import lab

    lab(resolve(Typed(reports=reports, runbook=runbook)), incident_id, prepare, arguments or ())
