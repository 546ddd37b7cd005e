import asyncio
import subprocess
import threading
import time
from functools import partial
from time import sleep

import requests
from shop_sessions import SessionDep, engine, pause
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


def block(session):
    time.sleep(1)  # OAT502
    session.flush()


def fetch(session, url):
    return requests.get(url)  # OAT502


def run(connection):
    asyncio.run(answer())  # OAT502


def helper():
    subprocess.run(["true"])  # OAT502


def one_call_deep(session):
    helper()


def last(seconds, session):
    time.sleep(seconds)  # OAT502


def query(session):
    return session.execute("SELECT 1")


async def answer():
    return 42


async def wrong(session: AsyncSession, connection: AsyncConnection, db: SessionDep):
    await session.run_sync(block)
    await db.run_sync(fetch, "url")
    await connection.run_sync(run)
    await session.run_sync(one_call_deep)
    await session.run_sync(partial(last, 1))
    await session.run_sync(pause)  # OAT502
    await session.run_sync(lambda _: sleep(1))  # OAT502

    def inner(_):
        sleep(1)  # OAT502

    async with engine.begin() as begun:
        await begun.run_sync(inner)


async def called_inside(session: AsyncSession):
    def work(_):
        def wait():
            sleep(1)  # OAT502

        wait()

    await session.run_sync(work)


class Reports:
    def __init__(self, session: AsyncSession):
        self.session = session

    async def run(self, work):
        return await self.session.run_sync(work)


async def report(session: AsyncSession):
    def count(_):
        time.sleep(1)  # OAT502

    await Reports(session).run(count)
    await Reports(session).run(query)


# Right


async def right(session: AsyncSession):
    await session.run_sync(query)
    await asyncio.to_thread(time.sleep, 1)


def synchronous():
    time.sleep(1)


async def in_a_thread(session: AsyncSession):
    def work(_):
        def wait():
            sleep(1)

        threading.Thread(target=wait).start()

    await session.run_sync(work)
