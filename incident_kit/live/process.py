"""The BFF's process on this machine: since when it runs, and what it takes.

Its environment is never read, because that holds secrets.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from incident_kit.live import cgroup
from incident_kit.live.session import NoAnswer, Reply, Session
from incident_kit.model.answer import Answer, Fault
from incident_kit.model.times import iso

SAMPLE_S = 1.0
BUSY_PERCENT = 90
MOST_PROCESSES = 50
MOST_TEXT = 300


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process whose command line fits."""

    handle: psutil.Process
    command: str
    started_at: datetime


def running(pattern: str) -> list[RunningProcess]:
    """The processes whose command line fits, as `pgrep -f` finds them, the oldest first.

    Without ourselves and what started us.
    """
    expression = re.compile(pattern)
    ours = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    fitting = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if process.pid not in ours and expression.search(command) and process.status() != psutil.STATUS_ZOMBIE:
                fitting.append(RunningProcess(process, command, datetime.fromtimestamp(process.create_time(), UTC)))
        except psutil.Error:  # gone in the meantime, or not ours to see
            continue
    return sorted(fitting, key=lambda process: process.started_at)


def ask(pattern: str, session: Session) -> Iterator[Answer]:
    """What the BFF's processes take."""
    yield session.answer(
        "process",
        "How much CPU, memory, threads and files does the BFF take, and since when does it run?",
        lambda: processes(pattern, session),
    )


def processes(pattern: str, session: Session) -> Reply:
    with session.sending("(read the list of processes of this machine)"):
        fitting = running(pattern)[:MOST_PROCESSES]
    if not fitting:
        raise NoAnswer(
            f"no process on this machine has a command line that fits {pattern!r}: "
            "the BFF is down, runs elsewhere, or in a container not seen from here",
            fault=Fault.OURS,
        )
    earlier_cpu_s = [cpu_s(process.handle) for process in fitting]
    begun = time.perf_counter()
    time.sleep(session.budget.left_s(SAMPLE_S))
    elapsed_s = time.perf_counter() - begun
    rows = [
        {
            **described(process, cpu_before_s, elapsed_s),
            "restarts": cgroup.restarts(process.handle.pid, session),
            "limits": cgroup.limits(process.handle.pid),
        }
        for process, cpu_before_s in zip(fitting, earlier_cpu_s, strict=True)
    ]
    data = {
        "pattern": pattern,
        "processes": rows,
        "cores": psutil.cpu_count(),
        "load_1m": round(psutil.getloadavg()[0], 2),
        "memory_available_bytes": psutil.virtual_memory().available,
        "memory_total_bytes": psutil.virtual_memory().total,
    }
    warnings = [
        f"process {row['pid']} takes {row['cpu_percent_of_a_core']:.0f} % of one core: its event loop has no time left"
        for row in rows
        if (row["cpu_percent_of_a_core"] or 0) > BUSY_PERCENT
    ]
    warnings += [warning for row in rows for warning in cgroup.warnings(row["pid"], row["limits"])]
    hidden = ", ".join(str(row["pid"]) for row in rows if row["not_visible"])
    missing = f"not everything of process {hidden} may be seen by this user" if hidden else ""
    return Reply(data, warnings=tuple(warnings), missing=missing, fault=Fault.CREDENTIALS)


def cpu_s(process: psutil.Process) -> float | None:
    """The seconds of CPU a process has used, or None where that cannot be seen."""
    try:
        times = process.cpu_times()
        return float(times.user + times.system)
    except psutil.Error:
        return None


def described(running: RunningProcess, cpu_before_s: float | None, elapsed_s: float) -> dict[str, Any]:
    """One process as data; what this user may not see is None and named in `not_visible`."""
    process = running.handle
    not_visible: list[str] = []

    def visible(name: str, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except psutil.Error:
            not_visible.append(name)
            return None

    cpu_after_s = cpu_s(process)
    cpu_percent = None
    if cpu_before_s is not None and cpu_after_s is not None:
        cpu_percent = round(100 * (cpu_after_s - cpu_before_s) / elapsed_s, 1)
    row = {
        "pid": process.pid,
        "command": running.command[:MOST_TEXT],
        "started_at": iso(running.started_at),
        "cpu_percent_of_a_core": cpu_percent,
        "resident_bytes": visible("resident_bytes", lambda: process.memory_info().rss),
        "threads": visible("threads", process.num_threads),
        "status": visible("status", process.status),
        "open_files": visible("open_files", process.num_fds),
        "open_files_limit": visible("open_files_limit", lambda: process.rlimit(psutil.RLIMIT_NOFILE)[0]),
    }
    return {**row, "not_visible": not_visible}
