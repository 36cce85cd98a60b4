"""The canonical columns of a record, and the SQL that finds them in the lines of a format.

The SQL has three layers: the texts of the fields, what each of them means alone (times, levels, numbers), and what
several mean together (route, dependency, severity). It looks at one line only, and at the one after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from incident_kit.logs.formats import FIELDS, Format
from incident_kit.logs.recognise import Recognition
from incident_kit.logs.sql import quoted, quoted_name
from incident_kit.logs.time_forms import Zones, instant_sql, zoned_sql

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

# What a line says, by DuckDB type: the canonical columns and what queries need beside them.
TYPES = {
    "ts": "TIMESTAMP",
    "ts_raw": "VARCHAR",
    "ts_zone": "VARCHAR",
    "level": "VARCHAR",
    "message": "VARCHAR",
    "logger": "VARCHAR",
    "host": "VARCHAR",
    "pid": "BIGINT",
    "duration_ms": "DOUBLE",
    "duration_us": "BIGINT",
    "streaming": "BOOLEAN",
    "status": "SMALLINT",
    "response_bytes": "BIGINT",
    "method": "VARCHAR",
    "url": "VARCHAR",
    "route": "VARCHAR",
    "dependency": "VARCHAR",
    "request_id": "VARCHAR",
    "client": "VARCHAR",
    "user": "VARCHAR",
    "error_type": "VARCHAR",
    "error_code": "VARCHAR",
    "error_message": "VARCHAR",
    "format": "VARCHAR",
    "is_request": "BOOLEAN",
    "aborted": "BOOLEAN",
    "consequence": "BOOLEAN",
    "severity": "INTEGER",
    "mended": "BOOLEAN",
    "request_us": "BIGINT",
}

LEVELS = {"trace": 10, "debug": 20, "info": 30, "warn": 40, "error": 50, "fatal": 60}
LEVEL_NAMES = {
    "verbose": "debug", "silly": "trace", "http": "debug", "log": "info", "notice": "info", "warning": "warn",
    "err": "error", "crit": "fatal", "critical": "fatal", "alert": "fatal", "emerg": "fatal",
}  # fmt: skip
ANSI_ESCAPE = r"\x1b\[[0-9;?]*[ -/]*[@-~]"
# Path segments that are ids: numbers, UUIDs, long hex, and Salesforce's 15 or 18 characters (they begin with a digit,
# or an `a` for custom objects).
SALESFORCE_ID = r"(?:\d[a-zA-Z0-9]{2}|a[a-zA-Z0-9]\d)[a-zA-Z0-9]{12}(?:[A-Z0-5]{3})?"
ID_SEGMENT = (
    rf"/(?:\d+|[0-9a-fA-F]{{8}}-(?:[0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}|[0-9a-fA-F]{{16,}}|{SALESFORCE_ID})/"
)


@dataclass(frozen=True, slots=True)
class Dependency:
    """How an outside system is recognised in records: RE2 patterns over the logger's name and the message."""

    name: str
    title: str
    logger: str = ""
    message: str = ""


# The text of the last `msg` key, where pino wrote two; structures give the first.
LAST_MESSAGE = (
    r"""CASE WHEN contains(substr(raw, strpos(raw, '"msg":') + 6), '"msg":') """
    r"""THEN TRY(from_json(regexp_extract(raw, '"msg":("(?:[^"\\]|\\.)*")\s*\}\s*$', 1), '"VARCHAR"')) END"""
)
# RE2 has no lookaround: escaped backslashes and whole pairs are kept, a surrogate that stands alone is dropped.
LONE_SURROGATES = r"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
GIVEN_UP = 499  # nginx' status for a client that did not wait
# Words that say a time is a setting or a limit, not a measurement.
SETTING = r"(?i)\b(?:time(?:d\s)?\s?out|timeout|deadline|retry\w*|every|sleep\w*|delay\w*|interval|ttl|backoff)\b"
UNIT_MS = {
    "": 1,
    "ns": 1e-6,
    "µs": 1e-3,
    "us": 1e-3,
    "ms": 1,
    "millisecond": 1,
    "s": 1000,
    "sec": 1000,
    "second": 1000,
    "min": 60_000,
    "minute": 60_000,
}
UNITS = "ns|µs|us|ms|milliseconds?|s|secs?|seconds?|min|minutes?"
OTHER_UNITS = {"duration_s": "* 1000", "duration_us": "/ 1000", "duration_ns": "/ 1000000"}
TEXT_DURATION = "|".join((
    rf"(?i:\b(?:took|in|after|elapsed|duration:|slow query:)\s*\(?\d[\d,]*(?:\.\d+)?\s?(?:{UNITS})\b)",
    r"\(\d[\d,]*(?:\.\d+)?\s?(?:ns|µs|us|ms|s)\)",
    r"^[A-Z]+ \S+ [1-5]\d\d (?:- )?\d+(?:\.\d+)? ?ms$",
    r"^[\w .:/-]+: \d+(?:\.\d+)?m?s$",
    r"[{,] (?:responseTime|durationMs|duration): \d+(?:\.\d+)?",  # in an object that Node printed: milliseconds
))  # fmt: skip
NUMBER_AND_UNIT = rf"(?i)(\d[\d,]*(?:\.\d+)?)\s?((?:{UNITS})?)\)?$"
ERROR_IN_TEXT = (
    r"^\s*(?:Uncaught )?([A-Za-z_$][\w$.]*(?:Error|Exception|Rejection|Warning)|Error)(?: \[(\w+)\])?: ([^\n]*)"
)
# With more than four groups RE2 takes twice the time.
REQUEST_IN_TEXT = (
    r"^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (/\S*) (?:HTTP/[\d.]+ )?(?:- )?"
    r"([1-5]\d\d) (?:- )?(\d+(?:\.\d+)? ?m?s)\s*$"
)


FIRST = "<the first layer>"
# Where a line stands within the piece of text that it is read from.
PLACE = 'segment, line, "offset"'
# What is extracted of each line: its place, what it is (record, continuation or unparsed), and what it says.
EXTRACTED = ", ".join([PLACE, "class", *map(quoted_name, TYPES)])


def in_place_select(recognition: Recognition, lines: str, dependencies: Sequence[Dependency]) -> str:
    """The SELECT of EXTRACTED from one-line records; `lines` gives PLACE, `raw` and `next`.

    Most lines are of the first format; each other one reads what those before it leave.
    """
    left = f"SELECT * FROM ({lines})"
    selects = []
    for place, form in enumerate(recognition.formats):
        earlier = [f"NOT {is_line_of(other)}" for other in recognition.formats[:place]]
        mine = " AND ".join([*earlier, is_line_of(form)])
        if place == 0:  # the main format also has what is of no format
            others = " OR ".join(is_line_of(other) for other in recognition.formats[1:])
            mine = f"{is_line_of(form)} OR NOT ({others})" if others else "true"
        relation = lines if mine == "true" else f"{left} WHERE {mine}"
        selects.append(plain_select(form, recognition.zones, relation, dependencies))
    return " UNION ALL ".join(f"SELECT {EXTRACTED} FROM ({select})" for select in selects)


def is_line_of(form: Format) -> str:
    """Whether a line is one of this format, as far as its beginning tells."""
    # An empty line is null, and neither is nor is not anything.
    return (
        "starts_with(ltrim(coalesce(raw, '')), '{')"
        if form.is_json
        else f"regexp_matches(coalesce(raw, ''), {quoted(form.pattern)})"
    )


def plain_select(form: Format, zones: Zones, lines: str, dependencies: Sequence[Dependency]) -> str:
    """The SELECT that reads the lines of one format."""
    texts, parsed, is_record, broken = _json_texts(form) if form.is_json else _group_texts(form)
    present = " AND ".join(f"{_has(name, form, texts)} IS NOT NULL" for name in form.request_has)
    if form.message_last:
        texts["message"] = f"coalesce({LAST_MESSAGE}, {texts['message']})"
    apart = {
        "request": present or ("struct_extract(spoken, 'url') <> ''" if speaks(form) else "false"),
        "mended": "j IS NOT NULL AND (contains(raw, '\\ud') OR contains(raw, '\\uD')) AND NOT json_valid(raw)"
        if form.is_json
        else "false",
        "class": f"CASE WHEN {is_record} THEN 'record' WHEN {broken} THEN 'unparsed' ELSE 'continuation' END",
    }
    if speaks(form):
        apart = {
            "spoken": f"regexp_extract(message_text, {quoted(REQUEST_IN_TEXT)}, ['method', 'url', 'status', 'took'])",
            **apart,
        }
    own = {
        "ts": instant_sql("ts_text", form.times, zones),
        "zoned": zoned_sql("ts_text", form.times),
        "ts_raw": "ts_text",
        "format": quoted(form.name),
        **meanings(form.levels, form),
    }
    j = parsed.replace("STRUCTURE", quoted(json.dumps(json_structure(form))))
    body = f"SELECT {PLACE}, next, {FIRST} FROM (SELECT *, {j} AS j FROM ({taken_apart(form, lines)}))"
    first = {**{f"{field}_text": text for field, text in texts.items()}, **apart}
    return layers(body, first, own, together(dependencies, form, zones.name))


def normalised_select(recognition: Recognition, lines: str, dependencies: Sequence[Dependency]) -> str:
    """The SELECT of EXTRACTED from the lines of a log that was normalised (see `normalise`)."""
    fields = sorted(FIELDS - {"inner", "partial", "stream", "priority"})
    first = {
        **{f"{field}_text": f"j.{field}" for field in fields},
        "ts_found": "j.ts",
        "ts_raw_found": "j.ts_raw",
        "zoned_found": "j.zoned",
        "format_found": "j.format",
        "request": "coalesce(j.request, false)",
        "mended": "false",
        "class": "CASE raw[1] WHEN 'c' THEN 'continuation' WHEN 'u' THEN 'unparsed' ELSE 'record' END",
    }
    own = {
        "ts": "TRY_CAST(ts_found AS TIMESTAMP)",
        "zoned": "zoned_found",
        "ts_raw": "ts_raw_found",
        "format": "format_found",
        **meanings({}, None),
    }
    structure = dict.fromkeys(fields, "VARCHAR") | {
        "ts_raw": "VARCHAR",
        "zoned": "BOOLEAN",
        "request": "BOOLEAN",
        "format": "VARCHAR",
    }
    j = f"CASE WHEN starts_with(raw, '{{') THEN {json_of('raw', quoted(json.dumps(structure)))} END"
    body = f"SELECT {PLACE}, NULL::VARCHAR AS next, {FIRST} FROM (SELECT {PLACE}, raw, {j} AS j FROM ({lines}))"
    select = layers(body, first, own, together(dependencies, None, recognition.zones.name))
    return f"SELECT {EXTRACTED} FROM ({select})"


def layers(body: str, first: Mapping[str, str], own: Mapping[str, str], upper: Mapping[str, str]) -> str:
    """The three layers put together; `body` has a place for the first one."""
    texts = {**{f"{field}_text": "NULL::VARCHAR" for field in FIELDS}, **first}
    lowest = body.replace(FIRST, ", ".join(f"{expression} AS {name}" for name, expression in texts.items()))
    return f"SELECT *{_more(upper)} FROM (SELECT *{_more(own)} FROM ({lowest}))"


def _more(expressions: Mapping[str, str]) -> str:
    return "".join(f",\n    {expression} AS {quoted_name(name)}" for name, expression in expressions.items())


def meanings(levels: Mapping[str, str], form: Format | None) -> dict[str, str]:
    """What the text of a field means, by column.

    `form` is None for a log that was normalised, which knows its formats itself.
    """
    spoken = form is not None and speaks(form)
    status, url = (
        f"coalesce({name}_text, nullif(struct_extract(spoken, '{name}'), ''))" if spoken else f"{name}_text"
        for name in ("status", "url")
    )
    whole = "nullif(rtrim(message_text), '')" if form is not None and not form.is_json else "message_text"
    plain = f"regexp_replace(message_text, {quoted(ANSI_ESCAPE)}, '', 'g')"
    inner = "TRY(coalesce(json_extract_string(message_text, '/msg'), json_extract_string(message_text, '/message')))"
    took = (
        "TRY_CAST(rtrim(struct_extract(spoken, 'took'), ' ms') AS DOUBLE)"
        " * CASE WHEN ends_with(struct_extract(spoken, 'took'), 'ms') THEN 1 ELSE 1000 END"
    )
    code = f"TRY_CAST({status} AS INTEGER)"
    return {
        "level": level_sql("level_text", levels),
        "message": f"CASE WHEN message_text[1] = '{{' THEN coalesce({inner}, {whole})"
        f" WHEN contains(message_text, chr(27)) THEN {plain} ELSE {whole} END",
        "status": f"CASE WHEN {code} BETWEEN 100 AND 599 THEN TRY_CAST({status} AS SMALLINT) END",
        "method": "coalesce(method_text, nullif(struct_extract(spoken, 'method'), ''))" if spoken else "method_text",
        "url": url,
        "path": f"split_part(split_part({url}, '?', 1), '#', 1)",
        "event_stream": "starts_with(lower(coalesce(content_type_text, '')), 'text/event-stream')",
        "is_request": "class = 'record' AND request",
        "host": "host_text",
        "pid": "TRY_CAST(pid_text AS BIGINT)",
        "logger": "CASE WHEN left(logger_text, 1) NOT IN ('{', '[') THEN logger_text END",
        "response_bytes": "TRY_CAST(response_bytes_text AS BIGINT)",
        "request_id": "request_id_text",
        "client": "trim(split_part(client_text, ',', 1))",
        "user": "user_text",
        "error_code": "error_code_text",
        "told": f"coalesce({told_duration(frozenset(form.fields) if form else FIELDS)}, {took})"
        if spoken
        else told_duration(frozenset(form.fields) if form else FIELDS),
        "told_ms": "CASE WHEN told >= 0 AND told < 1e12 THEN told END",
    }


def together(dependencies: Sequence[Dependency], form: Format | None, zone: str) -> dict[str, str]:
    """What several fields mean together, by column."""
    aborted, consequence = (
        (form.aborted_message, form.consequence_message) if form else ("request aborted", "failed with status code")
    )
    return {
        "duration_ms": f"coalesce(told_ms, {duration_in('message')})",
        "duration_us": "CAST(round(duration_ms * 1000) AS BIGINT)",
        "request_us": "CAST(round(told_ms * 1000) AS BIGINT)",
        "ts_zone": "CASE WHEN ts IS NOT NULL THEN"
        f" CASE WHEN zoned THEN 'explicit' ELSE {quoted('assumed: ' + zone)} END END",
        "streaming": "CASE WHEN is_request THEN event_stream END",
        "route": route_sql(),
        "dependency": dependency_sql(dependencies),
        "aborted": "is_request AND NOT event_stream"
        f" AND (status IS NULL OR status = {GIVEN_UP}{f' OR message = {quoted(aborted)}' if aborted else ''})",
        "error_type": error_sql("error_type_text", 2, 1, form),
        "error_message": f"coalesce({meaningful_line('error_message_text')}, {error_sql('NULL', 3, 3, form)})",
        "consequence": f"coalesce(starts_with(error_message_text, {quoted(consequence)}), false)"
        if consequence
        else "false",
        "severity": f"greatest({level_number('level')}, CASE WHEN status >= 500 THEN 50 WHEN status >= 400 THEN 40"
        " WHEN error_message_text IS NOT NULL THEN 50 ELSE 0 END)",
    }


def speaks(form: Format) -> bool:
    """Whether a format's messages may tell of requests, as `GET /api/orders/42 200 - 13ms` does.

    They do for want of fields of their own.
    """
    return not form.is_json and "message" in form.groups


def _json_texts(form: Format) -> tuple[dict[str, str], str, str, str]:
    texts = {field: json_field(form.columns.get(field, ()), leaves(form)) for field in FIELDS}
    return (
        texts,
        f"CASE WHEN starts_with(ltrim(raw), '{{') THEN {json_of('raw', 'STRUCTURE')} END",
        "j IS NOT NULL",
        "starts_with(ltrim(raw), '{\"')",
    )


def _group_texts(form: Format) -> tuple[dict[str, str], str, str, str]:
    groups = form.groups
    key = "ts" if "ts" in groups else groups[0]
    listed = ", ".join(map(quoted, form.numbered_groups))
    extracted = f"regexp_extract(raw, {quoted(form.pattern)}, [{listed}])"
    known = f"coalesce(j.{key}, '') <> ''"
    if not form.quick:
        return {field: f"nullif(j.{field}, '')" for field in groups}, extracted, known, "false"
    parts = {field: form.quick["fields"].get(field, "NULL") for field in groups}
    texts = {field: f"CASE WHEN quick THEN {part} ELSE nullif(j.{field}, '') END" for field, part in parts.items()}
    return texts, f"CASE WHEN NOT quick THEN {extracted} END", f"quick OR {known}", "false"


def taken_apart(form: Format, lines: str) -> str:
    """The lines with the lists that a format's `quick` makes of them, and whether they can be trusted."""
    if not form.quick:
        return lines
    parts = "".join(f", {expression} AS {name}" for name, expression in form.quick.get("parts", {}).items())
    split = f"SELECT *, string_split(raw, {quoted(form.quick['split'])}) AS p FROM ({lines})"
    return f"SELECT *, coalesce({form.quick['when']}, false) AS quick FROM (SELECT *{parts} FROM ({split}))"


def _has(name: str, form: Format, texts: Mapping[str, str]) -> str:
    """The field, or the path in a JSON object, that a finished request has."""
    return texts[name] if name in form.fields else member("j", name)


def json_of(text: str, structure: str) -> str:
    """The struct of a JSON text; one that DuckDB refuses for a lone surrogate gets a second chance without it."""
    mended = f"regexp_replace({text}, {quoted(LONE_SURROGATES)}, '\\1', 'g')"
    escaped = f"contains({text}, '\\ud') OR contains({text}, '\\uD')"
    again = f"CASE WHEN {escaped} THEN TRY(from_json({mended}, {structure})) END"
    return f"coalesce(TRY(from_json({text}, {structure})), {again})"


def json_structure(form: Format) -> dict[str, Any]:
    """The structure for from_json: the paths of all fields and of what makes a request, all leaves as text."""
    tree: dict[str, Any] = {}
    whole = leaves(form)
    paths = [path for field_paths in form.columns.values() for path in field_paths]
    wanted = [top if (top := path.partition("/")[0]) in whole else path for path in paths]
    for path in [*wanted, *(name for name in form.request_has if name not in form.fields)]:
        branch = tree
        *parents, leaf = path.split("/")
        for parent in parents:
            if not isinstance(branch.get(parent), dict):
                branch[parent] = {}
            branch = branch[parent]
        branch.setdefault(leaf, "VARCHAR")
    return tree


def leaves(form: Format) -> frozenset[str]:
    """The paths of a format at which a value is read whole: what lies deeper is taken from its text."""
    return frozenset(path for paths in form.columns.values() for path in paths)


def json_field(paths: Sequence[str], whole: Set[str]) -> str:
    """The first value found at these paths of the struct `j`, as text."""
    values = []
    for path in paths:
        top, _, deeper = path.partition("/")
        if deeper and top in whole:
            parent = member("j", top)
            inner = f"TRY(json_extract_string({parent}, {quoted('/' + deeper)}))"
            values.append(f"CASE WHEN left({parent}, 1) IN ('{{', '[') THEN {inner} END")
        else:
            values.append(member("j", path))
    return f"coalesce({', '.join(values)})" if values else "NULL::VARCHAR"


def level_sql(text: str, levels: Mapping[str, str]) -> str:
    """A level's name from pino's number (custom ones round down) or from any logger's name.

    `levels` are the format's own names.
    """
    number = f"TRY_CAST({text} AS INTEGER)"
    steps = " ".join(f"WHEN {number} < {value + 10} THEN '{name}'" for name, value in LEVELS.items() if name != "fatal")
    plain = f"lower(regexp_replace({text}, {quoted(ANSI_ESCAPE)}, '', 'g'))"
    names = {**LEVEL_NAMES, **{name: name for name in LEVELS}, **levels}
    named = lookup(plain, {name: quoted(meaning) for name, meaning in names.items()})
    usual = " ".join(f"WHEN '{value}' THEN '{name}'" for name, value in LEVELS.items())
    by_number = f"CASE {steps} WHEN {number} IS NOT NULL THEN 'fatal' END"
    other = f"CASE WHEN {text}[1] BETWEEN '0' AND '9' THEN {by_number} ELSE {named} END"
    return f"CASE {text} {usual} ELSE {other} END"


def lookup(key: str, values: Mapping[str, str]) -> str:
    """The value of a key, null if there is none.

    CASE would compute the key anew for each of its arms, and be planned so.
    """
    return f"([{', '.join(values.values())}])[list_position([{', '.join(map(quoted, values))}], {key})]"


def level_number(level: str) -> str:
    return f"CASE {level} {' '.join(f'WHEN {quoted(name)} THEN {value}' for name, value in LEVELS.items())} ELSE 0 END"


def told_duration(fields: Set[str]) -> str:
    """The duration in a field of its own, in milliseconds.

    A number in the unit the field's name says, or a text with its unit.
    """
    if not any(field.startswith("duration_") for field in fields):
        return "NULL::DOUBLE"
    number = "TRY_CAST(duration_ms_text AS DOUBLE)"
    ways = [
        number,
        f"CASE WHEN duration_ms_text[-1] = 's' THEN {in_ms('duration_ms_text')} END",
        *(f"TRY_CAST({field}_text AS DOUBLE) {scale}" for field, scale in OTHER_UNITS.items() if field in fields),
    ]
    return f"coalesce({', '.join(ways)})"


def duration_in(text: str) -> str:
    """A duration that the first line of a message speaks of, in milliseconds; a limit or a pause is none."""
    first = f"split_part(left({text}, 4000), chr(10), 1)"
    spoken = f"regexp_extract({first}, {quoted(TEXT_DURATION)})"
    may = f"regexp_matches({text}, '\\d\\s?(?:[nµum]?s|milli|sec|min)|(?:Time|Ms|duration): \\d')"
    return f"CASE WHEN {may} AND NOT regexp_matches({first}, {quoted(SETTING)}) THEN {in_ms(spoken)} END"


def in_ms(text: str) -> str:
    """Milliseconds from a text that ends with a number and its unit."""
    number = f"TRY_CAST(replace(regexp_extract({text}, {quoted(NUMBER_AND_UNIT)}, 1), ',', '') AS DOUBLE)"
    unit = (
        f"regexp_replace(lower(regexp_extract({text}, {quoted(NUMBER_AND_UNIT)}, 2)), '(second|minute|sec)s$', '\\1')"
    )
    return f"({number} * {lookup(unit, {name: str(factor) for name, factor in UNIT_MS.items()})})"


def route_sql() -> str:
    """Method and path with ids folded.

    Slashes are doubled for it, because two ids in a row share the slash between them.
    """
    folded = f"replace(regexp_replace(replace(path, '/', '//') || '/', {quoted(ID_SEGMENT)}, '/:id/', 'g'), '//', '/')"
    return f"coalesce(method || ' ', '') || CASE WHEN regexp_matches(path, '\\d') THEN ({folded})[:-2] ELSE path END"


def dependency_sql(dependencies: Sequence[Dependency]) -> str:
    """The name of the first dependency whose patterns match; a request's completion speaks of none."""
    cases = []
    for dependency in dependencies:
        patterns = {"logger_text": dependency.logger, "message": dependency.message}
        matches = [
            f"regexp_matches(coalesce({field}, ''), {quoted('(?i)' + pattern)})"
            for field, pattern in patterns.items()
            if pattern
        ]
        if matches:
            cases.append(f"WHEN {' OR '.join(matches)} THEN {quoted(dependency.name)}")
    named = f"CASE {' '.join(cases)} END" if cases else "NULL"
    return f"CASE WHEN NOT is_request THEN coalesce(lower(dependency_text), {named}) END"


def error_sql(field: str, best: int, other: int, form: Format | None) -> str:
    """Part of an error.

    From its field, else from its stack's first line, else, in text, from the message or the line after it.
    """
    in_text = form is not None and not form.is_json

    def said_in(*places: str) -> str:
        texts = [
            f"nullif(regexp_extract({place}, {quoted(ERROR_IN_TEXT)}, {group}), '')"
            for place in places
            for group in dict.fromkeys((best, other))
        ]
        return f"coalesce({', '.join(texts)})"

    # A message is asked only where the level says so: `Error: ` in it may be quoted.
    said = f"CASE WHEN level IN ('error', 'fatal') THEN {said_in('message_text', *(['next'] if in_text else []))} END"
    return f"coalesce({', '.join([field, *([] if in_text else [said_in('stack_text')]), said])})"


def meaningful_line(text: str) -> str:
    """The line of an error's text that says what happened: Prisma's comes last, after its source excerpt."""
    last = f"trim(regexp_extract({text}, '([^\\n]+)\\s*$', 1))"
    return (
        f"CASE WHEN starts_with({text}, '\nInvalid `') THEN {last} ELSE split_part(ltrim({text}, '\n '), '\n', 1) END"
    )


def no_format_select(lines: str) -> str:
    """The SELECT of EXTRACTED for a source of no known format: every line is unparsed, and none is lost."""
    nulls = ", ".join(f"NULL::{kind} AS {quoted_name(column)}" for column, kind in TYPES.items())
    return f"SELECT {EXTRACTED} FROM (SELECT {PLACE}, 'unparsed' AS class, {nulls} FROM ({lines}))"


def member(struct: str, path: str) -> str:
    """The value at a path (`a/b` is nesting) of a struct."""
    for step in path.split("/"):
        struct = f"struct_extract({struct}, {quoted(step)})"
    return struct
