"""Defines the patterns: functions that use a database in common ways.

The command `orm-async-tests faults` injects faults into the patterns. The patterns `copy_first` and
`read_untimed` contain deliberate mistakes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.faults.fault_points import PAIRS, USUAL
from orm_async_tests.faults.injection import SweptFunction
from orm_async_tests.models import TrackPoint, User

USERS = "select count(*) from users"
LATITUDES = """
    select (select lat from track_points where id = 1), (select lat from track_points where id = 2)
"""
JOBS = "select (select count(*) from track_points), (select count(*) from users)"
COPY = "COPY users (username) FROM STDIN"
COPIED_ROWS = 500


async def add(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add_all([User(username="one"), User(username="two")])
        await session.flush()


async def transfer(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        first = await session.get_one(TrackPoint, 1, with_for_update=True)
        first.lat -= 1
        await session.flush()
        async with session.begin_nested():
            second = await session.get_one(TrackPoint, 2, with_for_update=True)
            second.lat += 1


async def load(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        (await session.scalars(select(User).options(selectinload(User.points)))).all()


async def stream(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        points = select(TrackPoint).order_by(TrackPoint.id).execution_options(yield_per=10)
        count = 0
        async for _ in await session.stream_scalars(points):
            count += 1
            if count == 25:
                break


async def bulk(engine: AsyncEngine) -> None:
    rows = [{"username": f"username-{number}"} for number in range(1000)]
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(insert(User), rows)


async def connect(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


async def commit(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add_all([User(username="one"), User(username="two")])
        await session.commit()


async def take(engine: AsyncEngine) -> None:
    """Take a job from a queue with SKIP LOCKED, and do it."""
    jobs = select(TrackPoint).order_by(TrackPoint.id).limit(1).with_for_update(skip_locked=True)
    async with AsyncSession(engine) as session:
        job = (await session.scalars(jobs)).one()
        await session.delete(job)
        session.add(User(username=f"did {job.id}"))
        await session.commit()


async def open_request_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


async def dependency(engine: AsyncEngine) -> None:
    """Imitate a web endpoint: a dependency with `yield` commits at the end."""
    async with asynccontextmanager(open_request_session)(engine) as session:
        session.add(User(username="one"))


async def copy(engine: AsyncEngine) -> None:
    """Run COPY in a transaction that an earlier statement began."""
    async with engine.begin() as connection:
        await connection.execute(insert(User).values(username="head"))
        await _copy_rows(connection)


async def copy_first(engine: AsyncEngine) -> None:
    """Run COPY before the transaction begins, as a deliberate mistake."""
    async with engine.begin() as connection:
        await _copy_rows(connection)
        await connection.execute(insert(User).values(username="head"))


async def read_untimed(engine: AsyncEngine) -> None:
    """Run a query without a timeout, as a deliberate mistake."""
    async with AsyncSession(engine) as session:
        await session.scalar(text("select 1"))


async def _copy_rows(connection: AsyncConnection) -> None:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    rows = [(f"copied-{number}",) for number in range(COPIED_ROWS)]
    if connection.engine.driver == "asyncpg":
        await driver.copy_records_to_table("users", records=rows, columns=["username"])
        return
    async with driver.cursor() as cursor, cursor.copy(COPY) as into:
        for row in rows:
            await into.write_row(row)


SHORT = frozenset((*USUAL, *PAIRS, "down"))
PATTERNS = {
    swept.name: swept
    for swept in (
        SweptFunction(add, USERS, kinds=SHORT),
        SweptFunction(transfer, LATITUDES),
        SweptFunction(load, None, kinds=SHORT | {"stall"}),
        SweptFunction(stream, None, kinds=SHORT),
        SweptFunction(bulk, USERS),
        SweptFunction(connect, None, warm=False, kinds=frozenset((*USUAL, "stall"))),
        SweptFunction(commit, USERS, kinds=SHORT | {"stall", "partition"}),
        SweptFunction(take, JOBS, kinds=SHORT),
        SweptFunction(dependency, USERS, kinds=SHORT),
        SweptFunction(copy, USERS, kinds=SHORT),
        SweptFunction(copy_first, USERS),
        SweptFunction(read_untimed, None, timed=False, kinds=frozenset({"stall"})),
    )
}
