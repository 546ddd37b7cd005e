"""A scoped session that you do not remove keeps its connection after its task has ended.

With scopefunc=current_task, async_scoped_session creates one session per task and keeps it in a
registry after the task has ended. Await remove() in every task that uses an async_scoped_session. A
session that you open with `async with Session()` is in no registry and needs no remove().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-asyncio-scoped-session
"""

from asyncio import current_task, gather

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, async_scoped_session, async_sessionmaker

from orm_async_tests.harness import Observation, Sessions, checked_out, main_of, right, wrong
from orm_async_tests.models import User

NAMES = select(User.username)


@wrong
async def kept(engine: AsyncEngine) -> dict[str, int]:
    """use an async_scoped_session in three tasks, without remove()"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=current_task)

    async def work() -> None:
        await scoped.execute(NAMES)

    await gather(work(), work(), work())
    held = {"sessions": len(scoped.registry.registry), "connections": checked_out(engine)}
    for session in scoped.registry.registry.values():
        await session.close()
    return held


@right
async def removed(engine: AsyncEngine) -> dict[str, int]:
    """use an async_scoped_session in three tasks, and await remove() in every task"""
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=current_task)

    async def work() -> None:
        try:
            await scoped.execute(NAMES)
        finally:
            await scoped.remove()

    await gather(work(), work(), work())
    return {"sessions": len(scoped.registry.registry), "connections": checked_out(engine)}


@right
async def no_registry(engine: AsyncEngine, Session: Sessions) -> dict[str, int]:
    """open a session with `async with` in each of three tasks"""

    async def work() -> None:
        async with Session() as session:
            await session.execute(NAMES)

    await gather(work(), work(), work())
    return {"sessions": 0, "connections": checked_out(engine)}


def check(kept: Observation, removed: Observation, no_registry: Observation) -> None:
    assert kept.value == {"sessions": 3, "connections": 3}
    assert removed.value == no_registry.value == {"sessions": 0, "connections": 0}
    assert len(kept.sql) == len(removed.sql) == len(no_registry.sql) == 3


main = main_of(__name__)
