"""Collecting: what a system says is asked once and stored; everything else reads what was stored.

`collect` does all of it: live systems (by `asking`), then logs. Logs are preserved as slices: the bytes from `since - margin` to `until + margin`, in whole records. Where the records
of a slice turn out to be later than half the margin, the margin is doubled and the slice is cut again. An archive is
kept whole and as it is, so that its SHA-256 can be compared with the original's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from incident_kit import logs
from incident_kit.asking import BUDGET_S, Asked, ask_live
from incident_kit.configuration import Configuration
from incident_kit.errors import EvidenceError, LogFileError
from incident_kit.evidence import journal
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import Item
from incident_kit.evidence.store import Evidence, Incoming
from incident_kit.logs.slices import MARGIN, NOTHING_TOLD, OpenLog, Span, open_log
from incident_kit.model.source import Source, Unsaid
from incident_kit.model.times import Window, iso

DEFAULT_SPAN = timedelta(hours=2)
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected: the window it was for, the items, what a person should know about it, what could not be kept, and whether Ctrl-C ended it."""

    window: Window
    items: tuple[Item, ...]
    notes: tuple[str, ...]
    lost: tuple[str, ...] = ()
    interrupted: bool = False


def collect(
    incident: Incident, paths: Sequence[Path], since: datetime | None = None, until: datetime | None = None, *,
    live: Configuration | None = None, env_file: Path | None = None, budget_s: float = BUDGET_S, told: Callable[[str], None] = lambda line: None,
    unsaid: Unsaid = NOTHING_TOLD, hide_ip_addresses: bool = False, whole: bool = False,
) -> Collected:  # fmt: skip
    """Ask the live systems, if `live` says where they are, and preserve the window of each log; the journal says who did so.

    The systems come first: what one says now is gone in a minute, a log is not. `told` gets a line for every answer and
    remark as it comes. `whole` keeps all of each log, not only its window. Ctrl-C ends the asking and keeps what has come; the logs are
    preserved all the same. Where systems were asked, a log for which there is no room does not end it. Raises what
    `collect_logs` raises.
    """
    evidence, lost = incident.evidence, list[str]()
    try:
        evidence.keep_redaction(hide_ip_addresses)
    except EvidenceError as error:
        lost.append(f"no key could be stored, so equal values are not recognisable where they are redacted: {error}")
    asked = ask_live(evidence, live, env_file, budget_s, lambda answer: told(answer.sentence())) if live else Asked()
    if live:
        stored = ", ".join(f"{item.origin} as item {item.id}" for item in asked.items)
        journal.append(incident.journal, "custody", f"asked the live systems, and stored what they answered: {stored or 'nothing'}")
    lost += asked.notes
    logs_kept = None
    if paths:
        try:
            logs_kept = collect_logs(evidence, paths, since, until, unsaid, whole)
        except EvidenceError as error:
            if not live:
                raise
            lost.append(f"the logs could not be preserved: {error}")
        except KeyboardInterrupt:
            if not asked.items:  # then there is nothing to report on
                raise
            asked.interrupted = True
            lost.append("the logs were not preserved: Ctrl-C was pressed before that was done")
    if logs_kept is None:
        begun = min((answer.asked_at for answer in asked.answers), default=datetime.now(UTC) - timedelta(seconds=1))
        logs_kept = Collected(Window(since or begun, until or datetime.now(UTC)), (), ())
    for item in logs_kept.items:
        journal.append(incident.journal, "custody", f"preserved item {item.id}: {item.size_bytes} bytes of {item.origin}, sha256 {item.sha256}")
    for line in (*logs_kept.notes, *(f"{item.origin}: {remark}" for item in logs_kept.items for remark in item.details["notes"]), *lost):
        told(line)
    return Collected(logs_kept.window, (*asked.items, *logs_kept.items), logs_kept.notes, tuple(lost), asked.interrupted)


def collect_logs(
    evidence: Evidence, paths: Sequence[Path], since: datetime | None = None, until: datetime | None = None, unsaid: Unsaid = NOTHING_TOLD, whole: bool = False
) -> Collected:  # fmt: skip
    """Preserve the window of each log, or the `whole` of it. Without `since`: the last two hours before the newest dated record.

    `unsaid` is kept with every slice, so that it is read later as it was read now.

    Raises LogFileError before anything is stored if one of the files cannot be used, ParameterError for a window that
    ends before it begins.
    """
    known, old = _times_of(paths, None if whole else since, unsaid)
    window, notes = choose_window(known, since, until)
    notes += [f"{path}: not opened, it was last written at {iso(written)}, before the window" for path, written in old.items()]
    items = []
    for path in known:
        times = known[path]
        if times and not whole and (times[1] < window.since - MARGIN or times[0] > window.until + MARGIN):
            notes.append(f"{path}: not preserved, its records ({iso(times[0])} to {iso(times[1])}) lie outside the window")
            continue
        items.append(preserve(evidence, path, window, unsaid, whole))
    return Collected(window, tuple(items), tuple(notes))


def check_logs(paths: Sequence[Path], since: datetime | None = None, until: datetime | None = None, unsaid: Unsaid = NOTHING_TOLD) -> None:
    """Raise what `collect_logs` would raise for these files and this window, and store nothing."""
    choose_window(_times_of(paths, since, unsaid)[0], since, until)


Times = dict[Path, tuple[datetime, datetime] | None]


def _times_of(paths: Sequence[Path], since: datetime | None, unsaid: Unsaid) -> tuple[Times, dict[Path, datetime]]:
    """Times of the first and last dated record of each log, and when the others were last written.

    Of several logs those that were last written before the window need not be opened: of a rotated set, most.
    """
    known: Times = {}
    old: dict[Path, datetime] = {}
    for path in dict.fromkeys(paths):
        written = written_at(path)
        if since and written and written < since - MARGIN and len(paths) > 1:
            old[path] = written
            continue
        with open_log(path, unsaid) as file:
            known[path] = file.times()
    if not known and old:  # then the window is wrong, or the times of the files are: their records decide
        return _times_of(list(old), None, unsaid)[0], {}
    return known, old


def written_at(path: Path) -> datetime | None:
    """When a log was last written; None where that cannot be told, which opening it will explain."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
    except OSError:
        return None


def choose_window(known: dict[Path, tuple[datetime, datetime] | None], since: datetime | None, until: datetime | None) -> tuple[Window, list[str]]:
    """The window as given, completed from the logs' own times; and a note of what was completed."""
    dated = [times for times in known.values() if times]
    if not dated and not (since and until):
        names = ", ".join(map(str, known))
        raise LogFileError(
            f"{names}: no dated record in a format that is known here. If these are the right files, give --since and --until to preserve them all the same."
        )
    notes = []
    if until is None:
        until = max(newest for _, newest in dated) + timedelta(milliseconds=1)
    if since is None:
        oldest = min((oldest for oldest, _ in dated), default=until - DEFAULT_SPAN)
        since = max(until - DEFAULT_SPAN, min(oldest, until - timedelta(milliseconds=1)))
        notes.append(f"no --since was given: the window is {iso(since)} to {iso(until)}, at most the two hours before the newest dated record")
    return Window(since, until), notes


def preserve(evidence: Evidence, path: Path, window: Window, unsaid: Unsaid = NOTHING_TOLD, whole: bool = False) -> Item:
    """Store the slice of one log for the window, or the `whole` of it."""
    asked_at, begun = datetime.now(UTC), time.monotonic()
    with open_log(path, unsaid) as file:
        margin = MARGIN
        while True:
            span = Span(0, file.size, file.size) if whole else span_of(file, window, margin)
            incoming = evidence.receive(file_blocks(file, span))
            lateness = lateness_of(incoming, file.recognition.zones.written, unsaid)
            all_of_it = span.start == 0 and span.end == span.size
            if all_of_it or lateness <= margin / 2:
                break
            incoming.discard()
            margin *= 2
        status = os.fstat(file.descriptor)
        notes = []
        unsaid = replace(unsaid, date_order=file.recognition.zones.date_order)  # the slice alone may not show it
        if incoming.size_bytes < span.end - span.start:
            notes.append("the file shrank while it was read (truncated or rotated by copying): what could be read is kept")
        if status.st_size > span.size:
            notes.append(f"the file grew by {status.st_size - span.size} bytes while it was read: these belong to a later question")
        details = {
            "path": str(path.resolve()), "size_bytes": span.size, "inode": status.st_ino,
            "modified_at": iso(datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)),
            "before_bytes": span.start, "after_bytes": span.size - span.start - incoming.size_bytes, "whole": all_of_it,
            "packing": file.packing, "window": window.to_json(), "margin_s": margin.total_seconds(),
            "lateness_ms": lateness / timedelta(milliseconds=1), "notes": notes, "unsaid": unsaid.to_json(),
        }  # fmt: skip
    try:
        return evidence.keep(
            incoming, kind="slice", origin=str(path), asked="the bytes of the log in the window, read without changing the file",
            asked_at=iso(asked_at), duration_ms=(time.monotonic() - begun) * 1000, details=details,
        )  # fmt: skip
    finally:
        incoming.discard()


def span_of(file: OpenLog, window: Window, margin: timedelta) -> Span:
    """Where the window lies in a log: all of it for an archive, and where no line is dated."""
    if file.must_be_read_whole:
        return Span(0, file.size, file.size)
    span = file.find(window, margin)
    return Span(0, file.size, file.size) if span.start == span.end == file.size and file.times() is None else span


def file_blocks(file: OpenLog, span: Span) -> Iterator[bytes]:
    """The bytes of a span, read in blocks; fewer if the file has shrunk."""
    offset = span.start
    while offset < span.end and (block := file.read(offset, min(BLOCK_BYTES, span.end - offset))):
        offset += len(block)
        yield block


def lateness_of(incoming: Incoming, written: datetime | None, unsaid: Unsaid) -> timedelta:
    """How far records of a received slice, of a log last written then, stand behind newer ones before them."""
    if not incoming.size_bytes:
        return timedelta(0)
    with logs.read([Source("incoming", incoming.content, "incoming", written=written, unsaid=unsaid)], only=("ts",)) as records:
        return timedelta(microseconds=int(records.query("lateness")[0]["lateness_us"]))
