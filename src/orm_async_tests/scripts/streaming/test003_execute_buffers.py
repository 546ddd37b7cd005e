"""execute() has fetched all rows when it returns; stream() needs an open session.

The result of execute() is complete after the await. You can read this result after the session is
closed, although its objects are detached by then. stream() holds a cursor on the server. When you
close the session, the cursor is closed and its rows are lost.

Symptom: asyncpg: 25P01 "cursor cannot be created outside of a transaction"
Symptom: psycopg: 34000 "cursor ... does not exist"
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.stream
"""

from sqlalchemy import inspect, select

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def streamed(Session: Sessions) -> dict[str, int]:
    """stream(), and read after the session is closed"""
    async with Session() as session:
        result = await session.stream_scalars(select(User))
    users = [user async for user in result]
    return {"detached users": sum(inspect(user).detached for user in users)}


@right
async def executed(Session: Sessions) -> dict[str, int]:
    """execute(), and read after the session is closed"""
    async with Session() as session:
        result = await session.scalars(select(User))
    users = list(result)
    return {"detached users": sum(inspect(user).detached for user in users)}


@right
async def streamed_inside(Session: Sessions) -> dict[str, int]:
    """stream(), and read while the session is open"""
    async with Session() as session:
        result = await session.stream_scalars(select(User))
        users = [user async for user in result]
    return {"detached users": sum(inspect(user).detached for user in users)}


def check(streamed: Observation, executed: Observation, streamed_inside: Observation) -> None:
    assert streamed.sqlstate in {"25P01", "34000"}  # no transaction, no such cursor
    assert executed.value == streamed_inside.value == {"detached users": 3}


main = main_of(__name__)
