"""run_sync() is no thread: SQL in it lets others work, a blocking call does not.

It is no thread pool. SQL inside it waits as await does, and other tasks go on. A blocking
call stops the loop for as long as it takes: put that into asyncio.to_thread().

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#running-synchronous-methods-and-functions-under-asyncio
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, right, wrong


async def others(work: Callable[[asyncio.Event], Any]) -> dict[str, bool]:
    """Whether another task went on during the work, and whether it ran on the loop's thread."""
    begun, thread = asyncio.Event(), threading.get_ident()
    went_on = asyncio.create_task(begun.wait())
    where = await work(begun)
    done = went_on.done()
    await went_on
    return {"others went on": done, "same thread": where == thread}


@wrong
async def blocking(session: AsyncSession) -> dict[str, bool]:
    """a blocking call inside run_sync"""

    def block(_: Session, begun: asyncio.Event) -> int:
        begun.set()
        threading.Event().wait(0.02)
        return threading.get_ident()

    return await others(lambda begun: session.run_sync(block, begun))


@right
async def asking(session: AsyncSession) -> dict[str, bool]:
    """SQL inside run_sync"""

    def ask(session: Session, begun: asyncio.Event) -> int:
        begun.set()
        session.execute(select(func.pg_sleep(0.02)))
        return threading.get_ident()

    return await others(lambda begun: session.run_sync(ask, begun))


def check(blocking: Observation, asking: Observation) -> None:
    assert blocking.value == {"others went on": False, "same thread": True}
    assert asking.value == {"others went on": True, "same thread": True}
    assert len(asking.sql) == 1


main = main_of(__name__)
