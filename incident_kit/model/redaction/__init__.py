"""Secrets and personal data are taken out here, on the way from stored bytes to anything a person sees.

The preserved bytes stay whole. What is replaced becomes a mark: `[redacted:email]`, so a reader knows what kind of thing
stood there, or with an incident's key `[email:3fa9c1]`, so that equal values are recognised within that incident and
nowhere else. Three detectors say where secrets stand:

- `names`: values under a secret's name, in whatever notation and depth of escaping (headers, forms, JSON, DSN parts)
- `shapes`: what is known by its own form (tokens of vendors, JWT, PEM, credentials in addresses, e-mail)
- `numbers`: telephones, payment cards, SIM cards; IP addresses where they are chosen

All of them take time linear in the text, on hostile text too.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incident_kit.model.redaction import names, numbers, shapes
from incident_kit.model.redaction.names import kind_of_name
from incident_kit.model.redaction.span import Span
from incident_kit.model.redaction.sql import without_literals

__all__ = ["REDACTION", "Redaction", "Span", "kind_of_name", "redact", "redact_tree", "without", "without_literals"]

HASH_BYTES = 3
# Names under which the value goes whatever it is.
WHOLE_VALUES = {"secret": "secret", "person": "person", "phone": "phone", "sim": "iccid"}
# Ids and times, which are most of what a log's fields hold: no name and no shape is made of these alone.
PLAIN = re.compile(r"[0-9a-f-]*+")
MARK = re.compile(r"\[(?:redacted:[a-z-]{2,20}|(?!redacted)[a-z-]{2,20}:[0-9a-f]{6})\]")
# Telephone numbers and cards are the same number however they are grouped, addresses however they are capitalised.
GROUPING = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Redaction:
    """How texts are redacted: with which key equal values stay recognisable (none: they do not), and whether IP addresses go too."""

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
        while spans := self.spans(text):
            shown = self.marked(text, spans)
            if not any(_touches(text, span) for span in spans):
                return shown
            text = shown  # and again: a neighbour that was no secret of its own now stands free
        return text

    def marked(self, text: str, spans: Iterable[Span]) -> str:
        """The text with marks where the spans are."""
        parts, done = [], 0
        for span in spans:
            parts += [text[done : span.start], span.around, self.mark(span.kind, text[span.start : span.end]), span.around]
            done = span.end
        return "".join([*parts, text[done:]])

    def spans(self, text: str) -> list[Span]:
        """Where secrets stand in the text, in order and without overlaps; marks are none."""
        found = sorted(self._found(text))
        if not found:
            return found
        joined: list[Span] = []
        for span in found:
            if joined and span.start < joined[-1].end:
                joined[-1] = joined[-1]._replace(end=max(span.end, joined[-1].end))
            else:
                joined.append(span)
        return [part for span in joined for part in _between_marks(text, span)]

    def _found(self, text: str) -> Iterator[Span]:
        if PLAIN.fullmatch(text):
            yield from numbers.found(text)
            return
        if ":" in text or "=" in text or ">" in text or "%3" in text:
            yield from names.found(text)
        yield from shapes.found(text)
        yield from numbers.found(text)
        if self.ip_addresses:
            yield from numbers.internet_addresses(text)

    def mark(self, kind: str, value: str) -> str:
        """What stands in place of a value: its kind, and with a key six hex digits of its keyed hash."""
        if not self.key:
            return f"[redacted:{kind}]"
        same = GROUPING.sub("", value) if kind in ("phone", "card") else value.replace("%40", "@").lower() if kind == "email" else value
        return f"[{kind}:{hashlib.blake2b(same.encode('utf-8', 'surrogatepass'), key=self.key, digest_size=HASH_BYTES).hexdigest()}]"

    def tree(self, value: Any, secrets: Sequence[str] = ()) -> Any:
        """Nested data without the secrets in its texts, whatever stands under a secret's name, and these very values.

        What JSON cannot hold becomes text, and a number that is none becomes None.

        >>> Redaction().tree({"token": "abc", "note": "as user:hunter22"}, ["hunter22"])
        {'token': '[redacted:secret]', 'note': 'as user:[redacted:secret]'}
        """
        if isinstance(value, str):
            return self.text(without(value, secrets))
        if isinstance(value, Mapping):
            return {self.text(without(str(name), secrets)): self._under(str(name), part, secrets) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(part, secrets) for part in value]
        if value is None or isinstance(value, int | float):
            return None if isinstance(value, float) and not math.isfinite(value) else value
        return self.text(without(str(value), secrets))

    def _under(self, name: str, value: Any, secrets: Sequence[str]) -> Any:
        kind = kind_of_name(name)
        hides = kind in WHOLE_VALUES and isinstance(value, str | int | float) and not isinstance(value, bool) and not MARK.fullmatch(str(value))
        return self.mark(WHOLE_VALUES[kind], str(value)) if hides else self.tree(value, secrets)


def _touches(text: str, span: Span) -> bool:
    """Whether something directly beside a span may have been taken for a part of it."""
    return any(beside.isalnum() or beside in "+%-_./:@=!" for beside in (text[max(0, span.start - 1) : span.start], text[span.end : span.end + 1]) if beside)


def _between_marks(text: str, span: Span) -> Iterator[Span]:
    """The parts of a span that are not marks of an earlier redaction."""
    if text.find("[", max(0, span.start - 30), span.end) < 0:
        yield span
        return
    at = span.start
    for mark in MARK.finditer(text, max(0, span.start - 30), span.end + 30):
        if mark.end() > span.start and mark.start() < span.end:
            yield from _with_words(text, span._replace(start=at, end=mark.start()))
            at = mark.end()
    yield from _with_words(text, span._replace(start=at))


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
