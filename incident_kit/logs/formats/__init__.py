"""Log formats as data: one TOML file each, with its sample lines and the address of its documentation.

A format reads one line: as a JSON object whose fields stand at given paths, or as text by a pattern with named groups.
A format with an `inner` field wraps lines of other formats (docker, syslog, pm2 ...). `tests/logs/test_formats.py`
holds every file to its own samples; a team's own formats (`incident-kit.toml`) are held to theirs when they are loaded.

A team's format comes from outside, perhaps with a stranger's evidence: it is a pattern, keys and samples, checked field
by field. It brings no SQL, and its pattern is matched by RE2, which takes linear time whatever the pattern is.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from incident_kit.errors import ParameterError
from incident_kit.model.patterns import PatternError, compiled

FOLDER = Path(__file__).parent
# What a format's fields may be called: canonical columns, other units of them, and what wraps a line.
FIELDS = frozenset((
    "ts", "level", "message", "logger", "host", "pid", "duration_ms", "duration_s", "duration_us", "duration_ns",
    "status", "response_bytes", "content_type", "method", "url", "request_id", "client", "user", "error_type",
    "error_code", "error_message", "stack", "dependency", "inner", "partial", "stream", "priority",
))  # fmt: skip


@dataclass(frozen=True, eq=False)  # each is one of a kind, and a key by its identity
class Format:
    """How one kind of log line is read.

    `columns` maps a field to the paths at which its value may stand in a JSON object, first found wins; a text format
    has `pattern` instead, whose groups are named after the fields. `times` are forms of `time_forms.FORMS`. `words` are
    keys that never hold a number. `spread` says how a record lies over several lines (see `normalise`), `begins` how a
    file that is no list of lines begins. A pattern over `two_lines` sees the line after, too. A format that stands
    `alone` has first lines that others have within their records: it is looked for only where there are no others.
    `quick` is SQL that takes most lines apart faster than the pattern: `split` the line into `p`, that into `parts`;
    `when` says that the `fields` are right.
    """

    name: str
    title: str
    documentation: tuple[str, ...]
    pattern: str
    recognised_by: tuple[frozenset[str], ...]
    without: frozenset[str]
    only_keys: frozenset[str]
    words: frozenset[str]
    rank: int
    columns: Mapping[str, tuple[str, ...]]
    times: tuple[str, ...]
    levels: Mapping[str, str]
    request_has: tuple[str, ...]
    aborted_message: str
    consequence_message: str
    message_last: bool
    per_message: bool
    two_lines: bool
    alone: bool
    spread: str
    begins: str
    header: tuple[str, ...]
    quick: Mapping[str, Any]
    samples: tuple[Mapping[str, Any], ...]
    own: bool = False  # a team's, from outside

    @property
    def is_json(self) -> bool:
        return not self.pattern

    @property
    def wraps(self) -> bool:
        """Whether lines of other formats stand inside its own."""
        return "inner" in self.fields

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields it can fill."""
        return tuple(dict.fromkeys([*self.groups, *self.columns]))

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The fields that its pattern tells."""
        return tuple(name for name in self.numbered_groups if name in self._compiled.groupindex) if self.pattern else ()

    @cached_property
    def numbered_groups(self) -> tuple[str, ...]:
        """A name for each group of the pattern, in their order, as DuckDB wants them."""
        names = {number: name for name, number in self._compiled.groupindex.items()}
        return tuple(names.get(number, f"unnamed_{number}") for number in range(1, self._compiled.groups + 1))

    @cached_property
    def specificity(self) -> int:
        """How much a line must have to be of this format: of two that recognise a line, the pickier one is right."""
        return (
            len(self.pattern)
            if self.pattern
            else sum(len(names) == 1 for names in self.recognised_by) * 100 + len(self.recognised_by)
        )

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return compiled(self.pattern) if self.own else re.compile(self.pattern, re.ASCII)

    def read(self, text: str, after: str = "") -> dict[str, Any] | None:
        """The fields of one line, those that are there; None if the line is not of this format.

        `after` is the next line.
        """
        if self.pattern:
            match = self._compiled.match(f"{text}\n{after}" if self.two_lines else text)
            return (
                self._marked({name: value for name, value in match.groupdict().items() if value}, {}) if match else None
            )
        values = as_object(text)
        if (
            values is None
            or self.without & values.keys()
            or not all(names & values.keys() for names in self.recognised_by)
        ):
            return None
        if self.only_keys and not values.keys() <= self.only_keys:
            return None
        if any(isinstance(values.get(name), int | float) for name in self.words):
            return None
        fields = self.pick(values)
        if self.message_last and text.count('"msg":') > 1 and isinstance(last := json.loads(text).get("msg"), str):
            fields["message"] = last
        return fields

    def pick(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of an object, those that are there."""
        values = ((field, first_at(document, paths)) for field, paths in self.columns.items())
        return self._marked({field: value for field, value in values if value is not None}, document)

    def _marked(self, fields: dict[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
        """The same fields, and `request` where the record has all that a finished request has."""
        if self.request_has and all(
            name in fields if name in self.fields else first_at(document, (name,)) is not None
            for name in self.request_has
        ):
            fields["request"] = True
        return fields


@lru_cache(maxsize=8)  # each JSON format in turn asks for the same line
def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object on a line; of a key that stands twice the first value, as pino means it.

    None if there is none.
    """
    if not text.lstrip(" ").startswith("{"):
        return None
    try:
        value = json.loads(text, object_pairs_hook=first_wins)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose repeated keys keep their first value: a user's own `time` must not hide the logger's."""
    values: dict[str, Any] = {}
    for name, value in pairs:
        values.setdefault(name, value)
    return values


def first_at(values: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    """The first value that stands at one of these paths; `a/b` is nesting, `a/0` the first of a list."""
    for path in paths:
        value: Any = values
        for step in path.split("/"):
            if isinstance(value, list):
                value = value[int(step)] if step.isdigit() and int(step) < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


@cache
def all_formats() -> tuple[Format, ...]:
    """Every format of this folder, the pickiest first."""
    formats = (
        load(tomllib.loads(path.read_text(encoding="utf-8")), path.name) for path in sorted(FOLDER.glob("*.toml"))
    )
    return tuple(sorted(formats, key=lambda item: (-item.rank, -item.specificity, item.name)))


# What a format from outside may say, and of which type.
# What is SQL (`quick`) or stands for a whole file (`begins`, `header`) is ours alone.
OWN_FIELDS: Mapping[str, type] = {
    "name": str, "title": str, "documentation": list, "pattern": str, "recognised_by": list, "without": list,
    "rank": int, "only_keys": list, "words": list, "columns": dict, "times": list, "levels": dict, "request": dict,
    "message_last": bool, "per_message": bool, "two_lines": bool, "alone": bool, "spread": str, "sample": list,
}  # fmt: skip
OWN_SPREADS = ("", "tail", "fields", "inspect", "last-line")
LONGEST_PATTERN = 4000
MOST_OWN_FORMATS = 200
LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")


def own_formats(data: Sequence[Mapping[str, Any]], where: str = "formats") -> tuple[Format, ...]:
    """A team's own formats from their data.

    Raises ParameterError naming `where`, the format's place and the field that is wrong.
    """
    if len(data) > MOST_OWN_FORMATS:
        raise ParameterError(f"{where}: {len(data)} formats, and at most {MOST_OWN_FORMATS} are read.")
    return tuple(load(own, f"{where}[{place}]", own=True) for place, own in enumerate(data))


def _check_own(data: Mapping[str, Any], fail: Callable[[str], ParameterError]) -> None:
    """Raise for what a format from outside must not say, or says in a wrong type."""
    from incident_kit.logs.time_forms import FORMS  # which needs the formats of SQL, and they the formats of logs

    if not isinstance(data, Mapping):
        raise fail("the format is no table of fields")
    for name, value in data.items():
        if name not in OWN_FIELDS:
            raise fail(f"{name!r} is no field of a team's format; known: {', '.join(OWN_FIELDS)}")
        if not isinstance(value, OWN_FIELDS[name]) or (OWN_FIELDS[name] is int and isinstance(value, bool)):
            raise fail(f"{name} must be a {OWN_FIELDS[name].__name__}")
    request = data.get("request", {})
    texts = {
        **{name: data.get(name, []) for name in ("documentation", "without", "only_keys", "words", "times")},
        **{f"columns.{name}": paths for name, paths in data.get("columns", {}).items()},
        **{f"recognised_by[{place}]": names for place, names in enumerate(data.get("recognised_by", []))},
        "request.has": request.get("has", []),
        "levels": list(data.get("levels", {}).values()),
    }
    for name, values in texts.items():
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            raise fail(f"{name} must be a list of texts")
    if unknown := set(data.get("times", [])) - FORMS.keys():
        raise fail(f"times: unknown form {', '.join(sorted(unknown))}; known: {', '.join(FORMS)}")
    if unknown := set(data.get("levels", {}).values()) - set(LEVELS):
        raise fail(f"levels: unknown level {', '.join(sorted(unknown))}; known: {', '.join(LEVELS)}")
    if unknown := data.get("columns", {}).keys() - FIELDS:
        raise fail(f"columns: unknown field {', '.join(sorted(unknown))}; known: {', '.join(sorted(FIELDS))}")
    # `columns` told until 0.2.0 where a request's values stand: evidence keeps formats that say it.
    if unknown := request.keys() - {"has", "aborted_message", "consequence_message", "columns"}:
        raise fail(f"request: unknown field {', '.join(sorted(unknown))}")
    if not all(isinstance(request.get(name, ""), str) for name in ("aborted_message", "consequence_message")):
        raise fail("request: its messages must be texts")
    if data.get("spread", "") not in OWN_SPREADS:
        raise fail(f"spread must be one of {', '.join(filter(None, OWN_SPREADS))}")
    if not all(isinstance(sample, Mapping) for sample in data.get("sample", [])):
        raise fail("sample must be a list of tables")
    if data.get("name") in {ours.name for ours in all_formats()}:
        raise fail(f"the name {data['name']} is that of a format of ours: a reader could not tell them apart")
    if len(data.get("pattern", "")) > LONGEST_PATTERN:
        raise fail(f"the pattern is longer than {LONGEST_PATTERN} characters")


def load(data: Mapping[str, Any], where: str, *, own: bool = False) -> Format:
    """A format from its data; `own` for a team's. Raises ParameterError naming `where` and the field that is wrong."""

    def fail(fault: str) -> ParameterError:
        return ParameterError(f"{where}: {fault}. See {FOLDER.name}/pino.toml for an example.")

    if own:
        _check_own(data, fail)
    request = data.get("request", {})
    for field in ("name", "title", "sample"):
        if not data.get(field):
            raise fail(f"the format has no {field}")
    if not data.get("pattern") and not data.get("columns"):
        raise fail("a format has a pattern (text) or columns (JSON)")
    try:
        form = Format(
            name=data["name"],
            title=data["title"],
            documentation=tuple(data.get("documentation", ())),
            pattern=data.get("pattern", ""),
            recognised_by=tuple(frozenset(names) for names in data.get("recognised_by", ())),
            without=frozenset(data.get("without", ())),
            rank=int(data.get("rank", 0)),
            only_keys=frozenset(data.get("only_keys", ())),
            words=frozenset(data.get("words", ())),
            columns={column: tuple(paths) for column, paths in data.get("columns", {}).items()},
            times=tuple(data.get("times", ("epoch", "iso"))),
            levels={name.lower(): level for name, level in data.get("levels", {}).items()},
            request_has=tuple(request.get("has", ())),
            aborted_message=request.get("aborted_message", ""),
            consequence_message=request.get("consequence_message", ""),
            message_last=bool(data.get("message_last")),
            per_message=bool(data.get("per_message")),
            two_lines=bool(data.get("two_lines")),
            alone=bool(data.get("alone")),
            spread=data.get("spread", ""),
            begins=data.get("begins", ""),
            header=tuple(data.get("header", ())),
            quick=data.get("quick", {}),
            samples=tuple(data["sample"]),
            own=own,
        )
        unknown = set(form.fields) - FIELDS
    except (re.error, PatternError) as error:
        raise fail(
            f"the pattern of {data['name']} is no regular expression of RE2"
            f" (github.com/google/re2/wiki/Syntax): {error}"
        ) from None
    except (TypeError, AttributeError) as error:
        raise fail(f"a field has the wrong type: {error}") from None
    if unknown:
        raise fail(f"unknown field {', '.join(sorted(unknown))} in {form.name}; known: {', '.join(sorted(FIELDS))}")
    return form
