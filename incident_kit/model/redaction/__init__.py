"""Secrets and personal data are taken out here, on the way from stored bytes to anything a person sees.

The preserved bytes stay whole. What is replaced becomes a mark: `[redacted:email]`, so a reader knows what kind of
thing stood there. With an incident's key it is `[email:3fa9c1]`: equal values are recognised within that incident and
nowhere else. Detectors say where secrets stand:

- `names`: values under a secret's name, in whatever notation and depth of escaping (headers, forms, JSON, DSN parts,
  pairs of name and value); `labels` the same for labels in Japanese; `columns` in statements and tables
- `shapes`: what is known by its own form (JWT, PEM, credentials in addresses, e-mail, options of command lines);
  `tokens` those of vendors
- `numbers`: telephones, payment cards, SIM cards, bank accounts; IP addresses where they are chosen
- `prose`: what a sentence tells (`the password is ...`), where `looks` says that it looks like a secret

`readings` takes off what is around a text: escapes, entities, look-alike letters, base64, hex, lists of bytes.
All of them take time linear in the text, on hostile text too.

What was redacted is at rest: redacted again it stays as it is. Each round hides more of what is no mark, until a look
finds nothing more. A text whose every round sets another secret free ends as a mark.

A sentence of ours is made of values that were redacted when they left the evidence. `sentence` looks through it: there
a name, a colon and a blank are prose (`POST /oauth/token: 2.0 s on average`). Every other notation and shape goes.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incident_kit.model.redaction import columns, labels, names, numbers, prose, readings, shapes, tokens
from incident_kit.model.redaction.names import kind_of_name
from incident_kit.model.redaction.span import Span
from incident_kit.model.redaction.statements import without_literals

__all__ = ["REDACTION", "Redaction", "Span", "kind_of_name", "redact", "redact_tree", "without", "without_literals"]

HASH_BYTES = 3
# Rounds in which only what was found is hidden, then those in which the whole line goes.
ROUNDS, LINE_ROUNDS = 8, 4
# How many encodings around a secret are taken off.
MOST_WRAPPINGS = 4
# Names under which the value goes whatever it is.
WHOLE_VALUES = {"secret": "secret", "person": "person", "phone": "phone", "sim": "iccid"}
# Ids and times, which are most of what a log's fields hold: no name and no shape is made of these alone.
PLAIN = re.compile(r"[0-9a-f-]*+")
MARK = re.compile(r"\[(?:redacted:[a-z-]{2,20}|(?!redacted)[a-z-]{2,20}:[0-9a-f]{6})\]")
# Telephone numbers and cards are the same number however they are grouped, addresses however they are capitalised.
GROUPING = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Redaction:
    """How texts are redacted.

    `key` keeps equal values recognisable; without one they are not. `ip_addresses`: whether those go too.
    """

    key: bytes = field(default=b"", repr=False)
    ip_addresses: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key.hex(), "ip_addresses": self.ip_addresses}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Redaction:
        return cls(bytes.fromhex(data["key"]), data["ip_addresses"])

    def text(self, text: str) -> str:
        """The text with every secret replaced by its mark.

        >>> Redaction().text("redis://:hunter2@cache:6379 refused us")
        'redis://[redacted:credentials]@cache:6379 refused us'
        """
        return self._at_rest(text, self.spans)

    def sentence(self, text: str) -> str:
        """A sentence of ours without the secrets that slipped into it.

        >>> Redaction().sentence("POST /oauth/token: 2.0 s; password=hunter2")
        'POST /oauth/token: 2.0 s; password=[redacted:secret]'
        """
        return self._at_rest(text, self.spans_in_sentence)

    def _at_rest(self, text: str, spans_of: Callable[[str], list[Span]]) -> str:
        """The text with marks for what is found, again and again: a secret gone may set its neighbour free."""
        for number in range(ROUNDS + LINE_ROUNDS):
            spans = spans_of(text)
            if not spans:
                return text
            text = self.marked(text, spans if number < ROUNDS else _lines_around(text, spans))
        return text if not spans_of(text) else self.mark("text", text)

    def marked(self, text: str, spans: Iterable[Span]) -> str:
        """The text with marks where the spans are."""
        parts, done = [], 0
        for span in spans:
            parts += [
                text[done : span.start],
                span.around,
                self.mark(span.kind, text[span.start : span.end]),
                span.around,
            ]
            done = span.end
        return "".join([*parts, text[done:]])

    def spans(self, text: str) -> list[Span]:
        """Where secrets stand in the text, in order and without overlaps; marks are none."""
        return self._spans(text, in_sentence=False)

    def spans_in_sentence(self, text: str) -> list[Span]:
        """The same in a sentence of ours."""
        return self._spans(text, in_sentence=True)

    def _spans(self, text: str, in_sentence: bool) -> list[Span]:
        overlapping = sorted(self._found(text, in_sentence))
        joined: list[Span] = []
        for span in overlapping:
            if joined and span.start < joined[-1].end:
                joined[-1] = joined[-1]._replace(end=max(span.end, joined[-1].end))
            else:
                joined.append(span)
        return [part for span in joined for part in _between_marks(text, span)]

    def _found(self, text: str, in_sentence: bool, wrapped: int = 0) -> Iterator[Span]:
        """Every secret in a text, and in what it says where it is written otherwise."""
        if PLAIN.fullmatch(text):
            yield from numbers.found(text)
            return
        if ":" in text or "=" in text or ">" in text or "%3" in text or "," in text:
            yield from names.found(text, in_sentence)
        yield from shapes.found(text)
        yield from tokens.found(text)
        yield from numbers.found(text)
        yield from columns.found(text)
        if not in_sentence:
            yield from prose.found(text)
            yield from labels.found(text)
        if self.ip_addresses:
            yield from numbers.internet_addresses(text)
        if wrapped < MOST_WRAPPINGS:
            yield from self._found_within(text, in_sentence, wrapped + 1)

    def _found_within(self, text: str, in_sentence: bool, wrapped: int) -> Iterator[Span]:
        for reading in readings.readings(text):
            for span in self._found(reading.text, in_sentence, wrapped):
                if any(map(str.isalnum, reading.text[span.start : span.end])):
                    yield reading.place(span)
        for start, end, content in readings.encoded(text):
            if within := next(self._found(content, in_sentence, wrapped), None):
                yield Span(start, end, within.kind)
            elif readings.is_basic(content):
                yield Span(start, end, "credentials")

    def mark(self, kind: str, value: str) -> str:
        """What stands in place of a value: its kind, and with a key six hex digits of its keyed hash."""
        if not self.key:
            return f"[redacted:{kind}]"
        same = (
            GROUPING.sub("", value)
            if kind in ("phone", "card")
            else value.replace("%40", "@").lower()
            if kind == "email"
            else value
        )
        data = same.encode("utf-8", "surrogatepass")
        return f"[{kind}:{hashlib.blake2b(data, key=self.key, digest_size=HASH_BYTES).hexdigest()}]"

    def tree(self, value: Any, secrets: Sequence[str] = ()) -> Any:
        """Nested data without the secrets in its texts, whatever stands under a secret's name, and these very values.

        What JSON cannot hold becomes text, and a number that is none becomes None.

        >>> Redaction().tree({"token": "abc", "note": "as user:hunter22"}, ["hunter22"])
        {'token': '[redacted:secret]', 'note': 'as user:[redacted:secret]'}
        """
        if isinstance(value, str):
            return self.text(without(value, secrets))
        if isinstance(value, Mapping):
            shown = [(self.text(without(str(name), secrets)), part) for name, part in value.items()]
            paired = next(filter(None, (names.kind_of_pair(name, part) for name, part in shown)), "")
            return {
                name: self._hidden(part, paired)
                if paired and names.UNDER_PAIR.fullmatch(name) and _is_value(part)
                else self._under(name, part, secrets)
                for name, part in shown
            }
        if isinstance(value, list | tuple):
            return self._list(value, secrets)
        if value is None or isinstance(value, int | float):
            return None if isinstance(value, float) and not math.isfinite(value) else value
        return self.text(without(str(value), secrets))

    def _list(self, values: Sequence[Any], secrets: Sequence[str]) -> Any:
        """A list, which may hold the bytes of a text, or headers and their values in turn."""
        if len(values) >= readings.SHORTEST_BYTES and all(type(value) is int for value in values):
            written = str(list(values))
            return list(values) if (shown := self.text(written)) == written else shown
        before = ["", *values]
        return [
            self._hidden(value, "secret")
            if isinstance(name, str) and _is_value(value) and names.is_header(name)
            else self.tree(value, secrets)
            for name, value in zip(before, values, strict=False)
        ]

    def _hidden(self, value: Any, kind: str) -> str:
        shown = str(value)
        return shown if MARK.fullmatch(shown) else self.mark(WHOLE_VALUES.get(kind, kind), shown)

    def _under(self, name: str, value: Any, secrets: Sequence[str]) -> Any:
        kind = kind_of_name(MARK.sub("", name))
        if kind in WHOLE_VALUES and _is_value(value):
            return self._hidden(value, kind)
        if kind == "secret" and isinstance(value, list | tuple) and all(map(_is_value, value)):
            return [self._hidden(part, kind) for part in value]
        return self.tree(value, secrets)


def _is_value(value: Any) -> bool:
    """Whether this is a text or a number, which a secret's name hides whole."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _lines_around(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """What is no mark in the lines that the spans stand in."""
    done = 0
    for span in spans:
        start, end = max(text.rfind("\n", 0, span.start) + 1, done), text.find("\n", span.end)
        done = len(text) if end < 0 else end
        yield from _between_marks(text, span._replace(start=start, end=done, around="")) if start < done else ()


def _between_marks(text: str, span: Span) -> Iterator[Span]:
    """The parts of a span that are not marks of an earlier redaction."""
    if text.find("[", max(0, span.start - 30), span.end) < 0:
        yield span
        return
    hidden_until = span.start
    for mark in MARK.finditer(text, max(0, span.start - 30), span.end + 30):
        if mark.end() > span.start and mark.start() < span.end:
            yield from _with_words(text, span._replace(start=hidden_until, end=mark.start()))
            hidden_until = mark.end()
    yield from _with_words(text, span._replace(start=hidden_until))


def _with_words(text: str, span: Span) -> Iterator[Span]:
    if span.start < span.end and any(character.isalnum() for character in text[span.start : span.end]):
        yield span


def without(text: str, secrets: Sequence[str]) -> str:
    """The text without these known values, whatever stands around them."""
    for secret in secrets:
        text = text.replace(secret, "[redacted:secret]") if secret else text
    return text


REDACTION = Redaction()
redact, redact_tree = REDACTION.text, REDACTION.tree
