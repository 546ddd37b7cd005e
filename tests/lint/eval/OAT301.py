from typing import Annotated

from fastapi import APIRouter, Depends
from shop_sessions import Session
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()


async def commits():
    async with Session() as session:
        yield session
        await session.commit()  # OAT301


async def commits_in_try():
    session = Session()
    try:
        yield session
        await session.commit()  # OAT301
    except Exception:
        await session.rollback()
        raise


async def begins():
    async with Session.begin() as session:  # OAT301
        yield session


async def begins_twice():
    async with Session() as session, session.begin():  # OAT301
        yield session


async def short():
    async with Session.begin() as session:
        yield session


async def unused():
    async with Session.begin() as session:
        yield session


async def only_closes():
    async with Session() as session:
        yield session


@router.get("/")
async def endpoint(
    a: Annotated[AsyncSession, Depends(commits)],
    b: Annotated[AsyncSession, Depends(commits_in_try)],
    e: Annotated[AsyncSession, Depends(short, scope="function")],
    c: AsyncSession = Depends(begins),
    d: AsyncSession = Depends(begins_twice),
    f: AsyncSession = Depends(only_closes),
):
    pass
