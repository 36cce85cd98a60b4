"""`report --live`, as a person uses it.

When all is well, when everything is broken at once, when the disk is full, and when they press Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import servers
import wire

from tests.command import COMMAND, NO_BFF, NO_SYSTEMS, Kit

LOG = Path(__file__).parents[1] / "recorded" / "freebit_slow" / "evidence" / "ac9d2e20a1" / "content"
SICK = json.dumps(
    {
        "status": "error",
        "checks": {"database": "ok", "cache": {"status": "fail", "message": "<script>alert(1)</script>"}},
    }
).encode()
PASSWORD = "never-t0-be-shown"


def test_answers_are_items_of_a_sealed_run_with_everything_that_was_sent(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text(NO_BFF)
    with servers.redis() as server:
        finished = kit(
            "report", "high_error_rate", "--live", "-l", LOG, cwd=tmp_path, env={**NO_SYSTEMS, "REDIS_URL": server.url}
        )
    assert finished.returncode == 0, finished.stderr
    assert "ok  redis.info" in finished.stderr
    run = (tmp_path / finished.stdout.strip()).parents[1]
    assert kit("verify", run, cwd=tmp_path).returncode == 0
    items = [json.loads(path.read_text()) for path in (run / "data" / "evidence").glob("*/item.json")]
    answers = {item["origin"]: item for item in items if item["kind"] == "answer"}
    assert answers["redis.ping"]["details"]["clock"]["error_ms"] < 5000
    assert answers["whmcs"]["details"]["status"] == "not_checked"
    page = (run / "data" / "report.html").read_text(encoding="utf-8")
    for shown in ("What did the live systems answer?", "redis.info", "INFO everything", "REDIS_URL: "):
        assert shown in page
    assert server.url not in "".join(json.dumps(item) for item in items)
    reproduced = kit("reproduce", run, cwd=tmp_path)
    assert reproduced.returncode == 0, reproduced.stderr


def test_everything_broken_at_once_is_a_sealed_report_that_names_it_all(kit: Kit, tmp_path: Path) -> None:
    with (
        servers.redis() as frozen,
        wire.serving(wire.silent) as silent,
        wire.serving(wire.http("503 Service Unavailable", SICK)) as sick,
    ):
        frozen.process.send_signal(signal.SIGSTOP)
        (tmp_path / "incident-kit.toml").write_text(
            f'health_url = "http://127.0.0.1:{sick}/health"\nprocess = "no-such-process-anywhere-8"\n'
        )
        environment = {
            "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{frozen.port}",
            "DATABASE_URL": f"postgresql://app:{PASSWORD}@127.0.0.1:{silent}/portal",
            "WHMCS_API_URL": "https://no-such-host.invalid/includes/api.php", "WHMCS_API_IDENTIFIER": "nobody",
            "WHMCS_API_SECRET": PASSWORD,
        }  # fmt: skip
        begun = time.monotonic()
        finished = kit(
            "report",
            "high_error_rate",
            "--live",
            "-l",
            LOG,
            "--env-file",
            tmp_path / "none.env",
            cwd=tmp_path,
            env=environment,
        )
        took_s = time.monotonic() - begun
        frozen.process.send_signal(signal.SIGCONT)
    assert finished.returncode == 3, finished.stderr
    assert took_s < 40
    report = tmp_path / finished.stdout.strip()
    page = report.read_text(encoding="utf-8")
    for words in (
        "it is frozen", "was not ready after 3 s", "the BFF says: cache is down",
        "the name no-such-host.invalid does not resolve",
        "none.env cannot be read", "no process on this machine",
    ):  # fmt: skip
        assert words in finished.stderr
        assert words in page
    assert page.count("<script") == 1  # ours; what a system says is shown, not carried out
    assert kit("verify", report.parents[1], cwd=tmp_path).returncode == 0
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in held
    assert PASSWORD not in finished.stderr + finished.stdout


def interrupted(folder: Path, *arguments: str, by: tuple[str, ...]) -> tuple[str, str]:
    """What a live command wrote, on stderr and on stdout, that got a Ctrl-C at each line with one of these words.

    Redis answers, and WHMCS is awaited for ever.
    """
    (folder / "incident-kit.toml").write_text(NO_BFF)
    with servers.redis() as server, wire.serving(wire.silent) as silent:
        systems = {"REDIS_URL": server.url, "WHMCS_API_URL": f"http://127.0.0.1:{silent}/"}
        with subprocess.Popen(
            [str(COMMAND), *arguments, "--live", "-l", str(LOG)],
            cwd=folder,
            env={**os.environ, **NO_SYSTEMS, **systems},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stderr is not None
            assert child.stdout is not None
            progress = []
            for line in child.stderr:
                progress.append(line)
                if any(words in line for words in by):
                    child.send_signal(signal.SIGINT)
            printed = child.stdout.read()
            child.wait(10)
    assert child.returncode == 130
    assert "Traceback" not in "".join(progress)
    return "".join(progress), printed


def test_ctrl_c_in_the_middle_is_a_sealed_report_of_what_had_come(kit: Kit, tmp_path: Path) -> None:
    # While WHMCS is still awaited.
    _, printed = interrupted(tmp_path, "report", "high_error_rate", by=("redis.replay",))
    report = tmp_path / printed.strip()
    assert "the asking was interrupted by Ctrl-C" in report.read_text(encoding="utf-8")
    assert kit("verify", report.parents[1]).returncode == 0
    evidence = report.parent / "evidence"
    items = [json.loads(path.read_text()) for path in evidence.glob("*/item.json")]
    assert {"redis.info", str(LOG)} <= {item["origin"] for item in items}
    assert [path.name for path in evidence.iterdir() if path.name.startswith(".")] == []


def test_ctrl_c_in_a_triage_ranks_by_what_had_come(tmp_path: Path) -> None:
    progress, ranked = interrupted(tmp_path, "triage", by=("redis.replay",))
    assert "interrupted by Ctrl-C" in progress
    assert "High error rate" in ranked


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    interrupted(tmp_path, "report", "high_error_rate", by=("redis.replay", "Window:"))
    assert [path for path in tmp_path.glob("reports/*/runs/*") if not path.name.endswith(".partial")] == []


def test_without_l_the_configured_logs_are_taken(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text(NO_BFF + 'logs = ["logs/*.log"]\n')
    finished = kit("report", "high_error_rate", cwd=tmp_path)
    assert finished.returncode == 2
    assert "names none here" in finished.stderr
    (tmp_path / "logs").mkdir()
    shutil.copy(LOG, tmp_path / "logs" / "combined.log")
    finished = kit("report", "high_error_rate", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "Logs, as configured" in finished.stderr
    assert "logs/combined.log" in finished.stderr


def test_configured_logs_that_cannot_be_used_do_not_keep_the_systems_from_being_asked(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "incident-kit.toml").write_text(NO_BFF + 'logs = ["*.log"]\n')
    (tmp_path / "empty.log").write_bytes(b"")
    with servers.redis() as server:
        finished = kit("report", "high_error_rate", "--live", cwd=tmp_path, env={**NO_SYSTEMS, "REDIS_URL": server.url})
    assert finished.returncode == 3, finished.stderr
    assert "ok  redis.info" in finished.stderr
    assert "the configured logs could not be preserved" in (tmp_path / finished.stdout.strip()).read_text(
        encoding="utf-8"
    )


def test_a_full_disk_is_named_and_the_report_is_sealed(kit: Kit, tmp_path: Path) -> None:
    """In a file system of 256 MiB, which is what is always kept free, so that a report can still be sealed."""
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*mount, f"mount -t tmpfs none {tmp_path}"], capture_output=True, check=False).returncode
    ):
        pytest.skip("a file system of its own cannot be made here")
    script = tmp_path.parent / f"{tmp_path.name}.sh"
    with servers.redis() as server:
        script.write_text(
            f"mount -t tmpfs -o size=256m none {tmp_path} && cd {tmp_path}"
            f" && printf '{NO_BFF.encode('unicode_escape').decode()}' > incident-kit.toml\n"
            f"{COMMAND} report high_error_rate --live -l {LOG} > out.txt 2> err.txt; code=$?\n"
            f"cat err.txt >&2; {COMMAND} verify $(dirname $(dirname $(cat out.txt))) || exit 70\n"
            "grep -c 'What could not be collected' $(cat out.txt) || exit 71\n"
            "exit $code\n"
        )
        finished = subprocess.run(
            [*mount[:-1], str(script)],
            env={**os.environ, **NO_SYSTEMS, "REDIS_URL": server.url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 3, finished.stderr
    assert "the answer redis.ping (ok) could not be stored" in finished.stderr
    assert "the logs could not be preserved" in finished.stderr
    assert "no room for more evidence" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--env-file", "x.env", "-l", str(LOG)], "--env-file is read only when live systems are asked"),
        (["--live", "--evidence", "."], "give either log files"),
        (["--live", "--budget", "0", "-l", str(LOG)], "budget"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    kit: Kit, tmp_path: Path, arguments: list[str], words: str
) -> None:
    finished = kit("report", "high_error_rate", *arguments, cwd=tmp_path)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert not (tmp_path / "reports").exists()
