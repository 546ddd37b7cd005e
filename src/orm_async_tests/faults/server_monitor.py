"""Asks the server about the connections under test, in a thread with its own event loop.

No fault disturbs the monitor's own event loop, so the monitor also works while the tested event
loop is blocked.
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
    from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    and application_name = :name
"""
STATES = f"select state {BACKENDS} order by state"
TERMINATE = f"select count(*) filter (where pg_terminate_backend(pid, 5000)) {BACKENDS}"


class ServerMonitor(LoopThread):
    """Watches the connections under test, which have `name` as their application_name.

    Call the method `kill` only for a private server, because other servers may run with fsync off,
    and would then lose commits.
    """

    def __init__(self, url: URL, private: PrivateServer | None) -> None:
        super().__init__()
        self.name = f"faults {uuid4().hex[:12]}"
        self._url = url
        self._private = private
        self._connection: AsyncConnection

    async def read_states(self) -> list[str]:
        """Return the sorted states of the backends under test, for example ["active", "idle"]."""
        return [str(state) for (state,) in await self.query(STATES, name=self.name)]

    async def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return await asyncio.wrap_future(self.submit(self._query(sql, parameters)))

    def terminate_backends(self) -> int:
        """Terminate the backends under test, and return their number. Blocks the event loop."""
        [(count,)] = self.submit(self._query(TERMINATE, {"name": self.name})).result()
        return int(count)

    def kill(self) -> None:
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
