"""The recorded incidents: triage names the right one first, and confirms nothing that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import truth


@pytest.mark.parametrize("folder", truth.recordings(), ids=lambda path: path.name)
def test_what_was_done_is_named_first_and_nothing_else_is_confirmed(folder: Path) -> None:
    judged = truth.judge(folder)
    assert judged.named_first == judged.wanted
    assert judged.false == []
    assert judged.onset_error_s is None or abs(judged.onset_error_s) <= 60
