import asyncio
import contextlib
from dataclasses import dataclass

from shop_sessions import Repository, Session
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass
class Shop:
    orders: Repository
    prices: Repository


async def two_fields(a, b):
    async with Session() as session:
        shop = Shop(Repository(session), prices=Repository(session))
        await asyncio.gather(
            shop.orders.load(a),
            shop.prices.load(b),  # OAT101
        )


class Import:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def _report(self, statement):
        while True:
            await asyncio.sleep(1)
            await self.session.execute(statement)

    async def run(self, statements):
        reports = asyncio.create_task(self._report(statements[0]))  # OAT101
        try:
            for one in statements:
                await self.session.execute(one)
        finally:
            reports.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reports


class Work:
    def __init__(self, session: AsyncSession):
        self.session = session
        self.orders = Repository(self.session)
        self.prices = Repository(self.session)


async def two_members(work: Work, a, b):
    await asyncio.gather(
        work.orders.load(a),
        work.prices.load(b),  # OAT101
    )


# Right


async def a_session_for_every_field(a, b):
    async with Session() as first, Session() as second:
        shop = Shop(Repository(first), Repository(second))
        await asyncio.gather(shop.orders.load(a), shop.prices.find(b))


async def awaited_first(session: AsyncSession, statement):
    task = asyncio.create_task(session.execute(statement))
    try:
        await asyncio.wait_for(task, 1)
        await session.commit()
    finally:
        await session.close()
