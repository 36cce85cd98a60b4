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
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.connection import Connection, SSLConnection

from incident_kit.diagnostics import network
from incident_kit.diagnostics.conversation import Conversation, NoAnswer, Note, Reply
from incident_kit.model.answer import Answer, ServerClock
from incident_kit.model.times import iso

# Everything that may be sent, as the ledger begins its lines. AUTH, SELECT and CLIENT concern this connection alone.
COMMANDS = (
    "AUTH", "SELECT", "CLIENT SETNAME", "CLIENT NO-TOUCH", "PING", "TIME", "INFO", "SLOWLOG GET", "SLOWLOG LEN", "CLIENT LIST", "LATENCY LATEST",
    "DBSIZE", "SCAN", "TYPE", "PTTL", "OBJECT IDLETIME", "MEMORY USAGE", "GET", "LLEN", "ZCARD",
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
            if talk.closed:
                return
            yield talk.answer(name, asked, partial(question, line))


@dataclass(frozen=True, slots=True)
class Address:
    """A Redis address taken apart. `shown` is the address without user and password."""

    host: str
    port: int
    database: int
    user: str
    password: str
    tls: bool

    @property
    def shown(self) -> str:
        return f"redis{'s' if self.tls else ''}://{self.host}:{self.port}/{self.database}"


def address(url: str) -> tuple[Address, list[str]]:
    """The parts of a `redis://` or `rediss://` address, and the values in it that must never be shown. Raises NoAnswer."""
    scheme, found, rest = url.strip().partition("://")
    if not found or scheme not in ("redis", "rediss"):
        raise NoAnswer("the value is not an address such as redis://host:6379/0", final=True)
    before, _, place = rest.rpartition("@")  # a password may hold @ or / unescaped, which ioredis takes as it is
    user, _, password = before.partition(":")
    try:
        parts = urlsplit(f"//{place}")
        database = parts.path.strip("/") or parse_qs(parts.query).get("db", ["0"])[0]
        found_address = Address(parts.hostname or "localhost", parts.port or 6379, int(database or 0), unquote(user), unquote(password), scheme == "rediss")
    except ValueError:
        raise NoAnswer("the value is not an address such as redis://host:6379/0: its port or its database is not a number", final=True) from None
    return found_address, [password, unquote(password)]


class Recorded(Connection):
    """redis-py's connection, sending only what COMMANDS allows and writing all of it in the ledger."""

    def __init__(self, *, talk: Conversation, stack: ExitStack, **options: Any) -> None:
        super().__init__(protocol=2, driver_info=None, socket_connect_timeout=CONNECT_S, socket_timeout=REPLY_S, **options)
        self._talk, self._stack = talk, stack
        self._note: Note | None = None

    def _connect(self) -> Any:
        connection = super()._connect()
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


class RecordedOverTls(SSLConnection, Recorded):
    """The same over TLS. In this order, the connection is held before the handshake, which may never end."""


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
        self.scanned = False

    def connect(self) -> None:
        """Connect, sign in and choose the database. Raises NoAnswer."""
        self.address, self._talk.secrets = address(self._url)
        place = self.address
        network.addresses(place.host, place.port, self._talk.budget)  # a resolver that hangs is met here, where it is bounded
        kind = RecordedOverTls if place.tls else Recorded
        connection = kind(
            talk=self._talk, stack=self._stack, host=place.host, port=place.port, db=place.database,
            username=place.user or None, password=place.password or None,
        )  # fmt: skip
        self._stack.callback(connection.disconnect)
        self._connection = connection
        with self._talk.sending(f"(connect to {place.shown})"):
            self._translated(connection.connect)
        self.may("CLIENT", "SETNAME", NAME)  # a courtesy to whoever reads CLIENT LIST

    def may(self, *arguments: str) -> bool:
        """Send a command that the server may not know or not allow; whether it did. Raises NoAnswer when the connection is lost."""
        try:
            self.send(*arguments)
        except NoAnswer as failure:
            if failure.final:
                raise
            return False
        return True

    def send(self, *arguments: str | bytes | int) -> Any:
        """The reply to one command; bytes where Redis gives bytes. Raises NoAnswer."""
        connection = self._connection
        if connection is None:
            raise NoAnswer("there is no connection", final=True)

        def exchange() -> Any:
            connection.send_command(*arguments)
            return connection.read_response(disable_decoding=True)

        return self._translated(exchange)

    def _translated(self, do: Callable[[], Any]) -> Any:
        """What `do` gives, with what goes wrong put into plain words."""
        where = f"{self.address.host}:{self.address.port}"
        try:
            return do()
        except redis.TimeoutError as error:
            greeting = self.address.tls and not (self._connection and self._connection.is_connected)
            meant = "does not speak TLS on that port, or is frozen" if greeting else "is frozen, swamped, or busy with one long command"
            raise NoAnswer(f"{where} does not answer within {REPLY_S:g} s: it {meant}", final=True) from error
        except redis.RedisError as error:
            if error.status_code or isinstance(error, redis.ResponseError):
                raise refusal(error) from error
            if isinstance(error, redis.InvalidResponse):
                raise NoAnswer(f"{where} does not speak Redis's protocol", final=True) from error
            cause = ConnectionResetError() if "closed by server" in str(error) else error  # redis-py's own error, without the socket's
            raise NoAnswer(network.words(cause, self.address.host, self.address.port), final=True) from error


REFUSALS = {
    "NOAUTH": "Redis asks for a password and the address has none",
    "WRONGPASS": "Redis does not accept the name and password of the address",
    "LOADING": "Redis is loading its data from disk and answers nothing else until that is done",
    "MASTERDOWN": "this replica has lost its master and is told not to answer from old data",
    "BUSY": "Redis is busy running a script and answers nothing else",
    "CLUSTERDOWN": "the cluster is down: not every slot is served",
}


def refusal(error: redis.RedisError) -> NoAnswer:
    """An error reply in plain words."""
    code, text = error.status_code or str(error).partition(" ")[0], str(error)
    if "max number of clients reached" in text:
        return NoAnswer("Redis has reached its limit of clients (maxclients) and accepts no more, not even this question", final=True)
    if code == "ERR" and "AUTH" in text and "without any password" in text:
        return NoAnswer("the address has a password and this Redis asks for none: is it the right server?", final=True)
    if code == "NOPERM":
        return NoAnswer(f"this user may not ask that: {text}")
    if code in REFUSALS:
        return NoAnswer(f"{REFUSALS[code]} ({code})", final=code in ("NOAUTH", "WRONGPASS"))
    return NoAnswer(f"Redis answers with an error: {text if text.startswith(code) else f'{code} {text}'}")


def ping(line: Line) -> Reply:
    line.connect()
    line.send("PING")
    asked_at, begun = datetime.now(UTC), perf_counter()
    seconds, micros = (int(part) for part in line.send("TIME"))
    round_trip_ms = (perf_counter() - begun) * 1000
    server = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return Reply({"reply": "PONG", "address": line.address.shown}, ServerClock.compared(server, asked_at, round_trip_ms))


def info(line: Line) -> Reply:
    text = line.send("INFO", "everything") or line.send("INFO", "all")
    sections: dict[str, dict[str, Any]] = {}
    section = sections.setdefault("", {})
    for row in text.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = row.partition(":")
        if row.startswith("#"):
            section = sections.setdefault(row[1:].strip().lower(), {})
        elif colon:
            section[name] = number(value)
    line.info = {name: value for part in sections.values() for name, value in part.items()}
    return Reply({name: part for name, part in sections.items() if part}, warnings=tuple(troubles(line.info)))


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
    return Reply({"entries": entries, "held": line.send("SLOWLOG", "LEN")})


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
    events = [
        {"event": row[0].decode(), "at": iso(datetime.fromtimestamp(row[1], UTC)), "latest_ms": row[2], "longest_ms": row[3]}
        for row in line.send("LATENCY", "LATEST")
    ]
    return Reply({
        "pings": PINGS, "round_trip_median_ms": round(median(round_trips_ms), 3), "round_trip_longest_ms": round(max(round_trips_ms), 3),
        "events": events,  # none where latency-monitor-threshold is 0, its default
    })  # fmt: skip


def keys(line: Line) -> Reply:
    """Counted by the first part of their names; the names of the replay keys are kept for `replay`."""
    total, counts, examined = line.send("DBSIZE"), Counter[str](), 0
    cursor, ends = b"0", monotonic() + SCAN_S
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
    shown = dict(counts.most_common(MOST_GROUPS))
    data = {
        "database": line.address.database, "keys": total, "examined": examined, "by_prefix": shown, "other_prefixes": len(counts) - len(shown),
        "flushdb_would_delete": {
            "replay_positions": len(line.replay_keys), "queue_keys": sum(count for name, count in counts.items() if name.startswith(QUEUE_PREFIX)),
        },
    }  # fmt: skip
    return Reply(data, missing="" if line.scanned else f"{examined:,} of {total:,} keys were looked at in the {SCAN_S:g} s allowed")


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
    missing = [] if line.scanned else ["not every key was looked at, so there may be more positions"]
    missing += [f"{len(names) - MOST_REPLAY_KEYS} more positions were not read"] if len(names) > MOST_REPLAY_KEYS else []
    return Reply({"positions": positions, "found": len(names), "idle_times_kept": untouched or not names}, warnings=tuple(warnings), missing="; ".join(missing))


def queues(line: Line) -> Reply:
    """How many jobs are in which state; a state without jobs has no key and is 0. Counting looks at keys after the ages of positions were read."""
    depths = []
    for name, states in sorted(line.queue_keys.items()):
        depth: dict[str, Any] = {"queue": name}
        for state in (*LISTS, *SORTED):
            depth[state] = count(line, "LLEN" if state in LISTS else "ZCARD", f"{QUEUE_PREFIX}{name}:{state}") if state in states else 0
        depths.append(depth)
    missing = "not every key was looked at, so there may be more queues" if not line.scanned else ""
    return Reply({"queues": depths}, missing=missing)


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
