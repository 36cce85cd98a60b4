"""Secrets and personal data are taken out here, on the way from stored bytes to anything a person sees.

The preserved bytes stay whole. What is replaced becomes `[redacted:KIND]`, so a reader knows what kind of thing
stood there. Every pattern runs in linear time: quantifiers are bounded, or their classes exclude what follows.

What is looked for, and where it really turns up in logs of this stack:

- authorization and cookie headers: pino-http writes them on every line of a request
- JSON web tokens, session ids, PEM keys, Salesforce sessions and consumer keys
- passwords in connection URLs (Prisma and ioredis print them), in SQL, in form bodies
- `command.args` of an ioredis error: it carries the password of AUTH and the values of SET
- WHMCS `identifier` and `secret`, Freebit `oemKey` and `authKey`: axios errors carry the request body
- e-mail addresses, telephone numbers, SIM numbers (ICCID, EID, IMSI), payment cards
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SECRET_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|(?:client|api|access|auth|private|oem)[_-]?(?:key|secret)|"
    r"(?:(?:access|refresh|id|bearer|csrf|xsrf|session|reset|verification|auth)[_-]?)?token|"
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|session[_-]?id|sid|assertion|signature|otp|pin|jwt|"
    r"identifier|reserve[_-]?(?:number|no)|cvv|cvc|card(?:[_-]?(?:number|num|no))?|pan"
)
# A name may be the end of a longer one: WHMCS_API_SECRET, x-csrf-token.
NAME = rf"(?:[\w.-]{{0,24}}[_.-])?(?:{SECRET_NAMES})"

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret: the pattern, and what replaces it."""

    kind: str
    pattern: re.Pattern[str]
    replacement: Replacement


def _keep(kind: str) -> str:
    """Keep group `keep`, replace the rest of the match."""
    return rf"\g<keep>[redacted:{kind}]"


def _quoted(kind: str) -> Callable[[re.Match[str]], str]:
    """Keep group `keep`, and put the replacement between the quotes the value had (escaped ones too)."""

    def replace(match: re.Match[str]) -> str:
        quote = match["quote"] or '"'
        return f"{match['keep']}{quote}[redacted:{kind}]{quote}"

    return replace


def _number(match: re.Match[str]) -> str:
    kind = kind_of_number(match[0])
    return f"[redacted:{kind}]" if kind else match[0]


RULES: tuple[Rule, ...] = (
    Rule("key", re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|CERTIFICATE)-----(?:(?!-----END )[\s\S])*(?:-----END [A-Z0-9 ]{1,50}-----)?"), "[redacted:key]"),
    Rule("credentials", re.compile(r"\b(?P<keep>[a-z][a-z0-9+]{1,15}://)[^\s/@\"'<>\\]{0,512}@", re.I), r"\g<keep>[redacted:credentials]@"),
    Rule("redis-command", re.compile(r"(?P<keep>[\"']?command[\"']?\s{0,4}:\s{0,4}\{(?:[^{}\[\]]{0,200},)?\s{0,4}[\"']?args[\"']?\s{0,4}:\s{0,4}\[)(?:[^\]\"'\\]|\\.|\"(?:[^\"\\]|\\.)*(?:\"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$))*\\?(?:\]|$)", re.S), r'\g<keep>"[redacted:redis-command]"]'),
    Rule("redis-command", re.compile(r"(?P<keep>[\"']?args[\"']?\s{0,4}:\s{0,4}\[[^\]\[]{0,80}?[\"']AUTH[\"']\s{0,4},)[^\]\[]{0,2000}\]", re.I), r"\g<keep>[redacted:redis-command]]"),
    Rule("token", re.compile(r"\b(?P<keep>(?:Bearer|Basic|Negotiate|Digest|OAuth)\s{1,4})(?=[A-Za-z0-9._~+/!=-]{0,200}[0-9=.+/])[A-Za-z0-9._~+/!=-]{6,}"), _keep("token")),
    Rule("jwt", re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]{0,})?"), "[redacted:jwt]"),
    Rule("secret", re.compile(rf"(?P<keep>(?:\\{{1,3}})?[\"']{NAME}(?:\\{{1,3}})?[\"']\s{{0,4}}:\s{{0,4}})(?P<quote>\\{{1,3}}\"|\\{{1,3}}')(?:(?!(?P=quote)).)*(?P=quote)", re.I), _quoted("secret")),
    Rule("secret", re.compile(rf"(?P<keep>(?:[\"']{NAME}[\"']|\b{NAME})\s{{0,4}}:\s{{0,4}})(?P<quote>[\"'])(?:(?!(?P=quote))[^\\]|\\.)*(?:(?P=quote)|$)", re.I | re.S), _quoted("secret")),
    Rule("secret", re.compile(rf"(?P<keep>(?:\\{{1,3}})?[\"']{NAME}(?:\\{{1,3}})?[\"']\s{{0,4}}:\s{{0,4}})(?P<quote>)(?:\[[^\]]{{0,4000}}\]|-?\d[\d.]*)", re.I), _quoted("secret")),
    Rule("secret", re.compile(rf"(?P<keep>%22{NAME}%22(?:\+|%20){{0,4}}(?:%3A|:)(?:\+|%20){{0,4}}%22)(?:%5C(?:%[0-9A-F]{{2}}|.)|(?!%22|%5C)[^\s\"&])*", re.I), _keep("secret")),
    Rule("secret", re.compile(rf"(?P<keep>(?:^|[?&;,\s\"'(]){NAME}=)[^&\s\"'<>;,)\\]+", re.I), _keep("secret")),
    Rule("secret", re.compile(r"(?P<keep>(?:\b|(?<=\\n)|(?<=\\r))(?:(?:Proxy-)?Authorization|(?:Set-)?Cookie|X-Api-Key):[ \t]{1,4})[^\r\n\\\"']+", re.I), _keep("secret")),
    Rule("secret", re.compile(r"(?P<keep>\bpassword\s{1,4}(?:=\s{0,4})?)'(?:[^']|'')*'", re.I), _keep("secret")),
    Rule("salesforce", re.compile(r"\b00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?:!|%21)[A-Za-z0-9._]{20,}"), "[redacted:salesforce]"),
    Rule("salesforce", re.compile(r"\b3MVG9[A-Za-z0-9._]{40,}"), "[redacted:salesforce]"),
    Rule("session", re.compile(r"\bs(?:%3A|:)[A-Za-z0-9_-]{6,}\.[A-Za-z0-9%+/_-]{6,}"), "[redacted:session]"),
    Rule("aws", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "[redacted:aws]"),
    Rule("email", re.compile(r"(?<![\w.+%-])[A-Za-z0-9._%+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}(?![\w-])"), "[redacted:email]"),
    Rule("number", re.compile(r"(?:(?<![\w.+-])|(?<=%22))\+?\d[\d -]{8,34}\d(?![\w-]|\.\d)"), _number),
)  # fmt: skip


def redact(text: str) -> str:
    """The text with every secret replaced by `[redacted:KIND]`.

    >>> redact("redis://:hunter2@cache:6379 refused us")
    'redis://[redacted:credentials]@cache:6379 refused us'
    """
    for rule in RULES:
        text = rule.pattern.sub(rule.replacement, text)
    return text


# Names in double quotes and $1 stay; texts, numbers and comments may hold anything. What is cut off in the middle runs to the end.
SQL_PARTS = re.compile(
    r"(?P<name>\"(?:[^\"]|\"\")*\"|\$\d+|\b[A-Za-z_]\w*\b(?!'))|[eE]'(?:[^'\\]|\\.|'')*(?:'|\\?$)|(?:\b[bBxXnN])?'(?:[^']|'')*(?:'|$)|"
    r"(?P<tag>\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?(?:(?P=tag)|$)|(?P<comment>--[^\n]*|/\*[\s\S]*?(?:\*/|$))|\b\d[\w.]*"
)


def without_literals(sql: str) -> str:
    """A statement with every text and number in it as `?` and without comments: what it does, not to whom.

    >>> without_literals("select * from users where email = 'a@x.jp' and id = 42 limit $1 -- mine")
    'select * from users where email = ? and id = ? limit $1 '
    """
    return SQL_PARTS.sub(lambda match: match[0] if match["name"] else "" if match["comment"] else "?", sql)


SECRET_KEY = re.compile(NAME, re.I)


def redact_tree(value: Any, secrets: Sequence[str] = ()) -> Any:
    """Nested data without the secrets in its texts, whatever stands under a secret's name, and these very values.

    What JSON cannot hold becomes text, and a number that is none becomes None.

    >>> redact_tree({"token": "abc", "note": "as user:hunter22"}, ["hunter22"])
    {'token': '[redacted:secret]', 'note': 'as user:[redacted:secret]'}
    """
    if isinstance(value, str):
        return redact(without(value, secrets))
    if isinstance(value, Mapping):
        return {
            redact(without(str(key), secrets)): "[redacted:secret]"
            if SECRET_KEY.fullmatch(str(key)) and isinstance(part, str | int | float) and not isinstance(part, bool)
            else redact_tree(part, secrets)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_tree(part, secrets) for part in value]
    if value is None or isinstance(value, int | float):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    return redact(without(str(value), secrets))


def without(text: str, secrets: Sequence[str]) -> str:
    """The text without these known values, whatever stands around them."""
    for secret in secrets:
        text = text.replace(secret, "[redacted:secret]") if secret else text
    return text


JAPANESE_MOBILE = re.compile(r"(?:\+?81|0)[6-9]0\d{8}")
JAPANESE_LANDLINE = re.compile(r"0[1-9]\d{8}")
CARD_PREFIX = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}"
)


def kind_of_number(text: str) -> str | None:
    """What a long number is, or None where it is nobody's: epochs, order numbers and sizes stay as they are.

    ICCID by ITU-T E.118, IMSI for Japan (440, 441), cards by their prefix and the Luhn sum.
    """
    digits = re.sub(r"[ -]", "", text)
    number = digits.lstrip("+")
    if re.fullmatch(r"89\d{17,18}", number):
        return "iccid"
    if re.fullmatch(r"89\d{30}", number):
        return "eid"
    if CARD_PREFIX.fullmatch(number) and luhn(number):
        return "card"
    if JAPANESE_MOBILE.fullmatch(digits) or (text.count("-") == 2 and JAPANESE_LANDLINE.fullmatch(number)) or re.fullmatch(r"\+\d{9,15}", digits):
        return "phone"
    return "imsi" if re.fullmatch(r"44[01]\d{12}", number) else None


def luhn(number: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
