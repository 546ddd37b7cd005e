"""Replay ends an idle transaction that is in its way: run all of it again.

What the primary has locked or removed, here by ALTER TABLE, a standby has to replay, and after
max_standby_streaming_delay (here 0) whoever still holds the table has to go. Between two statements
that costs the connection: psycopg says 40001, as of a running statement (test189), asyncpg only
that it is lost. So try again on both, and from the beginning.

Symptom: asyncpg: DBAPIError 08003 "connection was closed in the middle of operation"
Symptom: psycopg: OperationalError 40001 "terminating connection due to conflict with recovery"
Docs: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT
"""

from collections.abc import Awaitable

from sqlalchemy import URL, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import MakeEngine, Observation, Standby, main_of, right, wrong
from orm_async_tests.models import User

IMPATIENT = {"max_standby_streaming_delay": "0"}
USERS = select(func.count(User.id))


async def alter(primary: AsyncEngine, standby: Standby) -> None:
    standby.pause()  # it replays after all awaits: the reader learns of it by its next statement
    async with primary.begin() as connection:
        await connection.execute(text("ALTER TABLE users ADD COLUMN nickname text"))
    standby.resume()
    standby.catch_up()


async def read_twice(engine: AsyncEngine, *between: Awaitable[None]) -> dict[str, int | None]:
    async with AsyncSession(engine) as session:
        await session.scalar(USERS)
        for each in between:
            await each
        return {"users": await session.scalar(USERS)}


@wrong(standby=IMPATIENT)
async def once(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, int | None]:
    """read twice in a transaction on the standby; in between the table is altered"""
    return await read_twice(make_engine(standby_url), alter(make_engine(primary_url), standby))


@right(standby=IMPATIENT)
async def anew(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, int | None]:
    """the same; on 40001 or a lost connection begin anew"""
    reading = make_engine(standby_url)
    try:
        return await read_twice(reading, alter(make_engine(primary_url), standby))
    except DBAPIError as error:
        if not (error.connection_invalidated or getattr(error.orig, "sqlstate", None) == "40001"):
            raise
        return await read_twice(reading)


def check(once: Observation, anew: Observation) -> None:
    assert isinstance(once.error, DBAPIError)
    assert once.error.connection_invalidated
    assert anew.value == {"users": 3}


main = main_of(__name__)
