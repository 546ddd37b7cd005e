"""A SELECT costs three round trips, and pool_pre_ping adds three more on asyncpg.

BEGIN, the statement, and the ROLLBACK of the pool: no event shows them, so the wire is read.
asyncpg needs one more to prepare what its connection has not seen, and gives the ping a
transaction; psycopg pings in one round trip. AUTOCOMMIT leaves the statement alone.

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
    """check a connection out, and send nothing"""
    async with engine.connect():
        return {"connections in use": checked_out(engine)}


@variant
async def first(engine: AsyncEngine) -> None:
    """one SELECT that the connection has not seen"""
    async with engine.connect() as connection:
        await connection.execute(IDS)


@variant
async def again(engine: AsyncEngine) -> None:
    """the same, and then once more in a checkout of its own"""
    await first(engine)
    await first(engine)


@variant
async def committed(session: AsyncSession) -> None:
    """the same twice through one session, and commit"""
    await session.execute(IDS)
    await session.execute(IDS)
    await session.commit()


@variant(engine={"pool_pre_ping": True})
async def pinged(engine: AsyncEngine) -> None:
    """the same as `again`, with pool_pre_ping=True"""
    await again(engine)


@variant(engine={"isolation_level": "AUTOCOMMIT"})
async def autocommit(engine: AsyncEngine) -> None:
    """the same as `again`, with isolation_level="AUTOCOMMIT" """
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
    assert pinged.round_trips == 6 + 2 * PING[stack.driver] + 2 * prepare  # of ";" too
    assert autocommit.round_trips == 2 + prepare


main = main_of(__name__)
