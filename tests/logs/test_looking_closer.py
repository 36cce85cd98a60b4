"""What a person asks of records by hand: another window, the lines behind a point, a question in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_kit import logs
from incident_kit.errors import ParameterError
from incident_kit.evidence.store import open_evidence
from incident_kit.logs import pieces
from incident_kit.logs.reading import Records, read
from incident_kit.model import places
from incident_kit.model.finding import Line
from incident_kit.model.source import Source
from incident_kit.model.times import Window
from incident_kit.view.display import as_html
from tests.runbook.pino_lines import request

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def recorded() -> Iterator[Records]:
    stored = open_evidence(places.recorded())
    with read(stored.sources(), stored.window()) as records:
        yield records


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Records]:
    """Six requests, one each half minute from 09:00 on, the fourth failed; the last tells a secret."""
    urls = ["/api/orders"] * 5 + ["/api/login?token=hunter22hunter22"]
    lines = [
        request(NINE + timedelta(seconds=30 * n), status=503 if n == 3 else 200, url=url) for n, url in enumerate(urls)
    ]
    path = tmp_path / "few.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with read([Source("few", path, "few.log")], Window(NINE, NINE + timedelta(minutes=5))) as records:
        yield records


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        ("09:01", "", 2),
        ("09:01", "09:02:30", 3),
        ("-4m", "-3m", 2),
        ("2026-11-23T09:01:00Z", "2026-11-23T18:01:30+09:00", 1),
        (NINE, NINE + timedelta(seconds=31), 2),
        (NINE.replace(tzinfo=None), "", 2),
        ("09:02", "09:30", 2),
        ("08:00", "08:30", 0),
    ],
)
def test_zoom_takes_times_as_people_write_them(
    few: Records, since: str | datetime, until: str | datetime, found: int
) -> None:
    with few.zoom(since, until) as near:
        assert len(near.frame()) == found
    assert len(few.frame()) == 6


def test_a_zoom_that_ends_before_it_begins_says_so(few: Records) -> None:
    with pytest.raises(ParameterError, match="ends before it begins"):
        few.zoom("09:02", "09:01")


def test_lines_behind_a_point_are_those_of_the_evidence(few: Records) -> None:
    with few.zoom("09:01") as near:
        found = near.lines("status >= 500")
        assert list(found) == [Line("few", 4)]
        assert found[Line("few", 4)] == few.sources[0].path.read_text(encoding="utf-8").splitlines()[3]
        assert list(near.lines("status >= 500", around=1)) == [Line("few", 3), Line("few", 4), Line("few", 5)]
        assert list(near.lines("status = 404")) == []


def test_lines_say_how_many_more_there_are_and_show_no_secret(few: Records) -> None:
    assert "The first 2 of 6 records" in as_html(few.lines(most=2))
    shown = as_html(few.lines("url LIKE '%login%'"))
    assert "/api/login?token=[redacted:secret]" in shown
    assert "hunter22" not in shown
    assert "No record" in as_html(few.lines("status = 404"))


def test_sql_of_ones_own_has_parameters_and_aware_times(few: Records) -> None:
    frame = few.sql(
        "SELECT route, count(*) AS n, max(ts) AS last FROM Requests"
        " WHERE STATUS = $status GROUP BY ROUTE ORDER BY n DESC",
        status=200,
    )
    assert frame["n"].tolist() == [4, 1]
    assert str(frame["last"].dt.tz) == "UTC"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT url FROM records",
        "SELECT list(url) AS urls FROM records",
        "SELECT {'where': url} AS place FROM records",
        "SELECT * FROM (PIVOT records ON url IN ('/api/login?token=hunter22hunter22') USING count(*))",
        "SELECT url::ENUM('/api/orders', '/api/login?token=hunter22hunter22') AS url FROM records",
        "SELECT map([url], [1]) AS counts FROM records",
        "SELECT url::BLOB AS url FROM records",
    ],
)
def test_sql_of_ones_own_shows_no_secret(few: Records, statement: str) -> None:
    shown = few.sql(statement).to_csv()
    assert "[redacted:secret]" in shown
    assert "hunter22" not in shown


@pytest.mark.parametrize("statement", ["DROP VIEW records", "COPY records TO 'out.csv'", "SELECT 1; SELECT 2", ""])
def test_sql_of_ones_own_can_only_read(
    few: Records, statement: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match="write one SELECT"):
        few.sql(statement)
    assert not (tmp_path / "out.csv").exists()
    assert len(few.frame()) == 6


def test_logs_in_many_pieces_answer_the_same(recorded: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 50_000)
    monkeypatch.setattr(pieces, "SMALL_BYTES", 0)
    statements = [
        "SELECT * EXCLUDE (twin) FROM requests ORDER BY line LIMIT 50",
        "FROM calls SELECT columns(lambda name: name <> 'twin') ORDER BY LINE LIMIT 50",
        "SELECT ROUTE, COUNT(*) FROM Requests GROUP BY ALL ORDER BY ALL",
    ]
    with logs.read(recorded.sources, recorded.window) as large:
        for statement in statements:
            assert large.sql(statement).to_csv() == recorded.sql(statement).to_csv()
        with large.zoom("09:54") as theirs, recorded.zoom("09:54") as ours:
            assert theirs.frame().to_csv() == ours.frame().to_csv()
            assert theirs.lines("status >= 500") == ours.lines("status >= 500") != {}


def test_records_say_what_they_are(few: Records) -> None:
    shown = as_html(few)
    assert "<strong>6 records</strong>, 1 of them errors" in shown
    assert "few.log" in shown
