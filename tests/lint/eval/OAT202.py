import asyncio
from contextlib import suppress

import anyio
from shop_sessions import SessionDep, query, with_limit
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def by_timeout(session: AsyncSession, a):
    try:
        async with asyncio.timeout(1):
            await session.execute(a)  # OAT202
    except TimeoutError:
        print("slow")
    await session.commit()


async def by_wait_for(db: SessionDep, a):
    try:
        await asyncio.wait_for(query(db, a), 1)  # OAT202
    except asyncio.TimeoutError:
        pass
    return await db.scalar(a)


async def by_anyio(session: AsyncSession, a):
    with anyio.move_on_after(1):
        await session.execute(a)  # OAT202
    await session.commit()


async def helper(session: AsyncSession, a):
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await session.execute(a)  # OAT202


async def by_helper(session: AsyncSession, a):
    await helper(session, a)
    await session.execute(a)


async def variable(session: AsyncSession, a):
    work = session.execute(a)
    try:
        await asyncio.wait_for(work, 1)  # OAT202
    except TimeoutError:
        print("slow")
    await session.commit()


async def shielded(session: AsyncSession, a):
    try:
        await asyncio.wait_for(asyncio.shield(session.execute(a)), 1)  # OAT202
    except TimeoutError:
        print("slow")
    await session.commit()


async def in_another_module(session: AsyncSession, a):
    await with_limit(session.execute(a))  # OAT202
    await session.commit()


# Right


async def rolled_back(session: AsyncSession, a):
    try:
        async with asyncio.timeout(1):
            await session.execute(a)
    except TimeoutError:
        await session.rollback()
    await session.commit()


async def raised(session: AsyncSession, a):
    async with asyncio.timeout(1):
        await session.execute(a)
    await session.commit()


async def outside(session: AsyncSession, client, a):
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await client.get("/")
    await session.execute(a)


async def rolls_back_after_the_timeout(session: AsyncSession, a):
    for _ in range(3):
        try:
            await asyncio.wait_for(session.execute(a), 1)  # OAT201
        except TimeoutError:
            await session.rollback()
            raise
        except Exception as error:
            print(error)


async def tries_again_before_the_timeout(session: AsyncSession, a):
    async with asyncio.timeout(1):
        for _ in range(3):
            try:
                return await session.scalar(select(a))
            except Exception as error:
                print(error)


async def catches_the_cancellation(session: AsyncSession, a):
    async with asyncio.timeout(1):
        try:
            await session.scalar(select(a))  # OAT202
        except BaseException as error:
            print(error)
        await session.commit()


async def ask(session: AsyncSession, client, a):
    return await client.get(await session.scalar(select(a)))


async def asks(session: AsyncSession, client, a):
    with suppress(TimeoutError):
        await asyncio.wait_for(ask(session, client, a), 60)
    await session.commit()
