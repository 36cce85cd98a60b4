"""The portal's customers: what they look at, how often, how long they wait, and what became of every request."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import string
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

CUSTOMERS = 40
REQUESTS_PER_PAGE = 2.26  # measured, with the signing in
EVENT_STREAMS_PER_REQUEST = 1 / 60  # at 12 requests a second about twelve open at any time
HEALTH_CHECK_EVERY_S = 10.0

_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
BROWSERS = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {_APPLE}",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_CHROME} Mobile Safari/537.36",
)


@dataclass
class Customer:
    email: str
    password: str
    sim_id: int
    address: str
    browser: str
    orders: list[dict[str, str]]
    hostile: bool = False
    token: str | None = None
    session: str | None = None
    signing_in: asyncio.Lock = field(default_factory=asyncio.Lock)

    def seed_row(self) -> dict[str, Any]:
        return {"email": self.email, "password": self.password, "simId": self.sim_id, "orders": self.orders}


def invent_customers(chance: random.Random) -> list[Customer]:
    letters = string.ascii_uppercase + string.digits

    def order() -> dict[str, str]:
        return {
            "id": "801AA" + "".join(chance.choices(letters, k=10)) + "IAQ",
            "type": chance.choice(["SIM", "INTERNET", "VPN"]),
        }

    return [
        Customer(
            email=f"customer{number:02}@example.com",
            password="".join(chance.choices(string.ascii_letters, k=12)),
            sim_id=1000 + number,
            address=f"203.0.113.{10 + number}",
            browser=BROWSERS[number % len(BROWSERS)],
            orders=[order() for _ in range(chance.randint(2, 5))],
        )
        for number in range(CUSTOMERS)
    ]


@dataclass
class Request:
    """One request as the customer saw it; times are seconds since the epoch."""

    id: str
    route: str
    started: float
    ended: float = 0.0
    hostile: bool = False  # an attacker's
    outcome: str = "open"  # a status, "aborted" by the customer, or "failed" on the way


def expired_token(secret: str, subject: int) -> str:
    """A token as the BFF would have issued it, an hour too old: somebody comes back to a tab left open."""

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    issued = int(time.time()) - 3900
    header = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": str(subject), "sid": "bGVmdE9w", "iat": issued, "exp": issued + 300}
    signed = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}.{encoded(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


class Traffic:
    """Arrivals do not wait for answers: a slow portal gets as many visitors as a fast one."""

    def __init__(
        self, portal: str, customers: list[Customer], jwt_secret: str, seed: int, requests_per_s: float
    ) -> None:
        self.ledger: list[Request] = []
        self._pages_per_s = requests_per_s / REQUESTS_PER_PAGE
        self._streams_per_s = requests_per_s * EVENT_STREAMS_PER_REQUEST
        self._customers = customers
        self._jwt_secret = jwt_secret
        self._seed = seed
        self._chance = random.Random(seed)
        self._pages: set[asyncio.Task[None]] = set()
        self._streams: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(
            base_url=portal,
            timeout=None,  # patience is the customer's, see _ask
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=40, keepalive_expiry=4),
        )

    async def run(self, seconds: float) -> None:
        """Let customers arrive for so long, then wait for their pages; open event streams are simply left."""
        arrivals = [
            asyncio.create_task(self._arrive(self._pages_per_s, self._page, self._pages)),
            asyncio.create_task(self._arrive(self._streams_per_s, self._event_stream, self._streams)),
            asyncio.create_task(self._check_health()),
        ]
        await asyncio.sleep(seconds)
        await _cancel(arrivals)
        await asyncio.gather(*self._pages)
        await _cancel(list(self._streams))
        await self._client.aclose()

    def move_to(self, portal: str) -> None:
        """From now on requests go there, as a load balancer would send them. Open event streams stay where they are."""
        self._client.base_url = httpx.URL(portal)

    async def stuff_credentials(self) -> None:
        """Try stolen pairs of address and password. One fits, and is used.

        Hastily from one address until that is limited, then slowly from several.
        """
        chance = random.Random(self._seed + 1)
        victim = chance.choice(self._customers)
        addresses = [f"198.51.100.{number}" for number in chance.sample(range(2, 250), 6)]
        for attempt in range(10_000):
            address = addresses[0] if attempt < 35 else chance.choice(addresses)
            fits = attempt == 150
            if fits:
                email, password = victim.email, victim.password
            else:
                password = "".join(chance.choices(string.ascii_lowercase + string.digits, k=9))
                registered = chance.choice(self._customers).email
                stolen = f"{''.join(chance.choices(string.ascii_lowercase, k=6))}{chance.randrange(100)}@example.net"
                email = registered if chance.random() < 0.15 else stolen
            attacker = Customer(
                email, password, victim.sim_id, address, "python-requests/2.32.5", victim.orders, hostile=True
            )
            await self._sign_in(chance, attacker, mistakes=False)
            if attacker.token is not None:
                await self._look_at_everything(chance, attacker)
            await asyncio.sleep(chance.expovariate(1 / (0.7 if attempt < 35 else 1.1)))

    async def _look_at_everything(self, chance: random.Random, customer: Customer) -> None:
        for path in ("/api/billing/invoices", "/api/billing/payment-methods", "/api/orders"):
            await self._get(chance, customer, path)
        for order in customer.orders:
            await self._get(chance, customer, f"/api/orders/{order['id']}", "/api/orders/:id")
        await self._get(chance, customer, f"/api/sim/{customer.sim_id}/usage", "/api/sim/:id/usage")

    # --- who comes when ----------------------------------------------------------------------------------------

    async def _arrive(
        self,
        per_s: float,
        visit: Callable[[random.Random], Coroutine[Any, Any, None]],
        under_way: set[asyncio.Task[None]],
    ) -> None:
        chance = random.Random(self._chance.random())
        due = time.monotonic()
        while True:
            due += chance.expovariate(per_s)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            # Each visit has its own numbers, so that slow answers do not reshuffle the visits after it.
            task = asyncio.create_task(visit(random.Random(chance.random())))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    async def _check_health(self) -> None:
        chance = random.Random(0)
        while True:
            await self._ask(chance, None, "GET", "/health", "/health")
            await asyncio.sleep(HEALTH_CHECK_EVERY_S)

    # --- what they look at -------------------------------------------------------------------------------------

    async def _page(self, chance: random.Random) -> None:
        pages = {
            self._shop: 24,
            self._orders: 17,
            self._billing: 18,
            self._sim: 25,
            self._top_up: 19,
            self._place_order: 4,
            self._come_back: 8,
            self._stray: 1,
        }
        page = chance.choices(list(pages), weights=list(pages.values()))[0]
        customer = chance.choice(self._customers)
        if chance.random() < 0.008:
            customer.token = expired_token(self._jwt_secret, self._customers.index(customer) + 1)
        if customer.token is None and page != self._come_back:
            await self._sign_in(chance, customer)
        await page(chance, customer)

    async def _shop(self, chance: random.Random, customer: Customer) -> None:
        await self._get(chance, customer, "/api/catalog/products")
        products = [f"01tAA{chance.randrange(12):010}QAA" for _ in range(2)]
        await self._together(
            chance,
            customer,
            [(f"/api/catalog/products/{product}", "/api/catalog/products/:id") for product in products],
        )

    async def _orders(self, chance: random.Random, customer: Customer) -> None:
        order = chance.choice(customer.orders)["id"]
        await self._together(
            chance, customer, [("/api/orders", "/api/orders"), (f"/api/orders/{order}", "/api/orders/:id")]
        )

    async def _billing(self, chance: random.Random, customer: Customer) -> None:
        paths = ("/api/billing/invoices", "/api/billing/payment-methods")
        await self._together(chance, customer, [(path, path) for path in paths])

    async def _sim(self, chance: random.Random, customer: Customer) -> None:
        usage = (f"/api/sim/{customer.sim_id}/usage", "/api/sim/:id/usage")
        await self._together(chance, customer, [usage, ("/api/orders", "/api/orders")])

    async def _top_up(self, chance: random.Random, customer: Customer) -> None:
        path = f"/api/sim/{customer.sim_id}/top-up"
        quota = chance.choice([500, 1000, 3000])
        answer = await self._ask(chance, customer, "POST", path, "/api/sim/:id/top-up", {"quotaMb": quota})
        if answer is not None and answer.status_code == 200:
            await self._get(chance, customer, f"/api/sim/{customer.sim_id}/usage", "/api/sim/:id/usage")

    async def _place_order(self, chance: random.Random, customer: Customer) -> None:
        kind = chance.choices(["SIM", "INTERNET", "VPN"], weights=[5, 3, 2])[0]
        await self._ask(chance, customer, "POST", "/api/orders", "/api/orders", {"type": kind})
        await self._get(chance, customer, "/api/orders")

    async def _come_back(self, chance: random.Random, customer: Customer) -> None:
        await self._sign_in(chance, customer, again=True)

    async def _stray(self, chance: random.Random, customer: Customer) -> None:
        """A bookmark that no longer leads anywhere."""
        path, route = chance.choice(
            [
                ("/favicon.ico", "/favicon.ico"),
                ("/api/orders/801AA00000GONEXIAQ", "/api/orders/:id"),
                ("/api/catalog/products/01tAA0000000099QAA", "/api/catalog/products/:id"),
            ]
        )
        await self._get(chance, customer, path, route)

    async def _event_stream(self, chance: random.Random) -> None:
        customer = chance.choice(self._customers)
        if customer.token is None:
            await self._sign_in(chance, customer)
        request = self._note(chance, "GET /api/events")
        headers = {**self._headers(request, customer), "accept": "text/event-stream"}
        async with (
            self._watched(request, patience_s=chance.uniform(20, 120)),
            self._client.stream("GET", "/api/events", headers=headers) as answer,
        ):
            async for _ in answer.aiter_raw():
                pass
            request.outcome = str(answer.status_code)

    async def _sign_in(
        self, chance: random.Random, customer: Customer, again: bool = False, mistakes: bool = True
    ) -> None:
        async with customer.signing_in:  # one form, however many tabs
            if customer.token is not None and not again:
                return
            path = "/api/auth/login"
            if mistakes and chance.random() < 0.04:
                await self._ask(
                    chance, customer, "POST", path, path, {"email": customer.email, "password": "forgotten"}
                )
                await asyncio.sleep(chance.uniform(1, 3))
            credentials = {"email": customer.email, "password": customer.password}
            answer = await self._ask(chance, customer, "POST", path, path, credentials)
            if answer is not None and answer.status_code == 200:
                customer.token = answer.json()["token"]
                customer.session = answer.cookies["portal_session"]

    # --- how they ask ------------------------------------------------------------------------------------------

    async def _together(self, chance: random.Random, customer: Customer, targets: list[tuple[str, str]]) -> None:
        """A page's requests, a few milliseconds apart."""

        async def later(delay_s: float, own: random.Random, path: str, route: str) -> None:
            await asyncio.sleep(delay_s)
            await self._get(own, customer, path, route)

        await asyncio.gather(
            *(later(chance.uniform(0, 0.03), random.Random(chance.random()), path, route) for path, route in targets)
        )

    async def _get(self, chance: random.Random, customer: Customer, path: str, route: str | None = None) -> None:
        await self._ask(chance, customer, "GET", path, route or path)

    async def _ask(
        self,
        chance: random.Random,
        customer: Customer | None,
        method: str,
        path: str,
        route: str,
        body: dict[str, Any] | None = None,
    ) -> httpx.Response | None:
        request = self._note(chance, f"{method} {route}")
        request.hostile = customer is not None and customer.hostile
        answer: httpx.Response | None = None
        async with self._watched(request, patience_s=_patience_s(chance)):
            answer = await self._client.request(method, path, headers=self._headers(request, customer), json=body)
            request.outcome = str(answer.status_code)
        # The store of cookies is shared by all customers here, so each one's session is sent by hand.
        self._client.cookies.clear()
        if answer is not None and answer.status_code == 401 and customer is not None:
            customer.token = None
        return answer

    def _note(self, chance: random.Random, route: str) -> Request:
        # Half a UUID: enough to be unique here, and half the entropy in a log that is kept in a repository.
        request = Request(f"{chance.getrandbits(32):08x}-{chance.getrandbits(16):04x}", route, time.time())
        self.ledger.append(request)
        return request

    @contextlib.asynccontextmanager
    async def _watched(self, request: Request, patience_s: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(patience_s):
                yield
        except TimeoutError:
            request.outcome = "aborted"
        except asyncio.CancelledError:
            request.outcome = "aborted"
            raise
        except httpx.HTTPError:
            request.outcome = "failed"
        finally:
            request.ended = time.time()

    def _headers(self, request: Request, customer: Customer | None) -> dict[str, str]:
        if customer is None:
            return {"x-request-id": request.id, "user-agent": "kube-probe/1.31"}
        headers = {
            "x-request-id": request.id,
            "x-forwarded-for": customer.address,
            "user-agent": customer.browser,
            "accept": "application/json",
        }
        if customer.token is not None:
            headers["authorization"] = f"Bearer {customer.token}"
            headers["cookie"] = f"portal_session={customer.session}"
        return headers


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _patience_s(chance: random.Random) -> float:
    """How long a customer waits before the tab is closed or the page reloaded."""
    kind = chance.random()
    if kind < 0.002:
        return chance.uniform(0.005, 0.1)  # clicked on at once
    if kind < 0.06:
        return chance.uniform(5, 9)
    return 60.0
