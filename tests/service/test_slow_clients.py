"""A client that stalls holds no database connection."""

import json
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from orm_async_tests import db
from orm_async_tests.service.app import create_app
from orm_async_tests.service.settings import Settings
from tests.processes import until
from tests.service.conftest import serve_app
from tests.service.stalled import DOWNLOADS, add_long_track, stalled
from tests.service.walkers import NDJSON, POINT

POOL = 2
STALLED = POOL + 3  # clients
LINES = 101


@pytest.fixture(scope="module")
def app(tables: db.Database) -> FastAPI:
    """The application with a small pool."""
    return create_app(tables.url, Settings(pool_size=POOL, reads=1))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application with a small pool."""
    with serve_app(app) as client:
        yield client


@pytest.fixture(scope="module")
def walker(tables: db.Database, client: httpx.Client) -> int:
    """The id of a user with a long track."""
    user = int(client.post("/users", json={"username": "walker"}).json()["id"])
    add_long_track(tables, user)
    return user


@pytest.mark.parametrize("kind", ["ndjson", "gpx", "bulk", *DOWNLOADS])
def test_stalled_clients_stop_nobody_else(client: httpx.Client, walker: int, kind: str) -> None:
    track = f"{json.dumps(POINT)}\n" * LINES
    with stalled(client.base_url, walker, kind, STALLED):
        until(lambda: "pool_checked_out 0.0" in client.get("/metrics").text)
        user = client.post("/users", json={"username": "ann"}).raise_for_status().json()["id"]
        points = f"/users/{user}/points"
        client.post(f"{points}/ndjson", content=track, headers=NDJSON).raise_for_status()
        client.get(points).raise_for_status()
        lines = client.get(f"/users/{user}/track.ndjson").text.splitlines()
        assert len(lines) == LINES
