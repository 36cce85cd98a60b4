"""The figures of the README: `python3 run.py bench`. Ratios within one run, medians of several: machines are noisy.

Without options: the demo, and quick tables on small logs. `--full --write` measures on 1 GB and 4 GB and writes
README.md beside this file. Each job runs in a process of its own (see jobs.py), the jobs of a round one after the
other, so that a ratio compares neighbours in time. polars and jq take part where they are there: polars if somebody has
installed it into .venv, jq if it is on the PATH.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
EMPTY = {
    "cells": [],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
TITLES = {"pino": "pino (nestjs-pino)", "nest": "Nest text", "nginx": "nginx"}
OTHERS = {"polars": "polars", "pandas": "pandas", "jq": "jq, fields only"}
OTHERS_BYTES = 256 * 10**6
JOBS = {"by_hand": "by hand", "library": "library", **OTHERS}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one job took."""

    seconds: float
    cpu_s: float
    peak_bytes: int


class WrongTable(Exception):
    """Two jobs that must agree do not."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="256M", help="size of the generated logs [%(default)s]")
    parser.add_argument("--full", action="store_true", help="1 GB and 4 GB; takes about half an hour")
    parser.add_argument("--write", action="store_true", help="write the tables to tests/benchmarks/README.md")
    parser.add_argument("--only", choices=["demo", "triage", "once", "logs", "slice"], help="one part")
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds of each comparison; other libraries get three [%(default)s]"
    )
    chosen = parser.parse_args()
    sizes = [10**9, 4 * 10**9] if chosen.full else [size_of(chosen.size)]
    page = Page()
    page.say("# Benchmarks")
    page.say(
        f"Made by `python3 run.py bench {' '.join(sys.argv[1:])}`".rstrip()
        + (
            "; not edited. Compare ratios, not seconds: they come from neighbouring runs on one machine, medians of "
            "several."
        )
    )
    page.say(machine())
    with tempfile.TemporaryDirectory(prefix="incident-kit-bench-") as scratch:
        folder = Path(scratch)
        if chosen.only in (None, "demo"):
            demo(page, folder, chosen.rounds)
        if chosen.only in (None, "triage"):
            triage(page, folder, chosen.rounds)
        if chosen.only in (None, "once"):
            once(page, folder, sizes[0], chosen.rounds)
        if chosen.only in (None, "logs"):
            logs(page, folder, sizes, chosen.rounds)
        if chosen.only in (None, "slice"):
            slices(page, folder, sizes[0], chosen.rounds)
    if chosen.write:
        (HERE / "README.md").write_text("\n\n".join(page.parts) + "\n", encoding="utf-8")


class Page:
    """What is printed as it comes, and kept to be written."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def say(self, text: str) -> None:
        self.parts.append(text)
        print(text, end="\n\n", flush=True)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = [f"| {' | '.join(row)} |" for row in (head, ["---", *["--:"] * (len(head) - 1)], *rows)]
        self.say("\n".join(lines))


def demo(page: Page, folder: Path, rounds: int) -> None:
    """The demo against the stock tools on an empty notebook."""
    (folder / "empty.ipynb").write_text(json.dumps(EMPTY))
    ours = [BIN / "incident-kit", "demo"]
    stock = [
        [BIN / "papermill", "empty.ipynb", "out.ipynb"],
        [BIN / "jupyter", "nbconvert", "--to", "html", "out.ipynb"],
    ]
    pairs = []
    for turn in range(rounds + 1):
        pair = seconds(ours, folder), sum(seconds(command, folder) for command in stock)
        if turn:  # the first round warms the caches
            pairs.append(pair)
    page.say("## The demo")
    page.table(
        ["", "s", "ratio"],
        [
            [
                "`incident-kit demo`: evidence, report, sealed run",
                f"{median(a for a, _ in pairs):.2f}",
                f"{median(a / b for a, b in pairs):.2f}",
            ],
            ["papermill and nbconvert, an empty notebook", f"{median(b for _, b in pairs):.2f}", "1"],
        ],
    )


def triage(page: Page, folder: Path, rounds: int) -> None:
    """From the start of the process to the ranking on a recording, against one that reads the same slice by hand."""
    recorded = HERE.parent / "recorded" / "freebit_slow"
    packed = folder / "slice.log.gz"
    shutil.copy(next((recorded / "evidence").glob("*/content")), packed)
    ours = [BIN / "incident-kit", "triage", "--evidence", recorded]
    by_hand = [sys.executable, HERE / "jobs.py", "by_hand", "pino", packed, folder / "rows.json"]
    pairs = []
    for turn in range(rounds + 1):
        pair = seconds(ours, folder), seconds(by_hand, folder)
        if turn:
            pairs.append(pair)
    taken, hand = median(a for a, _ in pairs), median(b for _, b in pairs)
    page.say("## Triage")
    page.say(
        "All symptoms of all scenarios on a recorded incident of ten minutes, against `by_hand_pino.sql` on the same "
        "slice; each is a process from its start. Wanted: under 1.5 times by hand plus 0.5 s."
    )
    page.table(
        ["", "s", "allowed"],
        [
            ["`incident-kit triage`", f"{taken:.2f}", f"{1.5 * hand + 0.5:.2f}"],
            ["one question by hand in DuckDB", f"{hand:.2f}", ""],
        ],
    )


def once(page: Page, folder: Path, size: int, rounds: int) -> None:
    """A log is read once: triage with and without what was kept, extraction by kind and cores, a window of `parse`."""
    page.say("## Records are read once")
    page.say(
        f"On {size_text(size)} of each log. Triage is the whole command: it copies the slice, hashes and flushes it, "
        "and answers for all scenarios; `again` is the same on the evidence it left. Load of the machine meanwhile: "
        f"{os.getloadavg()[0]:.0f} on {os.cpu_count()} cores."
    )
    rows, per_core = [], {}
    for kind in TITLES:
        log = folder / f"{kind}.log"
        write_log(log, kind, size)
        costs = {cores: [cost_of(folder, "extraction", kind, log, cores) for _ in range(rounds)] for cores in (1, 2)}
        per_core[kind] = size / median(cost.cpu_s for cost in costs[1]) / 1e6
        gains = [first.seconds / second.seconds for first, second in zip(costs[1], costs[2], strict=True)]
        rows.append([TITLES[kind], f"{per_core[kind]:.0f} MB/s", f"{median(gains):.2f}", peak(costs[2])])
        if kind == "pino":
            triages(page, folder, log, rounds)
            window_of_parse(page, folder, log, rounds)
        log.unlink()
    page.say("### Extraction of all columns")
    page.table(["log", "per core", "two cores over one (wanted: 1.6)", "memory"], rows)
    page.say(f"Nest text over pino, per core: {per_core['nest'] / per_core['pino']:.2f} (wanted: 0.5).")


def triages(page: Page, folder: Path, log: Path, rounds: int) -> None:
    """Triage with nothing kept, and again, over one question by hand in DuckDB."""
    reports = folder / "reports"
    fresh = [BIN / "incident-kit", "triage", "x", "-l", log, "--preserve", "whole", "--reports", reports]
    fresh += ["--max-evidence", str(64 << 30)]
    again = [BIN / "incident-kit", "triage", "--evidence", reports / "x"]
    rows = []
    for _ in range(rounds):
        shutil.rmtree(reports, ignore_errors=True)
        hand = cost_of(folder, "by_hand", "pino", log, 0).seconds
        rows.append((seconds(fresh, folder) / hand, seconds(again, folder) / hand))
    shutil.rmtree(reports)
    page.table(
        ["", "over `by_hand_pino.sql`", "wanted"],
        [
            ["triage, nothing kept", f"{median(first for first, _ in rows):.1f}", "8"],
            ["again", f"{median(second for _, second in rows):.1f}", "2"],
        ],
    )


def window_of_parse(page: Page, folder: Path, log: Path, rounds: int) -> None:
    """`parse` of one minute of a log over `parse` of all of it."""
    window = ["--since", "2026-11-23T00:10:00Z", "--until", "2026-11-23T00:11:00Z"]
    whole = [BIN / "incident-kit", "parse", log, "--to", "parquet"]
    ratios = [seconds([*whole, *window], folder) / seconds(whole, folder) for _ in range(min(rounds, 2))]
    page.say(f"`parse` of one minute takes {median(ratios):.3f} of the time of the whole log.")


def cost_of(folder: Path, job: str, kind: str, log: Path, threads: int) -> Cost:
    """What a job took. Raises WrongTable where it failed."""
    answer = run_job(folder, job, kind, log, threads)
    if isinstance(answer, str):
        raise WrongTable(f"{job}, {kind}: {answer}")
    return answer[0]


def logs(page: Page, folder: Path, sizes: Sequence[int], rounds: int) -> None:
    """Rates by minute and route, by size and format.

    The other libraries on little, for they take long and much memory.
    """
    page.say("## Rates by minute and route")
    page.say(
        "From the log's path to rows in Python: requests, failures, aborted, refused, total and three quantiles of "
        "the durations, over all routes and by route. `by hand` is "
        "`by_hand_*.sql`, DuckDB's SQL for this one question; its table is equal to the library's, row for row. "
        "The library extracts all columns first, which every later question is spared. "
        "Throughput is by hand's time over ours, per processor "
        "its processor time over ours, which a busy machine disturbs less; cores are processor time over time, memory "
        "is the peak of the whole process (wanted: the same at every size, under 1 GB)."
    )
    rates, against, threads, missing = [], [], [], []
    little = min(OTHERS_BYTES, sizes[0])
    for kind in TITLES:
        log = folder / f"{kind}.log"
        for size in sizes:
            write_log(log, kind, size)
            pairs = measured(folder, log, kind, ["by_hand", "library"], rounds if size == sizes[0] else 3)
            rates.append(rates_row(kind, size, pairs))
            missing += reasons(kind, size, pairs)
            if size == sizes[0]:
                threads.append(threads_row(folder, log, kind))
        write_log(log, kind, little)
        found = measured(folder, log, kind, list(JOBS), 3)
        against += against_rows(kind, found)
        missing += reasons(kind, little, found)
        log.unlink()
    page.table(
        ["log", "library", "", "by hand", "throughput", "per processor", "cores", "memory", "memory by hand"], rates
    )
    page.say("### Others on the same job")
    page.say(
        f"Three rounds on {size_text(little)}. Counts and sums are equal to ours; quantiles are each library's own. "
        "jq only picks the fields of each request, the smaller part of the work. "
        "The ratios say how many times as long it takes."
    )
    page.table(["log", "with", "s", "of the library", "of by hand", "cores", "memory"], against)
    if missing:
        page.say("Not measured: " + "; ".join(dict.fromkeys(missing)) + ".")
    page.say("### Threads")
    page.table(["log", "1 thread", "2 threads", "4 threads", "tables"], threads)


def measured(folder: Path, log: Path, kind: str, jobs: Sequence[str], rounds: int) -> dict[str, list[Cost] | str]:
    """What each job took in each round, or why it was skipped; `by_hand` comes first.

    Raises WrongTable where tables differ.
    """
    found: dict[str, list[Cost] | str] = {job: [] for job in jobs}
    truth: list[list[Any]] = []
    for turn in range(rounds + 1):
        for job in jobs if turn % 2 == 0 else reversed(jobs):
            costs = found[job]
            if isinstance(costs, str) or (turn == 0 and job in OTHERS):
                continue
            if sys.stderr.isatty():
                print(f"\r\033[K{kind}, round {turn} of {rounds}: {JOBS[job]}", end="\r", file=sys.stderr, flush=True)
            answer = run_job(folder, job, kind, log)
            if isinstance(answer, str):
                found[job] = answer
                continue
            cost, table = answer
            truth = truth or table
            if not same(job, table, truth):
                raise WrongTable(f"{kind}: the table of {job} is not the one made by hand")
            if turn:  # the first round warms the caches
                costs.append(cost)
    return found


def same(job: str, table: list[list[Any]], truth: list[list[Any]]) -> bool:
    """Whether a table is the one made by hand.

    In everything if it is ours, in counts and sums if it is another library's.
    """
    if job == "jq":
        return bool(table[0][2] == sum(row[2] for row in truth if row[1] is None))
    return counts(table) == counts(truth) if job in OTHERS else table == truth


def counts(table: list[list[Any]]) -> list[list[Any]]:
    """A table without its quantiles, which every library defines in its own way, in one order."""
    return sorted((row[:8] for row in table), key=lambda row: (row[0], row[1] or ""))


def reasons(kind: str, size: int, found: dict[str, list[Cost] | str]) -> list[str]:
    return [
        f"{JOBS[job]} on {TITLES[kind]}, {size_text(size)} ({reason})"
        for job, reason in found.items()
        if isinstance(reason, str)
    ]


def rates_row(kind: str, size: int, costs: dict[str, list[Cost] | str]) -> list[str]:
    ours, theirs = costs["library"], costs["by_hand"]
    name, took = f"{TITLES[kind]}, {size_text(size)}", median(cost.seconds for cost in theirs)
    if isinstance(ours, str):
        return [name, "not measured", "", f"{took:.2f} s", "", "", "", "", peak(theirs)]
    share = median(b.seconds / a.seconds for a, b in zip(ours, theirs, strict=True))
    speed = median(size / cost.seconds / 1e6 for cost in ours)
    ours_s, of_cpu = (
        median(cost.seconds for cost in ours),
        median(b.cpu_s / a.cpu_s for a, b in zip(ours, theirs, strict=True)),
    )
    return [
        name,
        f"{ours_s:.2f} s",
        f"{speed:.0f} MB/s",
        f"{took:.2f} s",
        f"{share:.2f}",
        f"{of_cpu:.2f}",
        cores(ours),
        peak(ours),
        peak(theirs),
    ]


def against_rows(kind: str, costs: dict[str, list[Cost] | str]) -> list[list[str]]:
    rows = []
    for job, found in costs.items():
        if isinstance(found, str):
            continue
        times = []
        for base in (costs["library"], costs["by_hand"]):
            times.append(
                ""
                if isinstance(base, str)
                else f"{median(cost.seconds / one.seconds for cost, one in zip(found, base, strict=True)):.1f}"
            )
        rows.append(
            [
                TITLES[kind],
                JOBS[job],
                f"{median(cost.seconds for cost in found):.2f}",
                *times,
                cores(found),
                peak(found),
            ]
        )
    return rows


def threads_row(folder: Path, log: Path, kind: str) -> list[str]:
    answers = [run_job(folder, "library", kind, log, threads) for threads in (1, 2, 4)]
    if any(isinstance(answer, str) for answer in answers):
        return [TITLES[kind], "not measured", "", "", ""]
    if any(table != answers[0][1] for _, table in answers):
        raise WrongTable(f"{kind}: the library's table depends on the number of threads")
    return [TITLES[kind], *(f"{cost.seconds:.2f} s" for cost, _ in answers), "identical"]


def slices(page: Page, folder: Path, size: int, rounds: int) -> None:
    """Preserving the middle of a log against cp and sha256sum of the same bytes."""
    log, store = folder / "slice.log", folder / "evidence"
    write_log(log, "pino", size)
    triples = []
    for turn in range(rounds + 1):
        answer = run_job(folder, "preserve", str(store), log)
        if isinstance(answer, str):
            page.say(f"## Preserving a slice\n\n{answer}")
            return
        cost, [[content, digest, held]] = answer
        copy = folder / "copy.log"
        begun = time.perf_counter()
        printed = subprocess.run(
            ["sh", "-c", f"cp '{content}' '{copy}' && sha256sum '{copy}'"], check=True, capture_output=True, text=True
        ).stdout
        copied = time.perf_counter() - begun
        subprocess.run(["sync", str(copy)], check=True)
        flushed = time.perf_counter() - begun
        if printed.split()[0] != digest:
            raise WrongTable("the evidence is not the bytes that were copied")
        if turn:
            triples.append((cost.seconds, copied, flushed))
        copy.unlink()
        shutil.rmtree(store)
    log.unlink()
    page.say("## Preserving a slice")
    page.say(
        f"The middle of a pino log, {size_text(held)} of {size_text(size)}: found by bisection, looked at for late "
        "records, copied, hashed and flushed to disk. Wanted: at most twice `cp` and `sha256sum`."
    )
    page.table(
        ["", "s", "ours is longer by"],
        [
            ["evidence", f"{median(ours for ours, _, _ in triples):.2f}", "1"],
            [
                "`cp` and `sha256sum`",
                f"{median(copied for _, copied, _ in triples):.2f}",
                f"{median(ours / copied for ours, copied, _ in triples):.2f}",
            ],
            [
                "`cp`, `sha256sum` and `sync`",
                f"{median(flushed for _, _, flushed in triples):.2f}",
                f"{median(ours / flushed for ours, _, flushed in triples):.2f}",
            ],
        ],
    )


def write_log(log: Path, kind: str, size: int) -> None:
    """In a process of its own, which takes its memory with it."""
    subprocess.run([sys.executable, str(HERE / "generate.py"), str(log), kind, str(size)], check=True)


def run_job(folder: Path, job: str, kind: str, log: Path, threads: int = 0) -> tuple[Cost, list[list[Any]]] | str:
    """What a job took and its table, in a process of its own; or why it was skipped, or how it failed."""
    out = folder / "table.json"
    command = [sys.executable, str(HERE / "jobs.py"), job, kind, str(log), str(out), str(threads)]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode:
        lines = finished.stderr.splitlines()
        reason = next((line for line in lines if "Error" in line or "Exception" in line), finished.stderr[-200:])
        return f"failed: {reason}"
    answer = json.loads(finished.stdout)
    return answer["skipped"] if "skipped" in answer else (Cost(**answer), json.loads(out.read_text()))


def seconds(command: list[Path | str], folder: Path) -> float:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    begun = time.perf_counter()
    subprocess.run([str(part) for part in command], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begun


def median(values: Any) -> float:
    return statistics.median(values)


def cores(costs: Sequence[Cost]) -> str:
    return f"{median(cost.cpu_s / cost.seconds for cost in costs):.1f}"


def peak(costs: Sequence[Cost]) -> str:
    return f"{max(cost.peak_bytes for cost in costs) / 1e6:.0f} MB"


def size_of(text: str) -> int:
    """256M, 1G: in bytes."""
    return int(text[:-1]) * {"K": 10**3, "M": 10**6, "G": 10**9}[text[-1].upper()]


def size_text(size: int) -> str:
    return f"{size / 1e9:.0f} GB" if size >= 10**9 else f"{size / 1e6:.0f} MB"


def machine() -> str:
    versions = [
        f"{name} {importlib.metadata.version(name)}" for name in ("duckdb", "pandas", "polars") if installed(name)
    ]
    if shutil.which("jq"):
        versions.append(
            subprocess.run(["jq", "--version"], check=True, capture_output=True, text=True)
            .stdout.strip()
            .replace("-", " ")
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{datetime.now(UTC):%Y-%m-%d} · {os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} "
        f"{platform.machine()} · Python {platform.python_version()}, {', '.join(versions)}"
    )


def installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
