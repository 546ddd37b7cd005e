import inspect
from typing import TypedDict

from shop_sessions import Session as make_session
from shop_sessions import SessionDep
from sqlalchemy.ext.asyncio import AsyncSession as Session
from sqlalchemy.ext.asyncio import async_sessionmaker


class Repository:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def wrong(self, row: object) -> None:
        await self.session.add(row)  # OAT104
        await self.session.flush()

    async def add(self, row: object) -> None:
        self.session.add(row)


async def wrong(db: SessionDep, rows: list[object]) -> None:
    await db.add_all(rows)  # OAT104
    async with make_session() as session, session.begin():
        for row in rows:
            await session.add(row)  # OAT104
        await session.expunge(rows[0])  # OAT104


async def right(db: SessionDep, repository: Repository, rows: list[object]) -> None:
    db.add_all(rows)
    await repository.add(rows[0])
    await db.merge(rows[0])
    await db.delete(rows[0])


class FlushingSession(Session):
    async def add(self, row: object) -> None:
        super().add(row)
        await self.flush()


flushing = async_sessionmaker(class_=FlushingSession)


async def overridden(session: FlushingSession, row: object) -> None:
    await session.add(row)
    async with flushing() as other:
        await other.add(row)


async def wrong_in_one_branch(db: SessionDep, row: object, is_new: bool) -> None:
    await (db.add(row) if is_new else db.merge(row))  # OAT104


class Data(TypedDict):
    session: Session


async def in_a_dictionary(data: Data, row: object) -> None:
    await data["session"].add(row)  # OAT104


async def waits_for_a_double(db: SessionDep, row: object) -> None:
    result = db.add(row)
    if inspect.isawaitable(result):
        await result
