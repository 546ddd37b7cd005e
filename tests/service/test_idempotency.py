"""Two requests with one Idempotency-Key at the same moment: one schedule for each end of the first.

The first one is held inside its work by a lock on the user; the second waits for the first one's
key. Which of them waits for what is read from pg_stat_activity, so the order is certain.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from orm_async_tests import db
from tests.processes import until
from tests.service.walkers import POINT

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ :query"
)
KEY, WORK = "INSERT INTO .*idempotency_key", "FROM users"


@pytest.fixture
def lock(tables: db.Database, user: int) -> Iterator[Connection]:
    """A transaction that holds the user, so that no point can be added."""
    engine = create_engine(db.with_driver(tables.url, "psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": user})
        yield connection


@contextmanager
def both_waiting(
    client: httpx.Client, lock: Connection, user: int, key: str
) -> Iterator[tuple[Future[httpx.Response], Future[httpx.Response]]]:
    """Two requests with the same key: the first waits for the user, the second for the key."""

    def post() -> httpx.Response:
        path, headers = f"/users/{user}/points", {"Idempotency-Key": key}
        return client.post(path, json=POINT, headers=headers)

    def waits(query: str) -> bool:
        with lock.engine.connect() as fresh:  # a transaction sees one snapshot of the activity
            return bool(fresh.scalar(WAITING, {"query": query}) == 1)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post)
        until(lambda: waits(WORK))
        second = pool.submit(post)
        until(lambda: waits(KEY))
        yield first, second


def points_of(client: httpx.Client, user: int) -> list[int]:
    """The ids of the user's points."""
    page = client.get(f"/users/{user}/points").raise_for_status().json()
    return [point["id"] for point in page["items"]]


def test_the_second_gets_the_first_ones_answer(
    client: httpx.Client, lock: Connection, user: int
) -> None:
    with both_waiting(client, lock, user, "at-once") as (first, second):
        lock.rollback()
        assert (first.result().status_code, second.result().status_code) == (201, 201)
        assert first.result().json() == second.result().json()
    assert points_of(client, user) == [first.result().json()["id"]]


def test_the_second_does_the_work_if_the_first_one_is_rolled_back(
    client: httpx.Client, lock: Connection, user: int
) -> None:
    with both_waiting(client, lock, user, "first-fails") as (first, second):
        ended = text(WAITING.text.replace("count(*)", "pg_terminate_backend(pid)"))
        with lock.engine.connect() as fresh:
            assert fresh.scalar(ended, {"query": WORK})
        assert first.result().status_code == 503
        lock.rollback()
        assert second.result().status_code == 201
    assert points_of(client, user) == [second.result().json()["id"]]
