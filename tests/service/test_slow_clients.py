"""A stalled client occupies no database connection, and the service closes its connection."""

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from logging.handlers import BufferingHandler

import httpx
import pytest
from fastapi import FastAPI

from orm_async_tests import db
from orm_async_tests.service.app import create_app
from orm_async_tests.service.bulk_insert import FEW
from orm_async_tests.service.connection import Connection
from orm_async_tests.service.settings import Settings
from orm_async_tests.service.state import state_of
from tests.processes import DEADLINE, until
from tests.service.conftest import serve_app
from tests.service.stalled import add_long_track, stalled, start_download, start_upload
from tests.service.walkers import NDJSON, POINT

POOL = 2
STALLED = POOL + 3  # clients
UPLOADS, DOWNLOADS = ["ndjson", "gpx"], ["track.ndjson", "track.geojson", "live"]
KINDS = {  # the limits that count the requests
    **dict.fromkeys(UPLOADS, "uploads"),
    **dict.fromkeys(DOWNLOADS, "streams"),
    "bulk": "requests",
}


@pytest.fixture(scope="module")
def app(tables: db.Database) -> FastAPI:
    """The application with a small pool, which closes no connection of a stalled client."""
    settings = Settings(pool_size=POOL, reads=1, receive_timeout=DEADLINE, send_timeout=DEADLINE)
    return create_app(tables.url, settings)


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


IMPATIENT = Settings(send_timeout=0.1, receive_timeout=0.1, receive_rate=1, max_uploads=2)


class WaitForHead(Connection):
    """A connection that waits for the head of a request, so that only the body is late."""

    def _start_head_timer(self) -> None:
        pass


class HeadInTime(Connection):
    """A connection that waits for the head of a request only when it has come.

    The first head always comes in time, and the connection must then stop to wait.
    """

    _has_come = False

    def data_received(self, data: bytes) -> None:
        if not self._has_come:
            self._has_come = True
            self._start_head_timer()
        super().data_received(data)

    def _start_head_timer(self) -> None:
        if self._has_come:
            super()._start_head_timer()


@pytest.fixture(scope="module")
def impatient(tables: db.Database) -> Iterator[tuple[FastAPI, httpx.Client]]:
    """A service that soon closes a connection if the body of a request is late."""
    app = create_app(tables.url, IMPATIENT)
    with serve_app(app, WaitForHead) as client:
        yield app, client


@pytest.fixture(scope="module")
def impatient_for_heads(tables: db.Database) -> Iterator[httpx.URL]:
    """The URL of a service that soon closes a connection if the head of a request is late."""
    with serve_app(create_app(tables.url, IMPATIENT)) as client:
        yield client.base_url


@pytest.mark.parametrize("kind", KINDS)
def test_stalled_clients_stop_nobody_else(
    app: FastAPI, client: httpx.Client, walker: int, kind: str
) -> None:
    running = KINDS[kind]
    track = f"{json.dumps(POINT)}\n" * (FEW + 1)
    with stalled(client.base_url, walker, kind, STALLED):
        until(lambda: state_of(app).running[running] == STALLED)
        until(lambda: all("pool_checked_out 0.0" in client.get("/metrics").text for _ in range(10)))
        user = client.post("/users", json={"username": "ann"}).raise_for_status().json()["id"]
        points = f"/users/{user}/points"
        client.post(f"{points}/ndjson", content=track, headers=NDJSON).raise_for_status()
        client.get(points).raise_for_status()
        lines = client.get(f"/users/{user}/track.ndjson").text.splitlines()
        assert len(lines) == FEW + 1
        until(lambda: state_of(app).running[running] == STALLED)
    until(lambda: not state_of(app).running[running])


def test_a_client_that_does_not_read_loses_its_connection(
    impatient: tuple[FastAPI, httpx.Client], walker: int
) -> None:
    app, client = impatient
    for kind in DOWNLOADS:
        with start_download(client.base_url, walker, kind):
            until(lambda: not state_of(app).running["streams"])  # it was counted before it answered


@pytest.mark.parametrize("kind", [*UPLOADS, "bulk", ""])
def test_a_body_that_does_not_come_is_a_408(
    impatient: tuple[FastAPI, httpx.Client], walker: int, kind: str
) -> None:
    with start_upload(impatient[1].base_url, walker, kind) as connection:
        answer = connection.makefile("rb").read()
    assert b"HTTP/1.1 408 " in answer
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("data", [b"", b"GET /health/live HTTP/1.1\r\nHost: local"])
def test_a_client_that_sends_no_complete_head_loses_its_connection(
    impatient_for_heads: httpx.URL, data: bytes
) -> None:
    url = impatient_for_heads
    with socket.create_connection((url.host, url.port or 80), timeout=DEADLINE) as connection:
        connection.sendall(data)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""


def test_a_client_may_send_a_second_request_after_a_pause(
    tables: db.Database, impatient: tuple[FastAPI, httpx.Client], walker: int
) -> None:
    with (
        serve_app(create_app(tables.url, IMPATIENT), HeadInTime) as client,
        closing(HTTPConnection(client.base_url.host, client.base_url.port)) as connection,
    ):
        connection.connect()
        connection.auto_open = 0  # a closed connection is an error
        for _ in range(2):
            connection.request("GET", "/health/live")
            with connection.getresponse() as response:
                assert response.status == 200
                response.read()
            with start_upload(impatient[1].base_url, walker, "ndjson") as silent:
                assert b" 408 " in silent.makefile("rb").read()  # receive_timeout has passed


def test_a_body_has_more_time_the_more_of_it_has_come(
    impatient: tuple[FastAPI, httpx.Client], walker: int
) -> None:
    url = impatient[1].base_url
    with start_upload(url, walker, "ndjson", b" " * 999) as sending:
        with start_upload(url, walker, "ndjson") as silent:
            assert b" 408 " in silent.makefile("rb").read()
        sending.sendall(b"\n")
        while b" 201 " not in (part := sending.recv(1000)):
            assert part


def test_an_upload_too_many_is_a_503_and_others_are_served(
    tables: db.Database, walker: int
) -> None:
    app = create_app(tables.url, Settings(max_uploads=1, max_streams=1))
    with serve_app(app) as client, start_upload(client.base_url, walker, "gpx"):
        points = f"/users/{walker}/points"
        refused = client.post(f"{points}/ndjson", content=b"", headers=NDJSON)
        assert refused.status_code == 503
        with start_download(client.base_url, walker, "live"):
            assert client.get(f"/users/{walker}/track.ndjson").status_code == 503
            assert client.post(points, json=POINT).status_code == 201


@pytest.fixture
def log() -> Iterator[list[logging.LogRecord]]:
    """The log of uvicorn and the service."""
    logger = logging.getLogger("uvicorn.error")
    handler = BufferingHandler(capacity=1000)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.buffer
    logger.setLevel(level)
    logger.removeHandler(handler)


@pytest.mark.parametrize("kind", [*UPLOADS, "bulk"])
def test_a_client_that_leaves_an_upload_is_one_line_of_the_log(
    app: FastAPI, client: httpx.Client, walker: int, kind: str, log: list[logging.LogRecord]
) -> None:
    with start_upload(client.base_url, walker, kind):
        pass
    until(lambda: log and not state_of(app).running.total())
    place = f"POST /users/{walker}/points/{kind}"
    lines = [(record.levelname, record.getMessage()) for record in log]
    assert lines == [
        ("INFO", f"during {place}, the client disconnected after sending 0 bytes of the body")
    ]
