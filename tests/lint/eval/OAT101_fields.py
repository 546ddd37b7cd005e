import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

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


async def items_of_a_tuple(session: AsyncSession, statement):
    repositories = Repository(session), Repository(session)
    await asyncio.gather(*(one.load(statement) for one in repositories))  # OAT101


async def items_of_a_loop(session: AsyncSession, statement):
    async with asyncio.TaskGroup() as group:
        for one in [Repository(session), Repository(session)]:
            group.create_task(one.load(statement))  # OAT101


class HasSession(Protocol):
    session: AsyncSession


class Pricing:
    async def reprice(self: HasSession, statement):
        await self.session.execute(statement)


class Catalogue(Pricing):
    def __init__(self, session: AsyncSession):
        self.session = session

    async def reprice_all(self, statements):
        await asyncio.gather(*(self.reprice(one) for one in statements))  # OAT101


# Right


async def a_session_for_every_field(a, b):
    async with Session() as first, Session() as second:
        shop = Shop(Repository(first), Repository(second))
        await asyncio.gather(shop.orders.load(a), shop.prices.find(b))


async def a_session_for_every_item(a):
    async with Session() as first, Session() as second:
        repositories = Repository(first), Repository(second)
        await asyncio.gather(*(one.load(a) for one in repositories))


async def awaited_first(session: AsyncSession, statement):
    task = asyncio.create_task(session.execute(statement))
    try:
        await asyncio.wait_for(task, 1)
        await session.commit()
    finally:
        await session.close()
