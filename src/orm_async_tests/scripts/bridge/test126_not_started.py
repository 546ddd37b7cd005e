"""engine.connect() opens no connection until you await it or enter it with `async with`.

If you call execute() on an AsyncConnection that is not connected yet, SQLAlchemy raises
AsyncContextNotStarted.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.AsyncEngine.connect
Symptom: you get AsyncContextNotStarted "context has not been started".
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.ext.asyncio.exc import AsyncContextNotStarted

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"
ANSWER = text("SELECT 42")


@wrong
async def neither(engine: AsyncEngine) -> dict[str, object]:
    """call execute() on the result of connect() without awaiting connect()"""
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
    """enter engine.connect() with `async with`"""
    async with engine.connect() as connection:
        return {"answer": await connection.scalar(ANSWER)}


def check(neither: Observation, awaited: Observation, entered: Observation) -> None:
    assert isinstance(neither.error, AsyncContextNotStarted)
    assert awaited.value == entered.value == {"answer": 42}


main = main_of(__name__)
