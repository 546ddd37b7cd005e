"""A blocking call inside run_sync() stops all tasks, because run_sync() uses no thread.

While SQL inside run_sync() waits for the server, other tasks continue. Use asyncio.to_thread() for
a blocking call.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#running-synchronous-methods-and-functions-under-asyncio
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, right, wrong


async def observe(work: Callable[[asyncio.Event], Any]) -> dict[str, bool]:
    started, thread = asyncio.Event(), threading.get_ident()
    other_task = asyncio.create_task(started.wait())
    thread_of_work = await work(started)
    ran = other_task.done()
    await other_task
    return {"other task ran": ran, "same thread": thread_of_work == thread}


@wrong
async def blocking(session: AsyncSession) -> dict[str, bool]:
    """make a blocking call inside run_sync()"""

    def block(_: Session, started: asyncio.Event) -> int:
        started.set()
        threading.Event().wait(0.02)
        return threading.get_ident()

    return await observe(lambda started: session.run_sync(block, started))


@right
async def awaiting(session: AsyncSession) -> dict[str, bool]:
    """execute SQL inside run_sync()"""

    def query(session: Session, started: asyncio.Event) -> int:
        started.set()
        session.execute(select(1))
        return threading.get_ident()

    return await observe(lambda started: session.run_sync(query, started))


def check(blocking: Observation, awaiting: Observation) -> None:
    assert blocking.value == {"other task ran": False, "same thread": True}
    assert awaiting.value == {"other task ran": True, "same thread": True}
    assert len(awaiting.sql) == 1


main = main_of(__name__)
