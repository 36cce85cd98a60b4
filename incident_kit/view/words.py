"""How anything is said to a person, on the page, in the terminal and in charts: verdicts, times, durations, counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from incident_kit.logs.reading import QUERIES
from incident_kit.model.answer import Fault, Status
from incident_kit.model.finding import Absence, Citation, Figure, Pointer, Verdict

NONE = "–"
# A verdict is never told by colour alone.
VERDICT_SIGNS = {
    Verdict.CONFIRMED: "●",
    Verdict.RULED_OUT: "○",
    Verdict.INCONCLUSIVE: "◐",
    Verdict.NOT_CHECKED: NONE,
}
STATUS_WORDS = {
    Status.OK: "answered",
    Status.PARTIAL: "answered in part",
    Status.FAILED: "not answered",
    Status.NOT_CHECKED: "– not asked",
}
FAULT_WORDS = {
    Fault.SYSTEM: "a fault of the system",
    Fault.NETWORK: "a fault of the way there",
    Fault.CREDENTIALS: "this machine may not ask that",
    Fault.OURS: "a fault of the asking",
}
SUSPECT_KINDS = {"dependency": "outside system", "error": "error", "deploy": "deploy"}
DAY = "%Y-%m-%d"
CLOCK = "%H:%M:%S"
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def verdict_words(verdict: Verdict) -> str:
    """
    >>> verdict_words(Verdict.RULED_OUT)
    'ruled out'
    """
    return verdict.value.replace("_", " ")


def verdict(of: Verdict) -> str:
    """
    >>> verdict(Verdict.RULED_OUT)
    '○ ruled out'
    """
    return f"{VERDICT_SIGNS[of]} {verdict_words(of)}"


def verdict_counts(counts: Mapping[Verdict, int], signs: bool = False) -> str:
    """
    >>> verdict_counts({Verdict.RULED_OUT: 2, Verdict.CONFIRMED: 1}), verdict_counts({Verdict.RULED_OUT: 2}, signs=True)
    ('1 confirmed, 2 ruled out', '○ 2 ruled out')
    """
    counted = [(verdict, counts[verdict]) for verdict in Verdict if counts.get(verdict)]
    return ", ".join(
        f"{VERDICT_SIGNS[verdict]} {n} {verdict_words(verdict)}" if signs else f"{n} {verdict_words(verdict)}"
        for verdict, n in counted
    )


def status(of: Status) -> str:
    return STATUS_WORDS[of]


def fault(of: Fault) -> str:
    return FAULT_WORDS[of]


def number(n: float) -> str:
    """
    >>> number(2048)
    '2,048'
    """
    return f"{n:,}"


def count(n: int, singular: str, plural: str = "") -> str:
    """
    >>> count(1, "record"), count(2048, "record")
    ('1 record', '2,048 records')
    """
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def share(part: float, digits: int = 1) -> str:
    """
    >>> share(0.1234), share(0.5, 0)
    ('12.3%', '50%')
    """
    return f"{part:.{digits}%}"


def took(duration_ms: float | None) -> str:
    """How long a request or an answer took.

    >>> took(422.4), took(5367.3), took(None)
    ('422 ms', '5.4 s', '–')
    """
    if duration_ms is None:
        return NONE
    return f"{duration_ms / 1000:,.1f} s" if duration_ms >= 1000 else f"{duration_ms:,.0f} ms"


def took_us(duration_us: int | None) -> str:
    """The same of the microseconds that records have.

    >>> took_us(422_400), took_us(5_367_300), took_us(None)
    ('422 ms', '5.4 s', '–')
    """
    return took(None if duration_us is None else duration_us / 1000)


def lasted(length: timedelta) -> str:
    """How long something went on.

    >>> lasted(timedelta(seconds=47)), lasted(timedelta(seconds=90)), lasted(timedelta(hours=1, minutes=5))
    ('47 s', '1 min 30 s', '1 h 5 min')
    """
    seconds = int(length.total_seconds())
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds // 60 % 60} min"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def unit(width: timedelta) -> str:
    """A length of time as something is counted by it.

    >>> unit(timedelta(minutes=1)), unit(timedelta(seconds=90))
    ('minute', '1.5 minutes')
    """
    seconds = width.total_seconds()
    for length, word in UNITS:
        if seconds >= length:
            return word if seconds == length else f"{seconds / length:g} {word}s"
    return f"{seconds:g} s"


def clock(time: datetime, form: str = CLOCK) -> str:
    """A time of day in UTC, without saying so: what stands around it does."""
    return time.strftime(form)


def precise_clock(time: datetime) -> str:
    """
    >>> precise_clock(datetime(2026, 11, 23, 9, 53, 0, 7000))
    '09:53:00.007'
    """
    return f"{time:{CLOCK}}.{time.microsecond // 1000:03}"


def day(time: datetime) -> str:
    return time.strftime(DAY)


def file_name(origin: str) -> str:
    """Of a path; the whole path stands in the item's own description."""
    return origin.rpartition("/")[2] or origin


def citation(cited: Citation) -> str:
    """A citation as a phrase, where nothing can be linked to."""
    if isinstance(cited, Figure):
        first = cited.exemplars[0] if cited.exemplars else None
        such = f", such as line {first.line:,} of {first.item}" if first else ""
        return f"{cited.n:,} records by {cited.query}{such}"
    if isinstance(cited, Absence):
        return f"none among {cited.examined:,} records by {cited.query}"
    if isinstance(cited, Pointer):
        return f"{cited.item} at {cited.pointer}"
    return f"line {cited.line:,} of {cited.item}"


def given(figure: Figure) -> str:
    """What a figure's query was asked with."""
    return "; ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in figure.parameters.items())


def is_answer(cited: Figure | Absence) -> bool:
    """Whether it rests on a live system's answer, and not on a query over records."""
    return not (QUERIES / f"{cited.query}.sql").is_file()


def cited_places(cited: Citation) -> list[str]:
    """The places that a citation names, each as a person finds it in the evidence; of an absence there is none."""
    if isinstance(cited, Figure):
        return [f"{line.item} line {line.line}" for line in cited.exemplars] or [f"{cited.query}, {cited.n:,} records"]
    if isinstance(cited, Absence):
        return []
    return [f"{cited.item} {cited.pointer}" if isinstance(cited, Pointer) else f"{cited.item} line {cited.line}"]
