"""What can go wrong with the portal's own servers, and around it: each a context, in which it is so.

A plan names one of these as `act`. Faults of the outside systems are phases in the plan: see `standins/faults.ts`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import psycopg
import redis
import servers
from traffic import Traffic

SMALL_BYTES = 16


@dataclass(frozen=True)
class Portal:
    """What a fault may lay hands on.

    `address_as` gives PostgreSQL's address for a role. `start_next` starts a newer BFF beside the running one and gives
    its address. `afterwards` is left when the BFF has ended.
    """

    cache: servers.RedisServer
    database: servers.PostgresServer
    address_as: Callable[[str], str]
    traffic: Traffic
    start_next: Callable[[], str]
    stop_first: Callable[[], None]
    afterwards: contextlib.ExitStack


@contextlib.asynccontextmanager
async def redis_out_of_memory(portal: Portal) -> AsyncIterator[None]:
    """An export keeps its rows in Redis for good, and nothing may be evicted. Then somebody deletes them."""
    ended = threading.Event()

    def export() -> None:
        with redis.Redis(port=portal.cache.port, client_name="export-worker") as there:
            rows, size = 0, 50_000
            while not ended.is_set():
                try:
                    there.set(f"export:rows:{rows}", "x" * size)
                    rows += 1
                except redis.OutOfMemoryError:
                    # A refused command counts with its own size: what is left by the large ones is for the small ones.
                    if size == SMALL_BYTES:
                        ended.wait(0.1)
                    size = max(SMALL_BYTES, size // 2)
            for row in range(rows):
                there.unlink(f"export:rows:{row}")

    async with _in_thread(export, ended):
        yield


@contextlib.asynccontextmanager
async def redis_gone(portal: Portal) -> AsyncIterator[None]:
    """Redis is killed, and started again with nothing in it: it keeps nothing on disk."""
    cache = portal.cache
    cache.process.kill()
    cache.process.wait()
    yield
    command = [cache.binary, cache.log_path.parent / "redis.conf", "--port", str(cache.port)]
    with cache.log_path.open("ab") as log:
        again = subprocess.Popen(
            servers.tied(command, signal.SIGTERM), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    portal.afterwards.callback(servers.end, again, signal.SIGTERM)


@contextlib.asynccontextmanager
async def database_connections(portal: Portal) -> AsyncIterator[None]:
    """A report opens connection after connection, takes each that becomes free, and closes none. Somebody ends it."""
    ended = threading.Event()
    held: list[psycopg.Connection[tuple[object, ...]]] = []

    def report() -> None:
        while not ended.is_set():
            try:
                connection = psycopg.connect(portal.address_as("reporting"), application_name="monthly-report")
                connection.execute("SELECT count(*) FROM orders")
                held.append(connection)
            except psycopg.OperationalError:
                ended.wait(0.2)
        for connection in held:
            connection.close()

    async with _in_thread(report, ended):
        yield


@contextlib.asynccontextmanager
async def blocking_chain(portal: Portal) -> AsyncIterator[None]:
    """Somebody corrects an order by hand and is called away before the commit.

    A migration waits for that, and every query of orders for the migration.
    """
    address = portal.address_as("portal")
    with psycopg.connect(address, application_name="psql") as by_hand:
        by_hand.execute("UPDATE orders SET status = 'Cancelled' WHERE id = (SELECT min(id) FROM orders)")

        def migrate() -> None:
            with psycopg.connect(address, application_name="migration") as migration:
                migration.execute("ALTER TABLE orders ADD COLUMN note text")

        migrating = asyncio.create_task(asyncio.to_thread(migrate))
        yield
        by_hand.rollback()
    await migrating


@contextlib.asynccontextmanager
async def credential_stuffing(portal: Portal) -> AsyncIterator[None]:
    """Somebody tries passwords that were stolen elsewhere, and one of them fits."""
    attack = asyncio.create_task(portal.traffic.stuff_credentials())
    yield
    attack.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await attack


@contextlib.asynccontextmanager
async def deploy(portal: Portal) -> AsyncIterator[None]:
    """No fault: a new version is started beside the old one, gets the customers, and the old one is ended."""
    portal.traffic.move_to(portal.start_next())
    await asyncio.sleep(5)
    portal.stop_first()
    yield


@contextlib.asynccontextmanager
async def _in_thread(work: Callable[[], None], ended: threading.Event) -> AsyncIterator[None]:
    """`work` runs until it sees that it is `ended`."""
    working = asyncio.create_task(asyncio.to_thread(work))
    try:
        yield
    finally:
        ended.set()
        await working


ACTS: dict[str, Callable[[Portal], AbstractAsyncContextManager[None]]] = {
    act.__name__: act
    for act in (redis_out_of_memory, redis_gone, database_connections, blocking_chain, credential_stuffing, deploy)
}
