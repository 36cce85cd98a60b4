"""Reads the data of messages: words and templates by language, and what customers are not told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from incident_kit.config.toml import Table, read
from incident_kit.errors import RunbookError
from incident_kit.logs.columns import Dependency
from incident_kit.model.patterns import PatternError, compiled
from incident_kit.runbook.contents import NOTICED, InternalWords, Language, Messages

FOLDER, WORDS = "messages", "words.toml"
INTERNAL_WORDS = f"{FOLDER}/internal_words.toml"
TEMPLATES = ("internal", "customer", "customer_resolved", "security", "security_resolved")
MOST_TEMPLATE_BYTES = 64 << 10
STATUSES = ("investigating", "identified", "monitoring", "resolved")
HAPPENING = (*NOTICED, "unknown")
# The fields of words.toml by table, each with what may be put into it.
Shape = Mapping[str, Mapping[str, tuple[str, ...]]]
SHAPE: Shape = {
    "status": dict.fromkeys(STATUSES, ()),
    "status_for_customers": dict.fromkeys(STATUSES, ()),
    "happening": dict.fromkeys(HAPPENING, ()),
    "happened": dict.fromkeys(HAPPENING, ()),
    "feature": {**dict.fromkeys(NOTICED, ("title",)), "several": ("service",)},
    "every": {"minutes": ("n",), "hour": (), "hours": ("n",)},
    "list": {"between": (), "last": (), "each": ("entry",)},
    "time": {
        "day": ("day", "month", "year"),
        "clock": ("clock", "zone"),
        "moment": ("day", "clock"),
        "span": ("since", "until"),
        "range": ("since", "until"),
        "beside": ("utc", "theirs"),
    },
}
PLAIN = ("service", "apology", "apology_afterwards", "support", "stop")
PUT_IN = re.compile(r"\{(\w*)\}")
SENTENCE = re.compile(r"[.;!?。！？\n]+")
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def load_messages(base: Path, ours: Path, dependencies: Sequence[Dependency]) -> Messages:
    """The messages of a runbook's folder; of one that has none, ours. Raises RunbookError."""
    folder = (base if (base / FOLDER).is_dir() else ours) / FOLDER
    languages = sorted(path for path in folder.iterdir() if LANGUAGE.fullmatch(path.name) and path.is_dir())
    if not languages:
        raise RunbookError(f"{folder}: no language in it. Copy the folder en from {ours / FOLDER}.")
    words = folder.parent / INTERNAL_WORDS
    return Messages(
        {path.name: _language(path, ours) for path in languages},
        _internal_words(read(words, Table, f"Copy it from {ours / INTERNAL_WORDS}."), dependencies),
        (words, *(path / name for path in languages for name in (WORDS, *map(file_of, TEMPLATES)))),
    )


def file_of(template: str) -> str:
    """The file's name of a template."""
    return f"{template}.j2"


def filled(text: str, **values: object) -> str:
    """The text with values in the place of the names in braces.

    >>> filled("every {n} minutes", n=30)
    'every 30 minutes'
    """
    return PUT_IN.sub(lambda match: str(values[match[1]]), text)


def internal_words_in(text: str, words: InternalWords) -> list[str]:
    """What of a text customers are not told, as it stands there; none if it may be told."""
    return _matches(text, words.internal)


def security_words_in(text: str, words: InternalWords) -> list[str]:
    """What in a text speaks of a matter of security; a sentence that says that it is none does not."""
    sentences = [sentence for sentence in SENTENCE.split(text) if not _matches(sentence, words.not_security)]
    return list(dict.fromkeys(match for sentence in sentences for match in _matches(sentence, words.security)))


def _matches(text: str, patterns: Iterable[str]) -> list[str]:
    # As it is read: wide letters are letters, and what takes no room hides nothing.
    normal = "".join(
        character for character in unicodedata.normalize("NFKC", text) if unicodedata.category(character) != "Cf"
    )
    matches = [match for pattern in patterns if (match := compiled(pattern, ignore_case=True).search(normal))]
    return list(dict.fromkeys((match.groupdict().get("word") or match[0]).strip() for match in matches))


def _internal_words(table: Table, dependencies: Sequence[Dependency]) -> InternalWords:
    table.only("words", "anywhere", "patterns", "security", "security_anywhere", "security_unless")
    named = [name for dependency in dependencies for name in (dependency.name, dependency.title)]
    return InternalWords(
        (
            *_as_words((*table.texts("words"), *named)),
            *_anywhere(table.texts("anywhere")),
            *_patterns(table, "patterns"),
        ),
        (*_as_words(table.texts("security")), *_anywhere(table.texts("security_anywhere"))),
        _patterns(table, "security_unless"),
    )


def _patterns(table: Table, field: str) -> tuple[str, ...]:
    """A list of patterns, none of which fits nothing: it would fit everything."""
    for number, pattern in enumerate(table.texts(field), start=1):
        try:
            everywhere = compiled(pattern).search("")
        except PatternError as error:
            raise table.fail(
                field, f"a list of regular expressions of RE2; number {number} is none ({error})"
            ) from None
        if everywhere:
            raise table.fail(field, f"a list of regular expressions; number {number} fits every text")
    return table.texts(field)


def _as_words(words: Sequence[str]) -> list[str]:
    """One pattern for words that stand alone, with a number behind them or in the plural; none where there are none."""
    escaped = "|".join(re.escape(word.lower()) for word in sorted(filter(None, words), key=len, reverse=True))
    return [f"(?:^|[^a-z0-9])(?P<word>(?:{escaped})(?:e?s)?[0-9]*)(?:[^a-z]|$)"] if escaped else []


def _anywhere(words: Sequence[str]) -> list[str]:
    escaped = "|".join(re.escape(word) for word in filter(None, words))
    return [f"(?P<word>{escaped})"] if escaped else []


def _language(folder: Path, ours: Path) -> Language:
    example = ours / FOLDER / "en"
    words = read(folder / WORDS, Table, f"Copy it from {example / WORDS}.")
    return Language(
        folder.name,
        folder,
        _words(words),
        {name: _template(folder / file_of(name), example / file_of(name)) for name in TEMPLATES},
    )


def _words(table: Table) -> dict[str, Any]:
    """The words, all that there have to be and no others, with nothing in braces but what is put in."""
    table.only(*PLAIN, *SHAPE)
    words: dict[str, Any] = {name: table.text(name) for name in PLAIN}
    for name, fields in SHAPE.items():
        inner = table.table(name)
        inner.only(*fields, *(["months"] if name == "time" else []))
        words[name] = {field: _with_only(inner, field, put_in) for field, put_in in fields.items()}
    time = table.table("time")
    if len(months := time.texts("months")) != 12:
        raise time.fail("months", "a list of twelve texts")
    words["time"]["months"] = months
    return words


def _with_only(table: Table, field: str, put_in: tuple[str, ...]) -> str:
    text = table.text(field)
    if any(name not in put_in for name in PUT_IN.findall(text)):
        allowed = " ".join(f"{{{name}}}" for name in put_in) or "nothing"
        raise table.fail(field, f"a text with {allowed} in braces")
    return text


def _template(path: Path, example: Path) -> str:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise RunbookError(f"{path}: missing. Copy it from {example}.") from None
    except OSError as error:
        raise RunbookError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RunbookError(f"{path}: line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}).") from None
    if len(data) > MOST_TEMPLATE_BYTES:
        raise RunbookError(f"{path}: larger than a template may be ({MOST_TEMPLATE_BYTES:,} bytes).")
    return text
