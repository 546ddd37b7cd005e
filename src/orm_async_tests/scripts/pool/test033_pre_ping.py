"""If the server closes a pooled connection, its next use fails unless you set pool_pre_ping.

Without pool_pre_ping, the first task that uses a closed connection gets an error whose
connection_invalidated is true, and the next task gets a new connection. With pool_pre_ping, the
pool pings the server at every checkout, and replaces a dead connection. The ping of pool_pre_ping
cannot help a transaction that has already begun.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#dealing-with-disconnects
Symptom: you get InterfaceError "connection is closed" on asyncpg.
Symptom: you get an error (SQLSTATE 57P01) "terminating connection due to administrator command"
on psycopg.
"""

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong
from orm_async_tests.models import User


async def users(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return len((await connection.execute(select(User))).all())


@wrong
async def unpinged(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """kill the backend, then query, and query again after an error"""
    await activity.terminate()
    try:
        return {"a disconnect was raised": False, "users": await users(engine)}
    except DBAPIError as error:
        return {
            "a disconnect was raised": error.connection_invalidated,
            "users": await users(engine),
        }


@right(engine={"pool_pre_ping": True})
async def pinged(engine: AsyncEngine, activity: Activity) -> dict[str, object]:
    """kill the backend and query, with pool_pre_ping=True"""
    await activity.terminate()
    try:
        return {"a disconnect was raised": False, "users": await users(engine)}
    except DBAPIError as error:
        return {
            "a disconnect was raised": error.connection_invalidated,
            "users": await users(engine),
        }


def check(unpinged: Observation, pinged: Observation) -> None:
    assert unpinged.value == {"a disconnect was raised": True, "users": 3}
    assert pinged.value == {"a disconnect was raised": False, "users": 3}


main = main_of(__name__)
