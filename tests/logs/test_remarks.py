"""What a reader has to know of a file is one list, said the same by every command."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from incident_kit.logs import read
from incident_kit.logs.remarks import Remark
from incident_kit.model.source import Source
from tests.command import Kit

UNDECIDED = "11/12 may be November or December, and no date of this log tells: say --date-order mdy or dmy"
NEST = "[Nest] 18660  - 11/12/2026, 16:%02d:00     LOG [Http] GET /api/orders/%d 200 - 13ms\n"
PINO = '{"level":30,"time":%d,"pid":1,"hostname":"vm","msg":"hello"}\n'
START_MS = 1_795_420_800_000
SECONDS = 1000


def remarks(path: Path, text: str) -> list[Remark]:
    path.write_text(text, encoding="utf-8")
    with read([Source("a", path, "app.log")]) as records:
        return list(records.accounting()[0].remarks())


@pytest.fixture
def undecided(tmp_path: Path) -> Path:
    log = tmp_path / "nest.log"
    log.write_text("".join(NEST % (minute, minute) for minute in range(16)), encoding="utf-8")
    return log


def test_dates_that_may_be_two_are_a_warning_with_what_helps(tmp_path: Path) -> None:
    text = NEST % (1, 1) + NEST % (2, 2)
    assert remarks(tmp_path / "app.log", text) == [Remark("undated", f"2 undated ({UNDECIDED})", is_warning=True)]


def test_a_stray_line_without_a_time_is_information(tmp_path: Path) -> None:
    text = PINO % START_MS + "(node:7) Warning: a stray line\n" + PINO % (START_MS + SECONDS)
    assert remarks(tmp_path / "app.log", text) == [Remark("undated", "1 undated")]


def test_a_silence_and_an_unread_line_are_information(tmp_path: Path) -> None:
    later_ms = START_MS + timedelta(minutes=9) // timedelta(milliseconds=1)
    found = remarks(tmp_path / "app.log", PINO % START_MS + PINO % later_ms + '{"level":30,"ti')
    assert [(remark.kind, remark.is_warning) for remark in found] == [
        ("silence", False),
        ("unparsed", False),
        ("unfinished", False),
    ]
    assert found[1].sentence == '1 line could not be read: line 3: {"level":30,"ti'


def test_a_sound_file_has_none_and_its_account_does_not_speak_of_them(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    assert remarks(log, PINO % START_MS) == []
    with read([Source("a", log, "app.log")]) as records:
        assert "remarks" not in records.accounting()[0].to_json()


def test_parse_triage_and_report_say_the_same_and_end_with_3(kit: Kit, tmp_path: Path, undecided: Path) -> None:
    window = ["--since", "2026-11-12T16:00:00Z", "--until", "2026-11-12T16:20:00Z", "--reports", "out"]
    for arguments in (
        ["parse", undecided],
        ["triage", "t", "-l", undecided, *window],
        ["triage", "--evidence", "out/t"],
        ["report", "high_error_rate", "-l", undecided, *window],
    ):
        finished = kit(*arguments, cwd=tmp_path)
        assert finished.returncode == 3, (arguments, finished.stderr)
        assert f"16 undated ({UNDECIDED})" in finished.stderr
    page = (tmp_path / finished.stdout.strip()).read_text(encoding="utf-8")
    assert f"nest.log: 16 undated ({UNDECIDED})." in page
