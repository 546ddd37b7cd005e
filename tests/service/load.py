"""Two hundred clients at a time: no error but 503, nothing acknowledged is lost, nothing leaks."""

import asyncio
import time
from collections import Counter
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from orm_async_tests import db

CLIENTS, SECONDS = 200, 20.0
POINT = {"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}


class Ledger:
    """What the clients were told."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.acknowledged: set[str] = set()
        self.bare = 0  # answers of 503 without Retry-After

    def note(self, answer: httpx.Response, key: str | None = None) -> bool:
        """Count an answer, and say whether it was a success."""
        self.statuses[answer.status_code] += 1
        self.bare += answer.status_code == 503 and "Retry-After" not in answer.headers
        if key and answer.is_success:
            self.acknowledged.add(key)
        return answer.is_success


async def walk(client: httpx.AsyncClient, ledger: Ledger, until: float) -> None:
    """Make a user, then add points, read pages and change the last point, until the time is up."""
    made = await client.post("/users", json={"username": "walker"})
    if not ledger.note(made):
        return
    points = f"{made.headers['Location']}/points"
    while time.monotonic() < until:
        key = uuid4().hex
        added = await client.post(points, json=POINT, headers={"Idempotency-Key": key})
        if not ledger.note(added, key):
            continue
        ledger.note(await client.get(points, params={"limit": 10}))
        tag = {"If-Match": added.headers["ETag"]}
        ledger.note(await client.patch(added.headers["Location"], json={"lat": 46.5}, headers=tag))


async def loaded(url: str) -> Ledger:
    """What all clients were told."""
    ledger, until = Ledger(), time.monotonic() + SECONDS
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        await asyncio.gather(*(walk(client, ledger, until) for _ in range(CLIENTS)))
    return ledger


async def kept(app: FastAPI) -> set[str]:
    """The keys that the table holds."""
    engine = db.make_engine(app.state.engine.url)
    async with engine.connect() as connection:
        found = await connection.scalars(text("SELECT key FROM service.idempotency_keys"))
    await engine.dispose()
    return set(found)


@pytest.mark.timeout(180)
def test_two_hundred_clients_lose_nothing(app: FastAPI, url: str, client: httpx.Client) -> None:
    ledger = asyncio.run(loaded(url))

    print(f"{sum(ledger.statuses.values()) / SECONDS:.0f} requests a second: {ledger.statuses}")
    assert {status for status in ledger.statuses if status >= 400} <= {503}
    assert ledger.bare == 0
    assert ledger.acknowledged
    assert ledger.acknowledged <= asyncio.run(kept(app))
    assert "pool_checked_out 0.0" in client.get("/metrics").text
