"""SQLAlchemy's asyncio ORM on asyncpg, as its documentation shows it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from sqlalchemy import insert, select

from orm_async_tests.bench.contenders.given import Row, idiomatic
from orm_async_tests.bench.contenders.journal.given import (
    NEXT,
    PAGE,
    Given,
    Tally,
)
from orm_async_tests.bench.contenders.sqlalchemy import Library, connected
from orm_async_tests.bench.tables import Entry

__all__ = ["connected"]

COLUMNS = (Entry.id, Entry.timestamp, Entry.level, Entry.text)


@idiomatic
async def single(library: Library, given: Given) -> None:
    """add() and commit(), in a session for each task"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session() as session:
            for entry in entries:
                session.add(Entry(**entry))
                await session.commit()

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def batch(library: Library, given: Given) -> None:
    """add() of each, and one commit"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session.begin() as session:
            for entry in entries:
                session.add(Entry(**entry))

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def bulk(library: Library, given: Given) -> None:
    """insert() with a list of dictionaries"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session.begin() as session:
            await session.execute(insert(Entry), entries)

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def large(library: Library, given: Given) -> Tally:
    """entities, in a session for each task"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Session() as session:
            for level in levels:
                tally.objects(await session.scalars(select(Entry).where(Entry.level == level)))

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def small(library: Library, given: Given) -> Tally:
    """entities with limit and offset, in a session for each task"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        async with library.Session() as session:
            for level, offset in pages:
                page = select(Entry).where(Entry.level == level).order_by(Entry.id)
                tally.objects(await session.scalars(page.limit(PAGE).offset(offset)))

    await asyncio.gather(*map(some, given.pages))
    return tally


@idiomatic
async def get(library: Library, given: Given) -> Tally:
    """session.get(), in a session for each task"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        async with library.Session() as session:
            for key in keys:
                tally.objects([await session.get_one(Entry, key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@idiomatic
async def get_each(library: Library, given: Given) -> Tally:
    """session.get(), each in a session of its own"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        for key in keys:
            async with library.Session() as session:
                tally.objects([await session.get_one(Entry, key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@idiomatic
async def dicts(library: Library, given: Given) -> Tally:
    """columns of the entity, and a dictionary of each row"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Session() as session:
            for level in levels:
                rows = await session.execute(select(*COLUMNS).where(Entry.level == level))
                tally.mappings([dict(row) for row in rows.mappings()])

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def tuples(library: Library, given: Given) -> Tally:
    """columns of the entity, and the rows by position"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Session() as session:
            for level in levels:
                tally.tuples(await session.execute(select(*COLUMNS).where(Entry.level == level)))

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def whole(library: Library, given: Given) -> AsyncIterator[None]:
    """add_all() of the objects, which are changed, and one commit"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.Session.begin() as session:
            session.add_all(share)
            for entry in share:
                entry.level = NEXT[entry.level]
                entry.text = f"{entry.text} Update"

    await asyncio.gather(*map(some, given.shared(entries)))


@idiomatic
async def partial(library: Library, given: Given) -> AsyncIterator[None]:
    """add_all() of the objects, which are changed, and one commit"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.Session.begin() as session:
            session.add_all(share)
            for entry in share:
                entry.level = NEXT[entry.level]

    await asyncio.gather(*map(some, given.shared(entries)))


@idiomatic
async def delete(library: Library, given: Given) -> AsyncIterator[None]:
    """delete() of each object, and one commit"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.Session.begin() as session:
            for entry in share:
                await session.delete(entry)

    await asyncio.gather(*map(some, given.shared(entries)))
