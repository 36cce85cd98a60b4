"""The timeline: what findings, records and the journal say happened, merged into one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from incident_kit.evidence.item import Item
from incident_kit.evidence.journal import Entry
from incident_kit.logs.reading import Records
from incident_kit.model.answer import ServerClock
from incident_kit.model.finding import Event, Figure, Finding, Line, Pointer, Timeline, Verdict
from incident_kit.model.times import iso, parse_iso
from incident_kit.timeline.impact import Impact, impact_events

SILENCE = timedelta(minutes=2)
CLOCK_MATTERS_MS = 1000  # beyond the error bound; logs of several machines are seldom closer


def merge(
    impact: Impact,
    findings: Iterable[Finding],
    records: Records,
    journal: Iterable[Entry] = (),
    clocks: Iterable[tuple[Item, ServerClock]] = (),
) -> Timeline:
    """All events in time order; ties in a fixed order, so that the same evidence gives the same timeline."""
    events = [
        *impact_events(impact),
        *finding_events(findings),
        *record_events(records),
        *journal_events(journal),
        *clock_events(clocks),
    ]
    return Timeline(sorted(events, key=lambda event: (event.moment, event.lane, event.meaning, event.message)))


def finding_events(findings: Iterable[Finding]) -> list[Event]:
    """When each confirmed symptom first affected somebody, and when it ended."""
    events = []
    for finding in findings:
        if finding.verdict is not Verdict.CONFIRMED:
            continue
        if finding.first_affected:
            events.append(
                Event(finding.first_affected, "first affected", finding.title, "symptoms", finding.citations[0])
            )
        if finding.recovered:
            events.append(Event(finding.recovered, "last affected", finding.title, "symptoms", finding.citations[-1]))
    return events


def record_events(records: Records) -> list[Event]:
    """What the records say of the application and its outside systems.

    Starts, first failures of calls, the first and last of each kind of error, silences.
    """
    events = []
    for row in records.query("starts"):
        message = f"the application started (pid {row['pid']})"
        events.append(Event(row["ts"], "logged", message, "process", Line(row["item"], row["line"])))
    for row in records.query("first_failures"):
        message = f"first failed call to {row['dependency']} (of {row['n']})"
        events.append(Event(row["ts"], "logged", message, "dependencies", Line(row["item"], row["line"])))
    for row in records.query("errors"):
        error = f"{row['place']}: {row['kind']}: {row['pattern']}"
        figure = Figure(_items(records), "errors", row["n"], (Line(row["item"], row["line"]),))
        events.append(Event(row["first"], "first logged", f"{error} ({row['n']} in all)", "errors", figure))
        if row["n"] > 1:
            events.append(Event(row["last"], "last logged", error, "errors", figure))
    for row in records.query("gaps", limit_us=SILENCE // timedelta(microseconds=1)):
        message = f"no log record for {(row['ts'] - row['before']).total_seconds():.0f} s"
        events.append(Event(row["before"], "silence began", message, "process", Line(row["item"], row["line"])))
    return events


def journal_events(journal: Iterable[Entry]) -> list[Event]:
    """What people noted, at the time it happened."""
    return [
        Event(entry.happened, "noted", f"{entry.kind}: {entry.text}", "journal", Line("journal", entry.line))
        for entry in journal
        if not entry.is_bookkeeping
    ]


def clock_events(clocks: Iterable[tuple[Item, ServerClock]]) -> list[Event]:
    """Servers whose clock is far from this machine's, so that events of theirs may stand in a wrong order.

    Nothing was corrected by it.
    """
    events = []
    for item, clock in clocks:
        if abs(clock.offset_ms) > clock.error_ms + CLOCK_MATTERS_MS:
            direction = "ahead of" if clock.offset_ms > 0 else "behind"
            message = (
                f"the clock of {item.details['target']} is {abs(clock.offset_ms) / 1000:.3f} s {direction}"
                f" this machine's, give or take {clock.error_ms / 1000:.3f} s: it said {iso(clock.server)}"
            )
            pointer = Pointer(item.id, "/clock")
            events.append(Event(parse_iso(item.asked_at), "clocks compared", message, "clocks", pointer))
    return events


def _items(records: Records) -> tuple[str, ...]:
    return tuple(source.id for source in records.sources)


def lanes(events: Sequence[Event]) -> list[str]:
    """The lanes that have events, in reading order."""
    order = ["onset", "symptoms", "dependencies", "errors", "process", "clocks", "journal"]
    return [lane for lane in order if any(event.lane == lane for event in events)]
