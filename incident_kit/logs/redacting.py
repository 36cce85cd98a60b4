"""A text redacted as it streams by: any size, any packing, in memory that does not grow.

It is cut where no secret is cut: behind a line end outside of every secret. A secret over many lines (a PEM key, a list
over lines) holds the cut back until it is whole, and what stands before a cut is still known behind it, because a name
may stand there. Where a secret goes on beyond MOST_WAITING, what follows up to the line's end is left out.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from incident_kit.errors import LogFileError
from incident_kit.logs.archives import STANDARD_OUTPUT, Damage, packing_of_head, unpacked
from incident_kit.logs.inputs import open_once
from incident_kit.logs.members import ZIP, is_tar_header
from incident_kit.logs.slices import looks_binary
from incident_kit.model.redaction import Redaction, Span
from incident_kit.model.source import UNPACKED_LIMIT_BYTES
from incident_kit.model.visible import visible, visible_lines

HEAD_BYTES = 1 << 12
# How far back a name is looked for that a value belongs to.
REACH = 1 << 12
MOST_WAITING = 1 << 22
UTF_16 = re.compile(rb"\A(?:\xff\xfe|\xfe\xff)|(?:[^\0]\0){8}|(?:\0[^\0]){8}")


def redact_file(
    path: Path,
    target: Path,
    redaction: Redaction,
    unpacked_limit_bytes: int = UNPACKED_LIMIT_BYTES,
    say: Callable[[str], None] = print,
) -> str:
    """Write the text of a file, unpacked and redacted, to a new one; `-` is standard input and output.

    Returns what cut it short, if anything did. Raises LogFileError for what cannot be read or is no text in UTF-8, and
    for a target that is there already or cannot be written.
    """
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(open_once(path, say))
            text = PackedText(raw, visible(path), unpacked_limit_bytes)
            pieces = redacted(text.pieces(), redaction)
            first = next(pieces, "")  # before anything is written: it may be no text at all
        except OSError as error:
            raise LogFileError(f"{visible(path)}: cannot be read: {error.strerror}.") from None
        try:
            out = (
                sys.stdout.buffer
                if target == STANDARD_OUTPUT
                else stack.enter_context(open(target, "xb", opener=private))
            )
            shown = visible_lines if target == STANDARD_OUTPUT and sys.stdout.isatty() else str
            for piece in chain([first], pieces):
                out.write(shown(piece).encode("utf-8", "surrogateescape"))
                out.flush()
        except BrokenPipeError:  # the reader has seen enough: `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes at its end
        except FileExistsError:
            raise LogFileError(
                f"{visible(target)}: exists already and is left alone. Name a new file with -o."
            ) from None
        except OSError as error:
            raise LogFileError(f"{visible(target)}: cannot be written: {error.strerror}.") from None
        return text.damage


def private(path: str, flags: int) -> int:
    """Open a new file that nobody else may read: it was made of something secret."""
    return os.open(path, flags, 0o600)


class PackedText:
    """The text of a stream, packed or not; remembers why it had to stop early."""

    def __init__(self, raw: io.BufferedReader, name: str, limit_bytes: int) -> None:
        self._raw, self._name, self._limit_bytes, self.damage = raw, name, limit_bytes, ""

    def pieces(self) -> Iterator[str]:
        """The text as it comes; bytes that are no text come out as they came in.

        Raises LogFileError if the first show that it is none.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        yield from (decoder.decode(block) for block in self._blocks())
        yield decoder.decode(b"", final=True)

    def _blocks(self) -> Iterator[bytes]:
        blocks, first = unpacked(self._raw, packing_of_head(self._raw.peek(HEAD_BYTES)), self._limit_bytes), True
        try:
            for block in blocks:
                begun = block.lstrip(b"\x00") if first else b""
                if begun and (is_tar_header(begun) or begun.startswith(ZIP)):
                    raise LogFileError(
                        f"{self._name}: a tar or zip, which is no text but many files."
                        " Unpack it (tar -xf, unzip) and redact each of them."
                    )
                if begun and (UTF_16.search(begun[:HEAD_BYTES]) or looks_binary(begun)):
                    raise LogFileError(
                        f"{self._name}: not a text in UTF-8, so its secrets cannot be told."
                        " Convert it first, for instance with iconv -f UTF-16 -t UTF-8."
                    )
                first = first and not begun
                yield block
        except Damage as error:
            self.damage = str(error)


def redacted(texts: Iterable[str], redaction: Redaction) -> Iterator[str]:
    """A text that comes in pieces, redacted, in other pieces."""
    context_before = waiting = ""
    wanted, skipping = 0, False
    for text in texts:
        if skipping:  # the rest of a line whose secret had no end
            _, line_end, text = text.partition("\n")
            skipping = not line_end
            waiting += line_end
        waiting += text
        if len(waiting) < wanted or ("\n" not in text and len(waiting) <= MOST_WAITING):
            continue
        whole = context_before + waiting
        spans = redaction.spans(whole)
        cut = last_cut(whole, spans, len(context_before))
        wanted = 0 if cut else 2 * len(waiting)
        if not cut and len(waiting) > MOST_WAITING:
            cut, wanted = cut_within(whole, spans), 0
            if cut <= len(context_before):
                cut, skipping = len(whole), True
        if cut:
            yield _between(whole, spans, len(context_before), cut, redaction)
            context_before, waiting = context(whole[:cut]), whole[cut:]
    yield _between(
        context_before + waiting,
        redaction.spans(context_before + waiting),
        len(context_before),
        len(context_before) + len(waiting),
        redaction,
    )


def last_cut(text: str, spans: Sequence[Span], start: int) -> int:
    """The place behind the last line end that lies in no secret; 0 if there is none behind `start`."""
    end, remaining = len(text), list(spans)
    while (line_end := text.rfind("\n", start, end)) >= 0:
        while remaining and remaining[-1].start > line_end:
            remaining.pop()
        if not remaining or remaining[-1].end <= line_end:
            return line_end + 1
        end = remaining[-1].start
    return 0


def cut_within(text: str, spans: Sequence[Span]) -> int:
    """A place within a long line, far enough before its end to know that it lies in no secret."""
    cut = len(text) - REACH
    return next((span.start for span in spans if span.start < cut < span.end), cut)


def context(text: str) -> str:
    """The last whole lines of a text within REACH, of a longer line its end."""
    tail = text[-REACH:]
    return tail if len(tail) == len(text) else tail.partition("\n")[2] or tail


def _between(text: str, spans: Iterable[Span], start: int, end: int, redaction: Redaction) -> str:
    inside = [
        span._replace(start=max(span.start, start) - start, end=min(span.end, end) - start)
        for span in spans
        if span.end > start and span.start < end
    ]
    return redaction.text(redaction.marked(text[start:end], inside))
