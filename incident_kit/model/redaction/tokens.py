"""Tokens of vendors, which begin in a way of their own; `tokens.toml` holds them.

There are many of them, and most texts hold none. So a text is not searched for each: long runs of letters, digits and
what stands between them in tokens are looked for first, and a prefix within those.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from incident_kit.model.redaction.runs import runs
from incident_kit.model.redaction.span import Span


class Token(NamedTuple):
    """How the tokens of a vendor look: what one of them begins with, and all of it."""

    vendor: str
    kind: str
    prefixes: tuple[str, ...]
    pattern: re.Pattern[str]
    documentation: str
    samples: tuple[str, ...]


def _tokens() -> Iterator[Token]:
    for token in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["token"]:
        yield Token(
            token["vendor"],
            token["kind"],
            tuple(token["prefixes"]),
            re.compile(token["pattern"], re.ASCII),
            token["documentation"],
            tuple(token["samples"]),
        )


TOKENS: tuple[Token, ...] = tuple(_tokens())
# Samples are written with this in their middle.
BREAK = "¦"
PREFIXES = sorted({prefix for token in TOKENS for prefix in token.prefixes}, key=len, reverse=True)
BY_PREFIX = {prefix: [token for token in TOKENS if prefix.startswith(token.prefixes)] for prefix in PREFIXES}
PREFIX = re.compile(f"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, PREFIXES))})")
IN_TOKENS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
OF_PREFIXES = frozenset("".join(PREFIXES)) - frozenset(IN_TOKENS)
FEWEST = 16
LONGEST_PREFIX = max(map(len, PREFIXES))


def found(text: str) -> Iterator[Span]:
    """Every token of a vendor."""
    done = 0
    for start, end in runs(text, IN_TOKENS, FEWEST):
        # A prefix may hold a sign that tokens do not.
        if text[start - 1 : start] in OF_PREFIXES:
            start -= LONGEST_PREFIX
        for prefix in PREFIX.finditer(text, max(0, start), end):
            for token in BY_PREFIX[prefix[0]] if prefix.start() >= done else ():
                if match := token.pattern.match(text, prefix.start()):
                    done = match.end()
                    yield Span(*match.span(), token.kind)
