"""The service refuses requests that are too slow or too large, and answers other requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from orm_async_tests import db
from orm_async_tests.service.app import create_app
from orm_async_tests.service.settings import Settings
from tests.conftest import make_sync_engine
from tests.processes import WAITED_FOR, until
from tests.service.conftest import serve_app
from tests.service.walkers import GPX, JSON, NDJSON, POINT


@contextmanager
def serve_with(tables: db.Database, **settings: Any) -> Iterator[httpx.Client]:
    """Yield a client of a service with these settings."""
    with serve_app(create_app(tables.url, Settings(**settings))) as client:
        yield client


@pytest.fixture
def lock(tables: db.Database) -> Iterator[Connection]:
    """A connection with a transaction that blocks every statement on users."""
    engine = make_sync_engine(tables)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
        yield connection


def count_waiting(connection: Connection) -> int:
    """Return the number of statements that wait for a lock on a table."""
    return int(connection.scalar(WAITED_FOR, {"locktype": "relation"}) or 0)


def is_busy(response: httpx.Response) -> bool:
    """Return whether the response is a 503 with the header Retry-After."""
    return response.status_code == 503 and response.headers["Retry-After"].isdecimal()


def test_a_statement_that_takes_too_long_is_a_503(tables: db.Database, lock: Connection) -> None:
    with serve_with(tables, statement_timeout=0.1) as client:
        assert is_busy(client.get("/users"))
    lock.rollback()
    with serve_with(tables) as client:
        assert client.get("/users").status_code == 200


@pytest.mark.parametrize(
    "settings", [{"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}, {"max_requests": 1}]
)
def test_one_request_too_many_is_a_503(
    tables: db.Database, lock: Connection, settings: dict[str, Any]
) -> None:
    with serve_with(tables, **settings) as client:
        first = threading.Thread(target=client.get, args=["/users"])
        first.start()
        until(lambda: count_waiting(lock))
        assert is_busy(client.get("/users"))
        assert client.get("/health/live").status_code == 200
        lock.rollback()
        first.join()
        assert client.get("/users").status_code == 200


def test_a_body_that_is_too_long_is_a_413(tables: db.Database) -> None:
    with serve_with(tables, max_body=1000, max_upload=3000) as client:
        user = client.post("/users", json={"username": "walker"}).headers["Location"]
        bodies = [
            ("bulk", JSON, 1001),
            ("ndjson", NDJSON, 2999),
            ("ndjson", NDJSON, 3001),
            ("gpx", GPX, 3001),
        ]
        responses = [
            client.post(f"{user}/points/{kind}", content=b" " * size, headers=media_type)
            for kind, media_type, size in bodies
        ]
        assert [response.status_code for response in responses] == [413, 201, 413, 413]
        assert client.get(f"{user}/points").json()["items"] == []


def test_without_a_database_only_liveness_succeeds(tables: db.Database) -> None:
    nowhere = tables.url.set(query={"host": "/nowhere"})
    with serve_with(db.Database(nowhere, "url", "nowhere")) as client:
        assert client.get("/health/live").status_code == 200
        assert is_busy(client.get("/health/ready"))
        assert is_busy(client.post("/users/1/points", json=POINT))
