"""HTML is made here and nowhere else: of templates, in which every value is redacted and escaped as it is put in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup

from incident_kit.model.finding import Citation
from incident_kit.model.redaction import REDACTION, redact
from incident_kit.model.times import parse_iso
from incident_kit.model.visible import visible_lines
from incident_kit.view import words

TEMPLATES = Path(__file__).parent / "templates"
LINE_BREAK = re.compile(r"\s*\n\s*")


# Filters whose words are ours.
OURS: tuple[Callable[..., str], ...] = (
    words.clock,
    words.day,
    words.fault,
    words.lasted,
    words.number,
    words.precise_clock,
    words.share,
    words.status,
    words.took,
    words.took_us,
    words.verdict,
)


class Html(Markup):
    """A piece of HTML that shows itself in a notebook."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


class JoinedLines(Extension):
    """A line break in a template, with the blanks around it, is nothing: a blank that is meant stands within a line."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        return map(_joined, stream)


def _joined(token: Token) -> Token:
    if token.type != "data":
        return token
    return Token(token.lineno, token.type, LINE_BREAK.sub("", token.value))


def shown(value: Any) -> Any:
    """A value as it may be shown, to be escaped yet; only what is HTML already, or a number, stays as it is."""
    # Values were redacted when they left the evidence. This catches what did not come from there.
    if isinstance(value, Markup | int | float):
        return value
    return visible_lines(REDACTION.sentence(str(value)))


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        extensions=[JoinedLines],
    )
    made.filters.update({function.__name__: _ours(function) for function in OURS})
    made.filters.update(
        file_name=words.file_name,
        in_words=words.citation,
        given=words.given,
        moment=parse_iso,
        redacted=redact,
        kind=_kind,
    )
    made.tests.update(answered=words.is_answer)
    made.globals.update(count=_ours(words.count), NONE=words.NONE)
    return made


def _ours(function: Callable[..., str]) -> Callable[..., Markup]:
    """The same as HTML: words and figures of ours, in which nothing is to be redacted or escaped."""
    return lambda *values: Markup(function(*values))  # noqa: S704  # nothing in them is from outside


def _kind(cited: Citation) -> str:
    return type(cited).__name__.lower()


ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> Html:
    """What the template of that name makes of the values."""
    return Html(ENVIRONMENT.get_template(f"{template}.html.j2").render(values))


def already_html(text: str) -> Html:
    """What was made elsewhere, of redacted and escaped text: a drawing, a cell's output."""
    return Html(text)
