"""Reads from pg_stat_activity what the connections of a variant do."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness.wire.wire import Wire

ReportBlocked = Callable[[Sequence[tuple[int, Sequence[int]]], int], None]
DEADLINE = 10.0  # seconds until a condition must be true
BACKENDS = """
    from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    and application_name <> 'orm_async_tests admin' and pid <> all(:before)
"""


class Activity:
    """Observes the variant's connections through a separate connection.

    Call `ignore_open_connections()` before the variant opens its connections. Methods such as
    `until_open()` wait for a condition, and raise TimeoutError after DEADLINE seconds.
    """

    def __init__(
        self, admin: AsyncEngine, wire: Wire | None, report_blocked: ReportBlocked
    ) -> None:
        self._admin, self._wire = admin, wire
        self._report_blocked = report_blocked
        self._before: list[int] = []
        self._open_before = 0

    async def ignore_open_connections(self) -> None:
        self._before = []
        self._before = await self.pids()
        self._open_before = self._wire.open if self._wire else 0

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """Return the rows of a query, or single values if the query has one column."""
        async with self._admin.connect() as connection:
            result = await connection.execute(text(sql), values)
            return [row[0] if len(row) == 1 else tuple(row) for row in result]

    async def scalar(self, sql: str, **values: Any) -> Any:
        return (await self.rows(sql, **values))[0]

    async def pids(self) -> list[int]:
        return await self.rows(f"select pid {BACKENDS} order by pid", before=self._before)

    async def states(self) -> list[str]:
        """Return the sorted states of the backends, for example ["idle in transaction"]."""
        return await self.rows(f"select state {BACKENDS} order by state", before=self._before)

    async def running(self, part: str) -> int:
        """Count the backends whose current statement contains the text `part`."""
        sql = f"select count(*) {BACKENDS} and state = 'active' and position(:part in query) > 0"
        return int(await self.scalar(sql, before=self._before, part=part))

    async def blocked(self) -> int:
        condition = "cardinality(pg_blocking_pids(pid)) > 0"
        sql = f"select pid, pg_blocking_pids(pid) {BACKENDS} and {condition}"
        since = perf_counter_ns()
        blocked = await self.rows(sql, before=self._before)
        self._report_blocked(blocked, since)
        return len(blocked)

    async def terminate(self) -> int:
        """Terminate the backends, as a failover does, and return their number.

        Wait until the clients have closed their connections through the proxy.
        """
        sql = f"select count(pg_terminate_backend(pid, 5000)) {BACKENDS}"
        killed = int(await self.scalar(sql, before=self._before))
        is_closed = False
        async with asyncio.timeout(DEADLINE):
            while not is_closed:
                is_closed = not self._wire or self._wire.open <= self._open_before
                await self.pids()  # gives the event loop time to read what clients received
        return killed

    # These loops need no sleep, because every query opens a connection, which takes time.
    async def until_open(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while len(await self.pids()) != count:
                pass

    async def until_running(self, part: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while not await self.running(part):
                pass

    async def until_ended(self, part: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while await self.running(part):
                pass

    async def until_blocked(self, count: int = 1) -> None:
        async with asyncio.timeout(DEADLINE):
            while await self.blocked() < count:
                pass
            # A statement may have begun while the first query ran. The recorder accepts a lock only
            # from a query that began after the statement, so query once more.
            await self.blocked()
