"""SQLModel on asyncpg: SQLAlchemy's sessions, and models that are pydantic's too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import URL, DateTime
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from orm_async_tests.bench.contenders.given import (
    BATCH,
    LATEST,
    Given,
    Login,
    Tally,
    idiomatic,
    tuned,
)

MOMENT: Any = DateTime(timezone=True)


class Mark(SQLModel, table=True):
    """A row that a workload writes."""

    __tablename__ = "marks"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int
    lat: float
    lon: float
    date: datetime = Field(sa_type=MOMENT)


class User(SQLModel, table=True):
    """Somebody who records walks."""

    __tablename__ = "users"

    id: int | None = Field(default=None, primary_key=True)
    username: str
    created_at: datetime = Field(sa_type=MOMENT)
    updated_at: datetime = Field(sa_type=MOMENT)


class Point(SQLModel, table=True):
    """A position of a walk."""

    __tablename__ = "track_points"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="users.id")
    lat: float
    lon: float
    date: datetime = Field(sa_type=MOMENT)
    created_at: datetime = Field(sa_type=MOMENT)
    updated_at: datetime = Field(sa_type=MOMENT)


@dataclass(frozen=True)
class Library:
    """Sessions."""

    Session: async_sessionmaker[AsyncSession]


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[Library]:
    """A pool whose connections are open."""
    url = URL.create("postgresql+asyncpg", login.user, login.password, database=login.database)
    url = url.set(query={"host": login.host, "port": str(login.port)})
    engine = create_async_engine(url, pool_size=size, max_overflow=0)
    async with AsyncExitStack() as opened:
        for _ in range(size):
            await opened.enter_async_context(engine.connect())
    yield Library(async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False))
    await engine.dispose()


@idiomatic
async def insert(library: Library, given: Given) -> None:
    """add_all"""
    async with library.Session.begin() as session:
        session.add_all([Mark(**mark) for mark in given.marks])


@idiomatic
async def update(library: Library, given: Given) -> None:
    """load all, and set the attribute of each"""
    latitudes = {change["id"]: change["lat"] for change in given.changes}
    async with library.Session.begin() as session:
        for mark in await session.exec(select(Mark)):
            mark.lat = latitudes[mark.id or 0]


@tuned
async def upsert(library: Library, given: Given) -> None:
    """SQLAlchemy's insert() with ON CONFLICT: it has none of its own"""
    new = postgresql.insert(Mark)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.Session.begin() as session:
        await session.exec(new, params=given.changes)


@idiomatic
async def rows(library: Library, given: Given) -> Tally:
    """objects"""
    tally = given.tally()
    async with library.Session() as session:
        tally.objects(await session.exec(select(Point).where(Point.id <= given.read)))
    return tally


@idiomatic
async def stream(library: Library, given: Given) -> Tally:
    """SQLAlchemy's stream_scalars, one by one, yield_per=1000"""
    tally = given.tally()
    every = select(Point).where(Point.id <= given.read)
    async with library.Session() as session:
        found = await session.stream_scalars(every.execution_options(yield_per=BATCH))
        async for point in found:
            tally.object(point)
    return tally


@idiomatic
async def get(library: Library, given: Given) -> Tally:
    """session.get(), each in a session of its own"""
    tally = given.tally()
    for key in given.keys:
        async with library.Session() as session:
            tally.object(await session.get_one(Point, key))
    return tally


@idiomatic
async def tasks(library: Library, given: Given) -> Tally:
    """session.get(), each in a session of its own, in ten tasks"""
    tally = given.tally()

    async def some(keys: list[int]) -> None:
        for key in keys:
            async with library.Session() as session:
                tally.object(await session.get_one(Point, key))

    await asyncio.gather(*map(some, given.shares))
    return tally


@idiomatic
async def walk(library: Library, given: Given) -> Tally:
    """session.get() and a query, in a session for each user"""
    tally = given.tally()
    for key in given.users:
        newest = select(Point).where(Point.user_id == key)
        async with library.Session() as session:
            tally.user((await session.get_one(User, key)).username)
            newest = newest.order_by(Point.id.desc()).limit(LATEST)
            tally.objects(await session.exec(newest))
    return tally
