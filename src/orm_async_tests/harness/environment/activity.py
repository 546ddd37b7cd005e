"""What pg_stat_activity says about a variant's connections, read over a separate connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness.wire.wire import Wire

DEADLINE = 10.0  # seconds that a condition may take to come true
OURS = """
    from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
    and application_name <> 'orm_async_tests admin' and pid <> all(:before)
"""


class Activity:
    """What the server says of the connections that were opened since `mark` was last called."""

    def __init__(self, admin: AsyncEngine, wire: Wire | None) -> None:
        self._admin, self._wire = admin, wire
        self._before: list[int] = []
        self._open_before = 0

    async def mark(self) -> None:
        """Forget the connections that are open now: they are somebody else's."""
        self._before = []
        self._before = await self.pids()
        self._open_before = self._wire.open if self._wire else 0

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """The rows of a query, each as its only column or as a tuple."""
        async with self._admin.connect() as connection:
            result = await connection.execute(text(sql), values)
            return [row[0] if len(row) == 1 else tuple(row) for row in result]

    async def scalar(self, sql: str, **values: Any) -> Any:
        """The first column of the first row of a query."""
        return (await self.rows(sql, **values))[0]

    async def pids(self) -> list[int]:
        """The backends' process ids."""
        return await self.rows(f"select pid {OURS} order by pid", before=self._before)

    async def states(self) -> list[str]:
        """The backends' states, such as "idle in transaction", sorted."""
        return await self.rows(f"select state {OURS} order by state", before=self._before)

    async def running(self, part: str) -> int:
        """How many backends execute a statement that contains `part`."""
        sql = f"select count(*) {OURS} and state = 'active' and position(:part in query) > 0"
        return int(await self.scalar(sql, before=self._before, part=part))

    async def blocked(self) -> int:
        """How many backends wait for a lock that another one holds."""
        sql = f"select count(*) {OURS} and cardinality(pg_blocking_pids(pid)) > 0"
        return int(await self.scalar(sql, before=self._before))

    async def until_open(self, count: int) -> None:
        """Wait until `count` backends are left."""

        async def left() -> bool:
            return len(await self.pids()) == count

        await self.until(left)

    async def terminate(self) -> int:
        """Kill the backends, as an administrator or a failover does, and say how many they were.

        Their clients can read of it when this returns, also where a wire has to pass it on. Raises
        TimeoutError after DEADLINE seconds.
        """
        sql = f"select count(pg_terminate_backend(pid, 5000)) {OURS}"
        killed = int(await self.scalar(sql, before=self._before))

        async def read() -> bool:
            cut = not self._wire or self._wire.open <= self._open_before
            await self.pids()  # the loop turns meanwhile, and reads what has come
            return cut

        await self.until(read)
        return killed

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask the server again and again until the condition is true.

        Raises TimeoutError after DEADLINE seconds.
        """
        async with asyncio.timeout(DEADLINE):
            while not await condition():
                continue  # each question is a connection of its own, and so a pause

    async def until_running(self, part: str, count: int = 1) -> None:
        """Wait until `count` backends execute a statement that contains `part`."""

        async def enough() -> bool:
            return await self.running(part) >= count

        await self.until(enough)

    async def until_gone(self, part: str) -> None:
        """Wait until no backend executes a statement that contains `part`."""

        async def gone() -> bool:
            return await self.running(part) == 0

        await self.until(gone)

    async def until_blocked(self, count: int = 1) -> None:
        """Wait until `count` backends wait for a lock."""

        async def enough() -> bool:
            return await self.blocked() >= count

        await self.until(enough)
