"""`incident-kit timeline`: all that is known of an incident in one order, as text, files and charts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from pathlib import Path

from incident_kit.app.chosen import chosen
from incident_kit.app.console import exit_code, say
from incident_kit.app.timeline_rows import Timeline, timeline_of
from incident_kit.config.request import Request
from incident_kit.errors import InputError
from incident_kit.evidence.incident import Incident
from incident_kit.model.visible import as_it_is, visible
from incident_kit.runbook.data import load as load_runbook
from incident_kit.timeline import export
from incident_kit.timeline.rows import Row
from incident_kit.view import timeline_text, words
from incident_kit.view.timeline_calendar import timeline_calendar

LANES = "-lanes"
LEFT_OUT = ".left-out.jsonl"


class Form(StrEnum):
    """How a timeline is given."""

    TABLE = "table"
    MARKDOWN = "md"
    CSV = "csv"
    JSONL = "jsonl"
    TIMESKETCH = "timesketch"
    CALENDAR = "ics"
    CHARTS = "svg"


def timeline(request: Request, incident_id: str, form: str, output: Path | None, raw: bool) -> int:
    """Give the timeline of an incident, to stdout or a new file; returns the exit code: 3 if something is missing."""
    if form not in list(Form):
        raise InputError(f"--to takes {', '.join(Form)}, not {form!r}.")
    if form == Form.CHARTS and output is None:
        raise InputError("two charts go to two files: name the first with -o, such as -o timeline.svg.")
    incident = chosen(request, incident_id)
    known = timeline_of(request, incident, load_runbook(request.runbook))
    for line in (*known.doubts, *known.remarks):
        say(line)
    rows = [row for row in known.rows if _within(row, request.since, request.until)]
    if len(rows) < len(known.rows):
        say(f"{words.count(len(known.rows) - len(rows), 'row')} outside of the window left out.")
    left_out: Sequence[export.LeftOut] = ()
    if Form(form) is Form.CHARTS and output:
        _give_charts(rows, known, request.zone, output)
        return exit_code(bool(known.doubts))
    if Form(form) is Form.TIMESKETCH:
        text, left_out = export.as_timesketch(rows)
    else:
        text = _text(Form(form), rows, known, incident, request.zone, raw)
    _give(text, output)
    _give_left_out(left_out, output)
    return exit_code(bool(known.doubts or left_out))


def _text(form: Form, rows: Sequence[Row], known: Timeline, incident: Incident, zone: tzinfo, raw: bool) -> str:
    title = f"{incident.id}: {incident.title}"
    match form:
        case Form.MARKDOWN:
            return timeline_text.markdown(rows, title, zone)
        case Form.CSV:
            return export.as_csv(rows, raw)
        case Form.JSONL:
            return export.as_jsonl(rows)
        case Form.CALENDAR:
            return timeline_calendar(rows, known.deadlines, incident.id, incident.title, known.now, zone)
        case _:
            width = shutil.get_terminal_size((timeline_text.WIDTH, 0)).columns
            return "".join(f"{line}\n" for line in timeline_text.table(rows, title, zone, width))


def _give_charts(rows: Sequence[Row], known: Timeline, zone: tzinfo, output: Path) -> None:
    """The chart for a glance, and the one with lanes beside it."""
    from incident_kit.view import timeline_charts  # matplotlib takes a third of a second to import
    from incident_kit.view.page.figures import drawings

    window = timeline_charts.window_of(rows)
    if window is None:
        raise InputError("nothing is known yet, so there is nothing to draw. Note something, or collect evidence.")
    charts = {
        output: timeline_charts.glance(rows, known.levels, known.impact, window, zone),
        output.with_name(f"{output.stem}{LANES}{output.suffix}"): timeline_charts.lanes(
            rows, known.impact, window, zone
        ),
    }
    for path, chart in charts.items():
        (drawing,) = drawings(chart._repr_html_())
        _give(f"{drawing}\n", path)
        say(chart.words)


def _within(row: Row, since: datetime | None, until: datetime | None) -> bool:
    """Whether the row may have happened in the window."""
    return (since is None or row.latest >= since) and (until is None or row.earliest < until)


def _give(text: str, output: Path | None) -> None:
    """To stdout, or to a new file that nobody else may read. Raises InputError."""
    if output is None:
        try:
            with as_it_is(sys.stdout):  # every form has its own escapes
                sys.stdout.write(text)
                sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough: `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes at its end
        return
    try:
        with open(output, "x", encoding="utf-8", newline="", opener=_private) as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{visible(output)}: exists already and is left alone. Name a new file with -o.") from None
    except OSError as error:
        raise InputError(f"{visible(output)}: cannot be written: {error.strerror}. Name another file.") from None
    say(f"{output}: written")


def _give_left_out(left_out: Sequence[export.LeftOut], output: Path | None) -> None:
    """What Timesketch would lose: beside the file, or named on stderr."""
    if not left_out:
        return
    say(f"{words.count(len(left_out), 'row')} left out, which Timesketch would lose:")
    if output is None:
        for lost in left_out:
            say(f"  {words.moment(lost.row.moment, UTC, with_day=True)} {lost.row.message[:80]}: {lost.why}")
    else:
        _give(export.left_out_lines(left_out), output.with_name(f"{output.name}{LEFT_OUT}"))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
