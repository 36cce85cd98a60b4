"""The impact of an incident: since when, until when, who was affected, who is suspected. Each with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast, get_args

from incident_kit.analysis.change import change_at, sides_of
from incident_kit.analysis.first_affected import NEARLY_ALL, onset_of
from incident_kit.analysis.normal import Measure
from incident_kit.analysis.onset import Moment, Onset
from incident_kit.analysis.suspects import Kind, Role, Side, Sure, Suspect, suspects
from incident_kit.logs.reading import Records
from incident_kit.model.fields import Fields
from incident_kit.model.finding import Absence, Event, Figure, Finding, Line, Verdict
from incident_kit.model.times import Window, iso

EXAMPLES = 1
# An outage that was not over is looked at to the end of the evidence.
BEYOND = timedelta(milliseconds=1)
# An onset needs four minutes before it, and as many after it that a blip is no more than half of them.
LEAST = timedelta(minutes=8)
LEAST_NORMAL = timedelta(minutes=1)
# The question a suspect comes from; the others come from `change_by_group`.
QUERY_OF_KIND = {"dependency": "change_by_dependency", "error": "change_by_error", "deploy": "starts"}


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom it hit between onset and recovery: `n` of `of` requests on `routes` (all, if empty).

    `clients` and `users` count those that asked; 0 where the log names none.
    """

    n: int
    of: int
    clients: int
    users: int
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A suspect, and the records that speak of it."""

    suspect: Suspect
    citation: Figure


@dataclass(frozen=True, slots=True)
class Impact:
    """What the requests say about an incident.

    Without an onset, `absence` says over what was looked for one (None: over nothing). `last` is when the last request
    ended that was seen: an incident without recovery was not over then. `by_limits`: no onset was found, and this is
    when the runbook's limits were first exceeded. `too_short`: an onset could not have been found.
    """

    onset: Onset | None
    began: Figure | None
    recovered: Figure | None
    affected: Affected | None
    suspicions: tuple[Suspicion, ...]
    absence: Absence | None
    last: datetime | None
    by_limits: bool = False
    too_short: bool = False

    @property
    def first_cause(self) -> Suspicion | None:
        """The likeliest cause; None if no suspect stands out."""
        return next((suspicion for suspicion in self.suspicions if suspicion.suspect.role == "cause"), None)

    @property
    def figures(self) -> list[Figure]:
        """Everything it cites."""
        of_suspects = (suspicion.citation for suspicion in self.suspicions)
        return [figure for figure in (self.began, self.recovered, *of_suspects) if figure]

    def edges(self, window: Window) -> list[datetime]:
        """Where before, during and after begin, as far as there are such."""
        if not self.onset:
            return [window.since]
        over = [self.onset.recovered.likeliest] if self.onset.recovered else []
        return [window.since, self.onset.began.likeliest, *over]

    def to_json(self) -> dict[str, Any]:
        """Without what another machine would give in other digits: shares and levels have four."""
        citations = {"began": self.began, "recovered": self.recovered, "absence": self.absence}
        return {
            "onset": _onset_json(self.onset) if self.onset else None,
            "by_limits": self.by_limits,
            "too_short": self.too_short,
            "affected": _affected_json(self.affected) if self.affected else None,
            "suspects": [
                {**_suspect_json(suspicion.suspect), "citation": suspicion.citation.to_json()}
                for suspicion in self.suspicions
            ],
            "citations": {name: citation.to_json() if citation else None for name, citation in citations.items()},
            "last": iso(self.last) if self.last else None,
        }

    @classmethod
    def from_json(cls, data: Any) -> Impact:
        """Raises Unusable naming the field."""
        fields = Fields.of(data)
        onset, affected, citations = (
            fields.fields_or_none("onset"),
            fields.fields_or_none("affected"),
            fields.fields("citations"),
        )
        began, recovered, absence = map(citations.fields_or_none, ("began", "recovered", "absence"))
        citations.nothing_else()
        impact = cls(
            onset=_onset_from(onset) if onset else None,
            began=Figure.from_json(began) if began else None,
            recovered=Figure.from_json(recovered) if recovered else None,
            affected=_affected_from(affected) if affected else None,
            suspicions=tuple(map(_suspicion_from, fields.list_of_fields("suspects"))),
            absence=Absence.from_json(absence) if absence else None,
            last=fields.moment_or_none("last"),
            by_limits=fields.flag("by_limits"),
            too_short=fields.flag("too_short"),
        )
        fields.nothing_else()
        return impact


def impact_of(records: Records, window: Window, findings: Sequence[Finding] = ()) -> Impact:
    """The impact of the incident in these records.

    What is too young to be an onset is told by findings: when the first request was affected.
    """
    requests = records.query("matching_requests")[0]
    if not requests["n"]:
        return Impact(None, None, None, None, (), None, None)
    change_point = onset_of(records)
    onset = change_point or _by_limits(records, findings, requests["first"])
    if onset is None:
        absence = Absence(_items(records), window, requests["n"], "requests_by_bucket")
        too_short = requests["last"] - requests["first"] < LEAST
        return Impact(None, None, None, None, (), absence, requests["last"], too_short=too_short)
    sides, slow = sides_of(onset, requests["last"]), onset.measure != "errors"
    # Those that suffered while it lasted, however long that was; `sides` end after an hour.
    parameters = {
        **sides,
        "until": _naive((onset.recovered.likeliest if onset.recovered else requests["last"]) + BEYOND),
        "slow": slow,
        "quantile": NEARLY_ALL[onset.measure],
        "routes": list(onset.routes),
        "every_route": not onset.routes,
    }
    hit = records.query("affected_requests", **parameters)[0]
    began, recovered = (
        Figure(
            _items(records),
            "affected_requests",
            hit["affected"],
            tuple(Line(end["item"], end["line"]) for end in hit[ends] or ()),
            _plain(parameters),
        )
        for ends in ("first", "last")
    )
    return Impact(
        onset,
        began,
        recovered if onset.recovered else None,
        Affected(hit["affected"], hit["n"], hit["clients"], hit["users"], onset.routes),
        _suspicions(records, suspects(records, onset), {**sides, "slow": slow}),
        None,
        requests["last"],
        by_limits=change_point is None,
    )


def _by_limits(records: Records, findings: Sequence[Finding], first: datetime) -> Onset | None:
    """An onset where findings say that the first request was affected.

    None if there is no time before it to compare with.
    """
    confirmed = [
        (finding, finding.first_affected)
        for finding in findings
        if finding.verdict is Verdict.CONFIRMED and finding.first_affected and finding.measures
    ]
    began = min((first_affected for _, first_affected in confirmed), default=first)
    if began - first < LEAST_NORMAL:
        return None
    ends = [finding.recovered for finding, _ in confirmed if finding.recovered]
    over = max(ends) if len(ends) == len(confirmed) else None
    measure: Measure = "errors" if all("error_share" in finding.measures for finding, _ in confirmed) else "p50"
    recovered = Moment(over, over, over) if over else None
    guess = Onset(None, measure, Moment(began, began, began), recovered, 0.0, 0.0, Window(first, began), 0.0, 0)
    change = change_at(records, guess)
    if change is None:
        return None
    everything = change.everything
    if measure == "errors":
        share_before = everything.bad_before / everything.n_before
        return replace(guess, level_before=share_before, level_after=everything.bad_after / everything.n_after)
    median_ms_before = (everything.median_us_before or 0) / 1000
    return replace(guess, level_before=median_ms_before, level_after=(everything.median_us_after or 0) / 1000)


def impact_events(impact: Impact) -> list[Event]:
    """Onset and recovery as events of the timeline."""
    events: list[Event] = []
    if impact.by_limits:
        return events  # they are the symptoms' own
    if impact.onset and impact.began:
        message = f"{change_in_words(impact.onset)}; {between(impact.onset.began)}"
        events.append(Event(impact.onset.began.likeliest, "onset", message, "onset", impact.began))
        if impact.onset.recovered and impact.recovered:
            message = f"as before; {between(impact.onset.recovered)}"
            events.append(Event(impact.onset.recovered.likeliest, "recovery", message, "onset", impact.recovered))
    return events


def change_in_words(onset: Onset) -> str:
    """What changed at the onset, in a phrase."""
    what = {
        "errors": "requests that failed or were aborted",
        "p50": "the median duration",
        "p95": "the slowest twentieth of durations",
    }[onset.measure]
    levels = [
        f"{level:.1%}" if onset.measure == "errors" else duration(level)
        for level in (onset.level_before, onset.level_after)
    ]
    return f"{onset.name or 'all requests'}: {what} went from {levels[0]} to {levels[1]}"


def between(moment: Moment) -> str:
    """The interval a time lies in, in a phrase."""
    return f"between {moment.earliest:%H:%M:%S} and {moment.latest:%H:%M:%S} UTC"


def duration(duration_ms: float) -> str:
    """
    >>> duration(422.4), duration(5367.3)
    ('422 ms', '5.4 s')
    """
    return f"{duration_ms / 1000:.1f} s" if duration_ms >= 1000 else f"{duration_ms:.0f} ms"


def _suspicions(records: Records, ranked: Sequence[Suspect], sides: Mapping[str, Any]) -> tuple[Suspicion, ...]:
    """The suspects with the records that speak of them; `sides` are the parameters of the questions they come from."""
    if not ranked:
        return ()
    lines: dict[tuple[str, str], list[Line]] = {}
    kinds, names = [suspect.kind for suspect in ranked], [suspect.name for suspect in ranked]
    span = {"since": sides["since"], "until": sides["until"]}
    for row in records.query("suspect_lines", kinds=kinds, names=names, most=EXAMPLES, **span):
        lines.setdefault((row["kind"], row["name"]), []).append(Line(row["item"], row["line"]))
    for row in records.query("starts") if "deploy" in kinds else ():
        lines.setdefault(("deploy", iso(row["ts"])), []).append(Line(row["item"], row["line"]))
    return tuple(
        Suspicion(suspect, _cited(records, suspect, lines.get((suspect.kind, suspect.name), ()), sides))
        for suspect in ranked
    )


def _cited(records: Records, suspect: Suspect, lines: Sequence[Line], sides: Mapping[str, Any]) -> Figure:
    query = QUERY_OF_KIND.get(suspect.kind, "change_by_group")
    not_asked = {"starts": set(sides), "change_by_error": {"slow"}}.get(query, set())
    parameters = {name: value for name, value in sides.items() if name not in not_asked}
    return Figure(_items(records), query, suspect.side_after.n, tuple(lines), _plain(parameters))


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat(" ") if isinstance(value, datetime) else value for name, value in parameters.items()}


def _affected_json(affected: Affected) -> dict[str, Any]:
    return {
        "n": affected.n,
        "of": affected.of,
        "clients": affected.clients,
        "users": affected.users,
        "routes": list(affected.routes),
    }


def _affected_from(fields: Fields) -> Affected:
    affected = Affected(
        fields.size("n"), fields.size("of"), fields.size("clients"), fields.size("users"), fields.texts("routes")
    )
    fields.nothing_else()
    return affected


def _onset_json(onset: Onset) -> dict[str, Any]:
    return {
        "name": onset.name,
        "measure": onset.measure,
        "began": _moment_json(onset.began),
        "recovered": _moment_json(onset.recovered) if onset.recovered else None,
        "before": round(onset.level_before, 4),
        "after": round(onset.level_after, 4),
        "normal": onset.normal.to_json(),
        "strength": round(onset.strength, 1),
        "affected": onset.affected,
        "routes": list(onset.routes),
    }


def _onset_from(fields: Fields) -> Onset:
    recovered = fields.fields_or_none("recovered")
    onset = Onset(
        name=None if fields.is_null("name") else fields.text("name"),
        measure=cast(Measure, fields.one_of("measure", get_args(Measure))),
        began=_moment_from(fields.fields("began")),
        recovered=_moment_from(recovered) if recovered else None,
        level_before=fields.any_number("before"),
        level_after=fields.any_number("after"),
        normal=fields.window("normal"),
        strength=fields.any_number("strength"),
        affected=fields.size("affected"),
        routes=fields.texts("routes"),
    )
    fields.nothing_else()
    return onset


def _moment_json(moment: Moment) -> dict[str, str]:
    return {"at": iso(moment.likeliest), "earliest": iso(moment.earliest), "latest": iso(moment.latest)}


def _moment_from(fields: Fields) -> Moment:
    moment = Moment(fields.moment("at"), fields.moment("earliest"), fields.moment("latest"))
    fields.nothing_else()
    return moment


def _suspect_json(suspect: Suspect) -> dict[str, Any]:
    return {
        "kind": suspect.kind,
        "name": suspect.name,
        "role": suspect.role,
        "sure": suspect.sure,
        "share_of_excess": round(suspect.share_of_excess, 4),
        "before": _side_json(suspect.side_before),
        "after": _side_json(suspect.side_after),
        "why": suspect.why,
    }


def _suspicion_from(fields: Fields) -> Suspicion:
    suspect = Suspect(
        kind=cast(Kind, fields.one_of("kind", get_args(Kind))),
        name=fields.text("name"),
        role=cast(Role, fields.one_of("role", get_args(Role))),
        sure=cast(Sure, fields.one_of("sure", get_args(Sure))),
        share_of_excess=fields.any_number("share_of_excess"),
        side_before=_side_from(fields.fields("before")),
        side_after=_side_from(fields.fields("after")),
        why=fields.text("why"),
    )
    suspicion = Suspicion(suspect, Figure.from_json(fields.fields("citation")))
    fields.nothing_else()
    return suspicion


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "n": side.n,
        "affected": side.affected,
        "failed": side.failed,
        "median_ms": side.median_ms,
        "per_minute": round(side.per_minute, 4),
    }


def _side_from(fields: Fields) -> Side:
    side = Side(
        n=fields.size("n"),
        affected=fields.size("affected"),
        failed=fields.size("failed"),
        median_ms=None if fields.is_null("median_ms") else fields.any_number("median_ms"),
        per_minute=fields.any_number("per_minute"),
    )
    fields.nothing_else()
    return side


def _items(records: Records) -> tuple[str, ...]:
    return tuple(source.id for source in records.sources)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
