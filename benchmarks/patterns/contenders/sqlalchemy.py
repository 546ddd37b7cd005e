"""SQLAlchemy's asyncio ORM on asyncpg, as its documentation shows it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import selectinload

from benchmarks.patterns.contenders.work import (
    BATCH,
    LATEST,
    Login,
    Tally,
    Work,
    idiomatic,
)
from benchmarks.patterns.marks import Mark
from orm_async_tests.models import TrackPoint, User


@dataclass(frozen=True)
class Library:
    """Engines with a pool each, and their sessions; those of reads are in AUTOCOMMIT (test207)."""

    engine: AsyncEngine
    reads: AsyncEngine
    Session: async_sessionmaker[AsyncSession]
    Reads: async_sessionmaker[AsyncSession]


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[Library]:
    """A pool whose connections are open."""
    url = URL.create("postgresql+asyncpg", login.user, login.password, database=login.database)
    url = url.set(query={"host": login.host, "port": str(login.port)})
    options: dict[str, Any] = {"pool_size": size, "max_overflow": 0}
    engine = create_async_engine(url, **options)
    reads = create_async_engine(url, isolation_level="AUTOCOMMIT", **options)
    async with AsyncExitStack() as opened:
        for each in (engine, reads):
            for _ in range(size):
                await opened.enter_async_context(each.connect())
    try:
        made = async_sessionmaker(engine, expire_on_commit=False), async_sessionmaker(reads)
        yield Library(engine, reads, *made)
    finally:
        await engine.dispose()
        await reads.dispose()


@idiomatic
async def insert_objects(library: Library, work: Work) -> None:
    """add_all"""
    async with library.Session.begin() as session:
        session.add_all([Mark(**mark) for mark in work.new_rows])


@idiomatic
async def insert_bulk(library: Library, work: Work) -> None:
    """insert() with a list of dictionaries"""
    async with library.Session.begin() as session:
        await session.execute(insert(Mark), work.new_rows)


@idiomatic
async def update_objects(library: Library, work: Work) -> None:
    """load all, and set the attribute of each"""
    latitudes = {change["id"]: change["lat"] for change in work.changed_rows}
    async with library.Session.begin() as session:
        for mark in await session.scalars(select(Mark)):
            mark.lat = latitudes[mark.id]


@idiomatic
async def update_bulk(library: Library, work: Work) -> None:
    """update() with a list of dictionaries"""
    rows = [{"id": change["id"], "lat": change["lat"]} for change in work.changed_rows]
    async with library.Session.begin() as session:
        await session.execute(update(Mark), rows)


@idiomatic
async def upsert(library: Library, work: Work) -> None:
    """insert() with ON CONFLICT and a list of dictionaries"""
    new = postgresql.insert(Mark)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.Session.begin() as session:
        await session.execute(new, work.changed_rows)


@idiomatic
async def rows(library: Library, work: Work) -> Tally:
    """entities"""
    tally = work.start_tally()
    async with library.Session() as session:
        tally.add_objects(
            await session.scalars(select(TrackPoint).where(TrackPoint.id <= work.read))
        )
    return tally


@idiomatic
async def stream(library: Library, work: Work) -> Tally:
    """entities one by one, yield_per=1000"""
    tally = work.start_tally()
    every = select(TrackPoint).where(TrackPoint.id <= work.read)
    async with library.Session() as session:
        found = await session.stream_scalars(every.execution_options(yield_per=BATCH))
        async for point in found:
            tally.add_object(point)
    return tally


@idiomatic
async def stream_partitions(library: Library, work: Work) -> Tally:
    """partitions of entities, yield_per=1000"""
    tally = work.start_tally()
    every = select(TrackPoint).where(TrackPoint.id <= work.read)
    async with library.Session() as session:
        found = await session.stream_scalars(every.execution_options(yield_per=BATCH))
        async for points in found.partitions():
            tally.add_objects(points)
    return tally


@idiomatic
async def get(library: Library, work: Work) -> Tally:
    """session.get(), each in a session of its own"""
    tally = work.start_tally()
    for key in work.keys:
        async with library.Session() as session:
            tally.add_object(await session.get_one(TrackPoint, key))
    return tally


@idiomatic
async def tasks(library: Library, work: Work) -> Tally:
    """session.get(), each in a session of its own, in ten tasks"""
    tally = work.start_tally()

    async def read_keys(keys: list[int]) -> None:
        for key in keys:
            async with library.Session() as session:
                tally.add_object(await session.get_one(TrackPoint, key))

    await asyncio.gather(*map(read_keys, work.keys_by_task))
    return tally


@idiomatic
async def walk(library: Library, work: Work) -> Tally:
    """session.get() and a query, in a session for each user"""
    tally = work.start_tally()
    for key in work.user_ids:
        newest = select(TrackPoint).where(TrackPoint.user_id == key)
        async with library.Session() as session:
            tally.add_user_name((await session.get_one(User, key)).username)
            newest = newest.order_by(TrackPoint.id.desc()).limit(LATEST)
            tally.add_objects(await session.scalars(newest))
    return tally


@idiomatic
async def walk_selectin(library: Library, work: Work) -> Tally:
    """selectinload() of all points, and a slice of them"""
    tally = work.start_tally()
    for key in work.user_ids:
        whole = select(User).where(User.id == key).options(selectinload(User.points))
        async with library.Session() as session:
            user = (await session.scalars(whole)).one()
            tally.add_user_name(user.username)
            tally.add_objects(user.points[-LATEST:])
    return tally
