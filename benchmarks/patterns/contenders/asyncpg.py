"""asyncpg without an ORM. The benchmark compares all other libraries with asyncpg."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import URL

from benchmarks.patterns.work import BATCH, LATEST, WRITTEN, Tally, Work, raw
from orm_async_tests.urls import portable

COLUMNS = "id, user_id, lat, lon, date, created_at, updated_at"
INSERT = "INSERT INTO marks (user_id, lat, lon, date) VALUES ($1, $2, $3, $4)"
UPDATE = "UPDATE marks SET lat = $2 WHERE id = $1"
UNNEST = """UPDATE marks SET lat = new.lat FROM unnest($1::int[], $2::float8[]) AS new (id, lat)
    WHERE marks.id = new.id"""
UPSERT = """INSERT INTO marks (id, user_id, lat, lon, date) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO UPDATE SET lat = excluded.lat"""
ROWS = f"SELECT {COLUMNS} FROM track_points WHERE id <= $1"
POINT = f"SELECT {COLUMNS} FROM track_points WHERE id = $1"
USER = "SELECT id, username, created_at, updated_at FROM users WHERE id = $1"
NEWEST = f"""SELECT {COLUMNS} FROM track_points WHERE user_id = $1
    ORDER BY id DESC LIMIT {LATEST}"""


def dsn_of(url: URL) -> str:
    return portable(url).set(drivername="postgresql").render_as_string(hide_password=False)


@asynccontextmanager
async def connected(url: URL, size: int) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(dsn_of(url), min_size=size, max_size=size) as pool:
        yield pool


@raw
async def insert(pool: Any, work: Work, _: Tally) -> None:
    """send tuples with COPY"""
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("marks", records=work.records, columns=WRITTEN)


@raw
async def insert_executemany(pool: Any, work: Work, _: Tally) -> None:
    """call executemany()"""
    await pool.executemany(INSERT, work.records)


@raw
async def update(pool: Any, work: Work, _: Tally) -> None:
    """call executemany()"""
    await pool.executemany(UPDATE, [(row["id"], row["lat"]) for row in work.changed_rows])


@raw
async def update_unnest(pool: Any, work: Work, _: Tally) -> None:
    """send one UPDATE with arrays"""
    ids, latitudes = [], []
    for row in work.changed_rows:
        ids.append(row["id"])
        latitudes.append(row["lat"])
    await pool.execute(UNNEST, ids, latitudes)


@raw
async def upsert(pool: Any, work: Work, _: Tally) -> None:
    """call executemany() with ON CONFLICT"""
    await pool.executemany(UPSERT, [tuple(row.values()) for row in work.changed_rows])


@raw
async def rows(pool: Any, work: Work, tally: Tally) -> None:
    """call fetch()"""
    tally.add_mappings(await pool.fetch(ROWS, work.read))


@raw
async def stream(pool: Any, work: Work, tally: Tally) -> None:
    """read from a cursor in batches of 1000 rows"""
    async with pool.acquire() as connection, connection.transaction():
        cursor = await connection.cursor(ROWS, work.read)
        while batch := await cursor.fetch(BATCH):
            tally.add_mappings(batch)


@raw
async def get(pool: Any, key: int, tally: Tally) -> None:
    """call the pool's method fetchrow() for every row"""
    tally.add_mappings([await pool.fetchrow(POINT, key)])


@raw
async def walk(pool: Any, work: Work, tally: Tally) -> None:
    """run two queries for every user on one connection"""
    async with pool.acquire() as connection:
        for key in work.user_ids:
            tally.add_user_name((await connection.fetchrow(USER, key))["username"])
            tally.add_mappings(await connection.fetch(NEWEST, key))


@raw
async def walk_pool(pool: Any, work: Work, tally: Tally) -> None:
    """check out a connection for every user, and run two queries on it"""
    for key in work.user_ids:
        async with pool.acquire() as connection:
            tally.add_user_name((await connection.fetchrow(USER, key))["username"])
            tally.add_mappings(await connection.fetch(NEWEST, key))
