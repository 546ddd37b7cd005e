"""Since SQLAlchemy 2.1, get() applies populate_existing from its execution_options.

By default, get() returns a loaded object without a query. With populate_existing, get() queries the
server and overwrites the loaded values. SQLAlchemy 2.0 silently ignores the execution option
populate_existing, but accepts populate_existing=True as an argument of get().

Docs: https://docs.sqlalchemy.org/en/21/orm/queryguide/api.html#populate-existing
"""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, main_of, right, wrong
from orm_async_tests.models import User

SINCE = "2.1"
ALSO = "aiosqlite"
FRESH = {"populate_existing": True}


async def rename(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(update(User).values(username="guide"))


@wrong
async def from_the_identity_map(engine: AsyncEngine, session: AsyncSession) -> str:
    """get a user, rename the user in another transaction, then get the user again"""
    user = await session.get_one(User, 1)
    await rename(engine)
    await session.get_one(User, 1)
    return user.username


@right
async def from_the_server(engine: AsyncEngine, session: AsyncSession) -> str:
    """get a user, rename the user in another transaction, then get it with populate_existing"""
    user = await session.get_one(User, 1)
    await rename(engine)
    await session.get_one(User, 1, execution_options=FRESH)
    return user.username


def check(from_the_identity_map: Observation, from_the_server: Observation) -> None:
    assert from_the_identity_map.value == "username-1"
    assert from_the_server.value == "guide"


main = main_of(__name__)
