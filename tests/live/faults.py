"""The faults that a live collection must survive, each with what must be said of it.

Each is a real server, or a real server behind a wire, made to fail. It is a function here with the words as its
decorator: `with FAULTS["redis_down"]() as place: ...`, where `place` says how the kit is led there. Faults of one kind
share one server where they can.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis
import servers
import wire

PASSWORD = "never-t0-be-shown"


@dataclass(frozen=True)
class Place:
    """How the kit is led to a fault: the environment, and the address of the health check."""

    environment: dict[str, str] = field(default_factory=dict)
    health_url: str = ""
    secret: str = PASSWORD


@dataclass(frozen=True)
class FaultCase:
    """A fault: what must be said of it, whose fault the answer then is, and how it is made."""

    words: tuple[str, ...]
    whose: str
    make: Callable[[], AbstractContextManager[Place]]


FAULTS: dict[str, FaultCase] = {}


def says(
    *words: str, whose: str = "system"
) -> Callable[[Callable[[], Iterator[Place]]], Callable[[], Iterator[Place]]]:
    """A decorator that puts a fault among FAULTS: these words must be said of it, and whose fault the answer is."""

    def enter(make: Callable[[], Iterator[Place]]) -> Callable[[], Iterator[Place]]:
        FAULTS[make.__name__] = FaultCase(words, whose, contextmanager(make))
        return make

    return enter


def at_redis(url: str) -> Place:
    return Place({"REDIS_URL": url})


def at_postgres(url: str) -> Place:
    return Place({"DATABASE_URL": url})


def at_health(port: int, scheme: str = "http") -> Place:
    return Place(health_url=f"{scheme}://127.0.0.1:{port}/health")


# --- Redis -------------------------------------------------------------------------------------------------------


@says("refuses the connection")
def redis_down() -> Iterator[Place]:
    yield at_redis(f"redis://127.0.0.1:{servers.free_port()}")


@says("ended the connection before it had answered")
def redis_refusing() -> Iterator[Place]:
    with wire.serving(lambda connection: None) as port:
        yield at_redis(f"redis://127.0.0.1:{port}")


@says("does not answer within 3 s: it is frozen")
def redis_frozen() -> Iterator[Place]:
    with servers.redis() as server:
        server.process.send_signal(signal.SIGSTOP)
        try:
            yield at_redis(server.url)
        finally:
            server.process.send_signal(signal.SIGCONT)


@says("asks for a password and the address has none", whose="credentials")
def redis_no_password() -> Iterator[Place]:
    with servers.redis(config=[f"requirepass {PASSWORD}"]) as server:
        yield at_redis(server.url)


@says("does not accept the name and password", whose="credentials")
def redis_wrong_password() -> Iterator[Place]:
    with servers.redis(config=["requirepass another"]) as server:
        yield at_redis(f"redis://:{PASSWORD}@127.0.0.1:{server.port}")


@says("this Redis asks for none", whose="credentials")
def redis_password_where_none_is_asked_for() -> Iterator[Place]:
    with servers.redis() as server:
        yield at_redis(f"redis://:{PASSWORD}@127.0.0.1:{server.port}")


@says("loading its data from disk")
def redis_loading() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        files = [f"dir {folder}", "dbfilename dump.rdb"]
        with servers.redis(config=files) as server, redis.Redis(port=server.port) as there:
            there.mset({f"key:{number}": "x" * 100 for number in range(8000)})
            there.save()
        slow = [
            "key-load-delay 3000",
            "loading-process-events-interval-bytes 1024",
        ]  # 24 s; it answers a client now and then
        with servers.redis(config=[*files, *slow]) as server:
            yield at_redis(server.url)


@says("out of memory and refuses writes")
def redis_out_of_memory() -> Iterator[Place]:
    with servers.redis(config=["maxmemory-policy noeviction"]) as server, redis.Redis(port=server.port) as there:
        there.mset({f"k:{number}": "x" * 1000 for number in range(3000)})
        there.config_set("maxmemory", "1mb")
        yield at_redis(server.url)


@says("reached its limit of clients")
def redis_too_many_clients() -> Iterator[Place]:
    with servers.redis(config=["maxclients 1"]) as server, redis.Redis(port=server.port) as there:
        there.ping()
        yield at_redis(server.url)


@says("this is a replica")
def redis_replica() -> Iterator[Place]:
    with servers.redis() as master, servers.redis(config=[f"replicaof 127.0.0.1 {master.port}"]) as server:
        yield at_redis(server.url)


@says("its link to the master is down")
def redis_replica_whose_master_is_gone() -> Iterator[Place]:
    with servers.redis(config=[f"replicaof 127.0.0.1 {servers.free_port()}"]) as server:
        yield at_redis(server.url)


@says("does not speak TLS", whose="network system")
def redis_tls_to_a_plain_port() -> Iterator[Place]:
    with servers.redis() as server:
        yield at_redis(f"rediss://127.0.0.1:{server.port}")


@says("ended the connection before it had answered")
def redis_cut_in_a_reply() -> Iterator[Place]:
    def half(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"$500\r\nonly the begin")

    with wire.serving(half) as port:
        yield at_redis(f"redis://127.0.0.1:{port}")


@says("no complete answer within", whose="ours")
def redis_slow_drip() -> Iterator[Place]:
    with servers.redis() as server, wire.proxy(server.port) as line:
        line.drip_s, line.freely = 0.05, 100
        yield at_redis(f"redis://127.0.0.1:{line.port}")


@says("does not speak Redis's protocol", whose="ours")
def redis_is_a_web_server() -> Iterator[Place]:
    with wire.serving(not_understanding) as port:
        yield at_redis(f"redis://127.0.0.1:{port}")


@says("the name no-such-host.invalid does not resolve", whose="network")
def redis_name_does_not_resolve() -> Iterator[Place]:
    yield at_redis("redis://no-such-host.invalid:6379")


@says("it sent more than 64 MiB for a question", whose="ours")
def redis_sends_without_end() -> Iterator[Place]:
    def flood(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"+OK\r\n")
        connection.recv(4096)
        connection.sendall(b"$2000000000\r\n")
        while True:
            connection.sendall(b"x" * (1 << 20))
            time.sleep(0.001)  # it shares this process with who reads it

    with wire.serving(flood) as port:
        yield at_redis(f"redis://127.0.0.1:{port}")


REFUSED_COMMANDS = ("INFO", "SLOWLOG", "CLIENT", "SCAN")


@says("the command INFO everything is not allowed here", whose="credentials")
def redis_commands_renamed() -> Iterator[Place]:
    with servers.redis(config=[f'rename-command {command} ""' for command in REFUSED_COMMANDS]) as server:
        yield at_redis(server.url)


@says("this is a Sentinel", whose="ours")
def redis_is_a_sentinel() -> Iterator[Place]:
    with (
        servers.redis() as master,
        servers.redis(config=[f"sentinel monitor portal-cache 127.0.0.1 {master.port} 1"], sentinel=True) as server,
    ):
        yield at_redis(server.url)


@says("one node of a cluster of 2 masters was asked", whose="ours")
def redis_is_one_node_of_a_cluster() -> Iterator[Place]:
    with servers.redis_cluster() as (node, _):
        yield at_redis(node.url)


@says("has no database of the number in the address", whose="ours")
def redis_database_out_of_range() -> Iterator[Place]:
    with servers.redis() as server:
        yield at_redis(f"{server.url}/4711")


@says("has lost its master")
def redis_replica_that_may_not_answer() -> Iterator[Place]:
    with servers.redis(config=[f"replicaof 127.0.0.1 {servers.free_port()}", "replica-serve-stale-data no"]) as server:
        yield at_redis(server.url)


@says("protected mode", whose="credentials")
def redis_in_protected_mode() -> Iterator[Place]:
    with wire.serving(
        lambda connection: connection.sendall(
            b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n"
        )
    ) as port:
        yield at_redis(f"redis://127.0.0.1:{port}")


@says("there is no socket", whose="network")
def redis_socket_is_not_there() -> Iterator[Place]:
    yield at_redis("unix:///no/such/redis.sock")


@says("did not accept the connection within 3 s", whose="network")
def redis_behind_a_firewall_that_drops() -> Iterator[Place]:
    with wire.deaf() as port:
        yield at_redis(f"redis://127.0.0.1:{port}")


def not_understanding(connection: socket.socket) -> None:
    """A web server's answer to what is no HTTP."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


# --- PostgreSQL --------------------------------------------------------------------------------------------------


def url_at(
    server: servers.PostgresServer, role: str, password: str = PASSWORD, database: str = "portal", port: int = 0
) -> str:
    """An address as Prisma writes it."""
    return f"postgresql://{role}:{password}@127.0.0.1:{port or server.port}/{database}?schema=public&connection_limit=7"


@contextmanager
def portal(bin_dir: Path | None = None, config: tuple[str, ...] = ()) -> Iterator[servers.PostgresServer]:
    """A server with a table, an application's role `app`, and a role `watcher` that has only pg_monitor."""
    with servers.postgres(config=["autovacuum = off", *config], bin_dir=bin_dir) as server:
        with psycopg.connect(server.dsn) as admin:
            admin.execute(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
            admin.execute(f"CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_monitor")
            admin.execute("CREATE TABLE orders (id int PRIMARY KEY, customer text)")
            admin.execute("INSERT INTO orders VALUES (1, 'yamada@example.jp'), (2, 'sato')")
            admin.execute("GRANT SELECT, UPDATE ON orders TO app")
        yield server


_shared = ExitStack()
_portals: list[servers.PostgresServer] = []


@contextmanager
def shared_portal() -> Iterator[servers.PostgresServer]:
    """The portal of all faults that leave their server as it was.

    The first of them starts it, `end_shared` ends it.
    """
    if not _portals:
        _portals.append(_shared.enter_context(portal()))
    yield _portals[0]


def end_shared() -> None:
    _portals.clear()
    _shared.close()


@says("the connection is refused")
def postgres_down() -> Iterator[Place]:
    yield at_postgres(f"postgresql://app:{PASSWORD}@127.0.0.1:{servers.free_port()}/portal")


@says("PostgreSQL runs, and accepts nothing yet")
def postgres_starting() -> Iterator[Place]:
    with servers.postgres(not_ready=True) as server:
        yield at_postgres(server.dsn)


@says("(the database system is shutting down)")
def postgres_shutting_down() -> Iterator[Place]:
    with servers.postgres() as server, psycopg.connect(server.dsn):
        server.process.send_signal(signal.SIGTERM)  # waits for its clients, and takes no new ones
        for _ in range(500):
            if "received smart shutdown request" in server.log():
                break
            time.sleep(0.02)
        yield at_postgres(server.dsn)


@says("PostgreSQL has no connection left, not even for this question")
def postgres_too_many_connections() -> Iterator[Place]:
    with portal(config=("max_connections = 5", "superuser_reserved_connections = 2")) as server, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(psycopg.connect(url_at(server, "app").partition("?")[0]))
        yield at_postgres(url_at(server, "watcher"))


@says("no connection is left for the application")
def postgres_only_reserved_connections_left() -> Iterator[Place]:
    with portal(config=("max_connections = 5", "superuser_reserved_connections = 2")) as server, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(psycopg.connect(url_at(server, "app").partition("?")[0]))
        yield at_postgres(server.dsn)


@says("does not accept the name and password", whose="credentials")
def postgres_wrong_password() -> Iterator[Place]:
    with shared_portal() as server:
        yield at_postgres(url_at(server, "app", f"{PASSWORD}-no"))


@says("has no database of the name in the address", whose="ours")
def postgres_unknown_database() -> Iterator[Place]:
    with shared_portal() as server:
        yield at_postgres(url_at(server, "app", database="nope"))


@says("was not ready after 3 s")
def postgres_frozen() -> Iterator[Place]:
    with shared_portal() as server:
        server.process.send_signal(signal.SIGSTOP)
        try:
            yield at_postgres(url_at(server, "watcher"))
        finally:
            server.process.send_signal(signal.SIGCONT)


@says("a lock holds up logins")
def postgres_lock_on_logins() -> Iterator[Place]:
    with shared_portal() as server, psycopg.connect(server.dsn) as admin:
        admin.execute("LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE")
        yield at_postgres(url_at(server, "watcher"))
        admin.rollback()


@says("grant it pg_monitor", whose="credentials")
def postgres_without_pg_monitor() -> Iterator[Place]:
    with shared_portal() as server:
        yield at_postgres(url_at(server, "app"))


@says("the role postgres is a SUPERUSER")
def postgres_as_superuser() -> Iterator[Place]:
    with shared_portal() as server:
        yield at_postgres(server.dsn)


@says(
    "no complete answer within", "the connection was not ready after", whose="ours system"
)  # where it runs dry depends on how busy this machine is
def postgres_slow_drip() -> Iterator[Place]:
    with shared_portal() as server, wire.proxy(server.port) as line:
        line.drip_s, line.freely = 0.05, 1500  # the login and the first answers come through
        yield at_postgres(url_at(server, "watcher", port=line.port))


@says("does not speak PostgreSQL's protocol", whose="ours")
def postgres_is_a_web_server() -> Iterator[Place]:
    with wire.serving(not_understanding) as port:
        yield at_postgres(f"postgresql://app@127.0.0.1:{port}/portal")


@says("the name no-such-host.invalid does not resolve", whose="network")
def postgres_name_does_not_resolve() -> Iterator[Place]:
    yield at_postgres("postgresql://app@no-such-host.invalid/portal")


@says("did not accept the connection within 3 s", whose="network")
def postgres_behind_a_firewall_that_drops() -> Iterator[Place]:
    with wire.deaf() as port:
        yield at_postgres(f"postgresql://app@127.0.0.1:{port}/portal")


@says("the address asks for TLS", whose="network")
def postgres_without_tls() -> Iterator[Place]:
    with shared_portal() as server:
        yield at_postgres(f"{url_at(server, 'watcher')}&sslmode=no-verify")


@says("there is no such socket", whose="network")
def postgres_socket_is_not_there() -> Iterator[Place]:
    yield at_postgres(f"postgresql://app:{PASSWORD}@%2Fno%2Fsuch/portal")


@says("of a Prisma service", whose="ours")
def postgres_of_a_prisma_service() -> Iterator[Place]:
    yield at_postgres(f"prisma+postgres://db.example/?api_key={PASSWORD}")


@contextmanager
def pooled(config: tuple[str, ...] = (), database: str = "", password: str = PASSWORD) -> Iterator[servers.Pooler]:
    """PgBouncer before the shared portal."""
    with (
        shared_portal() as server,
        servers.pgbouncer(server, {"watcher": password, "app": password}, config=config, database=database) as pooler,
    ):
        yield pooler


def pooled_at(pooler: servers.Pooler, role: str = "watcher", password: str = PASSWORD, database: str = "portal") -> str:
    return f"postgresql://{role}:{password}@127.0.0.1:{pooler.port}/{database}?pgbouncer=true"


@says("the pooler has reached its limit of clients")
def pgbouncer_has_no_connection_left() -> Iterator[Place]:
    with pooled(("max_client_conn = 1",)) as pooler, psycopg.connect(pooled_at(pooler, "app").partition("?")[0]):
        yield at_postgres(pooled_at(pooler))


@says("had no connection to PostgreSQL free for this question in time")
def pgbouncer_gives_nothing_in_time() -> Iterator[Place]:
    with (
        pooled(("default_pool_size = 1", "query_wait_timeout = 1")) as pooler,
        psycopg.connect(pooled_at(pooler).partition("?")[0]) as only_connection,
    ):
        only_connection.execute("SELECT 1")
        yield at_postgres(pooled_at(pooler))


@says("was not ready after 3 s", "cannot sign in to PostgreSQL behind it")  # by which attempt of its own this is
def pgbouncer_before_a_postgres_that_is_down() -> Iterator[Place]:
    with pooled(database=f"host=127.0.0.1 port={servers.free_port()} dbname=portal") as pooler:
        yield at_postgres(pooled_at(pooler))


@says("does not accept the name and password", whose="credentials")
def pgbouncer_wrong_password() -> Iterator[Place]:
    with pooled() as pooler:
        yield at_postgres(pooled_at(pooler, password=f"{PASSWORD}-no"))


@says("has no database of the name in the address", whose="ours")
def pgbouncer_unknown_database() -> Iterator[Place]:
    with pooled() as pooler:
        yield at_postgres(pooled_at(pooler, database="nope"))


@says("PgBouncer's own console", whose="ours")
def pgbouncer_console() -> Iterator[Place]:
    with pooled() as pooler:
        yield at_postgres(pooled_at(pooler, database="pgbouncer"))


@says("PgBouncer's own console", whose="ours")
def pgbouncer_console_of_others() -> Iterator[Place]:
    with pooled() as pooler:
        yield at_postgres(pooled_at(pooler, "app", database="pgbouncer"))


@says("hands each statement to another session", whose="ours")
def pgbouncer_by_statements() -> Iterator[Place]:
    with pooled(("pool_mode = statement",)) as pooler:
        yield at_postgres(pooled_at(pooler))


# --- HTTP --------------------------------------------------------------------------------------------------------

JSON = "Content-Type: application/json"


@contextmanager
def health(behave: Callable[[socket.socket], None]) -> Iterator[Place]:
    with wire.serving(behave) as port:
        yield at_health(port)


@says("refuses the connection")
def health_refused() -> Iterator[Place]:
    yield at_health(servers.free_port())


@says("sent nothing for 5 s", "no complete answer within", whose="system ours")  # the second on a busy machine
def health_silent() -> Iterator[Place]:
    with health(wire.silent) as place:
        yield place


@says("no complete answer within", whose="ours")
def health_slow_drip_of_headers() -> Iterator[Place]:
    with health(wire.dripping(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 5000)) as place:
        yield place


@says("no complete answer within")
def health_slow_drip_of_the_body() -> Iterator[Place]:
    with health(wire.dripping_body) as place:
        yield place


@says("the BFF says: cache is down")
def health_503_with_a_body() -> Iterator[Place]:
    body = json.dumps({"status": "error", "checks": {"database": "ok", "cache": "fail"}}).encode()
    with health(wire.http("503 Service Unavailable", body, JSON)) as place:
        yield place


@says("the answer is an HTML page")
def health_html() -> Iterator[Place]:
    with health(wire.http("200 OK", b"<!DOCTYPE html><title>Portal</title>", "Content-Type: text/html")) as place:
        yield place


@says("JSON that breaks off")
def health_cut_json() -> Iterator[Place]:
    with health(wire.http("200 OK", b'{"status": "ok", "checks": {"cac', JSON)) as place:
        yield place


@says("the connection ended before it was complete")
def health_cut_in_the_body() -> Iterator[Place]:
    def half(connection: socket.socket) -> None:
        wire.request_of(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status": "ok"')

    with health(half) as place:
        yield place


@says("larger than 1,048,576 bytes")
def health_100_megabytes() -> Iterator[Place]:
    def flood(connection: socket.socket) -> None:
        wire.request_of(connection)
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {100 << 20}\r\n\r\n".encode())
        for _ in range(100):
            connection.sendall(b" " * (1 << 20))

    with health(flood) as place:
        yield place


@says("redirects again and again", whose="system")
def health_redirect_loop() -> Iterator[Place]:
    with health(wire.http("302 Found", b"", "Location: /health")) as place:
        yield place


@says("is not accepted: self-signed certificate", whose="network")
def health_bad_certificate() -> Iterator[Place]:
    if not shutil.which("openssl"):
        raise servers.ServerUnavailable("no openssl to make a certificate with")
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder) / "key.pem", Path(folder) / "certificate.pem"
        subject = [
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-days",
            "1",
            "-keyout",
            key,
            "-out",
            certificate,
        ]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, capture_output=True
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def behave(connection: socket.socket) -> None:
            context.wrap_socket(connection, server_side=True)

        with wire.serving(behave) as port:
            yield at_health(port, "https")


@says("does not speak TLS", whose="network")
def health_tls_to_a_plain_port() -> Iterator[Place]:
    with wire.serving(not_understanding) as port:
        yield at_health(port, "https")


@says("does not answer in HTTP")
def health_is_no_web_server() -> Iterator[Place]:
    def behave(connection: socket.socket) -> None:
        wire.request_of(connection)
        connection.sendall(b"-ERR unknown command\r\n")

    with health(behave) as place:
        yield place


@says("the name no-such-host.invalid does not resolve", whose="network")
def health_name_does_not_resolve() -> Iterator[Place]:
    yield Place(health_url="http://no-such-host.invalid/health")


@says("Cloudflare answered in its place (status 522)")
def whmcs_behind_a_page() -> Iterator[Place]:
    page = b"<!DOCTYPE html><title>portal.example | 522: Connection timed out</title>"
    with wire.serving(
        wire.http("522 Origin Connection Time-out", page, "Content-Type: text/html", "cf-ray: 8f")
    ) as port:
        yield Place(
            {
                "WHMCS_API_URL": f"http://127.0.0.1:{port}/includes/api.php",
                "WHMCS_API_IDENTIFIER": "nobody",
                "WHMCS_API_SECRET": PASSWORD,
            }
        )


@says("WHMCS is there and refuses: the secret is wrong or missing", whose="credentials")
def whmcs_wrong_secret() -> Iterator[Place]:
    body = json.dumps({"result": "error", "message": "Authentication Failed"}).encode()
    with wire.serving(wire.http("200 OK", body, JSON)) as port:
        yield Place(
            {
                "WHMCS_API_URL": f"http://127.0.0.1:{port}/includes/api.php",
                "WHMCS_API_IDENTIFIER": "nobody",
                "WHMCS_API_SECRET": PASSWORD,
            }
        )


@contextmanager
def whmcs(status: str, body: bytes, *headers: str, credentials: bool = True) -> Iterator[Place]:
    with wire.serving(wire.http(status, body, *headers)) as port:
        access = {"WHMCS_API_IDENTIFIER": "nobody", "WHMCS_API_SECRET": PASSWORD} if credentials else {}
        yield Place({"WHMCS_API_URL": f"http://127.0.0.1:{port}/includes/api.php", **access})


@says("Cloudflare answered in its place (status 403)", whose="credentials")
def whmcs_keeps_us_out() -> Iterator[Place]:
    with whmcs("403 Forbidden", b"<title>Just a moment...</title>", "cf-ray: 8f") as place:
        yield place


@says("there is no API at this address (status 404)", whose="ours")
def whmcs_at_another_path() -> Iterator[Place]:
    with whmcs("404 Not Found", b"<title>Not found</title>") as place:
        yield place


@says("it redirects (status 301)", whose="ours")
def whmcs_elsewhere() -> Iterator[Place]:
    with whmcs("301 Moved Permanently", b"", "Location: https://billing.example/") as place:
        yield place


@says("what answered (status 502) did not answer as WHMCS does")
def whmcs_behind_a_gateway_that_finds_nothing() -> Iterator[Place]:
    with whmcs("502 Bad Gateway", b"<title>502</title>") as place:
        yield place


@says("this machine's address is not on its list", whose="credentials")
def whmcs_does_not_know_this_machine() -> Iterator[Place]:
    with whmcs("200 OK", json.dumps({"result": "error", "message": "Invalid IP 192.0.2.7"}).encode(), JSON) as place:
        yield place


@says("whether it lets the BFF in was not asked", whose="credentials")
def whmcs_without_credentials() -> Iterator[Place]:
    with whmcs(
        "200 OK", json.dumps({"result": "error", "message": "Authentication Failed"}).encode(), JSON, credentials=False
    ) as place:
        yield place


@says("is not an http:// or https:// address", whose="ours")
def whmcs_address_is_none() -> Iterator[Place]:
    yield Place({"WHMCS_API_URL": "billing.example"})


@says("did not accept the connection within 3 s", whose="network")
def health_behind_a_firewall_that_drops() -> Iterator[Place]:
    with wire.deaf() as port:
        yield at_health(port)
