"""The timeline as text: lines for a terminal, and a table in Markdown. Times are in the people's zone and in UTC."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby

from incident_kit.model.visible import visible
from incident_kit.timeline.rows import ANSWERED, Lane, Row
from incident_kit.view import words
from incident_kit.view.fitting import wrapped

UNKNOWN_ORDER = "≈"
LEGEND = f"{UNKNOWN_ORDER} may have come before or after its neighbours: their clocks do not tell."
# What is known so soon is known at once.
AT_ONCE = timedelta(minutes=1)
# An interval that is told: of a shorter one the order says enough.
LONG = timedelta(minutes=2)
WIDTH, LEAST_WIDTH, INDENT = 120, 30, 2
MOST_CHARACTERS = 600
# What Markdown reads as markup within a cell.
MARKUP = re.compile(r"([\\`*_\[\]<>~|&#])")


def table(rows: Sequence[Row], title: str, zone: tzinfo, width: int = WIDTH) -> list[str]:
    """Lines of at most `width` columns: a heading for each day, then the time, the lane, and what happened."""
    lines = [visible(title)]
    shown = [(_time(row, zone), row) for row in folded(rows)]
    time_width = max((len(time) for time, _ in shown), default=0)
    lane_width = max(map(len, Lane))
    day = ""
    for time, row in shown:
        if (of_row := words.day(row.moment.astimezone(zone))) != day:
            day = of_row
            lines += ["", day]
        mark = UNKNOWN_ORDER if row.order_unknown else " "
        head = f"{' ' * INDENT}{time:<{time_width}} {mark} {row.lane.value:<{lane_width}}  "
        room = max(width - len(head), LEAST_WIDTH)
        first, *others = wrapped(_sentence(row, zone), room)
        lines += [f"{head}{first}".rstrip(), *(f"{' ' * len(head)}{other}" for other in others)]
    if not shown:
        lines += ["", "Nothing is known yet: no evidence was collected, and nothing was noted."]
    if any(row.order_unknown for _, row in shown):
        lines += ["", LEGEND]
    return lines


def markdown(rows: Sequence[Row], title: str, zone: tzinfo) -> str:
    """A table in Markdown, with the whole text of every row."""
    local = _is_local(rows, zone)
    name = _zone_name(rows, zone)
    columns = [*([name] if local else []), "UTC", "Order", "Lane", "What happened", "By", "Known since", "Source"]
    lines = [f"# {_escaped(title)}", "", _cells(columns), _cells(["---"] * len(columns))]
    for row in rows:
        theirs = [_full(row.moment, zone)] if local else []
        cells = [
            *theirs,
            _full(row.moment, UTC),
            UNKNOWN_ORDER if row.order_unknown else "",
            row.lane.value,
            _escaped(what_happened(row)),
            _escaped(row.by),
            words.moment(row.learned, zone, with_day=True) if row.learned else words.NONE,
            _escaped(_source(row)),
        ]
        lines.append(_cells(cells))
    if any(row.order_unknown for row in rows):
        lines += ["", LEGEND]
    return "\n".join(lines) + "\n"


def folded(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows for people, with questions that were answered one after the other as one row."""
    for is_answer, together in groupby(rows, lambda row: row.meaning == ANSWERED):
        listed = list(together)
        if is_answer and len(listed) > 1:
            counts = Counter(row.message.partition(".")[0].partition(":")[0] for row in listed)
            systems = ", ".join(f"{system} {n}" for system, n in sorted(counts.items()))
            first = listed[0]
            yield Row(
                moment=first.moment,
                earliest=first.earliest,
                latest=listed[-1].latest,
                learned=first.learned,
                meaning="answered",
                message=f"{words.count(len(listed), 'question')} to live systems ({systems})",
                lane=Lane.SYSTEMS,
                clock=first.clock,
                citation=None,
                order_unknown=any(row.order_unknown for row in listed),
            )
        else:
            yield from listed


def _sentence(row: Row, zone: tzinfo) -> str:
    what = what_happened(row)
    if len(what) > MOST_CHARACTERS:
        what = f"{what[:MOST_CHARACTERS]}… (--to jsonl has all of it)"
    by = f" ({visible(row.by)})" if row.by else ""
    source = f" [{source}]" if (source := _source(row)) else ""
    return f"{what}{by}{_interval(row, zone)}{_known(row)}{source}"


def what_happened(row: Row) -> str:
    """What happened, on a line; with what its time means, where a person did not say it."""
    message = visible(row.message)
    return message if row.by else f"{visible(row.meaning)}: {message}"


def _interval(row: Row, zone: tzinfo) -> str:
    if row.latest - row.earliest < LONG:
        return ""
    earliest, latest = (moment.astimezone(zone) for moment in (row.earliest, row.latest))
    return f" (between {words.clock(earliest)} {earliest:%Z} and {words.clock(latest)} {latest:%Z})"


def _known(row: Row) -> str:
    """How much later it was known; nothing where it was known at once."""
    if row.learned is None or row.learned - row.moment <= AT_ONCE:
        return ""
    return f" (known {words.lasted(row.learned - row.moment)} later)"


def _source(row: Row) -> str:
    places = [visible(place) for place in words.cited_places(row.citation)] if row.citation else []
    return places[0].strip() if places else ""  # an answer that is cited whole has no place in it


def _time(row: Row, zone: tzinfo) -> str:
    return words.moment(row.moment, zone)


def _full(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{words.day(local)} {words.clock(local)}"


def _is_local(rows: Sequence[Row], zone: tzinfo) -> bool:
    return any(row.moment.astimezone(zone).utcoffset() for row in rows)


def _zone_name(rows: Sequence[Row], zone: tzinfo) -> str:
    """What the people's zone is called at these times: both names where clocks were changed between them."""
    return "/".join(dict.fromkeys(f"{row.moment.astimezone(zone):%Z}" for row in rows))


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return MARKUP.sub(r"\\\1", visible(text))
