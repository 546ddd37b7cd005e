"""asyncpg's command_timeout raises the built-in TimeoutError, not an SQLAlchemyError.

`except DBAPIError` does not catch the built-in TimeoutError. When command_timeout expires, asyncpg
cancels the query on the server, and the pool opens another connection for the next task.

Docs: https://magicstack.github.io/asyncpg/current/api/index.html#connection
Symptom: you get TimeoutError with "asyncpg/protocol/protocol.pyx" in the traceback.
"""

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

ONLY = "asyncpg"
TIMEOUT = {"connect_args": {"command_timeout": 0.5}}
SLOW = select(func.pg_sleep(60))


async def slow(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(SLOW)


@wrong(engine=TIMEOUT)
async def expecting_sqlalchemy(engine: AsyncEngine) -> str:
    """catch the timeout with `except DBAPIError`"""
    try:
        await slow(engine)
    except DBAPIError:
        return "caught"
    return "no error"


@right(engine=TIMEOUT)
async def expecting_timeout(engine: AsyncEngine, activity: Activity) -> str:
    """catch the timeout with `except TimeoutError`"""
    try:
        await slow(engine)
    except TimeoutError:
        await activity.until_ended("pg_sleep")
        return "caught"
    return "no error"


def check(expecting_sqlalchemy: Observation, expecting_timeout: Observation) -> None:
    assert isinstance(expecting_sqlalchemy.error, TimeoutError)
    assert not isinstance(expecting_sqlalchemy.error, SQLAlchemyError)
    assert expecting_timeout.value == "caught"


main = main_of(__name__)
