from shop_sessions import Service, Session, SessionDep, ShopSession, UnitOfWork, engine, query
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session as SyncSession


async def statements(session: AsyncSession, user):
    session.delete(user)  # OAT103
    session.add(user)
    session.flush()  # OAT103
    session.commit()  # OAT103


async def alias(db: SessionDep, user):
    if user:
        db.refresh(user)  # OAT103
    session = db
    session.rollback()  # OAT103


async def chained(session: ShopSession, statement):
    rows = session.execute(statement).scalars()  # OAT103
    return (await session.execute(statement)).scalars(), rows


async def loops(session: AsyncSession, statement):
    async for row in session.stream(statement):  # OAT103
        print(row)
    for row in session.scalars(statement):  # OAT103
        print(row)
    async for row in await session.stream(statement):
        print(row)


async def variable(session: AsyncSession, statement):
    result = session.execute(statement)  # OAT103
    return result.all()


async def never_read(session: AsyncSession):
    done = session.commit()  # OAT103


async def connections(connection: AsyncConnection, statement):
    connection.execute(statement)  # OAT103
    raw = engine.connect()
    await raw.execute(statement)  # OAT103


async def not_begun(session: AsyncSession):
    session.begin()  # OAT103


class Handler(Service):
    async def remove(self, user):
        self.session.delete(user)  # OAT103
        await self.session.commit()


async def unit_of_work(user):
    async with UnitOfWork() as uow:
        uow.session.delete(user)  # OAT103


async def opened(user):
    async with Session.begin() as session:
        session.delete(user)  # OAT103


async def parts_of_statements(session: AsyncSession, users, user):
    [session.delete(user) for user in users]  # OAT103
    user and session.delete(user)  # OAT103
    session.delete(user) if user else None  # OAT103
    return [row for row in session.scalars(user)]  # OAT103


async def always_true(session: AsyncSession, statement):
    if session.scalar(statement):  # OAT103
        print("exists")
    assert session.scalar(statement)  # OAT103
    user = session.scalar(statement)  # OAT103
    if user is None:
        return None
    return bool(session.scalar(statement)), user.id, user.name  # OAT103


class WithHistory(AsyncSession):
    async def delete(self, row):
        await super().delete(row)


async def overridden_as_a_coroutine(session: WithHistory, row):
    session.delete(row)  # OAT103


async def helper(session: AsyncSession, statement):
    query(session, statement)  # OAT103


async def lost_transaction(session: AsyncSession):
    transaction = session.begin()  # OAT103
    await transaction.rollback()


async def returned_in_the_place_of_a_row(session: AsyncSession, row) -> int:
    return session.merge(row)  # OAT103


# Right


def synchronous(session: SyncSession, user):
    session.delete(user)
    session.commit()


def returned(session: AsyncSession, user):
    return session.delete(user)


async def awaited_later(session: AsyncSession, statement):
    work = session.execute(statement)
    return (await work).all()


async def shadowed(session: AsyncSession, statement):
    def work(session: SyncSession):
        session.flush()
        return session.execute(statement).scalars().all()

    return await session.run_sync(work)


async def entered(statement):
    connection = engine.connect()
    async with connection:
        await connection.execute(statement)


class WithTrash(AsyncSession):
    def delete(self, row):
        row.is_deleted = True


async def overridden(session: WithTrash, row):
    session.delete(row)


async def lists(session: AsyncSession, rows, is_urgent):
    works = [session.delete(row) for row in rows]
    work = session.flush() if is_urgent else session.commit()
    for other in works:
        await other
    return work


async def assigned_twice(session: AsyncSession, one, other):
    result = session.execute(one)  # OAT103
    first = result.scalar()
    result = session.execute(other)  # OAT103
    result = result.scalar()
    result = await session.execute(other)
    return first, result


async def assigned_in_branches(session: AsyncSession, one, is_first):
    if is_first:
        work = session.execute(one)
    else:
        work = session.commit()
    await work
