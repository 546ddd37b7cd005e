"""engine.connect() connects only when you await the call or enter it with `async with`.

connect() returns an AsyncConnection, which is not connected yet. A method of an AsyncConnection
raises AsyncContextNotStarted if you have neither awaited nor entered the connection.

Symptom: AsyncContextNotStarted "context has not been started"
Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncEngine.connect
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.asyncio.exc import AsyncContextNotStarted

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"
ANSWER = text("SELECT 42")


@wrong
async def neither(engine: AsyncEngine) -> dict[str, object]:
    """execute on the result of connect()"""
    connection = engine.connect()
    return {"answer": await connection.scalar(ANSWER)}


@right
async def awaited(engine: AsyncEngine) -> dict[str, object]:
    """await engine.connect(), and close the connection explicitly"""
    connection = await engine.connect()
    try:
        return {"answer": await connection.scalar(ANSWER)}
    finally:
        await connection.close()


@right
async def entered(engine: AsyncEngine) -> dict[str, object]:
    """enter the connection with `async with`"""
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(ANSWER)}


def check(neither: Observation, awaited: Observation, entered: Observation) -> None:
    assert isinstance(neither.error, AsyncContextNotStarted)
    assert awaited.value == entered.value == {"answer": 42}


main = main_of(__name__)
