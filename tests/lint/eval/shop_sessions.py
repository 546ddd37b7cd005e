"""The sessions of the evaluation files: factories, dependencies and objects that hold one."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import starmap
from typing import Annotated, Self

from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession as Db
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://localhost/shop")
Session = async_sessionmaker(engine, expire_on_commit=False)
CLEANING = "DELETE FROM a; DELETE FROM b"
OldSession = sessionmaker(engine, class_=Db)


class ShopSession(Db):
    """A subclass of AsyncSession."""


async def get_session() -> AsyncGenerator[Db, None]:
    async with Session() as session:
        yield session


async def get_untyped():
    async with Session() as session:
        yield session


@asynccontextmanager
async def open_session() -> AsyncIterator[Db]:
    async with Session() as session:
        yield session


@asynccontextmanager
async def rolled_back_on_error(session):
    try:
        yield
    except Exception:
        await session.rollback()
        raise


def make_session() -> Db:
    return Session()


SessionDep = Annotated[Db, Depends(get_session)]
ShortSessionDep = Annotated[Db, Depends(get_session, scope="function")]


class Repository:
    def __init__(self, session: Db) -> None:
        self.session = session

    async def load(self, statement):
        return await self.session.execute(statement)

    async def load_safely(self, statement):
        try:
            return await self.session.execute(statement)
        except Exception:
            await self.session.rollback()
            raise


class UserRepository(Repository):
    async def load_users(self, statement):
        return await self.load(statement)


class UntypedRepository:
    def __init__(self, session):
        self._session = session

    async def load(self, statement):
        return await self._session.execute(statement)


@dataclass
class Service:
    session: Db

    async def work(self, statement):
        await self.session.execute(statement)


class UnitOfWork:
    async def __aenter__(self) -> Self:
        self.session = Session()
        return self

    async def __aexit__(self, *_):
        await self.session.close()


def pause(session):
    time.sleep(1)


async def query(session, statement):
    return await session.execute(statement)


async def never_uses(session, statement):
    return statement


async def load_by_repository(session: Db, statement):
    users = UserRepository(session)
    return await users.load_users(statement)


async def load_then_store(session: Db, statement, user):
    await session.execute(statement)
    try:
        session.add(user)
        await session.commit()
    except Exception:
        await session.rollback()
        raise


async def recover(session: Db, user):
    await session.rollback()
    await session.refresh(user)


class CommittingUnitOfWork(UnitOfWork):
    async def __aexit__(self, *_):
        await self.session.commit()


class Ignored:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return True


@contextmanager
def ignored(message):
    try:
        yield
    except Exception:
        print(message)


def none_on_error(function):
    @wraps(function)
    async def wrapper(*args):
        try:
            return await function(*args)
        except Exception:
            return None

    return wrapper


async def query_safely(session: Db, statement):
    try:
        return await session.execute(statement)
    except Exception:
        return None


async def with_limit(coroutine):
    try:
        return await asyncio.wait_for(coroutine, 1)
    except TimeoutError:
        return None


@asynccontextmanager
async def in_background(coroutine):
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        await task


@asynccontextmanager
async def counting(session: Db):
    task = asyncio.create_task(session.execute(text("SELECT count(*) FROM a")))
    yield
    await task


async def run_sql(session: Db, sql):
    await session.execute(text(sql))


async def map_together(function, items):
    return await asyncio.gather(*[function(item) for item in items])


async def visit_slowly(visit, items, limit=2):
    slots = asyncio.Semaphore(limit)

    async def visit_one(item):
        async with slots:
            await visit(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(visit_one(item))


async def visit_in_turn(visit, items):
    lock = asyncio.Lock()

    async def visit_one(item):
        async with lock, asyncio.timeout(1):
            return await visit(item)

    return await asyncio.gather(*map(visit_one, items))


async def visit_in_batches(visit, items):
    while items:
        async with asyncio.TaskGroup() as group:
            group.create_task(visit(items.pop()))


async def visit_counted(visit, items):
    async def visit_one(number, item):
        return number, await visit(item)

    return await asyncio.gather(*starmap(visit_one, enumerate(items)))


_tasks = set()


def spawn(coroutine):
    task = asyncio.create_task(coroutine)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
