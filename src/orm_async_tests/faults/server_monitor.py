"""Ask the server about the connections under test, from a thread with a separate event loop.

The answers do not depend on the event loop that a fault is injected into, and the monitor can be
used while that loop is blocked.
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

BACKENDS = """
    from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    and application_name = :name
"""
STATES = f"select state {BACKENDS} order by state"
TERMINATE = f"select count(*) filter (where pg_terminate_backend(pid, 5000)) {BACKENDS}"


class ServerMonitor:
    """A separate connection to the server, which watches the connections under test.

    The connections under test have `name` as their application_name. Only a private server may be
    killed; its settings keep everything that was committed.
    """

    def __init__(self, url: URL, name: str, private: PrivateServer | None = None) -> None:
        self.name = name
        self._url = url
        self._private = private
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="monitor", daemon=True)
        self._connection: AsyncConnection | None = None

    async def read_states(self) -> list[str]:
        """Return the sorted states of the backends under test, for example ["active", "idle"]."""
        return [str(state) for (state,) in await self.query(STATES, name=self.name)]

    async def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query while the calling event loop goes on."""
        return await asyncio.wrap_future(self._submit(self._query(sql, parameters)))

    def terminate_backends(self) -> int:
        """Terminate the backends under test and return their number, blocking the event loop."""
        [(count,)] = self._submit(self._query(TERMINATE, {"name": self.name})).result()
        return int(count)

    def kill(self) -> None:
        """Kill the private server, blocking the event loop."""
        assert self._private is not None
        self._submit(self._disconnect()).result()
        self._private.kill()

    async def restart(self) -> None:
        """Start the killed server again while the calling event loop goes on."""
        await asyncio.wrap_future(self._submit(self._restart()))

    def open(self) -> None:
        """Start the thread and connect."""
        self._thread.start()
        try:
            self._submit(self._connect()).result()
        except BaseException:
            self._stop_thread()
            raise

    def close(self) -> None:
        """Disconnect and stop the thread."""
        self._submit(self._disconnect()).result()
        self._stop_thread()

    def _stop_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _connect(self) -> None:
        named = db.application_name(self._url.get_driver_name(), f"{self.name} admin")
        engine = create_async_engine(
            self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=named
        )
        self._connection = await engine.connect()

    async def _restart(self) -> None:
        assert self._private is not None
        self._private.start(**DURABLE)
        await self._connect()

    async def _query(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert self._connection is not None
        return [tuple(row) for row in await self._connection.execute(text(sql), parameters)]

    async def _disconnect(self) -> None:
        assert self._connection is not None
        await self._connection.close()


@contextmanager
def open_monitor(
    url: URL, name: str, private: PrivateServer | None = None
) -> Iterator[ServerMonitor]:
    """Monitor the server behind a URL during the block."""
    monitor = ServerMonitor(url, name, private)
    monitor.open()
    try:
        yield monitor
    finally:
        monitor.close()
