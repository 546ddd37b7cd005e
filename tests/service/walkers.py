"""Clients that record walks: they add points with keys, and repeat a request until it succeeds."""

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
PAUSE = 0.1  # seconds before a client repeats a request; it ignores Retry-After


class Ledger:
    """What the service has told its clients."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.users: set[str] = set()  # keys of acknowledged requests
        self.points: set[str] = set()
        self.more = asyncio.Event()  # set at every acknowledgment
        self.bare = 0  # responses of 503 without Retry-After
        self.lost = 0  # requests without a response

    def note(self, answer: httpx.Response) -> httpx.Response:
        """Count a response, and return it."""
        self.statuses[answer.status_code] += 1
        self.bare += answer.status_code == 503 and "Retry-After" not in answer.headers
        return answer

    async def send(self, client: httpx.AsyncClient, *request: Any, **more: Any) -> httpx.Response:
        """Send a request until the response is not a 503, and return it."""
        while True:
            try:
                answer = self.note(await client.request(*request, **more))
                if answer.status_code != 503:
                    return answer
            except httpx.TransportError:
                self.lost += 1
            await asyncio.sleep(PAUSE)

    async def add(
        self, client: httpx.AsyncClient, path: str, document: Any, keys: set[str]
    ) -> httpx.Response:
        """POST a document with a new key, which joins `keys`, and return the response."""
        key = uuid4().hex
        headers = {"Idempotency-Key": key}
        answer = await self.send(client, "POST", path, json=document, headers=headers)
        answer.raise_for_status()
        keys.add(key)
        self.more.set()
        return answer


async def walk(client: httpx.AsyncClient, ledger: Ledger, is_over: Callable[[], bool]) -> None:
    """Create a user, then add points, read pages and change the last point until it is over."""
    created = await ledger.add(client, "/users", {"username": "walker"}, ledger.users)
    points = f"{created.headers['Location']}/points"
    while not is_over():
        added = await ledger.add(client, points, POINT, ledger.points)
        await ledger.send(client, "GET", points, params={"limit": 10})
        tag = {"If-Match": added.headers["ETag"]}
        where = added.headers["Location"]
        await ledger.send(client, "PATCH", where, json={"lat": 46.5}, headers=tag)


async def run_walkers(
    url: str,
    clients: int,
    seconds: float,
    meanwhile: Callable[[Ledger], Awaitable[None]] | None = None,
) -> Ledger:
    """Let clients walk for some seconds, and on until `meanwhile` has ended; return the ledger."""
    ledger, began = Ledger(), time.monotonic()
    crash = asyncio.ensure_future(meanwhile(ledger)) if meanwhile else None

    def is_over() -> bool:
        return time.monotonic() >= began + seconds and (crash is None or crash.done())

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        await asyncio.gather(*(walk(client, ledger, is_over) for _ in range(clients)))
    if crash is not None:
        await crash
    rate = sum(ledger.statuses.values()) / (time.monotonic() - began)
    print(f"{rate:.0f} answers a second: {ledger.statuses}")
    return ledger


async def read_stored(url: URL) -> tuple[set[str], int]:
    """Return the keys and the number of points in the database."""
    engine = create_async_engine(url)
    async with AsyncSession(engine) as session:
        keys = set(await session.scalars(select(IdempotencyKey.key)))
        points = (await session.scalars(select(func.count(TrackPoint.id)))).one()
    await engine.dispose()
    return keys, points
