"""Messages to people, made of an update's facts by the runbook's templates: plain text, Markdown, Slack's mrkdwn.

A template is Jinja in a sandbox. Every value that it shows is put on one line, redacted, and escaped for where it goes:
nothing that a person noted can be markup, a mention or a command there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from incident_kit.errors import RunbookError
from incident_kit.incident.facts import Facts
from incident_kit.incident.state import Audience, State, Status
from incident_kit.incident.updates import Action, Hit, How, StartedBy, Update, update_of
from incident_kit.model.redaction import REDACTION
from incident_kit.model.times import Window
from incident_kit.model.visible import visible
from incident_kit.runbook.contents import Language, Runbook
from incident_kit.runbook.messages import file_of, filled
from incident_kit.timeline.impact import Affected
from incident_kit.view import words

# Of more features than these, customers read that several parts are concerned.
MOST_FEATURES, MOST_ROUTES = 3, 3
# What Markdown reads as markup within a line, and what makes a line something else at its beginning.
MARKDOWN = re.compile(r"([\\`*_\[\]<>~|&])")
MARKDOWN_FIRST = re.compile(r"^([-+#=]|\d+(?=[.)]))")
SLACK = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# A mention needs the plain sign; the wide one reads the same and calls nobody.
PLAIN_AT, WIDE_AT = "@", "\uff20"
WIDE_COLON = "\uff1a"
ISO_MINUTE, CLOCK = "%Y-%m-%d %H:%M", "%H:%M"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Marked(str):
    """Text that is fit for its target already: made of escaped values and markup of ours."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: how values are escaped there, what is strong, and how a line with a label ends."""

    id: str
    escaped: Callable[[str], str]
    strong: str = ""
    bullet: str = "- "
    line_end: str = ""


def _markdown(text: str) -> str:
    escaped = MARKDOWN.sub(r"\\\1", text).replace(PLAIN_AT, WIDE_AT)
    return MARKDOWN_FIRST.sub(lambda match: f"{match[1]}\\" if match[1].isdigit() else f"\\{match[1]}", escaped)


def _slack(text: str) -> str:
    return "".join(SLACK.get(character, character) for character in text).replace(PLAIN_AT, WIDE_AT)


TARGETS = {
    target.id: target
    for target in (
        Target("text", str),
        Target("md", _markdown, strong="**", line_end="  "),
        Target("slack", _slack, strong="*", bullet="• "),
    )
}


def message(update: Update, language: Language, target: Target, zone: tzinfo) -> str:
    """The message as text that ends with a line feed. Times are in the people's `zone` and in UTC.

    Raises RunbookError naming the template and the line that is wrong.
    """
    name = template_of(update)
    return rendered(name, language, target, _Phrases(update, language, zone).for_template())


def template_of(update: Update) -> str:
    """The name of the template for an update."""
    if update.audience is Audience.INTERNAL:
        return "internal"
    kind = "security" if update.security else "customer"
    return f"{kind}_resolved" if update.status is Status.RESOLVED else kind


def rendered(name: str, language: Language, target: Target, values: dict[str, Any]) -> str:
    """What a template makes of values. Raises RunbookError."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=False,  # no HTML: `finalize` escapes every value for its target
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Marked) else _escaped(target, value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    path = language.folder / file_of(name)
    environment.globals.update(
        strong=lambda text: _strong(target, text),
        field=lambda label, value: _field(target, label, value),
        item=lambda text: Marked(f"{target.bullet}{_escaped(target, text)}"),
    )
    try:
        text = environment.from_string(language.templates[name]).render(values)
    except jinja2.TemplateSyntaxError as error:
        raise RunbookError(f"{path}, line {error.lineno}: not a template: {error.message}.") from None
    except (jinja2.TemplateError, AttributeError, TypeError, LookupError, ValueError, ArithmeticError) as error:
        raise RunbookError(f"{path}: the template does not fit what is known of an update: {error}.") from None
    return _laid_out(text, target)


def _laid_out(text: str, target: Target) -> str:
    """The text without blank lines too many; in Markdown a list ends with one, else it would take in what follows."""
    lines: list[str] = []
    for line in text.split("\n"):
        after_list = bool(lines) and lines[-1].startswith(target.bullet) and not line.startswith(target.bullet)
        lines += ["", line] if target.line_end and after_list else [line]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def template_faults(book: Runbook) -> list[str]:
    """What is wrong with a runbook's templates, tried on an update that knows nothing and on one that knows all."""
    return list(
        dict.fromkeys(
            fault
            for language in book.messages.languages.values()
            for name in language.templates
            for sample in _samples(book)
            if (fault := _fault(name, language, sample))
        )
    )


def _fault(name: str, language: Language, sample: Update) -> str:
    try:
        rendered(name, language, TARGETS["text"], _Phrases(sample, language, UTC).for_template())
    except RunbookError as error:
        return str(error)
    return ""


def _samples(book: Runbook) -> list[Update]:
    now = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    empty = update_of(State(), Facts(), book, "Payments fail", Audience.INTERNAL, "", now, None)
    routes = ("GET /invoices", "POST /orders", "POST /payments", "POST /login")
    full = replace(
        empty,
        audience=Audience.CUSTOMER,
        severity="P2",
        impact_noted="Invoices cannot be seen",
        affected=Affected(3, 4, 2, 2, routes),
        affected_from=now - HOUR,
        affected_until=now,
        confirmed=("Billing pages fail.",),
        looked_at=Window(now - 2 * HOUR, now),
        hits=tuple(Hit(feature, How.FAILS) for feature in book.features),
        how=How.FAILS,
        started=now - HOUR,
        started_by=StartedBy.REQUESTS,
        detected=now,
        recovered=now,
        ended=now,
        previous=now - HOUR,
        next_update=now + HOUR,
        cadence=HOUR,
        actions=(Action(now, "called the on-call engineer"),),
        actions_before=1,
    )
    return [empty, full]


def _escaped(target: Target, value: object) -> str:
    """A value on one line, without secrets, for its target."""
    text = value if isinstance(value, Marked) else target.escaped(visible(REDACTION.sentence(_one_line(str(value)))))
    return str(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _strong(target: Target, text: object) -> Marked:
    return Marked(f"{target.strong}{_escaped(target, text)}{target.strong}")


def _field(target: Target, label: str, value: object) -> Marked:
    """A line with a label. Without a blank behind it strong text would not end; a wide colon else needs none."""
    blank = "" if label.endswith(WIDE_COLON) and not target.strong else " "
    return Marked(f"{_strong(target, label)}{blank}{_escaped(target, value)}".rstrip() + target.line_end)


class _Phrases:
    """An update's facts in the words of a language."""

    def __init__(self, update: Update, language: Language, zone: tzinfo) -> None:
        self.update, self.language, self.zone = update, language, zone
        self.words = language.words
        self.customers = update.audience is Audience.CUSTOMER

    def for_template(self) -> dict[str, Any]:
        """What a template may use, by name."""
        update = self.update
        return {
            "update": update,
            "words": self.words,
            "affected": update.affected,
            "impacts": self.impacts(),
            "features": self.features,
            "features_hit": ", ".join(hit.feature.name for hit in update.hits),
            "routes": self.routes,
            "moment": self.moment,
            "clock": self.clock,
            "span": self.span,
            "every": self.every,
            "sentence": self.sentence,
            "number": words.number,
        }

    def features(self) -> str:
        """The features that are hit, as customers call them; the whole service where none is known."""
        named = [hit.feature.customers.get(self.language.id) for hit in self.update.hits]
        titles = [customers.title for customers in named if customers]
        service: str = self.words["service"]
        if len(titles) > MOST_FEATURES or len(titles) < len(named):
            return filled(self.words["feature"]["several"], service=service)
        return self._listed(titles) if titles else service

    def impacts(self) -> list[str]:
        """What customers notice, in sentences: of some features their own, of all others one for what they share."""
        own: list[str] = []
        general: dict[How, list[str]] = {}
        for hit in self.update.hits:
            customers = hit.feature.customers.get(self.language.id)
            if customers and hit.how in customers.noticed:
                own.append(customers.noticed[hit.how])
            elif customers and hit.how is not How.UNKNOWN:
                general.setdefault(hit.how, []).append(customers.title)
        shared = [filled(self.words["feature"][how], title=self._listed(titles)) for how, titles in general.items()]
        return [sentence[:1].upper() + sentence[1:] for sentence in (*shared, *own)]

    def routes(self, everything: str, several: str) -> str:
        """The routes that suffer: `everything` where all do; `several` has {n} and {such} for many."""
        affected = self.update.affected.routes if self.update.affected else ()
        if len(affected) <= MOST_ROUTES:
            return ", ".join(affected) or everything
        return filled(several, n=len(affected), such=", ".join(affected[:MOST_ROUTES]))

    def moment(self, time: datetime) -> str:
        """A time with its day: for customers in the people's zone, for the team in UTC and theirs."""
        local = self._local(time)
        if self.customers:
            day = self._day(local)
            return filled(self.words["time"]["moment"], day=day, clock=self._clock(local))
        utc = time.astimezone(UTC)
        theirs = f"{local:{_form(local, utc)}} {zone_name(local)}"
        return self._beside(f"{utc:{ISO_MINUTE}} UTC", theirs, local)

    def clock(self, time: datetime) -> str:
        """A time of day, in the same zones."""
        local = self._local(time)
        if self.customers:
            return self._clock(local)
        return self._beside(f"{time.astimezone(UTC):{CLOCK}} UTC", f"{local:{CLOCK}} {zone_name(local)}", local)

    def span(self, since: datetime, until: datetime) -> str:
        """From when until when; the day stands there once if it is one."""
        first, last = self._local(since), self._local(until)
        if not self.customers:
            utc = since.astimezone(UTC), until.astimezone(UTC)
            theirs = self._range(first, last, _form(first, utc[0]))
            return self._beside(f"{self._range(*utc, ISO_MINUTE)} UTC", f"{theirs} {zone_name(last)}", last)
        ends = self.moment(since), self.moment(until)
        if first.date() == last.date():
            phrase = self.words["time"]["moment"]
            ends = (
                (self._clock(first), ends[1])
                if phrase.find("{clock}") < phrase.find("{day}")
                else (ends[0], self._clock(last))
            )
        return filled(self.words["time"]["span"], since=ends[0], until=ends[1])

    def every(self, cadence: timedelta) -> str:
        """How often something comes."""
        phrases = self.words["every"]
        if cadence == HOUR:
            return str(phrases["hour"])
        if cadence % HOUR:
            return filled(phrases["minutes"], n=cadence // MINUTE)
        return filled(phrases["hours"], n=cadence // HOUR)

    def sentence(self, text: str) -> str:
        """What a person noted, with the full stop that it may lack."""
        stop = "." if text[-1:].isascii() else self.words["stop"]
        return text + stop if text[-1:].isalnum() else text

    def _local(self, time: datetime) -> datetime:
        return time.astimezone(self.zone)

    def _beside(self, utc: str, theirs: str, local: datetime) -> str:
        """UTC with the people's zone behind it; once where they are the same."""
        return filled(self.words["time"]["beside"], utc=utc, theirs=theirs) if local.utcoffset() else utc

    def _range(self, first: datetime, last: datetime, form: str) -> str:
        # On the night that clocks are put back, the letters tell the two hours apart.
        name = f" {zone_name(first)}" if first.utcoffset() != last.utcoffset() else ""
        return filled(self.words["time"]["range"], since=f"{first:{form}}{name}", until=f"{last:{_form(last, first)}}")

    def _day(self, local: datetime) -> str:
        phrases = self.words["time"]
        return filled(phrases["day"], day=local.day, month=phrases["months"][local.month - 1], year=local.year)

    def _clock(self, local: datetime) -> str:
        return filled(self.words["time"]["clock"], clock=f"{local:{CLOCK}}", zone=zone_name(local))

    def _listed(self, entries: Sequence[str]) -> str:
        phrases = self.words["list"]
        *others, last = [filled(phrases["each"], entry=entry) for entry in entries]
        last_word: str = phrases["last"]
        return last_word.join(filter(None, (phrases["between"].join(others), last)))


def _form(local: datetime, beside: datetime) -> str:
    """How a time is written beside another: without its day, if it is the same."""
    return CLOCK if local.date() == beside.date() else ISO_MINUTE


def zone_name(local: datetime) -> str:
    """The zone's usual letters, such as JST; where it has none, its offset."""
    name = local.tzname() or ""
    if name.isalpha():
        return name
    offset = local.utcoffset() or timedelta()
    minutes = abs(offset) // MINUTE
    return f"UTC{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
