"""What the server says of the connections under test, asked from a thread of its own.

Its answers do not depend on the event loop that a fault was injected into, and a question may be
asked while that loop stands still.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.postgres import PrivateServer
from orm_async_tests.postgres.cluster import DURABLE

THEIRS = """
    from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    and application_name = :name
"""
STATES = f"select state {THEIRS} order by state"
TERMINATE = f"select count(*) filter (where pg_terminate_backend(pid, 5000)) {THEIRS}"


class Server:
    """A connection beside those under test, which have this name in pg_stat_activity.

    A private server may be killed. It runs with settings that keep what was committed.
    """

    def __init__(self, url: URL, name: str, private: PrivateServer | None = None) -> None:
        self.name = name
        self._url = url
        self._private = private
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server", daemon=True)
        self._connection: AsyncConnection | None = None

    async def states(self) -> list[str]:
        """The states of the backends under test, such as "idle in transaction", sorted."""
        return [str(state) for (state,) in await self.rows(STATES, name=self.name)]

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; the event loop goes on meanwhile."""
        return await asyncio.wrap_future(self._asked(self._rows(sql, values)))

    def terminate(self) -> int:
        """End the backends under test, and say how many they were; the event loop stands still."""
        [(count,)] = self._asked(self._rows(TERMINATE, {"name": self.name})).result()
        return int(count)

    def kill(self) -> None:
        """Kill it, and all its connections; the event loop stands still."""
        assert self._private is not None
        self._asked(self._close()).result()
        self._private.kill()

    async def start(self) -> None:
        """Start it again after a kill; the event loop goes on meanwhile."""
        await asyncio.wrap_future(self._asked(self._start()))

    def open(self) -> None:
        """Start the thread, and connect."""
        self._thread.start()
        try:
            self._asked(self._open()).result()
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Disconnect, and end the thread."""
        self._asked(self._close()).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _asked(self, question: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(question, self._loop)

    async def _open(self) -> None:
        named = db.application_name(self._url.get_driver_name(), f"{self.name} admin")
        engine = create_async_engine(
            self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=named
        )
        self._connection = await engine.connect()

    async def _start(self) -> None:
        assert self._private is not None
        self._private.start(**DURABLE)
        await self._open()

    async def _rows(self, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        return [tuple(row) for row in await self._connection.execute(text(sql), values)]

    async def _close(self) -> None:
        assert self._connection is not None
        await self._connection.close()


@contextmanager
def asked(url: URL, name: str, private: PrivateServer | None = None) -> Iterator[Server]:
    """The server behind a URL, for as long as the block runs."""
    server = Server(url, name, private)
    server.open()
    try:
        yield server
    finally:
        server.close()
