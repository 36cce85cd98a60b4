"""Collecting: what a system says is asked once and stored; everything else reads what was stored.

`collect` does all of it: live systems, then logs. Logs are preserved as slices: the bytes from `since - margin` to
`until + margin`, in whole records. Where records of a slice are later than half the margin, the margin is
doubled and the slice is cut again. An archive is kept whole and as it is, so that its SHA-256 can be compared with the
original's. Of a tar or zip each member is a log, and its item holds the SHA-256 of the archive.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from incident_kit.config.request import Request
from incident_kit.errors import EvidenceError, LogFileError
from incident_kit.evidence.incident import Incident
from incident_kit.evidence.item import ARCHIVE, SLICE, Item
from incident_kit.evidence.journal import Kind
from incident_kit.evidence.store import Evidence, Incoming, Provenance
from incident_kit.live.ask import LiveAnswers, ask_live
from incident_kit.logs.archives import untouched
from incident_kit.logs.cache import Cache
from incident_kit.logs.inputs import LogFile, UnusableLog
from incident_kit.logs.reading import Records
from incident_kit.logs.reading import read as records_of
from incident_kit.logs.slices import MARGIN, NO_HINTS, ByteRange, OpenLog, open_log
from incident_kit.model.source import Hints, Source
from incident_kit.model.times import Window, iso
from incident_kit.model.visible import visible
from incident_kit.runbook.data import load

DEFAULT_SPAN = timedelta(hours=2)
BLOCK_BYTES = 1 << 20


Say = Callable[[str], None]
Read = Callable[[Sequence[Source]], Records]
Times = dict[LogFile, tuple[datetime, datetime] | None]


@dataclass(frozen=True, slots=True)
class LogPlan:
    """What of which logs is to be preserved, and what was seen of them.

    `times` are those of the first and the last dated record of each log that can be read. `empty` names the empty ones,
    `lost` those that may not be read, `notes` what else a person should know.
    """

    logs: tuple[LogFile, ...]
    times: Times
    window: Window
    hints: Hints
    whole: bool
    empty: tuple[str, ...]
    notes: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected: the items, and the window they are for.

    `notes` are what a person should know about it, `lost` what could not be kept, `empty` the logs without a line;
    `interrupted` says whether Ctrl-C ended the asking.
    """

    window: Window
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    interrupted: bool = False
    empty: tuple[str, ...] = ()


def collect(incident: Incident, request: Request, logs: LogPlan | None, say: Say) -> Collected:
    """Ask the live systems, if the request says so, and preserve the planned logs; the journal says who did so.

    The systems come first: what one says now is gone in a minute, a log is not. `say` gets a line for every answer and
    remark as it comes. Ctrl-C ends the asking and keeps what has come; the logs are preserved all the same. Where
    systems were asked, a log for which there is no room does not end it. Raises what `plan_logs` raises.
    """
    evidence, lost, sources = incident.evidence, list[str](), request.sources
    try:
        evidence.keep_redaction(request.configuration.hide_ip_addresses)
    except EvidenceError as error:
        lost.append(f"no key could be stored, so equal values are not recognisable where they are redacted: {error}")
    asked = LiveAnswers()
    if sources.live:
        asked = ask_live(
            evidence, request.configuration, sources.env_file, sources.budget_s, lambda answer: say(answer.sentence())
        )
        stored = ", ".join(f"{item.origin} as item {item.id}" for item in asked.items)
        incident.journal.append(
            Kind.CUSTODY, f"asked the live systems, and stored what they answered: {stored or 'nothing'}"
        )
    lost += asked.notes
    preserved = None
    if logs:
        try:
            # The logs went on while the systems were asked, and the window goes on to their newest record.
            plan = plan_logs(logs.logs, request) if sources.live else logs
            dependencies = load(request.runbook).dependencies
            kept = Cache(incident.cache, say) if sources.cache else None
            preserved = preserve_logs(evidence, plan, partial(records_of, dependencies=dependencies, kept=kept))
        except EvidenceError as error:
            if not sources.live:
                raise
            lost.append(f"the logs could not be preserved: {error}")
        except KeyboardInterrupt:
            if not asked.items:  # then there is nothing to report on
                raise
            asked.interrupted = True
            lost.append("the logs were not preserved: Ctrl-C was pressed before that was done")
    if preserved is None:
        preserved = Collected(_window_of_asking(asked, request), ())
    for item in preserved.items:
        incident.journal.append(
            Kind.CUSTODY,
            f"preserved item {item.id}: {item.size_bytes} bytes of {item.origin}, sha256 {item.sha256}",
        )
    for log in preserved.empty:
        incident.journal.append(Kind.CUSTODY, f"nothing to preserve: {log}")
    lost += preserved.lost
    remarks = [f"{item.origin}: {remark}" for item in preserved.items for remark in item.details.get("notes", ())]
    for line in (*preserved.notes, *remarks, *lost):
        say(line)
    return Collected(
        preserved.window, (*asked.items, *preserved.items), preserved.notes, tuple(lost), asked.interrupted
    )


def _window_of_asking(asked: LiveAnswers, request: Request) -> Window:
    now = datetime.now(UTC)
    begun = min((answer.asked_at for answer in asked.answers), default=now - timedelta(seconds=1))
    return Window(request.since or begun, request.until or now)


def plan_logs(logs: Sequence[LogFile | Path], request: Request) -> LogPlan:
    """Look at logs, and say what of them would be preserved; stores nothing.

    Without `since`: the last two hours before the newest dated record. A log that is empty, or that we have no right to
    read, does not hold up the others. Raises LogFileError if one of the files cannot be used in another way or none is
    left, ParameterError for a window that ends before it begins.
    """
    unusable, whole = UnusableLog(), bool(request.sources.whole)
    files = [LogFile.of(log) if isinstance(log, Path) else log for log in logs]
    times, old = _times_of(files, None if whole else request.since, request.hints, unusable)
    window, notes = choose_window(times, request.since, request.until)
    notes += [
        f"{log.origin}: not opened, it was last written at {iso(written)}, before the window"
        for log, written in old.items()
    ]
    return LogPlan(
        tuple(files), times, window, request.hints, whole, tuple(unusable.notes), tuple(notes), tuple(unusable.lost)
    )


def preserve_logs(evidence: Evidence, plan: LogPlan, read: Read = records_of) -> Collected:
    """Preserve the window of each planned log, or the whole of it.

    The hints are kept with every slice, so that it is read later as it was read now. `read` reads what was preserved.
    """
    items, archives, notes, lost = list[Item](), dict[Path, str](), list(plan.notes), list(plan.lost)
    window = plan.window
    for log, times in plan.times.items():
        if times and not plan.whole and (times[1] < window.since - MARGIN or times[0] > window.until + MARGIN):
            extent = f"{iso(times[0])} to {iso(times[1])}"
            notes.append(f"{log.origin}: not preserved, its records ({extent}) lie outside the window")
            continue
        if log.archive and log.archive not in archives:
            with open(log.archive, "rb", opener=untouched) as file:
                archives[log.archive] = hashlib.file_digest(file, "sha256").hexdigest()
            if plan.whole:
                origin = log.origin.removesuffix(f"!{visible(log.member)}")
                items.append(preserve_archive(evidence, log.archive, origin))
        archive_sha256 = archives[log.archive] if log.archive else ""
        items.append(preserve(evidence, log, window, plan.hints, plan.whole, archive_sha256, read))
        if damage := items[-1].details.get("damage"):
            lost.append(f"{log.origin}: {damage}")
    return Collected(window, tuple(items), (*plan.empty, *notes), tuple(lost), empty=plan.empty)


def preserve_archive(evidence: Evidence, path: Path, origin: str) -> Item:
    """Store a tar or zip as it is: where whole logs are kept, and its members are logs."""
    with open(path, "rb", opener=untouched) as file:
        return evidence.add(
            iter(lambda: file.read(BLOCK_BYTES), b""),
            Provenance(
                ARCHIVE,
                origin=origin,
                asked="the archive as it is, whose members were read as logs",
                asked_at=iso(datetime.now(UTC)),
            ),
        )


def _times_of(
    logs: Sequence[LogFile], since: datetime | None, hints: Hints, unusable: UnusableLog
) -> tuple[Times, dict[LogFile, datetime]]:
    """Times of the first and last dated record of each log, and when the others were last written.

    `unusable` gets the logs without either.

    Of several logs those that were last written before the window need not be opened: of a rotated set, most.
    """
    known: Times = {}
    old: dict[LogFile, datetime] = {}
    for log in dict.fromkeys(logs):
        written = written_at(log.path)
        if since and written and written < since - MARGIN and len(logs) > 1:
            old[log] = written
            continue
        with unusable.noted(), open_log(log.path, hints, log.origin) as file:
            known[log] = file.times()
    if not known and old:  # then the window is wrong, or the times of the files are: their records decide
        return _times_of(list(old), None, hints, unusable)[0], {}
    if not known:
        raise unusable.refuse()
    return known, old


def written_at(path: Path) -> datetime | None:
    """When a log was last written; None where that cannot be told, which opening it will explain."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
    except OSError:
        return None


def choose_window(known: Times, since: datetime | None, until: datetime | None) -> tuple[Window, list[str]]:
    """The window as given, completed from the logs' own times; and a note of what was completed."""
    dated = [times for times in known.values() if times]
    if not dated and not (since and until):
        names = ", ".join(log.origin for log in known)
        raise LogFileError(
            f"{names}: no dated record in a format that is known here. "
            "If these are the right files, give --since and --until to preserve them all the same."
        )
    notes = []
    if until is None:
        until = max(newest for _, newest in dated) + timedelta(milliseconds=1)
    if since is None:
        oldest = min((oldest for oldest, _ in dated), default=until - DEFAULT_SPAN)
        since = max(until - DEFAULT_SPAN, min(oldest, until - timedelta(milliseconds=1)))
        notes.append(
            f"no --since was given: the window is {iso(since)} to {iso(until)}, "
            "at most the two hours before the newest dated record"
        )
    return Window(since, until), notes


def preserve(
    evidence: Evidence,
    log: LogFile,
    window: Window,
    hints: Hints = NO_HINTS,
    whole: bool = False,
    archive_sha256: str = "",
    read: Read = records_of,
) -> Item:
    """Store the slice of one log, or of a member of an archive, for the window; or the `whole` of it."""
    asked_at, begun = datetime.now(UTC), time.monotonic()
    with open_log(log.path, hints, log.origin) as file:
        margin = MARGIN
        hints = replace(hints, date_order=file.recognition.zones.date_order)  # the slice alone may not show it
        while True:
            span = ByteRange(0, file.size, file.size) if whole else file.span(window, margin)
            incoming = evidence.receive(file_blocks(file, span))
            lateness, damage = lateness_of(incoming, file.recognition.zones.written, hints, read)
            all_of_it = span.start == 0 and span.end == span.size
            if all_of_it or lateness <= margin / 2:
                break
            incoming.discard()
            margin *= 2
        status = os.fstat(file.descriptor)
        notes = []
        if incoming.size_bytes < span.end - span.start:
            notes.append(
                "the file shrank while it was read (truncated or rotated by copying): what could be read is kept"
            )
        if status.st_size > span.size:
            notes.append(
                f"the file grew by {status.st_size - span.size} bytes while it was read: "
                "these belong to a later question"
            )
        details = {
            **named(log, archive_sha256),
            "size_bytes": span.size,
            "inode": status.st_ino if log.path == log.named else None,
            "modified_at": iso(datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)),
            "before_bytes": span.start,
            "after_bytes": span.size - span.start - incoming.size_bytes,
            "whole": all_of_it,
            "packing": file.packing,
            "window": window.to_json(),
            "margin_s": margin.total_seconds(),
            "lateness_ms": lateness / timedelta(milliseconds=1),
            "notes": notes,
            "unsaid": hints.to_json(),
        }
        if log.missing:
            details["missing"] = log.missing
        if damage := "; ".join(filter(None, (log.missing, damage))):
            details["damage"] = damage
    try:
        return evidence.keep(
            incoming,
            Provenance(
                SLICE,
                origin=log.origin,
                asked="the bytes of the log in the window, read without changing the file",
                asked_at=iso(asked_at),
                duration_ms=(time.monotonic() - begun) * 1000,
                details=details,
            ),
        )
    finally:
        incoming.discard()


def named(log: LogFile, archive_sha256: str) -> dict[str, str]:
    r"""Which file a log is, or which member of it: as text (`path`), and its name's bytes as a file URI (`uri`).

    >>> named(LogFile.of(Path(os.fsdecode(b"/logs/caf\xe9.log"))), "")
    {'path': '/logs/caf\\xe9.log', 'uri': 'file:///logs/caf%E9.log'}
    """
    if log.named is None:
        location = {"path": log.origin}
    else:
        path = log.named.resolve()
        location = {"path": visible(path), "uri": path.as_uri()}
    return location | ({"member": visible(log.member), "archive_sha256": archive_sha256} if log.archive else {})


def path_of(item: Item) -> Path | None:
    """The file whose slice an item is, or of whose member; None for a pipe. It may be there no longer."""
    if uri := item.details.get("uri"):
        return Path(os.fsdecode(unquote_to_bytes(str(uri).removeprefix("file://"))))
    path = Path(str(item.details.get("path", "")))
    return path if path.is_absolute() else None


def file_blocks(file: OpenLog, span: ByteRange) -> Iterator[bytes]:
    """The bytes of a span, read in blocks; fewer if the file has shrunk."""
    offset = span.start
    while offset < span.end and (block := file.read(offset, min(BLOCK_BYTES, span.end - offset))):
        offset += len(block)
        yield block


def lateness_of(incoming: Incoming, written: datetime | None, hints: Hints, read: Read) -> tuple[timedelta, str]:
    """How far records of a received slice stand behind newer ones before them; and what of it cannot be read.

    `written` is when the log was last written.
    """
    if not incoming.size_bytes:
        return timedelta(0), ""
    source = Source("incoming", incoming.content, "incoming", 0, written, hints, sha256=incoming.sha256)
    with read([source]) as records:
        [damage] = records.damages()
        return timedelta(microseconds=int(records.query("lateness")[0]["lateness_us"])), damage
