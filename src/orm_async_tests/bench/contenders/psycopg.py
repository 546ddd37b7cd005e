"""psycopg without an ORM: the other driver."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from orm_async_tests.bench.contenders.given import BATCH, LATEST, Given, Login, Tally, raw

COLUMNS = "id, user_id, lat, lon, date, created_at, updated_at"
COPY = "COPY marks (user_id, lat, lon, date) FROM STDIN (FORMAT binary)"
TYPES = ("int4", "float8", "float8", "timestamptz")
UPDATE = "UPDATE marks SET lat = %(lat)s WHERE id = %(id)s"
UPSERT = """INSERT INTO marks (id, user_id, lat, lon, date)
    VALUES (%(id)s, %(user_id)s, %(lat)s, %(lon)s, %(date)s)
    ON CONFLICT (id) DO UPDATE SET lat = excluded.lat"""
ROWS = f"SELECT {COLUMNS} FROM track_points WHERE id <= %s"
ONE = f"SELECT {COLUMNS} FROM track_points WHERE id = %s"
USER = "SELECT id, username, created_at, updated_at FROM users WHERE id = %s"
NEWEST = f"""SELECT {COLUMNS} FROM track_points WHERE user_id = %s
    ORDER BY id DESC LIMIT {LATEST}"""


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[AsyncConnectionPool]:
    """A pool whose connections are open."""
    given = {name: each for name, each in vars(login).items() if name != "database"}
    url = make_conninfo("", dbname=login.database, **given)
    how = {"autocommit": True}
    async with AsyncConnectionPool(
        url, min_size=size, max_size=size, kwargs=how, open=False
    ) as pool:
        await pool.wait()
        yield pool


@raw
async def insert(pool: AsyncConnectionPool, given: Given) -> None:
    """COPY from tuples, binary"""
    async with pool.connection() as connection, connection.cursor().copy(COPY) as copy:
        copy.set_types(TYPES)
        for record in given.records:
            await copy.write_row(record)


@raw
async def update(pool: AsyncConnectionPool, given: Given) -> None:
    """executemany"""
    async with pool.connection() as connection, connection.transaction():
        await connection.cursor().executemany(UPDATE, given.changes)


@raw
async def upsert(pool: AsyncConnectionPool, given: Given) -> None:
    """executemany with ON CONFLICT"""
    async with pool.connection() as connection, connection.transaction():
        await connection.cursor().executemany(UPSERT, given.changes)


@raw
async def rows(pool: AsyncConnectionPool, given: Given) -> Tally:
    """fetchall, binary"""
    tally = given.tally()
    async with pool.connection() as connection:
        found = await connection.cursor(binary=True).execute(ROWS, [given.read])
        tally.tuples(await found.fetchall())
    return tally


@raw
async def stream(pool: AsyncConnectionPool, given: Given) -> Tally:
    """a named cursor, binary, in batches of 1000"""
    tally = given.tally()
    async with pool.connection() as connection, connection.transaction():
        cursor = connection.cursor("every", binary=True)
        await cursor.execute(ROWS, [given.read])
        while batch := await cursor.fetchmany(BATCH):
            tally.tuples(batch)
    return tally


@raw
async def get(pool: AsyncConnectionPool, given: Given) -> Tally:
    """fetchone, each on a connection from the pool"""
    tally = given.tally()
    for key in given.keys:
        async with pool.connection() as connection:
            found = await connection.execute(ONE, [key], binary=True)
            tally.tuples([await found.fetchone()])
    return tally


@raw
async def tasks(pool: AsyncConnectionPool, given: Given) -> Tally:
    """fetchone, each on a connection from the pool, in ten tasks"""
    tally = given.tally()

    async def some(keys: list[int]) -> None:
        for key in keys:
            async with pool.connection() as connection:
                found = await connection.execute(ONE, [key], binary=True)
                tally.tuples([await found.fetchone()])

    await asyncio.gather(*map(some, given.shares))
    return tally


@raw
async def walk(pool: AsyncConnectionPool, given: Given) -> Tally:
    """two queries, on one connection"""
    tally = given.tally()
    async with pool.connection() as connection:
        for key in given.users:
            user = await (await connection.execute(USER, [key], binary=True)).fetchone()
            assert user is not None
            tally.user(user[1])
            found = await connection.execute(NEWEST, [key], binary=True)
            tally.tuples(await found.fetchall())
    return tally
