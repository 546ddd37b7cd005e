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


def keep(task):
    pending.add(task)
    task.add_done_callback(pending.discard)


class Jobs:
    def follow(self, name, job):
        job.add_done_callback(print)
        keep(job)


async def kept_by_a_function(session: AsyncSession = Depends(get_session)):
    keep(asyncio.create_task(recount(session)))  # OAT302


async def kept_by_a_method(session: AsyncSession = Depends(get_session)):
    task = asyncio.create_task(recount(session))  # OAT302
    Jobs().follow("recount", task)


# Right


async def finish(task):
    return await task


async def recount_later():
    async with Session() as session:
        await recount(session)


async def awaited_by_a_function(session: AsyncSession = Depends(get_session)):
    await finish(asyncio.create_task(recount(session)))


async def kept_without_a_session(session: AsyncSession = Depends(get_session)):
    keep(asyncio.create_task(recount_later()))
