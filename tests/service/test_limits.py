"""Whoever asks for too much, or too long, is told so, and the others go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from orm_async_tests import db
from orm_async_tests.service.app import create_app
from orm_async_tests.service.settings import Settings
from tests.processes import WAITED_FOR, until
from tests.service.conftest import serve_app
from tests.service.walkers import GPX, JSON, NDJSON, POINT


@contextmanager
def limited(tables: db.Database, **limits: Any) -> Iterator[httpx.Client]:
    """A client of a service with these settings."""
    with serve_app(create_app(tables.url, Settings(**limits))) as client:
        yield client


@pytest.fixture
def held(tables: db.Database) -> Iterator[Connection]:
    """A transaction that keeps everybody from writing users."""
    engine = create_engine(db.with_driver(tables.url, "psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
        yield connection


def waiting(connection: Connection) -> int:
    """How many locks are waited for."""
    return int(connection.scalar(WAITED_FOR, {"locktype": "relation"}) or 0)


def busy(answer: httpx.Response) -> bool:
    """Whether it says: not now, but soon."""
    return answer.status_code == 503 and answer.headers["Retry-After"].isdecimal()


def test_a_statement_that_takes_too_long_is_a_503(tables: db.Database, held: Connection) -> None:
    with limited(tables, statement_timeout=0.1) as client:
        assert busy(client.get("/users"))
        held.rollback()
        assert client.get("/users").status_code == 200


@pytest.mark.parametrize(
    "limits", [{"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}, {"max_requests": 1}]
)
def test_one_request_too_many_is_a_503(
    tables: db.Database, held: Connection, limits: dict[str, Any]
) -> None:
    with limited(tables, **limits) as client:
        first = threading.Thread(target=client.get, args=["/users"])
        first.start()
        until(lambda: waiting(held))
        assert busy(client.get("/users"))
        assert client.get("/health/live").status_code == 200
        held.rollback()
        first.join()
        assert client.get("/users").status_code == 200


def test_a_body_that_is_too_long_is_a_413(tables: db.Database) -> None:
    with limited(tables, max_body=1000, max_upload=3000) as client:
        user = client.post("/users", json={"username": "walker"}).headers["Location"]
        bodies = [("bulk", JSON, 1001), ("ndjson", NDJSON, 2999), ("ndjson", NDJSON, 3001)]
        statuses = [
            client.post(f"{user}/points/{kind}", content=b" " * size, headers=of).status_code
            for kind, of, size in [*bodies, ("gpx", GPX, 3001)]
        ]
        assert statuses == [413, 201, 413, 413]
        assert client.get(f"{user}/points").json()["items"] == []


def test_a_service_whose_database_is_away_says_so(tables: db.Database) -> None:
    nowhere = tables.url.set(query={"host": "/nowhere"})
    with limited(db.Database(nowhere, "url", "nowhere")) as client:
        assert client.get("/health/live").status_code == 200
        assert busy(client.get("/health/ready"))
        assert busy(client.post("/users/1/points", json=POINT))
