"""Redis: is it there, what does it say of itself, what lives in it, and where do the event subscriptions stand?

Commands and their effects: https://redis.io/docs/latest/commands/. SCAN, TYPE, PTTL and OBJECT leave a key's idle time alone; GET resets it,
so the idle time is read first, and from Redis 7.2 on NO-TOUCH keeps it as it is. KEYS and MONITOR, which burden the server, are not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import median
from time import monotonic, perf_counter
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import redis
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from incident_kit.diagnostics import network
from incident_kit.diagnostics.conversation import Conversation, NoAnswer, Note, Reply
from incident_kit.model.answer import Answer, Fault, ServerClock
from incident_kit.model.times import iso

# Everything that may be sent, as the ledger begins its lines. AUTH, SELECT and CLIENT concern this connection alone.
COMMANDS = (
    "AUTH", "SELECT", "CLIENT SETNAME", "CLIENT NO-TOUCH", "PING", "TIME", "INFO", "SLOWLOG GET", "SLOWLOG LEN", "CLIENT LIST", "LATENCY LATEST",
    "ROLE", "CLUSTER INFO", "DBSIZE", "SCAN", "TYPE", "PTTL", "OBJECT IDLETIME", "MEMORY USAGE", "GET", "LLEN", "ZCARD",
)  # fmt: skip

NAME = "incident_kit"
CONNECT_S, REPLY_S = 3.0, 3.0
PINGS = 10
SLOW_COMMANDS = 32
MOST_CLIENTS = 100  # shown one by one; all are counted
SCAN_COUNT = 500  # keys looked at in one step: well below a millisecond of the server's time
SCAN_S = 4.0
MOST_GROUPS = 100
MOST_REPLAY_KEYS = 100
MOST_VALUE_BYTES = 1024
SHARED_BELOW = 10_000
MOST_QUEUES = 50
# The states of a job in BullMQ by the type of their key. https://docs.bullmq.io/guide/jobs/
LISTS, SORTED = ("wait", "paused", "active"), ("prioritized", "delayed", "waiting-children", "failed", "completed")
REPLAY_PREFIX, QUEUE_PREFIX = "sf:pe:replay:", "bull:"
# A replay position as CometD (a whole number) and the Pub/Sub API (bytes in base64) give it. Anything else is not shown.
POSITION = re.compile(r"-?\d{1,20}|[A-Za-z0-9+/_-]{4,44}={0,2}")
QUEUE_KEY = re.compile(rf"bull:(?P<name>[A-Za-z][\w.-]{{0,63}}):(?P<state>{'|'.join((*LISTS, *SORTED))})", re.ASCII)
WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")


def ask(url: str, talk: Conversation) -> Iterator[Answer]:
    """The answers of the Redis at this address."""
    with ExitStack() as stack:
        line = Line(url, talk, stack)
        yield talk.answer("ping", "Does it answer, and what time has it?", lambda: ping(line))
        for name, asked, question in QUESTIONS:
            if talk.closed or line.is_sentinel:
                return
            yield talk.answer(name, asked, partial(allowed, question, line))


def allowed(question: Callable[[Line], Reply], line: Line) -> Reply:
    """The reply, or what kept Redis from letting us ask: a command that is refused to us says nothing of whether Redis works."""
    try:
        return question(line)
    except NoAnswer as failure:
        if failure.final or failure.fault is Fault.SYSTEM:
            raise
        return Reply({}, missing=str(failure), fault=failure.fault)


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis address taken apart; `socket` is the path of a socket of this machine, or empty."""

    host: str
    port: int
    database: int
    user: str
    password: str
    tls: bool
    socket: str = ""

    @property
    def place(self) -> str:
        return self.socket or network.shown_place(self.host, self.port)

    @property
    def shown(self) -> str:
        """The address without user, password and query."""
        if self.socket:
            return f"unix://{quote(self.socket)}?db={self.database}"
        return f"redis{'s' if self.tls else ''}://{self.place}/{self.database}"


# https://redis.io/docs/latest/develop/clients/, https://github.com/redis/ioredis, https://redis.github.io/lettuce/ (sentinel, cluster, socket)
OF_A_SOCKET = ("unix", "redis+unix", "rediss+unix", "redis-socket", "redis+socket")
NOT_AN_ADDRESS = "the value is not an address such as redis://host:6379/0"


def address(url: str) -> tuple[Address, list[str]]:
    """The parts of an address as clients of Redis take it, and the values in it that must never be shown. Raises NoAnswer."""
    scheme = url.strip().strip("\"'").partition("://")[0].lower()
    if "sentinel" in scheme:
        raise unusable(
            "the value is the address of Sentinels, which know where a Redis is and hold nothing; name the variable of the master's own redis:// address"
        )
    if "cluster" in scheme:
        raise unusable("the value is the address of a cluster as a whole; name the redis:// address of one of its nodes")
    if scheme not in ("redis", "rediss", *OF_A_SOCKET):
        raise unusable(f"{NOT_AN_ADDRESS}, so there is no Redis that could be asked")
    parts = network.parts(url)
    if parts is None:
        raise unusable(f"{NOT_AN_ADDRESS}; is its port a number, and / ? # @ in its password written as %2F %3F %23 %40?")
    if "," in parts.place:
        raise unusable("the value names several hosts, as that of Sentinels or of a cluster does; name the redis:// address of one Redis")
    query = dict(parse_qsl(parts.query))
    user, password = unquote(parts.user) or query.get("username", ""), unquote(parts.password) or query.get("password", "")
    secrets = [parts.password, password]
    host, port = network.host_and_port(parts.place)
    numbered = (
        (query.get("db") or query.get("database") or "") if scheme in OF_A_SOCKET else parts.path.strip("/") or query.get("db") or query.get("database") or ""
    )
    try:
        number, database = int(port or 6379), int(numbered or 0)
    except ValueError:
        raise unusable(f"{NOT_AN_ADDRESS}: its port or its database is not a number") from None
    if not 0 < number < 65_536 or database < 0:
        raise unusable(f"{NOT_AN_ADDRESS}: there is no such port, or no such database")
    if scheme in OF_A_SOCKET:
        path = unquote(parts.place + parts.path)
        if not path.startswith("/"):
            raise unusable("the value is not an address such as unix:///run/redis.sock: the path of the socket does not begin with /")
        return Address("", 0, database, user, password, False, path), secrets
    return Address(unquote(host) or "localhost", number, database, user, password, scheme == "rediss"), secrets


def unusable(reason: str) -> NoAnswer:
    """What keeps us from asking, and says nothing of the system."""
    return NoAnswer(reason, final=True, fault=Fault.OURS)


class Recorded(AbstractConnection):
    """What is common to our connections: they send only what COMMANDS allows, and write all of it in the ledger."""

    def __init__(self, *, talk: Conversation, stack: ExitStack, **options: Any) -> None:
        super().__init__(protocol=2, driver_info=None, socket_connect_timeout=CONNECT_S, socket_timeout=REPLY_S, **options)
        self._talk, self._stack = talk, stack
        self._note: Note | None = None
        self.taken = False  # whether the other side took the connection

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[safe-super]  # that of the driver's own class
        self.taken = True
        self._stack.enter_context(self._talk.budget.holding(connection.fileno()))
        return connection

    def send_command(self, *arguments: Any, **options: Any) -> None:
        self._talk.budget.left_s()
        self._note = self._talk.note(permitted(arguments))
        super().send_command(*arguments, **options)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        outcome = "no reply"
        try:
            response = super().read_response(*arguments, **options)
            outcome = "ok"
        except redis.RedisError as error:
            outcome = f"{error.status_code or type(error).__name__} {error}"
            raise
        finally:
            if self._note:
                self._note.done(outcome)
        return response


class RecordedOverTcp(Recorded, Connection):
    """Over TCP."""


class RecordedOverTls(SSLConnection, RecordedOverTcp):
    """Over TLS. In this order, the connection is held before the handshake, which may never end."""


class RecordedOnSocket(Recorded, UnixDomainSocketConnection):
    """Over a socket of this machine."""


def permitted(arguments: Sequence[Any]) -> str:
    """The command as the ledger shows it. Raises ValueError for one that COMMANDS does not have."""
    words = [argument.decode("utf-8", "backslashreplace") if isinstance(argument, bytes) else str(argument) for argument in arguments]
    for allowed in COMMANDS:
        if " ".join(words[: len(allowed.split())]).upper() == allowed:
            return "AUTH (not shown)" if allowed == "AUTH" else " ".join(words)
    raise ValueError(f"{words[0]}: not a command that this package may send")


class Line:
    """A connection to one Redis, and what its answers have told so far: INFO's fields, and the keys of replay positions and queues that were met."""

    def __init__(self, url: str, talk: Conversation, stack: ExitStack) -> None:
        self._url, self._talk, self._stack = url, talk, stack
        self._connection: Recorded | None = None
        self.address = Address("", 0, 0, "", "", False)
        self.info: dict[str, Any] = {}
        self.replay_keys: set[bytes] = set()
        self.queue_keys: dict[str, set[str]] = {}
        self.scanned, self.unscanned = False, ""  # `unscanned`: why not every key was looked at
        self.is_sentinel = False
        self.masters: int | None = 0  # of the cluster that this is one node of; 0 where it is no cluster, None where that is not told

    def connect(self) -> None:
        """Connect, sign in and choose the database. Raises NoAnswer."""
        self.address, self._talk.secrets = address(self._url)
        place = self.address
        common: dict[str, Any] = {
            "talk": self._talk, "stack": self._stack, "db": place.database, "username": place.user or None, "password": place.password or None,
        }  # fmt: skip
        if place.socket:
            connection: Recorded = RecordedOnSocket(path=place.socket, **common)  # type: ignore[abstract]  # the driver leaves out a host, which a socket has not
        else:
            network.addresses(place.host, place.port, self._talk.budget)  # a resolver that hangs is met here, where it is bounded
            connection = (RecordedOverTls if place.tls else RecordedOverTcp)(host=place.host, port=place.port, **common)
        self._stack.callback(connection.disconnect)
        self._connection = connection
        with self._talk.sending(f"(connect to {place.shown})"):
            self._translated(connection.connect)
        self.may("CLIENT", "SETNAME", NAME)  # a courtesy to whoever reads CLIENT LIST

    def may(self, *arguments: str) -> bool:
        """Send a command that the server may not know or not allow; whether it did. Raises NoAnswer when the connection is lost."""
        return self.asked(*arguments)[1] == ""

    def asked(self, *arguments: str) -> tuple[Any, str]:
        """The reply to a command that the server may not know or not allow, or None and why there is none. Raises NoAnswer when the connection is lost."""
        try:
            return self.send(*arguments), ""
        except NoAnswer as failure:
            if failure.final:
                raise
            return None, str(failure)

    def send(self, *arguments: str | bytes | int) -> Any:
        """The reply to one command; bytes where Redis gives bytes. Raises NoAnswer."""
        connection = self._connection
        if connection is None:
            raise NoAnswer("there is no connection", final=True)

        def exchange() -> Any:
            connection.send_command(*arguments)
            return connection.read_response(disable_decoding=True)

        return self._translated(exchange, " ".join(str(word) for word in arguments[:2] if isinstance(word, str) and word.isalpha()))

    def _translated(self, do: Callable[[], Any], command: str = "") -> Any:
        """What `do` gives, with what goes wrong put into plain words."""
        where = self.address.place
        try:
            return do()
        except redis.TimeoutError as error:
            if not (self._connection and self._connection.taken):
                raise network.never_connected(where, CONNECT_S) from error
            greeting = self.address.tls and not self._connection.is_connected
            meant = "does not speak TLS on that port, or is frozen" if greeting else "is frozen, swamped, or busy with one long command"
            raise NoAnswer(f"{where} does not answer within {REPLY_S:g} s: it {meant}", final=True) from error
        except redis.RedisError as error:
            if error.status_code or isinstance(error, redis.ResponseError):
                raise refusal(error, command) from error
            if isinstance(error, redis.InvalidResponse):
                raise unusable(f"{where} does not speak Redis's protocol: is it the right port?") from error
            cause = ConnectionResetError() if "closed by server" in str(error) else error  # redis-py's own error, without the socket's
            raise network.failed(cause, self.address.socket or self.address.host, self.address.port) from error


# By the first word of an error reply, which Redis calls its prefix: what it means, whose fault it is, whether nothing more can be asked.
# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
REFUSALS: dict[str, tuple[str, Fault, bool]] = {
    "NOAUTH": ("Redis asks for a password and the address has none", Fault.CREDENTIALS, True),
    "WRONGPASS": ("Redis does not accept the name and password of the address", Fault.CREDENTIALS, True),
    "DENIED": ("Redis runs in protected mode: without a password it admits only its own machine, and not this one", Fault.CREDENTIALS, True),
    "LOADING": ("Redis is loading its data from disk and answers nothing else until that is done", Fault.SYSTEM, False),
    "MASTERDOWN": ("this replica has lost its master and is told not to answer from old data", Fault.SYSTEM, False),
    "BUSY": ("Redis is busy running a script and answers nothing else", Fault.SYSTEM, False),
    "CLUSTERDOWN": ("the cluster is down: not every slot is served", Fault.SYSTEM, False),
    "MOVED": ("another node of the cluster holds that", Fault.OURS, False),
    "ASK": ("another node of the cluster is being given that", Fault.OURS, False),
}
# Replies that all begin with ERR are told apart by how they go on, in the words of Redis, Valkey, KeyDB and Dragonfly.
ERRORS: tuple[tuple[str, str, Fault, bool], ...] = (
    (r"max number of clients", "Redis has reached its limit of clients (maxclients) and accepts no more, not even this question", Fault.SYSTEM, True),
    (r"without any password|no password is set", "the address has a password and this Redis asks for none: is it the right server?", Fault.CREDENTIALS, True),
    (
        r"invalid password|invalid username-password|operation not permitted",
        "Redis does not accept the name and password of the address",
        Fault.CREDENTIALS,
        True,
    ),
    (r"DB index is out of range|invalid DB index|SELECT is not allowed", "this Redis has no database of the number in the address", Fault.OURS, True),
)
NOT_KNOWN = re.compile(
    r"unknown (?:sub)?command|unsupported command|(?:command|subcommand) .*(?:not (?:allowed|supported|available)|disabled)|not support", re.I
)


def refusal(error: redis.RedisError, command: str = "") -> NoAnswer:
    """An error reply in plain words."""
    code, text = error.status_code or str(error).partition(" ")[0], str(error)
    whole = text if text.startswith(code) else f"{code} {text}"
    if code == "NOPERM":
        return NoAnswer(f"this user may not ask that{f' ({command})' if command else ''}: {text}", fault=Fault.CREDENTIALS)
    if code in REFUSALS:
        meant, fault, final = REFUSALS[code]
        return NoAnswer(f"{meant} ({code})", final, fault)
    if code == "ERR":
        for pattern, meant, fault, final in ERRORS:
            if re.search(pattern, text, re.I):
                return NoAnswer(meant, final, fault)
        if NOT_KNOWN.search(text):
            return NoAnswer(
                f"the command {command or 'for that'} is not allowed here: it is renamed, disabled, or not known to this server ({whole})",
                fault=Fault.CREDENTIALS,
            )
    return NoAnswer(f"Redis answers with an error: {whole}")


def ping(line: Line) -> Reply:
    """PING alone decides whether Redis answers; what else may not be asked is said by the question that asks it."""
    line.connect()
    line.send("PING")
    data = {"reply": "PONG", "address": line.address.shown}
    asked_at, begun = datetime.now(UTC), perf_counter()
    time, refused = line.asked("TIME")
    round_trip_ms = (perf_counter() - begun) * 1000
    if refused:
        role, _ = line.asked("ROLE")
        line.is_sentinel = bool(role) and role[0] == b"sentinel"
        return sentinel(line, data) if line.is_sentinel else Reply(data)
    seconds, micros = (int(part) for part in time)
    server = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return Reply(data, ServerClock.compared(server, asked_at, round_trip_ms))


# A master as INFO of a Sentinel has it: name=mymaster,status=ok,address=10.0.0.7:6379,slaves=1,sentinels=3
MASTER = re.compile(r"name=(?P<name>[^,\r\n]{1,100}),status=(?P<status>[^,\r\n]{1,40}),address=(?P<address>[^,\r\n]{1,100})")


def sentinel(line: Line, data: dict[str, Any]) -> Reply:
    """That this is no Redis, and which masters it knows."""
    told, _ = line.asked("INFO", "sentinel")
    known = [found.groupdict() for found in MASTER.finditer((told or b"").decode("utf-8", "replace"))][:MOST_GROUPS]
    named = ", ".join(f"{one['name']} at {one['address']} ({one['status']})" for one in known) or "no master that it would tell us of"
    missing = f"this is a Sentinel, which watches over a Redis and holds nothing itself; it knows {named}. Name the address of that master"
    return Reply(data | {"sentinel_of": known}, missing=missing, fault=Fault.OURS)


def info(line: Line) -> Reply:
    try:
        text = line.send("INFO", "everything") or line.send("INFO", "all")
    except NoAnswer as failure:
        if not failure.final:
            line.masters = cluster(line)[0]
        raise
    sections: dict[str, dict[str, Any]] = {}
    section = sections.setdefault("", {})
    for row in text.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = row.partition(":")
        if row.startswith("#"):
            section = sections.setdefault(row[1:].strip().lower(), {})
        elif colon:
            section[name] = number(value)
    line.info = {name: value for part in sections.values() for name, value in part.items()}
    told = list(troubles(line.info))
    if line.info.get("cluster_enabled") == 1:
        size, state = cluster(line)
        line.masters = size or None
        told += [f"{REFUSALS['CLUSTERDOWN'][0]} (cluster_state:fail)"] if state == "fail" else []
    return Reply({name: part for name, part in sections.items() if part}, warnings=tuple(told))


def cluster(line: Line) -> tuple[int, str]:
    """How many masters the cluster has that this is one node of (0 where it is none, or where that may not be asked), and its state."""
    told, _ = line.asked("CLUSTER", "INFO")
    size, state = re.search(rb"cluster_size:(\d{1,6})", told or b""), re.search(rb"cluster_state:([a-z]{1,20})", told or b"")
    return int(size[1]) if size else 0, state[1].decode() if state else ""


def of_one_node(line: Line) -> list[str]:
    """What is missing where the other nodes of a cluster hold keys too."""
    if line.masters == 0 or line.masters == 1:
        return []
    return [f"one node of a cluster {f'of {line.masters} masters ' if line.masters else ''}was asked, and the others hold keys too"]


def number(value: str) -> str | int | float:
    """A field of INFO as a number where it is written as one; an id with leading zeros is none."""
    if re.fullmatch(r"-?(?:0|[1-9]\d{0,17})", value):
        return int(value)
    return float(value) if re.fullmatch(r"-?(?:0|[1-9]\d{0,11})\.\d{1,6}", value) else value


def troubles(info: dict[str, Any]) -> Iterator[str]:
    """What a person must know of what INFO says."""
    if info.get("loading") == 1:
        yield f"it is loading its data from disk, {info.get('loading_loaded_perc', '?')} % done"
    limit, used = info.get("maxmemory", 0), info.get("used_memory", 0)
    if limit and used >= limit and info.get("maxmemory_policy") == "noeviction":
        yield f"it is out of memory and refuses writes: {used:,} of {limit:,} bytes used, and its policy is to evict nothing"
    if info.get("role") == "slave":
        yield f"this is a replica of {info.get('master_host')}:{info.get('master_port')}: writes sent here are refused"
        if info.get("master_link_status") != "up":
            yield f"its link to the master is {info.get('master_link_status')}: what it answers may be old"
    for what in ("rdb_last_bgsave_status", "aof_last_write_status"):
        if info.get(what) == "err":
            yield f"it cannot write to its disk ({what} is err), and may refuse writes for that"


def slowlog(line: Line) -> Reply:
    entries = []
    for entry in line.send("SLOWLOG", "GET", str(SLOW_COMMANDS)):
        arguments = [part.decode("utf-8", "replace") for part in entry[3]]
        shown = " ".join([arguments[0].lower(), *(f"{group(key)}..." for key in arguments[1:2])])  # further arguments are data
        entries.append({"at": iso(datetime.fromtimestamp(entry[1], UTC)), "duration_ms": entry[2] / 1000, "command": shown, "arguments": len(arguments) - 1})
    held, _ = line.asked("SLOWLOG", "LEN")
    return Reply({"entries": entries, "held": held})


def clients(line: Line) -> Reply:
    listed = line.send("CLIENT", "LIST").decode("utf-8", "replace").split("\n")
    rows = [dict(pair.split("=", 1) for pair in row.split(" ") if "=" in pair) for row in listed if row]
    names, commands = Counter(row.get("name", "") for row in rows), Counter(row.get("cmd", "") for row in rows)
    hosts = Counter(row.get("addr", "").rpartition(":")[0] for row in rows)
    largest = sorted(rows, key=lambda row: (-int(row.get("omem", 0)), -int(row.get("age", 0))))[:MOST_CLIENTS]
    shown = ("addr", "name", "user", "age", "idle", "flags", "db", "cmd", "omem", "tot-mem", "qbuf")
    return Reply({
        "connected": len(rows), "limit": line.info.get("maxclients"), "blocked": sum("b" in row.get("flags", "") for row in rows),
        "by_name": dict(names.most_common(MOST_GROUPS)), "by_host": dict(hosts.most_common(MOST_GROUPS)), "by_last_command": dict(commands.most_common(MOST_GROUPS)),
        "clients": [{name: number(row[name]) for name in shown if name in row} for row in largest],
    })  # fmt: skip


def latency(line: Line) -> Reply:
    round_trips_ms = []
    for _ in range(PINGS):
        begun = perf_counter()
        line.send("PING")
        round_trips_ms.append((perf_counter() - begun) * 1000)
    told, refused = line.asked("LATENCY", "LATEST")
    events = [{"event": row[0].decode(), "at": iso(datetime.fromtimestamp(row[1], UTC)), "latest_ms": row[2], "longest_ms": row[3]} for row in told or ()]
    return Reply({
        "pings": PINGS, "round_trip_median_ms": round(median(round_trips_ms), 3), "round_trip_longest_ms": round(max(round_trips_ms), 3),
        "events": events,  # none where latency-monitor-threshold is 0, its default
    }, missing=refused, fault=Fault.CREDENTIALS)  # fmt: skip


def keys(line: Line) -> Reply:
    """Counted by the first part of their names; the names of the replay keys are kept for `replay`."""
    total, counts, examined = line.asked("DBSIZE")[0], Counter[str](), 0
    cursor, ends = b"0", monotonic() + SCAN_S
    line.unscanned = "the keys could not be looked at"  # until they were
    while True:
        cursor, names = line.send("SCAN", cursor, "COUNT", SCAN_COUNT)
        examined += len(names)
        for name in names:
            text = name.decode("utf-8", "replace")
            counts[group(text)] += 1
            if text.startswith(REPLAY_PREFIX):
                line.replay_keys.add(name)
            if (queue := QUEUE_KEY.fullmatch(text)) and (queue["name"] in line.queue_keys or len(line.queue_keys) < MOST_QUEUES):
                line.queue_keys.setdefault(queue["name"], set()).add(queue["state"])
        if cursor == b"0" or monotonic() >= ends:
            break
    line.scanned = cursor == b"0"
    line.unscanned = "; ".join([*([] if line.scanned else ["not every key was looked at"]), *of_one_node(line)])
    shown = dict(counts.most_common(MOST_GROUPS))
    data = {
        "database": line.address.database, "keys": total, "examined": examined, "by_prefix": shown, "other_prefixes": len(counts) - len(shown),
        "flushdb_would_delete": {
            "replay_positions": len(line.replay_keys), "queue_keys": sum(count for name, count in counts.items() if name.startswith(QUEUE_PREFIX)),
        },
    }  # fmt: skip
    looked_at = f"{examined:,} {f'of {total:,} ' if total is not None else ''}keys were looked at in the {SCAN_S:g} s allowed"
    return Reply(data, missing="; ".join([*([] if line.scanned else [looked_at]), *of_one_node(line)]), fault=Fault.OURS)


def group(key: str) -> str:
    """The part of a key's name that says what it is for: never ids, addresses or tokens, which stand behind it or alone.

    >>> group("session:4f1c0a9e"), group("bull:orders:wait"), group("sf:pe:replay:/event/A__e"), group("4f1c0a9e")
    ('session:', 'bull:orders:', 'sf:pe:replay:', '(no prefix)')
    """
    first, colon, rest = key.partition(":")
    if not colon or not WORD.fullmatch(first):
        return "(no prefix)"
    if key.startswith(REPLAY_PREFIX):
        return REPLAY_PREFIX
    queue = rest.partition(":")[0]
    return f"{QUEUE_PREFIX}{queue}:" if key.startswith(QUEUE_PREFIX) and WORD.fullmatch(queue) else f"{first}:"


def replay(line: Line) -> Reply:
    """The age of every position is read before any value: reading one makes its key look freshly used, and equal small numbers share their age."""
    untouched = line.may("CLIENT", "NO-TOUCH", "ON")  # from Redis 7.2 on
    ages_are_own = bool(line.info.get("maxmemory")) and "lru" in str(line.info.get("maxmemory_policy", ""))
    names = sorted(line.replay_keys)
    positions = [described(line, name) for name in names[:MOST_REPLAY_KEYS]]
    for name, one in zip(names, positions, strict=False):
        if one["type"] == "string" and (one["memory_bytes"] or 0) <= MOST_VALUE_BYTES:
            value = (line.send("GET", name) or b"").decode("utf-8", "replace")
            one["position"] = value if POSITION.fullmatch(value) else None
            one["note"] = "" if one["position"] else "not a position; not shown" if value else "empty"
            if value.isdigit() and int(value) < SHARED_BELOW and not ages_are_own:
                one["idle_s"], one["note"] = None, f"Redis keeps one age for all keys that hold the same number below {SHARED_BELOW:,}"
    warnings = [f"{one['key']} expires in {one['expires_in_s']:,.0f} s, and the position with it" for one in positions if one["expires_in_s"] is not None]
    missing = [f"{line.unscanned}, so there may be more positions"] if line.unscanned else []
    missing += [f"{len(names) - MOST_REPLAY_KEYS} more positions were not read"] if len(names) > MOST_REPLAY_KEYS else []
    return Reply(
        {"positions": positions, "found": len(names), "idle_times_kept": untouched or not names},
        warnings=tuple(warnings),
        missing="; ".join(missing),
        fault=Fault.OURS,
    )


def queues(line: Line) -> Reply:
    """How many jobs are in which state; a state without jobs has no key and is 0. Counting looks at keys after the ages of positions were read."""
    depths = []
    for name, states in sorted(line.queue_keys.items()):
        depth: dict[str, Any] = {"queue": name}
        for state in (*LISTS, *SORTED):
            depth[state] = count(line, "LLEN" if state in LISTS else "ZCARD", f"{QUEUE_PREFIX}{name}:{state}") if state in states else 0
        depths.append(depth)
    missing = f"{line.unscanned}, so there may be more queues" if line.unscanned else ""
    return Reply({"queues": depths}, missing=missing, fault=Fault.OURS)


def count(line: Line, command: str, key: str) -> int | None:
    """The members of a key; None where it is of another type, or not ours to see."""
    try:
        return int(line.send(command, key))
    except NoAnswer as failure:
        if failure.final:
            raise
        return None


def described(line: Line, name: bytes) -> dict[str, Any]:
    """A replay key without its value."""
    kind, lasts_ms, size = line.send("TYPE", name).decode(), line.send("PTTL", name), line.send("MEMORY", "USAGE", name)
    by_frequency = "lfu" in str(line.info.get("maxmemory_policy", ""))  # such a policy keeps no idle times
    return {
        "key": name.decode("utf-8", "backslashreplace"), "type": kind, "expires_in_s": lasts_ms / 1000 if lasts_ms >= 0 else None,
        "idle_s": None if by_frequency else line.send("OBJECT", "IDLETIME", name), "memory_bytes": size, "position": None, "note": "not read",
    }  # fmt: skip


QUESTIONS: tuple[tuple[str, str, Callable[[Line], Reply]], ...] = (
    ("info", "What does it say of its memory, clients, persistence, replication, errors and commands?", info),
    ("slowlog", "Which commands took long?", slowlog),
    ("clients", "Who is connected, how many of the allowed number, and doing what?", clients),
    ("latency", "How long does a round trip take, and which delays did it notice itself?", latency),
    ("keys", "What lives in this database besides the cache?", keys),
    ("replay", "Which positions of event subscriptions are kept, and how old are they?", replay),
    ("queues", "How many jobs wait, run, are delayed or have failed in which queue?", queues),
)
