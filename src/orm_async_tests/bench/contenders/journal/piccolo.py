"""Piccolo on asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from piccolo.columns import Serial, SmallInt, Timestamptz, Varchar
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from orm_async_tests.bench.contenders.given import Row, idiomatic, tuned
from orm_async_tests.bench.contenders.journal.given import (
    NEXT,
    PAGE,
    Given,
    Login,
    Tally,
)


class Entry(Table, tablename="journal"):
    """A line of a journal."""

    id = Serial(primary_key=True)
    timestamp = Timestamptz()
    level = SmallInt(index=True)
    text = Varchar(length=255, index=True)


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[PostgresEngine]:
    """A pool whose connections are open."""
    engine = PostgresEngine(config=vars(login))
    Entry._meta.db = engine  # where it is known only now; else in piccolo_conf.py
    await engine.start_connection_pool(min_size=size, max_size=size)
    yield engine
    await engine.close_connection_pool()


@idiomatic
async def single(_: Any, given: Given) -> None:
    """save of each new object"""

    async def some(entries: Sequence[Row]) -> None:
        for entry in entries:
            await Entry(**entry).save()

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def batch(engine: PostgresEngine, given: Given) -> None:
    """save of each new object, in a transaction"""

    async def some(entries: Sequence[Row]) -> None:
        async with engine.transaction():
            for entry in entries:
                await Entry(**entry).save()

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def bulk(_: Any, given: Given) -> None:
    """insert of objects"""

    async def some(entries: Sequence[Row]) -> None:
        await Entry.insert(*(Entry(**entry) for entry in entries))

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def large(_: Any, given: Given) -> Tally:
    """objects"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.objects(await Entry.objects().where(Entry.level == level))

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def small(_: Any, given: Given) -> Tally:
    """objects with limit and offset"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        for level, offset in pages:
            page = Entry.objects().where(Entry.level == level).order_by(Entry.id)
            tally.objects(await page.limit(PAGE).offset(offset))

    await asyncio.gather(*map(some, given.pages))
    return tally


@idiomatic
async def get(_: Any, given: Given) -> Tally:
    """objects().get()"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        for key in keys:
            tally.objects([await Entry.objects().get(Entry.id == key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@idiomatic
async def dicts(_: Any, given: Given) -> Tally:
    """select"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.mappings(await Entry.select().where(Entry.level == level))

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def tuples(_: Any, given: Given) -> Tally:
    """select, and a tuple of each dictionary"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            rows = await Entry.select().where(Entry.level == level)
            tally.tuples([tuple(row.values()) for row in rows])

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def whole(engine: PostgresEngine, given: Given) -> AsyncIterator[None]:
    """save of each object, in a transaction"""
    entries = await Entry.objects()
    yield

    async def some(share: Sequence[Any]) -> None:
        async with engine.transaction():
            for entry in share:
                entry.level = NEXT[entry.level]
                entry.text = f"{entry.text} Update"
                await entry.save()

    await asyncio.gather(*map(some, given.shared(entries)))


@idiomatic
async def partial(engine: PostgresEngine, given: Given) -> AsyncIterator[None]:
    """save of one column of each object, in a transaction"""
    entries = await Entry.objects()
    yield

    async def some(share: Sequence[Any]) -> None:
        async with engine.transaction():
            for entry in share:
                entry.level = NEXT[entry.level]
                await entry.save(columns=[Entry.level])

    await asyncio.gather(*map(some, given.shared(entries)))


@idiomatic
async def delete(engine: PostgresEngine, given: Given) -> AsyncIterator[None]:
    """remove of each object, in a transaction"""
    entries = await Entry.objects()
    yield

    async def some(share: Sequence[Any]) -> None:
        async with engine.transaction():
            for entry in share:
                await entry.remove()

    await asyncio.gather(*map(some, given.shared(entries)))


@tuned
async def delete_in(_: Any, given: Given) -> AsyncIterator[None]:
    """one DELETE with a list of keys"""
    entries = await Entry.objects()
    yield

    async def some(share: Sequence[Any]) -> None:
        await Entry.delete().where(Entry.id.is_in([entry.id for entry in share]))

    await asyncio.gather(*map(some, given.shared(entries)))
