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


# Right


async def raise_alone(statement):
    async with Session() as session:
        current.set(session)
        await raise_price(statement)


async def apart(statements):
    await asyncio.gather(*(raise_alone(one) for one in statements))
