import asyncio
from functools import partial

from deadlines import in_time, three_times, waits
from shop_sessions import Session, query
from sqlalchemy.ext.asyncio import AsyncSession


async def local_function(statement):
    async with Session() as session:

        async def load():
            return await session.scalar(statement)

        await in_time(load, 1)  # OAT202
        await session.commit()


async def a_lambda(session: AsyncSession, statement):
    await waits(lambda: session.execute(statement))  # OAT202
    await session.commit()


async def bound_arguments(session: AsyncSession, statement):
    await in_time(partial(query, session, statement), 1)  # OAT202
    await session.commit()


async def repeated(session: AsyncSession, statement):
    async def load():
        return await session.scalar(statement)

    return await three_times(load, 1)  # OAT202


# Right


async def new_session_every_time(statement):
    async def load():
        async with Session() as session:
            return await session.scalar(statement)

    return await three_times(load, 1)


async def rolls_back_first(session: AsyncSession, statement):
    async def load():
        await session.rollback()
        return await session.scalar(statement)

    return await three_times(load, 1)


async def rolls_back_after(session: AsyncSession, statement):
    await waits(lambda: session.execute(statement))
    await session.rollback()
    await session.commit()


async def no_statement(session: AsyncSession, url: str):
    async def download():
        await asyncio.sleep(len(url))

    await three_times(download, 1)
    await session.commit()
