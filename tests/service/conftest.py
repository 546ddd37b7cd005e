"""The service on a TCP socket, with a migrated database for each module of tests."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from orm_async_tests import db, migrations
from orm_async_tests.service.app import create_app
from orm_async_tests.service.connection import Connection
from orm_async_tests.service.settings import Settings
from tests.conftest import create_database

SETTINGS = Settings(live_for=1.0)


class Server(uvicorn.Server):
    """A server in a thread, which sets `listening` and leaves the signals to pytest."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(app, http=Connection, port=0, log_level="warning", lifespan="on")
        )
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and set `listening`."""
        await super().startup(sockets)
        self.listening.set()

    @property
    def url(self) -> str:
        """The URL at which the server listens."""
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def serve_app(app: FastAPI) -> Iterator[httpx.Client]:
    """Serve an application in a thread, and yield a client of it."""
    server = Server(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(30)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


async def _migrate(database: db.Database) -> None:
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        await migrations.upgrade_async(connection, *migrations.HISTORIES.values())


@contextmanager
def create_migrated_database() -> Iterator[db.Database]:
    """Create a database with the tables of both histories and no rows; drop it afterwards."""
    with create_database() as database:
        asyncio.run(_migrate(database))
        yield database


@pytest.fixture(scope="module")
def tables(home: object) -> Iterator[db.Database]:
    """The migrated database of a module's tests."""
    with create_migrated_database() as database:
        yield database


@pytest.fixture(scope="module")
def app(tables: db.Database) -> FastAPI:
    """The service's application."""
    return create_app(tables.url, SETTINGS)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the service."""
    with serve_app(app) as client:
        yield client


@pytest.fixture
def user(client: httpx.Client) -> int:
    """The id of a new user."""
    return int(client.post("/users", json={"username": "walker"}).raise_for_status().json()["id"])
