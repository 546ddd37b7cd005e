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


# Right


async def one_ledger(session: AsyncSession, rows):
    ledger = Ledger(session)
    await asyncio.gather(*[ledger.book(row) for row in rows])


async def lock_of_the_class(session: AsyncSession, row):
    sales, refunds = Ledger(session), Ledger(session)
    await asyncio.gather(sales.book_slowly(row), refunds.book_slowly(row))


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
