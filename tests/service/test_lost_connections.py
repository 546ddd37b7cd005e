"""After a lost connection, the service repeats a read, and answers a write or returns 503."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from orm_async_tests import db
from orm_async_tests.harness.wire.wire import open_wire
from orm_async_tests.scripts.driver.test172_lost_in_set_up import connect_and_lose
from orm_async_tests.service.app import create_app
from orm_async_tests.service.bulk_insert import FEW
from orm_async_tests.service.state import state_of
from tests.conftest import execute
from tests.processes import until
from tests.service.conftest import SETTINGS, serve_app
from tests.service.test_limits import is_busy
from tests.service.walkers import NDJSON, POINT

LISTENER_PIDS = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE '%listener'"
)


def upload(client: httpx.Client, user: int, points: int = 1) -> httpx.Response:
    """Upload this number of points, and return the response."""
    lines = f"{json.dumps(POINT)}\n" * points
    return client.post(f"/users/{user}/points/ndjson", content=lines, headers=NDJSON)


def terminate(tables: db.Database, pid: int) -> None:
    """Terminate a backend, as a restart of the server does."""
    execute(tables, f"SELECT pg_terminate_backend({pid})")


def terminate_listeners(tables: db.Database) -> None:
    """Terminate the backends that notify services of new points."""
    execute(tables, f"SELECT count(pg_terminate_backend(pid)) FROM ({LISTENER_PIDS}) AS listener")


def test_a_write_gets_no_connection_that_the_server_has_closed(
    tables: db.Database, user: int
) -> None:
    app = create_app(tables.url, SETTINGS)
    connections: list[Any] = []
    with serve_app(app) as client:
        engine = state_of(app).primary.engine.sync_engine
        event.listen(engine, "connect", lambda dbapi, _: connections.append(dbapi))
        assert client.post(f"/users/{user}/points", json=POINT).status_code == 201
        [driver] = [dbapi.driver_connection for dbapi in connections]
        terminate(tables, driver.get_server_pid())
        until(driver.is_closed)
        assert client.post(f"/users/{user}/points", json=POINT).status_code == 201


def receive_fatal_error(connection: Any, *_: object) -> None:
    """Let a connection receive the server's last message before the end of the stream."""
    driver = connection.driver_connection
    fields = "SFATAL", "VFATAL", "C57P01", "Mterminating connection", ""
    content = b"".join(field.encode() + b"\0" for field in fields)
    message = b"E" + (len(content) + 4).to_bytes(4, "big") + content
    driver._protocol.data_received(message)
    driver._transport.close()


def test_a_connection_that_the_server_is_about_to_close_is_a_503_for_a_write_alone(
    tables: db.Database, user: int
) -> None:
    app = create_app(tables.url, SETTINGS)
    with serve_app(app) as client:
        pool = state_of(app).primary.engine.sync_engine
        event.listen(pool, "checkout", receive_fatal_error, once=True)
        assert is_busy(client.post(f"/users/{user}/points", json=POINT))
        event.listen(pool, "checkout", receive_fatal_error, once=True)
        assert client.get(f"/users/{user}/points").status_code == 200
        assert client.post(f"/users/{user}/points", json=POINT).status_code == 201


def test_the_listener_connects_again_if_the_server_is_about_to_close_its_connection(
    tables: db.Database, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_app(tables.url, SETTINGS)
    with serve_app(app):
        until(state_of(app).hub.is_listening.is_set)
        state_of(app).hub.is_listening.clear()
        listening = state_of(app).listening.sync_engine
        event.listen(listening, "checkout", receive_fatal_error, once=True)
        terminate_listeners(tables)
        until(state_of(app).hub.is_listening.is_set)
    assert capsys.readouterr().err.count("without LISTEN") == 1


def test_a_read_that_loses_its_connection_is_repeated(tables: db.Database, user: int) -> None:
    with open_wire(tables.url) as wire:
        assert wire
        with serve_app(create_app(wire.url, SETTINGS)) as client:
            assert client.get("/users").status_code == 200
            wire.lose_answer(to="string_agg")
            assert client.get(f"/users/{user}/points").status_code == 200
            assert wire.awaited_word == b""


def test_a_connection_that_is_lost_while_it_is_set_up_is_a_503(
    tables: db.Database, user: int
) -> None:
    app = create_app(tables.url, SETTINGS)
    with serve_app(app) as client:
        engine = state_of(app).primary.engine.sync_engine
        event.listen(engine, "do_connect", connect_and_lose, once=True)
        assert is_busy(upload(client, user))
        assert upload(client, user).status_code == 201


def test_a_connection_that_is_lost_during_copy_is_a_503(tables: db.Database, user: int) -> None:
    with open_wire(tables.url) as wire:
        assert wire
        with serve_app(create_app(wire.url, SETTINGS)) as client:
            wire.lose_answer(to="COPY ")
            assert is_busy(upload(client, user, FEW + 1))
            assert wire.awaited_word == b""
            assert upload(client, user, FEW + 1).status_code == 201
