"""Options that several commands take, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Reports = Annotated[
    Path | None,
    typer.Option("--reports", help="Where incidents live [INCIDENT_KIT_REPORTS, else as configured, else ./reports]."),
]
RunbookFolder = Annotated[str, typer.Option("--runbook", help="A folder of your own runbook data.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Keep nothing of what is read from the logs; read it again each time.")
]
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
