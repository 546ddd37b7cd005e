"""Watches the connections under test, in a thread with a separate event loop.

The monitor works even while the tested event loop is blocked.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from orm_async_tests import db
from orm_async_tests.harness.wire.proxy import LoopThread
from orm_async_tests.postgres import PrivateServer
from orm_async_tests.postgres.cluster import DURABLE

BACKENDS = """
    from pg_stat_activity as activity
    where datname = current_database() and backend_type = 'client backend'
    and application_name = :name
"""
# Use the same words as outcomes.OPEN.
LOCKED = "exists (select from pg_locks where pg_locks.pid = activity.pid and locktype = 'advisory')"
STATES = f"""
    select case when state = 'idle' and {LOCKED} then 'idle with an advisory lock' else state end
    {BACKENDS} order by 1
"""
TERMINATE = f"select count(*) filter (where pg_terminate_backend(pid, 5000)) {BACKENDS}"


class ServerMonitor(LoopThread):
    """Reads the states of the connections under test, and terminates the connections.

    The connections under test have `name` as their application_name.
    """

    def __init__(self, url: URL, private: PrivateServer | None) -> None:
        super().__init__()
        self.name = f"faults {uuid4().hex[:12]}"
        self._url = url
        self._private = private
        self._connection: AsyncConnection

    async def read_states(self) -> list[str]:
        """Return the sorted states of the backends, for example ["active", "idle"]."""
        return [str(state) for (state,) in await self.query(STATES, name=self.name)]

    async def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return await asyncio.wrap_future(self.submit(self._query(sql, parameters)))

    def terminate_backends(self) -> int:
        """Terminate the backends, and return their number.

        This method blocks the event loop.
        """
        [(count,)] = self.submit(self._query(TERMINATE, {"name": self.name})).result()
        return int(count)

    def kill(self) -> None:
        # Another server may run with fsync off, and would lose commits.
        assert self._private is not None
        self.submit(self._connection.close()).result()
        self._private.kill()

    async def restart(self) -> None:
        await asyncio.wrap_future(self.submit(self._restart()))

    @contextmanager
    def running(self) -> Iterator[None]:
        with super().running():
            self.submit(self._connect()).result()
            try:
                yield
            finally:
                self.submit(self._connection.close()).result()

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
        return [tuple(row) for row in await self._connection.execute(text(sql), parameters)]
