"""incident-kit.toml: found upward, complete in its defaults, and clear about what is wrong in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from incident_kit.config import settings as configuration
from incident_kit.errors import ConfigurationError
from tests.command import Kit

SECRET = "s3cret-of-nobody"


def loaded(folder: Path, text: str) -> configuration.Configuration:
    path = folder / "incident-kit.toml"
    path.write_text(text, encoding="utf-8")
    return configuration.load(path)


def test_what_init_writes_are_the_defaults(tmp_path: Path) -> None:
    configuration.write(tmp_path / "incident-kit.toml")
    found = configuration.load(tmp_path / "incident-kit.toml")
    assert replace(found, file=None, reports="reports") == configuration.Configuration()
    assert found.reports == str(tmp_path / "reports")


def test_init_leaves_a_file_that_is_there_alone(tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text("# ours\n")
    with pytest.raises(ConfigurationError, match="exists already and is left alone"):
        configuration.write(tmp_path / "incident-kit.toml")
    assert (tmp_path / "incident-kit.toml").read_text() == "# ours\n"


def test_it_is_found_upward_and_a_variable_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INCIDENT_KIT_CONFIG", raising=False)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "incident-kit.toml").write_text('zone = "Asia/Tokyo"\n')
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert configuration.load().zone == "Asia/Tokyo"
    (tmp_path / "other.toml").write_text('zone = "Europe/Berlin"\n')
    monkeypatch.setenv("INCIDENT_KIT_CONFIG", str(tmp_path / "other.toml"))
    assert configuration.load().zone == "Europe/Berlin"
    monkeypatch.setenv("INCIDENT_KIT_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigurationError, match="INCIDENT_KIT_CONFIG names it"):
        configuration.load()


def test_paths_are_meant_from_the_folder_of_the_file(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, 'reports = "incidents"\nlogs = ["logs/*.log", "/var/log/x.log"]\nenv_file = "../bff/.env"\n'
    )
    assert found.reports == str(tmp_path / "incidents")
    assert found.logs == (str(tmp_path / "logs/*.log"), "/var/log/x.log")
    assert found.env_file == str(tmp_path / "../bff/.env")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zone = Asia/Tokyo", "not readable as TOML: Invalid value (at line 1"),
        ("x = " + "[" * 5000, "not readable as TOML: it is nested too deep"),
        ("[[formats]]\nname = 'audit'", "line 1: formats"),
        ("\n[targets]\nwhmcs_secret = 12345678", "line 3: targets.whmcs_secret must be a text in quotes"),
        ('zone = "Asia/Tokio"', "line 1: zone: not a time zone: 'Asia/Tokio'"),
        ("zone = 9", "line 1: zone must be a text in quotes"),
        ('zones = "UTC"', "zones: no such field. Known: logs, health_url"),
        ('logs = "/var/log/bff.log"', "line 1: logs must be a list of texts"),
        ('process = "node.*("', "process: not a regular expression"),
        ('health_url = "localhost:4000"', "health_url: write an http:// or https:// address"),
        (
            f'health_url = "http://me:{SECRET}@localhost"',
            "health_url: write an http:// or https:// address without a password",
        ),
        ('[targets]\ncache = "REDIS_URL"', "line 2: targets.cache: no such field"),
        (
            f'[targets]\nredis = "redis://:{SECRET}@cache:6379"',
            "targets.redis: write the NAME of an environment variable here",
        ),
        ("targets = 1", "line 1: targets must be a table"),
        ("[contacts]\non_call = 1", "line 2: contacts.on_call must be a text in quotes"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_field_and_no_secret_is_repeated(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, text)
    assert str(tmp_path / "incident-kit.toml") in str(raised.value)
    assert words in str(raised.value)
    assert SECRET not in str(raised.value)


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "incident-kit.toml"
    path.write_bytes(b'zone = "UTC"\nprocess = "caf\xe9"\n')
    with pytest.raises(ConfigurationError, match=r"incident-kit.toml: .*line 2 is not UTF-8 \(byte 0xe9\)"):
        configuration.load(path)


def test_doctor_says_what_is_ready_and_what_to_do(kit: Kit, tmp_path: Path) -> None:
    nothing = {"REDIS_URL": "", "DATABASE_URL": "", "WHMCS_API_URL": ""}
    (tmp_path / "bff.log").write_text("")
    (tmp_path / "incident-kit.toml").write_text('logs = ["*.log"]\nhealth_url = ""\nprocess = ""\n')
    ready = kit("doctor", cwd=tmp_path, env=nothing)
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert f"ready  logs: 1 file(s), such as {tmp_path / 'bff.log'}" in ready.stdout
    assert "not named  redis: REDIS_URL is set neither" in ready.stdout
    assert not (tmp_path / "reports").exists()
    broken = kit("doctor", cwd=tmp_path, env={**nothing, "REDIS_URL": "redis://127.0.0.1:1"})
    assert broken.returncode == 3
    assert "not ready  redis: redis.ping: 127.0.0.1:1 refuses the connection" in broken.stdout


def test_a_wrong_configuration_stops_a_command_with_its_place(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text("zone = 9\n")
    finished = kit("doctor", cwd=tmp_path)
    assert finished.returncode == 2
    assert "incident-kit.toml, line 1: zone must be a text in quotes" in finished.stderr
