"""If a connect listener fails and its task is cancelled, the task still ends as cancelled.

In this script, a `connect` listener raises an error, and the task is cancelled while the pool
closes the new connection. In SQLAlchemy 2.0.53, 2.0.54 and 2.1.0 to 2.1.4, the error of a `connect`
listener replaced CancelledError. If another error replaces CancelledError, a loop that retries
after every Exception does not end. The method Task.cancelling() returns the number of pending
cancel requests. If the number of pending cancel requests is not 0, a retry loop must raise the
caught error again.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.5
"""

import asyncio
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, Upstream, main_of, right, variant
from orm_async_tests.harness.definitions.known_defects import CANCEL_IS_LOGGED

ONLY = "asyncpg>=0.32"  # before, the close itself may hang
SINCE = "2.0.53"
DEFECT = Upstream(
    "if a `connect` listener fails, a cancel of the task is lost",
    {"sqlalchemy": ">=2.0.53,<2.0.55 or >=2.1,<2.1.5", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13678",
    "wrong result",
)


def cancelled_and_failing(engine: AsyncEngine) -> AsyncEngine:
    @event.listens_for(engine.sync_engine, "connect")
    def listen(*_: Any) -> None:
        if task := asyncio.current_task():
            task.cancel()
        raise LookupError

    return engine


@variant(unhandled=True)
async def tried_again(make_engine: MakeEngine) -> dict[str, bool]:
    """retry after every Exception"""
    engine = cancelled_and_failing(make_engine())

    async def use() -> None:
        for _ in range(3):
            try:
                await engine.connect()
            except Exception:
                continue

    await asyncio.wait([task := asyncio.create_task(use())])
    return {"cancelled": task.cancelled()}


@right(unhandled=True)
async def checked(make_engine: MakeEngine) -> dict[str, int]:
    """retry unless the task is being cancelled"""
    engine, tries = cancelled_and_failing(make_engine()), list[int]()

    async def use() -> None:
        for number in range(3):
            tries.append(number)
            try:
                await engine.connect()
            except Exception:
                if (task := asyncio.current_task()) and task.cancelling():
                    raise

    await asyncio.wait([asyncio.create_task(use())])
    return {"tries": len(tries)}


def check(tried_again: Observation, checked: Observation) -> None:
    assert checked.value == {"tries": 1}
    with DEFECT:
        assert tried_again.value == {"cancelled": True}
    with CANCEL_IS_LOGGED:
        assert tried_again.unhandled == checked.unhandled == []


main = main_of(__name__)
