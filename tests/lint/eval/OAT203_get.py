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


class Unit:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @property
    def session(self) -> AsyncSession:
        return self._session


async def load_first(session: AsyncSession, key: int):
    row = await session.get(object, key)
    async with session.begin():  # OAT203
        row.balance = 1


async def rename(unit: Unit, statement):
    session = unit.session
    name = await session.scalar(statement)
    transaction = await session.begin()  # OAT203
    await session.execute(statement, name)
    await transaction.commit()


async def begin_after_a_savepoint(session: AsyncSession, row):
    async with session.begin_nested():
        session.add(row)
    async with session.begin():  # OAT203
        session.add(row)


# Right


async def load_again(session: AsyncSession, key: int):
    async with session.begin():
        session.add(key)
    await session.get(object, key)
    async with session.begin():
        session.add(key)


async def replace_unit(unit: Unit, statement):
    await unit.session.execute(statement)
    unit = Unit(AsyncSession())
    await unit.session.begin()
