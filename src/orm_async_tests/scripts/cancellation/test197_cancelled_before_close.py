"""If you cancel all tasks while `async with` exits, a connection may stay checked out.

SQLAlchemy closes a connection in a separate task, so that cancelling the caller does not interrupt
the close. If the task that closes a connection is cancelled before it starts, the connection stays
in use until garbage collection. Cancel only the tasks that your program has created, and wait for
them.

Docs: https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner
"""

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, Upstream, checked_out, main_of, right, wrong

SINCE = ">=2.0.55,<2.1 or >=2.1.2"  # before, a cancelled task ends too early: test194
ONE_SLOT = {"pool_size": 1, "max_overflow": 0}
DEFECT = Upstream(
    "if the task that closes a connection is cancelled at once, the connection stays open",
    {"sqlalchemy": ">=2.0.55,<2.1 or >=2.1.2,<2.2"},
    "https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
    "breaks the pool",
)


@wrong(engine=ONE_SLOT, leaks=True, warns=True, unhandled=True)
async def cancel_all_tasks(engine: AsyncEngine) -> dict[str, object]:
    """cancel all tasks in asyncio.all_tasks(), as asyncio.run() does"""
    loop, others = asyncio.get_running_loop(), asyncio.all_tasks()

    def shut_down() -> None:
        for task in asyncio.all_tasks() - others:
            task.cancel()

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(select(1))
            loop.call_soon(shut_down)  # it runs when the block ends, before the close begins

    task = asyncio.create_task(use())
    await asyncio.wait([task])
    return {"cancelled": task.cancelled(), "connections in use": checked_out(engine)}


@right(engine=ONE_SLOT)
async def cancel_own_tasks(engine: AsyncEngine) -> dict[str, object]:
    """as `async with` exits, cancel only the program's own tasks, and wait for them"""
    loop, created = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def shut_down() -> None:
        for task in created:
            task.cancel()

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(select(1))
            loop.call_soon(shut_down)

    created.add(task := asyncio.create_task(use()))
    await asyncio.wait(created)
    return {"cancelled": task.cancelled(), "connections in use": checked_out(engine)}


def check(cancel_all_tasks: Observation, cancel_own_tasks: Observation) -> None:
    assert cancel_own_tasks.value == {"cancelled": True, "connections in use": 0}
    assert cancel_all_tasks.value["cancelled"] is True
    with DEFECT:
        assert cancel_all_tasks.value["connections in use"] == 0


main = main_of(__name__)
