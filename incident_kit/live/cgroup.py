"""What confines a process: the limits of its control group (of a container, of a systemd unit), and who starts it again.

Read from /proc and /sys alone (https://docs.kernel.org/admin-guide/cgroup-v2.html; version 1 where that is what there is).
Restarts are counted by what starts the process again; of those, systemd and Docker tell it without showing its environment.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from incident_kit.live.session import NoAnswer, Session

PROCESSES, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
MOST_S = 3.0
CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
UNIT = re.compile(r"/([\w@.:\\-]+\.service)(?=[/ ]|$)")
# What version 1 writes where there is no limit: the largest number of pages.
NO_LIMIT_BYTES = 1 << 62


def limits(pid: int) -> dict[str, Any]:
    """The limits of a process's control groups, what is used of them, and how often they were met; None where it cannot be told."""
    groups = _groups(pid)
    if not groups:
        return {"group": None, "note": "its control group cannot be seen from here"}
    version_1 = "memory" in groups
    folder = {controller: _folder(groups, controller) for controller in ("cpu", "memory", "pids")}
    if version_1:
        quota, period = _number(folder["cpu"] / "cpu.cfs_quota_us"), _number(folder["cpu"] / "cpu.cfs_period_us")
    else:
        quota, period = _pair(folder["cpu"] / "cpu.max")
    group = groups["memory" if version_1 else ""]
    memory, events = folder["memory"], _fields(folder["memory"] / "memory.events")
    most = _number(memory / ("memory.limit_in_bytes" if version_1 else "memory.max"))
    container = CONTAINER.search(group)
    return {
        "group": group, "container": container[0][:12] if container else None,
        "memory_limit_bytes": most if most is not None and most < NO_LIMIT_BYTES else None,
        "memory_used_bytes": _number(memory / ("memory.usage_in_bytes" if version_1 else "memory.current")),
        "killed_for_memory": events.get("oom_kill", _fields(memory / "memory.oom_control").get("oom_kill")),
        "memory_limit_met": events.get("max", _number(memory / "memory.failcnt")),
        "cores_limit": round(quota / period, 3) if quota and period and quota > 0 else None,
        "throttled_periods": _fields(folder["cpu"] / "cpu.stat").get("nr_throttled"),
        "processes_limit": _number(folder["pids"] / "pids.max"),
    }  # fmt: skip


def warnings(pid: int, found: dict[str, Any]) -> list[str]:
    """What a person must know of these limits."""
    told = []
    if found.get("killed_for_memory"):
        told.append(
            f"the kernel has killed {found['killed_for_memory']} process(es) in the control group of process {pid} for want of memory"
        )
    limit, used = found.get("memory_limit_bytes"), found.get("memory_used_bytes")
    if limit and used and used > 0.95 * limit:
        told.append(f"the control group of process {pid} uses {used:,} of the {limit:,} bytes of memory it may have")
    return told


def restarts(pid: int, session: Session) -> dict[str, Any]:
    """How often a process was started again, by whoever counts that; `count` is None where nobody tells."""
    group = " ".join(_groups(pid).values())
    if container := CONTAINER.search(group):
        return _counted("Docker", ["docker", "inspect", "--format", "{{.RestartCount}}", container[0]], session)
    if unit := UNIT.search(group):
        return _counted("systemd", ["systemctl", "show", "--property=NRestarts", "--value", unit[1]], session)
    return {
        "count": None,
        "by": None,
        "note": "nobody who counts restarts is known of this process; its start time tells of the last one",
    }


def _counted(by: str, command: list[str], session: Session) -> dict[str, Any]:
    program = shutil.which(command[0])
    if program is None:
        return {"count": None, "by": by, "note": f"{command[0]} is not here"}
    try:
        with session.sending(f"(run {' '.join(command)})"):
            told = subprocess.run(
                [program, *command[1:]],
                capture_output=True,
                text=True,
                timeout=session.budget.left_s(MOST_S),
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired, NoAnswer) as error:
        return {"count": None, "by": by, "note": f"{command[0]} did not answer: {type(error).__name__}"}
    count = told.stdout.strip()
    return (
        {"count": int(count), "by": by}
        if count.isdigit()
        else {"count": None, "by": by, "note": f"{command[0]} does not tell: exit code {told.returncode}"}
    )


def _groups(pid: int) -> dict[str, str]:
    """The path of each of a process's control groups, by controller; of version 2 under the empty name."""
    try:
        lines = (PROCESSES / str(pid) / "cgroup").read_text(encoding="utf-8").split("\n")
    except OSError:
        return {}
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return {
        controller: path for _, controllers, path in parts for controller in controllers.split(",") if ".." not in path
    }


def _folder(groups: dict[str, str], controller: str) -> Path:
    """Where the files of a controller are. In a container its own group may be mounted as the root."""
    base = GROUPS / controller if controller in groups else GROUPS
    below = base / groups.get(controller, groups.get("", "")).lstrip("/")
    return below if below.is_dir() else base


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if re.fullmatch(r"-?\d{1,20}", text) else None


def _pair(path: Path) -> tuple[int | None, int | None]:
    first, _, second = _read(path).partition(" ")
    return (int(first) if first.isdigit() else None, int(second) if second.isdigit() else None)


def _fields(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _read(path).split("\n"))
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
