"""In a stream, selectinload() sends a query per partition, but awaitable_attrs sends one per row.

With yield_per, selectinload() loads the children of all parents in a partition at once. Awaiting an
attribute of awaitable_attrs loads the children of one parent.

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#fetching-large-result-sets-with-yield-per
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
BY_TWO = {"yield_per": 2}


@wrong
async def awaited_one_by_one(session: AsyncSession) -> dict[str, int]:
    """stream three users in partitions of two, and await user.awaitable_attrs.points"""
    points = 0
    async for user in await session.stream_scalars(select(User), execution_options=BY_TWO):
        points += len(await user.awaitable_attrs.points)
    return {"points": points}


@right
async def loaded_by_partition(session: AsyncSession) -> dict[str, int]:
    """stream three users in partitions of two, with selectinload()"""
    points = 0
    users = select(User).options(selectinload(User.points))
    async for user in await session.stream_scalars(users, execution_options=BY_TWO):
        points += len(user.points)
    return {"points": points}


def check(awaited_one_by_one: Observation, loaded_by_partition: Observation) -> None:
    assert awaited_one_by_one.value == loaded_by_partition.value == {"points": 6}
    assert (len(awaited_one_by_one.sql), len(loaded_by_partition.sql)) == (1 + 3, 1 + 2)


main = main_of(__name__)
