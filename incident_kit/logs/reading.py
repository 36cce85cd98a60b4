"""Sources and a window become records in canonical columns, read by DuckDB.

Each source is scanned once (`scan`), recognised (`recognise`), and read in place where every record is a line of one
format; else a working copy is normalised first (`normalise`). One SELECT a source gives the columns of
`columns.COLUMNS`. The lines of all sources form the relation `lines`; `records` is what of it lies in the window,
counted once where two files hold the same record. Small inputs are read into memory once; of large ones each question
reads what it needs.

Everything that leaves here as text has been redacted: this is the one way from stored bytes to a person.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incident_kit.logs.accounting import Account, Accounting, silences
from incident_kit.logs.archives import TextReader
from incident_kit.logs.columns import (
    COLUMNS,
    PLACE,
    TYPES,
    Dependency,
    in_place_select,
    is_line_of,
    is_whole,
    no_format_select,
    normalised_select,
)
from incident_kit.logs.formats import all_formats, as_object
from incident_kit.logs.prepare import PreparedSource, glance, prepare, single_lines
from incident_kit.logs.raw import RawLines
from incident_kit.logs.recognise import decoded, unwrap
from incident_kit.logs.redacted import Redactor
from incident_kit.logs.scan import HEAD_LINES, clean_lines, line_offsets
from incident_kit.logs.sql import quoted
from incident_kit.logs.time_forms import hours_twice
from incident_kit.model.finding import Line
from incident_kit.model.redaction import REDACTION
from incident_kit.model.source import Source
from incident_kit.model.times import Window, parse_near

if TYPE_CHECKING:
    import pandas

QUERIES = Path(__file__).parent / "queries"
IN_MEMORY_BYTES = 128 << 20
MOST_READ_IN_PLACE = 64  # sources; the SQL of each is long, so more are read into tables first
VIEWS = ("requests", "calls")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_KEPT = 10_000  # rows of an answer
FIRST_UNPARSED = (
    "SELECT line, max(line) OVER () AS last FROM lines"
    " WHERE class = 'unparsed' AND source = $source ORDER BY line LIMIT 3"
)
EVERY_COLUMN = f"SELECT {', '.join(TYPES)} FROM lines"


class Records:
    """The log records of some sources within a window. `read` makes one; close it, or use it in a `with`.

    frame    the records as a DataFrame
    zoom     the records of a narrower window
    lines    the lines of records as they stand in the evidence
    sql      a question of your own
    query    one of our questions
    """

    def __init__(
        self, sources: Sequence[Source], window: Window | None, dependencies: Sequence[Dependency], only: frozenset[str]
    ) -> None:
        # Here, because commands that only start a kernel import this module and read nothing.
        from incident_kit.logs.engine import EvidenceFiles, connect

        self.sources = tuple(sources)
        self.window = window
        self._dependencies = dependencies
        self._only = only
        self._shown = Redactor(sources[0].redaction if sources else REDACTION)
        self._scratch = tempfile.TemporaryDirectory(prefix="incident-kit-")
        scratch = Path(self._scratch.name)
        self._files = EvidenceFiles()
        large = sum(source.path.stat().st_size for source in self.sources) > IN_MEMORY_BYTES
        few = len(self.sources) <= MOST_READ_IN_PLACE
        first = [glance(source, self._files) if large and few else None for source in self.sources]
        self._looking = ThreadPoolExecutor(1)
        self._promised: dict[int, Future[PreparedSource]] = {
            number: self._looking.submit(prepare, self.sources[number], scratch, self._files)
            for number, readable in enumerate(first)
            if readable
        }
        self._readable = [
            readable or prepare(self.sources[number], scratch, self._files) for number, readable in enumerate(first)
        ]
        self._connection = connect(self._files, scratch)
        self._small = not few or sum(readable.scan.text_bytes for readable in self._readable) <= IN_MEMORY_BYTES
        self._accounts: Accounting | None = None
        # Each question is a pass over the logs; checks, impact and charts ask the same ones.
        self._answered: dict[str, list[dict[str, Any]]] = {}
        self._views: list[str] = []
        self._build()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the working copies."""
        self._looking.shutdown()
        self._connection.close()
        self._scratch.cleanup()

    def query(self, name: str, **parameters: object) -> list[dict[str, Any]]:
        """The rows of one of our questions, `queries/NAME.sql`; text in them is redacted, times are aware."""
        asked = f"{name} {parameters}"
        if asked not in self._answered:
            rows = self._rows(question(name), parameters)
            if len(rows) > MOST_KEPT:
                return rows
            self._answered[asked] = rows
        return [dict(row) for row in self._answered[asked]]

    def query_with(self, name: str, insert: Mapping[str, str]) -> list[dict[str, Any]]:
        """The same with SQL of ours in the place of words in it, where a parameter cannot stand."""
        statement = question(name)
        for word, sql in insert.items():
            statement = statement.replace(word, sql)
        return self._rows(statement)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every record as a dict of the canonical columns, file by file in the order of their lines."""
        names = [column for column in COLUMNS if column != "offset"]
        columns = ", ".join(f'"{column}"' for column in names)
        statement = f"SELECT source, {columns} FROM records ORDER BY source, line"
        self._settle()
        self._provide(statement)
        cursor = self._connection.execute(statement)
        number, offsets, last_line = -1, iter([0]), 0
        while rows := cursor.fetchmany(10_000):
            for source, *row in rows:
                record = dict(zip(names, map(self._shown, row), strict=True))
                if source != number:
                    number, offsets, last_line = source, self._offsets(self.sources[source]), 0
                record["offset"] = next(islice(offsets, record["line"] - last_line - 1, None))
                last_line = record["line"]
                yield record

    def frame(self, where: str = "true") -> pandas.DataFrame:
        """The records as a DataFrame of the canonical columns (without `offset`), in time order.

        `where` is a condition in SQL.

        records.frame("status >= 500 AND route LIKE '%/sim/%'")
        """
        columns = ", ".join(f'"{column}"' for column in COLUMNS if column != "offset")
        from incident_kit.logs.engine import only_select

        statement = only_select(
            self._connection, f"SELECT {columns} FROM records WHERE {where} ORDER BY ts, file, line"
        )
        self._settle()
        self._provide(statement)
        return self._shown.frame(self._connection.execute(statement).df())

    def zoom(self, since: str | datetime, until: str | datetime = "") -> Records:
        """The records of another window, as Records.

        Without `until` it is the one minute from `since` on, as charts by minute show it. Times are in UTC: "09:53",
        "09:53:20", "-5m" (before this window's end), ISO 8601, or a datetime such as `bucket.start`.

        records.zoom("09:53", "09:55").frame()
        """
        begun = self._moment(since)
        return Records(
            self.sources,
            Window(begun, self._moment(until) if until else begun + timedelta(minutes=1)),
            self._dependencies,
            self._only,
        )

    def sql(self, statement: str, **parameters: object) -> pandas.DataFrame:
        """The answer to a question of your own, one SELECT in the SQL of DuckDB.

        Text in it is redacted, times are in UTC. It may ask `records` (all of them, in the canonical columns),
        `requests` (the finished ones, with `failed`, `aborted`, `refused`, `duration_us`), `calls` (timed ones, to
        outside systems) and `lines` (every line, with its `class`). `$name` stands for the parameter `name`. Raises
        ParameterError for anything that is not one SELECT.

        records.sql("SELECT route, count(*) AS n FROM requests WHERE status = $status GROUP BY route", status=503)
        """
        from incident_kit.logs.engine import only_select

        only_select(self._connection, statement)
        self._settle()
        self._provide(EVERY_COLUMN)  # a star, or a name in capitals, would be missed among those a statement mentions
        return self._shown.frame(self._connection.execute(statement, parameters).df())

    def lines(self, where: str = "true", most: int = 20, around: int = 0) -> RawLines:
        """The first lines of records as they stand in the evidence, redacted.

        With `around` so many lines before and after each. `where` is a condition in SQL on the records.
        Behind the point 09:53 of a chart:

        records.zoom("09:53").lines("status >= 500")
        """
        title = "concat_ws(' ', strftime(ts, '%H:%M:%S.%g'), level, logger, route, status, message)"
        from incident_kit.logs.engine import only_select

        chosen = (
            f"SELECT item, line, {title} AS title, count(*) OVER () AS n FROM records"
            f" WHERE {where} ORDER BY ts, item, line LIMIT {int(most)}"
        )
        rows = self._rows(only_select(self._connection, chosen))
        titles = {Line(row["item"], row["line"]): row["title"] for row in rows}
        cited = (Line(line.item, line.line + step) for line in titles for step in range(-around, around + 1))
        return RawLines(self.raw_lines(cited), titles, rows[0]["n"] if rows else 0)

    def raw_lines(self, cited: Iterable[Line]) -> dict[Line, str]:
        """The cited lines as they stand in the evidence, redacted."""
        return {line: raw for line, (raw, _) in self.placed_lines(cited).items()}

    def placed_lines(self, cited: Iterable[Line]) -> dict[Line, tuple[str, int]]:
        """The cited lines as they stand in the evidence, redacted.

        Each with the byte in the original file at which it begins.
        """
        wanted: dict[str, set[int]] = {}
        for line in cited:
            wanted.setdefault(line.item, set()).add(line.line)
        placed: dict[Line, tuple[str, int]] = {}
        for place, readable in enumerate(self._readable):
            item, begins_at = readable.source.id, readable.source.offset_bytes
            numbers = wanted.get(item, set())
            if numbers and self._small and readable.lines_are_raw and not readable.is_shorter:
                lengths = (
                    "SELECT line, raw, sum(strlen(raw) + 1) OVER (ORDER BY line) - strlen(raw) - 1 AS bytes_before"
                    f" FROM ({self._raw(place)})"
                )
                listed = ", ".join(map(str, numbers))
                chosen = f"SELECT line, raw, bytes_before FROM ({lengths}) WHERE line IN ({listed})"
                rows = self._connection.execute(chosen).fetchall()
                placed |= {
                    Line(item, line): (self._shown(raw or ""), begins_at + int(bytes_before or 0))
                    for line, raw, bytes_before in rows
                }
                continue
            left = len(numbers)
            lines = enumerate(
                zip(
                    single_lines(clean_lines(TextReader.of(readable.source), Counter())),
                    self._offsets(readable.source),
                    strict=False,
                ),
                start=1,
            )
            while left and (following := next(lines, None)):
                number, (raw, offset) = following
                if number in numbers:
                    placed[Line(item, number)] = self._shown(raw.decode("utf-8", "replace")), offset
                    left -= 1
        return placed

    def damages(self) -> list[str]:
        """What of each source could not be read, in their order; empty for a source that is whole."""
        self._settle()
        return [readable.damage for readable in self._readable]

    def accounting(self) -> Accounting:
        """What became of every line, a row per source, in the order of the sources."""
        if self._accounts is None:
            rows = {row["source"]: row for row in self.query("accounting")}
            self._accounts = Accounting(
                self._account(number, rows.get(number, {})) for number in range(len(self.sources))
            )
        return self._accounts

    def _account(self, number: int, row: Mapping[str, Any]) -> Account:
        self._settle()
        readable = self._readable[number]
        source, scanned, recognition = readable.source, readable.scan, readable.recognition
        examples, last_unparsed = [], None
        if row.get("unparsed"):  # the lines themselves are read again only if there are any
            unparsed = self._rows(FIRST_UNPARSED, {"source": number})
            last_unparsed = unparsed[0]["last"]
            raws = self.raw_lines(Line(source.id, row["line"]) for row in unparsed)
            examples = [(line.line, raw[:200]) for line, raw in sorted(raws.items(), key=lambda pair: pair[0].line)]
        lines, zones = row.get("lines", 0), tuple(sorted(row.get("zones") or ()))
        cleaned = {**readable.cleaned, **({"lone_surrogate": row["mended"]} if row.get("mended") else {})}
        assumed = any(zone != "explicit" for zone in zones)
        return Account(
            item=source.id,
            origin=source.origin,
            format=recognition.name,
            wrapper=recognition.wrapper,
            bytes=scanned.size_bytes,
            lines=lines,
            records=row.get("records", 0),
            continuations=row.get("continuations", 0),
            unparsed=row.get("unparsed", 0),
            outside=row.get("outside", 0),
            undated=row.get("undated", 0),
            undated_reason=recognition.undecided if row.get("undated") else "",
            repeated=row.get("repeated", 0),
            unfinished=bool(lines) and not scanned.ends_with_newline and last_unparsed == lines,
            first=row.get("first"),
            last=row.get("last"),
            silences=silences(row.get("minutes") or ()),
            zones=zones,
            hours_twice=tuple(hours_twice(source.hints.zone, row["first"], row["last"])) if assumed else (),
            cleaned=cleaned,
            damage=readable.damage,
            unparsed_examples=tuple(examples),
        )

    def _moment(self, moment: str | datetime) -> datetime:
        """A time as a person gives it."""
        if isinstance(moment, datetime):
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        newest = (
            self.window.until
            if self.window
            else max((account.last for account in self.accounting() if account.last), default=datetime.now(UTC))
        )
        return parse_near(moment, newest)

    def extent(self) -> dict[str, Any]:
        """How many records there are (`n`), how many are errors, and when the first and the last were written."""
        [extent] = self._rows(
            "SELECT count(*) AS n, count(*) FILTER (severity >= 50) AS errors, min(ts) AS first, max(ts) AS last "
            "FROM records"
        )
        return extent

    def _rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        import duckdb

        try:
            rows = self._read(statement, parameters)
        except duckdb.Error:  # an unclean line: it can only be one that was not looked at yet
            if not self._settle():
                raise
            return self._read(statement, parameters)
        return self._read(statement, parameters) if self._settle() else rows

    def _read(self, statement: str, parameters: Mapping[str, object] | None) -> list[dict[str, Any]]:
        self._provide(statement)
        cursor = self._connection.execute(statement, dict(parameters or {}))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, map(self._shown, row), strict=True)) for row in cursor.fetchall()]

    def _settle(self) -> bool:
        """Wait until every byte has been looked at.

        Whether that showed that what was read so far has to be read again.
        """
        scanned = {number: promise.result() for number, promise in self._promised.items()}
        again = any(not self._readable[number].reads_like(readable) for number, readable in scanned.items())
        for number, readable in scanned.items():
            self._readable[number] = readable
        self._promised = {}
        if again:
            self._build()
        return again

    def _offsets(self, source: Source) -> Iterator[int]:
        """Where each line of a source begins in the original file."""
        return (source.offset_bytes + offset for offset in line_offsets(TextReader.of(source).blocks()))

    def _build(self) -> None:
        """The relations.

        `lines` (a table, or a view made for each question), `repeated`, `records`, `requests`, `calls`.
        """
        self._answered.clear()
        run = self._connection.execute
        self._alike = self._read_into_tables() if self._small else [[number] for number in range(len(self._readable))]
        self._first_lines = [self._first_record_line(number) for number in range(len(self._readable))]
        run("CREATE OR REPLACE TEMP TABLE places (source INTEGER, item VARCHAR, file VARCHAR, first_record BIGINT)")
        standing = [
            (number, source.id, source.origin, self._first_lines[number]) for number, source in enumerate(self.sources)
        ]
        if standing:
            self._connection.executemany("INSERT INTO places VALUES ($1, $2, $3, $4)", standing)
        if self._small:
            asked = self._only if len(self.sources) > 1 else self._only - {"twin"}
            run(f"CREATE TEMP TABLE lines AS {self._lines(asked)}")
        since, until = (
            f"make_timestamp({(bound - EPOCH) // timedelta(microseconds=1)})" for bound in _bounds(self.window)
        )
        within = f"(ts IS NULL OR (ts >= {since} AND ts < {until}))" if self.window else "true"
        # Two files may hold the same record (error.log beside combined.log): the larger file keeps it.
        repeated = "SELECT 0 AS source, 0 AS line WHERE false"
        if len(self.sources) > 1:
            rank = (
                "(SELECT source, row_number() OVER (ORDER BY count(*) DESC, source) AS rank FROM lines"
                " WHERE class = 'record' GROUP BY source)"
            )
            repeated = (
                "SELECT source, line FROM (SELECT source, line, rank, min(rank) OVER (PARTITION BY twin) AS first_rank"
                f" FROM lines JOIN {rank} USING (source) "
                f"WHERE class = 'record' AND {within}) WHERE rank > first_rank"
            )
            self._settle()
            self._provide("SELECT line, twin, ts FROM lines")
        run(f"CREATE OR REPLACE TEMP TABLE repeated AS {repeated}")
        [(again,)] = run("SELECT count(*) FROM repeated").fetchall()
        once = "AND (source, line) NOT IN (SELECT (source, line) FROM repeated)" if again else ""
        self._views = [
            f"CREATE OR REPLACE TEMP VIEW placed AS SELECT *, {within} AS within FROM lines",
            f"CREATE OR REPLACE TEMP VIEW records AS SELECT * FROM placed WHERE class = 'record' AND within {once}",
            *(f"CREATE OR REPLACE TEMP VIEW {view} AS {question(view)}" for view in VIEWS),
        ]
        if self._small:
            for view in self._views:
                run(view)

    def _provide(self, statement: str) -> None:
        """Make `lines` anew with what this statement needs of it.

        Only for large inputs, where parsing the rest costs.
        """
        if self._small:
            return
        used = [view for view in VIEWS if mentions(statement, view)]
        needed = {name for name in TYPES if any(mentions(text, name) for text in (statement, *map(question, used)))} | {
            "ts"
        }
        if used == ["requests"]:
            needed.discard("duration_us")  # the view has `request_us` in its place
        only_requests = used == ["requests"] and not any(
            mentions(statement, name) for name in ("line", "lines", "placed", "records")
        )
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW lines AS {self._lines(frozenset(needed), only_requests)}"
        )
        for view in self._views:
            self._connection.execute(view)

    def _lines(self, needed: frozenset[str], only_requests: bool = False) -> str:
        """The SELECT of `lines` with these columns; the others are null. `only_requests`: all else may be left out."""
        columns = ", ".join(
            f'"{name}"' if name in needed else f'NULL::{kind} AS "{name}"' for name, kind in TYPES.items()
        )
        if not self._readable:
            nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in TYPES.items())
            return f"SELECT 0 AS source, 0::BIGINT AS line, '' AS class, '' AS item, '' AS file, {nothing} WHERE false"
        return " UNION ALL ".join(
            f"SELECT source, line, class, item, file, {columns} FROM ({self._select(numbers, needed, only_requests)})"
            for numbers in self._alike
        )

    def _read_into_tables(self) -> list[list[int]]:
        """Read the lines of sources that are read alike into one table each; return which those are.

        They are unpacked and split once, however often they are asked.
        """
        alike: dict[tuple[object, ...], list[int]] = {}
        for number, readable in enumerate(self._readable):
            recognition = readable.recognition
            alike.setdefault(
                (
                    recognition.formats,
                    recognition.wrappers,
                    replace(recognition.zones, written=None),
                    readable.normalised,
                ),
                [],
            ).append(number)
        for table, numbers in enumerate(alike.values()):
            self._connection.execute(
                f"CREATE TEMP TABLE raw_{table} (source INTEGER, line BIGINT, raw VARCHAR, next VARCHAR)"
            )
            for number in numbers:
                self._connection.execute(
                    f"INSERT INTO raw_{table} SELECT {number}, line, raw, next FROM ({self._readable[number].lines})"
                )
        return list(alike.values())

    def _raw(self, number: int) -> str:
        """The lines of one source: `line`, `raw`, `next`."""
        if not self._small:
            return self._readable[number].lines
        table = next(table for table, numbers in enumerate(self._alike) if number in numbers)
        return f"SELECT line, raw, next FROM raw_{table} WHERE source = {number}"

    def _select(self, numbers: list[int], needed: frozenset[str], only_requests: bool) -> str:
        """The SELECT of the columns of sources that are read alike; of only one where they are read in place."""
        readable = self._readable[numbers[0]]
        formats = readable.recognition.formats
        if self._small:
            lines, objects = (
                f"SELECT {PLACE}, line, raw, next FROM raw_{self._alike.index(numbers)} JOIN places USING (source)",
                "",
            )
        else:
            source, asks = readable.source, only_requests and not readable.normalised and bool(formats)
            first = 0 if asks else self._first_lines[numbers[0]]
            place = (
                f"{numbers[0]} AS source, {quoted(source.id)} AS item, {quoted(source.origin)} AS file,"
                f" {first} AS first_record"
            )
            lines = f"SELECT {place}, line, raw, next FROM ({readable.unnumbered if asks else readable.lines})"
            # The names of a format's keys stand in its SQL as names of columns, so only formats of ours are read so.
            by_object = (
                asks
                and formats[0].request_has
                and formats[0] in all_formats()
                and formats[0].is_json
                and not readable.scan.packing
            )
            objects = f"SELECT {place}, j FROM {readable.objects} AS j" if by_object else ""
        if readable.normalised:
            return normalised_select(readable.recognition, lines, self._dependencies, needed)
        if not formats:
            return no_format_select(lines)
        return in_place_select(readable.recognition, lines, objects, self._dependencies, needed)

    def _first_record_line(self, number: int) -> int:
        """The first line that is a record: lines before it go on from nothing."""
        readable = self._readable[number]
        if not readable.recognition.formats or readable.normalised:
            return 0
        for place, line in enumerate(
            readable.scan.sample[:HEAD_LINES], start=1
        ):  # mostly the very first, which spares a query
            text = unwrap(decoded(line), (), ()).text
            if any(
                as_object(text) is not None if form.is_json else form.read(text) is not None
                for form in readable.recognition.formats
            ):
                return place
        begins = " OR ".join(f"({is_line_of(form)} AND {is_whole(form)})" for form in readable.recognition.formats)
        row = self._connection.execute(f"SELECT line FROM ({self._raw(number)}) WHERE {begins} LIMIT 1").fetchone()
        return row[0] if row else 0


def read(
    sources: Sequence[Source],
    window: Window | None = None,
    *,
    dependencies: Sequence[Dependency] = (),
    only: Iterable[str] = TYPES,
) -> Records:
    """The records of `sources` within `window` (all of them without one).

    `dependencies` tell which outside system a record speaks of; `only` these columns will be asked for.
    """
    return Records(sources, window, dependencies, frozenset(only))


def mentions(statement: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", re.sub(r"--.*", "", statement)) is not None


@cache
def question(name: str) -> str:
    """The SQL of `queries/NAME.sql`."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def question_title(name: str) -> str:
    """What a query answers: the first comment of its file."""
    return question(name).split("\n")[0].removeprefix("--").strip()


def _bounds(window: Window | None) -> tuple[datetime, datetime]:
    if window is None:
        return datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    return window.since.astimezone(UTC), window.until.astimezone(UTC)
