"""Values that stand under a secret's name.

They may stand in JSON at any depth of escaping, inspected objects, forms, URLs, headers, XML or environments.

Names are taken apart into their words, so `whmcsApiSecret`, `WHMCS_API_SECRET` and `x-whmcs-api-secret` are one name.
Each name with a separator behind it is looked at once, and so is each value: the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from incident_kit.model.redaction.span import Span

# A name whose words, joined, end so. Long enough that nothing harmless does.
ENDINGS = (
    "password", "passwd", "passphrase", "passcode", "passwordhash", "passwdhash", "secret", "token", "cookie",
    "authorization", "assertion", "signature", "apikey", "accesskey", "secretkey", "privatekey", "authkey",
    "oemkey", "consumerkey", "encryptionkey", "signingkey", "accountkey", "masterkey", "sharedkey", "sessionid",
    "sessionkey", "requirepass", "masterauth", "credentials", "securitycode", "verificationcode", "resetcode",
    "activationcode", "recoverycode", "backupcode", "authorizationcode", "codeverifier", "reservenumber",
    "reserveno", "cardnumber", "cardnum", "cardno",
)  # fmt: skip
# A name whose last word is this. Short words are also the ends of harmless ones: `company`, `shipping`.
LAST_WORDS = frozenset(("pass", "pwd", "pin", "otp", "totp", "sid", "jwt", "cvv", "cvc", "pan", "puk", "cookies"))
# A name that is this and nothing more.
WHOLE = frozenset(("identifier", "whmcsidentifier", "apiidentifier", "whmcsapiidentifier", "xapikey", "p12", "pem"))
# Names that end like a secret's and name something that may be seen: places in a list, and what a password is about.
HARMLESS = (
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "publickey",
    "synctoken",
    "methodsignature",
    "requirepassword",
    "haspassword",
    "nopass",
    "bypass",
)
# Names of secrets and of harmless things alike: the value decides, see RANDOM.
WEAK = frozenset(
    (
        "session",
        "portalsession",
        "usersession",
        "auth",
        "sig",
        "code",
        "credential",
        "sess",
        "csrf",
        "xsrf",
        "bearer",
        "userpass",
        "userpwd",
    )
)
RANDOM = re.compile(r"(?=[^\d]{0,64}+\d)(?=[^a-z]{0,64}+[a-z])[\w.~+/%:=-]{16,}+", re.ASCII)
# What is longer is taken for random without a look, so that no long value is looked at in vain.
LONGEST_LOOK = 512
TELEPHONES = frozenset(
    (
        "phone",
        "phonenumber",
        "tel",
        "telephone",
        "mobile",
        "mobilenumber",
        "msisdn",
        "fax",
        "phonenum",
        "mobilephone",
        "cellphone",
        "callerid",
    )
)
SIM_NUMBERS = frozenset(("iccid", "imsi", "imei", "eid", "simnumber", "simserial"))
PERSONS = frozenset((
    "firstname", "lastname", "fullname", "familyname", "givenname", "middlename", "firstnamekana", "lastnamekana",
    "kana", "namekana", "namekanji", "address1", "address2", "streetaddress", "postcode", "postalcode", "zipcode",
    "birthday", "birthdate", "dateofbirth", "dob",
))  # fmt: skip
# Texts and numbers that a statement was run with.
PARAMETERS = frozenset(("params", "parameters", "bindings", "replacements", "bindparams", "queryparams", "sqlparams"))
HEADERS = ("authorization", "cookie", "xapikey")
WORDS = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?+[a-z]++|\d++")

NAMED = re.compile(
    r"""(?:(?<![\w%])|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2}))(?:(?<=\\)[nrt](?=[A-Za-z]))?+
    (?P<name>[A-Za-z_][\w.-]{0,127}+)
    (?P<close>""|\\{0,15}+["'`]|%(?:25){0,2}+2[27]|\]|%5D)?+
    (?P<sep>[ \t]{0,4}+(?:=>|=(?!=)|:)|,|>|(?:\+|%20){0,4}+(?::|%(?:25){0,2}+3[ADad]))""",
    re.VERBOSE | re.ASCII,
)
BLANKS = re.compile(r"(?:[ \t\r\n]|\\n|%20|\+(?=%)){0,8}+")
OPENING = re.compile(r"(?P<escape>\\{0,15}+)(?P<quote>[\"'`])")
# JSON within CSV has every quote twice.
DOUBLED = re.compile(r'""((?:[^"\\]|\\""|\\[^"]|"(?!"))*+)')
ENCODED_QUOTE = re.compile(r"%(?:25){0,2}+2[27]")
LIST = re.compile(
    r"\[((?:[^\]\"'\\]|\\[\s\S]|\"(?:[^\"\\]|\\[\s\S])*+(?:\"|\\?+\Z)|'(?:[^'\\]|\\[\s\S])*+(?:'|\\?+\Z))*+)"
)
ESCAPED_LIST = re.compile(r"\[([^\]]*+)")
NUMBER = re.compile(r"-?+\d[\d.]*+(?![\w-])", re.ASCII)
FORM_VALUE = re.compile(r"[^&\s\"'<>;,)\\}\]]++")
ENCODED_VALUE = re.compile(r"(?:[A-Za-z0-9._~*!()-]|%(?!26|2526|7C)[0-9A-Fa-f]{2})++")
HEADER_VALUE = re.compile(r"(?:=\"[^\"\r\n\\]{0,400}+\"|[^\r\n\\\"']|\\(?![rn\"'\\]))++")
WORD = re.compile(r"[^\s\"'`,;<>()\[\]{}\\]++")
ENCODED_STOP = re.compile(r"%(?:25){0,2}+2[27]|[\s\"&<>]")
BRACKETS = ("]", "%5D")
AUTH = re.compile(r"\[[^\]]{0,60}?[\"']auth\\{0,15}+[\"']", re.I)
FEWEST_DIGITS = 7
ELEMENT = re.compile(r"[^<]++")
PROSE = re.compile(r"[A-Za-z]{1,20}+(?::[A-Za-z]{1,20}+){0,8}+[.!?:]{0,3}+")
# What somebody else has put in place of a secret, what says that there is none, and what PostgreSQL calls a session.
NO_SECRET = re.compile(
    r"[*x•.]{0,64}+|"
    r"\W{0,4}+(?:redacted|filtered|masked|hidden|removed|null|undefined|none|true|false|nil|unset|not set)\W{0,4}+|"
    r"\$\d{1,4}|\?|[0-9a-f]{8}\.[0-9a-f]{1,8}",
    re.I,
)


# A figure behind the last part of a path: `POST /oauth/token: 401`, `: 2.0 s`. How far back the path is looked for.
FIGURE = re.compile(r"\d{1,5}(?:[.,]\d{1,3}){0,4}(?:ms|s|%)?(?![\w.-])", re.ASCII)
LONGEST_PATH = 256


def found(text: str, prose: bool = False) -> Iterator[Span]:
    """The values that stand under a secret's name; in `prose` not behind a name, a colon and a blank."""
    done = 0
    for named in NAMED.finditer(text):
        if named.start() < done or not (kind := kind_of_name(named["name"])) or _is_prose(text, named, prose):
            continue
        if (span := value_of(text, named, kind)) and span.end > span.start:
            done = span.end
            yield span


@lru_cache(4096)
def kind_of_name(name: str) -> str:
    """Which kind of secret stands under this name; empty if none does.

    >>> kind_of_name("WHMCS_API_SECRET"), kind_of_name("newPassword"), kind_of_name("tokenExpiresAt")
    ('secret', 'secret', '')
    """
    words = [word.lower() for word in WORDS.findall(name)]
    while words and words[-1].isdigit() and len(words) > 1 and words[-2] != "address":
        words.pop()
    joined = "".join(words)
    if joined.endswith(HARMLESS):
        return ""
    if joined.endswith(ENDINGS) or (words and words[-1] in LAST_WORDS) or joined in WHOLE:
        return "secret"
    if joined == "args":
        return "redis-command"
    kinds = (
        ("weak", WEAK),
        ("phone", TELEPHONES),
        ("sim", SIM_NUMBERS),
        ("person", PERSONS),
        ("parameter", PARAMETERS),
    )
    return next((kind for kind, names in kinds if joined in names), "")


def value_of(text: str, named: re.Match[str], kind: str) -> Span | None:
    """Where the value of this name stands, if there is one and it is one to hide."""
    close, sep, position = named["close"] or "", named["sep"].strip(" \t"), named.end()
    bare_name = named["name"].lower().replace("-", "").replace("_", "")
    if sep == ">":  # XML
        element = (
            ELEMENT.match(text, position)
            if text[named.start() - 1 : named.start()] in ("<", ":") and not close and kind != "weak"
            else None
        )
        closed = element and (
            text.startswith("</", element.end()) or (element.end() == len(text) and " " not in element[0])
        )
        return _span(text, element, kind) if closed else None
    if close in BRACKETS and sep != "=":
        return None
    if sep == "," and not (close and bare_name.endswith(HEADERS)):  # names and values in turn, as in Node's rawHeaders
        return None
    if sep.startswith("%") or close.startswith("%2"):
        return _encoded(text, _after_blanks(text, position) if close.startswith("%2") else position, kind)
    if sep != "=" or named["sep"][0] in " \t":
        position = _after_blanks(text, position)
    if close == '""' and (doubled := DOUBLED.match(text, position)):
        return _secret(text, *doubled.span(1), kind)
    if opening := OPENING.match(text, position):
        return _quoted(text, opening, kind)
    if text.startswith("[", position):
        return _list(text, position, named, kind)
    if kind in ("redis-command", "parameter") or (
        bare_name == "pass" and NUMBER.match(text, position)
    ):  # `pass: 12` counts tests
        return None
    if close and close not in BRACKETS:
        number = NUMBER.match(text, position)
        return _span(text, number, kind, around='"') if number else None
    if sep == "=" and named["sep"] == "=":
        return _span(text, FORM_VALUE.match(text, position), kind)
    if bare_name.endswith(HEADERS):
        return _span(text, HEADER_VALUE.match(text, position), kind)
    word = WORD.match(text, position)
    # Behind a colon or blanks, without quotes, there may be prose: `invalid token: expired`.
    return None if word and PROSE.fullmatch(word[0]) else _span(text, word, kind)


def _is_prose(text: str, named: re.Match[str], prose: bool) -> bool:
    """Whether the colon behind the name is one of a sentence.

    In prose it stands before a blank, elsewhere behind a path and before a figure. What stands in quotes behind it is a
    value even so.
    """
    if (
        named["sep"] != ":"
        or named["close"]
        or text[named.end() : named.end() + 1].strip(" \t\n:;,.)" if prose else " \t\n")
    ):
        return False
    position = _after_blanks(text, named.end())
    if OPENING.match(text, position):
        return False
    return prose or (
        FIGURE.match(text, position) is not None
        and _ends_path(text[max(0, named.start() - LONGEST_PATH) : named.start()])
    )


def _ends_path(lead: str) -> bool:
    """Whether what stands before a name is the beginning of a path or an address."""
    path = lead.split()[-1].lstrip("\"'`([{<=,;") if lead.endswith(("/", "?", "&")) else ""
    return path.startswith("/") or "://" in path


def _after_blanks(text: str, position: int) -> int:
    blanks = BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _span(text: str, value: re.Match[str] | None, kind: str, around: str = "") -> Span | None:
    return _secret(text, value.start(), value.end(), kind, around) if value else None


def _secret(text: str, start: int, end: int, kind: str, around: str = "") -> Span | None:
    """The span, unless what stands there is no secret after all."""
    if end - start <= LONGEST_LOOK:
        if NO_SECRET.fullmatch(text, start, end) or (kind == "weak" and not RANDOM.fullmatch(text, start, end)):
            return None
        if kind in ("phone", "sim") and sum(character.isdigit() for character in text[start:end]) < FEWEST_DIGITS:
            return None
    return Span(start, end, {"weak": "secret", "sim": "iccid"}.get(kind, kind), around)


def _quoted(text: str, opening: re.Match[str], kind: str) -> Span | None:
    """What stands between quotes of this depth of escaping, or to the end where it is cut off.

    A quote behind m backslashes closes one that opened behind n if m is n more than a multiple of 2(n + 1): that is
    what escaping once more makes of an even number of backslashes. Fewer than n belong to what stands around it.
    """
    n, start = len(opening["escape"]), opening.end()
    if kind in ("redis-command", "parameter") and not text.startswith("[", start):
        return None
    end, position = len(text), text.find(opening["quote"], start)
    while position >= 0:
        slashes = position
        while slashes > start and text[slashes - 1] == "\\":
            slashes -= 1
        if (m := position - slashes) < n or m % (2 * (n + 1)) == n:
            end = position - min(n, m)
            break
        position = text.find(opening["quote"], position + 1)
    return _secret(text, start, end, kind)


def _list(text: str, position: int, named: re.Match[str], kind: str) -> Span | None:
    """What stands in square brackets. Of `args` only those of a Redis command: others have arguments too."""
    if kind == "weak" or (kind == "redis-command" and not _of_redis(text, named.start(), position)):
        return None
    close = named["close"] or '"'
    inside = (ESCAPED_LIST if close.startswith("\\") else LIST).match(text, position)
    return _secret(text, *inside.span(1), kind, close) if inside and inside[1].strip() else None


def _of_redis(text: str, start: int, position: int) -> bool:
    lead = text[max(0, start - 200) : start]
    place = lead.rfind("command")
    return (place >= 0 and "}" not in lead[place:]) or AUTH.match(text, position) is not None


def _encoded(text: str, position: int, kind: str) -> Span | None:
    """A value in percent encoding: to the closing quote, if there is an opening one."""
    if kind in ("redis-command", "parameter"):
        return None
    opening = ENCODED_QUOTE.match(text, position)
    if not opening:
        return _span(text, ENCODED_VALUE.match(text, position), kind)
    escape = opening[0][:-2] + "5C"
    for stop in ENCODED_STOP.finditer(text, opening.end()):
        if stop[0][0] != "%" or (
            stop[0] == opening[0] and text[stop.start() - len(escape) : stop.start()].upper() != escape
        ):
            return _secret(text, opening.end(), stop.start(), kind)
    return _secret(text, opening.end(), len(text), kind)
