"""After a commit, a lock taken with pg_advisory_lock() stays on the pooled connection.

A session-level lock belongs to the server's session, which is the pooled connection. A commit, a
rollback or close() does not release a session-level lock, so the next user of the connection holds
the lock. A lock taken with pg_advisory_xact_lock() ends with the transaction.

Docs: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import MakeEngine, Observation, main_of, right, wrong

KEY = 100


async def is_free(engine: AsyncEngine) -> bool | None:
    async with engine.connect() as connection:
        return await connection.scalar(select(func.pg_try_advisory_xact_lock(KEY)))


@wrong
async def of_the_session(engine: AsyncEngine, make_engine: MakeEngine) -> dict[str, bool | None]:
    """call pg_advisory_lock(), commit and close, then try the lock on another engine"""
    async with engine.connect() as connection:
        await connection.execute(select(func.pg_advisory_lock(KEY)))
        await connection.commit()
    return {"free for others": await is_free(make_engine())}


@right
async def of_the_transaction(
    engine: AsyncEngine, make_engine: MakeEngine
) -> dict[str, bool | None]:
    """call pg_advisory_xact_lock(), commit and close, then try the lock on another engine"""
    async with engine.connect() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(KEY)))
        await connection.commit()
    return {"free for others": await is_free(make_engine())}


def check(of_the_session: Observation, of_the_transaction: Observation) -> None:
    assert of_the_session.value == {"free for others": False}
    assert of_the_transaction.value == {"free for others": True}


main = main_of(__name__)
