"""Who cancels all tasks as `async with` is left may leave its connection taken.

SQLAlchemy closes the connection in a task of its own, so that a cancel of the caller cannot stop
it. A cancel of every task in the loop stops it before its first step: the connection stays in its
transaction until the garbage collector finds it. asyncio.run() does so at its end, where it is no
matter; a program that goes on cancels the tasks that it made itself, and waits for them.

Docs: https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner
"""

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, checked_out, main_of, right, wrong

SINCE = ">=2.0.55,<2.1 or >=2.1.2"  # before, each cancel lets the task go too early: test194
ONE = {"pool_size": 1, "max_overflow": 0}
DEFECT = Upstream(
    "a close() whose task is cancelled before its first step never gives its connection back",
    {"sqlalchemy": ">=2.0.55,<2.1 or >=2.1.2,<2.2"},
    "https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
    "breaks the pool",
)


@wrong(engine=ONE, leaks=True, warns=True, unhandled=True)
async def cancel_all_tasks(engine: AsyncEngine) -> dict[str, object]:
    """as asyncio.run() does: cancel each of asyncio.all_tasks()"""
    loop, others = asyncio.get_running_loop(), asyncio.all_tasks()

    def shut_down() -> None:
        for each in asyncio.all_tasks() - others:
            each.cancel()

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(select(1))
            loop.call_soon(shut_down)  # it comes when the block is left, and the close not begun

    task = asyncio.create_task(use())
    await asyncio.wait([task])
    return {"cancelled": task.cancelled(), "connections in use": checked_out(engine)}


@right(engine=ONE)
async def cancel_own_tasks(engine: AsyncEngine) -> dict[str, object]:
    """cancel the tasks that one made, at the same moment, and wait for them"""
    loop, own = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def shut_down() -> None:
        for each in own:
            each.cancel()

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(select(1))
            loop.call_soon(shut_down)

    own.add(task := asyncio.create_task(use()))
    await asyncio.wait(own)
    return {"cancelled": task.cancelled(), "connections in use": checked_out(engine)}


def check(cancel_all_tasks: Observation, cancel_own_tasks: Observation) -> None:
    assert cancel_own_tasks.value == {"cancelled": True, "connections in use": 0}
    assert cancel_all_tasks.value["cancelled"] is True
    with DEFECT:
        assert cancel_all_tasks.value["connections in use"] == 0


main = main_of(__name__)
