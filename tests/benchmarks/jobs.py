"""One benchmark job in a process of its own, so that its memory and its processor time are its own:

    python jobs.py JOB KIND LOG OUT [THREADS]

What is timed is the work, from the log's path to a list of rows in Python, without the imports. The rows go to OUT as
JSON; what it cost is printed, or why it was skipped. A row: start (ISO 8601, UTC), route (null: all together), n,
failed, aborted, refused, total_us, timed, p50, p95, p99.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incident_kit.logs.columns import ID_SEGMENT

Table = list[list[Any]]
HERE = Path(__file__).parent
MEMORY_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
QUANTILES = (0.5, 0.95, 0.99)
NEST_LINE = (
    r"^\[Nest\] \d+  - (\d+/\d+/\d+, \d+:\d+:\d+ [AP]M) +[A-Z]+ (?:\[[^\]]*\] )?([A-Z]+) (\S+) (\d{3}) - ([\d.]+)ms$"
)


class Skipped(Exception):
    """The job cannot be done here; the message says why."""


def library(kind: str, log: Path, threads: int) -> Callable[[], Table]:
    """Ours: `logs.read` and `rates.requests_by_bucket`."""
    import duckdb

    from incident_kit import logs
    from incident_kit.logs import extract, rates
    from incident_kit.model.source import Source

    connect = duckdb.connect

    def connect_with_threads(*arguments: Any, config: dict[str, Any] | None = None, **options: Any) -> Any:
        return connect(*arguments, config={"threads": threads, **(config or {})}, **options)

    if threads:
        duckdb.connect = connect_with_threads
        extract.workers = lambda: threads

    def work() -> Table:
        with logs.read([Source("log", log, str(log))]) as records:
            table = rates.requests_by_bucket(records, timedelta(minutes=1))
        if not table:
            raise Skipped("the library finds no request in them")
        return [
            [b.start, b.name, b.n, b.failed, b.aborted, b.refused, b.total_us, b.timed, b.p50_us, b.p95_us, b.p99_us]
            for b in table
        ]

    return work


def by_hand(kind: str, log: Path, threads: int) -> Callable[[], Table]:
    """The same table by SQL written for this one question, `by_hand_KIND.sql`."""
    import duckdb

    sql = (HERE / f"by_hand_{kind}.sql").read_text(encoding="utf-8").replace("{id}", ID_SEGMENT)

    def work() -> Table:
        with duckdb.connect(config={"threads": threads} if threads else {}) as connection:
            rows = connection.execute(sql, {"log": str(log)}).fetchall()
        return [[*row[:-1], *(row[-1] or (None, None, None))] for row in rows]

    return work


def pandas(kind: str, log: Path, _: int) -> Callable[[], Table]:
    """pandas, in chunks: the whole file at once takes more than ten times its size in memory."""
    import pandas as pd

    def pino() -> Any:
        for chunk in pd.read_json(log, lines=True, chunksize=50_000, dtype=False):
            done = chunk[chunk["res"].notna() & chunk["responseTime"].notna()]
            answered = done["res"].str.get("headers").str.get("content-type")
            done = done[~answered.fillna("").str.lower().str.startswith("text/event-stream")]
            status = pd.to_numeric(done["res"].str.get("statusCode"), errors="coerce")
            yield pd.DataFrame(
                {
                    "ts": pd.to_datetime(done["time"], unit="ms"),
                    "method": done["req"].str.get("method"),
                    "url": done["req"].str.get("url"),
                    "status": status,
                    "duration_us": (done["responseTime"] * 1000).round().astype("int64"),
                    "aborted": status.isna() | (done["msg"] == "request aborted"),
                }
            )

    def nest() -> Any:
        for chunk in pd.read_csv(log, sep="\x01", header=None, names=["raw"], quoting=3, dtype=str, chunksize=500_000):
            lines = chunk["raw"][chunk["raw"].str.endswith("ms") & chunk["raw"].str.startswith("[Nest] ")]
            found = lines.str.extract(NEST_LINE).dropna()
            yield pd.DataFrame(
                {
                    "ts": pd.to_datetime(found[0], format="%m/%d/%Y, %I:%M:%S %p"),
                    "method": found[1],
                    "url": found[2],
                    "status": found[3].astype("int64"),
                    "duration_us": (found[4].astype(float) * 1000).round().astype("int64"),
                    "aborted": False,
                }
            )

    def nginx() -> Any:
        names = ["client", "ident", "user", "time", "zone", "request", "status", "bytes", "referer", "agent", "took"]
        wanted = ["time", "request", "status", "took"]
        for chunk in pd.read_csv(
            log,
            sep=" ",
            header=None,
            names=names,
            usecols=wanted,
            quotechar='"',
            doublequote=False,
            dtype=str,
            chunksize=500_000,
        ):
            asked = chunk["request"].str.split(" ", expand=True)
            status = chunk["status"].astype("int64")
            yield pd.DataFrame(
                {
                    "ts": pd.to_datetime(chunk["time"], format="[%d/%b/%Y:%H:%M:%S"),
                    "method": asked[0],
                    "url": asked[1],
                    "status": status,
                    "duration_us": (chunk["took"].str[3:].astype(float) * 1e6).round().astype("int64"),
                    "aborted": status == 499,
                }
            )

    def grouped(frame: Any, keys: list[str]) -> Any:
        groups = frame.groupby(keys)
        counted = groups.agg(
            n=("aborted", "size"),
            failed=("failed", "sum"),
            aborted=("aborted", "sum"),
            refused=("refused", "sum"),
            total_us=("duration_us", "sum"),
            timed=("duration_us", "count"),
        )
        return counted.join(groups["duration_us"].quantile(list(QUANTILES), interpolation="lower").unstack())

    def work() -> Table:
        frame = pd.concat({"pino": pino, "nest": nest, "nginx": nginx}[kind](), ignore_index=True)
        path = frame["url"].str.split("?", n=1).str[0].str.split("#", n=1).str[0]
        numbered = path.str.contains(r"\d")
        folded = path[numbered].str.replace(f"{ID_SEGMENT[:-1]}(?=/|$)", "/:id", regex=True)
        frame = frame.assign(
            start=frame["ts"].dt.floor("min"),
            name=frame["method"] + " " + path.where(~numbered, folded),
            failed=frame["status"] >= 500,
            refused=frame["status"].between(400, 498),
        )
        everything = grouped(frame, ["start"]).reset_index()
        everything.insert(1, "name", None)
        return [
            *everything.itertuples(index=False, name=None),
            *grouped(frame, ["start", "name"]).reset_index().itertuples(index=False, name=None),
        ]

    return work


def polars(kind: str, log: Path, _: int) -> Callable[[], Table]:
    """polars, lazily and with its streaming engine."""
    if importlib.util.find_spec("polars") is None:
        raise Skipped("polars is not installed here (it is no dependency of ours)")
    import polars as pl

    column = pl.col
    lines = pl.scan_csv(
        log,
        has_header=False,
        new_columns=["raw"],
        separator="\x01",
        quote_char=None,
        schema_overrides={"raw": pl.String},
    )

    def pino() -> Any:
        schema = {
            "time": pl.Int64,
            "msg": pl.String,
            "responseTime": pl.Float64,
            "req": pl.Struct({"method": pl.String, "url": pl.String}),
            "res": pl.Struct({"statusCode": pl.Int64, "headers": pl.Struct({"content-type": pl.String})}),
        }
        answered, status = (
            column("res").struct.field("headers").struct.field("content-type"),
            column("res").struct.field("statusCode"),
        )
        done = pl.scan_ndjson(log, schema=schema, ignore_errors=True).filter(
            column("res").is_not_null() & column("responseTime").is_not_null()
        )
        return done.filter(~answered.fill_null("").str.to_lowercase().str.starts_with("text/event-stream")).select(
            ts=pl.from_epoch(column("time"), time_unit="ms"),
            method=column("req").struct.field("method"),
            url=column("req").struct.field("url"),
            status=status,
            duration_us=(column("responseTime") * 1000).round().cast(pl.Int64),
            aborted=status.is_null() | (column("msg") == "request aborted"),
        )

    def nest() -> Any:
        wanted = lines.filter(column("raw").str.starts_with("[Nest] ") & column("raw").str.ends_with("ms"))
        word = wanted.select(column("raw").str.split(" ")).filter(column("raw").list.get(-2, null_on_oob=True) == "-")
        part = column("raw").list
        return word.select(
            ts=pl.concat_str(part.get(4), part.get(5), part.get(6), separator=" ").str.to_datetime(
                "%m/%d/%Y, %I:%M:%S %p"
            ),
            method=part.get(-5),
            url=part.get(-4),
            status=part.get(-3).cast(pl.Int64),
            duration_us=(part.get(-1).str.head(-2).cast(pl.Float64) * 1000).round().cast(pl.Int64),
            aborted=pl.lit(False),
        )

    def nginx() -> Any:
        part = column("raw").list
        pieces = lines.select(column("raw").str.split('"')).filter(part.len() == 7)
        asked, status = part.get(1).str.split(" ").list, part.get(2).str.slice(1, 3).cast(pl.Int64)
        return pieces.select(
            ts=part.get(0).str.split("[").list.get(1).str.head(20).str.to_datetime("%d/%b/%Y:%H:%M:%S"),
            method=asked.get(0),
            url=asked.get(1),
            status=status,
            duration_us=(part.get(6).str.slice(4).cast(pl.Float64) * 1e6).round().cast(pl.Int64),
            aborted=status.is_null() | (status == 499),
        )

    def grouped(frame: Any, keys: list[Any]) -> Any:
        counted = {
            "n": pl.len(),
            "failed": (column("status") >= 500).sum(),
            "aborted": column("aborted").sum(),
            "refused": column("status").is_between(400, 498).sum(),
            "total_us": column("duration_us").sum(),
            "timed": column("duration_us").count(),
        }
        quantiles = {f"p{share}": column("duration_us").quantile(share, "lower").cast(pl.Int64) for share in QUANTILES}
        return frame.group_by(keys).agg(**counted, **quantiles)

    def work() -> Table:
        path = column("url").str.split("?").list.get(0).str.split("#").list.get(0)
        doubled = pl.concat_str(path.str.replace_all("/", "//", literal=True), pl.lit("/"))
        folded = (
            doubled.str.replace_all(ID_SEGMENT.replace(r"\d", "[0-9]"), "/:id/")
            .str.replace_all("//", "/", literal=True)
            .str.head(-1)
        )
        frame = {"pino": pino, "nest": nest, "nginx": nginx}[kind]().with_columns(start=column("ts").dt.truncate("1m"))
        frame = frame.with_columns(
            name=column("method") + " " + pl.when(path.str.contains("[0-9]")).then(folded).otherwise(path)
        )
        everything = grouped(frame, ["start"]).with_columns(name=pl.lit(None, pl.String))
        by_route = grouped(frame, ["start", "name"])
        both = pl.collect_all([everything.select(by_route.collect_schema().names()), by_route], engine="streaming")
        return [list(row) for table in both for row in table.rows()]

    return work


def jq(kind: str, log: Path, _: int) -> Callable[[], Table]:
    """jq, for the first part of the work only.

    Time, method, URL, status and duration of each request, neither folded nor counted.
    """
    if kind != "pino":
        raise Skipped("jq is for JSON")
    if shutil.which("jq") is None:
        raise Skipped("jq is not on the PATH")
    wanted = (
        'select(.res != null and .responseTime != null and (.res.headers["content-type"] // "" | '
        'startswith("text/event-stream") | not))'
    )
    fields = "[.time, .req.method, .req.url, .res.statusCode, .responseTime] | @tsv"

    def work() -> Table:
        with subprocess.Popen(["jq", "-r", f"{wanted} | {fields}", str(log)], stdout=subprocess.PIPE) as process:
            count = sum(block.count(b"\n") for block in iter(lambda: process.stdout.read(1 << 20), b""))
        if process.returncode:
            raise Skipped(f"jq ended with {process.returncode}")
        return [[None, None, count]]

    return work


def extraction(kind: str, log: Path, threads: int) -> Callable[[], Table]:
    """All canonical columns of a log into Parquet, on so many cores; how many lines, and how many bytes of Parquet."""
    import tempfile

    from incident_kit.logs import extract
    from incident_kit.logs.prepare import prepare
    from incident_kit.model.source import Source
    from incident_kit.runbook.data import load

    dependencies = load().dependencies
    if threads:
        extract.workers = lambda: threads

    def work() -> Table:
        with tempfile.TemporaryDirectory() as folder:
            parts = extract.extract_all([prepare(Source("log", log, str(log)))], dependencies, Path(folder)).parts
            lines = sum(stretch.lines for part in parts for stretch in part.stretches)
            return [[lines, sum(part.path.stat().st_size for part in parts)]]

    return work


def preserve(kind: str, log: Path, _: int) -> Callable[[], Table]:
    """The middle of a log into an evidence store: found, copied, hashed, and flushed to disk.

    KIND is the folder of the store.
    """
    from incident_kit.app.collect import preserve as keep
    from incident_kit.evidence.store import Evidence
    from incident_kit.logs.slices import open_log
    from incident_kit.model.times import Window

    with open_log(log) as file:
        first, last = file.times()
    window = Window(first + (last - first) / 10, last - (last - first) / 10)

    def work() -> Table:
        item = keep(Evidence(Path(kind), limit_bytes=64 << 30), log, window)
        return [[str(item.content), item.sha256, item.size_bytes]]

    return work


JOBS = {job.__name__: job for job in (library, by_hand, pandas, polars, jq, extraction, preserve)}


def plain_table(table: Table) -> Table:
    """A table as JSON can hold it."""
    return [[plain(value) for value in row] for row in table]


def plain(value: Any) -> Any:
    """A value as JSON can hold it, the same from every library."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    return value.item() if hasattr(value, "item") else value


def main(job: str, kind: str, log: str, out: str, threads: str = "0") -> None:
    try:
        work = JOBS[job](kind, Path(log), int(threads))
        before, begun = processor_s(), time.perf_counter()
        rows = work()
        seconds, cpu_s = time.perf_counter() - begun, processor_s() - before
    except Skipped as reason:
        print(json.dumps({"skipped": str(reason)}))
        return
    peak = max(peak_bytes(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MEMORY_UNIT_BYTES)
    Path(out).write_text(json.dumps(plain_table(rows)))
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "peak_bytes": peak}))


def peak_bytes() -> int:
    """The most memory this process ever had. Linux' ru_maxrss also knows what its parent had when it was started."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MEMORY_UNIT_BYTES
    return next(int(line.split()[1]) << 10 for line in status.read_text().splitlines() if line.startswith("VmHWM:"))


def processor_s() -> float:
    """Seconds of processor time this process and its ended children have used."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
