"""Secrets in sentences and tables: `the password is ...`, `your verification code is ...`, a cell beside its name.

A sentence that only names a secret is left as it is: what stands behind the name must look like one (`looks`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from incident_kit.model.redaction import looks
from incident_kit.model.redaction.span import Span

# The ends of the names, in lower case, and what may stand behind one in a sentence.
NAME_ENDS = ("pass", "password", "passwd", "phrase", "passcode", "pwd", "secret", "token", "key", "credential", "auth")
BEHIND_NAME = frozenset(" \t\n\rs\\")
# How far before its end a name begins.
LONGEST_NAME = 24
CODE_ENDS = ("code", "otp", "pin", "time password", "time-password")
LONGEST_CODE_NAME = 32
NAME = (
    r"(?:pass(?:word|wd|phrase|code)?s?|pwd|(?:client|shared|api|app|webhook|consumer|signing)[ _-]?secret|secret|"
    r"(?:access|refresh|api|bearer|session|auth|bot|id|csrf|reset|personal access|service|deploy)[ _-]?token|token|"
    r"(?:api|access|secret|private|encryption|signing|auth|shared|license|master|account)[ _-]?key|credentials?|AUTH)"
)
# What may stand between: what it is for, and that it is, was, or is set to what follows.
FILLER = (
    r"(?:for|of)\s{1,3}(?:(?:the|user|account|client|admin|customer)\s{1,3}){0,2}[^\s:,;]{1,80}"
    r"|value|which|that|has|been|set|changed|updated|reset|rotated|generated|now|new|used|sent|given|provided|received"
    r"|supplied|entered|temporary|initial|default|again|here"
)
SURE = r"is|was|are|be|to|as|equals|=|:|->|=>|:=|→"
SENTENCE = re.compile(
    rf"(?<![\w./-]){NAME}(?:\s{{0,3}}(?:(?<=\s)(?:{FILLER})(?=[\s:=])|(?P<sure>(?:{SURE}|\t|\n)(?=\s))|(?P<tab>\\{{1,3}}[tn]))){{0,7}}+"
    r"(?:[ \t\r\n]{1,4}|(?<=\\[tn]))(?P<quote>\\{0,3}[\"'`]|[(\[<])?(?P<value>[^\s\"'`<>]{4,512})",
    re.ASCII | re.IGNORECASE,
)
NAME_BEHIND = re.compile(rf"(?<![\w./-]){NAME}(?=s?\Z)", re.ASCII | re.IGNORECASE)
CODE = (
    r"(?:(?:verification|security|confirmation|log-?in|sign-?in|authentication|one[- ]time|access|activation|2fa|mfa|"
    r"two-factor|sms|otp|recovery|backup|reset|unlock|pairing)[ -](?:pass)?(?:code|pin|password)|pass-?code|otp|"
    r"pin(?:[ -]code)?)"
)
DIGITS = r"(?:\d{4,8}|\d{2,4}[ -]\d{3,4}|[A-Z]-\d{4,8}|(?=[A-Z]{0,9}\d)[A-Z0-9]{5,10})(?![\w-]|[.:]\d)"
CODE_NAME = re.compile(rf"(?<![\w./-]){CODE}\Z", re.ASCII | re.IGNORECASE)
ONE_TIME = re.compile(
    rf"(?:\s{{1,3}}(?:{FILLER})(?=[\s:=])){{0,3}}+(?:\s{{0,3}}(?:{SURE})(?=\s))?\s{{1,3}}[\"'`]?(?P<value>{DIGITS})",
    re.ASCII | re.IGNORECASE,
)
BEFORE_ITS_NAME = re.compile(
    r"(?<![\w.:-])(?P<value>\d{4,8}|\d{3}[ -]\d{3}) (?:is|as|for|to)\b[^\n.]{0,60}?\s\Z", re.ASCII | re.IGNORECASE
)


def found(text: str) -> Iterator[Span]:
    """Secrets that a sentence tells."""
    lower, done = text.lower(), 0
    for name_end in sorted(_name_ends(text, lower)):
        for name in NAME_BEHIND.finditer(text, max(done, name_end - LONGEST_NAME), name_end):
            if (sentence := SENTENCE.match(text, name.start())) and name.start() >= done:
                surely = bool(sentence["sure"] or sentence["tab"] or sentence["quote"])
                value = sentence["value"].rstrip(".,;:!?)]}\\")
                if looks.is_secret(value, surely):
                    start = done = sentence.start("value")
                    yield Span(start, start + len(value), "secret")
                break
    for end in _places_behind(lower, CODE_ENDS):
        yield from _one_time(text, end)


def _one_time(text: str, name_end: int) -> Iterator[Span]:
    """A one-time code behind its name or before it."""
    behind = text[name_end : name_end + 1]
    if behind.isalnum() or not (name := CODE_NAME.search(text, max(0, name_end - LONGEST_CODE_NAME), name_end)):
        return
    code = ONE_TIME.match(text, name_end) or BEFORE_ITS_NAME.search(text, max(0, name.start() - 90), name.start())
    if code and any(map(str.isdigit, code["value"])):
        yield Span(*code.span("value"), "secret")


def _name_ends(text: str, lower: str) -> Iterator[int]:
    """The places behind what may be the end of a secret's name with a blank behind it."""
    if len(lower) != len(text):  # letters that are two in lower case
        lower = text
    for place in _places_behind(lower, NAME_ENDS):
        if lower[place : place + 1] in BEHIND_NAME:
            yield place + (lower[place : place + 1] == "s")


def _places_behind(text: str, words: Sequence[str]) -> Iterator[int]:
    for word in words:
        place = text.find(word)
        while place >= 0:
            yield place + len(word)
            place = text.find(word, place + len(word))
