"""Clients that add points with idempotency keys, and repeat each request until it succeeds."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import URL, func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from orm_async_tests.models import TrackPoint
from orm_async_tests.service.idempotency_table import IdempotencyKey

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
GPX = {"Content-Type": "application/gpx+xml"}
POINT = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}
RETRY_DELAY = 0.1  # seconds, although Retry-After asks for more


class Ledger:
    """The responses that clients have received."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.users: set[str] = set()  # keys of the acknowledged requests
        self.points: set[str] = set()
        self.without_retry_after = 0  # responses with status 503
        self.lost = 0  # requests without a response
        self._point_added = asyncio.Event()

    async def wait_for_point(self) -> None:
        """Wait until another point is acknowledged."""
        self._point_added.clear()
        await self._point_added.wait()

    def count(self, response: httpx.Response) -> None:
        """Count a response."""
        self.statuses[response.status_code] += 1
        busy = response.status_code == 503
        self.without_retry_after += busy and "Retry-After" not in response.headers

    async def request(
        self, client: httpx.AsyncClient, method: str, path: str, **arguments: Any
    ) -> httpx.Response:
        """Repeat a request until its status is not 503, and return the response."""
        while True:
            try:
                response = await client.request(method, path, **arguments)
                self.count(response)
                if response.status_code != 503:
                    return response
            except httpx.TransportError:
                self.lost += 1
            await asyncio.sleep(RETRY_DELAY)

    async def create(self, client: httpx.AsyncClient, path: str, document: Any) -> httpx.Response:
        """Create a user or a point with a new key, record the key, and return the response."""
        key = uuid4().hex
        headers = {"Idempotency-Key": key}
        response = await self.request(client, "POST", path, json=document, headers=headers)
        response.raise_for_status()
        if path == "/users":
            self.users.add(key)
        else:
            self.points.add(key)
            self._point_added.set()
        return response


async def walk(client: httpx.AsyncClient, ledger: Ledger, is_over: Callable[[], bool]) -> None:
    """Create a user, then add points, read pages and change the newest point until the end."""
    user = await ledger.create(client, "/users", {"username": "walker"})
    points = f"{user.headers['Location']}/points"
    while not is_over():
        point = (await ledger.create(client, points, POINT)).headers
        await ledger.request(client, "GET", points, params={"limit": 10})
        if_match = {"If-Match": point["ETag"]}
        await ledger.request(
            client, "PATCH", point["Location"], json={"lat": 46.5}, headers=if_match
        )


async def run_walkers(
    url: str,
    clients: int,
    seconds: float,
    meanwhile: Callable[[Ledger], Awaitable[None]] | None = None,
) -> Ledger:
    """Run clients for some seconds and until `meanwhile` has ended, and return the ledger."""
    ledger, began = Ledger(), time.monotonic()
    crash = asyncio.ensure_future(meanwhile(ledger)) if meanwhile else None

    def is_over() -> bool:
        return time.monotonic() >= began + seconds and (crash is None or crash.done())

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        await asyncio.gather(*(walk(client, ledger, is_over) for _ in range(clients)))
    if crash is not None:
        await crash
    rate = ledger.statuses.total() / (time.monotonic() - began)
    print(f"{rate:.0f} responses per second: {ledger.statuses}; {ledger.lost} requests lost")
    return ledger


async def read_rows(url: URL) -> tuple[set[str], int]:
    """Return the keys in the database, and the number of its points."""
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        keys = set(await session.scalars(select(IdempotencyKey.key)))
        points = (await session.scalars(select(func.count(TrackPoint.id)))).one()
    await engine.dispose()
    return keys, points
