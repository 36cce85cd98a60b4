"""Sources and a window become records in canonical columns, asked by DuckDB.

The lines of all sources are extracted once into Parquet (`extract`), and nothing but these columns is asked. They form
the relation `lines`; `records` is what of it lies in the window, counted once where two files hold the same record;
`requests` and `calls` are the records that are such.

Everything that leaves here as text has been redacted: this is the one way from stored bytes to a person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incident_kit.logs.accounting import Account, Accounting, silences
from incident_kit.logs.cache import Cache
from incident_kit.logs.columns import COLUMNS, TYPES, Dependency
from incident_kit.logs.extract import extract_all
from incident_kit.logs.pieces import lines_at
from incident_kit.logs.prepare import prepare
from incident_kit.logs.raw import RawLines
from incident_kit.logs.redacted import Redactor
from incident_kit.logs.sql import quoted, quoted_name
from incident_kit.logs.time_forms import hours_twice
from incident_kit.model.finding import Line
from incident_kit.model.redaction import REDACTION
from incident_kit.model.source import Source
from incident_kit.model.times import Window, parse_near

if TYPE_CHECKING:
    import pandas

QUERIES = Path(__file__).parent / "queries"
VIEWS = ("requests", "calls")
# By which a record is known again in another file.
TWIN = "hash(ts_raw, level, message, host, pid, request_id, error_message)"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_KEPT = 10_000  # rows of an answer
MOST_SEGMENTS_OF_A_PART = 1 << 20
FIRST_UNPARSED = (
    "SELECT line, max(line) OVER () AS last FROM lines"
    " WHERE class = 'unparsed' AND source = $source ORDER BY line LIMIT 3"
)


class Records:
    """The log records of some sources within a window. `read` makes one; close it, or use it in a `with`.

    frame    the records as a DataFrame
    zoom     the records of a narrower window
    lines    the lines of records as they stand in the evidence
    sql      a question of your own
    query    one of our questions
    """

    def __init__(
        self,
        sources: Sequence[Source],
        window: Window | None,
        dependencies: Sequence[Dependency],
        kept: Cache | None,
    ) -> None:
        # Here, because commands that only start a kernel import this module and read nothing.
        from incident_kit.logs.engine import EvidenceFiles, connect

        self.sources = tuple(sources)
        self.window = window
        self._dependencies, self._cache = dependencies, kept
        self._shown = Redactor(sources[0].redaction if sources else REDACTION)
        self._scratch = tempfile.TemporaryDirectory(prefix="incident-kit-")
        scratch = Path(self._scratch.name)
        try:
            self._prepared = [prepare(source) for source in self.sources]
            self._extracted = (
                kept.extracted(self._prepared, dependencies, scratch)
                if kept
                else extract_all(self._prepared, dependencies, scratch)
            )
            self._files = EvidenceFiles()
            self._connection = connect(self._files, scratch)
        except BaseException:
            self._scratch.cleanup()
            raise
        self._accounts: Accounting | None = None
        # Checks, impact and charts ask the same questions.
        self._answered: dict[str, list[dict[str, Any]]] = {}
        self._build()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the columns."""
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
        columns = ", ".join(map(quoted_name, COLUMNS))
        cursor = self._connection.execute(f"SELECT {columns} FROM records ORDER BY source, line")
        while rows := cursor.fetchmany(10_000):
            for row in rows:
                yield dict(zip(COLUMNS, map(self._shown, row), strict=True))

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
            self._cache,
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
        placed: dict[Line, tuple[str, int]] = {}
        wanted: dict[int, list[tuple[int, Line]]] = {}
        for row in self._offsets_of(cited):
            wanted.setdefault(row["source"], []).append((row["offset"], Line(row["item"], row["line"])))
        for number, lines in wanted.items():
            begins_at = self.sources[number].offset_bytes
            offsets = [offset - begins_at for offset, _ in lines]
            for (offset, line), raw in zip(lines, lines_at(self._prepared[number], offsets), strict=False):
                placed[line] = self._shown(raw.decode("utf-8", "replace")), offset
        return placed

    def _offsets_of(self, cited: Iterable[Line]) -> list[dict[str, Any]]:
        """Where cited lines stand, in the order of their offsets."""
        cited = list(cited)
        if not cited:
            return []
        return self._rows(
            'SELECT source, item, line, "offset" FROM lines'
            " WHERE (item, line) IN (SELECT unnest($items), unnest($numbers)) ORDER BY source, line",
            {"items": [line.item for line in cited], "numbers": [line.line for line in cited]},
        )

    def damages(self) -> list[str]:
        """What of each source could not be read, in their order; empty for a source that is whole."""
        return [
            "; ".join(filter(None, (source.missing, reading.damage)))
            for source, reading in zip(self.sources, self._extracted.readings, strict=True)
        ]

    def accounting(self) -> Accounting:
        """What became of every line, a row per source, in the order of the sources."""
        if self._accounts is None:
            rows = {row["source"]: row for row in self.query("accounting")}
            self._accounts = Accounting(
                self._account(number, rows.get(number, {})) for number in range(len(self.sources))
            )
        return self._accounts

    def _account(self, number: int, row: Mapping[str, Any]) -> Account:
        prepared, reading = self._prepared[number], self._extracted.readings[number]
        source, recognition = prepared.source, prepared.recognition
        examples, last_unparsed = [], None
        if row.get("unparsed"):
            unparsed = self._rows(FIRST_UNPARSED, {"source": number})
            last_unparsed = unparsed[0]["last"]
            raws = self.raw_lines(Line(source.id, row["line"]) for row in unparsed)
            examples = [(line.line, raw[:200]) for line, raw in sorted(raws.items(), key=lambda pair: pair[0].line)]
        lines, zones = row.get("lines", 0), tuple(sorted(row.get("zones") or ()))
        cleaned = {kind: count for kind, count in sorted(self._extracted.cleaned[number].items()) if count}
        if row.get("mended"):
            cleaned["lone_surrogate"] = row["mended"]
        assumed = any(zone != "explicit" for zone in zones)
        return Account(
            item=source.id,
            origin=source.origin,
            format=recognition.name,
            wrapper=recognition.wrapper,
            bytes=prepared.size_bytes,
            lines=lines,
            records=row.get("records", 0),
            continuations=row.get("continuations", 0),
            unparsed=row.get("unparsed", 0),
            outside=row.get("outside", 0),
            undated=row.get("undated", 0),
            undated_reason=recognition.undecided if row.get("undated") else "",
            repeated=row.get("repeated", 0),
            unfinished=bool(lines) and not reading.ends_with_newline and last_unparsed == lines,
            first=row.get("first"),
            last=row.get("last"),
            silences=silences(row.get("minutes") or ()),
            zones=zones,
            hours_twice=tuple(hours_twice(source.hints.zone, row["first"], row["last"])) if assumed else (),
            cleaned=cleaned,
            damage=self.damages()[number],
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
        cursor = self._connection.execute(statement, dict(parameters or {}))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, map(self._shown, row), strict=True)) for row in cursor.fetchall()]

    def _build(self) -> None:
        """The relations: `lines`, `placed`, `repeated`, `records`, `requests`, `calls`."""
        run = self._connection.execute
        run(f"CREATE TEMP VIEW lines AS {self._lines()}")
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
        run(f"CREATE TEMP TABLE repeated AS {repeated}")
        [(again,)] = run("SELECT count(*) FROM repeated").fetchall()
        once = "AND (source, line) NOT IN (SELECT (source, line) FROM repeated)" if again else ""
        run(f"CREATE TEMP VIEW placed AS SELECT *, {within} AS within FROM lines")
        run(f"CREATE TEMP VIEW records AS SELECT * FROM placed WHERE class = 'record' AND within {once}")
        for view in VIEWS:
            run(f"CREATE TEMP VIEW {view} AS {question(view)}")

    def _lines(self) -> str:
        """The SELECT of `lines`: what was extracted, with where it stands in its source."""
        columns = ", ".join(map(quoted_name, TYPES))
        self._connection.execute(
            "CREATE TEMP TABLE places (place BIGINT, source INTEGER, item VARCHAR, file VARCHAR,"
            " lines_before BIGINT, bytes_before BIGINT, first_record BIGINT)"
        )
        places = list(self._places())
        if not places:
            nothing = ", ".join(f"NULL::{kind} AS {quoted_name(name)}" for name, kind in TYPES.items())
            return (
                "SELECT source, item, file, 0::BIGINT AS line, 0::BIGINT AS \"offset\", '' AS class,"
                f" {nothing}, 0::UBIGINT AS twin FROM places"
            )
        self._connection.executemany("INSERT INTO places VALUES ($1, $2, $3, $4, $5, $6, $7)", places)
        addresses = ", ".join(quoted(self._files.add(part.path)) for part in self._extracted.parts)
        return (
            'SELECT source, item, file, line + lines_before AS line, "offset" + bytes_before AS "offset",'
            " CASE WHEN class = 'continuation' AND line + lines_before < first_record THEN 'unparsed' ELSE class END"
            f" AS class, {columns}, {TWIN} AS twin FROM read_parquet([{addresses}]) JOIN places"
            f" ON place = file_index::BIGINT * {MOST_SEGMENTS_OF_A_PART} + segment"
        )

    def _places(self) -> Iterator[tuple[int, int, str, str, int, int, int]]:
        """Where the lines of each segment of each part stand: what is before them in their source."""
        lines_before = [0] * len(self.sources)
        first_records: dict[int, int] = {}
        segments: list[tuple[int, Any, int]] = []
        for number, part in enumerate(self._extracted.parts):
            for segment, stretch in enumerate(part.stretches):
                before = lines_before[stretch.source]
                segments.append((number * MOST_SEGMENTS_OF_A_PART + segment, stretch, before))
                lines_before[stretch.source] += stretch.lines
                if stretch.first_record:
                    first_records.setdefault(stretch.source, before + stretch.first_record)
        for place, stretch, before in segments:
            source = self.sources[stretch.source]
            yield (
                place,
                stretch.source,
                source.id,
                source.origin,
                before,
                source.offset_bytes + stretch.start,
                first_records.get(stretch.source, 0),
            )


def read(
    sources: Sequence[Source],
    window: Window | None = None,
    *,
    dependencies: Sequence[Dependency] = (),
    kept: Cache | None = None,
) -> Records:
    """The records of `sources` within `window` (all of them without one).

    `dependencies` tell which outside system a record speaks of. `kept` is where the columns are kept for the next time;
    without it, where the environment names a folder for it, else nowhere.
    """
    return Records(sources, window, dependencies, kept or Cache.of_environment())


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
