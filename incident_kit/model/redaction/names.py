"""Values that stand under a secret's name.

They may stand in JSON at any depth of escaping, inspected objects, forms, URLs, headers, XML or environments. A name
may be a value too: `{"name": "Authorization", "value": ...}`, a part of a form, a variable of GraphQL.

Names are taken apart into their words, so `whmcsApiSecret`, `WHMCS_API_SECRET` and `x-whmcs-api-secret` are one name.
Each name with a separator behind it is looked at once, and so is each value: the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from incident_kit.model.redaction import looks
from incident_kit.model.redaction.labels import kind_of_label
from incident_kit.model.redaction.span import Span

# A name whose words, joined, end so. Long enough that nothing harmless does.
ENDINGS = (
    "password", "passwd", "passphrase", "passcode", "passwordhash", "passwdhash", "secret", "token", "cookie",
    "authorization", "assertion", "signature", "apikey", "accesskey", "secretkey", "privatekey", "authkey",
    "oemkey", "consumerkey", "encryptionkey", "signingkey", "accountkey", "masterkey", "sharedkey", "sessionid",
    "sessionkey", "requirepass", "masterauth", "credentials", "securitycode", "verificationcode", "resetcode",
    "activationcode", "recoverycode", "backupcode", "authorizationcode", "codeverifier", "reservenumber",
    "reserveno", "cardnumber", "cardnum", "cardno", "passwort", "kennwort", "contrasena", "motdepasse", "wachtwoord",
    "pswd", "passwrd", "pincode", "smscode", "otpcode", "mfacode", "totpcode", "onetimecode", "confirmationcode",
    "logincode", "authcode", "authenticationcode", "accesscode", "subscriptionkey", "functionkey", "functionskey",
    "licensekey", "sshkey", "hmackey", "storagekey", "deploykey", "webhookkey", "appkey", "applicationkey", "passkey",
    "seedphrase", "recoveryphrase", "mnemonic", "pwhash", "passhash", "privkey", "secretid", "secretaccess",
    "dbpass", "userpass", "rootpass", "adminpass", "smtppass", "mailpass", "ftppass", "mysqlpass", "redispass",
    "pgpass", "sshpass", "keypass", "storepass", "psswd", "pswrd", "psword", "psswrd", "pssword", "paswd",
    "paswrd", "pasword",
    "secretkeybase", "passworddigest",
    "connectionstring", "serverkey", "rootkey", "aeskey", "datakey", "securitykey", "authpass", "userpw",
)  # fmt: skip
# A name whose last word is this. Short words are also the ends of harmless ones: `company`, `shipping`.
LAST_WORDS = frozenset(
    ("pass", "pwd", "pin", "otp", "totp", "sid", "jwt", "cvv", "cvc", "pan", "puk", "cookies", "pw", "senha")
)
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
        "userpwd",
    )
)
RANDOM = re.compile(r"(?=[^\d]{0,64}+\d)(?=[^a-z]{0,64}+[a-z])[\w.~+/%:=-]{16,}+", re.ASCII)
# What is longer is taken for random without a look, so that no long value is looked at in vain.
LONGEST_LOOK = 512
# Under the name of a key stands most often what names something. A key that is a secret has no form of its own: letters
# and digits, all over.
PLAIN_KEYS = frozenset((
    "primary", "foreign", "cache", "public", "partition", "sort", "idempotency", "routing", "object", "message",
    "dedup", "deduplication", "group", "lock", "queue", "redis", "map", "index", "composite", "natural", "unique",
    "row", "job", "surrogate", "storage", "bucket", "s3", "file", "translation", "i18n", "locale", "shard", "range",
    "hash", "request", "correlation", "trace", "config", "search", "replay", "event", "order", "item", "record",
    "entity", "document", "db", "session", "candidate", "business", "dedupe", "ordering", "issue", "project",
    "jira", "ticket", "feature", "flag", "metric", "series", "label", "tag", "list", "react", "arrow", "hot", "any",
    "start", "end", "next", "last", "first", "resume", "continuation", "etag", "content", "image", "asset", "blob",
    "upload", "s", "enter", "shift", "ctrl", "alt",
))  # fmt: skip
KEY = re.compile(
    r"(?=[^\d]{0,40}\d)(?=[^a-z]{0,60}[a-z])(?![0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-)[A-Za-z0-9_=+-]{16,128}+", re.ASCII
)
# The form of what is a secret under such a name.
FORMS = {"weak": RANDOM, "key": KEY}
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
    "birthday", "birthdate", "dateofbirth", "dob", "mynumber", "individualnumber", "ssn", "socialsecuritynumber",
    "passportnumber", "passportno", "iban", "accountnumber", "bankaccount", "bankaccountnumber", "cardholder",
    "cardholdername", "recipientname", "holdername", "customername", "contactname", "shippingaddress", "billingaddress",
    "homeaddress", "postaladdress", "mailingaddress", "driverslicense", "maidenname",
))  # fmt: skip
# Texts and numbers that a statement was run with.
PARAMETERS = frozenset(("params", "parameters", "bindings", "replacements", "bindparams", "queryparams", "sqlparams"))
HEADERS = ("authorization", "cookie", "xapikey")
# Under these stands a name, whose value stands under one of VALUES beside it.
PAIRS = frozenset(("name", "key", "field", "header", "headername", "param", "parameter", "property", "propertyname",
    "label", "variable", "attribute", "argument", "arg", "k", "n", "option", "setting"))  # fmt: skip
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
# The last words of names that are written with blanks, and the words before them.
SPACED_LAST = frozenset(("passe", "key", "code", "number", "word", "phrase", "name", "address", "birth", "no"))
WORDS_BEFORE = re.compile(r"(?:[A-Za-z]{1,24}[ \xa0]){1,2}\Z")
VALUES = r"(?:value|val|v|content|contents|rejected_?value|current_?value|new_?value|text|data|string)"
UNDER_PAIR = re.compile(VALUES, re.I)
LINE = r"(?:\r?\n|(?:\\r)?\\n)"
VALUE_BESIDE = re.compile(
    r"[\\\"'`]{1,9}[\s,;]{0,20}+"
    r"(?:[\"'`\\]{0,9}(?!"
    + VALUES
    + r"\b)[\w-]{1,30}[\"'`\\]{0,9}\s{0,3}[:=]\s{0,3}[\"'`\\]{0,9}[\w ./:-]{0,60}[\"'`\\]{0,9}[\s,;]{1,20}){0,3}"
    r"[\"'`\\]{0,9}" + VALUES + r"(?P<close>[\"'`\\]{0,9})\s{0,4}(?P<sep>=>|:|=)[ \t\r\n]{0,8}",
    re.I,
)
VALUE_WITHIN = re.compile(r"\{\s{0,20}[\"'\\]{0,9}" + VALUES + r"[\"'\\]{0,9}\s{0,4}:\s{0,4}", re.I)
VALUE_BEFORE = re.compile(
    r"\b" + VALUES + r"[\"'`\\]{0,9}\s{0,4}[:=]\s{0,8}(?P<open>\\{0,7}[\"'`])(?P<secret>[^\r\n]{1,500}?)(?P=open)"
    r"[\s,]{1,20}[\"'`\\]{0,9}\Z",
    re.I,
)
PART_OF_FORM = re.compile(
    r"[\\\"']{1,9}(?:;[^\r\n\\]{0,100})?(?:"
    + LINE
    + r"[A-Za-z-]{1,40}:[^\r\n\\]{0,200}){0,4}"
    + LINE
    + LINE
    + r"(?P<secret>(?:[^\r\n\\]|\\(?![rn]))++)"
)
ELEMENT_BESIDE = re.compile(
    r"</[\w:.-]{1,60}>\s{0,40}<(?:\w{1,20}:)?"
    + VALUES
    + r"(?:\s[^<>]{0,100})?>(?:\s{0,40}<(?:\w{1,20}:)?(?:string|value)>)?",
    re.I,
)
WITH_ATTRIBUTES = re.compile(
    r"<(?:[\w.-]{1,40}:)?(?P<name>[A-Za-z_][\w.-]{0,60})(?P<attributes>\s[^<>]{1,400})>\s{0,8}"
    r"(?:<!\[CDATA\[)?(?P<secret>[^<\]]++)"
)
NAMING_ATTRIBUTE = re.compile(r"\b(?:name|key|id|field)\s?=\s?\\?[\"']([A-Za-z_][\w. -]{0,60})\\?[\"']")
CDATA = re.compile(r"<!\[CDATA\[([^\]<]++)")
VARIABLE = re.compile(r"[:=][ \t]{0,4}[$@:](?P<variable>[A-Za-z_]\w{0,60}+)")
NAME_BEFORE = re.compile(r"([A-Za-z_]\w{0,60}+)[ \t]{0,4}\Z")
VARIABLE_REACH = 4000
BUFFER = re.compile(
    r"\{[\\\"']{0,8}type[\\\"']{0,8}\s?:\s?[\\\"']{0,8}Buffer[\\\"']{0,8}\s?,\s?"
    r"[\\\"']{0,8}data[\\\"']{0,8}\s?:\s?\[(?P<list>[\d,\s]*+)"
    r"|<Buffer (?P<shown>[0-9a-f ]++)|(?:Uint8Array|Buffer)(?:\(\d{1,9}\))?\s?\[(?P<array>[\d,\s]*+)"
)
A_PATH = re.compile(r"[\"'\\]{0,4}(?:[A-Za-z]:)?[/~\\]")
# A line that is nothing but a name and a word: a setting, unless the word says how things stand with it.
ALONE_BEFORE = re.compile(r"(?:^|[\n{])[ \t-]{0,40}\Z")
ALONE = re.compile(r"[A-Za-z]{5,64}+(?=[ \t\r]{0,4}(?:\n|$))")
STATES = frozenset((
    "required", "missing", "expired", "invalid", "incorrect", "wrong", "empty", "denied", "changed", "reset", "unset",
    "updated", "failed", "failure", "error", "enabled", "disabled", "present", "absent", "provided", "supplied",
    "rejected", "accepted", "mismatch", "unknown", "hidden", "optional", "needed", "revoked", "renewed", "refreshed",
    "rotated", "created", "deleted", "removed", "valid", "string", "password", "token", "secret", "masked", "redacted",
    "filtered", "undefined", "false", "strong", "default", "expires", "unchanged", "incomplete", "forgotten", "locked",
    "verified", "unverified", "matched", "correct", "short", "weak", "blocked", "unavailable", "pending", "success",
    "successful", "skipped", "ignored", "notset", "generated", "encrypted", "hashed", "plain", "configured", "exists",
))  # fmt: skip
AUTH = re.compile(r"\[[^\]]{0,60}?[\"']auth\\{0,15}+[\"']", re.I)
FEWEST_DIGITS = 7
ELEMENT = re.compile(r"[^<]++")
PROSE = re.compile(r"[A-Za-z]{1,20}+(?::[A-Za-z]{1,20}+){0,8}+[.!?:]{0,3}+|[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++){1,8}")
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
    variables, done = _variables(text), 0
    for named in NAMED.finditer(text):
        if named.start() < done:
            continue
        kind = _kind_in_text(named["name"])
        if kind == "by place" or (variables and named["name"] in variables):
            kind = _kind_by_place(text, named, variables)
        if not kind or _is_prose(text, named, prose):
            continue
        if kind == "pair":
            for beside in _pair(text, named):
                done = max(done, beside.end)
                yield beside
        elif (span := value_of(text, named, kind)) and span.end > span.start:
            done = span.end
            yield span
    if "</" in text:
        yield from _elements_with_attributes(text)


@lru_cache(4096)
def _kind_in_text(name: str) -> str:
    """As `kind_of_name`; `by place` where it depends on what stands around the name."""
    by_place = name.lower() in PAIRS or name.lower() in SPACED_LAST
    kind = kind_of_name(name)
    return "by place" if by_place and kind in ("", "weak", "key") else kind


def _kind_by_place(text: str, named: re.Match[str], variables: dict[str, tuple[str, int]]) -> str:
    """The kind of a name that is one only where it stands: behind other words, in an address, as a variable."""
    name, start = named["name"], named.start()
    if variables and (variable := variables.get(name)) and text[start - 1 : start] not in ("$", "@", ":"):
        return variable[0] if abs(start - variable[1]) < VARIABLE_REACH else ""
    if name == "key" and named["sep"] == "=" and text[start - 1 : start] in ("?", "&"):
        value = FORM_VALUE.match(text, named.end())
        return "secret" if value and looks.is_secret(value[0], named_surely=False) else ""
    if name.lower() in SPACED_LAST and (words := WORDS_BEFORE.search(text, max(0, start - 50), start)):
        parts = words[0].split()
        for number in range(len(parts)):
            kind = kind_of_name("_".join([*parts[number:], name]))
            if kind and kind not in FORMS:
                return kind
    return kind_of_name(name) or ("pair" if name.lower() in PAIRS else "")


def _variables(text: str) -> dict[str, tuple[str, int]]:
    """The variables that secrets are handed over in (`login(password: $p)`): of which kind, and where."""
    variables = {}
    for variable in VARIABLE.finditer(text):
        name = NAME_BEFORE.search(text, max(0, variable.start() - 64), variable.start())
        if (
            name
            and (kind := kind_of_name(name[1])) not in ("", "redis-command", "parameter")
            and not kind_of_name(variable["variable"])
        ):
            variables[variable["variable"]] = (kind, variable.start())
    return variables


def _pair(text: str, named: re.Match[str]) -> Iterator[Span]:
    """The value beside a name that is itself a value: in objects, attributes, parts of a form, and elements."""
    if named["sep"].strip() == ">":
        element = ELEMENT.match(text, named.end())
        kind = _strong_kind(element[0]) if element else ""
        beside = ELEMENT_BESIDE.match(text, element.end()) if element and kind else None
        if beside and (span := _span(text, ELEMENT.match(text, beside.end()), kind)):
            yield span
        return
    opening = OPENING.match(text, _after_blanks(text, named.end()))
    if not opening or opening["quote"] == "`":
        return
    end = text.find(opening["quote"], opening.end(), opening.end() + 120)
    if end < 0 or not (kind := _strong_kind(text[opening.end() : end].rstrip("\\"))):
        return
    end -= len(text[opening.end() : end]) - len(text[opening.end() : end].rstrip("\\"))
    if part := PART_OF_FORM.match(text, end):
        yield Span(*part.span("secret"), "secret")
    elif beside := VALUE_BESIDE.match(text, end):
        if quote := OPENING.match(text, beside.end()):
            span = _quoted(text, quote, kind)
        elif text.startswith("[", beside.end()):
            span = _inside(text, beside.end(), beside["close"] or '"', kind)
        else:
            number = NUMBER.match(text, beside.end())
            span = _span(text, number, kind, around='"' if beside["close"] else "")
        if span:
            yield span
    elif (before := VALUE_BEFORE.search(text, max(0, named.start() - 600), named.start())) and (
        span := hidden(text, *before.span("secret"), kind)
    ):
        yield span


def kind_of_pair(name: str, value: Any) -> str:
    """The kind of secret whose name stands under this one: `name`, `Authorization`; empty if none does."""
    return _strong_kind(value) if name.lower() in PAIRS and isinstance(value, str) else ""


def is_header(name: str) -> bool:
    """Whether this is the name of a header that holds a secret, as it stands before its value in a list."""
    bare_name = name.lower().replace("-", "").replace("_", "")
    return _strong_kind(name) != "" and (bare_name.endswith(HEADERS) or "-" in name)


def _strong_kind(name: str) -> str:
    kind = kind_of_name(name.strip())
    return "" if kind in ("weak", "key", "parameter", "redis-command") else kind


def _elements_with_attributes(text: str) -> Iterator[Span]:
    for element in WITH_ATTRIBUTES.finditer(text):
        kind = _strong_kind(element["name"])
        if not kind and (naming := NAMING_ATTRIBUTE.search(element["attributes"])):
            kind = _strong_kind(naming[1])
        if kind and not element["secret"].isspace() and (span := hidden(text, *element.span("secret"), kind)):
            yield span


@lru_cache(4096)
def kind_of_name(name: str) -> str:
    """Which kind of secret stands under this name; empty if none does.

    >>> kind_of_name("WHMCS_API_SECRET"), kind_of_name("newPassword"), kind_of_name("tokenExpiresAt")
    ('secret', 'secret', '')
    """
    if not name.isascii() and (kind := kind_of_label(name)):
        return kind
    words = [word.lower() for word in WORDS.findall(name)]
    while words and words[-1].isdigit() and len(words) > 1 and words[-2] != "address":
        words.pop()
    joined = "".join(words)
    if joined.endswith(HARMLESS):
        return ""
    if joined.endswith(ENDINGS) or (words and words[-1] in LAST_WORDS) or joined in WHOLE:
        return "secret"
    if len(words) > 1 and words[-1] == "key" and words[-2] not in PLAIN_KEYS:
        return "key"
    if joined.endswith("session"):
        return "weak"
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
    if bare_name in ("pwd", "oldpwd") and A_PATH.match(text, _after_blanks(text, position)):
        return None  # the working directory of a shell
    if sep == ">":  # XML
        if (cdata := CDATA.match(text, position)) and kind not in FORMS:
            return _span(text, cdata, kind, group=1)
        element = (
            ELEMENT.match(text, position)
            if text[named.start() - 1 : named.start()] in ("<", ":") and not close and kind not in FORMS
            else None
        )
        closed = element and (
            text.startswith("</", element.end()) or (element.end() == len(text) and " " not in element[0])
        )
        return _span(text, element, kind) if closed else None
    if close in BRACKETS and sep != "=":
        return None
    if sep == ",":  # names and values in turn, as in Node's rawHeaders
        return _in_turn(text, named, kind) if close else None
    if sep.startswith("%") or close.startswith("%2"):
        return _encoded(text, _after_blanks(text, position) if close.startswith("%2") else position, kind)
    if sep != "=" or named["sep"][0] in " \t":
        position = _after_blanks(text, position)
    if close == '""' and (doubled := DOUBLED.match(text, position)):
        return hidden(text, *doubled.span(1), kind)
    if opening := OPENING.match(text, position):
        return _quoted(text, opening, kind)
    if (
        kind == "secret"
        and text.startswith("{", position)
        and (inner := VALUE_WITHIN.match(text, position))
        and (opening := OPENING.match(text, inner.end()))
    ):
        return _quoted(text, opening, kind)
    if text.startswith("[", position):
        return _list(text, position, named, kind)
    if text[position : position + 1] in ("{", "<", "U", "B") and (buffer := BUFFER.match(text, position)):
        group = buffer.lastgroup or 0
        return _span(text, buffer, kind, around="" if group == "shown" else '"', group=group)
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
    if word and PROSE.fullmatch(word[0]) and not _is_setting(text, named, bare_name, position):
        return None
    return _span(text, word, kind)


def _is_setting(text: str, named: re.Match[str], bare_name: str, position: int) -> bool:
    """Whether a line is nothing but a name and a word that is no state of things: `password: heron`."""
    word = ALONE.match(text, position)
    return (
        word is not None
        and word[0].lower() not in STATES
        and bare_name.endswith(("password", "passwd", "pwd", "passphrase", "secret"))
        and ALONE_BEFORE.search(text, max(0, named.start() - 41), named.start()) is not None
    )


def _in_turn(text: str, named: re.Match[str], kind: str) -> Span | None:
    """The value that follows its name in a list, unless it is a name itself."""
    opening = OPENING.match(text, _after_blanks(text, named.end()))
    if not opening or opening["escape"] + opening["quote"] != named["close"]:
        return None
    span = _quoted(text, opening, kind)
    if span is None or text[span.end + len(named["close"]) :][:1] in (":", "="):
        return None
    value = text[span.start : span.end]
    return span if (is_header(named["name"]) and not kind_of_name(value)) or looks.is_secret(value) else None


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


def _span(text: str, value: re.Match[str] | None, kind: str, around: str = "", group: int | str = 0) -> Span | None:
    return hidden(text, *value.span(group), kind, around) if value else None


def hidden(text: str, start: int, end: int, kind: str, around: str = "") -> Span | None:
    """The span, unless what stands there is no secret after all."""
    if end - start <= LONGEST_LOOK:
        form = FORMS.get(kind)
        if NO_SECRET.fullmatch(text, start, end) or (form and not form.fullmatch(text, start, end)):
            return None
        if kind in ("phone", "sim") and sum(character.isdigit() for character in text[start:end]) < FEWEST_DIGITS:
            return None
    return Span(start, end, {"weak": "secret", "key": "secret", "sim": "iccid"}.get(kind, kind), around)


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
    return hidden(text, start, end, kind)


def _list(text: str, position: int, named: re.Match[str], kind: str) -> Span | None:
    """What stands in square brackets. Of `args` only those of a Redis command: others have arguments too."""
    if kind in FORMS or (kind == "redis-command" and not _of_redis(text, named.start(), position)):
        return None
    return _inside(text, position, named["close"] or '"', kind)


def _inside(text: str, position: int, close: str, kind: str) -> Span | None:
    inside = (ESCAPED_LIST if close.startswith("\\") else LIST).match(text, position)
    return hidden(text, *inside.span(1), kind, close) if inside and inside[1].strip() else None


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
            return hidden(text, opening.end(), stop.start(), kind)
    return hidden(text, opening.end(), len(text), kind)
