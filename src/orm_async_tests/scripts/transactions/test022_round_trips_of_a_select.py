"""A SELECT costs three round trips, and pool_pre_ping adds three more on asyncpg.

The three round trips of a SELECT are BEGIN, the statement, and the ROLLBACK that the pool sends. On
asyncpg, preparing a new statement costs one more round trip. A ping of pool_pre_ping takes one
round trip on psycopg, but three on asyncpg, where the ping has its own transaction. With
AUTOCOMMIT, a SELECT costs only one round trip.

Docs: https://docs.sqlalchemy.org/en/21/core/pooling.html#disconnect-handling-pessimistic
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Stack, checked_out, main_of, variant
from orm_async_tests.models import User

IDS = select(User.id)
PING = {"asyncpg": 3, "psycopg": 1}


@variant
async def nothing(engine: AsyncEngine) -> dict[str, int]:
    """check out a connection and send nothing"""
    async with engine.connect():
        return {"connections in use": checked_out(engine)}


@variant
async def first(engine: AsyncEngine) -> None:
    """execute one SELECT that is new to the connection"""
    async with engine.connect() as connection:
        await connection.execute(IDS)


@variant
async def again(engine: AsyncEngine) -> None:
    """execute the SELECT twice, in two checkouts"""
    await first(engine)
    await first(engine)


@variant
async def committed(session: AsyncSession) -> None:
    """execute the SELECT twice in one session, then commit"""
    await session.execute(IDS)
    await session.execute(IDS)
    await session.commit()


@variant(engine={"pool_pre_ping": True})
async def pinged(engine: AsyncEngine) -> None:
    """execute the SELECT twice, in two checkouts, with pool_pre_ping=True"""
    await again(engine)


@variant(engine={"isolation_level": "AUTOCOMMIT"})
async def autocommit(engine: AsyncEngine) -> None:
    """with isolation_level="AUTOCOMMIT", execute the SELECT twice, in two checkouts"""
    await again(engine)


def check(
    stack: Stack,
    nothing: Observation,
    first: Observation,
    again: Observation,
    committed: Observation,
    pinged: Observation,
    autocommit: Observation,
) -> None:
    prepare = int(stack.driver == "asyncpg")
    assert nothing.value == {"connections in use": 1}
    assert nothing.round_trips == 0
    assert first.round_trips == 3 + prepare
    assert again.round_trips == 3 + 3 + prepare
    assert committed.round_trips == 4 + prepare
    # The ping of asyncpg prepares ";" too.
    assert pinged.round_trips == 6 + 2 * PING[stack.driver] + 2 * prepare
    assert autocommit.round_trips == 2 + prepare


main = main_of(__name__)
