"""Two simultaneous requests with one Idempotency-Key, for every end of the first request.

A lock on the user stops the first request, and the second request waits behind the first. The tests
read from pg_stat_activity which request waits, so the order is certain.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Connection, text

from orm_async_tests import db
from orm_async_tests.service.bulk_insert import FEW
from tests.conftest import make_sync_engine
from tests.processes import until
from tests.service.walkers import POINT

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event = :event"
)
HOLDER, TURN = "transactionid", "tuple"  # waits for the lock's owner; waits behind others
USED = text(
    "INSERT INTO service.idempotency_keys (key, request, answer) VALUES (:key, 'other', '{}')"
)
MORE = [POINT] * (FEW + 1)  # the service adds so many points with COPY
SENT = {"points": POINT, "points/bulk": [POINT], "points/bulk?more": MORE}
ADDED = {"points": 1, "points/bulk": 1, "points/bulk?more": len(MORE)}


@pytest.fixture
def lock(tables: db.Database, user: int) -> Iterator[Connection]:
    """A transaction that locks the user, so that no request can add a point."""
    engine = make_sync_engine(tables)
    with engine.connect() as connection:
        connection.execute(text("SELECT FROM users WHERE id = :id FOR UPDATE"), {"id": user})
        yield connection


@contextmanager
def both_waiting(
    client: httpx.Client, lock: Connection, user: int, path: str
) -> Iterator[tuple[Future[httpx.Response], Future[httpx.Response]]]:
    """Start two requests with one key: one waits for the user, and one for the first request."""
    headers = {"Idempotency-Key": uuid4().hex}

    def post() -> httpx.Response:
        return client.post(f"/users/{user}/{path}", json=SENT[path], headers=headers)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post)
        until(lambda: waits(lock, HOLDER))
        second = pool.submit(post)
        until(lambda: waits(lock, TURN))
        yield first, second


def waits(lock: Connection, event: str) -> bool:
    """Return whether a backend waits for this lock."""
    with lock.engine.connect() as fresh:  # a transaction sees one snapshot of the activity
        return bool(fresh.scalar(WAITING, {"event": event}) == 1)


def added(client: httpx.Client, user: int) -> int:
    """Return the number of the user's points."""
    track = client.get(f"/users/{user}/track.ndjson").raise_for_status()
    return len(track.text.splitlines())


@pytest.mark.parametrize("path", SENT)
def test_the_second_gets_the_first_ones_answer(
    client: httpx.Client, lock: Connection, user: int, path: str
) -> None:
    with both_waiting(client, lock, user, path) as (first, second):
        lock.rollback()
        assert (first.result().status_code, second.result().status_code) == (201, 201)
        assert first.result().json() == second.result().json()
    assert added(client, user) == ADDED[path]


@pytest.mark.parametrize("path", SENT)
def test_the_second_does_the_work_if_the_first_one_is_rolled_back(
    client: httpx.Client, lock: Connection, user: int, path: str
) -> None:
    with both_waiting(client, lock, user, path) as (first, second):
        ended = text(WAITING.text.replace("count(*)", "pg_terminate_backend(pid)"))
        with lock.engine.connect() as fresh:
            assert fresh.scalar(ended, {"event": HOLDER})
        assert first.result().status_code == 503
        lock.rollback()
        assert second.result().status_code == 201
    assert added(client, user) == ADDED[path]


@pytest.mark.parametrize("path", SENT)
def test_what_is_made_before_another_has_used_the_key_is_taken_back(
    client: httpx.Client, lock: Connection, user: int, path: str
) -> None:
    lock.rollback()  # the user is free, and the key is not
    key = uuid4().hex
    lock.execute(USED, {"key": key})
    with ThreadPoolExecutor(1) as pool:
        headers = {"Idempotency-Key": key}
        sent = pool.submit(client.post, f"/users/{user}/{path}", json=SENT[path], headers=headers)
        until(lambda: waits(lock, HOLDER))
        lock.commit()
        assert sent.result().status_code == 409
    assert added(client, user) == 0
