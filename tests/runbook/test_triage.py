"""`triage` and `recheck`, as somebody types them at three in the morning."""

from __future__ import annotations

import gzip
import json
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
import servers
from pino_lines import request

from tests.command import NO_SYSTEMS, Kit

RECORDED = Path(__file__).parents[1] / "recorded" / "freebit_slow"


def refused(moment: datetime) -> str:
    error = {"type": "SimpleError", "message": "OOM command not allowed when used memory > 'maxmemory'."}
    return json.dumps(
        {
            "level": 50,
            "time": int(moment.timestamp() * 1000),
            "pid": 1,
            "hostname": "vm",
            "context": "CacheService",
            "err": error,
            "msg": "Redis connection error",
        }
    )


def test_the_recorded_incident_is_named_first_and_the_next_command_works(kit: Kit, tmp_path: Path) -> None:
    finished = kit("triage", "--evidence", RECORDED, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    first, *others = [line for line in finished.stdout.splitlines() if line[:1].isdigit()]
    assert first.startswith("1. High error rate or slow responses (high_error_rate")
    assert all(": 0 of " in line for line in others)  # no other scenario's symptom is confirmed
    assert "[ac9d2e20a1 line " in finished.stdout
    (following,) = [line for line in finished.stdout.split("\n") if line.startswith("Next: ")]
    program, *words = shlex.split(following.removeprefix("Next: "))
    assert program == "incident-kit"
    assert words[:2] == ["report", "high_error_rate"]
    report = kit(*words, cwd=tmp_path)
    assert report.returncode == 0, report.stderr
    assert not list(tmp_path.glob("reports/*/work"))


def test_json_is_an_object_with_the_answer_the_onset_and_the_scenarios(kit: Kit, tmp_path: Path) -> None:
    finished = kit("triage", "--evidence", RECORDED, "--json", cwd=tmp_path)
    triaged = json.loads(finished.stdout)
    assert triaged["onset"]["at"][:16] == triaged["onset"]["began"]["at"][:16]
    assert triaged["suspects"][0]["name"] == "freebit"
    assert triaged["coverage"]["sources"][0]["of_the_portal"] is True
    assert triaged["next"].startswith("incident-kit report high_error_rate")
    ranking = triaged["scenarios"]
    assert ranking[0]["scenario"] == "high_error_rate"
    assert len(ranking) == 6
    by_id = {symptom["id"]: symptom for symptom in ranking[0]["symptoms"]}
    assert by_id["error_rate"]["verdict"] == "confirmed"
    assert by_id["error_rate"]["citations"][0]["exemplars"][0]["item"] == "ac9d2e20a1"
    assert not (tmp_path / "reports").exists()  # what was collected before is kept where it is


def test_where_nothing_is_confirmed_that_is_said_and_all_of_it_is_reported(kit: Kit, tmp_path: Path) -> None:
    finished = kit("triage", "--evidence", RECORDED.parent / "deploy", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "Nothing is confirmed." in finished.stdout
    assert "● confirmed" not in finished.stdout
    assert "Next: incident-kit report triage --evidence" in finished.stdout


def test_logs_are_preserved_and_no_report_is_made(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "bff.log").write_bytes(gzip.decompress((RECORDED / "evidence" / "ac9d2e20a1" / "content").read_bytes()))
    finished = kit("triage", "night", "-l", "bff.log", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "--evidence reports/night" in finished.stdout
    items = (tmp_path / "reports" / "night" / "evidence").glob("*/item.json")
    assert [kind for item in items if (kind := json.loads(item.read_text())["kind"]) != "redaction"] == ["slice"]
    assert not (tmp_path / "reports" / "night" / "runs").exists()


def test_the_logs_of_the_configuration_are_taken_where_none_is_named(kit: Kit, tmp_path: Path) -> None:
    shutil.copy(RECORDED / "evidence" / "ac9d2e20a1" / "content", tmp_path / "portal.log.gz")
    (tmp_path / "incident-kit.toml").write_text('logs = ["portal*"]\n')
    finished = kit("triage", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "1. High error rate" in finished.stdout
    (tmp_path / "portal.log.gz").unlink()
    missing = kit("triage", cwd=tmp_path)
    assert missing.returncode == 2
    assert "Give them with -l LOG" in missing.stderr


def test_redis_out_of_memory_is_named_by_its_log_then_by_its_answer_and_a_recheck_shows_it_well_again(
    kit: Kit, tmp_path: Path
) -> None:
    """The log first, the answer after it; then the fault is removed."""
    log_end = datetime.now(UTC).replace(microsecond=0)
    begun = log_end - timedelta(minutes=10)
    healthy = [request(begun + timedelta(seconds=second)) for second in range(570)]
    failing = [refused(log_end - timedelta(seconds=30 - second)) for second in range(30)]
    log = tmp_path / "bff.log"
    log.write_text("\n".join([*healthy, *failing]) + "\n", encoding="utf-8")
    (tmp_path / "incident-kit.toml").write_text('health_url = ""\nprocess = ""\n')
    with servers.redis(config=["maxmemory-policy noeviction"]) as cache, redis.Redis(port=cache.port) as there:
        there.mset({f"session:{number:x}": "x" * 1000 for number in range(3000)})
        there.config_set("maxmemory", "2mb")
        environment = {**NO_SYSTEMS, "REDIS_URL": cache.url}
        finished = kit("triage", "full", "-l", log, "--live", cwd=tmp_path, env=environment)
        assert finished.returncode == 0, finished.stderr
        alone, _, everything = finished.stdout.partition("Window: ")
        assert "From the logs alone:" in alone
        for output in (alone, everything):
            assert "1. Redis fails (redis_failures" in output
            assert "30 × Redis is out of memory and refuses writes" in output
        assert "refuses writes: 3," not in alone  # its own words come with its answer
        assert "it is out of memory and refuses writes" in everything
        there.config_set("maxmemory", "0")
        with log.open("a", encoding="utf-8") as file:
            moment = datetime.now(UTC)
            file.writelines(request(moment + timedelta(milliseconds=number)) + "\n" for number in range(20))
        again = kit("recheck", cwd=tmp_path, env=environment)
    assert again.returncode == 0, again.stderr
    (change,) = [line for line in again.stdout.splitlines() if line.endswith("Redis refuses, or does not answer")]
    assert change.startswith("● confirmed → ")
    assert "● confirmed → ● confirmed" not in change
    assert "Redis answered well when asked" in again.stdout


@pytest.mark.slow
def test_a_recheck_goes_on_for_as_long_as_it_is_told(kit: Kit, tmp_path: Path) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=5)
    (tmp_path / "bff.log").write_text(
        "".join(request(moment + timedelta(seconds=second)) + "\n" for second in range(300)), encoding="utf-8"
    )
    assert kit("triage", "long", "-l", "bff.log", cwd=tmp_path).returncode == 0
    again = kit("recheck", "long", "--every", "1s", "--for", "10s", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("Again at ") >= 2


def test_a_recheck_without_evidence_says_how_to_begin(kit: Kit, tmp_path: Path) -> None:
    finished = kit("recheck", cwd=tmp_path)
    assert finished.returncode == 2
    assert "Begin with incident-kit triage" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--evidence", ".", "-l", "x.log"], "give either log files"),
        (["--env-file", "x.env"], "add --live"),
        (["--preserve", "some", "--evidence", "."], "--preserve takes window or whole"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    kit: Kit, tmp_path: Path, arguments: list[str], words: str
) -> None:
    finished = kit("triage", *arguments, cwd=tmp_path)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert not (tmp_path / "reports").exists()
