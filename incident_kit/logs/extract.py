"""Bytes of logs become Parquet with all canonical columns: once, in pieces, on all cores.

`extract` is a pure function: a piece of text, how it is recognised and which systems it may speak of give one Parquet
file, with a row a line, those that could not be read too. What is over several lines (which record a request belongs
to, the same record in two files) is asked afterwards, see `reading`.
"""

from __future__ import annotations

import errno
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from incident_kit.errors import LogFileError
from incident_kit.logs.columns import ANSI_ESCAPE, Dependency, in_place_select, no_format_select, normalised_select
from incident_kit.logs.normalise import MOST_RECORD_BYTES
from incident_kit.logs.pieces import FileRange, Piece, Reading, Segment, Text, pieces_of
from incident_kit.logs.prepare import PreparedSource
from incident_kit.logs.scan import MOST_LINE_BYTES
from incident_kit.logs.sql import quoted

LONGEST_LINE_BYTES = MOST_RECORD_BYTES + MOST_LINE_BYTES
BUFFER_BYTES = 32 << 20  # DuckDB would take sixteen times the longest line
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive lines of a source in a part.

    They begin `start` bytes into its text; `first_record` is the first of them that is a record, 0 without any.
    """

    source: int
    start: int
    lines: int
    first_record: int
    cleaned: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of extracted lines, and which lines those are. In it, `segment` is the place of their stretch."""

    path: Path
    stretches: tuple[Stretch, ...]
    damage: str = ""


@dataclass(slots=True)
class Extracted:
    """All parts of some sources, in the order of their lines, and what became known of each source on the way."""

    parts: list[Part]
    readings: list[Reading]
    cleaned: list[Counter[str]]

    def only(self, numbers: Sequence[int]) -> Extracted:
        """What is of these sources; no other one may share a part with them."""
        places = {number: place for place, number in enumerate(numbers)}
        return Extracted(
            [_numbered(part, places) for part in self.parts if part.stretches[0].source in places],
            [self.readings[number] for number in numbers],
            [self.cleaned[number] for number in numbers],
        )

    @classmethod
    def joined(cls, count: int, groups: Iterable[tuple[Sequence[int], Extracted]]) -> Extracted:
        """What was extracted of groups of sources, each with their numbers among all, together."""
        joined = cls([], [Reading() for _ in range(count)], [Counter() for _ in range(count)])
        for numbers, own in groups:
            joined.parts += [_numbered(part, dict(enumerate(numbers))) for part in own.parts]
            for place, number in enumerate(numbers):
                joined.readings[number], joined.cleaned[number] = own.readings[place], own.cleaned[place]
        return joined


def _numbered(part: Part, numbers: Mapping[int, int]) -> Part:
    """The same part where its sources have other numbers."""
    stretches = (replace(stretch, source=numbers[stretch.source]) for stretch in part.stretches)
    return replace(part, stretches=tuple(stretches))


def extract_all(
    sources: Sequence[PreparedSource],
    dependencies: Sequence[Dependency],
    folder: Path,
    executor: Executor | None = None,
) -> Extracted:
    """Extract the sources into Parquet files in `folder`. Raises LogFileError where there is no room for them."""
    readings = [Reading() for _ in sources]
    pieces = pieces_of(sources, readings)
    targets = (folder / f"{number}.parquet" for number in range(1 << 30))
    if executor is None:
        with Extractor(dependencies, folder) as extractor, ThreadPoolExecutor(workers()) as threads:
            parts = list(in_order(threads, extractor.extract, pieces, targets))
    else:
        parts = list(in_order(executor, partial(extract, tuple(dependencies)), pieces, targets))
    cleaned: list[Counter[str]] = [Counter() for _ in sources]
    for part in parts:
        for stretch in part.stretches:
            cleaned[stretch.source].update(stretch.cleaned)
            readings[stretch.source].damage = readings[stretch.source].damage or part.damage
    return Extracted(parts, readings, cleaned)


def workers() -> int:
    """How many pieces are extracted side by side."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    executor: Executor, work: Callable[[Piece, Path], Part], pieces: Iterable[Piece], targets: Iterator[Path]
) -> Iterator[Part]:
    """The parts in the order of the pieces, of which only a few are held at once."""
    running: deque[Future[Part]] = deque()
    for piece in pieces:
        running.append(executor.submit(work, piece, next(targets)))
        if len(running) > workers():
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def extract(dependencies: Sequence[Dependency], piece: Piece, target: Path) -> Part:
    """Write one piece as Parquet, anywhere. Raises LogFileError where there is no room for it."""
    with Extractor(dependencies, target.parent) as extractor:
        return extractor.extract(piece, target)


class Extractor:
    """A database that extracts pieces into a folder: as many at once as threads ask it to, each on one core."""

    def __init__(self, dependencies: Sequence[Dependency], folder: Path) -> None:
        from incident_kit.logs.engine import EvidenceFiles, connect_for_extraction

        self._dependencies, self._folder = dependencies, folder
        self._files = EvidenceFiles()
        self._connection = connect_for_extraction(self._files, folder)

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def extract(self, piece: Piece, target: Path) -> Part:
        """Write one piece as Parquet. Raises LogFileError where there is no room for it."""
        import duckdb

        text = piece.text.load() if isinstance(piece.text, FileRange) else piece.text
        with self._files.holding(text.lines) as address, self._connection.cursor() as connection:
            select = columns_of(piece.like, text, self._dependencies, address)
            try:
                connection.execute(f"COPY ({select}) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd)")
            except duckdb.IOException as error:
                if (full := no_room(error, self._folder)) is None:
                    raise
                raise LogFileError(full) from error
            rows = connection.execute(
                "SELECT segment, count(*), coalesce(min(line) FILTER (class = 'record'), 0)"
                f" FROM read_parquet({literal(target)}) GROUP BY segment"
            ).fetchall()
        return Part(target, _stretches(piece.segments, text, rows), text.damage)


def literal(path: Path) -> str:
    """A path of ours as an SQL literal where no expression can stand."""
    return "'" + str(path).replace("'", "''") + "'"


def _stretches(segments: Sequence[Segment], text: Text, rows: Iterable[tuple[int, int, int]]) -> tuple[Stretch, ...]:
    counted = {number: (lines, first) for number, lines, first in rows}
    return tuple(
        Stretch(segment.source, segment.start, *counted.get(number, (0, 0)), cleaned=dict(text.cleaned.get(number, {})))
        for number, segment in enumerate(segments)
    )


def columns_of(like: PreparedSource, text: Text, dependencies: Sequence[Dependency], address: str) -> str:
    """The SELECT of all columns from a text that DuckDB reads at this address."""
    lines = lines_of(like, text, address)
    if like.normalised:
        return normalised_select(like.recognition, lines, dependencies)
    if not like.recognition.formats:
        return no_format_select(lines)
    return in_place_select(like.recognition, lines, dependencies)


def lines_of(like: PreparedSource, text: Text, address: str) -> str:
    """The SELECT of a text's lines: `segment`, `line`, `offset`, `raw`, and `next`, the line after it."""
    file = (
        f"read_csv({quoted(address)}, columns = {{'text': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',"
        " header = false, auto_detect = false, new_line = '\\n',"
        f" max_line_size = {LONGEST_LINE_BYTES}, buffer_size = {BUFFER_BYTES}, compression = 'none')"
    )
    if text.numbered:
        segment, line, offset = (f"split_part(text, ' ', {place})" for place in (1, 2, 3))
        raw = f"nullif(substr(text, strlen({segment}) + strlen({line}) + strlen({offset}) + 4), '')"
        place = f'{segment}::UINTEGER AS segment, {line}::BIGINT AS line, {offset}::BIGINT AS "offset"'
    else:
        raw, length = "text", "strlen(coalesce(text, '')) + 1"
        offset = f"(sum({length}) OVER (ROWS UNBOUNDED PRECEDING))::BIGINT - ({length})"
        place = f'0::UINTEGER AS segment, row_number() OVER () AS line, {offset} AS "offset"'
    lines = f"SELECT {place}, {raw} AS raw FROM {file}"
    raw = "raw"
    if b"\x1b" in text.lines and not like.normalised:
        raw = f"regexp_replace(raw, {quoted(ANSI_ESCAPE)}, '', 'g')"
    if like.has_carriage_returns and not like.normalised:  # of which cleaning made blanks
        raw = f"rtrim({raw})"
    lines = f'SELECT segment, line, "offset", {raw} AS raw FROM ({lines})'
    # Only an error told in text may go on in the next line.
    if any("level" in form.fields and not form.is_json for form in like.recognition.formats) and not like.normalised:
        same = "lead(segment) OVER () = segment"
        lines = f"SELECT *, CASE WHEN {same} THEN lead(raw) OVER () END AS next FROM ({lines})"
    else:
        lines = f"SELECT *, NULL::VARCHAR AS next FROM ({lines})"
    if text.after_bytes:
        lines = f'SELECT * FROM ({lines}) WHERE "offset" < {len(text.lines) - text.after_bytes}'
    return lines


def no_room(error: Exception, folder: Path) -> str | None:
    """What to say where a disk is full; None where it is not."""
    if not any(os.strerror(number) in str(error) for number in NO_ROOM):
        return None
    return (
        f"no room in {folder.parent} for the columns that are read from the logs."
        " Free disk space, or name another folder in TMPDIR."
    )
