from typing import Annotated

from fastapi import Depends
from shop_sessions import Session
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def plain():
    async with Session() as session:
        yield session


async def prepared():
    async with Session() as session:
        await session.execute(text("SET LOCAL search_path TO shop"))
        yield session


Plain = Annotated[AsyncSession, Depends(plain)]


async def current_user(db: Plain, token: str):
    return await db.scalar(text("SELECT 1"), {"token": token})


async def forget_token(db: Plain, token: str):
    await db.execute(text("DELETE FROM token"), {"token": token})
    await db.commit()


async def after_another_dependency(db: Plain, user: Annotated[int, Depends(current_user)]):
    async with db.begin():  # OAT203
        db.add(user)


async def after_its_own_dependency(row, db: AsyncSession = Depends(prepared)):
    async with db.begin():  # OAT203
        db.add(row)


async def inside_of_begin(rows):
    async with Session.begin() as session:
        for row in rows:
            async with session.begin():  # OAT203
                session.add(row)


# Right


async def after_a_commit(db: Plain, done: Annotated[None, Depends(forget_token)]):
    async with db.begin():
        db.add(done)


async def with_another_session(
    user: Annotated[int, Depends(current_user)], db: AsyncSession = Depends(Session)
):
    async with db.begin():
        db.add(user)


async def provide(session: AsyncSession, row):
    if session.in_transaction():
        return await session.merge(row)
    async with session.begin():
        return await session.merge(row)


async def after_a_returned_block(session: AsyncSession, row):
    row = await provide(session, row)
    async with session.begin():
        session.add(row)
