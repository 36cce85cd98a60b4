"""Logs for the benchmarks.

`generate(path, "pino", 10**9)` writes believable traffic of a portal, the same bytes for the same seed. A handful of
blocks of some megabytes are made line by line: requests and what was logged while they were served, with gaps in them.
They are then written again and again, each time with fresh times, ids and durations: that is what makes gigabytes in
seconds, and what keeps a reader from living on repetition. As a program: `python generate.py FILE KIND BYTES`.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

BEGIN = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
BLOCK_BYTES = 4 << 20
BLOCKS = 12
POOL = 1 << 16  # how many fresh values of a kind there are; a block begins anywhere in them
GAP = re.compile(r"«(\w+)»")


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request: how often it comes, what it takes, and the outside system it asks."""

    method: str
    path: str
    weight: int
    takes: str
    asks: str = ""


# fmt: off
ROUTES = (
    Route("GET", "/health", 60, "fast"),
    Route("GET", "/api/me", 90, "fast"),
    Route("GET", "/api/catalog/products", 80, "fast"),
    Route("GET", "/api/catalog/products/«number»", 70, "table"),
    Route("GET", "/api/orders", 90, "table"),
    Route("GET", "/api/orders/«salesforce»", 110, "call", "Salesforce"),
    Route("GET", "/api/orders/«salesforce»/items/«number»", 25, "table"),
    Route("POST", "/api/orders", 20, "call", "Salesforce"),
    Route("GET", "/api/billing/invoices?page=1&size=20", 70, "call", "Whmcs"),
    Route("GET", "/api/billing/invoices/«number»", 60, "call", "Whmcs"),
    Route("GET", "/api/billing/invoices/«number»/pdf", 8, "slow", "Whmcs"),
    Route("GET", "/api/billing/payment-methods", 40, "call", "Whmcs"),
    Route("POST", "/api/billing/payments", 8, "slow", "Whmcs"),
    Route("GET", "/api/sim/«number»/usage", 120, "call", "Freebit"),
    Route("POST", "/api/sim/«number»/top-up", 25, "slow", "Freebit"),
    Route("GET", "/api/sim/«number»/«uuid»", 15, "table"),
    Route("GET", "/api/accounts/«uuid»", 50, "table"),
    Route("GET", "/api/accounts/«uuid»/cases?status=open", 20, "call", "Salesforce"),
    Route("PATCH", "/api/accounts/«uuid»", 6, "table"),
    Route("DELETE", "/api/sessions/«hex»", 9, "fast"),
    Route("POST", "/api/auth/login", 30, "hash"),
    Route("POST", "/api/auth/refresh", 45, "fast"),
    Route("GET", "/api/notifications?since=«number»", 75, "table"),
    Route("GET", "/assets/app.3f9c2e17.js", 35, "fast"),
    Route("GET", "/api/v2/plans", 30, "table"),
    Route("GET", "/wp-login.php", 3, "fast"),
)
STREAM = Route("GET", "/api/events", 12, "stream")
# fmt: on
OPERATIONS = {
    "Salesforce": ("getOrder", "queryAccounts", "createOrder"),
    "Whmcs": ("GetInvoices", "GetInvoice", "AddPayMethod"),
    "Freebit": ("getTrafficInfo", "addSpec"),
}
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile "
    "Safari/537.36",
)
STACK = (
    "at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)",
    "at async IntegrationClient.call (/srv/bff/dist/bff/integrations/integration-client.js:33:30)",
    "at async CacheService.remember (/srv/bff/dist/bff/cache.service.js:35:23)",
    "at async OrdersController.one (/srv/bff/dist/bff/routes/orders.controller.js:45:24)",
    "at async /srv/bff/node_modules/@nestjs/core/router/router-execution-context.js:92:62",
    "at async /srv/bff/node_modules/@nestjs/core/router/router-proxy.js:9:17",
)
ERRORS = (
    ("Error", "connect ECONNREFUSED 127.0.0.1:6379"),
    ("AxiosError", "timeout of 10000ms exceeded"),
    ("AxiosError", "Request failed with status code 503"),
    (
        "PrismaClientKnownRequestError",
        "\nInvalid `prisma.order.findMany()` invocation in\n/srv/bff/dist/orders.js:41:30\n\n→ 41 await "
        "prisma.order.findMany(\nTimed out fetching a new connection from the connection pool.",
    ),
)
# How long things take, in ms: median and spread of a log-normal distribution.
TAKES = {
    "fast": (3, 0.7),
    "hash": (45, 0.2),
    "table": (17, 0.8),
    "call": (190, 0.6),
    "slow": (900, 0.7),
    "stream": (90_000, 1.1),
}


@dataclass(slots=True)
class Block:
    """Text with gaps. `pieces` is the text; a gap is the piece to replace and the number of its request, by kind."""

    pieces: list[bytes] = field(default_factory=list)
    gaps: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    size: int = 0
    requests: int = 0

    def add(self, text: str) -> None:
        """Add text of the request at hand. The same kind of gap twice in a request gets the same value twice."""
        for number, piece in enumerate(GAP.split(text)):
            if number % 2:
                self.gaps.setdefault(piece, []).append((len(self.pieces), self.requests))
                self.size += 13
            else:
                self.size += len(piece.encode())
            self.pieces.append(piece.encode())


@dataclass(frozen=True, slots=True)
class Kind:
    """How a format writes a request, its times and its durations, and how many requests come in a second."""

    request: Callable[[random.Random, Route, str], str]
    time: Callable[[int], bytes]
    duration: Callable[[int], bytes]
    requests_per_s: float
    streams: bool = False


def generate(path: Path, kind: str, size_bytes: int, seed: int = 1) -> int:
    """Write whole lines until the file has at least `size_bytes`; return its size."""
    written = 0
    with open(path, "wb", buffering=0) as file:
        for block in blocks(KINDS[kind], seed):
            written += file.write(block)
            if written >= size_bytes:
                return written
    return written


def blocks(kind: Kind, seed: int) -> Iterator[bytes]:
    """Blocks of whole lines without end; times advance from one to the next."""
    rng = random.Random(seed)
    templates = [template(kind, rng, failing=number == BLOCKS - 1) for number in range(BLOCKS)]
    pools = value_pools(kind, rng)
    clock_ms = int(BEGIN.timestamp() * 1000)
    step_ms = 1000 / kind.requests_per_s
    while True:
        block = rng.choice(templates)
        pieces = block.pieces
        pace = step_ms * rng.uniform(0.8, 1.25)  # traffic is never quite even
        for name, gaps in block.gaps.items():
            if name == "time":
                for piece, request in gaps:
                    pieces[piece] = kind.time(int(clock_ms + request * pace))
            else:
                begin = rng.randrange(POOL)
                values = pools[name][begin : begin + block.requests + 1]
                for piece, request in gaps:
                    pieces[piece] = values[request]
        clock_ms = int(clock_ms + block.requests * pace)
        yield b"".join(pieces)


def template(kind: Kind, rng: random.Random, failing: bool) -> Block:
    """A block with its gaps; in a failing one every sixth request ends badly."""
    block = Block()
    routes = [*ROUTES, STREAM] if kind.streams else list(ROUTES)
    weights = [route.weight for route in routes]
    bad = 0.16 if failing else 0.004
    while block.size < BLOCK_BYTES:
        route = rng.choices(routes, weights)[0]
        outcome = rng.choices(("ok", "refused", "failed", "aborted"), (1.0, 0.03, bad, 0.005))[0]
        block.add(kind.request(rng, route, "refused" if route.path.endswith(".php") else outcome))
        block.requests += 1
    return block


def value_pools(kind: Kind, rng: random.Random) -> dict[str, list[bytes]]:
    """Fresh values by kind of gap, long enough that a block may begin anywhere in the first `POOL` of them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    def pool(value: Callable[[], bytes]) -> list[bytes]:
        values = [value() for _ in range(POOL)]
        return values + values

    def hexadecimal(digits: int) -> str:
        return f"{rng.getrandbits(4 * digits):0{digits}x}"

    def uuid() -> str:
        return f"{hexadecimal(8)}-{hexadecimal(4)}-4{hexadecimal(3)}-a{hexadecimal(3)}-{hexadecimal(12)}"

    def milliseconds(median: float, spread: float) -> Callable[[], bytes]:
        return lambda: kind.duration(int(median * rng.lognormvariate(0, spread)))

    pools = {name: pool(milliseconds(*shape)) for name, shape in TAKES.items()}
    return pools | {
        "number": pool(lambda: b"%d" % rng.randrange(1, 90_000)),
        "salesforce": pool(lambda: ("801" + "".join(rng.choices(letters, k=12)) + "IAQ").encode()),
        "uuid": pool(lambda: uuid().encode()),
        "hex": pool(lambda: hexadecimal(32).encode()),
        "id": pool(lambda: uuid().encode()),
        "client": pool(lambda: f"203.0.113.{rng.randrange(1, 255)}".encode()),
        "port": pool(lambda: b"%d" % rng.randrange(32_768, 60_999)),
        "size": pool(lambda: b"%d" % rng.randrange(2, 9_000)),
        "token": pool(lambda: "".join(rng.choices(letters, k=43)).encode()),
    }


def status_of(rng: random.Random, route: Route, outcome: str) -> int:
    if outcome == "refused":
        return rng.choice((400, 401, 401, 403, 404, 429)) if not route.path.endswith(".php") else 404
    if outcome == "failed":
        return rng.choice((500, 500, 502, 503, 504))
    return 201 if route.method == "POST" else rng.choice((200, 200, 200, 304))


def compact(value: object) -> str:
    """JSON as JavaScript writes it; a gap that stands for a number loses its quotes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r'"(«(?:time|port|fast|hash|table|call|slow|stream)»)"', r"\1", text)


def pino_request(rng: random.Random, route: Route, outcome: str) -> str:
    """nestjs-pino: what was logged while a request was served, each record with all of `req`; then its completion."""
    base: dict[str, object] = {"level": 30, "time": "«time»", "pid": 8047, "hostname": "bff-1"}
    path = route.path.split("?")[0].strip("/").split("/")
    stream = route is STREAM
    headers = {
        "host": "portal.example.jp",
        "accept-encoding": "gzip, deflate",
        "connection": "keep-alive",
        "x-request-id": "«id»",
        "x-forwarded-for": "«client»",
        "user-agent": rng.choice(BROWSERS),
        "accept": "text/event-stream" if stream else "application/json",
        "authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxNCIsInNpZCI6IndGeE1RY2ZqIiwi"
        "aWF0IjoxNzk1NDI3MzM0LCJleHAiOjE3OTU0MzA5MzR9.«token»",
        "cookie": "portal_session=wFxMQcfj",
    }
    asked = {
        "id": "«id»",
        "method": route.method,
        "url": route.path,
        "query": {},
        "params": {"path": path},
        "headers": headers,
        "remoteAddress": "127.0.0.1",
        "remotePort": "«port»",
    }
    kind, message = rng.choice(ERRORS)
    stack = f"{kind}: {message}\n    " + "\n    ".join(STACK)
    lines = []
    if rng.random() < 0.01:
        lines.append(
            base
            | {
                "context": "PlatformEventsService",
                "channel": "/event/OrderProvisionRequested__e",
                "replayId": rng.randrange(4000, 9000),
                "msg": "Platform Event received",
            }
        )
    if route.asks and outcome != "refused":
        call = {
            "req": asked,
            "context": f"{route.asks}Service",
            "durationMs": f"«{route.takes}»",
            "operation": rng.choice(OPERATIONS[route.asks]),
        }
        if outcome == "failed" and rng.random() < 0.5:
            noise = {
                "adapter": ["xhr", "http"],
                "timeout": 10_000,
                "headers": {"Accept": "application/json, text/plain, */*", "User-Agent": "axios/1.21.1"},
                "socket": ["[Circular]"] * 300,
            }
            error = {
                "type": kind,
                "message": message,
                "stack": stack,
                "code": "ECONNREFUSED",
                "config": noise,
                "status": 503,
            }
            lines.append(base | {"level": 50} | call | {"err": error, "msg": f"{route.asks} API call failed"})
        else:
            lines.append(base | call | {"statusCode": 200, "msg": f"{route.asks} API call completed"})
    if outcome == "failed":
        lines.append(
            base
            | {
                "level": 50,
                "req": asked,
                "context": "ExceptionsHandler",
                "err": {"type": kind, "message": message, "stack": stack},
                "msg": message,
            }
        )
    status = None if outcome == "aborted" and not stream else status_of(rng, route, outcome)
    answered: dict[str, object] = {"x-powered-by": "Express"}
    if stream:
        answered |= {
            "content-type": "text/event-stream",
            "cache-control": "private, no-cache, no-store, must-revalidate",
            "x-accel-buffering": "no",
        }
    elif status:
        answered |= {
            "content-type": "application/json; charset=utf-8",
            "content-length": "«size»",
            "etag": 'W/"37-CdU3fY2GwXj9yXINGLH"',
        }
    ended: dict[str, object] = {"req": asked, "res": {"statusCode": status, "headers": answered}}
    if outcome == "failed":
        synthetic = f"failed with status code {status}"
        ended |= {
            "err": {
                "type": "Error",
                "message": synthetic,
                "stack": f"Error: {synthetic}\n    at onResFinished (/srv/bff/node_modules/pino-http/logger.js:115:39)",
            }
        }
    words = "errored" if outcome == "failed" else "aborted" if status is None or stream else "completed"
    lines.append(base | ended | {"responseTime": f"«{route.takes}»", "msg": f"request {words}"})
    return "".join(compact(line) + "\n" for line in lines)


def nest_request(rng: random.Random, route: Route, outcome: str) -> str:
    """Nest's ConsoleLogger as text.

    A line from an interceptor, calls to outside systems, and errors with their stack below.
    """
    stamp, where = (
        "[Nest] 4711  - «time»",
        route.path.strip("/").split("/")[1 if route.path.startswith("/api/") else 0].split("?")[0].title(),
    )
    kind, message = rng.choice(ERRORS)
    lines = []
    if route.asks and rng.random() < 0.6:
        lines.append(
            f"{stamp}   DEBUG [{route.asks}Service] {rng.choice(OPERATIONS[route.asks])} completed in «{route.takes}»ms"
        )
    if rng.random() < 0.02:
        lines.append(f"{stamp}    WARN [AuthGuard] JWT verification failed: jwt expired")
    if rng.random() < 0.004:
        lines += [
            f"{stamp}     LOG [ProvisioningService] Object(3) {{",
            "  msg: 'order queued',",
            "  orderId: '«salesforce»',",
            "  attempt: 1",
            "}",
        ]
    if outcome == "failed":
        lines += [f"{stamp}   ERROR [ExceptionsHandler] {kind}: {message}", *(f"    {frame}" for frame in STACK)]
    status = status_of(rng, route, "ok" if outcome == "aborted" else outcome)
    level = "  ERROR" if status >= 500 else "   WARN" if status >= 400 else "    LOG"
    lines.append(f"{stamp} {level} [{where}Controller] {route.method} {route.path} {status} - «{route.takes}»ms")
    return "".join(line + "\n" for line in lines)


def nginx_request(rng: random.Random, route: Route, outcome: str) -> str:
    """nginx: the combined format with `rt=$request_time` behind it. 499 is a client that did not wait."""
    status = 499 if outcome == "aborted" else status_of(rng, route, outcome)
    size = "0" if status in (304, 499) else "«size»"
    origin = rng.choice(("-", "https://portal.example.jp/", "https://portal.example.jp/account/orders"))
    return (
        f'«client» - - [«time»] "{route.method} {route.path} HTTP/1.1" {status} {size} "{origin}" '
        f'"{rng.choice(BROWSERS)}" rt=«{route.takes}»\n'
    )


@cache
def moment(second: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)


@cache
def nest_second(second: int) -> bytes:
    at = moment(second)
    half = "PM" if at.hour >= 12 else "AM"
    return f"{at.month}/{at.day}/{at.year}, {at.hour % 12 or 12}:{at.minute:02}:{at.second:02} {half}".encode()


@cache
def nginx_second(second: int) -> bytes:
    return moment(second).strftime("%d/%b/%Y:%H:%M:%S +0000").encode()


KINDS = {
    "pino": Kind(pino_request, lambda ms: b"%d" % ms, lambda ms: b"%d" % ms, requests_per_s=70, streams=True),
    "nest": Kind(nest_request, lambda ms: nest_second(ms // 1000), lambda ms: b"%d" % ms, requests_per_s=300),
    "nginx": Kind(
        nginx_request, lambda ms: nginx_second(ms // 1000), lambda ms: b"%d.%03d" % divmod(ms, 1000), requests_per_s=300
    ),
}


if __name__ == "__main__":
    generate(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
