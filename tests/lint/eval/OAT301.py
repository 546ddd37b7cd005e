from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Depends as Needs
from shop_sessions import CommittingUnitOfWork, Session
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


class Database:
    async def session(self):
        async with Session() as session:
            yield session
            await session.commit()  # OAT301


database = Database()


@asynccontextmanager
async def transaction():
    async with Session() as session:
        yield session
        await session.commit()  # OAT301


async def enters():
    async with transaction() as session:
        yield session


@asynccontextmanager
async def inside_the_endpoint():
    async with Session.begin() as session:
        yield session


async def load_user():
    async with inside_the_endpoint() as session:
        return await session.get(object, 1)


async def by_alias():
    async with Session.begin() as session:  # OAT301
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


async def unit_of_work():
    async with CommittingUnitOfWork() as uow:  # OAT301
        yield uow


@router.get("/")
async def endpoint(
    a: Annotated[AsyncSession, Depends(commits)],
    b: Annotated[AsyncSession, Depends(commits_in_try)],
    e: Annotated[AsyncSession, Depends(short, scope="function")],
    c: AsyncSession = Depends(begins),
    d: AsyncSession = Depends(begins_twice),
    f: AsyncSession = Depends(only_closes),
    g: AsyncSession = Depends(database.session),
    h: AsyncSession = Depends(enters),
    i: AsyncSession = Needs(by_alias),
    j: object = Depends(load_user),
    k: object = Depends(unit_of_work),
):
    pass
