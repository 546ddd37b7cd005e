from sqlalchemy.ext.asyncio import AsyncSession


class Service:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def load(self, key: int):
        row = await self.session.get(object, key)
        if row is None:
            raise LookupError(key)
        return row

    async def transfer(self, source: int):
        row = await self.load(source)
        async with self.session.begin():  # OAT203
            row.balance = 1


async def load_first(session: AsyncSession, key: int):
    row = await session.get(object, key)
    async with session.begin():  # OAT203
        row.balance = 1


# Right


async def load_again(session: AsyncSession, key: int):
    async with session.begin():
        session.add(key)
    await session.get(object, key)
    async with session.begin():
        session.add(key)
