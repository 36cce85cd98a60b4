"""Texts that are wrapped in an encoding, read plainly, with the way back to the places in what was written.

A name may be split by what nobody sees, and a secret may stand behind percent escapes, entities, escapes of JSON,
full-width or foreign letters that look the same, in base64, in hex, or in a list of bytes. Each wrapping gives a
reading: the plain text, and for each piece of it where it stood. The detectors look at readings as at any text.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from incident_kit.model.redaction import looks
from incident_kit.model.redaction.labels import FIRST_LETTERS
from incident_kit.model.redaction.runs import runs
from incident_kit.model.redaction.span import Span

# What nobody sees in the middle of a name: blanks that do not break, joiners, marks of direction, combining marks.
INVISIBLE = (
    "\x00\x85\xa0\xad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
# Letters of other scripts that look like those of ASCII (Unicode Technical Standard 39), and marks of punctuation.
ALIKE = str.maketrans(
    "аеорсухіјѕԁԛԝһвкмнтгАВЕКМНОРСТУХІЈЅαεορυνικτχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡℓ‐‑‒–—―−“”„‟″‘’‚‛′　：＝",
    "aeopcyxijsdqwhbkmhtrABEKMHOPCTYXIJSaeopuviktxABEZHIKMNOPTYXigl-------\"\"\"\"\"''''' :=",
)
WIDE = "\uff01-\uff5e\ufe50-\ufe6b\U0001d400-\U0001d7ff"
ESCAPES = (
    r"%[0-7][0-9A-Fa-f]|%[CcDd][0-9A-Fa-f]%[89A-Ba-b][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89A-Ba-b][0-9A-Fa-f]){2}"
    r"|%[Ff][0-7](?:%[89A-Ba-b][0-9A-Fa-f]){3}"
    r"|&(?:quot|apos|lt|gt|amp|nbsp|equals|colon|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});"
    r"|\x1b\[[0-9;]{0,16}[A-Za-z]"
    r"|\[[0-9]{1,3}(?:;[0-9]{1,3}){0,4}m"  # what is left of an escape of a terminal
    r"|\\{1,4}(?:(?:(?:u00|x)1[bB]|0?33)\[[0-9;]{0,16}[A-Za-z]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})"
)
ESCAPED = re.compile(ESCAPES + "|\x00")
WRITTEN_OTHERWISE = re.compile(f"{ESCAPES}|[{INVISIBLE}{WIDE}{''.join(map(chr, ALIKE))}]")
# Base64 of printable ASCII, by what each place of four may hold; then whatever may follow, over lines too.
PRINTABLE = (9, 10, 13, *range(0x20, 0x7F))
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _of_base64(numbers: set[int]) -> str:
    return "[" + "".join(re.escape(BASE64[number]) for number in sorted(numbers)) + "]"


FIRST = _of_base64({byte >> 2 for byte in PRINTABLE})
SECOND = _of_base64({(low & 3) << 4 | byte >> 4 for byte in PRINTABLE for low in range(4)})
THIRD = _of_base64({(low & 15) << 2 | byte >> 6 for byte in PRINTABLE for low in range(16)})
ENCODED = re.compile(
    rf"(?:{FIRST}{SECOND}{THIRD}[A-Za-z0-9+/_-]){{4}}[A-Za-z0-9+/_-]*+"
    r"(?:(?:\\r|\r)?(?:\\n|\n)[A-Za-z0-9+/_-]{16,}+){0,400}+(?:={1,2}|(?:%3[Dd]){1,2})?+"
)
HEX = re.compile(r"(?:0x|x)?((?:[2-7][0-9A-Fa-f]|0[9aAdD]){10,}+)")
# Behind the bracket that opens a list, so that few places have to be looked at.
BYTES = re.compile(
    r"[\[{(<](?:\s{0,16}(?:-?(?:0x[0-9A-Fa-f]{1,2}|[0-9]{1,3}),\s{0,16}){7,}+(?:-?(?:0x[0-9A-Fa-f]{1,2}|[0-9]{1,3}))?+"
    r"|Buffer(?: [0-9a-f]{2}){6,}+|(?:\\{0,7}\"[0-9]{1,6}\\{0,7}\":\s?[0-9]{1,3},?\s{0,16}){8,}+)"
)
BYTE = re.compile(r"-?(?:0x[0-9A-Fa-f]{1,2}|[0-9]{1,3})(?![0-9]*\\{0,7}\")")
BYTE_OF_BUFFER = re.compile(r"(?<= )[0-9a-f]{2}")
# Of the bytes in a list that is a text, at least these are printable.
PRINTABLE_SHARE = 0.9
SHORTEST_BYTES = 8
# Letters in escapes of which it is worth to read a line plainly, beside all of ASCII: labels begin with them.
TELLING = frozenset(FIRST_LETTERS)
# Between lines that were not one behind the other.
APART = "\n.\n"
SHORTEST_ENCODED, MOST_SLASHES = 16, 16
LINE_END = re.compile(r"\\[rn]|\s")
USER = re.compile(r"[\w.@+-]{1,64}", re.ASCII)


@dataclass(slots=True)
class Reading:
    """A text read plainly. Pieces: where each begins in it, and where it began and ended in what was written."""

    text: str = ""
    starts: list[int] = field(default_factory=list)
    written: list[tuple[int, int]] = field(default_factory=list)
    around: str = ""
    parts: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, plain: str, start: int, end: int) -> None:
        """One more piece, and where it was written; what is read as nothing leaves no piece."""
        if plain:
            self.starts.append(self.length)
            self.written.append((start, end))
            self.parts.append(plain)
            self.length += len(plain)

    def cut(self, pieces: int, length: int) -> None:
        """Only so many pieces of this length together."""
        del self.starts[pieces:], self.written[pieces:], self.parts[pieces:]
        self.length = length

    def place(self, span: Span) -> Span:
        """Where a span of the reading stands in what was written."""
        start, end = self._piece(span.start), self._piece(span.end - 1)
        first, last = self.written[start], self.written[end]
        begun = first[0] + (span.start - self.starts[start] if self._copied(start) else 0)
        ended = last[0] + (span.end - self.starts[end]) if self._copied(end) else last[1]
        return span._replace(start=begun, end=ended, around=self.around or span.around)

    def _piece(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1

    def _copied(self, piece: int) -> bool:
        end = self.starts[piece + 1] if piece + 1 < len(self.starts) else len(self.text)
        start, ended = self.written[piece]
        return end - self.starts[piece] == ended - start


def readings(text: str) -> Iterator[Reading]:
    """The text read plainly where it is written otherwise, and what its lists of bytes say."""
    if plain := _plain_lines(text):
        yield plain
    if "," in text or "<Buffer" in text:
        for listed in BYTES.finditer(text):
            if reading := _of_bytes(text, listed):
                yield reading


def encoded(text: str) -> Iterator[tuple[int, int, str]]:
    """Texts in base64 or hex: where each begins and ends, and what it says."""
    done = 0
    for start, end in runs(text, BASE64, SHORTEST_ENCODED):
        while start > done and text[start - 1] in "-_":
            start -= 1
        for begun in (start, *(place + 1 for place in _slashes(text, start, end))):
            if begun < done:
                continue
            if run := ENCODED.match(text, begun):
                said = _as_text(_from_base64(run[0]))
            elif run := HEX.match(text, begun):
                said = _as_text(bytes.fromhex(run[1][: len(run[1]) // 2 * 2]))
            if run and said:
                done = run.end()
                yield begun, done, said


def _slashes(text: str, start: int, end: int) -> Iterator[int]:
    """The slashes in a path, behind each of which base64 may begin, though it may hold slashes itself."""
    place, tried = text.find("/", start, end), 0
    while place >= 0 and tried < MOST_SLASHES:
        behind = text.find("/", place + 1, end)
        if (behind if behind >= 0 else end) - place > SHORTEST_ENCODED:
            yield place
            tried += 1
        place = behind


def _from_base64(run: str) -> bytes:
    letters = LINE_END.sub("", run).partition("=")[0].partition("%")[0].replace("-", "+").replace("_", "/")
    return base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + "==")


def is_basic(content: str) -> bool:
    """Whether this is what stands behind `Basic` in a header: a user, a colon, and a password."""
    user, colon, password = content.partition(":")
    return bool(colon) and USER.fullmatch(user) is not None and " " not in password and looks.is_secret(password, False)


def _as_text(data: bytes) -> str:
    """Bytes as text, less a character that was cut off; empty if they are none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 4:
            return ""
        text = data[: error.start].decode("utf-8")
    return text if all(character.isprintable() or character in "\t\r\n" for character in text) else ""


def _plain_lines(text: str) -> Reading | None:
    """The lines in which something is written otherwise, and the line behind each, read plainly."""
    reading = Reading()
    start = end = line_end = 0
    kept, telling = (0, 0), False
    for piece in (ESCAPED if text.isascii() else WRITTEN_OTHERWISE).finditer(text):
        if piece.start() >= end or not reading.starts:
            if reading.starts:
                reading.add(text[start:end], start, end)
                reading.add(APART, end, end)
                if not telling:
                    reading.cut(*kept)
            kept, telling = (len(reading.parts), reading.length), False
            start = text.rfind("\n", 0, piece.start()) + 1
        if piece.end() > line_end:
            line_end = _line_end(text, piece.end())
            end = _line_end(text, line_end + 1)
        reading.add(text[start : piece.start()], start, piece.start())
        plain = _plainly(piece[0])
        reading.add(plain, *piece.span())
        telling = telling or plain.isascii() or not plain.isalnum() or plain in TELLING
        start = piece.end()
    reading.add(text[start:end], start, end)
    if not telling:
        reading.cut(*kept)
    if not reading.starts:
        return None
    reading.text = "".join(reading.parts)
    return reading


def _line_end(text: str, place: int) -> int:
    line_end = text.find("\n", place)
    return line_end if line_end >= 0 else len(text)


def _plainly(written: str) -> str:
    """What one escape or one character stands for."""
    if written[0] == "%":
        return bytes.fromhex(written.replace("%", "")).decode("utf-8", "replace")
    if written[0] == "&":
        return html.unescape(written)
    if written[0] == "\\" and written.lstrip("\\")[0] in "ux" and "[" not in written:
        return chr(int(written.lstrip("\\")[1:], 16))
    if len(written) > 1:
        return ""
    if (alike := written.translate(ALIKE)) != written:
        return alike
    wide = unicodedata.normalize("NFKC", written)
    return wide if wide.isascii() and wide.strip() else ""


def _of_bytes(text: str, listed: re.Match[str]) -> Reading | None:
    buffer = listed[0].startswith("<")
    numbers = list((BYTE_OF_BUFFER if buffer else BYTE).finditer(text, listed.start(), listed.end()))
    values = [
        int(number[0], 16 if buffer else 0) if buffer or "x" in number[0] else int(number[0]) for number in numbers
    ]
    if len(values) < SHORTEST_BYTES or not all(-128 <= value <= 255 for value in values):
        return None
    plain = "".join(chr(value % 256) for value in values)
    if sum(character.isprintable() or character in "\t\r\n" for character in plain) < PRINTABLE_SHARE * len(plain):
        return None
    written = [(number.start(), number.end()) for number in numbers]
    return Reading(plain, list(range(len(plain))), written, "" if buffer else '"')
