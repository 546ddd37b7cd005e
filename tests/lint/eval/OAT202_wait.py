import asyncio

from shop_sessions import query
from sqlalchemy.ext.asyncio import AsyncSession


async def report(session: AsyncSession, slow, fast):
    task = asyncio.create_task(query(session, slow))
    done, _ = await asyncio.wait({task}, timeout=3)  # OAT202
    if not done:
        task.cancel()
    return await session.scalar(fast)


async def report_in_a_loop(session: AsyncSession, slow, fast):
    tasks = [asyncio.create_task(query(session, slow))]
    _, late = await asyncio.wait(tasks, timeout=3, return_when="FIRST_COMPLETED")  # OAT202
    for task in late:
        task.cancel()
    return await session.scalar(fast)


# Right


async def report_after_a_rollback(session: AsyncSession, slow, fast):
    task = asyncio.create_task(query(session, slow))
    done, _ = await asyncio.wait({task}, timeout=3)
    if not done:
        task.cancel()
        await session.rollback()
    return await session.scalar(fast)


async def report_or_raise(session: AsyncSession, slow, fast):
    task = asyncio.create_task(query(session, slow))
    done, _ = await asyncio.wait({task}, timeout=3)
    if not done:
        task.cancel()
        raise TimeoutError
    return await session.scalar(fast)


async def report_without_a_timeout(session: AsyncSession, slow, fast):
    task = asyncio.create_task(query(session, slow))
    await asyncio.wait({task})
    return await session.scalar(fast)
