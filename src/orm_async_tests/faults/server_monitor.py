"""Asks the server about the connections under test, in a thread with its own event loop.

A fault cannot disturb this separate event loop. The monitor also works while the tested event loop
is blocked.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.postgres import PrivateServer
from orm_async_tests.postgres.cluster import DURABLE

BACKENDS = """
    from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    and application_name = :name
"""
STATES = f"select state {BACKENDS} order by state"
TERMINATE = f"select count(*) filter (where pg_terminate_backend(pid, 5000)) {BACKENDS}"


class ServerMonitor:
    """A separate connection to the server, to observe the connections under test.

    The connections under test have the text `name` as their application_name. Only a private server
    may be killed, because its settings keep everything that was committed.
    """

    def __init__(self, url: URL, private: PrivateServer | None) -> None:
        self.name = f"faults {uuid4().hex[:12]}"
        self.loop = asyncio.new_event_loop()  # of the thread
        self._url = url
        self._private = private
        self._connection: AsyncConnection | None = None

    async def read_states(self) -> list[str]:
        """Return the sorted states of the server processes under test, for example ["active",
        "idle"].
        """
        return [str(state) for (state,) in await self.query(STATES, name=self.name)]

    async def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return a query's rows, without blocking the caller's event loop."""
        return await asyncio.wrap_future(self.submit(self._query(sql, parameters)))

    def terminate_backends(self) -> int:
        """Terminate the server processes under test, and return their number. The call blocks the
        tested event loop.
        """
        [(count,)] = self.submit(self._query(TERMINATE, {"name": self.name})).result()
        return int(count)

    def kill(self) -> None:
        """Kill the private server, and block the event loop until the server is dead."""
        assert self._private is not None
        self.submit(self.disconnect()).result()
        self._private.kill()

    async def restart(self) -> None:
        """Start the killed server again, without blocking the caller's event loop."""
        await asyncio.wrap_future(self.submit(self._restart()))

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the monitor's thread, and return its future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def connect(self) -> None:
        named = db.application_name(self._url.get_driver_name(), f"{self.name} admin")
        engine = create_async_engine(
            self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=named
        )
        self._connection = await engine.connect()

    async def disconnect(self) -> None:
        assert self._connection is not None
        await self._connection.close()

    async def _restart(self) -> None:
        assert self._private is not None
        self._private.start(**DURABLE)
        await self.connect()

    async def _query(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        return [tuple(row) for row in await self._connection.execute(text(sql), parameters)]


@contextmanager
def open_monitor(url: URL, private: PrivateServer | None) -> Iterator[ServerMonitor]:
    """Monitor the server behind this URL while the block runs."""
    monitor = ServerMonitor(url, private)
    thread = threading.Thread(target=monitor.loop.run_forever, name="monitor", daemon=True)
    thread.start()
    try:
        monitor.submit(monitor.connect()).result()
        try:
            yield monitor
        finally:
            monitor.submit(monitor.disconnect()).result()
    finally:
        monitor.loop.call_soon_threadsafe(monitor.loop.stop)
        thread.join()
        monitor.loop.close()
