"""Records an incident of the miniature portal: `python tests/portal/record.py redis_gone`.

Everything runs for real, on a machine of its own (see `machine`): Redis, PostgreSQL, the BFF, the stand-ins for the
outside systems, the customers. The folder gets:

logs/       all that the BFF wrote
evidence/   what `incident-kit` collects: answers of the live systems during the fault, and the packed logs
truth.json  what was done, and what the customers and the stand-ins saw of it; nothing in it was read from the log
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
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import faults
import machine
import servers
from build import HERE, Build, built
from collecting import collect_logs
from traffic import Request, Traffic, invent_customers

from incident_kit.config.settings import Configuration
from incident_kit.evidence.store import Evidence
from incident_kit.live.ask import ask_live

BUCKET_S = 300
SLOW_S = 4.0
FIRST_PORT, NEXT_PORT = 4000, 4001
ENV_FILE = machine.HOME / ".env"
ENV_FILE_AGE_S = 3 * 86_400

ROLES = {"portal": "", "reporting": "IN ROLE pg_read_all_data", "incident_kit": "IN ROLE pg_monitor"}

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
    parser.add_argument("--out", type=Path, help="a new folder [recordings/PLAN beside this file]")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="shorten all times; not aligned to the clock then [1.0]"
    )
    parser.add_argument("--within", nargs=2, type=Path, metavar=("NODE_MODULES", "DIST"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    out = (arguments.out or HERE / "recordings" / arguments.plan).absolute()
    if arguments.within is None:
        plan = read_plan(arguments.plan)
        if out.exists():
            raise SystemExit(
                f"{out} exists already, and evidence is only ever added to. Give another folder with --out."
            )
        build = built()
        (out / "logs").mkdir(parents=True)
        within = ["--within", str(build.node_modules), str(build.dist)]
        machine.enter([__file__, arguments.plan, "--out", str(out), "--scale", str(arguments.scale), *within])
    build = Build(*arguments.within)
    machine.furnish(build.node_modules, build.dist, out / "logs")
    plan = scaled(read_plan(arguments.plan), arguments.scale)
    record(plan, out, aligned=arguments.scale == 1.0)


def read_plan(name: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads((HERE / "plans" / f"{name}.json").read_text(encoding="utf-8"))
    return plan


def scaled(plan: dict[str, Any], factor: float) -> dict[str, Any]:
    """The plan with every point in time multiplied; how slow an answer is stays."""

    def scale(value: Any, is_time: bool = False) -> Any:
        if isinstance(value, list):
            return [scale(item, is_time) for item in value]
        if isinstance(value, dict):
            return {key: scale(item, key.endswith("_s") and not key.endswith("_per_s")) for key, item in value.items()}
        return value * factor if is_time else value

    result: dict[str, Any] = scale(plan)
    return result


def record(plan: dict[str, Any], out: Path, aligned: bool) -> None:
    customers = invent_customers(random.Random(plan["seed"]))
    with (
        servers.postgres(config=["max_connections = 25"]) as database,
        servers.redis(config=["maxmemory 16mb", "maxmemory-policy noeviction"]) as cache,
        tempfile.TemporaryDirectory() as scratch,
    ):
        make_roles(database)
        rows_path, plan_path = Path(scratch) / "customers.json", Path(scratch) / "plan.json"
        rows_path.write_text(json.dumps([customer.seed_row() for customer in customers]), encoding="utf-8")
        plan_path.write_text(json.dumps(plan), encoding="utf-8")
        seed: list[str | Path] = [node(), "dist/bff/seed.js", HERE / "prisma/tables.sql", rows_path]
        subprocess.run(
            seed, cwd=machine.HOME, env={**os.environ, "DATABASE_URL": address_as(database, "portal")}, check=True
        )

        with stand_ins(plan_path) as addresses, contextlib.ExitStack() as afterwards:
            settings = {
                "NODE_ENV": "production",
                "PORT": str(FIRST_PORT),
                "LOGGER": plan["logger"],
                "LOG_FOLDER": str(machine.LOGS),
                "DATABASE_URL": address_as(database, "portal"),
                "DATABASE_CONNECTION_LIMIT": "10",
                "REDIS_URL": cache.url,
                "WHMCS_API_URL": f"{addresses['whmcs']}/includes/api.php",
                "FREEBIT_API_URL": addresses["freebit"],
                "SF_INSTANCE_URL": addresses["salesforce"],
                "SF_EVENTS_ENABLED": "true",
                "AUTH_BLACKLIST_FAIL_CLOSED": "true",
                **SECRETS,
                **plan.get("settings", {}),
            }
            ENV_FILE.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
            os.utime(ENV_FILE, (time.time() - ENV_FILE_AGE_S,) * 2)
            os.environ["DATABASE_URL"] = address_as(database, "incident_kit")
            if aligned:
                wait_for_alignment(plan)
            bffs = Bffs(settings)
            try:
                traffic = Traffic(bffs.start(), customers, JWT_SECRET, plan["seed"], plan["requests_per_s"])
                portal = faults.Portal(
                    cache,
                    database,
                    lambda role: address_as(database, role),
                    traffic,
                    bffs.start_next,
                    bffs.end_first,
                    afterwards,
                )
                times, served, asked_at = asyncio.run(
                    drive(plan, portal, bffs, Evidence(out / "evidence"), addresses["control"])
                )
            finally:
                bffs.end()

    summary = truth(plan, times, traffic.ledger, served, asked_at)
    (out / "truth.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    preserve(Evidence(out / "evidence"), summary["window"])


def preserve(evidence: Evidence, window: dict[str, str]) -> None:
    """Collect the logs as a responder would, packed as after their rotation, for the window of the truth."""
    packed = [pack(log) for log in sorted(machine.LOGS.glob("*.log"))]
    collected = collect_logs(evidence, packed, *(datetime.fromisoformat(window[end]) for end in ("since", "until")))
    for item in collected.items:
        print(f"preserved {item.origin}: {item.size_bytes} bytes, sha256 {item.sha256}", flush=True)


def pack(log: Path) -> Path:
    """The log as .gz beside it; the same log gives the same bytes."""
    packed = log.with_name(f"{log.name}.gz")
    with packed.open("wb") as target, gzip.GzipFile("", "wb", 9, target, mtime=0) as compressor:
        compressor.write(log.read_bytes())
    return packed


def make_roles(database: servers.PostgresServer) -> None:
    with psycopg.connect(database.dsn) as admin:
        for role, may in ROLES.items():
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}-of-nobody' {may}")
        admin.execute("GRANT CREATE ON SCHEMA public TO portal")


def address_as(database: servers.PostgresServer, role: str) -> str:
    return f"postgresql://{role}:{role}-of-nobody@{servers.HOST}:{database.port}/portal"


def wait_for_alignment(plan: dict[str, Any]) -> None:
    """Sleep until the middle of the fault will fall on a multiple of five minutes, so that it touches two buckets."""
    to_middle_s = plan["healthy_s"] + plan["fault_s"] / 2
    wait_s = -(time.time() + to_middle_s) % BUCKET_S
    print(f"waiting {wait_s:.0f} s for the clock", flush=True)
    time.sleep(wait_s)


async def drive(
    plan: dict[str, Any], portal: faults.Portal, bffs: Bffs, evidence: Evidence, control: str
) -> tuple[dict[str, float], list[dict[str, Any]], list[float]]:
    """Run the traffic with the fault inside.

    Returns the times of what was done, the stand-ins' ledger, and when the live systems were asked.
    """
    asked_at: list[float] = []

    async def ask(after_s: float) -> None:
        await asyncio.sleep(after_s)
        asked_at.append(time.time())
        configuration = Configuration(health_url=f"{bffs.address}/health", process="node.*bff")
        await asyncio.to_thread(
            ask_live, evidence, configuration, ENV_FILE, on_answer=lambda answer: print(answer.sentence(), flush=True)
        )

    act = faults.ACTS[plan["act"]](portal) if "act" in plan else contextlib.nullcontext()
    async with httpx.AsyncClient(base_url=control, trust_env=False) as switch:
        await switch.post("/begin")
        # The first customers all sign in at once, and Node has yet to compile: an ordinary day begins after that.
        times = {"since": time.time() + plan["warm_up_s"]}
        driving = asyncio.create_task(portal.traffic.run(plan["healthy_s"] + plan["fault_s"] + plan["recovery_s"]))
        questions = [asyncio.create_task(ask(plan["healthy_s"] + after_s)) for after_s in plan["ask_at_s"]]
        await asyncio.sleep(plan["healthy_s"])
        times["injected"] = time.time()
        await switch.post("/inject")
        async with act:
            print("fault injected", flush=True)
            await asyncio.sleep(times["injected"] + plan["fault_s"] - time.time())
            await switch.post("/remove")
        times["removed"] = time.time()
        print("fault removed", flush=True)
        await asyncio.gather(driving, *questions)
        times["until"] = time.time()
        return times, (await switch.get("/ledger")).json(), asked_at


def truth(
    plan: dict[str, Any],
    times: dict[str, float],
    ledger: list[Request],
    served: list[dict[str, Any]],
    asked_at: list[float],
) -> dict[str, Any]:
    """What was done, and whom it affected.

    Affected is a request for which a stand-in served at least one call under the fault, and an attacker's. So is one
    under way during the fault that got a 5xx or took longer than SLOW_S: of what happens within, no stand-in knows.
    """
    window = {"since": iso(times["since"]), "until": iso(times["until"])}
    of_plan = {name: plan[name] for name in ("fault", "scenario", "also", "suspect", "logger")}
    live = {"asked": [iso(seconds) for seconds in asked_at], "window": window, "requests": len(ledger)}
    if plan["scenario"] is None:
        deployed = {"deployed": iso(times["injected"])} if plan.get("act") == "deploy" else {}
        return {**of_plan, "from": None, "to": None, **deployed, **live, "outcomes_by_route": outcomes_by_route(ledger)}

    under_fault = {call.get("requestId") for call in served if call.get("phase")}
    is_attack = any(request.hostile for request in ledger)

    def is_affected(request: Request) -> bool:
        if is_attack:
            return request.hostile
        under_way = request.started < times["removed"] and request.ended > times["injected"]
        bad = request.outcome.startswith("5") or (
            request.ended - request.started > SLOW_S and request.route != "GET /api/events"
        )
        return request.id in under_fault or (under_way and bad)

    affected = [request for request in ledger if is_affected(request)]
    ended = max(request.ended for request in affected)
    if any(call["outcome"] == "silent" for call in served):
        ended = max(ended, times["removed"])  # until then their orders waited
    by_phase = collections.Counter(f"{call['integration']}: {call['phase']}" for call in served if call.get("phase"))
    return {
        **of_plan,
        "from": iso(min(request.started for request in affected)),
        "to": iso(ended),
        "fault_injected": iso(times["injected"]),
        "fault_removed": iso(times["removed"]),
        **live,
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
def stand_ins(plan_path: Path) -> Iterator[dict[str, str]]:
    """The outside systems; answers their addresses by name, and `control`."""
    command = servers.tied([node(), "dist/standins/main.js", plan_path], signal.SIGTERM)
    process = subprocess.Popen(command, cwd=machine.HOME, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        addresses: dict[str, str] = json.loads(process.stdout.readline())
        yield addresses
    finally:
        servers.end(process, signal.SIGTERM)


class Bffs:
    """The BFF, and where a plan deploys a newer one, both.

    They write to one folder of logs, as under a process manager.
    """

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings
        self._running: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def start(self, port: int = FIRST_PORT, **changed: str) -> str:
        """Start one, wait until it is well, and answer its address."""
        environment = {"PATH": os.environ["PATH"], "TZ": "UTC", **self._settings, **changed, "PORT": str(port)}
        # winston writes its files itself, and what else is printed goes where nobody looks.
        console = machine.LOGS / "combined.log" if self._settings["LOGGER"] != "winston" else Path(os.devnull)
        with console.open("ab") as log:
            process = subprocess.Popen(
                servers.tied([node(), "dist/bff/main.js"], signal.SIGTERM),
                cwd=machine.HOME,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._running.append(process)
        self.address = f"http://{servers.HOST}:{port}"
        until = time.monotonic() + 30
        while not answers(f"{self.address}/health"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the BFF did not start; see its log")
            time.sleep(0.2)
        return self.address

    def start_next(self) -> str:
        return self.start(NEXT_PORT, PORTAL_VERSION="1.1.0")

    def end_first(self) -> None:
        """Tell the first one to end, without waiting for it."""
        self._running[0].send_signal(signal.SIGTERM)

    def end(self) -> None:
        for process in self._running:
            servers.end(process, signal.SIGTERM)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def node() -> Path:
    path = shutil.which("node")
    if path is None:
        raise SystemExit("node (20.19 or newer) is needed on PATH")
    return Path(path)


if __name__ == "__main__":
    main()
