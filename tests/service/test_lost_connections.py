"""A connection may die at any moment: a read is asked again, a write is a 503 at worst."""

import json
from typing import Any

import httpx
from sqlalchemy import NullPool, create_engine, event, text

from orm_async_tests import db
from orm_async_tests.harness.wire.wire import open_wire
from orm_async_tests.scripts.driver.test172_lost_in_set_up import connect_and_lose
from orm_async_tests.service.app import create_app
from orm_async_tests.service.bulk_insert import FEW
from tests.processes import until
from tests.service.conftest import SETTINGS, serve_app
from tests.service.test_limits import busy
from tests.service.walkers import NDJSON, POINT


def loaded(client: httpx.Client, user: int, points: int = 1) -> httpx.Response:
    """The answer to an upload."""
    lines = f"{json.dumps(POINT)}\n" * points
    return client.post(f"/users/{user}/points/ndjson", content=lines, headers=NDJSON)


def terminate(tables: db.Database) -> None:
    """End every connection of the service, as a restarted server does."""
    engine = create_engine(db.with_driver(tables.url, "psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        theirs = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {theirs}")
        )


def test_a_write_gets_no_connection_that_the_server_has_closed(
    tables: db.Database, user: int
) -> None:
    app = create_app(tables.url, SETTINGS)
    with serve_app(app) as client:
        made: list[Any] = []
        engine = app.state.engines.writing.sync_engine
        event.listen(engine, "connect", lambda each, _: made.append(each.driver_connection))
        assert client.post(f"/users/{user}/points", json=POINT).status_code == 201
        terminate(tables)
        until(made[0].is_closed)
        assert client.post(f"/users/{user}/points", json=POINT).status_code == 201


def test_a_read_that_loses_its_connection_is_asked_again(tables: db.Database, user: int) -> None:
    with open_wire(tables.url) as wire:
        assert wire
        with serve_app(create_app(wire.url, SETTINGS)) as client:
            assert client.get("/users").status_code == 200
            wire.lose_answer(to="string_agg")
            assert client.get(f"/users/{user}/points").status_code == 200
            assert wire.awaited_word == b""


def test_a_connection_that_dies_while_it_is_set_up_is_a_503(tables: db.Database, user: int) -> None:
    app = create_app(tables.url, SETTINGS)
    with serve_app(app) as client:
        engine = app.state.engines.writing.sync_engine
        event.listen(engine, "do_connect", connect_and_lose, once=True)
        assert busy(loaded(client, user))
        assert loaded(client, user).status_code == 201


def test_a_connection_that_dies_in_copy_is_a_503(tables: db.Database, user: int) -> None:
    with open_wire(tables.url) as wire:
        assert wire
        with serve_app(create_app(wire.url, SETTINGS)) as client:
            wire.lose_answer(to="COPY ")
            assert busy(loaded(client, user, FEW + 1))
            assert wire.awaited_word == b""
            assert loaded(client, user, FEW + 1).status_code == 201
