"""SQLAlchemy on asyncpg, by public patterns that are chosen for speed.

One statement in AUTOCOMMIT is a transaction of its own, so what it writes is all there or nothing.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, any_, bindparam, delete, insert, select, text, update

from orm_async_tests.bench.contenders.given import Row, raw, tuned
from orm_async_tests.bench.contenders.journal.given import (
    NEXT,
    PAGE,
    WRITTEN,
    Given,
    Tally,
)
from orm_async_tests.bench.contenders.sqlalchemy import Library, connected
from orm_async_tests.bench.tables import Entry, arrays_of, unnested

__all__ = ["connected"]

TABLE = Entry.metadata.tables["journal"]
COLUMNS = (Entry.id, Entry.timestamp, Entry.level, Entry.text)
ONE = insert(TABLE).returning(TABLE.c.id)
MANY = insert(TABLE).from_select(WRITTEN, unnested(*WRITTEN))
LARGE = select(Entry).where(Entry.level == bindparam("level"))
LARGE_ROWS = select(*COLUMNS).where(Entry.level == bindparam("level"))
OFFSET = bindparam("offset", type_=Integer)
SMALL, SMALL_ROWS = (
    every.order_by(Entry.id).limit(PAGE).offset(OFFSET) for every in (LARGE, LARGE_ROWS)
)
BY_KEY = select(Entry).where(Entry.id == bindparam("key"))
NEW = unnested("id", "level", "text").subquery().c
WHOLE = update(TABLE).values(level=NEW.level, text=NEW.text).where(TABLE.c.id == NEW.id)
PARTLY = unnested("id", "level").subquery().c
PARTIAL = update(TABLE).values(level=PARTLY.level).where(TABLE.c.id == PARTLY.id)
DELETE = delete(TABLE).where(TABLE.c.id == any_(bindparam("ids", type_=ARRAY(Integer))))


@tuned
async def single(library: Library, given: Given) -> None:
    """insert() built once, in AUTOCOMMIT, on a connection for each task"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.reads.connect() as connection:
            for entry in entries:
                await connection.scalar(ONE, entry)

    await asyncio.gather(*map(some, given.entries))


@tuned
async def batch(library: Library, given: Given) -> None:
    """insert() from arrays by unnest"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session.begin() as session:
            await session.execute(MANY, arrays_of(entries, WRITTEN))

    await asyncio.gather(*map(some, given.entries))


@tuned
async def bulk(library: Library, given: Given) -> None:
    """insert() from arrays by unnest, in AUTOCOMMIT"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.reads.connect() as connection:
            await connection.execute(MANY, arrays_of(entries, WRITTEN))

    await asyncio.gather(*map(some, given.entries))


@raw
async def bulk_copy(library: Library, given: Given) -> None:
    """COPY in the session's transaction"""

    async def some(records: Sequence[Any]) -> None:
        async with library.Session.begin() as session:
            await session.execute(text("SELECT 1"))  # BEGIN is sent by the first statement (test74)
            connection = await (await session.connection()).get_raw_connection()
            driver: Any = connection.driver_connection
            await driver.copy_records_to_table("journal", records=records, columns=WRITTEN)

    await asyncio.gather(*map(some, given.records))


@tuned
async def large(library: Library, given: Given) -> Tally:
    """entities, in AUTOCOMMIT, while the garbage collector rests"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Reads() as session:
            for level in levels:
                tally.objects(await session.scalars(LARGE, {"level": level}))

    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1000)  # what is loaded is not garbage: do not look so often
    try:
        await asyncio.gather(*map(some, given.levels))
    finally:
        gc.set_threshold(*thresholds)
    return tally


@tuned
async def large_rows(library: Library, given: Given) -> Tally:
    """rows with the entity's columns, in AUTOCOMMIT"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Reads() as session:
            for level in levels:
                tally.objects(await session.execute(LARGE_ROWS, {"level": level}))

    await asyncio.gather(*map(some, given.levels))
    return tally


@tuned
async def small(library: Library, given: Given) -> Tally:
    """entities by a select() built once, in AUTOCOMMIT"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        async with library.Reads() as session:
            for level, offset in pages:
                tally.objects(await session.scalars(SMALL, {"level": level, "offset": offset}))

    await asyncio.gather(*map(some, given.pages))
    return tally


@tuned
async def small_rows(library: Library, given: Given) -> Tally:
    """rows with the entity's columns, by a select() built once, in AUTOCOMMIT"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        async with library.Reads() as session:
            for level, offset in pages:
                rows = await session.execute(SMALL_ROWS, {"level": level, "offset": offset})
                tally.objects(rows)

    await asyncio.gather(*map(some, given.pages))
    return tally


@tuned
async def get(library: Library, given: Given) -> Tally:
    """a select() built once, in a session in AUTOCOMMIT for each task"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        async with library.Reads() as session:
            for key in keys:
                tally.objects([(await session.scalars(BY_KEY, {"key": key})).one()])

    await asyncio.gather(*map(some, given.keys))
    return tally


@tuned
async def get_each(library: Library, given: Given) -> Tally:
    """a select() built once, each in a session in AUTOCOMMIT"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        for key in keys:
            async with library.Reads() as session:
                tally.objects([(await session.scalars(BY_KEY, {"key": key})).one()])

    await asyncio.gather(*map(some, given.keys))
    return tally


@tuned
async def dicts(library: Library, given: Given) -> Tally:
    """a select() built once, in AUTOCOMMIT, and a dictionary of each row"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.reads.connect() as connection:
            for level in levels:
                rows = await connection.execute(LARGE_ROWS, {"level": level})
                names = tuple(rows.keys())
                tally.mappings([dict(zip(names, row, strict=True)) for row in rows])

    await asyncio.gather(*map(some, given.levels))
    return tally


@tuned
async def tuples(library: Library, given: Given) -> Tally:
    """a select() built once, in AUTOCOMMIT, and the rows by position"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.reads.connect() as connection:
            for level in levels:
                tally.tuples(await connection.execute(LARGE_ROWS, {"level": level}))

    await asyncio.gather(*map(some, given.levels))
    return tally


@tuned
async def whole(library: Library, given: Given) -> AsyncIterator[None]:
    """update() from arrays by unnest, in AUTOCOMMIT"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        new = [{"id": e.id, "level": NEXT[e.level], "text": f"{e.text} Update"} for e in share]
        async with library.reads.connect() as connection:
            await connection.execute(WHOLE, arrays_of(new, ("id", "level", "text")))

    await asyncio.gather(*map(some, given.shared(entries)))


@tuned
async def partial(library: Library, given: Given) -> AsyncIterator[None]:
    """update() from arrays by unnest, in AUTOCOMMIT"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        new = [{"id": entry.id, "level": NEXT[entry.level]} for entry in share]
        async with library.reads.connect() as connection:
            await connection.execute(PARTIAL, arrays_of(new, ("id", "level")))

    await asyncio.gather(*map(some, given.shared(entries)))


@tuned
async def delete_any(library: Library, given: Given) -> AsyncIterator[None]:
    """delete() of any() of an array of keys, in AUTOCOMMIT"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.reads.connect() as connection:
            await connection.execute(DELETE, {"ids": [entry.id for entry in share]})

    await asyncio.gather(*map(some, given.shared(entries)))
