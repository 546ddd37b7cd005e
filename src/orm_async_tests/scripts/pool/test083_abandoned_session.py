"""A session that you drop without close() keeps its connection until garbage collection.

When an unclosed session is garbage-collected, SQLAlchemy warns, and the pool closes the connection.
The garbage collector cannot await a rollback, so the pool cannot keep the connection.
Use `async with`.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#the-garbage-collector-is-trying-to-clean-up-non-checked-in-connection
Symptom: you get SAWarning "garbage collector is trying to clean up non-checked-in connection".
"""

import gc

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User


@wrong(warns=True, unhandled=True)
async def dropped(engine: AsyncEngine) -> dict[str, int]:
    """drop a session, and count the connections in use before and after garbage collection"""
    session = AsyncSession(engine)
    await session.execute(select(User))
    in_use = checked_out(engine)
    del session
    gc.collect()
    return {"in use": in_use, "in use after": checked_out(engine)}


@right
async def closed(engine: AsyncEngine) -> dict[str, int]:
    """close the session with `async with`"""
    async with AsyncSession(engine) as session:
        await session.execute(select(User))
        in_use = checked_out(engine)
    return {"in use": in_use, "in use after": checked_out(engine)}


def check(dropped: Observation, closed: Observation) -> None:
    assert dropped.value == closed.value == {"in use": 1, "in use after": 0}
    assert "SAWarning" in dropped.warnings
    assert closed.log[-1] == "ROLLBACK"


main = main_of(__name__)
