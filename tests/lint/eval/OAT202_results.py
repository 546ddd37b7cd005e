import asyncio

from sqlalchemy.ext.asyncio import AsyncSession


async def limited(session, statement):
    try:
        result = await asyncio.wait_for(session.execute(statement), 1)  # OAT202
    except TimeoutError:
        return []
    return result.all()


async def count(session: AsyncSession, statement):
    return len((await session.scalars(statement)).all())


async def within(work, default):
    try:
        return await asyncio.wait_for(work, 1)  # OAT202
    except TimeoutError:
        return default


async def by_an_empty_list(session: AsyncSession, a, b):
    rows = await limited(session, a)
    if not rows:
        rows = (await session.execute(b)).all()
    return rows


async def by_a_coroutine(session: AsyncSession, a, b):
    rows = await within(count(session, a), 0)
    return rows or await session.scalar(b)


async def tolerant(session: AsyncSession, statement):
    try:
        return await session.scalar(statement)  # OAT201
    except Exception:
        return None


async def by_a_tolerant_function(session: AsyncSession, a, b):
    try:
        await asyncio.wait_for(tolerant(session, a), 1)  # OAT202
    except TimeoutError:
        pass
    await session.scalar(b)


# Right


async def by_a_result(session: AsyncSession, a, b):
    rows = await limited(session, a)
    if rows:
        rows += (await session.execute(b)).all()
    return rows
