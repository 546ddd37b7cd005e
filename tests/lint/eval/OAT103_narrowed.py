import asyncio
from typing import Union

from shop_sessions import Session, make_session, open_session, with_limit
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session as SynchronousSession


async def create_task(session: AsyncSession, statement):
    await session.execute(statement)


engine = create_engine("sqlite://")
async_engine = create_async_engine("sqlite+aiosqlite://")


async def in_both_blocks(statement):
    async with open_session() as session:
        session.execute(statement)  # OAT103
    async with Session() as session:
        session.execute(statement)  # OAT103


async def with_an_annotation(session: AsyncSession, statement) -> list[int]:
    rows: list[int] = session.scalars(statement)  # OAT103
    return [row + 1 for row in rows]


async def in_the_first_branch():
    session = make_session()
    if isinstance(session, AsyncSession):
        session.close()  # OAT103


# Right


async def start_later(session: AsyncSession, statement):
    await create_task(session, statement)
    asyncio.create_task(with_limit(session.commit()))


async def ping():
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    async with async_engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def close():
    session = make_session()
    if isinstance(session, AsyncSession):
        await session.close()
    elif session:
        session.close()


class Store:
    def __init__(self, session: Union[AsyncSession, SynchronousSession]):
        self.session = session

    def save(self):
        self.session.commit()


async def store_twice(factory, row):
    session = factory()
    session.add(row)
    session.commit()
    async with AsyncSession(async_engine) as session:
        session.add(row)
        session.commit()  # OAT103
