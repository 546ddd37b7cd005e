"""SQLAlchemy Core on asyncpg: statements and rows, without sessions and entities."""

import asyncio

from sqlalchemy import ARRAY, Connection, bindparam, func, insert, select, true, update
from sqlalchemy.dialects import postgresql

from orm_async_tests.bench.contenders.given import (
    BATCH,
    LATEST,
    WRITTEN,
    Given,
    Tally,
    idiomatic,
    tuned,
)
from orm_async_tests.bench.contenders.sqlalchemy import Library, connected
from orm_async_tests.bench.tables import Mark, arrays_of, unnested
from orm_async_tests.models import TrackPoint, User

__all__ = ["connected"]

ALL = ("id", *WRITTEN)
MARKS, POINTS, USERS = (
    each.metadata.tables[each.__tablename__] for each in (Mark, TrackPoint, User)
)
BY_KEY = select(POINTS).where(POINTS.c.id == bindparam("key"))
USER = select(USERS).where(USERS.c.id == bindparam("key"))
NEWEST = select(POINTS).where(POINTS.c.user_id == bindparam("key"))
NEWEST = NEWEST.order_by(POINTS.c.id.desc()).limit(LATEST)
DOCUMENT = select(func.json_agg(func.row_to_json(NEWEST.subquery().table_valued())))
WALK = select(USERS, DOCUMENT.scalar_subquery().label("points"))
WALK = WALK.where(USERS.c.id == bindparam("key"))


@idiomatic
async def insert_many(library: Library, given: Given) -> None:
    """insert() with a list of dictionaries"""
    async with library.engine.begin() as connection:
        await connection.execute(insert(MARKS), given.marks)


@tuned
async def insert_unnest(library: Library, given: Given) -> None:
    """insert() from arrays by unnest"""
    made = insert(MARKS).from_select(WRITTEN, unnested(*WRITTEN))
    async with library.engine.begin() as connection:
        await connection.execute(made, arrays_of(given.marks, WRITTEN))


@idiomatic
async def update_many(library: Library, given: Given) -> None:
    """update() with bindparam() and a list of dictionaries"""
    changed = update(MARKS).where(MARKS.c.id == bindparam("one")).values(lat=bindparam("new"))
    rows = [{"one": change["id"], "new": change["lat"]} for change in given.changes]
    async with library.engine.begin() as connection:
        await connection.execute(changed, rows)


@tuned
async def update_unnest(library: Library, given: Given) -> None:
    """update() from arrays by unnest"""
    new = unnested("id", "lat").subquery().c
    changed = update(MARKS).values(lat=new.lat).where(MARKS.c.id == new.id)
    async with library.engine.begin() as connection:
        await connection.execute(changed, arrays_of(given.changes, ("id", "lat")))


@idiomatic
async def upsert(library: Library, given: Given) -> None:
    """insert() with ON CONFLICT and a list of dictionaries"""
    new = postgresql.insert(MARKS)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.engine.begin() as connection:
        await connection.execute(new, given.changes)


@tuned
async def upsert_unnest(library: Library, given: Given) -> None:
    """insert() with ON CONFLICT from arrays by unnest"""
    new = postgresql.insert(MARKS).from_select(ALL, unnested(*ALL))
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.engine.begin() as connection:
        await connection.execute(new, arrays_of(given.changes, ALL))


@idiomatic
async def rows(library: Library, given: Given) -> Tally:
    """rows"""
    tally = given.tally()
    async with library.engine.connect() as connection:
        tally.objects(await connection.execute(select(POINTS).where(POINTS.c.id <= given.read)))
    return tally


@tuned
async def rows_tuples(library: Library, given: Given) -> Tally:
    """rows, read by position"""
    tally = given.tally()
    async with library.engine.connect() as connection:
        tally.tuples(await connection.execute(select(POINTS).where(POINTS.c.id <= given.read)))
    return tally


@idiomatic
async def stream(library: Library, given: Given) -> Tally:
    """partitions of rows, yield_per=1000"""
    tally = given.tally()
    every = select(POINTS).where(POINTS.c.id <= given.read)
    async with library.engine.connect() as connection:
        found = await connection.stream(every.execution_options(yield_per=BATCH))
        async for rows in found.partitions():
            tally.objects(rows)
    return tally


@tuned
async def get(library: Library, given: Given) -> Tally:
    """a select() built once, each on a connection in AUTOCOMMIT"""
    tally = given.tally()
    for key in given.keys:
        async with library.reads.connect() as connection:
            tally.object((await connection.execute(BY_KEY, {"key": key})).one())
    return tally


@tuned
async def tasks(library: Library, given: Given) -> Tally:
    """a select() built once, each on a connection in AUTOCOMMIT, in ten tasks"""
    tally = given.tally()

    async def some(keys: list[int]) -> None:
        for key in keys:
            async with library.reads.connect() as connection:
                tally.object((await connection.execute(BY_KEY, {"key": key})).one())

    await asyncio.gather(*map(some, given.shares))
    return tally


@idiomatic
async def walk(library: Library, given: Given) -> Tally:
    """two queries, on a connection for each user"""
    tally = given.tally()
    for key in given.users:
        newest = select(POINTS).where(POINTS.c.user_id == key)
        async with library.engine.connect() as connection:
            user = (await connection.execute(select(USERS).where(USERS.c.id == key))).one()
            tally.user(user.username)
            newest = newest.order_by(POINTS.c.id.desc()).limit(LATEST)
            tally.objects(await connection.execute(newest))
    return tally


@tuned
async def walk_json(library: Library, given: Given) -> Tally:
    """one statement built once, with the points as JSON, on a connection for each user"""
    tally = given.tally()
    for key in given.users:
        async with library.reads.connect() as connection:
            user = (await connection.execute(WALK, {"key": key})).one()
            tally.user(user.username)
            tally.mappings(user.points)
    return tally


NEAR = select(POINTS).where(POINTS.c.user_id == USERS.c.id)
LATERAL = NEAR.order_by(POINTS.c.id.desc()).limit(LATEST).lateral()
WALK_ROWS = select(*LATERAL.c, USERS.c.username).join_from(USERS, LATERAL, true())
WALK_ROWS = WALK_ROWS.where(USERS.c.id == bindparam("key"))


@tuned
async def walk_rows(library: Library, given: Given) -> Tally:
    """one statement built once, with LATERAL, on one connection in AUTOCOMMIT"""
    tally = given.tally()
    async with library.reads.connect() as connection:
        for key in given.users:
            points = (await connection.execute(WALK_ROWS, {"key": key})).all()
            tally.user(points[0].username)
            tally.objects(points)
    return tally


NEWER = NEWEST.subquery()
ARRAYS = select(*(func.array_agg(each, type_=ARRAY(each.type)) for each in NEWER.c)).subquery()
WALK_ARRAYS = select(USERS.c.username, ARRAYS).join_from(USERS, ARRAYS, true())
WALK_ARRAYS = WALK_ARRAYS.where(USERS.c.id == bindparam("key"))


@tuned
async def walk_arrays(library: Library, given: Given) -> Tally:
    """one statement built once, with an array for each column, on one connection in AUTOCOMMIT"""
    tally = given.tally()
    async with library.reads.connect() as connection:
        for key in given.users:
            name, *columns = (await connection.execute(WALK_ARRAYS, {"key": key})).one()
            tally.user(name)
            tally.tuples(zip(*columns, strict=True))
    return tally


@tuned
async def walk_run_sync(library: Library, given: Given) -> Tally:
    """the same, all of them in one run_sync()"""
    tally = given.tally()

    def walked(connection: Connection) -> None:
        for key in given.users:
            name, *columns = connection.execute(WALK_ARRAYS, {"key": key}).one()
            tally.user(name)
            tally.tuples(zip(*columns, strict=True))

    async with library.reads.connect() as connection:
        await connection.run_sync(walked)
    return tally
