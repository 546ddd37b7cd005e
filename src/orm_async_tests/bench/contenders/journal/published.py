"""SQLAlchemy's asyncio ORM as tortoise/orm-benchmarks asks it, on the pool that it gives it.

The engine has its default pool of five connections and ten more that are closed when they are
given back, so some of ten tasks open theirs while the clock runs. What is added, changed or merged
is the same here; keys, pages and levels are those of all contenders.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from orm_async_tests.bench.contenders.given import Row, published
from orm_async_tests.bench.contenders.journal.given import (
    COLUMNS,
    NEXT,
    PAGE,
    Given,
    Login,
    Tally,
)
from orm_async_tests.bench.contenders.sqlalchemy import Library
from orm_async_tests.bench.tables import Entry

TABLE = Entry.metadata.tables["journal"]


@asynccontextmanager
async def connected(login: Login, _: int) -> AsyncIterator[Library]:
    """The default pool, of which one connection is open."""
    url = URL.create("postgresql+asyncpg", login.user, login.password, database=login.database)
    engine = create_async_engine(url.set(query={"host": login.host, "port": str(login.port)}))
    async with engine.connect():
        pass
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    try:
        yield Library(engine, engine, sessions, sessions)
    finally:
        await engine.dispose()


@published
async def single(library: Library, given: Given) -> None:
    """add() and commit()"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session() as session:
            for entry in entries:
                session.add(Entry(**entry))
                await session.commit()

    await asyncio.gather(*map(some, given.entries))


@published
async def batch(library: Library, given: Given) -> None:
    """add() of each, and one commit"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session() as session:
            for entry in entries:
                session.add(Entry(**entry))
            await session.commit()

    await asyncio.gather(*map(some, given.entries))


@published
async def bulk(library: Library, given: Given) -> None:
    """add_all()"""

    async def some(entries: Sequence[Row]) -> None:
        async with library.Session() as session:
            session.add_all([Entry(**entry) for entry in entries])
            await session.commit()

    await asyncio.gather(*map(some, given.entries))


@published
async def large(library: Library, given: Given) -> Tally:
    """a list of entities"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Session() as session:
            for level in levels:
                found = await session.execute(select(Entry).where(Entry.level == level))
                tally.objects(found.scalars().all())

    await asyncio.gather(*map(some, given.levels))
    return tally


@published
async def small(library: Library, given: Given) -> Tally:
    """a list of entities"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        async with library.Session() as session:
            for level, offset in pages:
                page = select(Entry).where(Entry.level == level).order_by(Entry.id)
                found = await session.execute(page.limit(PAGE).offset(offset))
                tally.objects(found.scalars().all())

    await asyncio.gather(*map(some, given.pages))
    return tally


@published
async def get(library: Library, given: Given) -> Tally:
    """session.get()"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        async with library.Session() as session:
            for key in keys:
                tally.objects([await session.get(Entry, key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@published
async def dicts(library: Library, given: Given) -> Tally:
    """a dictionary of each entity's __dict__"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Session() as session:
            for level in levels:
                found = await session.execute(select(Entry).where(Entry.level == level))
                tally.mappings([
                    {name: value for name, value in vars(entry).items() if name in COLUMNS}
                    for entry in found.scalars().all()
                ])  # fmt: skip

    await asyncio.gather(*map(some, given.levels))
    return tally


@published
async def tuples(library: Library, given: Given) -> Tally:
    """rows of the table"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        async with library.Session() as session:
            for level in levels:
                found = await session.execute(select(*TABLE.c).where(TABLE.c.level == level))
                tally.tuples(found.all())

    await asyncio.gather(*map(some, given.levels))
    return tally


@published
async def whole(library: Library, given: Given) -> AsyncIterator[None]:
    """merge() of each object, and one commit"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.Session() as session:
            for entry in share:
                merged = await session.merge(entry)
                merged.level = NEXT[merged.level]
                merged.text = f"{merged.text} Update"
            await session.commit()

    await asyncio.gather(*map(some, given.shared(entries)))


@published
async def partial(library: Library, given: Given) -> AsyncIterator[None]:
    """merge() of each object, and one commit"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.Session() as session:
            for entry in share:
                merged = await session.merge(entry)
                merged.level = NEXT[merged.level]
            await session.commit()

    await asyncio.gather(*map(some, given.shared(entries)))


@published
async def delete(library: Library, given: Given) -> AsyncIterator[None]:
    """merge() and delete() of each object, and one commit"""
    async with library.Session() as session:
        entries = (await session.scalars(select(Entry))).all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with library.Session() as session:
            for entry in share:
                await session.delete(await session.merge(entry))
            await session.commit()

    await asyncio.gather(*map(some, given.shared(entries)))
