from asyncio import timeout

from anyio import fail_after, move_on_after
from shop_sessions import Repository, UnitOfWork
from sqlalchemy.ext.asyncio import AsyncSession


class Search:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def by_meaning(self, statement):
        async with timeout(3) as limit:
            limit.reschedule(None)
            return await self.session.scalars(statement)

    async def by_words(self, statement):
        with fail_after(3):
            return await self.session.scalars(statement)

    async def by_words_or_nothing(self, statement):
        try:
            return await self.by_words(statement)
        except TimeoutError:
            await self.session.rollback()
            return []


async def find(session: AsyncSession, words, meaning):
    search = Search(session)
    try:
        return await search.by_meaning(meaning)  # OAT202
    except TimeoutError:
        return await search.by_words(words)


async def suspend(unpaid, user):
    async with UnitOfWork() as unit:
        with move_on_after(2) as limit:
            await unit.session.scalar(unpaid)  # OAT202
        if not limit.cancelled_caught:
            return
        unit.session.add(user)
        await unit.session.commit()


# Right


async def find_words(session: AsyncSession, words, other):
    search = Search(session)
    titles = await search.by_words_or_nothing(words)
    try:
        titles += await search.by_words(other)
    except TimeoutError:
        return titles
    return titles + await search.by_words(words)


async def rolls_back_if_cancelled(session: AsyncSession, slow, user):
    with move_on_after(2) as limit:
        await session.execute(slow)
    if limit.cancelled_caught:
        await session.rollback()
    session.add(user)
    await session.commit()


async def returns_if_cancelled(users: Repository, slow):
    with move_on_after(2) as limit:
        await users.session.execute(slow)
    if limit.cancel_called:
        return
    await users.session.commit()
