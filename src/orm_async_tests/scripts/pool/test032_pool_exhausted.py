"""A task that holds one connection and asks for a second one can deadlock the pool.

In a pool with one slot, a session inside another session waits for the slot that the outer session
holds. A session that waits for a slot raises sqlalchemy.exc.TimeoutError (3o7r) after pool_timeout
seconds. A pool of N slots deadlocks if N tasks each open a second session at once. Pass the session
to the function instead of opening a second session in it.

Docs: https://docs.sqlalchemy.org/en/21/errors.html#queuepool-limit-of-size-x-overflow-y-reached-connection-timed-out-timeout-z
Symptom: you get TimeoutError (code 3o7r) "QueuePool limit of size".
"""

from sqlalchemy import func, select
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User

ONE_SLOT = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
COUNT = select(func.count(User.id))


@wrong(engine=ONE_SLOT)
async def nested(Session: Sessions) -> dict[str, int | None]:
    """call a function that opens a second session"""

    async def count() -> int | None:
        async with Session() as session:
            return await session.scalar(COUNT)

    async with Session() as session:
        await session.execute(select(User))
        return {"users": await count()}


@right(engine=ONE_SLOT)
async def passed_down(Session: Sessions) -> dict[str, int | None]:
    """call a function that receives the session"""

    async def count(session: AsyncSession) -> int | None:
        return await session.scalar(COUNT)

    async with Session() as session:
        await session.execute(select(User))
        return {"users": await count(session)}


def check(nested: Observation, passed_down: Observation) -> None:
    assert isinstance(nested.error, PoolTimeoutError)
    assert type(nested.error).__module__ == "sqlalchemy.exc"  # asyncio raises the built-in one
    assert nested.code == "3o7r"
    assert passed_down.value == {"users": 3}


main = main_of(__name__)
