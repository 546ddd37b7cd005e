from shop_sessions import Service, Session, SessionDep
from sqlalchemy.ext.asyncio import AsyncSession


async def late(session: AsyncSession, a):
    await session.execute(a)
    async with session.begin():  # OAT203
        await session.execute(a)


async def late_in_a_block(a):
    async with Session() as db:
        users = (await db.scalars(a)).all()
        async with db.begin():  # OAT203
            db.add(users[0])


async def by_hand(db: SessionDep, a):
    await db.scalar(a)
    await db.begin()  # OAT203


class Handler(Service):
    async def late(self, a):
        await self.session.scalar(a)
        async with self.session.begin():  # OAT203
            pass


async def find(session: AsyncSession, a):
    return (await session.scalars(a)).first()


async def in_a_function(session: AsyncSession, a):
    row = await find(session, a)
    async with session.begin():  # OAT203
        row.name = "new"


# Right


async def early(session: AsyncSession, a):
    async with session.begin():
        await session.execute(a)
    async with session.begin():
        await session.execute(a)


async def committed(session: AsyncSession, a):
    await session.execute(a)
    await session.commit()
    async with session.begin():
        await session.execute(a)


async def nested(session: AsyncSession, a):
    await session.execute(a)
    async with session.begin_nested():
        await session.execute(a)


async def tested(session: AsyncSession, a):
    await session.execute(a)
    if not session.in_transaction():
        await session.begin()


async def find_cached(session: AsyncSession, a, cache):
    if a in cache:
        return cache[a]
    return await find(session, a)


async def perhaps_in_a_function(session: AsyncSession, a, cache):
    row = await find_cached(session, a, cache)
    async with session.begin():
        row.name = "new"


async def find_and_commit(session: AsyncSession, a):
    row = (await session.scalars(a)).first()
    await session.commit()
    return row


async def committed_in_a_function(session: AsyncSession, a):
    row = await find_and_commit(session, a)
    async with session.begin():
        row.name = "new"


async def chooses(session: AsyncSession, a):
    await session.execute(a)
    is_nested = session.in_transaction()
    scope = session.begin_nested() if is_nested else session.begin()
    async with scope:
        await session.execute(a)
    async with session.begin_nested() if session.in_transaction() else session.begin():
        await session.execute(a)
