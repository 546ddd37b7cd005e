"""A unit of work in one run_sync() uses one greenlet, but each awaited call uses a new greenlet.

AsyncSession runs every awaited call in a new greenlet. Inside run_sync(), a synchronous Session on
engine.sync_engine does all of its work in one greenlet. A function in run_sync() cannot await
anything, and its blocking calls block the event loop (test80).

In the benchmark docs/bench.md, ten tasks ran about 13% faster with synchronous sessions inside
run_sync() than with AsyncSessions.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#running-synchronous-methods-and-functions-under-asyncio
"""

from collections.abc import Iterator
from contextlib import contextmanager

from greenlet import greenlet, settrace
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from orm_async_tests.harness import Observation, main_of, variant
from orm_async_tests.models import User


@contextmanager
def traced_greenlets() -> Iterator[set[greenlet]]:
    """Collect all greenlets that run inside the `with` block."""
    greenlets = set[greenlet]()
    settrace(lambda _, switch: greenlets.add(switch[1]))
    try:
        yield greenlets
    finally:
        settrace(None)
        greenlets.discard(greenlet.getcurrent())


@variant
async def awaited(engine: AsyncEngine) -> dict[str, object]:
    """rename a user and commit, with an AsyncSession"""
    with traced_greenlets() as greenlets:
        async with AsyncSession(engine) as session:
            user = await session.get_one(User, 1)
            user.username = "guide"
            await session.commit()
    return {"greenlets": len(greenlets)}


@variant
async def in_one_run_sync(engine: AsyncEngine) -> dict[str, object]:
    """rename a user and commit, with a synchronous Session inside one run_sync()"""

    def rename(_: Session) -> None:
        with Session(engine.sync_engine) as session:
            user = session.get_one(User, 1)
            user.username = "guide"
            session.commit()

    bridge = AsyncSession()
    with traced_greenlets() as greenlets:
        await bridge.run_sync(rename)
    return {"greenlets": len(greenlets)}


def check(awaited: Observation, in_one_run_sync: Observation) -> None:
    assert awaited.value == {"greenlets": 3}  # get_one(), commit() and close()
    assert in_one_run_sync.value == {"greenlets": 1}
    assert in_one_run_sync.log == awaited.log


main = main_of(__name__)
