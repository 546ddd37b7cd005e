"""execute() fetches all rows before it returns, but stream() fetches rows only when you read them.

You can read the result of execute() even after the session is closed. The result of stream() reads
from a cursor on the server. When you close the session, the server closes the stream's cursor, and
the remaining rows are lost.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncSession.stream
Symptom: you get an error (SQLSTATE 25P01) "cursor cannot be created outside of a transaction"
on asyncpg.
Symptom: you get an error (SQLSTATE 34000) "cursor ... does not exist" on psycopg.
"""

from sqlalchemy import inspect, select

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User


@wrong
async def streamed(Session: Sessions) -> dict[str, int]:
    """call stream(), and read the result after the session is closed"""
    async with Session() as session:
        result = await session.stream_scalars(select(User))
    users = [user async for user in result]
    return {"detached users": sum(inspect(user).detached for user in users)}


@right
async def executed(Session: Sessions) -> dict[str, int]:
    """call execute(), and read the result after the session is closed"""
    async with Session() as session:
        result = await session.scalars(select(User))
    users = list(result)
    return {"detached users": sum(inspect(user).detached for user in users)}


@right
async def streamed_inside(Session: Sessions) -> dict[str, int]:
    """call stream(), and read the result while the session is open"""
    async with Session() as session:
        result = await session.stream_scalars(select(User))
        users = [user async for user in result]
    return {"detached users": sum(inspect(user).detached for user in users)}


def check(streamed: Observation, executed: Observation, streamed_inside: Observation) -> None:
    assert streamed.sqlstate in {"25P01", "34000"}  # no transaction, no such cursor
    assert executed.value == streamed_inside.value == {"detached users": 3}


main = main_of(__name__)
