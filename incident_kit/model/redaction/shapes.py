"""Secrets that are known by their own shape, wherever they stand: tokens of vendors, keys, credentials in addresses, e-mail.

A shape is looked for only in texts that hold one of its marks, which most texts do not: one of them must be part of
everything its pattern matches. Where a pattern ignores case, its marks are in lower case and so is what they are looked for in. Group `secret` is what goes; without that group, all of the match.

Where no repetition without an upper bound can be given back, and nothing that may fail stands behind one, the time a search
takes is linear in the text: `tests/model/test_redaction.py` holds every pattern of this package to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from incident_kit.model.redaction.span import Span


class Shape(NamedTuple):
    """One kind of secret: the marks of which one must be there, and the pattern."""

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(kind: str, marks: str, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> Shape:
    return Shape(kind, tuple(marks.split()), re.compile(pattern, flags | re.ASCII))


SHAPES: tuple[Shape, ...] = (
    _shape("key", "-----BEGIN", r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY(?: BLOCK)?|CERTIFICATE)-----(?:[^-]|-(?!----END ))*+(?:-----END [A-Z0-9 ]{1,50}-----)?+"),
    _shape("key", "age-secret-key-1", r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}+", re.I),
    _shape("credentials", "://", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}:(?:\\?/){2}(?P<secret>(?=[^\s/@\"'<>\\]{0,512}:|[^\s/@\"'<>\\]{16})[^\s/@\"'<>\\]{0,512}(?:@[^\s/@\"'<>\\]{1,128}(?=@)){0,3}|[^\s/@:\"'<>\\]{0,64}:(?!\d{1,5}(?:[/?#]|$))[^\s@\"'<>\\]{1,256})@"),
    _shape("token", "Bearer bearer BEARER Basic Negotiate Digest OAuth", r"\b(?:[Bb]earer|BEARER|Basic|Negotiate|Digest|OAuth)\s{1,4}(?=[A-Za-z_~!+/-]{0,400}(?:[0-9]|\.[A-Za-z0-9]|={1,2}(?![\w\"'=])))(?P<secret>[A-Za-z0-9._~+/!=-]{6,}+)"),
    _shape("jwt", "eyJ", r"(?<![\w-])eyJ[A-Za-z0-9_-]{5,4000}+\.(?:\.)?+[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+){0,3}+"),
    _shape("password", "password identified", r"\b(?:password|identified\s{1,4}by)\s{1,4}'(?P<secret>(?:[^']|'')*+)", re.I),
    _shape("password", "requirepass masterauth", r"\b(?:requirepass|masterauth)[\"']?+\s{1,4}[\"']?+(?P<secret>[^\s\"']++)", re.I),
    _shape("password", "\"auth\" 'auth'", r"[\"']auth[\"']\s{1,4}(?P<secret>[\"'][^\r\n]++)", re.I),
    _shape("password", "SCRAM-SHA-256$", r"SCRAM-SHA-256\$\d{1,9}+:[A-Za-z0-9+/=:$]++"),
    _shape("password", "md5 $2 $argon2", r"(?<![\w$])(?:md5[0-9a-f]{32}(?![0-9a-f])|\$2[abxy]\$\d\d\$[A-Za-z0-9./]{53}|\$argon2(?:id?|d)\$[\w$,=+/.-]++)"),
    _shape("password", "--", r"(?<!\S)--(?:[\w-]{0,40}-)?(?:password|passwd|pass|pwd|token|secret|api-?key|auth)\s{1,4}(?P<secret>[^\s-][^\s]*+)", re.I),
    _shape("password", "curl redis-cli", r"(?:\bcurl\b[^\r\n|]{0,200}?\s(?:-u|--user)\s{0,4}|\bredis-cli\b[^\r\n|]{0,200}?\s(?:-a|--pass)\s{1,4})(?P<secret>\S++)"),
    _shape("parameter", "$", r"(?<![\w$])\$\d{1,5} = '(?P<secret>(?:[^']|'')*+)"),
    _shape("parameter", ")=(", r"\bKey \([^()]{1,300}\)=\((?P<secret>(?!(?:\d{1,9}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\))(?:[^\n]{1,400}?(?=\) (?:already|is|conflicts))|[^()\n]++))"),
    _shape("row", "contains", r"\brow contains \((?P<secret>(?:[^\n\"\\]|\\.|\"(?![,}\]:]))++)", re.I),
    _shape("session", "s: s%3a", r"(?<![\w%])s(?:%3A|:)[A-Za-z0-9_-]{6,400}+\.[A-Za-z0-9%+/_-]{6,}+", re.I),
    _shape("salesforce", "00D", r"(?<!\w)00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?:!|%21|\\u0021)[A-Za-z0-9._]{20,}+"),
    _shape("salesforce", "3MVG9", r"(?<![A-Za-z0-9])3MVG9[A-Za-z0-9._]{30,}+"),
    _shape("salesforce", "5Aep8", r"(?<![A-Za-z0-9])5Aep8[A-Za-z0-9._]{30,}+"),
    _shape("aws", "AKIA ASIA AROA AGPA AIDA ANPA", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AGPA|AIDA|ANPA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("gcp", "AIza", r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}"),
    _shape("gcp", "ya29. GOCSPX- 1//0", r"(?<![A-Za-z0-9])(?:ya29\.[A-Za-z0-9_-]{20,}+|GOCSPX-[A-Za-z0-9_-]{20,}+|1//0[A-Za-z0-9_-]{30,}+)"),
    _shape("azure", "accountkey= sharedaccesskey= sig=", r"\b(?:AccountKey|SharedAccessKey|sig)=(?P<secret>[A-Za-z0-9+/%]{40,}+={0,2}+)", re.I),
    _shape("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}+|github_pat_[A-Za-z0-9_]{30,}+)"),
    _shape("gitlab", "glpat- gldt- glrt- glptt- glcbt-", r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_.-]{18,}+"),
    _shape("slack", "xox xapp- hooks.slack.com", r"(?<![A-Za-z0-9])(?:xox[a-z](?:\.xox[a-z])?+-[A-Za-z0-9-]{10,}+|xapp-\d-[A-Za-z0-9-]{10,}+)|hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/_-]{10,}+)"),
    _shape("stripe", "_live_ _test_ whsec_", r"(?<![A-Za-z0-9])(?:(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/=]{16,}+)"),
    _shape("webhook", "discord webhook.office", r"\b(?:discord(?:app)?\.com/api/webhooks/|\w{1,60}\.webhook\.office\.com/)(?P<secret>[\w/@-]{10,}+)"),
    _shape("telegram", ":AA", r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{32,34}(?![A-Za-z0-9_-])"),
    _shape("sendgrid", "SG.", r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,64}+\.[A-Za-z0-9_-]{16,}+"),
    _shape("token", "sk-", r"(?<![A-Za-z0-9-])sk-(?:proj-|ant-|svcacct-|or-)?[A-Za-z0-9_-]{0,100}[0-9A-Z][A-Za-z0-9_-]{20,}+"),
    _shape("token", "npm_ hf_ dop_v1_ shpat_ shpss_ hvs. hvb. pypi- dckr_pat_ NRAK- lin_api_ ATATT3 sq0atp- sq0csp- sq0idp- EAAC dapi sntrys_ rubygems_ figd_ glsa_", (
        r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30,}+|hf_[A-Za-z0-9]{30,}+|dop_v1_[0-9a-f]{40,}+|shp(?:at|ss|ca|pa)_[0-9a-f]{30,}+|hv[sb]\.[A-Za-z0-9_-]{20,}+|pypi-[A-Za-z0-9_-]{40,}+|"
        r"dckr_pat_[A-Za-z0-9_-]{20,}+|NRAK-[A-Z0-9]{20,}+|lin_api_[A-Za-z0-9]{30,}+|ATATT3[A-Za-z0-9_=.-]{40,}+|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,}+|EAAC[A-Za-z0-9]{40,}+|"
        r"dapi[0-9a-f]{32}|sntrys_[A-Za-z0-9_=+/-]{40,}+|rubygems_[0-9a-f]{40,}+|figd_[A-Za-z0-9_-]{30,}+|glsa_[A-Za-z0-9_]{30,}+)"
    )),
    _shape("twilio", "SK", r"(?<![A-Za-z0-9])SK[0-9a-f]{32}(?![0-9a-f])"),
    _shape("mailgun", "key-", r"(?<![A-Za-z0-9])key-[0-9a-f]{32}(?![0-9a-f])"),
    _shape("email", "@ %40", r"(?<![A-Za-z0-9._%+-])(?<!://)(?!(?:git|hg|svn)@)[A-Za-z0-9._%+-]{1,64}(?:@|%40)(?!\d{1,4}x\.|v?\d{1,5}\.\d)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"),
)  # fmt: skip


# The marks by a character that few texts have, so that most marks need not be looked for at all; those that ignore case apart.
RARE = "_-@:.$=%/\"'"
Marks = dict[str, list[tuple[str, int]]]


def _marks(ignoring_case: bool) -> Marks:
    marks: Marks = {}
    for number, shape in enumerate(SHAPES):
        if bool(shape.pattern.flags & re.IGNORECASE) is ignoring_case:
            for mark in shape.marks:
                marks.setdefault(next((character for character in RARE if character in mark), ""), []).append(
                    (mark, number)
                )
    return marks


EXACT, IN_LOWER_CASE = _marks(ignoring_case=False), _marks(ignoring_case=True)


# A line from within a PEM key, seen alone: logs are shown line by line. Its length is one of those that tools write.
KEY_LINE = re.compile(
    r"\s{0,8}(?=[^a-z]{0,76}[a-z])(?=[^A-Z]{0,76}[A-Z])(?=[^0-9+]{0,76}[0-9+])(?!/)((?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76}))\s{0,4}"
)


def found(text: str) -> Iterator[Span]:
    """Every secret with a shape of its own; overlaps are possible."""
    numbers = {
        number for marked, held in ((EXACT, text), (IN_LOWER_CASE, text.lower()))
        for character, marks in marked.items() if character in held for mark, number in marks if mark in held
    }  # fmt: skip
    for number in numbers:
        for match in SHAPES[number].pattern.finditer(text):
            group = match.lastgroup or 0
            if match.end(group) > match.start(group):
                yield Span(*match.span(group), SHAPES[number].kind)
    if len(text) <= 88 and (line := KEY_LINE.fullmatch(text)):
        yield Span(*line.span(1), "key")
