"""A standby ends an idle transaction that blocks replay: run the whole transaction again.

A standby must replay the locks and deletions of the primary, for example those of an ALTER TABLE.
After max_standby_streaming_delay (0 in this script), the standby ends every transaction that blocks
replay, even an idle transaction. When the standby has ended a transaction, psycopg reports SQLSTATE
40001 at the next statement, but asyncpg reports a lost connection. If the standby has ended a
transaction, run the whole transaction again.

Docs: https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT
Symptom: you get DBAPIError (SQLSTATE 08003) "connection was closed in the middle of operation"
on asyncpg.
Symptom: you get OperationalError (SQLSTATE 40001)
"terminating connection due to conflict with recovery" on psycopg.
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
    """Alter a table on the primary, and block the event loop until the standby shows the change."""
    standby.pause()
    async with primary.begin() as connection:
        await connection.execute(text("ALTER TABLE users ADD COLUMN nickname text"))
    standby.resume()
    standby.catch_up()


async def read_twice(engine: AsyncEngine, *between: Awaitable[None]) -> dict[str, int | None]:
    async with AsyncSession(engine) as session:
        await session.scalar(USERS)
        for work in between:
            await work
        return {"users": await session.scalar(USERS)}


@wrong(standby=IMPATIENT)
async def once(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, int | None]:
    """read twice in a transaction on the standby, while the primary alters the table"""
    return await read_twice(make_engine(standby_url), alter(make_engine(primary_url), standby))


@right(standby=IMPATIENT)
async def anew(
    make_engine: MakeEngine, primary_url: URL, standby_url: URL, standby: Standby
) -> dict[str, int | None]:
    """read twice on the standby, and run the transaction again after an error"""
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
