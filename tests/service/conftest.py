"""Fixtures that run the service on a real socket, with a migrated database for tests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from orm_async_tests import db, migrations
from orm_async_tests.service.app import create_app
from orm_async_tests.service.connection import Connection
from orm_async_tests.service.serve import bind
from orm_async_tests.service.settings import Settings
from tests.conftest import create_database
from tests.processes import DEADLINE

SETTINGS = Settings(live_for=1.0)


class Server(uvicorn.Server):
    """A server that runs in a thread and has no signal handlers."""

    def __init__(self, app: FastAPI, connection: type[Connection]) -> None:
        config = uvicorn.Config(
            app,
            http=connection,
            log_level="warning",
            lifespan="on",
            timeout_keep_alive=int(DEADLINE),  # no test depends on the pace of its client
        )
        super().__init__(config)
        self.is_listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the server, and set `is_listening`."""
        await super().startup(sockets)
        self.is_listening.set()

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def serve_app(app: FastAPI, connection: type[Connection] = Connection) -> Iterator[httpx.Client]:
    """Serve the application in a thread, and yield a client."""
    server = Server(app, connection)
    listener = bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert server.is_listening.wait(DEADLINE)
        with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def tables(home: object) -> Iterator[db.Database]:
    """A database with the service's tables, which all tests of a worker share."""
    with create_database(*migrations.HISTORIES.values()) as database:
        yield database


@pytest.fixture(scope="session")
def app(tables: db.Database) -> FastAPI:
    """The application, which all tests of a worker share."""
    return create_app(tables.url, SETTINGS)


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """An HTTP client of the application."""
    with serve_app(app) as client:
        yield client


@pytest.fixture
def user(client: httpx.Client) -> int:
    """The id of a new user without points."""
    return int(client.post("/users", json={"username": "walker"}).raise_for_status().json()["id"])


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of embedded servers for one test. The servers stop as soon as nobody uses them."""
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORM_ASYNC_IDLE", "0")
    return tmp_path / "home"
