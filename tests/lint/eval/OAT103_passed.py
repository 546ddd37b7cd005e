from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session
from strawberry.types import Info


class User:
    pass


async def probe(engine):
    connection = engine.connect()
    await connection.scalar(text("SELECT 1"))  # OAT103


async def store(maker):
    async with maker() as session:
        session.commit()  # OAT103


async def main(url: str):
    engine = create_async_engine(url)
    await probe(engine)
    await store(async_sessionmaker(engine))


async def named_in_a_condition(session: AsyncSession, key: int) -> User:
    if (user := session.get(User, key)) is None:  # OAT103
        raise LookupError(key)
    return user


async def get_session():
    async with AsyncSession() as session:
        yield session


async def wrong_annotation(session: Session = Depends(get_session)):
    session.commit()  # OAT103


class Context:
    def session(self) -> AsyncSession:
        return AsyncSession()


async def resolve(info: Info[Context, None]):
    info.context.session().commit()  # OAT103


class Pool:
    def __init__(self, url: str) -> None:
        self.engine = create_async_engine(url)

    def connection(self) -> AsyncConnection:
        return self.engine.connect()


async def total(pool: Pool):
    connection = pool.connection()
    return await connection.scalar(text("SELECT 1"))  # OAT103


# Right


async def right_probe(engine):
    connection = await engine.connect()
    await connection.scalar(text("SELECT 1"))
    await connection.close()


async def right_main(url: str):
    await right_probe(create_async_engine(url))


async def enter_by_hand(url: str):
    return await create_async_engine(url).connect().__aenter__()


async def merge_one_by_one(session: AsyncSession, rows):
    merging = [session.merge(row) for row in rows]
    return [await row for row in merging]
