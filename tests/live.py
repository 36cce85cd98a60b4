"""A live collection against embedded servers: `python3 run.py live`.

It is of a portal whose cache is full and whose orders wait for a lock. It starts a PostgreSQL, a Redis and a health
check of its own, asks them as `report --live` does, and ends them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import redis
import servers
import wire

from tests.command import COMMAND

SICK = json.dumps({"status": "error", "checks": {"database": "ok", "cache": "fail"}}).encode()


def main() -> int:
    with ExitStack() as stack:
        cache = stack.enter_context(servers.redis(config=["maxmemory-policy noeviction"]))
        database = stack.enter_context(servers.postgres())
        health = stack.enter_context(
            wire.serving(wire.http("503 Service Unavailable", SICK, "Content-Type: application/json"))
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="incident-kit-")))
        fill(cache)
        hold_up(database, stack)
        settings = folder / "bff.env"
        settings.write_text(
            f"REDIS_URL={cache.url}\nDATABASE_URL={watcher(database)}\n"
            "SF_EVENTS_ENABLED=true\nAUTH_BLACKLIST_FAIL_CLOSED=false\n",
            encoding="utf-8",
        )
        (folder / "incident-kit.toml").write_text(
            f'health_url = "http://127.0.0.1:{health}/health"\nprocess = ""\n', encoding="utf-8"
        )
        (folder / "combined.log").write_text("".join(request(number) for number in range(60)), encoding="utf-8")
        environment = {**os.environ, "INCIDENT_KIT_CONFIG": str(folder / "incident-kit.toml")}
        for name in ("REDIS_URL", "DATABASE_URL", "WHMCS_API_URL"):
            environment.pop(name, None)
        reports = Path(os.environ.get("INCIDENT_KIT_REPORTS") or "reports").absolute()
        command = [
            str(COMMAND),
            "report",
            "high_error_rate",
            "live",
            "--live",
            "--env-file",
            str(settings),
            "-l",
            str(folder / "combined.log"),
        ]
        return subprocess.run([*command, "--reports", str(reports)], env=environment, check=False).returncode


def fill(cache: servers.RedisServer) -> None:
    with redis.Redis(port=cache.port) as there:
        there.mset({f"session:{number:x}": "x" * 1000 for number in range(3000)})
        there.set("sf:pe:replay:/event/OrderProvisionRequested__e", "5208114")
        there.rpush("bull:provisioning:wait", *range(12))
        there.config_set("maxmemory", "2mb")


def watcher(database: servers.PostgresServer) -> str:
    """The address of a role that has pg_monitor and nothing else."""
    with psycopg.connect(database.dsn) as admin:
        admin.execute("CREATE ROLE watcher LOGIN PASSWORD 'of-nobody' IN ROLE pg_monitor")
    return f"postgresql://watcher:of-nobody@127.0.0.1:{database.port}/portal?connection_limit=10"


def hold_up(database: servers.PostgresServer, stack: ExitStack) -> None:
    """One session that changed an order and went away in thought, and two that wait for it."""
    sessions = [
        stack.enter_context(psycopg.connect(database.dsn, application_name=f"bff-{number}")) for number in range(3)
    ]
    sessions[0].execute("CREATE TABLE orders (id int PRIMARY KEY, status text)")
    sessions[0].execute("INSERT INTO orders VALUES (1, 'Pending Review')")
    sessions[0].commit()
    sessions[0].execute("UPDATE orders SET status = 'Activated' WHERE id = 1")

    def wait(session: psycopg.Connection[tuple[object, ...]]) -> None:
        session.execute("UPDATE orders SET status = 'Cancelled' WHERE id = 1")
        session.rollback()

    waiting = [threading.Thread(target=wait, args=(session,), daemon=True) for session in sessions[1:]]
    for thread in waiting:
        thread.start()
        stack.callback(thread.join, 5)
    stack.callback(sessions[0].rollback)
    time.sleep(1.2)  # so that the statements count as long running


def request(number: int) -> str:
    at_ms = int((time.time() - 60 + number) * 1000)
    line = {
        "level": 30,
        "time": at_ms,
        "pid": 7,
        "hostname": "vm",
        "req": {"id": f"r{number}", "method": "POST", "url": "/api/orders", "headers": {}},
        "res": {"statusCode": 500},
        "responseTime": 5003,
        "msg": "request errored",
    }
    return json.dumps(line) + "\n"


if __name__ == "__main__":
    sys.exit(main())
