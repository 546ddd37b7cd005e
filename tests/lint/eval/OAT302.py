import asyncio
from functools import partial
from typing import Annotated

from fastapi import BackgroundTasks, Depends
from shop_sessions import (
    Repository,
    Session,
    SessionDep,
    ShortSessionDep,
    get_session,
    query,
    spawn,
)
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTask


async def positional(tasks: BackgroundTasks, session: SessionDep, a):
    tasks.add_task(query, session, a)  # OAT302


async def by_keyword(tasks: BackgroundTasks, db: ShortSessionDep, a):
    tasks.add_task(query, session=db, statement=a)  # OAT302


async def default(tasks: BackgroundTasks, a, db: AsyncSession = Depends(get_session)):
    tasks.add_task(query, db, a)  # OAT302


async def bound_method(tasks: BackgroundTasks, db: SessionDep, a):
    users = Repository(db)
    tasks.add_task(users.load, a)  # OAT302


async def by_response(db: SessionDep, a):
    return BackgroundTask(query, db, a)  # OAT302


async def not_awaited(db: SessionDep, a):
    asyncio.create_task(query(db, a))  # OAT302


async def opened_here(a):
    async with Session() as session:
        asyncio.create_task(query(session, a))  # OAT302


background = set()


async def kept(db: SessionDep, a):
    task = asyncio.create_task(query(db, a))  # OAT302
    background.add(task)
    task.add_done_callback(background.discard)


async def by_loop(db: SessionDep, a):
    asyncio.get_running_loop().create_task(query(db, a))  # OAT302


async def closure(tasks: BackgroundTasks, db: SessionDep, a):
    async def later():
        await query(db, a)

    tasks.add_task(later)  # OAT302
    tasks.add_task(lambda: query(db, a))  # OAT302
    tasks.add_task(partial(query, db, a))  # OAT302


def depend():
    return Depends(get_session)


class Dependency:
    def __new__(cls):
        return Depends(get_session)


async def by_helper(
    tasks: BackgroundTasks, a, db: Annotated[AsyncSession, Dependency()], c=depend()
):
    tasks.add_task(query, db, a)  # OAT302
    tasks.add_task(query, c, a)  # OAT302


async def by_wrapper(db: SessionDep, a):
    spawn(query(db, a))  # OAT302


class Audit:
    def __init__(self, tasks: BackgroundTasks, session: SessionDep):
        self.tasks = tasks
        self.session = session

    def log(self, a):
        self.tasks.add_task(query, self.session, a)  # OAT302


class Controller:
    session: AsyncSession = Depends(get_session)

    async def create(self, tasks: BackgroundTasks, a):
        tasks.add_task(query, self.session, a)  # OAT302


async def optional(
    tasks: BackgroundTasks, a, db: Annotated[AsyncSession, Depends(get_session)] | None
):
    tasks.add_task(query, db, a)  # OAT302


async def by_state(request, tasks: BackgroundTasks, a):
    request.state.db = Session()
    tasks.add_task(query, request.state.db, a)  # OAT302


# Right


async def awaited_later(db: SessionDep, a):
    task = asyncio.create_task(query(db, a))
    await asyncio.sleep(0)
    background.add(task)
    return await task


async def kept_here(db: SessionDep, a):
    tasks = set()
    task = asyncio.create_task(query(db, a))
    tasks.add(task)
    for other in tasks:
        await other


async def opens_its_session(tasks: BackgroundTasks, db: SessionDep, a):
    async def later():
        async with Session() as db:
            await query(db, a)

    tasks.add_task(later)


async def work(a):
    async with Session() as session:
        await query(session, a)


async def own_session(tasks: BackgroundTasks, db: SessionDep, a):
    await query(db, a)
    tasks.add_task(work, a)


async def awaited(db: SessionDep, a):
    await asyncio.create_task(query(db, a))


async def grouped(db: SessionDep, a):
    async with asyncio.TaskGroup() as group:
        group.create_task(query(db, a))
