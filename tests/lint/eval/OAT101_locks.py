import asyncio
from typing import Annotated

from fastapi import Depends
from shop_sessions import SessionDep, get_session, get_untyped, query
from sqlalchemy.ext.asyncio import AsyncSession


class Ledger:
    shared_lock = asyncio.Lock()

    def __init__(self, session: AsyncSession):
        self._session = session
        self._mutex = asyncio.Lock()

    async def book(self, row):
        async with self._mutex:
            await self._session.execute(row)

    async def book_slowly(self, row):
        async with self.shared_lock:
            await self._session.execute(row)


async def two_ledgers(session: AsyncSession, row):
    sales, refunds = Ledger(session), Ledger(session)
    await asyncio.gather(sales.book(row), refunds.book(row))  # OAT101


async def book_once(session: AsyncSession, row):
    async with asyncio.Lock():
        await session.execute(row)


async def book_alone(session: AsyncSession, row):
    mutex = asyncio.Lock()
    async with mutex:
        await session.execute(row)


async def locks_of_one_task(session: AsyncSession, rows):
    await asyncio.gather(*[book_alone(session, row) for row in rows])  # OAT101


async def sessions_of_one_dependency(
    orders: SessionDep, refunds: Annotated[AsyncSession, Depends(get_session)], a
):
    await asyncio.gather(query(orders, a), query(refunds, a))  # OAT101


async def audit(session: AsyncSession, row):
    ledger = Ledger(session)
    await ledger.book(row)


async def audits(session: AsyncSession, rows):
    await asyncio.gather(*(audit(session, row) for row in rows))  # OAT101


async def ledgers_in_a_list(session: AsyncSession, rows):
    ledgers = [Ledger(session) for _ in range(3)]
    await asyncio.gather(*[ledger.book(rows[0]) for ledger in ledgers])  # OAT101


async def some_at_a_time(limit: int, jobs):
    slots = asyncio.Semaphore(limit)

    async def run(job):
        async with slots:
            return await job

    return await asyncio.gather(*[run(job) for job in jobs])


async def two_at_a_time(session: AsyncSession, rows):
    await some_at_a_time(2, [query(session, row) for row in rows])  # OAT101


async def ledgers_of_a_tuple(session: AsyncSession, row):
    ledgers = Ledger(session), Ledger(session)
    await asyncio.gather(*(ledger.book(row) for ledger in ledgers))  # OAT101


# Right


async def one_ledger(session: AsyncSession, rows):
    ledger = Ledger(session)
    await asyncio.gather(*[ledger.book(row) for row in rows])


async def lock_of_the_class(session: AsyncSession, row):
    sales, refunds = Ledger(session), Ledger(session)
    await asyncio.gather(sales.book_slowly(row), refunds.book_slowly(row))


async def lock_of_the_class_of_items(session: AsyncSession, row):
    ledgers = Ledger(session), Ledger(session)
    await asyncio.gather(*(ledger.book_slowly(row) for ledger in ledgers))


async def sessions_of_two_dependencies(
    orders: SessionDep, refunds: Annotated[AsyncSession, Depends(get_untyped)], a
):
    await asyncio.gather(query(orders, a), query(refunds, a))


async def session_without_a_cache(
    orders: SessionDep,
    refunds: Annotated[AsyncSession, Depends(get_session, use_cache=False)],
    a,
):
    await asyncio.gather(query(orders, a), query(refunds, a))


async def one_ledger_by_a_function(session: AsyncSession, client, pages):
    ledger = Ledger(session)

    async def book(page):
        row = await client.get(page)
        await ledger.book(row)

    await asyncio.gather(*(book(page) for page in pages))


async def pages_at_the_same_time(session: AsyncSession, client, pages):
    await some_at_a_time(2, [client.get(page) for page in pages])
    await query(session, pages)
