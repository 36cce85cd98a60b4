"""Patterns from outside (a team's formats, a runbook that came with a run), matched in linear time whatever they are.

They are RE2's, as in the SQL that asks logs: no lookaround, no references back
(https://github.com/google/re2/wiki/Syntax).
"""

from __future__ import annotations

import re
from functools import lru_cache


class PatternError(ValueError):
    """A text is no regular expression of RE2."""


@lru_cache(maxsize=1024)
def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """The pattern, ready to match, search and name its groups as Python's own are. Raises PatternError."""
    import re2  # here, because most commands meet no pattern from outside

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        compiled: re.Pattern[str] = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "unreadable"
        raise PatternError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    return compiled
