"""Traffic of a portal that never was: healthy in several shapes, or with a fault at a known time.

Everything comes from a seed, so that a figure measured on it can be measured again. A request takes its own time and
that of its calls; a failed call fails its request; customers give up after a while. Times are seconds from `START`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from incident_kit.logs.rates import Bucket

START = datetime(2026, 11, 23, tzinfo=UTC)
SECOND_US = 1_000_000
DAY_S = 86_400.0
TIMEOUT_S = 10.0
CLIENTS = 200
# Outside systems: median [ms] and spread (sigma of the logarithm) of a call.
DEPENDENCIES = {"freebit": (420.0, 0.35), "whmcs": (180.0, 0.35), "salesforce": (150.0, 0.4)}


@dataclass(frozen=True)
class Route:
    """A route: how often it is asked for, its own time, and which systems it calls in what share of its requests."""

    method: str
    path: str
    weight: float
    own_ms: float
    calls: tuple[tuple[str, float], ...] = ()
    spread: float = 0.4

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


ROUTES = (
    Route("GET", "/api/catalog/products", 20, 3),
    Route("GET", "/api/catalog/products/:id", 20, 3),
    Route("GET", "/api/orders", 15, 5),
    Route("GET", "/api/orders/:id", 8, 8, (("salesforce", 1.0),)),
    Route("GET", "/api/billing/invoices", 7, 6, (("whmcs", 1.0),)),
    Route("GET", "/api/billing/payment-methods", 7, 5, (("whmcs", 0.55),)),  # else from a cache: two humps
    Route("GET", "/api/sim/:id/usage", 12, 6, (("freebit", 1.0),)),
    Route("POST", "/api/sim/:id/top-up", 5, 9, (("freebit", 1.0), ("whmcs", 0.5))),
    Route("POST", "/api/auth/login", 4, 55, spread=0.15),
    Route("POST", "/api/orders", 1.5, 15, (("salesforce", 1.0), ("freebit", 0.5))),
    Route("GET", "/health", 0.5, 2),
)
BATCH = Route("POST", "/api/batch/usage", 0, 900, (("freebit", 1.0),), spread=0.6)
NAMES = [route.name for route in (*ROUTES, BATCH)]
HOSTS = ("bff-1", "bff-2", "bff-3", "bff-4")


@dataclass(frozen=True)
class Shape:
    """A kind of healthy traffic; everything beside `name` may be combined."""

    name: str
    per_minute: float = 120
    night: float = 1.0  # the share of the day's traffic that is left at night; by day everything is a third slower
    weekend: float = 1.0
    growth_per_day: float = 1.0
    bursts_per_day: float = 0.0
    batch: bool = False  # forty minutes of slow work every night, on a route of its own
    deploys_per_day: float = 0.0  # half a minute of 502s, then cold caches
    pauses_per_hour: float = 0.0  # everything in flight waits up to two seconds
    hiccups_per_day: float = 0.0  # a dependency fails some calls within seconds
    wander: float = 0.0  # dependencies get faster and slower within the hour: sigma of the logarithm
    tail: bool = False  # one request in two hundred takes ten times as long or more


HEALTHY = (
    Shape("flat"),
    Shape("diurnal", night=0.1),
    Shape("growth", growth_per_day=2.0),
    Shape("bursts", bursts_per_day=12),
    Shape("low traffic", per_minute=3, night=0.2),
    Shape("night batch", night=0.1, batch=True),
    Shape("deploy blips", deploys_per_day=4),
    Shape("pauses", pauses_per_hour=6),
    Shape("hiccups", hiccups_per_day=30),
    Shape("wandering", wander=0.15),
    Shape("heavy tails", tail=True),
    Shape("busy", per_minute=900, night=0.3, hiccups_per_day=20),
    Shape("weekly", night=0.15, weekend=0.4, growth_per_day=1.02),
    Shape(
        "everything",
        per_minute=60,
        night=0.15,
        weekend=0.5,
        bursts_per_day=6,
        batch=True,
        deploys_per_day=2,
        pauses_per_hour=3,
        hiccups_per_day=12,
        wander=0.1,
        tail=True,
    ),
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong, for whom, from when. `suspect` is the kind and name of what should be named first."""

    name: str
    suspect: tuple[str, str]
    slower: float = 1.0
    failing: float = 0.0
    part: float = 1.0  # the share of what it concerns that is hit
    dependency: str = ""
    route: str = ""
    host: str = ""
    client: int | None = None
    more: float = 1.0  # traffic; of the client alone if one is named
    ramp_s: float = 0.0
    lasts_s: float = 1500.0
    at_s: float = 3600.0
    restarted_s: float | None = None  # so long before it, every process is replaced by a new one
    rolling_s: float = 0.0  # from the restart of one host to that of the next; only new processes are hit
    error: str = "Error"


BAD_CLIENT = 7
ALL = ("process", "")
FAULTS = (
    Fault("a fifth of all fails", ("error", ""), failing=0.2),
    Fault("all three times slower", ALL, slower=3.0),
    Fault("slow dependency", ("dependency", "freebit"), slower=8.0, dependency="freebit"),
    Fault("failing dependency", ("dependency", "whmcs"), failing=0.5, dependency="whmcs"),
    Fault("ramp of ten minutes", ("dependency", "freebit"), slower=10.0, dependency="freebit", ramp_s=600),
    Fault("short: three minutes", ("dependency", "salesforce"), failing=0.8, dependency="salesforce", lasts_s=180),
    Fault("partial: a tenth of calls hangs", ("dependency", "freebit"), slower=1000.0, part=0.1, dependency="freebit"),
    Fault("one route slow", ("route", "GET /api/orders"), slower=60.0, route="GET /api/orders"),
    Fault("one route fails", ("route", "POST /api/auth/login"), failing=0.6, route="POST /api/auth/login"),
    Fault("traffic spike", ("traffic", ""), slower=6.0, more=5.0, ramp_s=60),
    Fault("bad deploy", ("deploy", ""), failing=0.4, route="GET /api/orders", restarted_s=1, error="TypeError"),
    Fault("slow deploy", ("deploy", ""), slower=4.0, restarted_s=1),
    Fault(
        "rolling deploy",
        ("deploy", ""),
        failing=0.4,
        route="GET /api/orders",
        restarted_s=1,
        rolling_s=120,
        error="TypeError",
    ),
    Fault("bad client", ("client", "198.51.100.7"), failing=0.9, client=BAD_CLIENT, more=25.0),
    Fault("flooding client", ("client", "198.51.100.7"), slower=5.0, client=BAD_CLIENT, more=600.0),
    Fault("bad host", ("host", "bff-3"), slower=6.0, failing=0.2, host="bff-3"),
    Fault("saturated process", ALL, slower=5.0, ramp_s=120),
)


@dataclass(frozen=True)
class Traffic:
    """Requests and their calls as columns of equal length; times are microseconds from `START`."""

    requests: dict[str, np.ndarray]
    calls: dict[str, np.ndarray]
    starts: tuple[tuple[int, str, int], ...]  # (at_us, host, pid): the application has started
    fault: Fault | None = None

    def buckets(self, width: timedelta = timedelta(minutes=1)) -> list[Bucket]:
        """What `requests_by_bucket` says of the same requests."""
        columns = self.requests
        return [*_buckets(columns, width, None), *_buckets(columns, width, NAMES)]

    def call_buckets(self, width: timedelta = timedelta(minutes=1)) -> list[Bucket]:
        """What `calls_by_bucket` says of the same calls."""
        return _buckets(self.calls, width, list(DEPENDENCIES))

    def began(self) -> datetime:
        """When the first request that the fault hit was asked."""
        return START + timedelta(microseconds=int(self.requests["start_us"][self.requests["hit"]].min()))

    def ended(self) -> datetime:
        """When the last request that the fault hit ended."""
        hit = self.requests["hit"]
        return START + timedelta(
            microseconds=int((self.requests["start_us"] + self.requests["duration_us"])[hit].max())
        )

    def write(self, path: Path) -> Path:
        """The same as a log of pino-http, in the order in which requests end."""
        path.write_text(
            "".join(line + "\n" for _, line in sorted(self._lines(), key=lambda pair: pair[0])), encoding="utf-8"
        )
        return path

    def _lines(self) -> Iterator[tuple[int, str]]:
        for at_us, host, pid in self.starts:
            yield (
                at_us,
                _line(at_us, host, pid, 30, context="NestApplication", msg="Nest application successfully started"),
            )
        columns = {name: column.tolist() for name, column in self.requests.items()}
        requests = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        dependencies = list(DEPENDENCIES)
        for number, request in enumerate(requests):
            end_us = request["start_us"] + request["duration_us"]
            status = request["status"]
            yield (
                end_us,
                _line(
                    end_us,
                    HOSTS[request["host"]],
                    request["pid"],
                    50 if status >= 500 else 30,
                    req=_req(number, request),
                    res={
                        "statusCode": None if request["aborted"] else status,
                        "headers": {"content-type": "application/json"},
                    },
                    responseTime=request["duration_us"] // 1000,
                    msg="request aborted" if request["aborted"] else "request completed",
                ),
            )
            if request["broken"]:
                error = {
                    "type": self.fault.error if self.fault else "Error",
                    "message": "Cannot read properties of undefined (reading 'plan')",
                }
                yield (
                    end_us - 1,
                    _line(
                        end_us - 1,
                        HOSTS[request["host"]],
                        request["pid"],
                        50,
                        req=_req(number, request),
                        context="ExceptionsHandler",
                        err=error,
                        msg=error["message"],
                    ),
                )
        calls = {name: column.tolist() for name, column in self.calls.items()}
        for owner, name, start_us, duration_us, failed, _ in zip(
            *(calls[key] for key in ("owner", "name", "start_us", "duration_us", "failed", "aborted")), strict=True
        ):
            request, end_us = requests[owner], start_us + duration_us
            error = {"err": {"type": "AxiosError", "message": "Request failed with status code 503"}} if failed else {}
            yield (
                end_us,
                _line(
                    end_us,
                    HOSTS[request["host"]],
                    request["pid"],
                    50 if failed else 30,
                    req=_req(owner, request),
                    context=f"{dependencies[name].title()}Service",
                    duration=duration_us // 1000,
                    msg=f"{dependencies[name].title()} API call {'failed' if failed else 'completed'}",
                    **error,
                ),
            )


def _line(at_us: int, host: str, pid: int, level: int, **fields: Any) -> str:
    at_ms = int(START.timestamp() * 1000) + at_us // 1000
    return json.dumps({"level": level, "time": at_ms, "pid": pid, "hostname": host, **fields})


def _req(number: int, request: dict[str, Any]) -> dict[str, Any]:
    method, _, path = NAMES[request["name"]].partition(" ")
    address = f"198.51.100.{request['client']}"
    return {
        "id": f"r-{number}",
        "method": method,
        "url": path.replace(":id", "1017"),
        "headers": {"x-forwarded-for": address},
        "remoteAddress": "10.0.0.1",
    }


def traffic(seed: int, hours: float, shape: Shape = HEALTHY[0], fault: Fault | None = None, hosts: int = 1) -> Traffic:
    """So many hours of a shape, on one host or several, with a fault or without."""
    chance = np.random.default_rng(seed)
    seconds = np.arange(int(hours * 3600), dtype=float)
    load, slowness = _load(chance, seconds, shape)
    start_s, route, client = _arrivals(chance, seconds, shape, load, fault)
    host = chance.integers(0, hosts, len(start_s))
    hit = _hit(chance, fault, start_s, route, host, client)
    slower = _slower(fault, start_s)
    whole = fault is not None and not fault.dependency  # the fault is in the program, not in what it calls
    # A process that is out of breath is late in noticing that a call has ended.
    everything = whole and fault is not None and not fault.route and (fault.client is None or fault.slower > 1)
    pace = np.interp(start_s, seconds, slowness) * np.where(hit & bool(everything), slower, 1.0)

    routes = (*ROUTES, BATCH)
    own = np.array([each.own_ms for each in routes])[route] * np.exp(
        chance.normal(0, 1, len(start_s)) * np.array([each.spread for each in routes])[route]
    )
    own *= pace * np.where(hit & whole & (not everything), slower, 1.0)
    if shape.tail:
        own *= np.where(chance.random(len(own)) < 0.005, 10 * (1 + chance.pareto(1.5, len(own))), 1.0)
    ends_s = start_s + own / 1000
    bad_call = np.zeros(len(start_s), dtype=bool)
    touched = np.zeros(len(start_s), dtype=bool)
    calls: dict[str, list[np.ndarray]] = {key: [] for key in ("owner", "name", "start_us", "duration_us", "failed")}
    hiccups = [
        (at, name)
        for name in range(len(DEPENDENCIES))
        for at in chance.uniform(
            0, len(seconds), chance.poisson(shape.hiccups_per_day * hours / 24 / len(DEPENDENCIES))
        )
    ]
    for number, (name, (median_ms, spread)) in enumerate(DEPENDENCIES.items()):
        share = np.array([dict(each.calls).get(name, 0.0) for each in routes])[route]
        owner = np.flatnonzero(chance.random(len(route)) < share)
        wander = np.exp(np.interp(start_s[owner], seconds, _wander(chance, len(seconds), shape.wander)))
        took = median_ms * np.exp(chance.normal(0, spread, len(owner))) * wander * pace[owner]
        failed = chance.random(len(owner)) < 0.001
        for at, which in hiccups:
            if which == number:
                failed |= (np.abs(start_s[owner] - at) < chance.uniform(3, 12)) & (chance.random(len(owner)) < 0.8)
        if fault is not None and name in fault.dependency.split():
            here = hit[owner]
            took *= np.where(here, slower[owner], 1.0)
            failed |= here & (chance.random(len(owner)) < fault.failing)
            touched[owner[here]] = True
        failed |= took > TIMEOUT_S * 1000
        took = np.minimum(took, TIMEOUT_S * 1000)
        for key, column in zip(
            calls, (owner, np.full(len(owner), number), ends_s[owner] * 1e6, took * 1000, failed), strict=True
        ):
            calls[key].append(column)
        ends_s[owner] += took / 1000
        bad_call[owner] |= failed
    if fault is not None and fault.dependency:
        hit = touched
    status = np.where(chance.random(len(start_s)) < 0.02, 404, 200)
    broken = chance.random(len(start_s)) < 0.0005
    if whole and fault is not None:
        broken |= hit & (chance.random(len(start_s)) < fault.failing)
        if not fault.slower > 1:
            hit = hit & broken
    status = np.where(broken, 500, np.where(bad_call, 503, status))
    ends_s, status = _disturb(chance, shape, hours, start_s, ends_s, status)
    patience = np.where(
        chance.random(len(start_s)) < 0.05,
        chance.uniform(5, 9, len(start_s)),
        np.where(chance.random(len(start_s)) < 0.002, 0.03, 60.0),
    )
    aborted = ends_s - start_s > patience
    ends_s = np.where(aborted, start_s + patience, ends_s)

    starts, pid = _processes(chance, fault, start_s, host, hosts)
    requests = {
        "start_us": (start_s * 1e6).astype(np.int64),
        "duration_us": ((ends_s - start_s) * 1e6).astype(np.int64),
        "name": route,
        "client": client,
        "host": host,
        "pid": pid,
        "status": status,
        "failed": (status >= 500) & ~aborted,
        "aborted": aborted,
        "refused": (status == 404) & ~aborted,
        "hit": hit,
        "broken": broken,
    }
    columns = {key: np.concatenate(parts) for key, parts in calls.items()}
    columns = {key: column.astype(np.int64) if column.dtype == float else column for key, column in columns.items()}
    columns["aborted"] = np.zeros(len(columns["owner"]), dtype=bool)
    columns["refused"] = columns["aborted"]
    return Traffic(requests, columns, starts, fault)


def _load(chance: np.random.Generator, seconds: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Traffic against the shape's own, and how much slower than at its best the portal is, for every second."""
    days = seconds / DAY_S
    daylight = 0.5 - 0.5 * np.cos(2 * np.pi * days)  # midnight 0, noon 1
    load = shape.night + (1 - shape.night) * daylight
    load = load * np.where((days % 7) >= 5, shape.weekend, 1.0) * shape.growth_per_day**days
    slowness = 1 + 0.33 * (1 - shape.night) * daylight
    slowness = slowness * (1 + 0.4 * (shape.growth_per_day - 1) * days)
    for at in chance.uniform(0, len(seconds), chance.poisson(shape.bursts_per_day * len(seconds) / DAY_S)):
        burst = (seconds >= at) & (seconds < at + chance.uniform(90, 600))
        load = load * np.where(burst, chance.uniform(2, 4), 1.0)
        slowness = slowness * np.where(burst, 1.15, 1.0)
    if shape.batch:
        slowness = slowness * np.where(_at_night(seconds), 1.15, 1.0)
    return load, slowness


def _at_night(seconds: np.ndarray) -> np.ndarray:
    return (seconds % DAY_S >= 2 * 3600) & (seconds % DAY_S < 2 * 3600 + 2400)


def _arrivals(
    chance: np.random.Generator, seconds: np.ndarray, shape: Shape, load: np.ndarray, fault: Fault | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start [s], route and client of every request, in time order."""
    weights = np.array([each.weight for each in ROUTES])
    rate = shape.per_minute / 60 * load
    if fault is not None and fault.client is None:
        rate = rate * (1 + (fault.more - 1) * _strength(fault, seconds))
    parts = [np.repeat(seconds, chance.poisson(rate))]
    kinds = [chance.choice(len(ROUTES), len(parts[0]), p=weights / weights.sum())]
    # A few customers are busier than the rest, as customers are.
    popularity = 1 / (np.arange(CLIENTS) + 5.0)
    clients = [chance.permutation(CLIENTS)[chance.choice(CLIENTS, len(parts[0]), p=popularity / popularity.sum())]]
    if shape.batch:
        parts.append(np.repeat(seconds, chance.poisson(0.5 * _at_night(seconds))))
        kinds.append(np.full(len(parts[-1]), len(ROUTES)))
        clients.append(np.zeros(len(parts[-1]), dtype=int))
    if fault is not None and fault.client is not None:
        extra = shape.per_minute / 60 / CLIENTS * (fault.more - 1) * _strength(fault, seconds)
        parts.append(np.repeat(seconds, chance.poisson(extra)))
        kinds.append(chance.choice(len(ROUTES), len(parts[-1]), p=weights / weights.sum()))
        clients.append(np.full(len(parts[-1]), fault.client))
    start_s = np.concatenate(parts)
    start_s = start_s + chance.random(len(start_s))
    order = np.argsort(start_s, kind="stable")
    return start_s[order], np.concatenate(kinds)[order], np.concatenate(clients)[order]


def _strength(fault: Fault, at_s: np.ndarray) -> np.ndarray:
    """How much of the fault there is at a time: 0 to 1."""
    risen = np.clip((at_s - fault.at_s) / fault.ramp_s, 0, 1) if fault.ramp_s else np.ones(len(at_s))
    return np.where((at_s >= fault.at_s) & (at_s < fault.at_s + fault.lasts_s), risen, 0.0)


def _hit(
    chance: np.random.Generator,
    fault: Fault | None,
    start_s: np.ndarray,
    route: np.ndarray,
    host: np.ndarray,
    client: np.ndarray,
) -> np.ndarray:
    """Which requests the fault concerns."""
    if fault is None:
        return np.zeros(len(start_s), dtype=bool)
    hit = (start_s >= fault.at_s) & (start_s < fault.at_s + fault.lasts_s) & (chance.random(len(start_s)) < fault.part)
    hit &= start_s >= fault.at_s + fault.rolling_s * host
    if fault.route:
        hit &= route == NAMES.index(fault.route)
    if fault.host:
        hit &= host == HOSTS.index(fault.host)
    if (
        fault.client is not None and fault.slower == 1
    ):  # a client that floods slows all; a client that errs hurts itself
        hit &= client == fault.client
    return hit


def _slower(fault: Fault | None, start_s: np.ndarray) -> np.ndarray:
    return np.ones(len(start_s)) if fault is None else 1 + (fault.slower - 1) * _strength(fault, start_s)


def _wander(chance: np.random.Generator, count: int, sigma: float) -> np.ndarray:
    """A walk that comes back within twenty minutes or so (Ornstein-Uhlenbeck), for every second."""
    if not sigma:
        return np.zeros(count)
    keep = np.exp(-1 / 20)
    minutes = [0.0]
    for step in chance.normal(0, sigma * np.sqrt(1 - keep**2), count // 60 + 1).tolist():
        minutes.append(minutes[-1] * keep + step)
    return np.interp(np.arange(count), np.arange(len(minutes)) * 60, minutes)


def _disturb(
    chance: np.random.Generator, shape: Shape, hours: float, start_s: np.ndarray, ends_s: np.ndarray, status: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pauses and deploys: what healthy systems do to a few requests."""
    for at in chance.uniform(0, hours * 3600, chance.poisson(shape.pauses_per_hour * hours)):
        resumes = at + chance.uniform(0.3, 2)
        waiting = (start_s < resumes) & (ends_s > at)
        ends_s = np.where(waiting, ends_s + resumes - np.maximum(start_s, at), ends_s)
    for at in chance.uniform(0, hours * 3600, chance.poisson(shape.deploys_per_day * hours / 24)):
        down = (start_s >= at) & (start_s < at + chance.uniform(15, 40)) & (chance.random(len(start_s)) < 0.4)
        status = np.where(down, 502, status)
        cold = (start_s >= at) & (start_s < at + 90)
        ends_s = np.where(
            cold, start_s + (ends_s - start_s) * (1 + 2 * np.exp(-np.maximum(start_s - at, 0) / 30)), ends_s
        )
    return ends_s, status


def _processes(
    chance: np.random.Generator, fault: Fault | None, start_s: np.ndarray, host: np.ndarray, hosts: int
) -> tuple[tuple[tuple[int, str, int], ...], np.ndarray]:
    """One process a host; a deploy replaces them all."""
    old, new = chance.integers(1000, 20_000, hosts), chance.integers(20_000, 40_000, hosts)
    if fault is None or fault.restarted_s is None:
        return (), old[host]
    at_s = fault.at_s - fault.restarted_s + fault.rolling_s * np.arange(hosts)
    return tuple((int(at_s[number] * SECOND_US), HOSTS[number], int(new[number])) for number in range(hosts)), np.where(
        start_s >= at_s[host], new[host], old[host]
    )


def _buckets(columns: dict[str, np.ndarray], width: timedelta, names: list[str] | None) -> list[Bucket]:
    """Buckets by the time at which requests end; one series, or one a name."""
    width_us = width // timedelta(microseconds=1)
    slot = (columns["start_us"] + columns["duration_us"]) // width_us
    name = columns["name"] if names is not None else np.zeros(len(slot), dtype=int)
    order = np.lexsort((columns["duration_us"], name, slot))
    slot, name, took = slot[order], name[order], columns["duration_us"][order]
    edges = (
        np.flatnonzero(np.r_[True, (slot[1:] != slot[:-1]) | (name[1:] != name[:-1])])
        if len(slot)
        else np.array([], dtype=int)
    )
    bounds = [*edges.tolist(), len(slot)]
    sums = {
        key: np.add.reduceat(columns[key][order].astype(np.int64), edges).tolist() if len(edges) else []
        for key in ("failed", "aborted", "refused")
    }
    totals = np.add.reduceat(took, edges).tolist() if len(edges) else []
    found = []
    for place, (begin, end) in enumerate(pairwise(bounds)):
        n = end - begin
        quantiles = [int(took[begin + -(-n * percent // 100) - 1]) for percent in (50, 95, 99)]
        start = START + timedelta(microseconds=int(slot[begin]) * width_us)
        found.append(
            Bucket(
                start,
                names[name[begin]] if names is not None else None,
                n,
                sums["failed"][place],
                sums["aborted"][place],
                sums["refused"][place],
                totals[place],
                n,
                *quantiles,
            )
        )
    return found
