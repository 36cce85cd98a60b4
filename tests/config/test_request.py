"""A request: what was typed comes first, then what is configured; resolved once."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incident_kit.config import settings
from incident_kit.config.request import Typed, resolve
from incident_kit.errors import InputError, ParameterError


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("INCIDENT_KIT_REPORTS", raising=False)
    monkeypatch.chdir(tmp_path)
    text = 'zone = "Asia/Tokyo"\nlog_zone = "Asia/Tokyo"\nreports = "incidents"\nrunbook = "book"\n'
    (tmp_path / "incident-kit.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_what_nobody_typed_is_as_configured(configured: Path) -> None:
    request = resolve(Typed(since="2026-11-23T09:00"))
    assert (request.reports, request.runbook) == (configured / "incidents", str(configured / "book"))
    assert request.hints.zone == "Asia/Tokyo"
    assert request.since == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert request.sources.whole is None


def test_what_was_typed_comes_first(configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENT_KIT_REPORTS", "elsewhere")
    assert resolve(Typed()).reports == Path("elsewhere")
    typed = Typed(reports=Path("here"), runbook="mine", zone="UTC", log_zone="UTC", until="2026-11-23T09:00")
    request = resolve(typed)
    assert (request.reports, request.runbook, request.hints.zone) == (Path("here"), "mine", "UTC")
    assert request.until == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (Typed(preserve="some"), "--preserve takes window or whole"),
        (Typed(date_order="yyy"), "--date-order takes"),
        (Typed(log_zone="Asia/Tokio"), "not a time zone"),
        (Typed(since="2026-11-23T10:00", until="2026-11-23T09:00"), "ends"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(configured: Path, typed: Typed, words: str) -> None:
    with pytest.raises((InputError, ParameterError), match=words):
        resolve(typed)


def test_no_function_but_a_command_and_its_arguments_takes_more_than_eight() -> None:
    """Of the rooms that a command goes through first."""
    from incident_kit.app import collect, report, sources, triage
    from incident_kit.config import request

    modules = (collect, report, sources, triage, request, settings)
    functions = [
        function
        for module in modules
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    ]
    assert [function.__name__ for function in functions if len(inspect.signature(function).parameters) > 8] == []
