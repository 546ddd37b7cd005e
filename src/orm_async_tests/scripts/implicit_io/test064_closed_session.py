"""You can use a closed AsyncSession again, but a closed AsyncConnection raises an error.

Calling close() returns the connection to the pool. A statement after close() begins a new
transaction and checks out a connection, so call close() again. With close_resets_only=False, a
statement after close() raises InvalidRequestError.

An AsyncConnection is closed as soon as its `async with` block ends. A statement on a closed
AsyncConnection raises ResourceClosedError, so execute all its statements inside the block.

Docs: https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.params.close_resets_only
Symptom: you get InvalidRequestError "This Session has been permanently closed".
Symptom: you get ResourceClosedError "This Connection is closed".
"""

from sqlalchemy import select
from sqlalchemy.exc import InvalidRequestError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, checked_out, main_of, variant, wrong
from orm_async_tests.models import User


@wrong
async def resets(engine: AsyncEngine) -> dict[str, int]:
    """close a session, query again, and count the connections in use"""
    session = AsyncSession(engine)
    await session.close()
    await session.execute(select(User))
    in_use = checked_out(engine)
    await session.close()
    return {"connections in use": in_use}


@variant
async def ends(engine: AsyncEngine) -> dict[str, int]:
    """close a session that has close_resets_only=False, then query again"""
    session = AsyncSession(engine, close_resets_only=False)
    await session.close()
    await session.execute(select(User))
    return {"connections in use": checked_out(engine)}


@wrong
async def after_the_block(engine: AsyncEngine) -> None:
    """query on a connection after its `async with` block"""
    async with engine.connect() as connection:
        pass
    await connection.execute(select(User))


def check(resets: Observation, ends: Observation, after_the_block: Observation) -> None:
    assert resets.value == {"connections in use": 1}
    assert len(resets.sql) == 1
    assert isinstance(ends.error, InvalidRequestError)
    assert isinstance(after_the_block.error, ResourceClosedError)


main = main_of(__name__)
