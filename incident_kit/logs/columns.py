"""The canonical columns of a record, and the SQL that finds them in the lines of a format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incident_kit.logs.formats import Format
from incident_kit.model.source import Source

# The canonical columns of a record, in the order of `parse`. Absent is null.
COLUMNS: Mapping[str, str] = {
    "ts": "time in UTC",
    "ts_raw": "the time as it was written",
    "ts_zone": "where the zone came from: explicit, or assumed: ZONE",
    "level": "trace, debug, info, warn, error or fatal, as the logger said it",
    "message": "the message",
    "logger": "the part of the program that logged",
    "host": "host name",
    "pid": "process id",
    "duration_ms": "how long the request or call took, in milliseconds",
    "streaming": "true for a server-sent event stream, whose duration is a lifetime",
    "status": "HTTP status",
    "response_bytes": "size of the response body",
    "method": "HTTP method",
    "url": "the URL as it was asked for",
    "route": "method and path, ids and query folded",
    "dependency": "the outside system a record speaks of",
    "request_id": "id of the request a record belongs to",
    "client": "address of the client",
    "user": "id of the user",
    "error_type": "name of the error",
    "error_message": "first meaningful line of the error",
    "format": "format of the line",
    "file": "file it stands in",
    "line": "line in the preserved item, from 1",
    "offset": "byte in the original file",
}

# What the relation `lines` has of each line, by DuckDB type: the canonical columns and what queries need beside them.
TYPES = {
    "ts": "TIMESTAMP", "ts_raw": "VARCHAR", "ts_zone": "VARCHAR", "level": "VARCHAR", "message": "VARCHAR", "logger": "VARCHAR",
    "host": "VARCHAR", "pid": "BIGINT", "duration_ms": "DOUBLE", "duration_us": "BIGINT", "streaming": "BOOLEAN", "status": "SMALLINT",
    "response_bytes": "BIGINT", "method": "VARCHAR", "url": "VARCHAR", "route": "VARCHAR", "dependency": "VARCHAR", "request_id": "VARCHAR",
    "client": "VARCHAR", "user": "VARCHAR", "error_type": "VARCHAR", "error_code": "VARCHAR", "error_message": "VARCHAR",
    "format": "VARCHAR", "is_request": "BOOLEAN", "aborted": "BOOLEAN", "consequence": "BOOLEAN", "severity": "INTEGER", "twin": "UBIGINT",
}  # fmt: skip

LEVELS = {"trace": 10, "debug": 20, "info": 30, "warn": 40, "error": 50, "fatal": 60}
LEVEL_NAMES = {
    "verbose": "debug", "silly": "trace", "http": "debug", "log": "info", "notice": "info", "warning": "warn",
    "err": "error", "crit": "fatal", "critical": "fatal", "alert": "fatal", "emerg": "fatal",
}  # fmt: skip
ANSI_ESCAPE = r"\x1b\[[0-9;?]*[ -/]*[@-~]"
# Path segments that are ids: numbers, UUIDs, long hex, and Salesforce's 15 or 18 characters (they begin with a digit, or an `a` for custom objects).
SALESFORCE_ID = r"(?:\d[a-zA-Z0-9]{2}|a[a-zA-Z0-9]\d)[a-zA-Z0-9]{12}(?:[A-Z0-5]{3})?"
ID_SEGMENT = rf"/(?:\d+|[0-9a-fA-F]{{8}}-(?:[0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}|[0-9a-fA-F]{{16,}}|{SALESFORCE_ID})(/|$)"


@dataclass(frozen=True, slots=True)
class Dependency:
    """How an outside system is recognised in records: RE2 patterns over the logger's name and the message."""

    name: str
    title: str
    logger: str = ""
    message: str = ""


def json_select(found: Format, raw: str, source: Source, dependencies: Sequence[Dependency], log_zone: str, first_record_line: int) -> str:
    """The SELECT that turns raw JSON lines of a format into canonical columns."""
    fields = {column: json_field(paths) for column, paths in found.columns.items()}
    names = ", ".join(f"{expression} AS {column}_text" for column, expression in fields.items())
    has_all = " AND ".join(f"j.{quoted_name(name)} IS NOT NULL" for name in found.request_has)
    last_message = r"regexp_extract(raw, '\"msg\":(\"(?:[^\"\\]|\\.)*\")\s*\}\s*$', 1)".replace('\\"', '"')
    return f"""
SELECT line, bytes, "offset", class, {quoted(source.id)} AS item, {quoted(source.origin)} AS file,
    ts, ts_raw, CASE WHEN ts IS NOT NULL THEN CASE WHEN zoned THEN 'explicit' ELSE {quoted("assumed: " + log_zone)} END END AS ts_zone,
    level, message, CASE WHEN left(logger_text, 1) NOT IN ('{{', '[') THEN logger_text END AS logger, host_text AS host,
    TRY_CAST(pid_text AS BIGINT) AS pid, duration_ms, CAST(round(duration_ms * 1000) AS BIGINT) AS duration_us,
    CASE WHEN is_request THEN streaming END AS streaming, status, TRY_CAST(response_bytes_text AS BIGINT) AS response_bytes,
    method_text AS method, url_text AS url, {route_sql()} AS route, {dependency_sql(dependencies)} AS dependency,
    request_id_text AS request_id, trim(split_part(client_text, ',', 1)) AS client, user_text AS user,
    error_type_text AS error_type, error_code_text AS error_code, {meaningful_line("error_message_text")} AS error_message,
    '{found.name}' AS format, is_request,
    is_request AND NOT streaming AND (status IS NULL OR message = {quoted(found.aborted_message)}) AS aborted,
    coalesce(starts_with(error_message_text, {quoted(found.consequence_message)}), false) AS consequence,
    greatest({level_number("level")}, CASE WHEN status >= 500 THEN 50 WHEN status >= 400 THEN 40 WHEN error_message_text IS NOT NULL THEN 50 ELSE 0 END) AS severity,
    hash(ts_raw, level_text, message, host_text, pid_text, request_id_text, error_message_text) AS twin
FROM (
    SELECT *, class = 'record' AND {has_all} AS is_request,
        {instant_sql("ts_raw", log_zone)} AS ts, TRY_CAST(ts_raw AS DOUBLE) IS NOT NULL OR regexp_matches(ts_raw, '(Z|[+-]\\d\\d:?\\d\\d)$') AS zoned,
        {level_sql("level_text")} AS level, regexp_replace(coalesce(last_message, message_text), {quoted(ANSI_ESCAPE)}, '', 'g') AS message,
        CASE WHEN TRY_CAST(duration_ms_text AS DOUBLE) >= 0 AND isfinite(TRY_CAST(duration_ms_text AS DOUBLE)) AND TRY_CAST(duration_ms_text AS DOUBLE) < 1e12 THEN TRY_CAST(duration_ms_text AS DOUBLE) END AS duration_ms,
        CASE WHEN TRY_CAST(status_text AS INTEGER) BETWEEN 100 AND 599 THEN TRY_CAST(status_text AS SMALLINT) END AS status,
        starts_with(lower(coalesce(content_type_text, '')), 'text/event-stream') AS streaming
    FROM (
        SELECT ts_text AS ts_raw, * EXCLUDE (ts_text),
            CASE WHEN j IS NOT NULL THEN 'record' WHEN starts_with(ltrim(raw), '{{"') THEN 'unparsed'
                 WHEN line < {first_record_line} THEN 'unparsed' ELSE 'continuation' END AS class,
            CASE WHEN contains(substr(raw, strpos(raw, '"msg":') + 6), '"msg":') THEN TRY(from_json({last_message}, '"VARCHAR"')) END AS last_message
        FROM (SELECT line, bytes, "offset", raw, j, {names} FROM (
            SELECT line, bytes, "offset", raw, CASE WHEN starts_with(ltrim(raw), '{{"') THEN TRY(from_json(raw, {quoted(json_structure(found))})) END AS j FROM ({raw})))
    )
)"""  # fmt: skip


def json_structure(found: Format) -> str:
    """The structure for from_json: every path of the format, all leaves as text."""
    tree: dict[str, Any] = {}
    for path in [*(path for paths in found.columns.values() for path in paths), *found.request_has]:
        branch = tree
        *parents, leaf = path.split("/")
        for parent in parents:
            if not isinstance(branch.get(parent), dict):
                branch[parent] = {}
            branch = branch[parent]
        branch.setdefault(leaf, "VARCHAR")
    return json.dumps(tree)


def json_field(paths: Sequence[str]) -> str:
    """The first value found at these paths of the struct `j`, as text."""
    return f"coalesce({', '.join(['j.' + '.'.join(map(quoted_name, path.split('/'))) for path in paths] + ['NULL'])})"


def instant_sql(text: str, log_zone: str) -> str:
    """A TIMESTAMP in UTC from epoch seconds, ms, µs or ns by magnitude, or ISO 8601 (without zone: in `log_zone`)."""
    number = f"TRY_CAST({text} AS DECIMAL(28, 6))"
    return f"""CASE WHEN {number} IS NOT NULL THEN CASE
            WHEN abs({number}) < 1e11 THEN make_timestamp(CAST({number} * 1000000 AS BIGINT))
            WHEN abs({number}) < 1e14 THEN make_timestamp(CAST({number} * 1000 AS BIGINT))
            WHEN abs({number}) < 1e17 THEN make_timestamp(CAST({number} AS BIGINT))
            WHEN abs({number}) < 9e18 THEN make_timestamp(CAST({number} / 1000 AS BIGINT)) END
        WHEN regexp_matches({text}, '(Z|[+-]\\d\\d:?\\d\\d)$') THEN CAST(TRY_CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)
        ELSE CAST(timezone({quoted(log_zone)}, TRY_CAST({text} AS TIMESTAMP)) AS TIMESTAMP) END"""


def level_sql(text: str) -> str:
    """A level's name from pino's number (custom ones round down) or from any logger's name."""
    number = f"TRY_CAST({text} AS INTEGER)"
    steps = " ".join(f"WHEN {number} < {value + 10} THEN '{name}'" for name, value in LEVELS.items() if name != "fatal")
    plain = f"lower(regexp_replace({text}, {quoted(ANSI_ESCAPE)}, '', 'g'))"
    names = " ".join(f"WHEN '{name}' THEN '{meaning}'" for name, meaning in [*LEVEL_NAMES.items(), *((name, name) for name in LEVELS)])
    return f"CASE WHEN {number} IS NOT NULL THEN CASE {steps} ELSE 'fatal' END ELSE CASE {plain} {names} END END"


def level_number(level: str) -> str:
    return f"CASE {level} {' '.join(f'WHEN {quoted(name)} THEN {value}' for name, value in LEVELS.items())} ELSE 0 END"


def route_sql() -> str:
    """Method and path with ids folded. Twice, because two ids in a row share the slash between them."""
    path = "split_part(split_part(url_text, '?', 1), '#', 1)"
    once = f"regexp_replace({path}, {quoted(ID_SEGMENT)}, '/:id\\1', 'g')"
    folded = f"regexp_replace({once}, {quoted(ID_SEGMENT)}, '/:id\\1', 'g')"
    return f"CASE WHEN url_text IS NOT NULL THEN coalesce(method_text || ' ', '') || CASE WHEN regexp_matches({path}, '\\d') THEN {folded} ELSE {path} END END"


def dependency_sql(dependencies: Sequence[Dependency]) -> str:
    """The name of the first dependency whose patterns match; a request's completion speaks of none."""
    cases = []
    for dependency in dependencies:
        matches = [f"regexp_matches(coalesce({field}, ''), {quoted('(?i)' + pattern)})"
                   for field, pattern in (("logger_text", dependency.logger), ("message", dependency.message)) if pattern]  # fmt: skip
        if matches:
            cases.append(f"WHEN {' OR '.join(matches)} THEN {quoted(dependency.name)}")
    named = f"CASE {' '.join(cases)} END" if cases else "NULL"
    return f"CASE WHEN NOT is_request THEN coalesce(lower(dependency_text), {named}) END"


def meaningful_line(text: str) -> str:
    """The line of an error's text that says what happened: Prisma's comes last, after its source excerpt."""
    last = f"trim(regexp_extract({text}, '([^\\n]+)\\s*$', 1))"
    return f"CASE WHEN starts_with({text}, '\nInvalid `') THEN {last} ELSE split_part(ltrim({text}, '\n '), '\n', 1) END"


def no_format_select(raw: str, source: Source) -> str:
    """The SELECT for a source of no known format: every line is unparsed, and none is lost."""
    nulls = ", ".join(f"NULL::{kind} AS {quoted_name(column)}" for column, kind in TYPES.items())
    return f"SELECT line, bytes, \"offset\", 'unparsed' AS class, {quoted(source.id)} AS item, {quoted(source.origin)} AS file, {nulls} FROM ({raw})"


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
