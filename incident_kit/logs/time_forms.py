"""How logs write times: each form once in Python (for finding windows) and once in SQL (for reading).

A form either says its zone or leaves it to the log's zone, which is never guessed silently: the record says `assumed`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from incident_kit.logs.sql import quoted

SECONDS_BELOW, MILLISECONDS_BELOW, MICROSECONDS_BELOW = 10**11, 10**14, 10**17
DIGITS_BELOW = ((SECONDS_BELOW, 0), (MILLISECONDS_BELOW, 3), (MICROSECONDS_BELOW, 6))  # digits behind the second
NUMBER = re.compile(r"-?\d{1,19}(?:\.\d{1,9})?", re.ASCII)
# Abbreviations that mean one zone only. CST, IST and BST mean several: a time that names one of them stays undated.
OFFSETS = {
    "Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00", "WET": "+00:00", "WEST": "+01:00", "CET": "+01:00",
    "CEST": "+02:00", "EET": "+02:00", "EEST": "+03:00", "MSK": "+03:00", "KST": "+09:00", "JST": "+09:00",
    "EDT": "-04:00", "EST": "-05:00", "CDT": "-05:00", "MDT": "-06:00", "PDT": "-07:00", "PST": "-08:00",
}  # fmt: skip
ISO = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{{1,9}}))?\s?({'|'.join(OFFSETS)}|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
LOCALE = re.compile(
    r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4}),?[ \u202f](\d{1,2}):(\d\d):(\d\d)(?:[ \u202f]?([AP]M))?", re.ASCII
)
YEARLESS = re.compile(
    r"((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?", re.ASCII
)
DATE_ORDERS = ("ymd", "mdy", "dmy")


@dataclass(frozen=True, slots=True)
class Zones:
    """What a log's times do not tell: the zone, the order of day and month (empty: it cannot be told), and the year.

    `written` is when the log was last written; a time without a year is the last such time before it.
    """

    name: str = "UTC"
    date_order: str = ""
    written: datetime | None = None

    @property
    def zone(self) -> tzinfo:
        return _zone(self.name)


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a time.

    `parse` gives an aware time or None. `sql` gives an expression for a TIMESTAMP in UTC, null where it does not fit,
    from the SQL of the text; `zoned` an expression for whether the text itself says its zone.
    """

    parse: Callable[[object, Zones], datetime | None]
    sql: Callable[[str, Zones], str]
    zoned: Callable[[str], str]


def instant(value: object, forms: Iterable[str], zones: Zones) -> datetime | None:
    """The time that `value` means in the first of these forms that fits; None if none does."""
    for name in forms:
        if (moment := FORMS[name].parse(value, zones)) is not None:
            return moment
    return None


def instant_sql(text: str, forms: Iterable[str], zones: Zones) -> str:
    """The same in SQL: a TIMESTAMP in UTC."""
    return f"coalesce({', '.join([*(FORMS[name].sql(text, zones) for name in forms), 'NULL::TIMESTAMP'])})"


def zoned_sql(text: str, forms: Iterable[str]) -> str:
    """Whether a time that was read says its own zone, in SQL."""
    return f"({' OR '.join(f'coalesce({FORMS[name].zoned(text)}, false)' for name in forms)})"


def _epoch(value: object, _: Zones) -> datetime | None:
    """Seconds, ms, µs or ns since 1970, by magnitude."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    size = abs(value)
    divisor = next((10**digits for below, digits in DIGITS_BELOW if size < below), 10**9)
    try:
        if isinstance(value, int):  # a float would lose microseconds
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value * 10**6 // divisor)
        return datetime.fromtimestamp(value / divisor, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _epoch_sql(text: str, _: Zones) -> str:
    whole, number = f"TRY_CAST({text} AS BIGINT)", f"TRY_CAST({text} AS DECIMAL(28, 6))"

    def scaled(value: str) -> str:
        return (
            f"CASE WHEN abs({value}) < {SECONDS_BELOW} THEN {value} * 1000000 "
            f"WHEN abs({value}) < {MILLISECONDS_BELOW} THEN {value} * 1000 "
            f"WHEN abs({value}) < {MICROSECONDS_BELOW} THEN {value} ELSE {value} // 1000 END"
        )

    # A number with a fraction is rare, and decimals are slow: they are tried last.
    # `+5` and ` 5` are no numbers of a logger.
    exact = f"CASE WHEN contains({text}, '.') THEN CAST(floor({scaled(number)}) AS BIGINT) ELSE {scaled(whole)} END"
    is_number = f"{text}[1] BETWEEN '-' AND '9' AND {text}[-1] BETWEEN '0' AND '9'"
    return f"CASE WHEN {is_number} THEN TRY(make_timestamp({exact})) END"


def _iso(value: object, zones: Zones) -> datetime | None:
    """ISO 8601 and its usual neighbours: a blank for T, a comma for the point, a zone's abbreviation for its offset."""
    if not isinstance(value, str) or not (match := ISO.fullmatch(value.strip())):
        return None
    day, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
        if not zone:
            return _placed(moment, zones)
        zone = OFFSETS.get(zone, zone)
        return datetime.fromisoformat(f"{moment.isoformat(timespec='microseconds')}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _iso_sql(text: str, zones: Zones) -> str:
    # A plain Z is by far the most common and casts twice as fast as a general offset.
    plain = f"replace(replace({text}, ',', '.'), ' ', 'T')"
    naive = f"TRY_CAST({plain} AS TIMESTAMP)"
    offsets = " ".join(f"WHEN '{name}' THEN '{offset}'" for name, offset in OFFSETS.items())
    named = f"regexp_replace({plain}, 'T?[A-Z]+$', '') || CASE regexp_extract({text}, '[A-Z]+$') {offsets} END"
    offset = f"regexp_replace({plain}, 'T([+-]\\d\\d(:?\\d\\d)?)$', '\\1')"
    spaced = f"CASE WHEN {text}[-1] BETWEEN 'A' AND 'Z' THEN {named} ELSE {offset} END"
    return (
        f"CASE WHEN length({text}) < 19 OR {text}[5] <> '-' THEN NULL "
        f"WHEN {text}[-1] = 'Z' THEN TRY_CAST({text}[:-2] AS TIMESTAMP) "
        f"WHEN {_iso_zoned(text)} THEN CAST(TRY_CAST({spaced} AS TIMESTAMPTZ) AS TIMESTAMP) "
        f"ELSE {_placed_sql(naive, zones)} END"
    )


def _iso_zoned(text: str) -> str:
    return f"regexp_matches({text}, '\\d\\d:\\d\\d:\\d\\d([.,]\\d+)? ?({'|'.join(OFFSETS)}|[+-]\\d\\d(:?\\d\\d)?)$')"


def _strptime(pattern: str, sql_pattern: str, utc: bool = False) -> Form:
    """A form that strptime knows; with `%z` in its pattern, or `utc`, it says its zone."""
    zoned = utc or "%z" in pattern

    def parse(value: object, zones: Zones) -> datetime | None:
        try:
            moment = datetime.strptime(str(value), pattern)  # noqa: DTZ007  # _placed gives it its zone
        except ValueError:
            return None
        if moment.tzinfo:
            return moment.astimezone(UTC)
        return moment.replace(tzinfo=UTC) if utc else _placed(moment, zones)

    def sql(text: str, zones: Zones) -> str:
        read = f"try_strptime({text}, '{sql_pattern}')"
        return f"CAST({read} AS TIMESTAMP)" if zoned else _placed_sql(read, zones)

    return Form(parse, sql, lambda text: f"try_strptime({text}, '{sql_pattern}') IS NOT NULL" if zoned else "false")


def _locale(value: object, zones: Zones) -> datetime | None:
    """What `toLocaleString` writes. The order of day and month is the file's, see `date_order`."""
    if not isinstance(value, str) or not (match := LOCALE.fullmatch(value)):
        return None
    parts = tuple(int(part) for part in match.groups()[:3])
    order = zones.date_order
    if order not in DATE_ORDERS:
        return None
    year, month, day = (parts[order.index(letter)] for letter in "ymd")
    hour = int(match[4]) % 12 + 12 * (match[7] == "PM") if match[7] else int(match[4])
    try:
        # _placed gives it its zone.
        naive = datetime(year, month, day, hour, int(match[5]), int(match[6]))  # noqa: DTZ001
        return _placed(naive, zones)
    except ValueError:
        return None


def _locale_sql(text: str, zones: Zones) -> str:
    if zones.date_order not in DATE_ORDERS:
        return "NULL::TIMESTAMP"
    plain = f"translate(replace({text}, ',', ''), './\u202f', '-- ')"
    date = {"ymd": "%Y-%m-%d", "mdy": "%m-%d-%Y", "dmy": "%d-%m-%Y"}[zones.date_order]
    usual = f"try_strptime({text}, '{date.replace('-', '/')}, %I:%M:%S %p')"
    other = (
        f"CASE WHEN {text}[-1] = 'M' THEN try_strptime({plain}, '{date} %I:%M:%S %p')"
        f" ELSE try_strptime({plain}, '{date} %H:%M:%S') END"
    )
    return _placed_sql(f"coalesce({usual}, {other})", zones)


def date_order(texts: Iterable[str]) -> str:
    """In which order a file's locale dates stand: `ymd`, `mdy` or `dmy`; empty if these do not tell."""
    dates = [match for match in map(LOCALE.fullmatch, texts) if match]
    if any(len(match[1]) == 4 for match in dates):
        return "ymd"
    if any(match[7] or int(match[2]) > 12 for match in dates):
        return "mdy"
    return "dmy" if any("." in match[0] or int(match[1]) > 12 for match in dates) else ""


def _utc(value: object, zones: Zones) -> datetime | None:
    """ISO without a zone where the format's documentation says that it is UTC."""
    return _iso(value, replace(zones, name="UTC"))


def _yearless(value: object, zones: Zones) -> datetime | None:
    """`Nov 23 16:40:02`, as syslog has written it since 1983.

    In the year that puts it last before the log was written.
    """
    match = YEARLESS.fullmatch(value) if isinstance(value, str) else None
    if not match or not zones.written:
        return None
    for year in (zones.written.year + 1, zones.written.year, zones.written.year - 1):
        try:
            # _placed gives it its zone.
            naive = datetime.strptime(f"{year} {match[1]}", "%Y %b %d %H:%M:%S")  # noqa: DTZ007
        except ValueError:  # 29 February
            continue
        moment = _placed(naive.replace(microsecond=int((match[2] or "0")[:6].ljust(6, "0"))), zones)
        if moment and moment <= zones.written + timedelta(days=1):
            return moment
    return None


FORMS = {
    "epoch": Form(_epoch, _epoch_sql, lambda text: f"TRY_CAST({text} AS DOUBLE) IS NOT NULL"),
    "iso": Form(_iso, _iso_sql, _iso_zoned),
    "clf": _strptime("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z"),
    "http": _strptime("%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S GMT", utc=True),
    "redis": _strptime("%d %b %Y %H:%M:%S.%f", "%d %b %Y %H:%M:%S.%g"),
    "yearless": Form(
        _yearless, lambda text, zones: "NULL::TIMESTAMP", lambda text: "false"
    ),  # only around lines, which Python reads
    "utc": Form(_utc, lambda text, zones: f"TRY_CAST({text} AS TIMESTAMP)", lambda text: "true"),
    "locale": Form(_locale, _locale_sql, lambda text: "false"),
}


def _placed(moment: datetime, zones: Zones) -> datetime | None:
    """A naive time in the log's zone, in UTC.

    An hour that comes twice is its second one, as for DuckDB; one that is left out goes on from before.
    """
    try:
        return max(moment.replace(tzinfo=zones.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (ValueError, OverflowError):
        return None


def hours_twice(zone: str, first: datetime, last: datetime) -> list[datetime]:
    """When, between two times, clocks in a zone are put back: the hour before is written twice."""
    place, hour = _zone(zone), timedelta(hours=1)

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(place).utcoffset() or timedelta(0)

    begin = first.replace(minute=0, second=0, microsecond=0)
    moments = (begin + n * hour for n in range(min((last - begin) // hour + 2, 24 * 366)))
    return [moment for moment in moments if offset(moment - hour) > offset(moment)]


def _placed_sql(naive: str, zones: Zones) -> str:
    if zones.name == "UTC":
        return f"({naive})"
    return f"CAST(timezone({quoted(zones.name)}, {naive}) AS TIMESTAMP)"


@cache
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
