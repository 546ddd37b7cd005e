"""Schedules of transactions that read and write each other's rows, and what became of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness.activity import Activity
from orm_async_tests.harness.playground import POINTS
from orm_async_tests.harness.ways import Seen, sqlstate

OCCURS, PREVENTED = "occurs", "prevented"
LEVELS = ("read_committed", "repeatable_read", "serializable")  # the names of the ways
Row = tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """Three sessions at one isolation level, and a user's two points, which nobody else uses.

    The points' lon are 15 and 16, in the order of their ids.
    """

    a: AsyncSession
    b: AsyncSession
    c: AsyncSession
    user: int
    server: Activity

    @property
    def points(self) -> tuple[int, int]:
        """The ids of the user's points."""
        last = POINTS * self.user
        return last - 1, last

    async def blocked(self, work: Awaitable[object]) -> asyncio.Future[object]:
        """Start something that has to wait for a lock, and go on once it waits."""
        task = asyncio.ensure_future(work)
        await self.server.until_blocked()
        return task


Anomaly = Callable[[Stage], Awaitable[bool]]


async def outcomes(
    engine: AsyncEngine, server: Activity, anomalies: Mapping[str, Anomaly]
) -> dict[str, str]:
    """Of each anomaly: "occurs", "prevented", or the SQLSTATE with which a transaction failed."""
    found = {}
    for user, (name, anomaly) in enumerate(anomalies.items(), 1):
        async with AsyncSession(engine) as a, AsyncSession(engine) as b, AsyncSession(engine) as c:
            try:
                occurs = await anomaly(Stage(a, b, c, user, server))
                found[name] = OCCURS if occurs else PREVENTED
            except DBAPIError as error:
                found[name] = str(sqlstate(error))
    return found


def table(results: Iterable[Mapping[str, Seen]]) -> Iterator[Row]:
    """The head, then one row an anomaly: its name and its outcome at each level.

    Results of which the ways are not the levels have no rows; no rows at all, no head.
    """
    rows = [row for seen in results if tuple(seen) == LEVELS for row in _rows(seen)]
    if rows:
        yield ("", *(level.replace("_", " ").upper() for level in LEVELS))
    yield from rows


def _rows(seen: Mapping[str, Seen]) -> Iterator[Row]:
    for name in seen[LEVELS[0]].value or ():
        yield (name, *(seen[level].value[name] for level in LEVELS))
