"""What confines a process, and who starts it again.

Of this machine's own groups, and of groups written out as kernels write them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from incident_kit.live import cgroup
from incident_kit.live.session import Budget, Session

CONTAINER = "4f" * 32


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of which only these two trees are seen."""
    monkeypatch.setattr(cgroup, "PROCESSES", tmp_path / "proc")
    monkeypatch.setattr(cgroup, "GROUPS", tmp_path / "sys")
    return tmp_path


def written(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n", encoding="utf-8")


def in_group(machine: Path, lines: str, pid: int = 7) -> None:
    written(machine / "proc" / str(pid), cgroup=lines)


def session() -> Session:
    return Session("process", "process", Budget(5))


def test_this_machines_own_groups_can_be_read() -> None:
    limits = cgroup.limits(os.getpid())
    assert limits["group"].startswith("/")
    assert limits["memory_limit_bytes"] is None or limits["memory_limit_bytes"] > 0


def test_the_limits_of_a_container(machine: Path) -> None:
    group = f"/system.slice/docker-{CONTAINER}.scope"
    in_group(machine, f"0::{group}")
    written(
        machine / "sys" / group.lstrip("/"),
        memory__max="536870912",
        memory__current="530000000",
        memory__events="low 0\nhigh 0\nmax 812\noom 3\noom_kill 2",
        cpu__max="150000 100000",
        cpu__stat="usage_usec 1\nnr_periods 10\nnr_throttled 4",
        pids__max="max",
    )
    limits = cgroup.limits(7)
    assert limits == {
        "group": group,
        "container": CONTAINER[:12],
        "memory_limit_bytes": 536870912,
        "memory_used_bytes": 530000000,
        "killed_for_memory": 2,
        "memory_limit_met": 812,
        "cores_limit": 1.5,
        "throttled_periods": 4,
        "processes_limit": None,
    }
    killed, full = cgroup.warnings(7, limits)
    assert "has killed 2 process(es)" in killed
    assert "uses 530,000,000 of the 536,870,912 bytes" in full


def test_groups_of_version_1(machine: Path) -> None:
    in_group(machine, f"9:memory:/docker/{CONTAINER}\n4:cpu,cpuacct:/docker/{CONTAINER}\n8:pids:/\n0::/")
    written(
        machine / "sys" / "memory" / "docker" / CONTAINER,
        memory__limit_in_bytes="268435456",
        memory__usage_in_bytes="1000",
        memory__failcnt="5",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 1",
    )
    written(
        machine / "sys" / "cpu" / "docker" / CONTAINER,
        cpu__cfs_quota_us="-1",
        cpu__cfs_period_us="100000",
        cpu__stat="nr_throttled 0",
    )
    limits = cgroup.limits(7)
    assert (
        limits["memory_limit_bytes"],
        limits["memory_used_bytes"],
        limits["killed_for_memory"],
        limits["memory_limit_met"],
    ) == (268435456, 1000, 1, 5)
    assert limits["cores_limit"] is None


def test_from_inside_a_container_its_group_is_the_root(machine: Path) -> None:
    in_group(machine, "0::/")
    written(machine / "sys", memory__max="max", memory__current="1000", cpu__max="max 100000")
    limits = cgroup.limits(7)
    assert (limits["group"], limits["memory_limit_bytes"], limits["memory_used_bytes"], limits["cores_limit"]) == (
        "/",
        None,
        1000,
        None,
    )


def test_what_cannot_be_seen_is_said_and_not_guessed(machine: Path) -> None:
    assert "cannot be seen" in cgroup.limits(7)["note"]
    assert cgroup.restarts(7, session()) == {
        "count": None,
        "by": None,
        "note": "nobody who counts restarts is known of this process; its start time tells of the last one",
    }
    in_group(machine, "0::/../../../etc")
    assert cgroup.limits(7)["group"] is None


@pytest.mark.parametrize(
    ("group", "program", "answer", "expected"),
    [
        ("0::/system.slice/bff.service", "systemctl", "echo 4", {"count": 4, "by": "systemd"}),
        (f"0::/system.slice/docker-{CONTAINER}.scope", "docker", "echo 17", {"count": 17, "by": "Docker"}),
        (
            f"9:memory:/docker/{CONTAINER}\n0::/",
            "docker",
            "exit 1",
            {"count": None, "by": "Docker", "note": "docker does not tell: exit code 1"},
        ),
        ("0::/system.slice/bff.service", "", "", {"count": None, "by": "systemd", "note": "systemctl is not here"}),
        (
            "0::/system.slice/bff.service",
            "systemctl",
            "sleep 60",
            {"count": None, "by": "systemd", "note": "systemctl did not answer: TimeoutExpired"},
        ),
    ],
)
def test_restarts_are_told_by_who_counts_them(
    machine: Path, monkeypatch: pytest.MonkeyPatch, group: str, program: str, answer: str, expected: dict[str, object]
) -> None:
    in_group(machine, group)
    (machine / "bin").mkdir()
    if program:
        (machine / "bin" / program).write_text(
            f'#!/bin/sh\necho "$@" > {machine}/asked\nexec 2>/dev/null\n{answer.replace("sleep", "exec /bin/sleep")}\n'
        )
        (machine / "bin" / program).chmod(0o700)
    monkeypatch.setenv("PATH", str(machine / "bin"))
    monkeypatch.setattr(cgroup, "MOST_S", 0.5)
    assert cgroup.restarts(7, session()) == expected
    if program == "docker":
        assert (machine / "asked").read_text() == "inspect --format {{.RestartCount}} " + CONTAINER + "\n"
