"""Times and windows: UTC inside, always aware; what a person types is read once, here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from incident_kit.errors import ParameterError

RELATIVE = re.compile(r"-(\d+)(s|m|h|d)")
TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, `since` included and `until` excluded; both aware, in UTC."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise ParameterError(
                f"the window ends before it begins: since {iso(self.since)}, until {iso(self.until)}. "
                "Swap the two, or give an earlier --since."
            )

    def to_json(self) -> dict[str, str]:
        return {"since": iso(self.since), "until": iso(self.until)}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> Window:
        return cls(parse_iso(data["since"]), parse_iso(data["until"]))

    def __str__(self) -> str:
        return f"{iso(self.since)} to {iso(self.until)}"


def iso(time: datetime) -> str:
    """ISO 8601 in UTC with `Z`: milliseconds, or microseconds where there are any.

    >>> iso(datetime(2026, 11, 23, 7, 40, 2, 352000, UTC))
    '2026-11-23T07:40:02.352Z'
    """
    moment = time.astimezone(UTC)
    fraction = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=fraction) + "Z"


def parse_iso(text: str) -> datetime:
    """An aware time from ISO 8601 with `Z` or an offset. Raises ParameterError: a zone is never guessed."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"not a time: {text!r}. Write ISO 8601, such as 2026-11-23T07:40:02Z.") from None
    if moment.tzinfo is None:
        raise ParameterError(f"a time without a zone: {text!r}. Add Z or an offset, such as {text}Z or {text}+09:00.")
    return moment.astimezone(UTC)


def parse_time(text: str, now: datetime, zone: tzinfo) -> datetime:
    """A time as a person types it: `-30m`, `14:05` (the last one before `now`) or ISO 8601; without offset in `zone`.

    Raises ParameterError with the accepted forms.
    """
    if relative := RELATIVE.fullmatch(text):
        return now.astimezone(UTC) - timedelta(seconds=int(relative[1]) * UNIT_SECONDS[relative[2]])
    if clock := TIME_OF_DAY.fullmatch(text):
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        if hour < 24 and minute < 60 and second < 60:
            local = now.astimezone(zone).replace(hour=hour, minute=minute, second=second, microsecond=0)
            return (local if local <= now else local - timedelta(days=1)).astimezone(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ParameterError(
            f"not a time: {text!r}. Write -30m (also s, h, d), 14:05, or ISO 8601 such as 2026-11-23T07:40:02Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def parse_near(text: str, end: datetime) -> datetime:
    """A time in UTC as a person types it who looks at a window that ends at `end`: a time of day is the nearest one.

    >>> iso(parse_near("23:50", datetime(2026, 11, 23, 0, 10, tzinfo=UTC)))
    '2026-11-22T23:50:00.000Z'
    """
    return parse_time(text, end if RELATIVE.fullmatch(text) else end + timedelta(hours=12), UTC)


# What zoneinfo finds beside the zones, and what means another one on every machine.
OF_THIS_MACHINE = ("localtime", "posixrules", "Factory")


def named_zone(name: str) -> tzinfo:
    """The time zone of this name, such as Asia/Tokyo. Raises ParameterError."""
    try:
        if name in OF_THIS_MACHINE:
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ParameterError(f"not a time zone: {name!r}. Write a name such as UTC or Asia/Tokyo.") from None


def parse_duration(text: str) -> timedelta:
    """A span such as `5m`, `90s` or `2h`. Raises ParameterError."""
    if span := RELATIVE.fullmatch(f"-{text}"):
        return timedelta(seconds=int(span[1]) * UNIT_SECONDS[span[2]])
    raise ParameterError(f"not a span of time: {text!r}. Write a number and s, m, h or d, such as 5m.")
