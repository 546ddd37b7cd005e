"""Piccolo on asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from piccolo.columns import DoublePrecision, Integer, Serial, Text, Timestamptz
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from orm_async_tests.bench.contenders.given import (
    BATCH,
    LATEST,
    Given,
    Login,
    Row,
    Tally,
    idiomatic,
    tuned,
)


class Mark(Table, tablename="marks"):
    """A row that a workload writes."""

    id = Serial(primary_key=True)
    user_id = Integer()
    lat = DoublePrecision()
    lon = DoublePrecision()
    date = Timestamptz()


class User(Table, tablename="users"):
    """Somebody who records walks."""

    id = Serial(primary_key=True)
    username = Text()
    created_at = Timestamptz()
    updated_at = Timestamptz()


class Point(Table, tablename="track_points"):
    """A position of a walk."""

    id = Serial(primary_key=True)
    user_id = Integer()
    lat = DoublePrecision()
    lon = DoublePrecision()
    date = Timestamptz()
    created_at = Timestamptz()
    updated_at = Timestamptz()


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[PostgresEngine]:
    """A pool whose connections are open."""
    engine = PostgresEngine(config=vars(login))
    for table in (Mark, User, Point):
        table._meta.db = engine  # where it is known only now; else in piccolo_conf.py
    await engine.start_connection_pool(min_size=size, max_size=size)
    yield engine
    await engine.close_connection_pool()


def batches(rows: list[Row]) -> Iterator[list[Mark]]:
    """Objects, as many as one INSERT has parameters for."""
    for first in range(0, len(rows), BATCH):
        yield [Mark(**row) for row in rows[first : first + BATCH]]


@idiomatic
async def insert(engine: PostgresEngine, given: Given) -> None:
    """insert of objects, 1000 in a statement"""
    async with engine.transaction():
        for marks in batches(given.marks):
            await Mark.insert(*marks)


@idiomatic
async def update(engine: PostgresEngine, given: Given) -> None:
    """an update() for each row: it has none for many"""
    async with engine.transaction():
        for change in given.changes:
            await Mark.update({Mark.lat: change["lat"]}).where(Mark.id == change["id"])


@idiomatic
async def upsert(engine: PostgresEngine, given: Given) -> None:
    """insert of objects with on_conflict, 1000 in a statement"""
    async with engine.transaction():
        for marks in batches(given.changes):
            new = Mark.insert(*marks)
            await new.on_conflict(target=Mark.id, action="DO UPDATE", values=[Mark.lat])


@idiomatic
async def rows(_: Any, given: Given) -> Tally:
    """objects"""
    tally = given.tally()
    tally.objects(await Point.objects().where(Point.id <= given.read))
    return tally


@tuned
async def rows_select(_: Any, given: Given) -> Tally:
    """select: dictionaries"""
    tally = given.tally()
    tally.mappings(await Point.select().where(Point.id <= given.read))
    return tally


@idiomatic
async def stream(_: Any, given: Given) -> Tally:
    """batch: 1000 objects at a time"""
    tally = given.tally()
    every = Point.objects().where(Point.id <= given.read)
    async with await every.batch(batch_size=BATCH) as batch:
        async for points in batch:
            tally.objects(points)
    return tally


@idiomatic
async def get(_: Any, given: Given) -> Tally:
    """objects().get()"""
    tally = given.tally()
    for key in given.keys:
        tally.object(await Point.objects().get(Point.id == key))
    return tally


@idiomatic
async def tasks(_: Any, given: Given) -> Tally:
    """objects().get(), in ten tasks"""
    tally = given.tally()

    async def some(keys: list[int]) -> None:
        for key in keys:
            tally.object(await Point.objects().get(Point.id == key))

    await asyncio.gather(*map(some, given.shares))
    return tally


@idiomatic
async def walk(_: Any, given: Given) -> Tally:
    """objects().get() and a query"""
    tally = given.tally()
    for key in given.users:
        user: Any = await User.objects().get(User.id == key)
        tally.user(user.username)
        newest = Point.objects().where(Point.user_id == key)
        tally.objects(await newest.order_by(Point.id, ascending=False).limit(LATEST))
    return tally
