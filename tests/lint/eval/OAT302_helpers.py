import asyncio
from functools import partial

from fastapi import BackgroundTasks, Depends
from shop_sessions import Session
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def get_session():
    async with Session() as session:
        yield session


async def send(session: AsyncSession, user: int):
    await session.execute(text("SELECT 1"))


async def send_later(user: int):
    async with Session() as session:
        await send(session, user)


def schedule(tasks: BackgroundTasks, session: AsyncSession, user: int):
    tasks.add_task(send, session, user)


def schedule_user(tasks: BackgroundTasks, session: AsyncSession, user: int):
    session.add(user)
    tasks.add_task(send_later, user)


def schedule_by_name(tasks: BackgroundTasks, session: AsyncSession, user: int):
    tasks.add_task(send, session=session, user=user)


async def remind_by_name(tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    schedule_by_name(tasks, session, 1)  # OAT302


async def remind(tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    schedule(tasks, session, 1)  # OAT302


def spawn_send(session: AsyncSession, user: int):
    task = asyncio.create_task(send(session, user))
    task.add_done_callback(print)


async def remind_soon(session: AsyncSession = Depends(get_session)):
    spawn_send(session, 1)  # OAT302


def schedule_work(tasks: BackgroundTasks, work, *arguments):
    tasks.add_task(work, *arguments)


async def remind_with_a_partial(
    tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)
):
    work = partial(send, session)
    schedule_work(tasks, work, 1)  # OAT302


def schedule_bound(tasks: BackgroundTasks, action, session: AsyncSession, user: int):
    tasks.add_task(partial(action, session, user=user))


async def remind_by_action(tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    schedule_bound(tasks, send, session, 1)  # OAT302


# Right


async def remind_user(tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    schedule_user(tasks, session, 1)


class Notices:
    def __init__(self, session: AsyncSession = Depends(get_session)):
        self.session = session

    async def print(self, user: int):
        print(user)


async def print_later(tasks: BackgroundTasks, notices: Notices = Depends()):
    tasks.add_task(notices.print, 1)


def schedule_id(tasks: BackgroundTasks, action, session: AsyncSession, user):
    session.add(user)
    tasks.add_task(partial(action, user.id))


async def remind_new(tasks: BackgroundTasks, session: AsyncSession = Depends(get_session)):
    schedule_id(tasks, send_later, session, 1)
