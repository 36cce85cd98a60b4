"""The commands and their arguments: each command is one call into `app`, which says the rest and returns the exit code.

Imports stand inside, so that --help answers at once.

options      options that several commands take
investigate  collect, read, judge, report, seal
incident     what people do and say: open, note, milestone, close
timeline     everything in one order
"""

from __future__ import annotations

import gc
import io
import sys
import tempfile
import traceback

import typer
from typer.exceptions import TyperException

from incident_kit.app.console import DONE, INTERRUPTED, say
from incident_kit.cli.incident import app as incident
from incident_kit.cli.investigate import app as investigate
from incident_kit.cli.timeline import app as timeline
from incident_kit.errors import IncidentKitError
from incident_kit.model.visible import visible_stream

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Evidence, timelines and sealed, reproducible reports for production incidents.",
)
app.add_typer(investigate)
app.add_typer(incident)
app.add_typer(timeline)


def main() -> None:
    """Run a command; whatever goes wrong reaches the person as a sentence and an exit code, never as a traceback."""
    gc.set_threshold(50_000)  # a command lives for seconds; what it imports is no garbage
    # Checks of formats that notebooks never use: 0.8 s for the first, which compiles a grammar, 0.1 s for the others.
    for check in ("rfc3987_syntax", "isoduration", "rfc3986_validator"):
        # None makes its import fail, which jsonschema handles.
        sys.modules.setdefault(check, None)  # type: ignore[arg-type]
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
            say(line)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except TyperException as error:
        say(f"incident-kit: {error.format_message()} Every command has --help.")
        sys.exit(error.exit_code)
    except Exception as error:  # the last line of defence: a person at 3 a.m. gets a sentence, we get the traceback
        with tempfile.NamedTemporaryFile("w", prefix="incident-kit-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        say(
            f"incident-kit: our own fault: {type(error).__name__}. Nothing was changed; the details are in {file.name}."
        )
        sys.exit(IncidentKitError.exit_code)
    sys.exit(code if isinstance(code, int) else DONE)
