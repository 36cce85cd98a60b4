"""What a command says to a terminal: results on stdout, everything else on stderr, and its exit code."""

from __future__ import annotations

import json
import sys
from typing import Any

from incident_kit.model.visible import as_it_is, visible, visible_json

DONE, INCOMPLETE, INTERRUPTED = 0, 3, 130


def say(text: str) -> None:
    """A line for the person, on stderr; line ends within it are a stranger's."""
    print(visible(text), file=sys.stderr, flush=True)


def show(text: str) -> None:
    """A line of the result, on stdout."""
    print(visible(text), flush=True)


def show_json(data: Any) -> None:
    """A result for programs, on stdout."""
    print(visible_json(json.dumps(data, indent=1, ensure_ascii=False)))


def show_lines(*lines: str) -> None:
    """Lines of the result that are fit for a terminal as they are, on stdout."""
    print("\n".join(lines), flush=True)


def show_file(text: str) -> None:
    """A result that is a file of its own, line ends and all, on stdout; its values were made visible before."""
    with as_it_is(sys.stdout):
        print(text, end="", flush=True)


def control(sequence: str) -> None:
    """A command of ours to the terminal, if there is one: the only way past `VisibleStream`."""
    if sys.stderr.isatty():
        with as_it_is(sys.stderr):
            print(sequence, end="", file=sys.stderr, flush=True)


def exit_code(incomplete: bool, interrupted: bool = False) -> int:
    """The exit code of a command that did its work, though some evidence may be missing."""
    if not incomplete:
        return DONE
    return INTERRUPTED if interrupted else INCOMPLETE
