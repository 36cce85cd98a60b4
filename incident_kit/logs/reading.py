"""Sources and a window become records in canonical columns, read by DuckDB.

Each source is scanned once (see `scan`), its format is detected, and one SELECT turns its lines into the columns of
`columns.COLUMNS`. The lines of all sources form the relation `lines`; `records` is what of it lies in the window, counted once
where two files hold the same record. Small inputs are read into memory once; large ones are read again by each query.

Everything that leaves here as text has been redacted: this is the one way from stored bytes to a person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incident_kit.logs.accounting import Account
from incident_kit.logs.columns import ANSI_ESCAPE, COLUMNS, Dependency, json_select, no_format_select, quoted
from incident_kit.logs.formats import detect
from incident_kit.logs.scan import scan
from incident_kit.model.finding import Line
from incident_kit.model.redaction import redact
from incident_kit.model.source import Source
from incident_kit.model.times import Window

if TYPE_CHECKING:
    import pandas

QUERIES = Path(__file__).parent / "queries"
IN_MEMORY_BYTES = 256 << 20
HEAD_LINES = 200


class Records:
    """The log records of some sources within a window. `read` makes one; close it, or use it in a `with`."""

    def __init__(self, sources: Sequence[Source], window: Window | None, dependencies: Sequence[Dependency], log_zone: str) -> None:
        import duckdb  # here, because commands that only start a kernel import this module and read nothing

        self.sources = tuple(sources)
        self.window = window
        self._scratch = tempfile.TemporaryDirectory(prefix="incident-kit-")
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
        self._connection.execute("SET TimeZone = 'UTC'")
        scratch = Path(self._scratch.name)
        self._scans = [scan(source.path, scratch) for source in self.sources]
        small = sum(looked_at.text_bytes for looked_at in self._scans) <= IN_MEMORY_BYTES
        self._relation = "TABLE" if small else "VIEW"
        for number in range(len(self.sources)):
            self._connection.execute(f"CREATE TEMP {self._relation} raw_{number} AS {self._raw_from_file(number)}")
        self._formats = [detect(self._head(number)) for number in range(len(self.sources))]
        self._accounts: list[Account] | None = None
        self._build(dependencies, log_zone)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the working copies."""
        self._connection.close()
        self._scratch.cleanup()

    def query(self, name: str, **parameters: object) -> list[dict[str, Any]]:
        """The rows of one of our questions, `queries/NAME.sql`; text in them is redacted, times are aware."""
        return self._rows(question(name), parameters)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every record as a dict of the canonical columns, file by file in the order of their lines."""
        columns = ", ".join(f'"{column}"' for column in COLUMNS)
        cursor = self._connection.execute(f"SELECT {columns} FROM records ORDER BY source, line")
        while rows := cursor.fetchmany(10_000):
            yield from (dict(zip(COLUMNS, map(redact_value, row), strict=True)) for row in rows)

    def frame(self, where: str = "true") -> pandas.DataFrame:
        """The records as a DataFrame of the canonical columns, in time order; `where` is a condition in SQL."""
        columns = ", ".join(f'"{column}"' for column in COLUMNS)
        frame = self._connection.execute(f"SELECT {columns} FROM records WHERE {where} ORDER BY ts, file, line").df()
        for column in frame.select_dtypes(include=["str", "object"]).columns:
            frame[column] = frame[column].map(redact_value)
        frame["ts"] = frame["ts"].dt.tz_localize("UTC")
        return frame

    def raw_lines(self, cited: Iterable[Line]) -> dict[Line, str]:
        """The cited lines as they stand in the evidence, redacted."""
        found: dict[Line, str] = {}
        wanted: dict[str, set[int]] = {}
        for line in cited:
            wanted.setdefault(line.item, set()).add(line.line)
        for number, source in enumerate(self.sources):
            numbers = sorted(wanted.get(source.id, ()))
            if numbers:
                statement = f"SELECT line, raw FROM ({self._raw(number)}) WHERE line IN ({', '.join(map(str, numbers))})"
                for line_number, raw in self._connection.execute(statement).fetchall():
                    found[Line(source.id, line_number)] = redact_value(raw or "")
        return found

    def accounting(self) -> list[Account]:
        """What became of every line, a row per source, in the order of the sources."""
        if self._accounts is None:
            rows = {row["source"]: row for row in self.query("accounting")}
            self._accounts = [self._account(number, rows.get(number, {})) for number in range(len(self.sources))]
        return self._accounts

    def _account(self, number: int, row: Mapping[str, Any]) -> Account:
        source, looked_at, found = self.sources[number], self._scans[number], self._formats[number]
        unparsed = "FROM unparsed WHERE source = $source"
        examples, last_unparsed = [], None
        if row.get("unparsed"):  # the lines themselves are read again only if there are any
            examples = self._rows(f"SELECT line, raw {unparsed} ORDER BY line LIMIT 3", {"source": number})
            last_unparsed = self._rows(f"SELECT max(line) AS line {unparsed}", {"source": number})[0]["line"]
        lines = row.get("lines", 0)
        return Account(
            item=source.id, origin=source.origin, format=found.name if found else "", bytes=looked_at.size_bytes, lines=lines,
            records=row.get("records", 0), continuations=row.get("continuations", 0), unparsed=row.get("unparsed", 0),
            outside=row.get("outside", 0), undated=row.get("undated", 0), repeated=row.get("repeated", 0),
            unfinished=bool(lines) and not looked_at.ends_with_newline and last_unparsed == lines,
            first=row.get("first"), last=row.get("last"), zones=tuple(sorted(row.get("zones") or ())),
            cleaned=looked_at.cleaned, damage=looked_at.damage,
            unparsed_examples=tuple((example["line"], (example["raw"] or "")[:200]) for example in examples),
        )  # fmt: skip

    def _rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        cursor = self._connection.execute(statement, dict(parameters or {}))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, map(redact_value, row), strict=True)) for row in cursor.fetchall()]

    def _head(self, number: int) -> list[bytes]:
        statement = f"SELECT raw FROM ({self._raw(number)}) WHERE raw IS NOT NULL LIMIT {HEAD_LINES}"
        return [raw.encode() for (raw,) in self._connection.execute(statement).fetchall()]

    def _raw(self, number: int) -> str:
        """The lines of a source: `line`, `raw`, `bytes`, `offset`."""
        return f"FROM raw_{number}"

    def _raw_from_file(self, number: int) -> str:
        looked_at = self._scans[number]
        compression = "gzip" if looked_at.compressed and looked_at.path == self.sources[number].path else "none"
        text = f"regexp_replace(raw, {quoted(ANSI_ESCAPE)}, '', 'g')" if looked_at.has_escapes else "raw"
        return (
            f"SELECT row_number() OVER () AS line, {text} AS raw, strlen(coalesce(raw, '')) + 1 AS bytes, "
            f"({self.sources[number].offset_bytes} + sum(strlen(coalesce(raw, '')) + 1) OVER (ROWS UNBOUNDED PRECEDING) - strlen(coalesce(raw, '')) - 1)::BIGINT AS \"offset\" "
            f"FROM read_csv({quoted(str(looked_at.path))}, "
            "columns = {'raw': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n', "
            f"max_line_size = {looked_at.longest_line_bytes}, compression = '{compression}')"
        )

    def _build(self, dependencies: Sequence[Dependency], log_zone: str) -> None:
        relation, run = self._relation, self._connection.execute
        selects = [f"SELECT {number} AS source, * FROM ({self._typed(number, dependencies, log_zone)})" for number in range(len(self.sources))]
        run(f"CREATE TEMP {relation} lines AS {' UNION ALL '.join(selects)}")
        since, until = (quoted(bound.replace(tzinfo=None).isoformat(" ")) for bound in _bounds(self.window))
        within = f"(ts IS NULL OR (ts >= TIMESTAMP {since} AND ts < TIMESTAMP {until}))"
        # Two files may hold the same record (error.log beside combined.log): the larger file keeps it.
        rank = "(SELECT source, row_number() OVER (ORDER BY count(*) DESC, source) AS rank FROM lines WHERE class = 'record' GROUP BY source)"
        repeated = (
            f"SELECT source, line FROM (SELECT source, line, rank, min(rank) OVER (PARTITION BY twin) AS first_rank FROM lines JOIN {rank} USING (source) "
            f"WHERE class = 'record' AND {within}) WHERE rank > first_rank"
            if len(self.sources) > 1
            else "SELECT 0 AS source, 0 AS line WHERE false"
        )
        run(f"CREATE TEMP {relation} repeated AS {repeated}")
        run(f"CREATE TEMP VIEW placed AS SELECT *, {within} AS within FROM lines")
        run("CREATE TEMP VIEW records AS SELECT * FROM placed WHERE class = 'record' AND within AND (source, line) NOT IN (SELECT (source, line) FROM repeated)"
            if len(self.sources) > 1 else "CREATE TEMP VIEW records AS SELECT * FROM placed WHERE class = 'record' AND within")  # fmt: skip
        raws = " UNION ALL ".join(f"SELECT {number} AS source, line, raw FROM ({self._raw(number)})" for number in range(len(self.sources)))
        run(f"CREATE TEMP VIEW unparsed AS SELECT raws.* FROM ({raws}) raws SEMI JOIN (SELECT source, line FROM lines WHERE class = 'unparsed') USING (source, line)")  # fmt: skip
        for view in ("requests", "calls"):
            run(f"CREATE TEMP VIEW {view} AS {question(view)}")

    def _typed(self, number: int, dependencies: Sequence[Dependency], log_zone: str) -> str:
        found = self._formats[number]
        source = self.sources[number]
        if found is None:
            return no_format_select(self._raw(number), source)
        raw = self._raw(number)
        first = self._connection.execute(f"SELECT line FROM ({raw}) WHERE starts_with(ltrim(raw), '{{\"') LIMIT 1").fetchone()
        return json_select(found, raw, source, dependencies, log_zone, first_record_line=first[0] if first else 0)


def read(sources: Sequence[Source], window: Window | None = None, *, dependencies: Sequence[Dependency] = (), log_zone: str = "UTC") -> Records:
    """The records of `sources` within `window` (all of them without one).

    `dependencies` tell which outside system a record speaks of; `log_zone` is the zone of times that name none.
    """
    return Records(sources, window, dependencies, log_zone)


@cache
def question(name: str) -> str:
    """The SQL of `queries/NAME.sql`."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def question_title(name: str) -> str:
    """What a query answers: the first comment of its file."""
    return question(name).splitlines()[0].removeprefix("--").strip()


def redact_value(value: Any) -> Any:
    """Text is redacted, naive times are UTC, everything else is as it is."""
    if isinstance(value, str):
        return _redacted(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


@cache
def _redacted(text: str) -> str:
    return redact(text)


def _bounds(window: Window | None) -> tuple[datetime, datetime]:
    if window is None:
        return datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    return window.since.astimezone(UTC), window.until.astimezone(UTC)
