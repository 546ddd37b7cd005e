"""SQLAlchemy's asyncio ORM on asyncpg, as SQLAlchemy's documentation shows it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import URL, DateTime, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, selectinload

from benchmarks.patterns.work import BATCH, LATEST, Tally, Work, idiomatic
from orm_async_tests.models import TrackPoint, User


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}


class Mark(Base):
    __tablename__ = "marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    lat: Mapped[float]
    lon: Mapped[float]
    date: Mapped[datetime]


@dataclass(frozen=True)
class Library:
    """Two engines, and a session factory for each engine.

    The engine `reads` and its factory `Reads` use AUTOCOMMIT (test207). The session `bridge` has no
    engine, because functions in `bridge.run_sync()` open their own connection or session (test223).
    """

    engine: AsyncEngine
    reads: AsyncEngine
    Session: async_sessionmaker[AsyncSession]
    Reads: async_sessionmaker[AsyncSession]
    bridge: AsyncSession


@asynccontextmanager
async def connected(url: URL, size: int) -> AsyncIterator[Library]:
    options: dict[str, Any] = {"pool_size": size, "max_overflow": 0}
    engine = create_async_engine(url, **options)
    reads = create_async_engine(url, isolation_level="AUTOCOMMIT", **options)
    async with AsyncExitStack() as opened:
        for pool in (engine, reads):
            for _ in range(size):
                await opened.enter_async_context(pool.connect())
    try:
        sessions = async_sessionmaker(engine, expire_on_commit=False)
        yield Library(engine, reads, sessions, async_sessionmaker(reads), AsyncSession())
    finally:
        await engine.dispose()
        await reads.dispose()


@idiomatic
async def insert_objects(library: Library, work: Work, _: Tally) -> None:
    """call add_all()"""
    async with library.Session.begin() as session:
        session.add_all([Mark(**mark) for mark in work.new_rows])


@idiomatic
async def insert_bulk(library: Library, work: Work, _: Tally) -> None:
    """execute insert() with a list of dictionaries"""
    async with library.Session.begin() as session:
        await session.execute(insert(Mark), work.new_rows)


@idiomatic
async def update_objects(library: Library, work: Work, _: Tally) -> None:
    """load all rows, and set an attribute of every object"""
    latitudes = {change["id"]: change["lat"] for change in work.changed_rows}
    async with library.Session.begin() as session:
        for mark in await session.scalars(select(Mark)):
            mark.lat = latitudes[mark.id]


@idiomatic
async def update_bulk(library: Library, work: Work, _: Tally) -> None:
    """execute update() with a list of dictionaries"""
    rows = [{"id": change["id"], "lat": change["lat"]} for change in work.changed_rows]
    async with library.Session.begin() as session:
        await session.execute(update(Mark), rows)


@idiomatic
async def upsert(library: Library, work: Work, _: Tally) -> None:
    """execute insert() with ON CONFLICT and a list of dictionaries"""
    new = postgresql.insert(Mark)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.Session.begin() as session:
        await session.execute(new, work.changed_rows)


@idiomatic
async def rows(library: Library, work: Work, tally: Tally) -> None:
    """load all entities"""
    points = select(TrackPoint).where(TrackPoint.id <= work.read)
    async with library.Session() as session:
        tally.add_objects(await session.scalars(points))


@idiomatic
async def stream(library: Library, work: Work, tally: Tally) -> None:
    """stream entities one by one, with yield_per=1000"""
    points = select(TrackPoint).where(TrackPoint.id <= work.read)
    async with library.Session() as session:
        stream = await session.stream_scalars(points.execution_options(yield_per=BATCH))
        async for point in stream:
            tally.add_object(point)


@idiomatic
async def stream_partitions(library: Library, work: Work, tally: Tally) -> None:
    """stream partitions of entities, with yield_per=1000"""
    points = select(TrackPoint).where(TrackPoint.id <= work.read)
    async with library.Session() as session:
        stream = await session.stream_scalars(points.execution_options(yield_per=BATCH))
        async for partition in stream.partitions():
            tally.add_objects(partition)


@idiomatic
async def get(library: Library, key: int, tally: Tally) -> None:
    """open a session per row, and call session.get()"""
    async with library.Session() as session:
        tally.add_object(await session.get_one(TrackPoint, key))


@idiomatic
async def walk(library: Library, work: Work, tally: Tally) -> None:
    """open a session per user, call session.get(), and run a query"""
    for key in work.user_ids:
        newest = select(TrackPoint).where(TrackPoint.user_id == key)
        async with library.Session() as session:
            tally.add_user_name((await session.get_one(User, key)).username)
            newest = newest.order_by(TrackPoint.id.desc()).limit(LATEST)
            tally.add_objects(await session.scalars(newest))


@idiomatic
async def walk_selectin(library: Library, work: Work, tally: Tally) -> None:
    """load all points with selectinload(), and slice the list"""
    for key in work.user_ids:
        statement = select(User).where(User.id == key).options(selectinload(User.points))
        async with library.Session() as session:
            user = (await session.scalars(statement)).one()
            tally.add_user_name(user.username)
            tally.add_objects(user.points[-LATEST:])
