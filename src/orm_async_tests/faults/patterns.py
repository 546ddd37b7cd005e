"""Idiomatic pieces of work, into which the faults are injected, and two traps."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.faults.kinds import PAIRS, USUAL
from orm_async_tests.models import TrackPoint, User

Work = Callable[[AsyncEngine], Awaitable[Any]]
USERS = "select count(*) from users"
MOVED = """
    select (select lat from track_points where id = 1), (select lat from track_points where id = 2)
"""
TAKEN = "select (select count(*) from track_points), (select count(*) from users)"
COPIED = 500  # rows


async def add(engine: AsyncEngine) -> None:
    """add and flush within begin()"""
    async with AsyncSession(engine) as session, session.begin():
        session.add_all([User(username="one"), User(username="two")])
        await session.flush()


async def transfer(engine: AsyncEngine) -> None:
    """two rows are locked and changed, the second one in a savepoint"""
    async with AsyncSession(engine) as session, session.begin():
        giver = await session.get_one(TrackPoint, 1, with_for_update=True)
        giver.lat -= 1
        await session.flush()
        async with session.begin_nested():
            taker = await session.get_one(TrackPoint, 2, with_for_update=True)
            taker.lat += 1


async def load(engine: AsyncEngine) -> None:
    """a select with selectinload"""
    async with AsyncSession(engine) as session:
        (await session.scalars(select(User).options(selectinload(User.points)))).all()


async def stream(engine: AsyncEngine) -> None:
    """a stream, left before its end"""
    async with AsyncSession(engine) as session:
        points = select(TrackPoint).order_by(TrackPoint.id).execution_options(yield_per=10)
        seen = 0
        async for _ in await session.stream_scalars(points):
            seen += 1
            if seen == 25:
                break


async def bulk(engine: AsyncEngine) -> None:
    """insert of 1000 rows"""
    rows = [{"username": f"username-{number}"} for number in range(1000)]
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(insert(User), rows)


async def connect(engine: AsyncEngine) -> None:
    """the first connection of an engine"""
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


async def commit(engine: AsyncEngine) -> None:
    """an explicit commit"""
    async with AsyncSession(engine) as session:
        session.add_all([User(username="one"), User(username="two")])
        await session.commit()


async def take(engine: AsyncEngine) -> None:
    """a job taken from a queue by SKIP LOCKED"""
    jobs = select(TrackPoint).order_by(TrackPoint.id).limit(1).with_for_update(skip_locked=True)
    async with AsyncSession(engine) as session:
        job = (await session.scalars(jobs)).one()
        await session.delete(job)
        session.add(User(username=f"did {job.id}"))
        await session.commit()


async def session_of_request(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A dependency of FastAPI, which makes a context manager of it."""
    async with AsyncSession(engine) as session, session.begin():
        yield session


async def dependency(engine: AsyncEngine) -> None:
    """an endpoint with a session from a dependency, which commits when it returns"""
    async with asynccontextmanager(session_of_request)(engine) as session:
        session.add(User(username="one"))


async def copy(engine: AsyncEngine) -> None:
    """COPY by the driver's connection, after a statement"""
    async with engine.begin() as connection:
        await connection.execute(insert(User).values(username="head"))
        await _copy_rows(connection)


async def copy_first(engine: AsyncEngine) -> None:
    """the trap: COPY by the driver's connection, before BEGIN is sent"""
    async with engine.begin() as connection:
        await _copy_rows(connection)
        await connection.execute(insert(User).values(username="head"))


async def read_untimed(engine: AsyncEngine) -> None:
    """the trap: a read through a silent network, without timeouts of the driver"""
    async with AsyncSession(engine) as session:
        await session.scalar(text("select 1"))


async def _copy_rows(connection: AsyncConnection) -> None:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    rows = [(f"copied-{number}",) for number in range(COPIED)]
    if connection.engine.driver == "asyncpg":
        await driver.copy_records_to_table("users", records=rows, columns=["username"])
        return
    async with driver.cursor() as cursor, cursor.copy("COPY users (username) FROM STDIN") as into:
        for row in rows:
            await into.write_row(row)


@dataclass(frozen=True)
class Pattern:
    """A piece of work, what it changes, and whether a connection is there before it begins."""

    work: Work
    rows: str | None
    warm: bool = True
    timed: bool = True  # whether its engine has the driver's timeouts where a network is silent
    kinds: frozenset[str] = frozenset(USUAL)  # of the faults it is swept by if it is not named
    own: str = ""  # module:function of somebody else's

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return self.own or str(getattr(self.work, "__name__", self.work))


SHORT = frozenset((*USUAL, *PAIRS, "down"))
PATTERNS = {
    each.name: each
    for each in (
        Pattern(add, USERS, kinds=SHORT),
        Pattern(transfer, MOVED),
        Pattern(load, None, kinds=SHORT | {"stall"}),
        Pattern(stream, None, kinds=SHORT),
        Pattern(bulk, USERS),
        Pattern(connect, None, warm=False, kinds=frozenset((*USUAL, "stall"))),
        Pattern(commit, USERS, kinds=SHORT | {"stall", "partition"}),
        Pattern(take, TAKEN, kinds=SHORT),
        Pattern(dependency, USERS, kinds=SHORT),
        Pattern(copy, USERS, kinds=SHORT),
        Pattern(copy_first, USERS),
        Pattern(read_untimed, None, timed=False, kinds=frozenset({"stall"})),
    )
}
