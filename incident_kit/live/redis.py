"""Redis: is it there, what does it say of itself, what lives in it, and where do the event subscriptions stand?

SCAN, TYPE, PTTL and OBJECT leave a key's idle time alone; GET resets it. So the idle time is read first, and from
Redis 7.2 on NO-TOUCH keeps it as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from statistics import median
from time import monotonic, perf_counter
from typing import Any

from incident_kit.live.failures import REDIS_PREFIXES
from incident_kit.live.redis_connection import RedisConnection
from incident_kit.live.session import NoAnswer, Reply, Session
from incident_kit.model.answer import Answer, Fault, ServerClock
from incident_kit.model.times import iso

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
CLIENT_FIELDS = ("addr", "name", "user", "age", "idle", "flags", "db", "cmd", "omem", "tot-mem", "qbuf")
# The states of a job in BullMQ by the type of their key. https://docs.bullmq.io/guide/jobs/
LISTS = ("wait", "paused", "active")
SORTED_SETS = ("prioritized", "delayed", "waiting-children", "failed", "completed")
REPLAY_PREFIX, QUEUE_PREFIX = "sf:pe:replay:", "bull:"
# A replay position as CometD (a whole number) and the Pub/Sub API (bytes in base64) give it. Nothing else is shown.
POSITION = re.compile(r"-?\d{1,20}|[A-Za-z0-9+/_-]{4,44}={0,2}")
QUEUE_KEY = re.compile(
    rf"bull:(?P<name>[A-Za-z][\w.-]{{0,63}}):(?P<state>{'|'.join((*LISTS, *SORTED_SETS))})", re.ASCII
)
WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")
# A master as INFO of a Sentinel has it: name=mymaster,status=ok,address=10.0.0.7:6379,slaves=1,sentinels=3
MASTER = re.compile(
    r"name=(?P<name>[^,\r\n]{1,100}),status=(?P<status>[^,\r\n]{1,40}),address=(?P<address>[^,\r\n]{1,100})"
)


def ask(url: str, session: Session) -> Iterator[Answer]:
    """The answers of the Redis at this address."""
    with ExitStack() as stack:
        connection = RedisConnection(url, session, stack)
        yield session.answer("ping", "Does it answer, and what time has it?", lambda: ping(connection))
        for name, asked, question in QUESTIONS:
            if session.closed or connection.is_sentinel:
                return
            yield session.answer(name, asked, partial(reply_if_allowed, question, connection))


def reply_if_allowed(question: Callable[[RedisConnection], Reply], connection: RedisConnection) -> Reply:
    """The reply, or what kept Redis from letting us ask.

    A command that is refused to us says nothing of whether Redis works.
    """
    try:
        return question(connection)
    except NoAnswer as failure:
        if failure.final or failure.fault is Fault.SYSTEM:
            raise
        return Reply({}, missing=str(failure), fault=failure.fault)


def ping(connection: RedisConnection) -> Reply:
    """PING alone decides whether Redis answers. What else may not be asked is said by the question that asks it."""
    connection.connect()
    connection.send("PING")
    data = {"reply": "PONG", "address": connection.address.shown}
    asked_at, begun = datetime.now(UTC), perf_counter()
    time, refused = connection.send_if_allowed("TIME")
    round_trip_ms = (perf_counter() - begun) * 1000
    if refused:
        role, _ = connection.send_if_allowed("ROLE")
        connection.is_sentinel = bool(role) and role[0] == b"sentinel"
        return sentinel(connection, data) if connection.is_sentinel else Reply(data)
    seconds, microseconds = int(time[0]), int(time[1])
    server_time = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    return Reply(data, ServerClock.compared(server_time, asked_at, round_trip_ms))


def sentinel(connection: RedisConnection, data: dict[str, Any]) -> Reply:
    """That this is no Redis, and which masters it knows."""
    section = text_of(connection.send_if_allowed("INFO", "sentinel")[0])
    masters = [match.groupdict() for match in MASTER.finditer(section)][:MOST_GROUPS]
    names = ", ".join(f"{master['name']} at {master['address']} ({master['status']})" for master in masters)
    missing = (
        "this is a Sentinel, which watches over a Redis and holds nothing itself; "
        f"it knows {names or 'no master that it would tell us of'}. Name the address of that master"
    )
    return Reply(data | {"sentinel_of": masters}, missing=missing, fault=Fault.OURS)


def text_of(reply: bytes | None) -> str:
    """A reply of Redis as text; empty where there is none."""
    return (reply or b"").decode("utf-8", "replace")


def info(connection: RedisConnection) -> Reply:
    try:
        text = text_of(connection.send("INFO", "everything") or connection.send("INFO", "all"))
    except NoAnswer as failure:
        if not failure.final:
            connection.masters = cluster(connection)[0]
        raise
    sections = info_sections(text)
    connection.info = {name: value for section in sections.values() for name, value in section.items()}
    warnings = list(troubles(connection.info))
    if connection.info.get("cluster_enabled") == 1:
        size, state = cluster(connection)
        connection.masters = size or None
        if state == "fail":
            warnings.append(f"{REDIS_PREFIXES['CLUSTERDOWN'].words} (cluster_state:fail)")
    return Reply({name: section for name, section in sections.items() if section}, warnings=tuple(warnings))


def info_sections(text: str) -> dict[str, dict[str, Any]]:
    """The fields of INFO by section; what stands before the first has an empty name."""
    sections: dict[str, dict[str, Any]] = {}
    section = sections.setdefault("", {})
    for row in text.split("\r\n"):
        name, colon, value = row.partition(":")
        if row.startswith("#"):
            section = sections.setdefault(row[1:].strip().lower(), {})
        elif colon:
            section[name] = number(value)
    return sections


def cluster(connection: RedisConnection) -> tuple[int, str]:
    """How many masters the cluster has that this is one node of, and its state.

    The number is 0 where it is no node of a cluster, or where that may not be asked.
    """
    text = text_of(connection.send_if_allowed("CLUSTER", "INFO")[0])
    size, state = re.search(r"cluster_size:(\d{1,6})", text), re.search(r"cluster_state:([a-z]{1,20})", text)
    return int(size[1]) if size else 0, state[1] if state else ""


def of_one_node(connection: RedisConnection) -> list[str]:
    """What is missing where the other nodes of a cluster hold keys too."""
    if connection.masters in (0, 1):
        return []
    size = f"of {connection.masters} masters " if connection.masters else ""
    return [f"one node of a cluster {size}was asked, and the others hold keys too"]


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
        yield (
            f"it is out of memory and refuses writes: {used:,} of {limit:,} bytes used, "
            "and its policy is to evict nothing"
        )
    if info.get("role") == "slave":
        yield f"this is a replica of {info.get('master_host')}:{info.get('master_port')}: writes sent here are refused"
        if info.get("master_link_status") != "up":
            yield f"its link to the master is {info.get('master_link_status')}: what it answers may be old"
    for name in ("rdb_last_bgsave_status", "aof_last_write_status"):
        if info.get(name) == "err":
            yield f"it cannot write to its disk ({name} is err), and may refuse writes for that"


def slowlog(connection: RedisConnection) -> Reply:
    entries = []
    for entry in connection.send("SLOWLOG", "GET", str(SLOW_COMMANDS)):
        command, *arguments = (argument.decode("utf-8", "replace") for argument in entry[3])
        groups = [f"{group(key)}..." for key in arguments[:1]]  # further arguments are data
        entries.append(
            {
                "at": iso(datetime.fromtimestamp(entry[1], UTC)),
                "duration_ms": entry[2] / 1000,
                "command": " ".join([command.lower(), *groups]),
                "arguments": len(arguments),
            }
        )
    held, _ = connection.send_if_allowed("SLOWLOG", "LEN")
    return Reply({"entries": entries, "held": held})


def clients(connection: RedisConnection) -> Reply:
    lines = text_of(connection.send("CLIENT", "LIST")).split("\n")
    rows = [dict(pair.split("=", 1) for pair in line.split(" ") if "=" in pair) for line in lines if line]
    names, commands = Counter(row.get("name", "") for row in rows), Counter(row.get("cmd", "") for row in rows)
    hosts = Counter(row.get("addr", "").rpartition(":")[0] for row in rows)
    largest = sorted(rows, key=lambda row: (-int(row.get("omem", 0)), -int(row.get("age", 0))))[:MOST_CLIENTS]
    return Reply(
        {
            "connected": len(rows),
            "limit": connection.info.get("maxclients"),
            "blocked": sum("b" in row.get("flags", "") for row in rows),
            "by_name": dict(names.most_common(MOST_GROUPS)),
            "by_host": dict(hosts.most_common(MOST_GROUPS)),
            "by_last_command": dict(commands.most_common(MOST_GROUPS)),
            "clients": [{name: number(row[name]) for name in CLIENT_FIELDS if name in row} for row in largest],
        }
    )


def latency(connection: RedisConnection) -> Reply:
    round_trips_ms = []
    for _ in range(PINGS):
        begun = perf_counter()
        connection.send("PING")
        round_trips_ms.append((perf_counter() - begun) * 1000)
    rows, refused = connection.send_if_allowed("LATENCY", "LATEST")
    events = [
        {
            "event": row[0].decode(),
            "at": iso(datetime.fromtimestamp(row[1], UTC)),
            "latest_ms": row[2],
            "longest_ms": row[3],
        }
        for row in rows or ()
    ]
    data = {
        "pings": PINGS,
        "round_trip_median_ms": round(median(round_trips_ms), 3),
        "round_trip_longest_ms": round(max(round_trips_ms), 3),
        "events": events,  # none where latency-monitor-threshold is 0, its default
    }
    return Reply(data, missing=refused, fault=Fault.CREDENTIALS)


def keys(connection: RedisConnection) -> Reply:
    """Counted by the first part of their names. The names of replay positions and of queues are kept for later."""
    total, _ = connection.send_if_allowed("DBSIZE")
    counts, examined = scan(connection)
    elsewhere = of_one_node(connection)
    connection.unscanned = "; ".join([*([] if connection.scanned else ["not every key was looked at"]), *elsewhere])
    by_prefix = dict(counts.most_common(MOST_GROUPS))
    data = {
        "database": connection.address.database,
        "keys": total,
        "examined": examined,
        "by_prefix": by_prefix,
        "other_prefixes": len(counts) - len(by_prefix),
        "flushdb_would_delete": {
            "replay_positions": len(connection.replay_keys),
            "queue_keys": sum(count for name, count in counts.items() if name.startswith(QUEUE_PREFIX)),
        },
    }
    of_total = f"of {total:,} " if total is not None else ""
    looked_at = f"{examined:,} {of_total}keys were looked at in the {SCAN_S:g} s allowed"
    missing = "; ".join([*([] if connection.scanned else [looked_at]), *elsewhere])
    return Reply(data, missing=missing, fault=Fault.OURS)


def scan(connection: RedisConnection) -> tuple[Counter[str], int]:
    """Look at every key, as far as SCAN_S allows: how many by group, and how many in all."""
    counts, examined = Counter[str](), 0
    cursor, ends = b"0", monotonic() + SCAN_S
    connection.unscanned = "the keys could not be looked at"  # until they were
    while True:
        cursor, names = connection.send("SCAN", cursor, "COUNT", SCAN_COUNT)
        examined += len(names)
        for name in names:
            text = text_of(name)
            counts[group(text)] += 1
            if text.startswith(REPLAY_PREFIX):
                connection.replay_keys.add(name)
            if queue := QUEUE_KEY.fullmatch(text):
                keep_queue(connection, queue["name"], queue["state"])
        if cursor == b"0" or monotonic() >= ends:
            break
    connection.scanned = cursor == b"0"
    return counts, examined


def keep_queue(connection: RedisConnection, name: str, state: str) -> None:
    """Remember that a queue has jobs in a state; of MOST_QUEUES queues at most."""
    if name in connection.queue_keys or len(connection.queue_keys) < MOST_QUEUES:
        connection.queue_keys.setdefault(name, set()).add(state)


def group(key: str) -> str:
    """The part of a key's name that says what it is for.

    Ids, addresses and tokens stand behind it or alone, and are never in it.

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


def replay(connection: RedisConnection) -> Reply:
    """The age of every position is read before any value.

    Reading a value makes its key look freshly used, and equal small numbers share their age.
    """
    untouched = connection.may("CLIENT", "NO-TOUCH", "ON")  # from Redis 7.2 on
    names = sorted(connection.replay_keys)
    positions = [described(connection, name) for name in names[:MOST_REPLAY_KEYS]]
    for name, position in zip(names, positions, strict=False):
        if position["type"] == "string" and (position["memory_bytes"] or 0) <= MOST_VALUE_BYTES:
            position |= read_position(connection, name)
    warnings = [
        f"{position['key']} expires in {position['expires_in_s']:,.0f} s, and the position with it"
        for position in positions
        if position["expires_in_s"] is not None
    ]
    missing = [f"{connection.unscanned}, so there may be more positions"] if connection.unscanned else []
    if len(names) > MOST_REPLAY_KEYS:
        missing.append(f"{len(names) - MOST_REPLAY_KEYS} more positions were not read")
    return Reply(
        {"positions": positions, "found": len(names), "idle_times_kept": untouched or not names},
        warnings=tuple(warnings),
        missing="; ".join(missing),
        fault=Fault.OURS,
    )


def described(connection: RedisConnection, name: bytes) -> dict[str, Any]:
    """A replay key without its value."""
    kind = connection.send("TYPE", name).decode()
    lasts_ms, size_bytes = connection.send("PTTL", name), connection.send("MEMORY", "USAGE", name)
    by_frequency = "lfu" in str(connection.info.get("maxmemory_policy", ""))  # such a policy keeps no idle times
    return {
        "key": name.decode("utf-8", "backslashreplace"),
        "type": kind,
        "expires_in_s": lasts_ms / 1000 if lasts_ms >= 0 else None,
        "idle_s": None if by_frequency else connection.send("OBJECT", "IDLETIME", name),
        "memory_bytes": size_bytes,
        "position": None,
        "note": "not read",
    }


def read_position(connection: RedisConnection, name: bytes) -> dict[str, Any]:
    """What the value of a replay key changes of its description."""
    value = text_of(connection.send("GET", name))
    ages_are_own = bool(connection.info.get("maxmemory")) and "lru" in str(connection.info.get("maxmemory_policy", ""))
    position = value if POSITION.fullmatch(value) else None
    if value.isdigit() and int(value) < SHARED_BELOW and not ages_are_own:
        note = f"Redis keeps one age for all keys that hold the same number below {SHARED_BELOW:,}"
        return {"position": position, "idle_s": None, "note": note}
    return {"position": position, "note": "" if position else "not a position; not shown" if value else "empty"}


def queues(connection: RedisConnection) -> Reply:
    """How many jobs are in which state; a state without jobs has no key and is 0.

    Counting looks at keys only after the ages of positions were read.
    """
    depths = []
    for name, states in sorted(connection.queue_keys.items()):
        depth: dict[str, Any] = {"queue": name}
        for state in (*LISTS, *SORTED_SETS):
            command = "LLEN" if state in LISTS else "ZCARD"
            depth[state] = count(connection, command, f"{QUEUE_PREFIX}{name}:{state}") if state in states else 0
        depths.append(depth)
    missing = f"{connection.unscanned}, so there may be more queues" if connection.unscanned else ""
    return Reply({"queues": depths}, missing=missing, fault=Fault.OURS)


def count(connection: RedisConnection, command: str, key: str) -> int | None:
    """The members of a key; None where it is of another type, or not ours to see."""
    try:
        return int(connection.send(command, key))
    except NoAnswer as failure:
        if failure.final:
            raise
        return None


QUESTIONS: tuple[tuple[str, str, Callable[[RedisConnection], Reply]], ...] = (
    ("info", "What does it say of its memory, clients, persistence, replication, errors and commands?", info),
    ("slowlog", "Which commands took long?", slowlog),
    ("clients", "Who is connected, how many of the allowed number, and doing what?", clients),
    ("latency", "How long does a round trip take, and which delays did it notice itself?", latency),
    ("keys", "What lives in this database besides the cache?", keys),
    ("replay", "Which positions of event subscriptions are kept, and how old are they?", replay),
    ("queues", "How many jobs wait, run, are delayed or have failed in which queue?", queues),
)
