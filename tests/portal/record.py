"""Records an incident of the miniature portal: `python tests/portal/record.py freebit_slow --out DIR`.

Everything runs for real on loopback: Redis, PostgreSQL, the BFF, the stand-ins for the outside systems, the customers.
DIR gets bff.log (all that the BFF wrote), bff.log.gz (the same), truth.json (what was done, and what the customers
and the stand-ins saw of it; nothing in it was read from the log) and evidence/ (the log preserved for that window).
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import servers
from build import HERE, built
from traffic import Request, Traffic, invent_customers

from incident_kit.collect import collect_logs
from incident_kit.evidence.store import Evidence

BUCKET_S = 300
SHOWN_BUILD_FOLDER = b"/srv/bff"

# All invented.
JWT_SECRET = "invented-jwt-secret-of-the-miniature-portal"
SECRETS = {
    "JWT_SECRET": JWT_SECRET,
    "JWT_LIFETIME_S": "3600",
    "WHMCS_API_IDENTIFIER": "Xk4TqInventedIdentifier8Vw2",
    "WHMCS_API_SECRET": "p9RzInventedWhmcsSecret5Lm",
    "FREEBIT_OEM_ID": "PORTAL01",
    "FREEBIT_OEM_KEY": "oem-invented-3Hs8Yd",
    "SF_ACCESS_TOKEN": "00D5gInvented!AQ0AQInventedAccessToken7kP",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", help="a file in plans/, without .json")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="shorten all times; not aligned to the clock then [1.0]")
    arguments = parser.parse_args()
    plan = scaled(json.loads((HERE / "plans" / f"{arguments.plan}.json").read_text(encoding="utf-8")), arguments.scale)
    record(plan, arguments.out, aligned=arguments.scale == 1.0)


def scaled(plan: dict[str, Any], factor: float) -> dict[str, Any]:
    """The plan with every point in time multiplied; how slow an answer is stays."""

    def scale(value: Any) -> Any:
        if isinstance(value, list):
            return [scale(item) for item in value]
        if isinstance(value, dict):
            return {key: item * factor if key.endswith("_s") else scale(item) for key, item in value.items()}
        return value

    result: dict[str, Any] = scale(plan)
    return result


def record(plan: dict[str, Any], out: Path, aligned: bool) -> None:
    if (out / "evidence").exists():
        raise SystemExit(f"{out}: holds a recording already, and evidence is only ever added to. Give another folder.")
    build = built()
    out.mkdir(parents=True, exist_ok=True)
    log_path = out / "bff.log"
    log_path.unlink(missing_ok=True)
    customers = invent_customers(random.Random(plan["seed"]))
    with servers.postgres() as database, servers.redis() as cache, tempfile.TemporaryDirectory() as scratch:
        rows_path, plan_path = Path(scratch) / "customers.json", Path(scratch) / "plan.json"
        rows_path.write_text(json.dumps([customer.seed_row() for customer in customers]), encoding="utf-8")
        plan_path.write_text(json.dumps(plan), encoding="utf-8")
        seed: list[str | Path] = [node(), build / "dist/bff/seed.js", build / "prisma/tables.sql", rows_path]
        subprocess.run(seed, env={**os.environ, "DATABASE_URL": database.dsn}, check=True)

        with stand_ins(build, plan_path) as addresses:
            port = servers.free_port()
            environment = {
                "PATH": os.environ["PATH"],
                "NODE_ENV": "production",
                "PORT": str(port),
                "DATABASE_URL": database.dsn,
                "REDIS_URL": cache.url,
                "WHMCS_API_URL": addresses["whmcs"],
                "FREEBIT_API_URL": addresses["freebit"],
                "SF_INSTANCE_URL": addresses["salesforce"],
                "SF_EVENTS_ENABLED": "true",
                **SECRETS,
            }
            if aligned:
                wait_for_alignment(plan)
            portal = f"http://{servers.HOST}:{port}"
            with bff(build, environment, log_path, portal):
                traffic = Traffic(portal, customers, JWT_SECRET, plan["seed"])
                times, served = asyncio.run(drive(plan, traffic, addresses["control"]))

    # The folder it was built in says something about the machine, and nothing about the incident.
    log = log_path.read_bytes().replace(os.fsencode(build), SHOWN_BUILD_FOLDER)
    log_path.write_bytes(log)
    with (out / "bff.log.gz").open("wb") as target, gzip.GzipFile("", "wb", 9, target, mtime=0) as packed:
        packed.write(log)
    facts = truth(plan, times, traffic.ledger, served)
    (out / "truth.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    preserve(out, facts["window"])


def preserve(out: Path, window: dict[str, str]) -> None:
    """Collect the log as a responder would, for the window of the truth."""
    with contextlib.chdir(out):  # the item then names the log, and no folder of this machine, as its origin
        collected = collect_logs(Evidence(Path("evidence")), [Path("bff.log.gz")], *(datetime.fromisoformat(window[end]) for end in ("since", "until")))
    for item in collected.items:
        print(f"preserved {item.id}: {item.size_bytes} bytes, sha256 {item.sha256}", flush=True)


def wait_for_alignment(plan: dict[str, Any]) -> None:
    """Sleep until the middle of the fault will fall on a multiple of five minutes, so that it touches two buckets."""
    to_middle_s = plan["healthy_s"] + plan["fault_s"] / 2
    wait_s = -(time.time() + to_middle_s) % BUCKET_S
    print(f"waiting {wait_s:.0f} s for the clock", flush=True)
    time.sleep(wait_s)


async def drive(plan: dict[str, Any], traffic: Traffic, control: str) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Run the traffic with the fault inside; answers the times of what was done, and the stand-ins' ledger."""
    async with httpx.AsyncClient(base_url=control, trust_env=False) as switch:
        await switch.post("/begin")
        times = {"since": time.time()}
        driving = asyncio.create_task(traffic.run(plan["healthy_s"] + plan["fault_s"] + plan["recovery_s"]))
        await asyncio.sleep(plan["healthy_s"])
        times["injected"] = time.time()
        await switch.post("/inject")
        print("fault injected", flush=True)
        await asyncio.sleep(plan["fault_s"])
        times["removed"] = time.time()
        await switch.post("/remove")
        print("fault removed", flush=True)
        await driving
        times["until"] = time.time()
        return times, (await switch.get("/ledger")).json()


def truth(plan: dict[str, Any], times: dict[str, float], ledger: list[Request], served: list[dict[str, Any]]) -> dict[str, Any]:
    """Affected is a request for which a stand-in served at least one call under the fault.

    So is one begun under the fault that got a 5xx: where nobody listens, no stand-in knows of the call.
    """
    under_fault = {call["requestId"] for call in served if call.get("phase")}

    def is_affected(request: Request) -> bool:
        begun_under_it = times["injected"] <= request.started < times["removed"]
        return request.id in under_fault or (begun_under_it and request.outcome.startswith("5"))

    affected = [request for request in ledger if is_affected(request)]
    by_phase = collections.Counter(f"{call['integration']}: {call['phase']}" for call in served if call.get("phase"))
    return {
        "fault": plan["fault"],
        "scenario": plan["scenario"],
        "also": plan["also"],
        "from": iso(min(request.started for request in affected)),
        "to": iso(max(request.ended for request in affected)),
        "suspect": plan["suspect"],
        "fault_injected": iso(times["injected"]),
        "fault_removed": iso(times["removed"]),
        "window": {"since": iso(times["since"]), "until": iso(times["until"])},
        "requests": len(ledger),
        "affected_requests": len(affected),
        "affected_outcomes": dict(sorted(collections.Counter(request.outcome for request in affected).items())),
        "calls_under_fault": dict(sorted(by_phase.items())),
        "outcomes_by_route": outcomes_by_route(ledger),
    }


def outcomes_by_route(ledger: list[Request]) -> dict[str, dict[str, int]]:
    routes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for request in ledger:
        routes[request.route][request.outcome] += 1
    return {route: dict(sorted(routes[route].items())) for route in sorted(routes)}


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- the processes ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def stand_ins(build: Path, plan_path: Path) -> Iterator[dict[str, str]]:
    """The outside systems; answers their addresses by name, and `control`."""
    command = servers.tied([node(), build / "dist/standins/main.js", plan_path], signal.SIGTERM)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        addresses: dict[str, str] = json.loads(process.stdout.readline())
        yield addresses
    finally:
        servers.end(process, signal.SIGTERM)


@contextlib.contextmanager
def bff(build: Path, environment: dict[str, str], log_path: Path, portal: str) -> Iterator[None]:
    """The BFF, writing both its streams to one log, as under a process manager with a single log file."""
    with log_path.open("ab") as log:
        command = servers.tied([node(), build / "dist/bff/main.js"], signal.SIGTERM)
        process = subprocess.Popen(command, cwd=build, env=environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while not answers(f"{portal}/health"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the BFF did not start; see {log_path}")
            time.sleep(0.2)
        yield
    finally:
        servers.end(process, signal.SIGTERM)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def node() -> Path:
    found = shutil.which("node")
    if found is None:
        raise SystemExit("node (20.19 or newer) is needed on PATH")
    return Path(found)


if __name__ == "__main__":
    main()
