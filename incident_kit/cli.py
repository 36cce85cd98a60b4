"""The commands: one command, one library call. Imports stand inside, so that --help answers at once."""

from __future__ import annotations

import gc
import io
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from incident_kit.errors import IncidentKitError, InputError, LogFileError
from incident_kit.model.visible import as_it_is, visible, visible_json, visible_stream

DONE, INCOMPLETE, INTERRUPTED = 0, 3, 130

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Evidence, timelines and sealed, reproducible reports for production incidents.",
)  # fmt: skip

Reports = Annotated[
    Path | None,
    typer.Option("--reports", help="Where incidents live [INCIDENT_KIT_REPORTS, else as configured, else ./reports]."),
]
RunbookFolder = Annotated[str, typer.Option("--runbook", help="A folder of your own runbook data.")]
LogZone = Annotated[
    str,
    typer.Option(
        "--log-tz", help="The zone of times in logs that name none, such as Asia/Tokyo [log_zone of the configuration]."
    ),
]
MaxUnpacked = Annotated[
    int, typer.Option("--max-unpacked", help="Most bytes of text that one archive or pipe may hold.", min=1)
]
DateOrder = Annotated[str, typer.Option("--date-order", help="mdy, dmy or ymd, where a log's own dates do not tell.")]
Log = Annotated[
    list[Path] | None,
    typer.Option(
        "--log",
        "-l",
        help="A log file, plain or packed, or a tar or zip of them; - is standard input. Repeatable [as configured].",
    ),
]
Since = Annotated[str, typer.Option("--since", help="Start of the window: -30m, 14:05 or ISO 8601.")]
Until = Annotated[str, typer.Option("--until", help="End of the window.")]
EvidenceFolder = Annotated[
    Path | None, typer.Option("--evidence", help="Evidence that was collected before: an incident, a run, a folder.")
]
Live = Annotated[bool, typer.Option("--live", help="Ask the live systems too, read-only.")]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", help="The BFF's environment file: which settings are set, and where its systems are."),
]
BudgetS = Annotated[float, typer.Option("--budget", help="Seconds that asking the live systems may take.", min=1)]
Preserve = Annotated[
    str,
    typer.Option(
        "--preserve", help="How much of a log is kept: its window, or the whole of it [as the scenario says]."
    ),
]
MaxEvidence = Annotated[int, typer.Option("--max-evidence", help="Most bytes of evidence an incident may hold.")]
Zone = Annotated[
    str, typer.Option("--tz", help="The zone of times you type without an offset [as configured, else UTC].")
]


@app.command()
def demo(reports: Reports = None) -> None:
    """A recorded incident, end to end: prints the path of report.html. No server, no network.

    Example: incident-kit demo
    """
    from incident_kit.evidence.incident import load_or_create
    from incident_kit.evidence.store import open_evidence
    from incident_kit.model import places

    incident = load_or_create(_reports(reports), "demo", "Freebit slows down, then fails")
    _make_run(incident, "high_error_rate", open_evidence(places.recorded()), "")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write it.")] = Path("incident-kit.toml"),
) -> None:
    """A configuration file with every setting and its default, for a team to edit.

    Example: incident-kit init
    """
    from incident_kit.config import settings as configuration

    configuration.write(path)
    print(f"{visible(path)}: written. Edit it, then try it with: incident-kit doctor")


@app.command()
def doctor(
    env_file: Annotated[Path | None, typer.Option("--env-file", help="The BFF's environment file.")] = None,
    reports: Reports = None,
    runbook: RunbookFolder = "",
) -> None:
    """Is everything ready for an incident? Asks each system, reads what is named, stores nothing; five seconds.

    Example: incident-kit doctor --env-file /srv/bff/.env
    """
    import os

    from incident_kit.app.doctor import look
    from incident_kit.config import settings as configuration

    settings = configuration.load()
    ready = look(
        settings,
        _reports(reports),
        runbook or settings.runbook,
        os.environ,
        env_file,
        lambda one: print(visible(one.sentence()), flush=True),
    )
    if not ready:
        raise typer.Exit(INCOMPLETE)


@app.command()
def scenarios(runbook: RunbookFolder = "") -> None:
    """The scenarios of the runbook and their symptoms.

    Example: incident-kit scenarios
    """
    from incident_kit.runbook.data import load

    for scenario in load(runbook).scenarios:
        print(visible(f"{scenario.id}  {scenario.number}. {scenario.title}  (usually {scenario.severity})"))
        for symptom in scenario.symptoms:
            print(visible(f"    {symptom.id}: {symptom.title}"))


@app.command()
def report(
    scenario: Annotated[str, typer.Argument(help="A scenario, as `incident-kit scenarios` lists them.")],
    incident_id: Annotated[str, typer.Argument(metavar="[ID]", help="The incident [a new one].")] = "",
    log: Log = None,
    since: Since = "",
    until: Until = "",
    evidence: EvidenceFolder = None,
    live: Live = False,
    env_file: EnvFile = None,
    budget: BudgetS = 20,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, a further parameter of the notebook.")
    ] = None,
    preserve: Preserve = "",
    max_evidence: MaxEvidence = 2 << 30,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
    log_tz: LogZone = "",
    date_order: DateOrder = "",
    max_unpacked: MaxUnpacked = 16 << 30,
) -> None:
    """A sealed report on one scenario, from logs, live systems, or evidence collected before.

    Example: incident-kit report high_error_rate -l /var/log/bff/combined.log --since -30m --live --env-file /srv/bff/.env
    """
    from contextlib import ExitStack
    from dataclasses import replace

    from incident_kit.app.collect import check_logs, collect
    from incident_kit.config import settings as configuration
    from incident_kit.evidence.incident import load_or_create
    from incident_kit.evidence.store import open_evidence
    from incident_kit.logs.inputs import Given
    from incident_kit.logs.inputs import given as as_given
    from incident_kit.logs.prepare import check_sources
    from incident_kit.runbook.data import load

    settings = configuration.load()
    runbook = runbook or settings.runbook
    book = load(runbook)
    title, whole = book.title(scenario), _whole(preserve, book.preserves_whole(scenario))
    given = _parameters(scenario, runbook, parameter or [])
    bounds = _bounds(since, until, tz)
    logs = log or ([] if evidence else settings.log_files())
    if bool(logs or live) == bool(evidence):
        raise InputError(
            "give either log files (-l LOG, repeatable), --live or both, or --evidence DIR. "
            "Example: incident-kit report high_error_rate -l combined.log --since -30m --live"
            + (
                f" Without -l the configured logs are taken, and none is there: {', '.join(settings.logs) or '(none configured)'}."
                if not evidence
                else ""
            )
        )
    if logs and not log:
        _say(f"Logs, as configured: {', '.join(map(str, logs))}")
    _check_live(live, env_file)
    if evidence:
        store = open_evidence(evidence)  # a damaged item is named before an incident is made
        check_sources(store.sources())
        incident = load_or_create(_reports(reports), incident_id or None, title)
        _make_run(incident, scenario, store, runbook, bounds, given)
        return
    hints = _hints(log_tz, date_order, max_unpacked)
    unusable = []
    with ExitStack() as stack:
        found = Given()
        try:
            found = stack.enter_context(as_given(logs, hints, _say))
            if found.logs:
                check_logs(
                    found.logs, *bounds, hints
                )  # before an incident's folder is made for logs that cannot be used
        except LogFileError as error:
            if log or not live:
                raise
            unusable, found.logs = (
                [f"the configured logs could not be preserved: {error}"],
                [],
            )  # nobody named them, and the systems can be asked all the same
        _say_all(found)
        incident = replace(load_or_create(_reports(reports), incident_id or None, title), limit_bytes=max_evidence)
        collected = collect(
            incident,
            found.logs,
            *bounds,
            live=settings if live else None,
            env_file=env_file,
            budget_s=budget,
            told=_say,
            hints=hints,
            whole=whole,
            hide_ip_addresses=settings.hide_ip_addresses,
        )
    window = (collected.window.since, collected.window.until)
    _make_run(
        incident,
        scenario,
        incident.evidence,
        runbook,
        window,
        given,
        [item.id for item in collected.items],
        [*unusable, *found.lost, *collected.lost],
        INTERRUPTED if collected.interrupted else INCOMPLETE,
    )


@app.command()
def triage(
    incident_id: Annotated[str, typer.Argument(metavar="[ID]", help="The incident [a new one].")] = "",
    log: Log = None,
    since: Since = "",
    until: Until = "",
    evidence: EvidenceFolder = None,
    live: Live = False,
    env_file: EnvFile = None,
    budget: BudgetS = 20,
    preserve: Preserve = "",
    as_json: Annotated[bool, typer.Option("--json", help="The ranking as JSON.")] = False,
    max_evidence: MaxEvidence = 2 << 30,
    reports: Reports = None,
    runbook: RunbookFolder = "",
    tz: Zone = "",
    log_tz: LogZone = "",
    date_order: DateOrder = "",
    max_unpacked: MaxUnpacked = 16 << 30,
) -> None:
    """What is it? All symptoms of all scenarios, ranked, in about a second; without sources, from the configured logs.

    Example: incident-kit triage -l /var/log/bff/combined.log --since -30m --live --env-file /srv/bff/.env
    """
    from contextlib import ExitStack
    from dataclasses import replace

    from incident_kit.app.collect import check_logs
    from incident_kit.app.triage import collect_and_rank, rank_evidence
    from incident_kit.config import settings as configuration
    from incident_kit.evidence.incident import load_or_create
    from incident_kit.evidence.store import open_evidence
    from incident_kit.logs.inputs import Given
    from incident_kit.logs.inputs import given as as_given
    from incident_kit.logs.prepare import check_sources
    from incident_kit.model.times import iso
    from incident_kit.runbook.data import load

    settings = configuration.load()
    runbook = runbook or settings.runbook
    book, bounds, hints, whole = (
        load(runbook),
        _bounds(since, until, tz),
        _hints(log_tz, date_order, max_unpacked),
        _whole(preserve, False),
    )
    if evidence and (log or live):
        raise InputError("give either log files (-l LOG) and --live, or --evidence DIR.")
    _check_live(live, env_file)
    if evidence:
        stored = open_evidence(evidence)
        check_sources(stored.sources())
        ranking = rank_evidence(book, stored, stored.window(*(iso(bound) if bound else "" for bound in bounds)))
        _show(ranking, as_json, incident_id, str(evidence), runbook)
        if ranking.incomplete:
            raise typer.Exit(INCOMPLETE)
        return
    logs = log or (settings.log_files() if live else _configured_logs(settings))
    if not log:
        _say(
            f"Logs, as configured: {', '.join(map(str, logs))}"
            if logs
            else f"No log, as configured: {', '.join(settings.logs)} names none here."
        )
    unusable = []
    with ExitStack() as stack:
        found = Given()
        try:
            found = stack.enter_context(as_given(logs, hints, _say))
            if found.logs:
                check_logs(found.logs, *bounds, hints)
        except LogFileError as error:
            if log or not live:
                raise
            unusable, found.logs = [f"the configured logs could not be preserved: {error}"], []  # as in `report`
        _say_all(found)
        incident = replace(
            load_or_create(_reports(reports), incident_id or None, book.title("triage")), limit_bytes=max_evidence
        )
        ranking = collect_and_rank(
            incident, book, found.logs, *bounds, live=settings if live else None, env_file=env_file, budget_s=budget, hints=hints, whole=whole,
            hide_ip_addresses=settings.hide_ip_addresses, unusable=unusable, say=_say,
            first=lambda ranked: None if as_json else _print_ranking("From the logs alone:", ranked),
        )  # fmt: skip
    _show(ranking, as_json, incident.id, str(incident.folder), runbook)
    if ranking.incomplete or found.lost:
        raise typer.Exit(INTERRUPTED if ranking.interrupted else INCOMPLETE)


@app.command()
def recheck(
    incident_id: Annotated[str, typer.Argument(metavar="[ID]", help="The incident [the newest one].")] = "",
    every: Annotated[str, typer.Option("--every", help="Again and again, so far apart: 30s, 5m.")] = "",
    within: Annotated[str, typer.Option("--for", help="For so long.")] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Before and after as JSON.")] = False,
    reports: Reports = None,
    runbook: RunbookFolder = "",
) -> None:
    """The same symptoms again, from the same logs and systems: before, and after.

    Example: incident-kit recheck 20261123-a1b2 --every 5m --for 1h
    """
    import time

    from incident_kit.app.triage import recheck as ask_again
    from incident_kit.config import settings as configuration
    from incident_kit.evidence.incident import load, newest
    from incident_kit.model.times import parse_duration
    from incident_kit.runbook.data import load as load_runbook

    settings = configuration.load()
    base = _reports(reports)
    incident, book = (
        load(base / incident_id) if incident_id else newest(base),
        load_runbook(runbook or settings.runbook),
    )
    apart_s, ends = (
        parse_duration(every).total_seconds() if every else 0.0,
        time.monotonic() + parse_duration(within).total_seconds(),
    )
    while True:
        changes, ranking = ask_again(incident, book, settings, _say)
        _show_changes(changes, as_json)
        if not apart_s or ranking.interrupted or time.monotonic() + apart_s > ends:
            break
        time.sleep(apart_s)
    if ranking.lost:
        raise typer.Exit(INTERRUPTED if ranking.interrupted else INCOMPLETE)


@app.command()
def seal(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="A work folder with a notebook worked on by hand, such as reports/<id>/work."
        ),
    ],
) -> None:
    """A sealed run of a notebook worked on by hand.

    Example: incident-kit seal reports/20261123-a1b2/work
    """
    from incident_kit.app.seal import seal_work

    _sealed(seal_work(folder))


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
    """Whether a sealed run is as it was sealed; names every fault (exit code 1). Its digest is compared with the incident's journal too.

    Example: incident-kit verify reports/demo/runs/20261123T094846Z_high_error_rate
    """
    from incident_kit.evidence.verify import verify as check

    found = check(folder, digest)
    print(visible(f"{folder}: as it was sealed. Digest {found.digest}"))
    if found.compared:
        _say(f"That is the digest noted at sealing, by {found.compared}.")
    else:
        _say(
            "No journal lies beside it that noted the digest at sealing: compare it with the one you were told, or give that with --digest."
        )


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
    from incident_kit.app.reproduce import reproduce as again

    names = again(folder, trust_notebook)
    print(visible(f"{folder}: reproduced, {len(names)} files are equal: {', '.join(names)}"))


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
    max_unpacked: MaxUnpacked = 16 << 30,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="CSV for programs: cells that a spreadsheet would run, and control characters, stay as they are.",
        ),
    ] = False,
) -> None:
    """The records of log files in canonical columns on stdout, redacted; what became of every line on stderr.

    CSV is for people: a cell that a spreadsheet would take for a formula gets an apostrophe before it (=1+1 becomes '=1+1),
    and control characters are shown as escapes. In JSON lines they are JSON's own escapes.

    Example: incident-kit parse combined.log error.log.1.gz --to csv > records.csv
    """
    from incident_kit.config import settings as configuration
    from incident_kit.logs.export import FORMS, export
    from incident_kit.logs.inputs import given as as_given
    from incident_kit.logs.inputs import readable
    from incident_kit.model.redaction import Redaction
    from incident_kit.runbook.data import load

    if to not in FORMS:
        raise InputError(f"--to takes {', '.join(FORMS)}, not {to!r}.")
    if to == "parquet" and sys.stdout.isatty():
        raise InputError("Parquet is no text for a terminal: write it to a file, with > records.parquet.")
    hints = _hints(log_tz, date_order, max_unpacked)
    with as_given(files, hints, _say) as found:
        readable_logs = readable(found, hints)
        _say_all(found)
        with as_it_is(sys.stdout):  # the export has its own escapes
            accounts = export(
                readable_logs, sys.stdout, to, _bounds(since, until, tz), load(runbook).dependencies, hints,
                lambda count: _control(f"\r{count:,} records"), Redaction(ip_addresses=configuration.load().hide_ip_addresses), raw,
        )  # fmt: skip
    _control("\r\033[K")
    for account in accounts:
        red = account.has_warning
        _control("\033[31m" * red)
        _say(account.sentence())
        _control("\033[0m" * red)
    if found.lost or any(account.has_warning for account in accounts):
        raise typer.Exit(INCOMPLETE)


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
    max_unpacked: MaxUnpacked = 16 << 30,
) -> None:
    """A text without its secrets and personal data, unpacked and as it streams by: a log to hand on, or a pipe.

    In a file or a pipe everything else stays as it is, byte for byte; on a terminal control characters are shown as escapes.

    Example: incident-kit redact combined.log.1.gz -o combined.log.redacted
    """
    from incident_kit.config import settings as configuration
    from incident_kit.logs.redacting import redact_file
    from incident_kit.model.redaction import Redaction
    from incident_kit.model.visible import visible

    damage = redact_file(
        file, output, Redaction(ip_addresses=ip_addresses or configuration.load().hide_ip_addresses), max_unpacked, _say
    )
    if damage:
        _say(f"{visible(file)}: {damage}. What came before was written.")
        raise typer.Exit(INCOMPLETE)


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
    import os

    from incident_kit.config import settings as configuration
    from incident_kit.evidence.incident import load_or_create
    from incident_kit.running.lab import lab_command, lab_environment
    from incident_kit.running.work import prepare_work

    settings, base = configuration.load(), _reports(reports)
    if incident_id and not (base / incident_id).is_dir():
        raise InputError(
            f"{base / incident_id}: no such incident. Make one with `incident-kit report`, or leave the id away for the recorded one."
        )
    incident = load_or_create(base, incident_id or "demo", "Freebit slows down, then fails")
    folder = prepare_work(incident, recorded=not incident_id, runbook=runbook or settings.runbook, told=_say)
    if prepare:
        print(visible(folder))
        return
    _say(f"Notebooks: {folder}")
    # The folder may lie where a kernel would not find the configuration.
    environment = {**os.environ, **({configuration.VARIABLE: str(settings.file.resolve())} if settings.file else {})}
    os.execve(sys.executable, lab_command(folder, arguments or []), lab_environment(environment))


def _make_run(incident: Any, scenario: str, store: Any, runbook: str, bounds: tuple[datetime | None, datetime | None] = (None, None), given: dict[str, Any] | None = None, only: list[str] | None = None, lost: Sequence[str] = (), code_if_lost: int = INCOMPLETE) -> None:  # fmt: skip
    from incident_kit.app.report import make_run
    from incident_kit.model.times import iso
    from incident_kit.runbook.data import load

    window = store.window(*(iso(bound) if bound else "" for bound in bounds))
    _say(f"Window: {window}")
    items = [item for item in store.items() if only is None or item.id in only or item.secret]
    run = make_run(incident, load(runbook), scenario, items, window, given, lost)
    _sealed(run, code_if_lost)
    if lost:
        raise typer.Exit(code_if_lost)


def _show(ranking: Any, as_json: bool, incident_id: str, evidence: str, runbook: str) -> None:
    """The ranking, and what to type next; what there is to know of the logs on stderr."""
    from incident_kit.runbook.contents import TRIAGE
    from incident_kit.view.terminal import next_command

    for remark in ranking.remarks:
        _say(remark)
    if as_json:
        _print_json([one.to_json() for one in ranking.ranked])
        return
    _print_ranking(f"Window: {ranking.window}", ranking)
    scenario = ranking.first.scenario.id if ranking.first.confirmed else TRIAGE
    print()
    print(visible(f"Next: {next_command(scenario, incident_id, evidence, ranking.window, runbook)}"))


def _print_ranking(heading: str, ranking: Any) -> None:
    from incident_kit.view.terminal import ranking_lines

    print("\n".join([heading, *ranking_lines(ranking.ranked)]), flush=True)


def _show_changes(changes: Any, as_json: bool) -> None:
    from incident_kit.view.terminal import change_lines

    if as_json:
        _print_json(
            [{"id": before.symptom, "before": before.to_json(), "after": after.to_json()} for before, after in changes]
        )
        return
    print("\n".join([f"Again at {datetime.now(UTC):%H:%M:%S} UTC:", *change_lines(changes)]), flush=True)


def _print_json(data: Any) -> None:
    import json

    print(visible_json(json.dumps(data, indent=1, ensure_ascii=False)))


def _configured_logs(settings: Any) -> list[Path]:
    """The logs of the configuration that are there. Raises InputError without any."""
    found: list[Path] = settings.log_files()
    if not found:
        raise InputError(
            f"no log: {', '.join(settings.logs)} names none here. Give them with -l LOG, ask --live, or name them in incident-kit.toml."
        )
    return found


def _whole(preserve: str, otherwise: bool) -> bool:
    if preserve not in ("", "window", "whole"):
        raise InputError(f"--preserve takes window or whole, not {preserve!r}.")
    return preserve == "whole" if preserve else otherwise


def _check_live(live: bool, env_file: Path | None) -> None:
    if env_file and not live:
        raise InputError("--env-file is read only when live systems are asked: add --live.")


def _sealed(run: Any, code_if_lost: int = INCOMPLETE) -> None:
    for line in run.headlines():
        _say(line)
    for remark in run.remarks:
        _say(remark)
    for doubt in run.doubts:
        _say(f"To doubt: {doubt}")
    for line in run.masked:
        _say(f"Masked before the seal: {line}")
    _say(f"Digest: {run.digest}")
    print(visible(run.report))
    if run.error:
        _say(f"The notebook stopped: {run.error}. What it had done by then is sealed.")
    if run.error or run.lost:
        raise typer.Exit(code_if_lost)


def _parameters(scenario: str, runbook: str, given: list[str]) -> dict[str, Any]:
    from incident_kit.runbook.data import load
    from incident_kit.running.notebook import check_parameters, notebook_of

    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not equals:
            raise InputError(f"-p takes NAME=VALUE, not {name!r}.")
    parameters = {name: value for name, _, value in pairs}
    if parameters:
        check_parameters(notebook_of(load(runbook), scenario), parameters)
    return parameters


def _reports(given: Path | None) -> Path:
    from incident_kit.config import settings as configuration
    from incident_kit.evidence.incident import reports_folder

    return reports_folder(given, configuration.load().reports)


def _bounds(since: str, until: str, zone: str) -> tuple[datetime | None, datetime | None]:
    from incident_kit.config import settings as configuration
    from incident_kit.model.times import Window, named_zone, parse_time

    now, people = datetime.now(UTC), named_zone(zone or configuration.load().zone)
    start = parse_time(since, now, people) if since else None
    end = parse_time(until, now, people) if until else None
    if start and end:
        Window(start, end)  # refuses swapped ends
    return start, end


def _hints(zone: str, date_order: str, max_unpacked: int) -> Any:
    """What logs leave unsaid: as given, else as configured."""
    from incident_kit.config import settings as configuration
    from incident_kit.logs.times import DATE_ORDERS
    from incident_kit.model.source import Hints
    from incident_kit.model.times import named_zone

    settings = configuration.load()
    if date_order and date_order not in DATE_ORDERS:
        raise InputError(f"--date-order takes {', '.join(DATE_ORDERS)}, not {date_order!r}.")
    named_zone(zone or settings.log_zone)
    return Hints(zone or settings.log_zone, date_order or settings.date_order, settings.formats, max_unpacked)


def _say_all(found: Any) -> None:
    """What there is to know of the logs that were given, before they are read."""
    for line in (*found.notes, *found.lost):
        _say(line)


def _say(text: str) -> None:
    """A line for the person; line ends within it are a stranger's."""
    print(visible(text), file=sys.stderr, flush=True)


def _control(sequence: str) -> None:
    """A command of ours to the terminal, if there is one: the only way past `VisibleStream`."""
    if sys.stderr.isatty():
        with as_it_is(sys.stderr):
            print(sequence, end="", file=sys.stderr, flush=True)


def main() -> None:
    """Run a command; whatever goes wrong reaches the person as a sentence and an exit code, never as a traceback."""
    gc.set_threshold(50_000)  # a command lives for seconds; what it imports is no garbage
    # Checks of formats that notebooks never use: 0.8 s for the first, which compiles a grammar at import, and 0.1 s for the others.
    for check in ("rfc3987_syntax", "isoduration", "rfc3986_validator"):
        sys.modules.setdefault(check, None)  # type: ignore[arg-type]  # None makes its import fail, which jsonschema handles
    # What programs read is UTF-8, whatever the terminal's language; what a terminal would obey is shown, on both.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = visible_stream(sys.stdout, "utf-8")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = visible_stream(sys.stderr, sys.stderr.encoding)
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except IncidentKitError as error:
        first, *others = error.lines
        for line in (f"incident-kit: {first}", *others):
            _say(line)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except TyperException as error:
        _say(f"incident-kit: {error.format_message()} Every command has --help.")
        sys.exit(error.exit_code)
    except Exception as error:  # the last line of defence: a person at 3 a.m. gets a sentence, we get the traceback
        with tempfile.NamedTemporaryFile("w", prefix="incident-kit-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        _say(
            f"incident-kit: our own fault: {type(error).__name__}. Nothing was changed; the details are in {file.name}."
        )
        sys.exit(IncidentKitError.exit_code)
    sys.exit(code if isinstance(code, int) else DONE)
