"""Citations: small links from a statement to the lines and queries it rests on, and these lines and queries themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from incident_kit.logs.reading import QUERIES, Records, question, question_title
from incident_kit.model.finding import Absence, Citation, Event, Figure, Finding, Line, Pointer
from incident_kit.report.page.pieces import Html, count, escape, ms
from incident_kit.timeline.course import Course

MOST_EVENTS = 200
# What tables and charts say they were made with, and what these queries read from.
OF_TABLES = ("requests_by_bucket", "calls_by_bucket", "requests_between", "calls_between", "signs", "accounting", "streams")
READ_BY_OTHERS = ("requests", "calls")
AROUND = 5
# What of one line is shown, and of all of them together: a page has to stay small enough to send.
MOST_OF_LINE = 20_000
MOST_OF_LINES = 1_000_000
LEAST_OF_LINE = 1_000


def citations(cited: Iterable[Citation], most: int = 5) -> str:
    """Small links from a statement to what it rests on, with so many lines of each figure at most."""
    parts = [_link(citation, most) for citation in cited]
    return f" <small class='cite'>[{'; '.join(parts)}]</small>" if parts else ""


def note(query: str, words: str = "") -> str:
    """A small link to the query behind a table or a chart."""
    return f" <small class='cite'>[<a href='#q-{query}'>{words or query + '.sql'}</a>]</small>"


def _link(citation: Citation, most: int) -> str:
    if isinstance(citation, Figure):
        lines = ", ".join(f"<a href='#{_anchor(line)}'>{line.line:,}</a>" for line in citation.exemplars[:most])
        given = escape("; ".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in citation.parameters.items()))
        such = f", such as line {lines}" if lines else ""
        return f"<a href='#q-{escape(citation.query)}' data-given='{given}'>{count(citation.n, 'record')}</a>{such}"
    if isinstance(citation, Absence) and _is_answer(citation):
        return ", ".join(f"<a href='#a-{escape(item)}'>{escape(citation.query)}, item {escape(item)}</a>" for item in citation.items)
    if isinstance(citation, Absence):
        return f"<a href='#q-{escape(citation.query)}'>none among {count(citation.examined, 'record')}</a>"
    if isinstance(citation, Pointer):
        return f"<a href='#a-{escape(citation.item)}'>item {escape(citation.item)}</a> at {escape(citation.pointer)}"
    if citation.item == "journal":
        return f"journal, line {citation.line}"
    return f"<a href='#{_anchor(citation)}'>line {citation.line:,}</a>"


def cited_lines(course: Course, found: Sequence[Finding], events: Sequence[Event], records: Records) -> Html:
    """The lines behind the figures as they stand in the evidence (redacted), each with what was read around it, and the queries behind the figures."""
    cited: list[Citation] = [*course.figures, *([course.absence] if course.absence else [])]
    cited += [citation for finding in found for citation in finding.citations] + [event.citation for event in events[:MOST_EVENTS]]
    lines = sorted({line for citation in cited for line in _lines_of(citation)}, key=lambda line: (line.item, line.line))
    placed = records.placed_lines(lines)
    around = _around(records, lines)
    most = max(LEAST_OF_LINE, min(MOST_OF_LINE, MOST_OF_LINES // max(len(lines), 1)))
    names = {source.id: source.origin for source in records.sources}
    shown = "".join(_excerpt(line, *placed[line], names[line.item], around, most) for line in lines if line in placed)
    named = dict.fromkeys(
        [*(citation.query for citation in cited if isinstance(citation, Figure | Absence) and not _is_answer(citation)), *OF_TABLES, *READ_BY_OTHERS]
    )
    return Html(f"<h3>Lines</h3>{shown}{queries(named)}")


def queries(names: Iterable[str]) -> Html:
    """The queries of these names, for links to lead to."""
    listed = "".join(
        f"<details class='query' id='q-{name}'><summary>{escape(question_title(name))} (<code>{name}.sql</code>)</summary><pre>{escape(question(name))}</pre></details>"
        for name in names
    )
    return Html(f"<h3>Queries</h3>{listed}" if listed else "")


def _excerpt(line: Line, raw: str, offset: int, origin: str, around: dict[Line, str], most: int) -> str:
    cut = f" … {len(raw) - most:,} characters more in the evidence" if len(raw) > most else ""
    before, after = (
        "\n".join(words for number in numbers if (words := around.get(Line(line.item, number))))
        for numbers in (range(line.line - AROUND, line.line), range(line.line + 1, line.line + AROUND + 1))
    )
    lines = f"<pre class='around'>{before}</pre>" * bool(before), f"<pre class='around'>{after}</pre>" * bool(after)
    return (
        f"<details class='line' id='{_anchor(line)}'><summary>Line <code>{around.get(line, f'{line.line:>8}').lstrip()}</code></summary>"
        f"<p class='place'>{escape(origin.rpartition('/')[2])}, item <code>{escape(line.item)}</code>, line {line.line:,}, byte {offset:,} of the original</p>"
        f"{lines[0]}<pre class='raw'>{escape(raw[:most])}{cut}</pre>{lines[1]}</details>"
    )


def _around(records: Records, lines: Sequence[Line]) -> dict[Line, str]:
    """What was read of the lines around these, in a line each."""
    numbers = sorted({number for line in lines for number in range(line.line - AROUND, line.line + AROUND + 1)})
    items = sorted({line.item for line in lines})
    return {Line(row["item"], row["line"]): _in_a_line(row) for row in records.query("lines_around", items=items, numbers=numbers)} if lines else {}


def _in_a_line(row: dict[str, Any]) -> str:
    if row["class"] != "record":
        return f"{row['line']:>8}  ({'goes on' if row['class'] == 'continuation' else 'not read'})"
    took = ms(row["duration_us"]) if row["duration_us"] is not None else ""
    message = (row["message"] or "").split("\n")[0][:160]
    parts = [
        f"{row['ts']:%H:%M:%S.%f}"[:-3] if row["ts"] else "no time",
        f"{row['level'] or '':<5}",
        row["route"] or "",
        str(row["status"] or ""),
        took,
        message,
    ]
    return escape(f"{row['line']:>8}  " + "  ".join(part for part in parts if part))


def _lines_of(citation: Citation) -> tuple[Line, ...]:
    if isinstance(citation, Figure):
        return citation.exemplars
    return (citation,) if isinstance(citation, Line) and citation.item != "journal" else ()


def _is_answer(citation: Figure | Absence) -> bool:
    """Whether it rests on a live system's answer, and not on a query over records."""
    return not (QUERIES / f"{citation.query}.sql").is_file()


def _anchor(line: Line) -> str:
    return f"l-{escape(line.item)}-{line.line}"
