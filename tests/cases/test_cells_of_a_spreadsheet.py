"""A CSV export is opened in a spreadsheet, which runs what looks like a formula.

Whoever sends a request could write one.
"""

from __future__ import annotations

import csv
import io
import re

import pytest
from case_logs import incident, record, request, write

from incident_kit.model.spreadsheet import defused

RUN = re.compile(r"\A[\s\"]*[=+\-@\t\r＝＋－＠]")
FORMULAS = [
    "=cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", " =1", '"=1',
    "\n=1", "＝1+1", "＋1", "－1-x", "＠x", "'=1\n=2", "-", "+81 x", "-1-1", "=", "\ufeff=1", "\u200b=1", " \t+x",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_begins_with_an_apostrophe(text):
    assert not RUN.match(str(defused(text)))
    assert defused(defused(text)) == defused(text)


@pytest.mark.parametrize(
    "value",
    [
        "-5",
        "+3.5",
        "1e-7",
        "-1.5E+10",
        -5,
        3.5,
        None,
        True,
        "a - b",
        "x=1",
        "user@host",
        "1-2",
        "/a?b=-c",
        "GET /x",
        "[1,-2]",
        "",
    ],
)
def test_numbers_and_other_texts_stay(value):
    assert defused(value) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a\t@x", "a\t'@x"),
        ("a,=HYPERLINK(1)", "a,'=HYPERLINK(1)"),
        ("a\n=b", "a\n'=b"),
        ('a;"=b"', 'a;"\'=b"'),
        ("a;-1;b", "a;-1;b"),
    ],
)
def test_behind_what_elsewhere_ends_a_cell_none_begins(text, shown):
    assert defused(text) == shown


def test_the_csv_of_records_is_defused_and_raw_is_not(kit, tmp_path):
    write(
        tmp_path / "bff.log",
        [
            record(1, "=HYPERLINK(1)", context="@x"),
            request(2, url="/ok", client="+1+cmd|' /C calc'!A0", took_ms=-5),
            record(3, "a\r=b"),
        ],
    )
    cells = [
        cell
        for row in csv.reader(io.StringIO(kit("parse", "bff.log", "--to", "csv", cwd=tmp_path).stdout))
        for cell in row
    ]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if RUN.match(cell) and not re.fullmatch(r"-?[\d.]+", cell)]
    raw = kit("parse", "bff.log", "--to", "csv", "--raw", cwd=tmp_path).stdout
    assert "\n=HYPERLINK(1)" in raw.replace(",=", "\n=")
    assert "'=" not in raw


def test_the_series_of_a_run_are_defused(kit, tmp_path):
    write(tmp_path / "bff.log", incident(method="=1+1|x", url="y"))
    finished = kit("report", "high_error_rate", "x", "-l", "bff.log", "--reports", "out", cwd=tmp_path)
    assert finished.returncode in (0, 3), finished.stderr
    series = list(tmp_path.glob("out/x/runs/*/data/series/*.csv"))
    assert series
    for path in series:
        assert not [
            cell for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))) for cell in row if RUN.match(cell)
        ]
    assert kit("reproduce", series[0].parents[2]).returncode == 0
