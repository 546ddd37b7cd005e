"""peewee on asyncpg, by playhouse.pwasyncio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from peewee import (
    EXCLUDED,
    AutoField,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    TextField,
    chunked,
)
from playhouse.postgres_ext import DateTimeTZField
from playhouse.pwasyncio import AsyncModel, AsyncPostgresqlDatabase

from orm_async_tests.bench.contenders.given import (
    BATCH,
    LATEST,
    Given,
    Login,
    Tally,
    idiomatic,
    tuned,
)


class Mark(AsyncModel):
    """A row that a workload writes."""

    id = AutoField()
    user_id = IntegerField()
    lat = DoubleField()
    lon = DoubleField()
    date = DateTimeTZField()

    class Meta:
        table_name = "marks"


class User(AsyncModel):
    """Somebody who records walks."""

    id = AutoField()
    username = TextField()
    created_at = DateTimeTZField()
    updated_at = DateTimeTZField()

    class Meta:
        table_name = "users"


class Point(AsyncModel):
    """A position of a walk."""

    id = AutoField()
    user = ForeignKeyField(User)
    lat = DoubleField()
    lon = DoubleField()
    date = DateTimeTZField()
    created_at = DateTimeTZField()
    updated_at = DateTimeTZField()

    class Meta:
        table_name = "track_points"


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[AsyncPostgresqlDatabase]:
    """A pool whose connections are open."""
    names = {name: each for name, each in vars(login).items() if name != "database"}
    how = {"pool_size": size, "pool_min_size": size}
    database = AsyncPostgresqlDatabase(login.database, **how, **names)
    database.bind([Mark, User, Point])  # where it is known only now; else in their Meta
    async with database:
        await database.aexecute_sql("SELECT 1")
    yield database
    await database.close_pool()


@idiomatic
async def insert(database: AsyncPostgresqlDatabase, given: Given) -> None:
    """insert_many, 1000 in a statement"""
    async with database, database.atomic():
        for some in chunked(given.marks, BATCH):
            await database.aexecute(Mark.insert_many(some))


@idiomatic
async def update(database: AsyncPostgresqlDatabase, given: Given) -> None:
    """an update() for each row: on asyncpg abulk_update takes a double for text and fails"""
    async with database, database.atomic():
        for change in given.changes:
            changed = Mark.update(lat=change["lat"]).where(Mark.id == change["id"])
            await database.aexecute(changed)


@idiomatic
async def upsert(database: AsyncPostgresqlDatabase, given: Given) -> None:
    """insert_many with on_conflict, 1000 in a statement"""
    async with database, database.atomic():
        for some in chunked(given.changes, BATCH):
            new = Mark.insert_many(some)
            change = {Mark.lat: EXCLUDED.lat}
            await database.aexecute(new.on_conflict(conflict_target=[Mark.id], update=change))


@idiomatic
async def rows(database: AsyncPostgresqlDatabase, given: Given) -> Tally:
    """objects"""
    tally = given.tally()
    async with database:
        tally.objects(await database.list(Point.select().where(Point.id <= given.read)))
    return tally


@tuned
async def rows_tuples(database: AsyncPostgresqlDatabase, given: Given) -> Tally:
    """tuples"""
    tally = given.tally()
    async with database:
        every = Point.select().where(Point.id <= given.read).tuples()
        tally.tuples(await database.list(every))
    return tally


@idiomatic
async def stream(database: AsyncPostgresqlDatabase, given: Given) -> Tally:
    """iterate, with a buffer of 1000"""
    tally = given.tally()
    async with database, database.atomic():
        every = Point.select().where(Point.id <= given.read)
        async for point in database.iterate(every, buffer_size=BATCH):
            tally.object(point)
    return tally


@idiomatic
async def get(database: AsyncPostgresqlDatabase, given: Given) -> Tally:
    """aget_by_id, each on a connection from the pool"""
    tally = given.tally()
    for key in given.keys:
        async with database:
            tally.object(await Point.aget_by_id(key))
    return tally


@idiomatic
async def tasks(database: AsyncPostgresqlDatabase, given: Given) -> Tally:
    """aget_by_id, each on a connection from the pool, in ten tasks"""
    tally = given.tally()

    async def some(keys: list[int]) -> None:
        for key in keys:
            async with database:
                tally.object(await Point.aget_by_id(key))

    await asyncio.gather(*map(some, given.shares))
    return tally


@idiomatic
async def walk(database: AsyncPostgresqlDatabase, given: Given) -> Tally:
    """aget_by_id and a query, on a connection for each user"""
    tally = given.tally()
    for key in given.users:
        async with database:
            user: Any = await User.aget_by_id(key)
            tally.user(user.username)
            newest = Point.select().where(Point.user == key).order_by(Point.id.desc())
            tally.objects(await database.list(newest.limit(LATEST)))
    return tally
