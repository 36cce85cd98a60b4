"""Secrets and personal data behind labels in Japanese (and a few in Chinese and Korean).

A label is no word of its own in a sentence without blanks, so it is looked for as it stands, with what separates it
from its value: a colon, an equals sign, a bracket, `は`. A My Number has twelve digits, the last of which checks the
others (Ordinance No. 85 of 2014 of the Ministry of Internal Affairs, article 5).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from incident_kit.model.redaction import looks
from incident_kit.model.redaction.span import Span

KINDS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
# Labels that are too short to be looked for in a sentence, but may stand in quotes as the name of a field.
FIELDS = {"姓": "person", "名": "person", "カナ": "person"}
# Labels that are some only behind letters of ASCII: APIキー, PINコード.
BEHIND_ASCII = {"キー": ("API", "ＡＰＩ"), "コード": ("PIN", "OTP", "SMS", "2FA")}
KIND_OF_LABEL = {label: kind for kind, labels in KINDS.items() for label in labels} | FIELDS
FIRST_LETTERS = sorted({label[0] for label in KIND_OF_LABEL})
LABELS = "|".join(sorted(KIND_OF_LABEL, key=len, reverse=True))
LABELLED = re.compile(
    rf"(?P<label>{LABELS})(?:\([^()\n]{{1,20}}\)|（[^（）\n]{{1,20}}）)?"
    r"(?P<close>\\{0,7}[\"'`]|[」』】\]\)）])?\s{0,3}(?P<sep>=>|[:=：＝は→|\t]|[「『【])?[ \t　]{0,4}\n?[ \t　]{0,4}"
    r"(?P<quote>\\{0,7}[\"'`]|[「『【])?"
)
CLOSING = {"「": "」", "『": "』", "【": "】"}
ASCII_VALUE = re.compile(r"[!-&*-+\--:<-Z^-z|~]{1,512}+")
IN_VALUE = r"[^\s、。，,;；\"'`<>「」『』【】()（）\[\]{}|=:：]"
TEXT_VALUE = re.compile(rf"{IN_VALUE}{{1,80}}+(?:[ 　]{IN_VALUE}{{1,40}}+){{0,3}}+")
NAME_BEFORE_VERB = re.compile(r"[^\s、。,をがにへでとはも]{2,20}?(?=です|でした|様|さん|$|[、。\s])")
# What stands behind a label and is no value.
NO_VALUE = re.compile(
    r"(?:未|必須|任意|不明|不正|不一致|無効|無し|なし|空|非公開|伏せ|変更|更新|登録|入力|確認|設定|省略|削除|取得|エラー|有効|期限|"
    r"半角|全角|文字|正し|間違|違|を|が|の|に|で|と|も|検証|送信|再|同じ|required|null|none|undefined|true|false|\*+|x{3,}|"
    r"\[|\d{1,3}文字|\d{1,2}桁)",
    re.I,
)
DIGITS = re.compile(r"[0-9０-９](?:[-−－ 　]?[0-9０-９]){2,31}")
TWELVE = re.compile(r"(?<![0-9０-９-])[0-9０-９]{4}([-− 　]?)[0-9０-９]{4}\1[0-9０-９]{4}(?![0-9０-９-])")
# How far behind its label a My Number may stand.
MY_NUMBER_REACH = 40
MY_NUMBER_WORDS = ("マイナンバー", "個人番号", "umber", "UMBER")
MY_NUMBER_NAME = re.compile(r"マイナンバー|個人番号|(?i:my[ _-]?number|individual[ _-]number)")
ADDRESS = re.compile(r"[都道府県市区町村郡丁番号\d０-９]")
LONGEST_QUOTED = 400
FEWEST_DIGITS = {"phone": 7, "number": 4, "my-number": 12}


def kind_of_label(label: str) -> str:
    """Which kind stands under this label; empty if none does.

    >>> kind_of_label("パスワード"), kind_of_label("新しいパスワード"), kind_of_label("注文番号")
    ('secret', 'secret', '')
    """
    if any(
        label.endswith(name) and label.removesuffix(name).rstrip().endswith(before)
        for name, before in BEHIND_ASCII.items()
    ):
        return "secret"
    kind = KIND_OF_LABEL.get("" if label in BEHIND_ASCII else label) or next(
        (
            kind
            for name, kind in KIND_OF_LABEL.items()
            if name not in FIELDS and label.endswith(name) and name not in BEHIND_ASCII
        ),
        "",
    )
    return {"number": "person", "my-number": "person"}.get(kind, kind)


def found(text: str) -> Iterator[Span]:
    """What stands behind such labels."""
    if not text.isascii() and any(letter in text for letter in FIRST_LETTERS):
        for labelled in LABELLED.finditer(text):
            yield from _value(text, labelled)
    if not any(word in text for word in MY_NUMBER_WORDS):
        return
    for name in MY_NUMBER_NAME.finditer(text):
        for number in TWELVE.finditer(text, name.end(), name.end() + MY_NUMBER_REACH):
            if is_my_number(number[0]):
                yield Span(*number.span(), "my-number")


def _value(text: str, labelled: re.Match[str]) -> Iterator[Span]:
    kind, separator, quote = KIND_OF_LABEL[labelled["label"]], labelled["sep"], labelled["quote"]
    start, before = labelled.end(), text[max(0, labelled.start() - 4) : labelled.start()]
    if labelled["label"] in FIELDS and not (before.endswith(('"', "'")) and labelled["close"]):
        return
    if labelled["label"] in BEHIND_ASCII and not before.rstrip(" ").endswith(BEHIND_ASCII[labelled["label"]]):
        return
    if kind == "my-number" and (number := TWELVE.match(text, start)):
        yield Span(*number.span(), "my-number")  # so close behind its label, with a wrong digit too
        return
    if separator in ("「", "『", "【"):
        quote = quote or separator
    if quote:
        closing = text.find(CLOSING.get(quote, quote), start, start + LONGEST_QUOTED)
        end = closing if closing >= 0 else min(len(text), start + LONGEST_QUOTED)
        # A label in quotes with nothing behind it is the value of something else.
        if (separator or quote in CLOSING) and end > start and not NO_VALUE.fullmatch(text, start, end):
            yield from _if_fit(text, start, end, kind)
        return
    if separator is None or (separator in ("|", "\t") and not text[start:].strip()):
        return
    if kind in ("phone", "number", "my-number"):
        if digits := DIGITS.match(text, start):
            yield from _if_fit(text, *digits.span(), kind)
        return
    if kind == "secret":
        word = ASCII_VALUE.match(text, start)
        if word and _is_secret(word[0], surely=separator != "は"):
            yield Span(word.start(), word.start() + len(word[0].rstrip(".,:")), "secret")
        return
    if NO_VALUE.match(text, start):
        return
    value = (NAME_BEFORE_VERB if separator == "は" else TEXT_VALUE).match(text, start)
    if value and (separator != "は" or labelled["label"] in ("氏名", "お名前")):
        yield from _if_fit(text, *value.span(), kind, labelled["label"])


def _is_secret(word: str, surely: bool) -> bool:
    if NO_VALUE.match(word):
        return False
    return (
        looks.is_secret(word)
        or (word.isdigit() and 4 <= len(word) <= 16)
        or (surely and len(word) >= 4 and not word.isalpha())
    )


def _if_fit(text: str, start: int, end: int, kind: str, label: str = "") -> Iterator[Span]:
    value = text[start:end]
    if sum(character.isdigit() for character in value) < FEWEST_DIGITS.get(kind, 0):
        return
    if label in ("住所", "所在地", "お届け先", "届け先", "送付先", "配送先") and not ADDRESS.search(value):
        return
    if label in ("名前", "契約者", "お名前") and value.isascii() and not value.istitle():
        return  # the name of a thing
    yield Span(start, end, "person" if kind == "number" else kind)


def is_my_number(text: str) -> bool:
    """Whether twelve digits are an individual number: the last one checks those before it.

    >>> is_my_number("1234 5678 9018"), is_my_number("123456789010")
    (True, False)
    """
    digits = [int(character) for character in text if character.isdigit()]
    if len(digits) != 12:
        return False
    total = sum(digit * (n + 1 if n <= 6 else n - 5) for n, digit in enumerate(reversed(digits[:11]), start=1))
    return digits[11] == (0 if total % 11 <= 1 else 11 - total % 11)
