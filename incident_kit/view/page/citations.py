"""The lines and queries that statements rest on, where the small links of all sections lead to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from incident_kit.logs.reading import Records, question, question_title
from incident_kit.model.finding import Absence, Citation, Event, Figure, Finding, Line
from incident_kit.model.severity import Severity
from incident_kit.timeline.impact import Impact
from incident_kit.view import words
from incident_kit.view.markup import Html, render

MOST_EVENTS = 200
# What tables and charts say they were made with, and what these queries read from.
OF_TABLES = (
    "requests_by_bucket",
    "calls_by_bucket",
    "requests_between",
    "calls_between",
    "signs_by_second",
    "coverage",
    "accounting",
    "streams",
)
READ_BY_OTHERS = ("requests", "calls")
AROUND = 5
# What of one line is shown, and of all of them together: a page has to stay small enough to send.
MOST_OF_LINE = 20_000
MOST_OF_LINES = 1_000_000
LEAST_OF_LINE = 1_000
MOST_OF_MESSAGE = 160


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A cited line as it stands in the evidence, from `offset` on, and what was read of the lines around it."""

    line: Line
    summary: str
    origin: str
    offset: int
    lines_before: Sequence[str]
    text: str
    left_out: int
    lines_after: Sequence[str]


def cited_lines(
    impact: Impact, severity: Severity, findings: Sequence[Finding], events: Sequence[Event], records: Records
) -> Html:
    """The lines behind the figures as they stand in the evidence (redacted), and the queries behind the figures."""
    cited: list[Citation] = [*impact.figures, *([impact.absence] if impact.absence else [])]
    cited += [citation for met in severity.by_facts.met for citation in met.citations]
    cited += [citation for finding in findings for citation in finding.citations]
    cited += [event.citation for event in events[:MOST_EVENTS]]
    lines = {line for citation in cited for line in _lines_of(citation)}
    asked = [
        citation.query for citation in cited if isinstance(citation, Figure | Absence) and not words.is_answer(citation)
    ]
    names = dict.fromkeys([*asked, *OF_TABLES, *READ_BY_OTHERS])
    return render("cited_lines", excerpts=_excerpts(lines, records), queries=queries(names))


def queries(names: Iterable[str]) -> Html:
    """The queries of these names, for links to lead to."""
    return render("queries", queries=[(name, question_title(name), question(name)) for name in names])


def _excerpts(cited: Iterable[Line], records: Records) -> list[Excerpt]:
    lines = sorted(cited, key=lambda line: (line.item, line.line))
    placed = records.placed_lines(lines)
    around = _around(records, lines)
    most = max(LEAST_OF_LINE, min(MOST_OF_LINE, MOST_OF_LINES // max(len(lines), 1)))
    origins = {source.id: source.origin for source in records.sources}

    def near(line: Line, numbers: range) -> list[str]:
        return [text for number in numbers if (text := around.get(Line(line.item, number)))]

    return [
        Excerpt(
            line,
            summary=around.get(line, str(line.line)).lstrip(),
            origin=origins[line.item],
            offset=placed[line][1],
            lines_before=near(line, range(line.line - AROUND, line.line)),
            text=placed[line][0][:most],
            left_out=max(len(placed[line][0]) - most, 0),
            lines_after=near(line, range(line.line + 1, line.line + AROUND + 1)),
        )
        for line in lines
        if line in placed
    ]


def _around(records: Records, lines: Sequence[Line]) -> dict[Line, str]:
    """What was read of the lines around these, in a line each."""
    if not lines:
        return {}
    numbers = sorted({number for line in lines for number in range(line.line - AROUND, line.line + AROUND + 1)})
    items = sorted({line.item for line in lines})
    rows = records.query("lines_around", items=items, numbers=numbers)
    return {Line(row["item"], row["line"]): _in_a_line(row) for row in rows}


def _in_a_line(row: dict[str, Any]) -> str:
    if row["class"] != "record":
        return f"{row['line']:>8}  ({'goes on' if row['class'] == 'continuation' else 'not read'})"
    columns = [
        words.precise_clock(row["ts"]) if row["ts"] else "no time",
        f"{row['level'] or '':<5}",
        row["route"] or "",
        str(row["status"] or ""),
        "" if row["duration_us"] is None else words.took_us(row["duration_us"]),
        (row["message"] or "").split("\n")[0][:MOST_OF_MESSAGE],
    ]
    return f"{row['line']:>8}  " + "  ".join(column for column in columns if column)


def _lines_of(citation: Citation) -> tuple[Line, ...]:
    if isinstance(citation, Figure):
        return citation.exemplars
    return (citation,) if isinstance(citation, Line) and citation.item != "journal" else ()
