"""A report on a recorded incident says what it said before.

What changed on purpose is written anew, and read as a diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pages_of_recordings import recordings, said


@pytest.mark.parametrize("recording", recordings(), ids=lambda folder: folder.name)
def test_a_report_says_what_it_said(recording: Path) -> None:
    assert said(recording) == (recording / "said.txt").read_text(encoding="utf-8")
