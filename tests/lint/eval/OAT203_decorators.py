from functools import wraps
from typing import Protocol, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class HasSession(Protocol):
    session: AsyncSession


Service = TypeVar("Service", bound=HasSession)


def transactional(function):
    @wraps(function)
    async def run(session: AsyncSession, *args):
        async with session.begin():
            return await function(session, *args)

    return run


def in_transaction(function):
    @wraps(function)
    async def run(self: Service, *args):
        async with self.session.begin():
            return await function(self, *args)

    return run


def joining(function):
    @wraps(function)
    async def run(session: AsyncSession, *args):
        if session.in_transaction():
            return await function(session, *args)
        async with session.begin():
            return await function(session, *args)

    return run


@transactional
async def store(session: AsyncSession, name: str):
    await session.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})


@joining
async def join(session: AsyncSession, name: str):
    await session.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})


class Orders:
    def __init__(self, session: AsyncSession):
        self.session = session

    @in_transaction
    async def close(self, number: int):
        await self.session.execute(text("UPDATE orders SET closed WHERE id = :id"), {"id": number})


async def read_first(session: AsyncSession, name: str):
    if await session.scalar(text("SELECT count(*) FROM names")):
        await store(session, name)  # OAT203


async def close_open_order(session: AsyncSession):
    number = await session.scalar(text("SELECT id FROM orders"))
    await Orders(session).close(number)  # OAT203


# Right


async def twice(session: AsyncSession, name: str):
    await store(session, name)
    await store(session, name)


async def end_the_transaction(session: AsyncSession, name: str):
    count = await session.scalar(text("SELECT count(*) FROM names"))
    await session.rollback()
    if count:
        await store(session, name)


async def join_the_transaction(session: AsyncSession, name: str):
    await session.scalar(text("SELECT count(*) FROM names"))
    await join(session, name)
