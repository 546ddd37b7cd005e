"""asyncpg without an ORM: what the others are compared with."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from orm_async_tests.bench.contenders.asyncpg import connected
from orm_async_tests.bench.contenders.given import raw
from orm_async_tests.bench.contenders.journal.given import (
    NEXT,
    PAGE,
    WRITTEN,
    Given,
    Tally,
)

__all__ = ["connected"]

COLUMNS = "id, timestamp, level, text"
INSERT = "INSERT INTO journal (timestamp, level, text) VALUES ($1, $2, $3)"
RETURNING = f"{INSERT} RETURNING id"
EVERY = f"SELECT {COLUMNS} FROM journal"
LEVEL = f"{EVERY} WHERE level = $1"
SMALL = f"{LEVEL} ORDER BY id LIMIT {PAGE} OFFSET $2"
ONE = f"{EVERY} WHERE id = $1"
WHOLE = "UPDATE journal SET level = $2, text = $3 WHERE id = $1"
PARTIAL = "UPDATE journal SET level = $2 WHERE id = $1"
DELETE = "DELETE FROM journal WHERE id = $1"
WHOLE_UNNEST = """UPDATE journal SET level = new.level, text = new.text
    FROM unnest($1::int[], $2::int2[], $3::text[]) AS new (id, level, text)
    WHERE journal.id = new.id"""
PARTIAL_UNNEST = """UPDATE journal SET level = new.level
    FROM unnest($1::int[], $2::int2[]) AS new (id, level) WHERE journal.id = new.id"""


@raw
async def single(pool: Any, given: Given) -> None:
    """fetchval, each on a connection from the pool"""

    async def some(records: Sequence[Any]) -> None:
        for record in records:
            await pool.fetchval(RETURNING, *record)

    await asyncio.gather(*map(some, given.records))


@raw
async def batch(pool: Any, given: Given) -> None:
    """fetchval in a transaction"""

    async def some(records: Sequence[Any]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            for record in records:
                await connection.fetchval(RETURNING, *record)

    await asyncio.gather(*map(some, given.records))


@raw
async def bulk(pool: Any, given: Given) -> None:
    """executemany"""

    async def some(records: Sequence[Any]) -> None:
        await pool.executemany(INSERT, records)

    await asyncio.gather(*map(some, given.records))


@raw
async def bulk_copy(pool: Any, given: Given) -> None:
    """COPY"""

    async def some(records: Sequence[Any]) -> None:
        await pool.copy_records_to_table("journal", records=records, columns=WRITTEN)

    await asyncio.gather(*map(some, given.records))


@raw
async def large(pool: Any, given: Given) -> Tally:
    """fetch"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.mappings(await pool.fetch(LEVEL, level))

    await asyncio.gather(*map(some, given.levels))
    return tally


@raw
async def small(pool: Any, given: Given) -> Tally:
    """fetch, each on a connection from the pool"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        for level, offset in pages:
            tally.mappings(await pool.fetch(SMALL, level, offset))

    await asyncio.gather(*map(some, given.pages))
    return tally


@raw
async def get(pool: Any, given: Given) -> Tally:
    """fetchrow, each on a connection from the pool"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        for key in keys:
            tally.mappings([await pool.fetchrow(ONE, key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@raw
async def get_kept(pool: Any, given: Given) -> Tally:
    """fetchrow, on a connection for each task"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        async with pool.acquire() as connection:
            for key in keys:
                tally.mappings([await connection.fetchrow(ONE, key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@raw
async def dicts(pool: Any, given: Given) -> Tally:
    """fetch, and a dictionary of each record"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.mappings([dict(record) for record in await pool.fetch(LEVEL, level)])

    await asyncio.gather(*map(some, given.levels))
    return tally


@raw
async def tuples(pool: Any, given: Given) -> Tally:
    """fetch, and the records by position"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.tuples(await pool.fetch(LEVEL, level))

    await asyncio.gather(*map(some, given.levels))
    return tally


@raw
async def whole(pool: Any, given: Given) -> AsyncIterator[None]:
    """executemany in a transaction"""
    records = await pool.fetch(EVERY)
    yield

    async def some(share: Sequence[Any]) -> None:
        new = [(id_, NEXT[level], f"{text} Update") for id_, _, level, text in share]
        await pool.executemany(WHOLE, new)

    await asyncio.gather(*map(some, given.shared(records)))


@raw
async def whole_unnest(pool: Any, given: Given) -> AsyncIterator[None]:
    """one UPDATE from arrays"""
    records = await pool.fetch(EVERY)
    yield

    async def some(share: Sequence[Any]) -> None:
        new = [(id_, NEXT[level], f"{text} Update") for id_, _, level, text in share]
        await pool.execute(WHOLE_UNNEST, *zip(*new, strict=True))

    await asyncio.gather(*map(some, given.shared(records)))


@raw
async def partial(pool: Any, given: Given) -> AsyncIterator[None]:
    """executemany in a transaction"""
    records = await pool.fetch(EVERY)
    yield

    async def some(share: Sequence[Any]) -> None:
        await pool.executemany(PARTIAL, [(id_, NEXT[level]) for id_, _, level, _ in share])

    await asyncio.gather(*map(some, given.shared(records)))


@raw
async def partial_unnest(pool: Any, given: Given) -> AsyncIterator[None]:
    """one UPDATE from arrays"""
    records = await pool.fetch(EVERY)
    yield

    async def some(share: Sequence[Any]) -> None:
        new = [(id_, NEXT[level]) for id_, _, level, _ in share]
        await pool.execute(PARTIAL_UNNEST, *zip(*new, strict=True))

    await asyncio.gather(*map(some, given.shared(records)))


@raw
async def delete(pool: Any, given: Given) -> AsyncIterator[None]:
    """executemany in a transaction"""
    records = await pool.fetch(EVERY)
    yield

    async def some(share: Sequence[Any]) -> None:
        await pool.executemany(DELETE, [(record["id"],) for record in share])

    await asyncio.gather(*map(some, given.shared(records)))


@raw
async def delete_any(pool: Any, given: Given) -> AsyncIterator[None]:
    """one DELETE with an array"""
    records = await pool.fetch(EVERY)
    yield

    async def some(share: Sequence[Any]) -> None:
        ids = [record["id"] for record in share]
        await pool.execute("DELETE FROM journal WHERE id = ANY($1)", ids)

    await asyncio.gather(*map(some, given.shared(records)))
