"""The BFF's process on this machine: since when it runs, and what it takes. Never its environment, which holds secrets."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from incident_kit.diagnostics import cgroup
from incident_kit.diagnostics.conversation import Conversation, NoAnswer, Reply
from incident_kit.model.answer import Answer, Fault
from incident_kit.model.times import iso

SAMPLE_S = 1.0
MOST_PROCESSES = 50
MOST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Found:
    """A process whose command line fits."""

    process: psutil.Process
    command: str
    started_at: datetime


def found(pattern: str) -> list[Found]:
    """The processes whose command line fits, as `pgrep -f` finds them, the oldest first; without ourselves and what started us."""
    expression = re.compile(pattern)
    ours = {psutil.Process().pid, *(one.pid for one in psutil.Process().parents())}
    fits = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if process.pid not in ours and expression.search(command) and process.status() != psutil.STATUS_ZOMBIE:
                fits.append(Found(process, command, datetime.fromtimestamp(process.create_time(), UTC)))
        except psutil.Error:  # gone in the meantime, or not ours to see
            continue
    return sorted(fits, key=lambda one: one.started_at)


def ask(pattern: str, talk: Conversation) -> Iterator[Answer]:
    """What the BFF's processes take."""
    yield talk.answer("process", "How much CPU, memory, threads and files does the BFF take, and since when does it run?", lambda: processes(pattern, talk))


def processes(pattern: str, talk: Conversation) -> Reply:
    with talk.sending("(read the list of processes of this machine)"):
        fits = found(pattern)[:MOST_PROCESSES]
    if not fits:
        raise NoAnswer(
            f"no process on this machine has a command line that fits {pattern!r}: the BFF is down, runs elsewhere, or in a container not seen from here",
            fault=Fault.OURS,
        )
    before = [cpu_s(one.process) for one in fits]
    begun = time.perf_counter()
    time.sleep(talk.budget.left_s(SAMPLE_S))
    elapsed_s = time.perf_counter() - begun
    rows = [
        {**described(one, cpu, elapsed_s), "restarts": cgroup.restarts(one.process.pid, talk), "limits": cgroup.limits(one.process.pid)}
        for one, cpu in zip(fits, before, strict=True)
    ]
    hidden = [row["pid"] for row in rows if row["not_visible"]]
    data = {
        "pattern": pattern, "processes": rows, "cores": psutil.cpu_count(), "load_1m": round(psutil.getloadavg()[0], 2),
        "memory_available_bytes": psutil.virtual_memory().available, "memory_total_bytes": psutil.virtual_memory().total,
    }  # fmt: skip
    busy = [
        f"process {row['pid']} takes {row['cpu_percent_of_a_core']:.0f} % of one core: its event loop has no time left"
        for row in rows
        if (row["cpu_percent_of_a_core"] or 0) > 90
    ]
    busy += [warning for row in rows for warning in cgroup.warnings(row["pid"], row["limits"])]
    missing = f"not everything of process {', '.join(map(str, hidden))} may be seen by this user" if hidden else ""
    return Reply(data, warnings=tuple(busy), missing=missing, fault=Fault.CREDENTIALS)


def cpu_s(process: psutil.Process) -> float | None:
    """The seconds of CPU a process has used, or None where that cannot be seen."""
    try:
        times = process.cpu_times()
        return float(times.user + times.system)
    except psutil.Error:
        return None


def described(one: Found, cpu_before_s: float | None, elapsed_s: float) -> dict[str, Any]:
    """One process as data; what this user may not see is None and named in `not_visible`."""
    hidden = []

    def seen(name: str, look: Any) -> Any:
        try:
            return look()
        except psutil.Error:
            hidden.append(name)
            return None

    cpu_after_s = cpu_s(one.process)
    row = {
        "pid": one.process.pid, "command": one.command[:MOST_TEXT], "started_at": iso(one.started_at),
        "cpu_percent_of_a_core": None if cpu_before_s is None or cpu_after_s is None else round(100 * (cpu_after_s - cpu_before_s) / elapsed_s, 1),
        "resident_bytes": seen("resident_bytes", lambda: one.process.memory_info().rss),
        "threads": seen("threads", one.process.num_threads), "status": seen("status", one.process.status),
        "open_files": seen("open_files", one.process.num_fds),
        "open_files_limit": seen("open_files_limit", lambda: one.process.rlimit(psutil.RLIMIT_NOFILE)[0]),
    }  # fmt: skip
    return {**row, "not_visible": hidden}
