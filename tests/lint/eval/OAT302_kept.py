import asyncio

from fastapi import Depends
from shop_sessions import Session
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

pending = set()


async def get_session():
    async with Session() as session:
        yield session


async def recount(session: AsyncSession):
    await session.execute(text("SELECT 1"))


async def kept_in_a_set(session: AsyncSession = Depends(get_session)):
    pending.add(asyncio.create_task(recount(session)))  # OAT302


# Right


async def finish(task):
    return await task


async def recount_later():
    async with Session() as session:
        await recount(session)


async def awaited_by_a_function(session: AsyncSession = Depends(get_session)):
    await finish(asyncio.create_task(recount(session)))


async def kept_without_a_session(session: AsyncSession = Depends(get_session)):
    pending.add(asyncio.create_task(recount_later()))
