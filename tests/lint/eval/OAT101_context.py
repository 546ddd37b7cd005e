import asyncio
from contextvars import ContextVar

from shop_sessions import Session
from sqlalchemy.ext.asyncio import AsyncSession

current: ContextVar[AsyncSession] = ContextVar("current")


async def raise_price(statement):
    session = current.get()
    await session.execute(statement)


async def together(statements):
    async with Session() as session:
        current.set(session)
        await asyncio.gather(*(raise_price(one) for one in statements))  # OAT101


async def beat(session: AsyncSession, statement):
    while True:
        await session.execute(statement)


async def work(session: AsyncSession, statements):
    task = asyncio.create_task(beat(session, statements[0]))  # OAT101
    try:
        for statement in statements:
            await session.execute(statement)
    finally:
        task.cancel()
        await task


# Right


async def raise_alone(statement):
    async with Session() as session:
        current.set(session)
        await raise_price(statement)


async def apart(statements):
    await asyncio.gather(*(raise_alone(one) for one in statements))


class Messages:
    def __init__(self, session: AsyncSession, bot):
        self.session = session
        self.bot = bot

    async def send(self, user: int):
        await asyncio.wait_for(self.bot.send(user), timeout=3)

    async def send_to_all(self, users):
        await self.session.commit()
        await asyncio.gather(*(self.send(user) for user in users))
