"""How often an onset is found where there is none, and how well one is found where there is.

`python tests/benchmarks/onsets.py`.

    quiet    false onsets a day on healthy traffic, by shape; with --access-log FILE also on a real log (combined)
    faults   found or not, how far off, and whether the first suspect is right, by fault and requests a minute
    rivals   the same windows for change-point detectors of ruptures, if that is installed; it is no dependency of ours

The seeds are not those on which the limits of `analysis/normal.py` were chosen. A quarter of an hour for all with the
defaults.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import random
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from traffic import FAULTS, HEALTHY, Fault, Shape, Traffic, traffic

from incident_kit import logs, runbook
from incident_kit.analysis import Onset, onset, onset_of, onset_of_requests, onsets, suspects
from incident_kit.analysis.first_affected import WIDTHS
from incident_kit.logs.rates import Bucket, by_name
from incident_kit.model.source import Source

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(hours=2)
QUIET_SEED, FAULT_SEED = 120_000, 130_000
COMBINED = re.compile(
    r'\S+ \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<size>\d+|-)'
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "tables", nargs="*", choices=["quiet", "faults", "rivals", []], help="which tables; all without any"
    )
    parser.add_argument("--days", type=int, default=3, help="days of each shape and seed")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each shape")
    parser.add_argument("--rounds", type=int, default=10, help="seeds of each fault")
    parser.add_argument("--access-log", type=Path, help="a real log to look for onsets in")
    chosen = parser.parse_args()
    for table in chosen.tables or ["quiet", "faults", "rivals"]:
        if table == "quiet":
            quiet(chosen.days, chosen.seeds, chosen.access_log)
        elif table == "faults":
            faults(chosen.rounds)
        elif importlib.util.find_spec("ruptures") is None:
            print("rivals: ruptures is not installed here")
        else:
            rivals(chosen.days, chosen.rounds)


def quiet(days: int, seeds: int, access_log: Path | None) -> None:
    """Three ways to look.

    As `onset_of` does, at windows of two hours; at all requests mixed; at every single series of the whole time.
    """
    print(f"False onsets a day on healthy traffic, {days} days of {seeds} seeds each")
    print(f"{'shape':16}{'requests/day':>14}{'windows of 2 h':>16}{'mixed, 2 h':>12}{'every series':>14}")
    totals = [0, 0, 0]
    for shape in HEALTHY:
        counts, requests = [0, 0, 0], 0
        for seed in range(seeds):
            made = traffic(QUIET_SEED + seed, 24 * days, shape)
            requests += len(made.requests["name"])
            for place, measure in enumerate((false_in_windows, false_mixed, false_in_series)):
                counts[place] += measure(made)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        print(
            f"{shape.name:16}{requests / days / seeds:>14.0f}"
            + "".join(f"{count / days / seeds:>{width}.2f}" for count, width in zip(counts, (16, 12, 14), strict=True)),
            flush=True,
        )
    everything = days * seeds * len(HEALTHY)
    print(
        f"{'all':16}{'':>14}"
        + "".join(f"{total / everything:>{width}.2f}" for total, width in zip(totals, (16, 12, 14), strict=True))
        + f"   of {everything} days"
    )
    if access_log:
        buckets = access_log_buckets(access_log)
        mixed = [bucket for bucket in buckets if bucket.name is None]
        days_seen = (mixed[-1].start - mixed[0].start) / timedelta(days=1)
        print(
            f"{access_log.name}: {sum(bucket.n for bucket in mixed)} requests over {days_seen:.1f} days, sizes of "
            "bodies as durations. Onsets: "
            f"{sum(len(onsets(series)) for series in by_name(buckets).values())} in {len(by_name(buckets))} series of "
            "the whole time, "
            f"{sum(onset(part) is not None for part in windows(mixed))} in windows of 2 h of all requests, "
            f"{int(onset_of_requests(buckets) is not None)} like with like"
        )


def false_in_windows(made: Traffic) -> int:
    """In how many windows of two hours `onset_of` would find something."""
    by_width = [windows(made.buckets(width)) for width in WIDTHS]
    return sum(any(onset_of_requests(part) for part in parts) for parts in zip(*by_width, strict=True))


def false_mixed(made: Traffic) -> int:
    """In how many windows of two hours all requests, whatever their mix, have an onset."""
    return sum(
        onset(part) is not None for part in windows([bucket for bucket in made.buckets(MINUTE) if bucket.name is None])
    )


def false_in_series(made: Traffic) -> int:
    """Incidents in any series of the whole time: all requests mixed, each route, each dependency."""
    series = [*by_name(made.buckets(MINUTE)).values(), *by_name(made.call_buckets(MINUTE)).values()]
    return incidents(each for one in series for each in onsets(one))


def incidents(found: Iterable[Onset]) -> int:
    """How many incidents these onsets are: what begins within ten minutes is one."""
    begun = sorted(each.began.likeliest for each in found)
    return sum(1 for place, at in enumerate(begun) if not place or at - begun[place - 1] > timedelta(minutes=10))


def windows(buckets: Sequence[Bucket]) -> list[list[Bucket]]:
    """The buckets of every two hours, apart."""
    first = min(bucket.start for bucket in buckets).replace(minute=0, second=0)
    parts: dict[int, list[Bucket]] = {}
    for bucket in buckets:
        parts.setdefault((bucket.start - first) // WINDOW, []).append(bucket)
    return [parts.get(number, []) for number in range(max(parts) + 1)]


def access_log_buckets(path: Path) -> list[Bucket]:
    """Requests a minute, over all and by path, of a combined log.

    It tells no durations: sizes [bytes] stand in as microseconds, as heavy-tailed as those are.
    """
    found: dict[tuple[datetime, str], list[tuple[int, int]]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        if match := COMBINED.match(line):
            minute = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC).replace(second=0)
            for name in ("", match["request"].partition("?")[0]):
                found.setdefault((minute, name), []).append(
                    (int(match["status"]), int(match["size"].replace("-", "0")))
                )
    buckets = []
    for (start, name), requests in sorted(found.items()):
        sizes = sorted(size for _, size in requests)
        quantiles = [sizes[math.ceil(len(sizes) * quantile) - 1] for quantile in (0.5, 0.95, 0.99)]
        failed, refused = (
            sum(status >= 500 for status, _ in requests),
            sum(400 <= status < 500 for status, _ in requests),
        )
        buckets.append(
            Bucket(start, name or None, len(requests), failed, 0, refused, sum(sizes), len(sizes), *quantiles)
        )
    return buckets


def faults(rounds: int) -> None:
    """Every fault through a log.

    Seconds between the onset found and the first request hit, whether its interval holds it, and the suspect.
    """
    book = runbook.load()
    with tempfile.TemporaryDirectory() as scratch:
        for per_minute, seeds in ((20, rounds), (120, rounds), (600, max(1, rounds // 3))):
            print(
                f"\n{per_minute} requests a minute, {seeds} seeds: off is the onset's median distance from the truth "
                "[s], worst in brackets; recovery likewise"
            )
            print(f"{'fault':32}{'found':>8}{'off':>14}{'in interval':>13}{'recovery':>16}{'suspect first':>15}")
            for fault in FAULTS:
                found, offs, ends, held, right = 0, [], [], 0, 0
                for seed in range(seeds):
                    made = traffic(
                        FAULT_SEED + seed, 2, Shape("test", per_minute=per_minute), moved(fault, seed), hosts=4
                    )
                    source = Source("log", made.write(Path(scratch) / "made.log"), "made.log")
                    with logs.read([source], dependencies=book.dependencies) as records:
                        seen = onset_of(records)
                        named = suspects(records, seen) if seen else []
                    if not seen or abs(seen.began.likeliest - made.began()) > timedelta(minutes=15):
                        continue
                    found += 1
                    offs.append(abs((seen.began.likeliest - made.began()).total_seconds()))
                    ends += [abs((seen.recovered.likeliest - made.ended()).total_seconds())] if seen.recovered else []
                    held += seen.began.earliest <= made.began() <= seen.began.latest
                    right += (
                        bool(named) and named[0].kind == fault.suspect[0] and fault.suspect[1] in ("", named[0].name)
                    )
                print(
                    f"{fault.name:32}{found:>5}/{seeds:<2}{spread(offs):>14}{held:>13}{spread(ends):>16}{right:>15}",
                    flush=True,
                )


def moved(fault: Fault, seed: int) -> Fault:
    """At another time in every round, so that faults and minutes do not begin together."""
    return replace(fault, at_s=fault.at_s + random.Random(seed).uniform(-900, 900))


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f} ({max(values):.0f})" if values else "-"


def rivals(days: int, rounds: int) -> None:
    """ruptures on the very same windows: each series' error share and log p50, in robust units; a rise is an onset."""
    import numpy as np
    import ruptures

    def detector(algorithm: str, penalty: float, matters: bool) -> Callable[[list[Bucket]], list[datetime]]:
        def find(part: list[Bucket]) -> list[datetime]:
            found = []
            for series in by_name(part).values():
                for measure in ("errors", "p50"):
                    known = [
                        bucket for bucket in series if measure == "errors" or (bucket.p50_us and bucket.timed >= 5)
                    ]
                    values = np.array(
                        [bucket.bad_share if measure == "errors" else math.log(bucket.p50_us or 1) for bucket in known]
                    )
                    if len(values) < 10:
                        continue
                    noise = (
                        1.4826 * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2) or float(values.std()) or 1.0
                    )
                    signal = values.reshape(-1, 1) / noise
                    fitted = getattr(ruptures, algorithm)(model="l2", min_size=3, jump=1).fit(signal)
                    edges = [0, *fitted.predict(pen=penalty * math.log(len(values)))]
                    for before, at, after in zip(edges, edges[1:], edges[2:], strict=False):
                        low, high = values[before:at].mean(), values[at:after].mean()
                        counts = (
                            high >= max(2 * low, low + 0.01)
                            if measure == "errors"
                            else (high - low >= math.log(1.75) and math.exp(high) - math.exp(low) >= 50_000)
                        )
                        if high > low and (counts or not matters):
                            found.append(known[at].start)
            return found

        return find

    def ours(part: list[Bucket]) -> list[datetime]:
        seen = onset_of_requests(part)
        return [seen.began.likeliest] if seen else []

    detectors = {
        "never any": lambda part: [],
        "ours": ours,
        "PELT, l2, 2 log n": detector("Pelt", 2, matters=False),
        "the same, and it matters": detector("Pelt", 2, matters=True),
        "10 log n, and it matters": detector("Pelt", 10, matters=True),
        "40 log n, and it matters": detector("Pelt", 40, matters=True),
        "Binseg, 10 log n, it matters": detector("Binseg", 10, matters=True),
    }
    healthy = [
        part
        for number, shape in enumerate(HEALTHY)
        for part in windows(traffic(QUIET_SEED + number, 24, shape).buckets())
    ]
    hurt = [
        traffic(FAULT_SEED + seed, 2, Shape("test"), moved(fault, seed), hosts=4)
        for fault in FAULTS
        for seed in range(max(1, rounds // 3))
    ]
    print(f"\nMinute buckets of {len(HEALTHY)} healthy days and of {len(hurt)} faults, two hours at a time")
    print(f"{'detector':32}{'false a day':>12}{'found':>10}{'off [s]':>12}")
    for name, find in detectors.items():
        false = sum(bool(find(part)) for part in healthy) / len(HEALTHY)
        offs = []
        for made in hurt:
            near = [abs((at - made.began()).total_seconds()) for at in find(made.buckets())]
            offs += [min(near)] if near and min(near) <= 300 else []
        print(f"{name:32}{false:>12.2f}{len(offs):>6}/{len(hurt)}{spread(offs):>12}", flush=True)


if __name__ == "__main__":
    main()
