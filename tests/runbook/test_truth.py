"""The recorded incidents: triage names the right one first, and confirms nothing that is not there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import truth

JUDGED = cache(truth.judge)


@pytest.mark.parametrize("folder", truth.recordings(), ids=lambda path: path.name)
def test_what_was_done_is_named_first_and_nothing_else_is_confirmed(folder: Path) -> None:
    judged = JUDGED(folder)
    assert judged.named_first == judged.wanted
    assert judged.false == []
    assert judged.onset_error_s is None or abs(judged.onset_error_s) <= 60


@pytest.mark.parametrize(
    "folder", [path for path in truth.recordings() if path.name != "platform_events_silent"], ids=lambda path: path.name
)
def test_the_likeliest_cause_is_the_system_that_was_broken(folder: Path) -> None:
    """Where events are silent no request suffers, so requests name nobody."""
    judged = JUDGED(folder)
    assert judged.truth["suspect"] in (None, judged.suspect)
