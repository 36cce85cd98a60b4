"""Numbers of people: telephones, SIM cards, payment cards; and, where asked for, addresses on the internet.

Epoch times, order numbers, sizes and hashes are long numbers too, so each kind has to have its own form. An ICCID
begins as ITU-T E.118 says, an IMSI with the codes of Japan. A card begins with a known issuer's digits (IIN) and
ends in the right check digit (ISO/IEC 7812-1). Telephone numbers without a plus are those of Japan.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from incident_kit.model.redaction.span import Span

# These begin with digits, which a search finds at once; what may stand before them is looked at afterwards, by `_free`.
RUN = re.compile(r"[0-9]{10,32}+(?![\d-]|\.\d|[A-EG-Za-z])", re.ASCII)
GROUPED_CARD = re.compile(r"[0-9]{4}(?:([ -])\d{4}\1\d{4}\1\d{1,7}|([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)", re.ASCII)
GROUPED_PHONE = re.compile(
    r"[0(](?:(?<=0)(?:"
    r"[5-9]0[ -]\d{4}[ -]\d{4}|(?:120|800|570)-\d{3}-\d{3,4}|[1-9]\d{0,3}-\d{1,4}-\d{4}|[1-9]\d{0,3}\(\d{1,4}\)\d{4}"
    r")|0[1-9]\d{0,3}\) ?\d{1,4}-\d{4})(?![\w-]|\.\d)",
    re.ASCII,
)
INTERNATIONAL = re.compile(r"(?:\+|%2B|00(?=81[ -]?\d))[1-9](?:[ .-]?\(?\d\)?){7,14}+(?![\w-]|\.\d)", re.ASCII)
JAPANESE_MOBILE = re.compile(r"(?:81|0)[6-9]0\d{8}")
CARD_PREFIX = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}"
)
# Lengths of which hardly a card is, but many an id.
UNUSUAL_LENGTHS = (13, 17, 18, 19)
# A telephone number of Japan has ten digits or eleven; a date has eight.
SHORTEST_PHONE = 10
# What has so much form that it may also stand behind an underscore, as in `card_...`.
CHECKED = ("card", "iccid", "eid")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}+(?:\.\d{1,3}+){3}(?![\w]|\.\d)", re.ASCII)
IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}+(?::[0-9A-Fa-f]{0,4}+){2,8}+(?:\.\d{1,3}+){0,3}+(?![\w:])", re.ASCII)


# How long the numbers of each country are (SWIFT, IBAN Registry).
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        line.split(":")
        for line in (
            "15:NO", "16:BE", "18:DK FO FI GL NL SD", "19:MK SI FK", "20:AT BA EE KZ XK LT LU MN",
            "21:HR LV LI CH", "22:BH BG CR GE DE IE ME RS GB VA", "23:GI IL AE TL IQ OM SO",
            "24:AD CZ MD PK RO SA SK ES SE TN VG", "25:PT ST LY", "26:IS TR", "27:BI DJ FR GR IT MC MR SM",
            "28:AL AZ BY CY DO GT HU LB PL SV NI", "29:BR EG PS QA UA", "30:JO KW MU YE", "31:MT SC", "32:LC",
            "33:RU",
        )
    )
    for country in countries.split()
}  # fmt: skip
IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?:[ \xa0-]?[A-Z0-9]{4}){2,7}(?:[ \xa0-]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
# What has to be named a card: so long a number, or one behind the name of an id, is one of something else.
NAMED_CARD = re.compile(r"(?:card|pan|visa|master|amex|jcb|union|diners|discover|credit|debit|pay|カード|カ-ド)", re.I)
NAMED_OTHERWISE = re.compile(
    r"(?:id|offset|lsn|seq|sequence|hash|bytes|size|count|time|ts|span|trace|nonce)"
    r"[\\\"'`]{0,8}[ =:#]{1,3}[\\\"']{0,8}\Z",
    re.I,
)
A_DATE = re.compile(r"[+]?(?:19|20)\d\d[-. ]?(?:0[1-9]|1[0-2])[-. ]?(?:0[1-9]|[12]\d|3[01])(?!\d)")
REACH = 24


def found(text: str) -> Iterator[Span]:
    """The numbers of people in a text."""
    if "%22" in text:  # a quote in percent encoding, whose digits belong to no number
        text = text.replace("%22", '"""')
    for run in RUN.finditer(text):
        kind = kind_of_number(run[0])
        if kind == "card" and not _is_named_card(text, *run.span()):
            continue
        if kind and _free(text, run.start(), underscore=kind in CHECKED):
            yield Span(*run.span(), kind)
    if "+" in text or "%2B" in text or "0081" in text:
        yield from (
            Span(*match.span(), "phone")
            for match in INTERNATIONAL.finditer(text)
            if _free(text, match.start(), underscore=True) and not A_DATE.match(text, match.start())
        )
    if "-" in text or " " in text or "(" in text:
        for match in GROUPED_PHONE.finditer(text):
            if _free(text, match.start()) and sum(map(str.isdigit, match[0])) >= SHORTEST_PHONE:
                yield Span(*match.span(), "phone")
        for match in GROUPED_CARD.finditer(text):
            if _free(text, match.start()) and is_card(re.sub("[ -]", "", match[0])):
                yield Span(*match.span(), "card")

    for match in IBAN.finditer(text):
        if _free(text, match.start()) and (iban := _iban(text, match)):
            yield iban


def _iban(text: str, match: re.Match[str]) -> Span | None:
    """The number of an account, which may be followed by more groups of letters and digits."""
    end = match.end()
    while end - match.start() >= min(IBAN_LENGTHS.values()):
        if is_iban(text[match.start() : end]) and text[end - 1].isalnum():
            return Span(match.start(), end, "iban")
        end -= 1
        if text[end].isalnum() and text[end - 1].isalnum():
            end = max(text.rfind(" ", match.start(), end), text.rfind("-", match.start(), end))
    return None


def _is_named_card(text: str, start: int, end: int) -> bool:
    """Whether a number of a card's form is not named to be something else."""
    lead = text[max(0, start - REACH) : start]
    named = NAMED_CARD.search(lead) is not None
    return named or (end - start not in UNUSUAL_LENGTHS and NAMED_OTHERWISE.search(lead) is None)


def _free(text: str, start: int, underscore: bool = False) -> bool:
    """Whether a number begins here, and not the rest of a longer one, of a name or of a fraction."""
    last = text[max(0, start - 1) : start]
    if not last or not last.isascii():
        return True
    return not (last.isalnum() or last in ".+%-") and (last != "_" or underscore)


def kind_of_number(digits: str) -> str | None:
    """What a long row of digits is, or None where it is nobody's.

    >>> kind_of_number("09012345678"), kind_of_number("1795419602352")
    ('phone', None)
    """
    length = len(digits)
    if digits.startswith("89") and length in (19, 20, 32):
        return "eid" if length == 32 else "iccid"
    if is_card(digits):
        return "card"
    if JAPANESE_MOBILE.fullmatch(digits):
        return "phone"
    return "imsi" if length == 15 and digits.startswith(("440", "441")) else None


def is_card(digits: str) -> bool:
    """Whether this is the number of a payment card: a known issuer, and the right check digit."""
    return CARD_PREFIX.fullmatch(digits) is not None and luhn(digits)


def luhn(number: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def internet_addresses(text: str) -> Iterator[Span]:
    """IP addresses of both versions; a version of four numbers cannot be told from one."""
    for pattern in (IPV4, IPV6):
        for match in pattern.finditer(text):
            try:
                ipaddress.ip_address(match[0])
            except ValueError:
                continue
            yield Span(*match.span(), "ip")


def is_iban(number: str) -> bool:
    """Whether this is the number of a bank account (ISO 13616): a country's length, and the right remainder.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB83WEST12345698765432")
    (True, False)
    """
    letters = re.sub(r"[ \xa0-]", "", number)
    if len(letters) != IBAN_LENGTHS.get(letters[:2]):
        return False
    return int("".join(str(int(character, 36)) for character in letters[4:] + letters[:4])) % 97 == 1
