"""Tortoise ORM on asyncpg."""

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence

from tortoise import fields
from tortoise.models import Model
from tortoise.transactions import in_transaction

import orm_async_tests.bench.contenders.tortoise as points
from orm_async_tests.bench.contenders.given import Row, idiomatic, tuned
from orm_async_tests.bench.contenders.journal.given import (
    NEXT,
    PAGE,
    Given,
    Tally,
)


class Entry(Model):
    """A line of a journal."""

    id = fields.IntField(primary_key=True)
    timestamp = fields.DatetimeField()
    level = fields.SmallIntField(db_index=True)
    text = fields.CharField(max_length=255, db_index=True)

    class Meta:
        table = "journal"


connected = functools.partial(points.connected, models=__name__)


@idiomatic
async def single(_: None, given: Given) -> None:
    """create"""

    async def some(entries: Sequence[Row]) -> None:
        for entry in entries:
            await Entry.create(**entry)

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def batch(_: None, given: Given) -> None:
    """create in a transaction"""

    async def some(entries: Sequence[Row]) -> None:
        async with in_transaction():
            for entry in entries:
                await Entry.create(**entry)

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def bulk(_: None, given: Given) -> None:
    """bulk_create"""

    async def some(entries: Sequence[Row]) -> None:
        await Entry.bulk_create([Entry(**entry) for entry in entries])

    await asyncio.gather(*map(some, given.entries))


@idiomatic
async def large(_: None, given: Given) -> Tally:
    """filter: a list of objects"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.objects(await Entry.filter(level=level))

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def small(_: None, given: Given) -> Tally:
    """filter with limit and offset"""
    tally = given.tally()

    async def some(pages: Sequence[tuple[int, int]]) -> None:
        for level, offset in pages:
            page = Entry.filter(level=level).order_by("id").limit(PAGE).offset(offset)
            tally.objects(await page)

    await asyncio.gather(*map(some, given.pages))
    return tally


@idiomatic
async def get(_: None, given: Given) -> Tally:
    """Model.get"""
    tally = given.tally()

    async def some(keys: Sequence[int]) -> None:
        for key in keys:
            tally.objects([await Entry.get(id=key)])

    await asyncio.gather(*map(some, given.keys))
    return tally


@idiomatic
async def dicts(_: None, given: Given) -> Tally:
    """values"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.mappings(await Entry.filter(level=level).values())

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def tuples(_: None, given: Given) -> Tally:
    """values_list"""
    tally = given.tally()

    async def some(levels: Sequence[int]) -> None:
        for level in levels:
            tally.tuples(await Entry.filter(level=level).values_list())

    await asyncio.gather(*map(some, given.levels))
    return tally


@idiomatic
async def whole(_: None, given: Given) -> AsyncIterator[None]:
    """save of each object, in a transaction"""
    entries = await Entry.all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with in_transaction():
            for entry in share:
                entry.level = NEXT[entry.level]
                entry.text = f"{entry.text} Update"
                await entry.save()

    await asyncio.gather(*map(some, given.shared(entries)))


@tuned
async def whole_bulk(_: None, given: Given) -> AsyncIterator[None]:
    """bulk_update"""
    entries = await Entry.all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        for entry in share:
            entry.level = NEXT[entry.level]
            entry.text = f"{entry.text} Update"
        await Entry.bulk_update(share, ["level", "text"])

    await asyncio.gather(*map(some, given.shared(entries)))


@idiomatic
async def partial(_: None, given: Given) -> AsyncIterator[None]:
    """save of one field of each object, in a transaction"""
    entries = await Entry.all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with in_transaction():
            for entry in share:
                entry.level = NEXT[entry.level]
                await entry.save(update_fields=["level"])

    await asyncio.gather(*map(some, given.shared(entries)))


@tuned
async def partial_bulk(_: None, given: Given) -> AsyncIterator[None]:
    """bulk_update"""
    entries = await Entry.all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        for entry in share:
            entry.level = NEXT[entry.level]
        await Entry.bulk_update(share, ["level"])

    await asyncio.gather(*map(some, given.shared(entries)))


@idiomatic
async def delete(_: None, given: Given) -> AsyncIterator[None]:
    """delete of each object, in a transaction"""
    entries = await Entry.all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        async with in_transaction():
            for entry in share:
                await entry.delete()

    await asyncio.gather(*map(some, given.shared(entries)))


@tuned
async def delete_in(_: None, given: Given) -> AsyncIterator[None]:
    """one DELETE with a list of keys"""
    entries = await Entry.all()
    yield

    async def some(share: Sequence[Entry]) -> None:
        await Entry.filter(id__in=[entry.id for entry in share]).delete()

    await asyncio.gather(*map(some, given.shared(entries)))
